"""Opsrail's Monitoring agent."""
