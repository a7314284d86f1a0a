"""A run's state as a fact: ``io.opsrail.run.<state>.v1``, the same event id however often it is published."""

import uuid
from datetime import datetime
from typing import Any, Protocol

from opsrail_sdk.contracts.cloudevent import CloudEvent, derived_id

SOURCE = "/opsrail/runs"
TYPE_PREFIX = "io.opsrail.run."


class Announced(Protocol):
    """What of a run is told; a row of ``runs`` has it all."""

    id: uuid.UUID
    kind: str
    agent: str
    action: str
    dry_run: bool
    requested_by: str
    cause: str | None
    parent_id: uuid.UUID | None
    correlation_id: str
    traceparent: str | None


def row_event(row: Any) -> CloudEvent:
    """The fact of a row's present state."""
    return state_event(row, row.state, at=row.updated_at, attempt=row.attempt, message=row.message, error=row.error)


def state_event(
    run: Announced,
    state: str,
    *,
    at: datetime,
    attempt: int,
    message: str | None = None,
    error: dict[str, Any] | None = None,
) -> CloudEvent:
    """The fact that a run came to ``state`` in this attempt. Outputs are not carried: ask the API for them."""
    data = {
        "run_id": str(run.id),
        "kind": run.kind,
        "agent": run.agent,
        "action": run.action,
        "state": state,
        "attempt": attempt,
        "dry_run": run.dry_run,
        "requested_by": run.requested_by,
        "cause": run.cause,
        "parent_id": str(run.parent_id) if run.parent_id else None,
        "message": message,
        "error": error,
    }
    return CloudEvent(
        id=derived_id("run", str(run.id), state, str(attempt)),
        source=SOURCE,
        type=f"{TYPE_PREFIX}{state}.v1",
        subject=str(run.id),
        time=at,
        datacontenttype="application/json",
        data={key: value for key, value in data.items() if value is not None},
        correlationid=run.correlation_id,
        traceparent=run.traceparent,
    )
