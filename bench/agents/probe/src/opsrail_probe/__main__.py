"""Runs the agent, or prints its manifest."""

from opsrail_probe.agent import agent
from opsrail_sdk.runtime import main

main(agent)
