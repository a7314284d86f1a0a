"""What may become a run, and the wish to end one. Called by ``endpoints``, ``workers.requests`` and flows.

Services do not commit. After the commit tell the loops with ``notify``.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.approvals import service as approvals
from opsrail.audit import trail
from opsrail.audit.trail import Entry
from opsrail.errors import Conflict, FieldError, Invalid, NotFound
from opsrail.policy import gate, situation
from opsrail.policy.asker import Asker
from opsrail.policy.gate import Verdict
from opsrail.policy.language import Outcome
from opsrail.policy.refusal import Denied
from opsrail.policy.situation import Situation
from opsrail.runs import repository
from opsrail.runs.models import Run
from opsrail.runs.validation import check_input
from opsrail.runs.wish import Wish
from opsrail.stream.hints import Hints
from opsrail_sdk.contracts.manifest import Risk
from opsrail_sdk.contracts.run import FINISHED, RunState

QUEUE = "queue"
"""Noun of the hint that wakes the loops: a run was queued, or asked to stop."""


DENIED = "policy_denied"
"""Code of the error of a run that the gate denied."""

_FIRST = {
    Outcome.PERMIT: RunState.QUEUED,
    Outcome.APPROVAL: RunState.AWAITING_APPROVAL,
    Outcome.DENY: RunState.DENIED,
}


@dataclass(frozen=True)
class Created:
    """``new`` is False where the key had its run already. ``stopping`` are the runs that it supersedes."""

    run: Run
    new: bool
    verdict: Verdict | None = None
    stopping: tuple[uuid.UUID, ...] = ()

    def governance(self) -> dict[str, Any]:
        """What the gate said, as answers of the API tell it."""
        if self.verdict is not None:
            return self.verdict.governance()
        reason = (self.run.error or {}).get("message", "")
        allowed = self.run.state not in (RunState.DENIED, RunState.AWAITING_APPROVAL)
        return {"allowed": allowed, "reason": reason, "decision_id": str(self.run.decision_id)}

    def require_allowed(self) -> None:
        """Call after the commit, so that the denied run stays on record.

        Raises:
            Denied: the gate refused it.
        """
        if self.run.state == RunState.DENIED:
            raise Denied(self.run, self.governance())


async def look(session: AsyncSession, org_id: uuid.UUID, wish: Wish, asker: Asker) -> Situation:
    """What has to be known to decide about a wish; holds for others of the same action and asker, but for the key."""
    return await situation.look(
        session,
        org_id,
        agent=wish.agent,
        action=wish.action,
        asking_agent=asker.name if asker.kind == "agent" else None,
        key=wish.key,
    )


async def create(
    session: AsyncSession, org_id: uuid.UUID, wish: Wish, asker: Asker, known: Situation | None = None
) -> Created:
    """Check a wish, let the gate decide, and make its run: queued, waiting for approval, or denied.

    Args:
        known: what ``look`` saw in this transaction, where it looked already.

    Raises:
        NotFound: ``agent_unknown`` or ``action_unknown``.
        Invalid: the input breaks the action's schema, or it cannot be tried dry.
    """
    known = known or await look(session, org_id, wish, asker)
    if known.existing is not None:
        return Created(await find(session, known.existing), new=False)
    spec = _spec(known, wish)
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
    decided = await gate.govern(session, org_id, asker, wish, spec=spec, run_id=values["id"], known=known)
    values |= _begun(decided.verdict, values["created_at"])
    entry = trail.row_of(org_id, _told(values, decided.verdict, asker))
    run, new = await repository.insert_decided(session, values, decided.values, entry)
    if not new:
        return Created(run, new)
    if decided.verdict.outcome is Outcome.APPROVAL:
        await approvals.open(session, run, decided.verdict, asker)
    stopping = await _supersede(session, run) if decided.verdict.outcome is Outcome.PERMIT else ()
    return Created(run, new, decided.verdict, stopping)


async def release(session: AsyncSession, run: Run, decision_id: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Queue a run that waited for approval, now that ``decision_id`` permits it; runs that it supersedes.

    Hint with ``notify`` after the commit.

    Raises:
        Conflict: it no longer waits, or was asked to stop.
    """
    if not await repository.release(session, run.id, decision_id):
        raise Conflict(f"the run is {run.state}, so it cannot be approved", code="run_not_waiting")
    return await _supersede(session, run)


def _told(run: Mapping[str, Any], verdict: Verdict, asker: Asker) -> Entry:
    """What the audit trail is told about a wish."""
    denied = verdict.outcome is Outcome.DENY
    return Entry(
        actor=asker.id,
        verb="run.denied" if denied else "run.requested",
        target=f"run:{run['id']}",
        outcome="denied" if denied else "allowed",
        reason=verdict.reason,
        decision_id=verdict.decision_id,
        correlation_id=run["correlation_id"],
        detail={
            "agent": run["agent"],
            "action": run["action"],
            "dry_run": run["dry_run"],
            "state": str(run["state"]),
            "policies": verdict.policies,
        },
    )


async def _supersede(session: AsyncSession, run: Run) -> tuple[uuid.UUID, ...]:
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
    values = _values(org_id, wish, risk=Risk.READ)
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


def _spec(known: Situation, wish: Wish) -> Mapping[str, Any]:
    if known.installed is None:
        raise NotFound(
            f"the agent {wish.agent!r} is not installed",
            code="agent_unknown",
            errors=[FieldError("agent", "not installed")],
        )
    spec = known.installed.actions.get(wish.action)
    if spec is None:
        raise NotFound(
            f"{wish.agent} has no action {wish.action!r}",
            code="action_unknown",
            errors=[FieldError("action", "not in the agent's manifest")],
        )
    return spec


def _begun(verdict: Verdict, now: datetime) -> dict[str, Any]:
    """How a run begins after this verdict."""
    values: dict[str, Any] = {"state": _FIRST[verdict.outcome], "decision_id": verdict.decision_id}
    if verdict.outcome is not Outcome.PERMIT:
        values |= {"queued_at": None, "message": verdict.reason}
    if verdict.outcome is Outcome.DENY:
        values |= {"error": {"code": DENIED, "message": verdict.reason}, "message": None, "finished_at": now}
    return values


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
        "decision_id": None,
        "queued_at": now,
        "created_at": now,
        "available_at": now,
        "updated_at": now,
    }
