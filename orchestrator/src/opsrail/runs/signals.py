"""Signals: what a flow can wait for. One that comes early is kept until the flow asks."""

import uuid
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.errors import Conflict, FieldError, Invalid
from opsrail.runs import service
from opsrail.runs.validation import check_json
from opsrail_sdk.contracts.run import FINISHED, canonical_json

MAX_NAME = 200


async def send(
    session: AsyncSession, run_id: uuid.UUID, name: str, payload: dict[str, Any] | None, *, sent_by: str
) -> None:
    """Keep a signal for a flow and make it look; hint ``queue`` after the commit.

    Raises:
        NotFound: no such run.
        Conflict: it is no flow, or it has ended.
        Invalid: the name or payload cannot be kept.
    """
    if not 1 <= len(name) <= MAX_NAME or "\0" in name:
        raise Invalid("a signal's name has 1 to 200 characters", errors=[FieldError("name", "length")])
    check_json(payload or {}, what="payload")
    run = await service.find(session, run_id)
    if run.kind != "flow":
        raise Conflict("only flows take signals; this is an agent's action", code="no_flow")
    if run.state in FINISHED:
        raise Conflict(f"the run is {run.state} already", code="run_finished")
    await session.execute(
        text(
            "INSERT INTO run_signals (org_id, run_id, name, payload, sent_by)"
            " VALUES (:org, :run, :name, CAST(:payload AS jsonb), :by)"
        ),
        {
            "org": run.org_id,
            "run": run_id,
            "name": name,
            "payload": None if payload is None else canonical_json(payload).decode(),
            "by": sent_by,
        },
    )
    await session.execute(
        text("UPDATE runs SET wakes = wakes + 1, available_at = now() WHERE id = :run"), {"run": run_id}
    )
