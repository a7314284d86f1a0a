"""Runs: asked for, checked, queued, dispatched, followed to their end, cancelled."""
