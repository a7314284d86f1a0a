"""Runs the agent, or prints its manifest: ``python -m opsrail_monitoring [run|manifest|check]``."""

from opsrail_monitoring.agent import agent
from opsrail_sdk.runtime import main

if __name__ == "__main__":
    main(agent)
