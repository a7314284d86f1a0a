"""Pytest plugins for every component of this repository."""
