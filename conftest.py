"""Fixtures shared by the tests of every component."""

pytest_plugins = ["opsrail.testing.servers", "opsrail.testing.orchestrator", "opsrail.testing.stack"]
