"""A bus with empty streams, and a way to put events on it."""

import uuid
from typing import Any

import orjson

from opsrail_sdk.bus import Bus

ORG = "0190a5c6-0000-7000-8000-00000000000a"


def event(number: int, **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=number)),
        "source": "/test",
        "type": "test.v1",
        "time": "2026-11-21T10:00:00Z",
        "data": {"n": number},
        **attributes,
    }


async def put(bus: Bus, *events: Any, org: str = ORG, body: bytes | None = None) -> None:
    """One message on the stream."""
    await bus.js.publish(f"opsrail.{org}.event.test.v1", orjson.dumps(list(events)) if body is None else body)
