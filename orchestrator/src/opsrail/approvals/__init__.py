"""Approvals: a person other than the one who asked says yes to exactly one run, once, in time."""
