"""Fixtures shared by the tests of every component."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["opsrail.testing.servers", "opsrail.testing.stack", "opsrail.testing.orchestrator"]

# A machine that stands still for a moment says nothing about what is tested.
settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
