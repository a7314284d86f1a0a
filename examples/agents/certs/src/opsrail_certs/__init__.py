"""Opsrail's certificate agent."""
