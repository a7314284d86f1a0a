"""The facts about agents that go on the bus, as ``io.opsrail.agent.<verb>.v1``.

They are written into the row's outbox within the change itself and published after it, so that none is lost
and a repeated publish has the same id.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from opsrail.agents.models import Agent
from opsrail_sdk.contracts.cloudevent import CloudEvent


def announce(agent: Agent, verb: str, *, by: str | None = None, **facts: Any) -> None:
    """Add a fact to the outbox.

    Args:
        verb: past tense: ``installed``, ``enabled``, ``state_changed`` …
        by: who asked; ``None`` for what the platform noticed itself.
    """
    data = {"agent": agent.id, "version": agent.version, "state": agent.state, "enabled": agent.enabled, **facts}
    if by is not None:
        data["by"] = by
    event = CloudEvent(
        id=str(uuid.uuid4()),
        source=f"/opsrail/agents/{agent.id}",
        type=f"io.opsrail.agent.{verb}.v1",
        subject=agent.id,
        time=datetime.now(UTC),
        datacontenttype="application/json",
        orgid=str(agent.org_id),
        data=data,
    )
    agent.outbox = [*agent.outbox, event.to_dict()]
