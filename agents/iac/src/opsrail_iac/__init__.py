"""Opsrail's IaC agent."""
