"""Opsrail's Cloud agent."""
