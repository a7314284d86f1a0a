"""What may become a run, and the wish to end one. Called by ``endpoints``, ``workers.requests`` and flows.

Services do not commit. After the commit tell the loops with ``notify``.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.errors import Conflict, FieldError, Invalid, NotFound
from opsrail.runs import repository
from opsrail.runs.models import Run
from opsrail.runs.validation import check_input
from opsrail.stream.hints import Hints
from opsrail_sdk.contracts.manifest import Risk
from opsrail_sdk.contracts.run import FINISHED, RunState

QUEUE = "queue"
"""Noun of the hint that wakes the loops: a run was queued, or asked to stop."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Somebody wants ``agent.action`` done.

    ``key`` makes it happen once per organisation; ``requested_at`` orders the runs of a concurrency group.
    """

    agent: str
    action: str
    input: Mapping[str, Any]
    requested_by: str
    correlation_id: str
    dry_run: bool = False
    key: str | None = None
    concurrency_group: str | None = None
    cause: str | None = None
    traceparent: str | None = None
    parent_id: uuid.UUID | None = None
    requested_at: datetime | None = None


@dataclass(frozen=True)
class Created:
    """``new`` is False where the key had its run already. ``stopping`` are the runs that it supersedes."""

    run: Run
    new: bool
    stopping: tuple[uuid.UUID, ...] = ()


async def create(session: AsyncSession, org_id: uuid.UUID, wish: Wish) -> Created:
    """Check a wish and queue its run, with who asked and the manifest's risk on record.

    Raises:
        NotFound: ``agent_unknown`` or ``action_unknown``.
        Invalid: the input breaks the action's schema, or it cannot be tried dry.
    """
    spec = await _spec(session, org_id, wish)
    check_input(wish.input, spec["input_schema"])
    if wish.dry_run and not spec.get("dry_run"):
        raise Invalid(
            f"{wish.agent}.{wish.action} cannot be tried dry",
            code="dry_run_unsupported",
            errors=[FieldError("dry_run", "this action does not know dry runs")],
        )
    if wish.concurrency_group:
        await repository.enter_group(session, org_id, wish.concurrency_group)
    values = _values(org_id, wish, risk=Risk(spec["risk"]))
    run, new = await repository.insert_once(session, values)
    if not new or not wish.concurrency_group:
        return Created(run, new)
    newer = await repository.find_newer(session, run)
    if newer is not None:
        await repository.cancel_one(session, run.id, f"superseded by run {newer}")
        return Created(run, new, (run.id,))
    return Created(run, new, tuple(await repository.cancel_older(session, run)))


async def refuse(session: AsyncSession, org_id: uuid.UUID, wish: Wish, error: Mapping[str, Any]) -> Run:
    """Record a wish that cannot become a run as a failed one, so that whoever waits for it learns why."""
    values = _values(org_id, wish, risk=Risk.READ)
    now = values["requested_at"]
    values |= {"state": RunState.FAILED, "error": dict(error), "input": {}, "finished_at": now, "queued_at": None}
    run, _ = await repository.insert_once(session, values)
    return run


async def request_cancel(session: AsyncSession, run_id: uuid.UUID, reason: str) -> Run:
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
    await repository.cancel_one(session, run_id, reason)
    return run


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


async def _spec(session: AsyncSession, org_id: uuid.UUID, wish: Wish) -> dict[str, Any]:
    installed = await repository.find_action(session, org_id, wish.agent, wish.action)
    if installed is None:
        raise NotFound(
            f"the agent {wish.agent!r} is not installed",
            code="agent_unknown",
            errors=[FieldError("agent", "not installed")],
        )
    if installed.spec is None:
        raise NotFound(
            f"{wish.agent} has no action {wish.action!r}",
            code="action_unknown",
            errors=[FieldError("action", "not in the agent's manifest")],
        )
    return installed.spec


def _values(org_id: uuid.UUID, wish: Wish, *, risk: Risk) -> dict[str, Any]:
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
        "decision_id": uuid.uuid4(),
        "queued_at": now,
        "created_at": now,
        "available_at": now,
        "updated_at": now,
    }
