"""The orchestrator of Opsrail, its command line and the stack around it."""

from opsrail_sdk import lean

lean.install()
