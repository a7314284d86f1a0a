"""Runs the agent, or prints its manifest: ``python -m opsrail_certs [run|manifest|check]``."""

from opsrail_certs.agent import agent
from opsrail_sdk.runtime import main

if __name__ == "__main__":
    main(agent)
