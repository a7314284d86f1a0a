"""Finding runs, releasing them, and the wish to end one. How they come to be is told in ``making``.

Services do not commit. After the commit tell the loops with ``notify``.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit import trail
from opsrail.audit.trail import Entry
from opsrail.errors import Conflict, NotFound
from opsrail.runs import repository
from opsrail.runs.models import Run
from opsrail.runs.wish import Wish
from opsrail.stream.hints import Hints
from opsrail_sdk.contracts.manifest import Risk
from opsrail_sdk.contracts.run import FINISHED, RunState

QUEUE = "queue"
"""Noun of the hint that wakes the loops: a run was queued, or asked to stop."""


async def release(session: AsyncSession, run: Run, decision_id: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Queue a run that waited for approval, now that ``decision_id`` permits it; runs that it supersedes.

    Hint with ``notify`` after the commit.

    Raises:
        Conflict: it no longer waits, or was asked to stop.
    """
    if not await repository.release(session, run.id, decision_id):
        raise Conflict(f"the run is {run.state}, so it cannot be approved", code="run_not_waiting")
    return await supersede(session, run)


async def supersede(session: AsyncSession, run: Run) -> tuple[uuid.UUID, ...]:
    """Older runs of its concurrency group, asked to stop; or the run itself, where a newer one is there already."""
    if not run.concurrency_group:
        return ()
    newer = await repository.find_newer(session, run)
    if newer is not None:
        await repository.cancel_one(session, run.id, f"superseded by run {newer}")
        return (run.id,)
    return tuple(await repository.cancel_older(session, run))


async def refuse(session: AsyncSession, org_id: uuid.UUID, wish: Wish, error: Mapping[str, Any]) -> Run:
    """Record a wish that cannot become a run as a failed one, so that whoever waits for it learns why."""
    values = new_values(org_id, wish, risk=Risk.READ)
    now = values["requested_at"]
    values |= {"state": RunState.FAILED, "error": dict(error), "input": {}, "finished_at": now, "queued_at": None}
    run, new = await repository.insert_once(session, values)
    if new:
        entry = Entry(
            actor=wish.requested_by,
            verb="run.requested",
            target=f"run:{run.id}",
            outcome="failed",
            reason=str(error.get("message", "")),
            correlation_id=wish.correlation_id,
            detail={"agent": wish.agent, "action": wish.action, "code": error.get("code")},
        )
        await trail.record(session, org_id, entry)
    return run


async def request_cancel(session: AsyncSession, run_id: uuid.UUID, reason: str, *, by: str) -> Run:
    """Note the wish to end a run; repeating it changes nothing.

    Raises:
        NotFound: no such run.
        Conflict: it has ended, other than by cancelling.
    """
    run = await find(session, run_id)
    if run.state in FINISHED:
        if run.state == RunState.CANCELLED:
            return run
        raise Conflict(f"the run is {run.state} already", code="run_finished")
    if await repository.cancel_one(session, run_id, reason):
        await note(session, run.org_id, by, "run.cancel_requested", run_id, reason=reason)
    return run


async def note(
    session: AsyncSession,
    org_id: uuid.UUID,
    actor: str,
    verb: str,
    run_id: uuid.UUID,
    *,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Tell the audit trail what somebody did to a run."""
    entry = Entry(
        actor=actor, verb=verb, target=f"run:{run_id}", outcome="succeeded", reason=reason, detail=detail or {}
    )
    await trail.record(session, org_id, entry)


async def find(session: AsyncSession, run_id: uuid.UUID | None) -> Run:
    """A run of the session's organisation.

    Raises:
        NotFound: there is none.
    """
    run = await repository.get(session, run_id) if run_id else None
    if run is None:
        raise NotFound("no such run")
    return run


async def notify(hints: Hints, org_id: uuid.UUID, queued: uuid.UUID, stopping: Iterable[uuid.UUID] = ()) -> None:
    """Wake the loops and tell watchers; call after the commit."""
    await hints.send(org_id, QUEUE, queued)
    for ident in (queued, *stopping):
        await hints.send(org_id, "run", ident)


def new_values(org_id: uuid.UUID, wish: Wish, *, risk: Risk) -> dict[str, Any]:
    """The columns of a run that somebody wishes for, before anybody has decided about it."""
    now = datetime.now(UTC)
    return {
        "id": uuid.uuid4(),
        "org_id": org_id,
        "kind": "action",
        "agent": wish.agent,
        "action": wish.action,
        "state": RunState.QUEUED,
        "dry_run": wish.dry_run,
        "risk": risk,
        "input": dict(wish.input),
        "requested_by": wish.requested_by,
        "requested_at": wish.requested_at or now,
        "request_key": wish.key,
        "cause": wish.cause,
        "concurrency_group": wish.concurrency_group,
        "correlation_id": wish.correlation_id,
        "traceparent": wish.traceparent,
        "parent_id": wish.parent_id,
        "decision_id": None,
        "queued_at": now,
        "created_at": now,
        "available_at": now,
        "updated_at": now,
    }
