"""From wishes to runs: checked, decided about, and made. Called by ``lane``, ``workers.requests`` and flows.

The runs of one call are written in one statement, each with its decision and its audit entry, all or none. What makes
them does not commit; after the commit tell the loops with ``service.notify``.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.approvals import service as approvals
from opsrail.audit import trail
from opsrail.audit.trail import Entry
from opsrail.errors import FieldError, Invalid, NotFound, OrchestratorError
from opsrail.policy import gate, situation
from opsrail.policy.asker import Asker
from opsrail.policy.gate import Decided, Verdict
from opsrail.policy.language import Outcome
from opsrail.policy.refusal import Denied
from opsrail.policy.situation import Situation
from opsrail.runs import repository, service
from opsrail.runs.models import Run
from opsrail.runs.validation import check_input
from opsrail.runs.wish import Wish
from opsrail_sdk.contracts.manifest import Risk
from opsrail_sdk.contracts.run import RunState

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


@dataclass(frozen=True)
class _Decided:
    """A wish with its verdict, not yet written. ``values`` are the columns of its run."""

    asker: Asker
    values: Mapping[str, Any]
    decided: Decided


async def create(session: AsyncSession, org_id: uuid.UUID, wish: Wish, asker: Asker) -> Created:
    """Check a wish, let the gate decide, and make its run: queued, waiting for approval, or denied.

    Raises:
        NotFound: ``agent_unknown`` or ``action_unknown``.
        Invalid: the input breaks the action's schema, or it cannot be tried dry.
    """
    (made,) = await create_all(session, org_id, [(wish, asker)])
    if isinstance(made, OrchestratorError):
        raise made
    return made


async def create_all(
    session: AsyncSession, org_id: uuid.UUID, wishes: Sequence[tuple[Wish, Asker]]
) -> list[Created | OrchestratorError]:
    """As ``create`` for each in turn; what is wrong with one is its answer, and touches no other."""
    known: dict[tuple[str, str, str], Situation] = {}
    made: dict[int, Created | OrchestratorError] = {}
    waiting: dict[int, _Decided] = {}
    for place, (wish, asker) in enumerate(wishes):
        what = (wish.agent, wish.action, asker.id)
        if what not in known or wish.key is not None:
            known[what] = await _look(session, org_id, wish, asker)
        try:
            decided = await _decide(session, org_id, wish, asker, known[what])
        except OrchestratorError as error:
            made[place] = error
            continue
        if isinstance(decided, Created):
            made[place] = decided
            continue
        waiting[place] = decided
        if known[what].standing:  # a guard counts the runs before, so they must be there
            made |= await _write(session, waiting)
            waiting = {}
    made |= await _write(session, waiting)
    return [made[place] for place in range(len(wishes))]


async def _look(session: AsyncSession, org_id: uuid.UUID, wish: Wish, asker: Asker) -> Situation:
    """What has to be known to decide about a wish; holds for others of the same action and asker, but for the key."""
    return await situation.look(
        session,
        org_id,
        agent=wish.agent,
        action=wish.action,
        asking_agent=asker.name if asker.kind == "agent" else None,
        key=wish.key,
    )


async def _decide(
    session: AsyncSession, org_id: uuid.UUID, wish: Wish, asker: Asker, known: Situation
) -> _Decided | Created:
    """What is to be written about a wish; or the run that its key has already."""
    if known.existing is not None:
        return Created(await service.find(session, known.existing), new=False)
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
    values = service.new_values(org_id, wish, risk=Risk(spec["risk"]))
    decided = await gate.govern(session, org_id, asker, wish, spec=spec, run_id=values["id"], known=known)
    return _Decided(asker, values | _begun(decided.verdict, values["created_at"]), decided)


async def _write(session: AsyncSession, waiting: Mapping[int, _Decided]) -> dict[int, Created]:
    """Write what was decided, and do what follows from it."""
    if not waiting:
        return {}
    rows = [
        repository.DecidedRun(
            one.values,
            one.decided.values,
            trail.row_of(one.values["org_id"], _told(one.values, one.decided.verdict, one.asker)),
        )
        for one in waiting.values()
    ]
    runs = await repository.insert_decided(session, rows)
    return {place: await _follow(session, one, run) for (place, one), run in zip(waiting.items(), runs, strict=True)}


async def _follow(session: AsyncSession, decided: _Decided, run: Run) -> Created:
    verdict = decided.decided.verdict
    if run.id != decided.values["id"]:
        return Created(run, new=False)
    if verdict.outcome is Outcome.APPROVAL:
        await approvals.open(session, run, verdict, decided.asker)
    stopping = await service.supersede(session, run) if verdict.outcome is Outcome.PERMIT else ()
    return Created(run, True, verdict, stopping)


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
