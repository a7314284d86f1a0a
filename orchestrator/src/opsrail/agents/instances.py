"""Living instances of agents, from the heartbeats on the bus."""

from collections import defaultdict
from collections.abc import Mapping

import structlog
from pydantic import ValidationError

from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import Heartbeat

log = structlog.get_logger()

AgentKey = tuple[str, str]
"""Organisation and agent id."""


async def living(bus: Bus, org_id: str, agent_id: str | None = None) -> dict[AgentKey, list[Heartbeat]]:
    """Instances that have sent a heartbeat lately, of one agent or of all in the organisation."""
    keys = f"{org_id}.{agent_id}.*" if agent_id else f"{org_id}.>"
    watching = bus.kv.watch(subjects.HEARTBEATS_BUCKET, keys)
    try:
        return grouped(await anext(watching))
    finally:
        await watching.aclose()


def grouped(entries: Mapping[str, bytes]) -> dict[AgentKey, list[Heartbeat]]:
    """Heartbeats by agent, instances in a fixed order. An expired entry is empty and left out."""
    found: dict[AgentKey, list[Heartbeat]] = defaultdict(list)
    for key, body in sorted(entries.items()):
        if not body:
            continue
        try:
            beat = Heartbeat.model_validate_json(body)
        except ValidationError:
            log.warning("agents.unreadable_heartbeat", key=key)
            continue
        org, _, rest = key.partition(".")
        if (org, rest.partition(".")[0]) == (beat.org_id, beat.agent):
            found[beat.org_id, beat.agent].append(beat)
    return dict(found)
