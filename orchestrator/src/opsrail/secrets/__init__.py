"""Secrets: the keys that seal them, values and references that organisations keep, and where references lead."""
