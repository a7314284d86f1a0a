"""The whole stack on one machine: real servers from their wheels, supervised. Called by `opsrail up` and tests."""
