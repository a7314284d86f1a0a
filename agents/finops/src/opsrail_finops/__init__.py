"""Opsrail's FinOps agent."""
