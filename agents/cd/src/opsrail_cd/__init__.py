"""Opsrail's CD agent."""
