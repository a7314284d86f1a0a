"""What ends an approval. Called by ``endpoints`` and ``workers.approvals``.

An approval is of one run with one input and one plan: granting names the hashes that the approver saw, and the run is
queued in the same transaction, on a new decision that follows the one which asked. Services do not commit.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.approvals import repository
from opsrail.approvals.models import Approval, ApprovalState, Vote
from opsrail.audit import trail
from opsrail.audit.trail import Entry, record
from opsrail.auth.principal import Kind, Principal, Scope
from opsrail.auth.roles import ADMIN
from opsrail.errors import Conflict, Forbidden, NotFound, OrchestratorError
from opsrail.policy import gate
from opsrail.policy.language import AND, Outcome
from opsrail.runs import service as runs
from opsrail.runs.models import Run
from opsrail.runs.parents import wake_parents
from opsrail_sdk.contracts.run import RunState, input_digest


@dataclass(frozen=True)
class Seen:
    """What the approver looked at."""

    input_hash: str
    plan_hash: str | None


@dataclass(frozen=True)
class Granting:
    """What came of a yes. ``stopping`` are runs that the queued one supersedes."""

    refusal: OrchestratorError | None = None
    stopping: Sequence[uuid.UUID] = ()


async def grant(
    session: AsyncSession,
    by: Principal,
    approval_id: uuid.UUID | None,
    seen: Seen,
    *,
    reason: str,
    lifetime: timedelta,
) -> Granting:
    """Say yes. The last yes that is needed asks guards and policies again, and queues the run if they agree.

    What they refuse is recorded and returned, to be raised after the commit; the approval then goes on waiting.

    Raises:
        NotFound: no such approval.
        Forbidden: ``own_request``, ``person_required`` or ``approver_role_missing``.
        Conflict: ``approval_ended``, ``approval_expired``, ``already_approved``, ``input_changed`` or
            ``plan_changed``.
    """
    approval, run = await _waiting(session, approval_id, lifetime)
    if obstacle := objection(by, approval):
        raise obstacle
    _check_unchanged(approval, run, seen)
    cast = (await repository.votes(session, [approval.id])).get(approval.id, [])
    if any(vote.person == by.counts_as for vote in cast):
        raise Conflict("you have approved this already", code="already_approved")
    people = [*(vote.person for vote in cast), by.counts_as]
    if len(people) < approval.needed:
        _vote(session, by, approval, "grant", reason)
        await _record(session, by, approval, run, verb="approval.voted", outcome="allowed", reason=reason)
        return Granting()
    verdict = await gate.reconsider(session, run, approval.decision_id, approved_by=people)
    if verdict.outcome is Outcome.DENY:
        await _record(
            session,
            by,
            approval,
            run,
            verb="approval.refused",
            outcome="denied",
            reason=verdict.reason,
            decision_id=verdict.decision_id,
        )
        return Granting(Conflict(f"approval does not help now: {verdict.reason}", code="no_longer_permitted"))
    _vote(session, by, approval, "grant", reason)
    if verdict.outcome is Outcome.APPROVAL:
        approval.needed, approval.approver_role = verdict.approvals, verdict.approver_role
        await _record(
            session,
            by,
            approval,
            run,
            verb="approval.voted",
            outcome="allowed",
            reason=reason,
            decision_id=verdict.decision_id,
        )
        return Granting()
    _end(approval, ApprovalState.GRANTED, reason)
    approval.granting_decision_id = verdict.decision_id
    await session.flush()
    stopping = await runs.release(session, run, verdict.decision_id)
    await _record(
        session,
        by,
        approval,
        run,
        verb="approval.granted",
        outcome="allowed",
        reason=reason,
        decision_id=verdict.decision_id,
    )
    return Granting(stopping=stopping)


async def deny(
    session: AsyncSession, by: Principal, approval_id: uuid.UUID | None, *, reason: str, lifetime: timedelta
) -> None:
    """Say no, which ends it, and the run with it. Whoever asked may do so too.

    Raises:
        NotFound: no such approval.
        Conflict: ``approval_ended`` or ``approval_expired``.
    """
    approval, run = await _waiting(session, approval_id, lifetime)
    cast = (await repository.votes(session, [approval.id])).get(approval.id, [])
    if not any(vote.person == by.counts_as for vote in cast):
        _vote(session, by, approval, "deny", reason)
    _end(approval, ApprovalState.DENIED, reason)
    await _deny_run(session, run, code="approval_denied", message=f"denied by {by.counts_as}: {reason}")
    await _record(session, by, approval, run, verb="approval.denied", outcome="denied", reason=reason)


async def attach_plan(
    session: AsyncSession,
    by: Principal,
    approval_id: uuid.UUID | None,
    plan_run_id: uuid.UUID,
    *,
    lifetime: timedelta,
) -> None:
    """Show what a dry run said that it would do. Another plan than before needs every approval anew.

    Raises:
        NotFound: no such approval or run.
        Conflict: ``approval_ended``, ``approval_expired``; ``not_its_plan``: the run is no finished dry run of the
            same action with the same input.
    """
    approval, run = await _waiting(session, approval_id, lifetime)
    plan = await session.get(Run, plan_run_id)
    if plan is None:
        raise NotFound("no such run")
    same = (plan.agent, plan.action, input_digest(plan.input)) == (run.agent, run.action, approval.input_hash)
    if not (same and plan.dry_run and plan.state == RunState.SUCCEEDED and plan.output is not None):
        raise Conflict(
            "a plan is a dry run of the same action with the same input, that succeeded", code="not_its_plan"
        )
    digest = input_digest(plan.output)
    if digest != approval.plan_hash:
        await repository.void_votes(session, approval.id)
    approval.plan, approval.plan_hash, approval.plan_run_id = plan.output, digest, plan.id
    await _record(session, by, approval, run, verb="approval.planned", outcome="succeeded", reason=f"plan {digest}")
    await session.flush()


async def expire(session: AsyncSession, *, lifetime: timedelta, limit: int) -> list[Run]:
    """End what nobody has decided about in time; the runs, which are denied now."""
    now = datetime.now(UTC)
    runs = list(await repository.due(session, now=now, lifetime=lifetime, limit=limit))
    for run in runs:
        approval = await repository.pending_of(session, run.id)
        if approval is None or approval.expires_at(lifetime) > now:
            continue
        _end(approval, ApprovalState.EXPIRED, "nobody decided in time")
        await _deny_run(session, run, code="approval_expired", message="nobody approved it in time")
        await _record(
            session, None, approval, run, verb="approval.expired", outcome="denied", reason="nobody decided in time"
        )
    return runs


async def withdraw(session: AsyncSession, *, limit: int) -> int:
    """End what waits for runs that were cancelled; how many there were."""
    runs = await repository.abandoned(session, limit=limit)
    for run in runs:
        approval = await repository.pending_of(session, run.id)
        if approval is None:
            continue
        why = run.cancel_reason or f"the run is {run.state}"
        _end(approval, ApprovalState.WITHDRAWN, why)
        await _record(session, None, approval, run, verb="approval.withdrawn", outcome="succeeded", reason=why)
    return len(runs)


def objection(by: Principal, approval: Approval) -> OrchestratorError | None:
    """What keeps somebody from approving, whatever the state."""
    if by.counts_as == approval.asked_by_person or by.id == approval.asked_by:
        return Forbidden("who asks for a run cannot approve it", code="own_request")
    if by.person is None or by.kind not in (Kind.USER, Kind.TOKEN):
        return Forbidden("an approval names a person: sign in, or use a token of your own", code="person_required")
    if not by.may(Scope.APPROVE):
        return Forbidden(f"this needs the scope `{Scope.APPROVE}`", code="scope_missing")
    if ADMIN not in by.roles and not set(approval.approver_role.split(AND)) <= by.roles:
        return Forbidden(f"this needs the role `{approval.approver_role}`", code="approver_role_missing")
    return None


async def _waiting(session: AsyncSession, approval_id: uuid.UUID | None, lifetime: timedelta) -> tuple[Approval, Run]:
    """An approval that can still be decided about, and its run, both locked."""
    found = await repository.locked(session, approval_id) if approval_id else None
    if found is None:
        raise NotFound("no such approval")
    approval, run = found
    if approval.state != ApprovalState.PENDING:
        raise Conflict(f"the approval is {approval.state} already", code="approval_ended")
    if run.state != RunState.AWAITING_APPROVAL or run.cancel_requested_at is not None:
        raise Conflict("the run does not wait any more", code="approval_ended")
    if datetime.now(UTC) >= approval.expires_at(lifetime):
        raise Conflict("nobody decided in time; ask again", code="approval_expired")
    return found


async def _deny_run(session: AsyncSession, run: Run, *, code: str, message: str) -> None:
    now = datetime.now(UTC)
    run.state, run.error = RunState.DENIED, {"code": code, "message": message}
    run.finished_at = run.updated_at = now
    run.announced = False
    await session.flush()
    if run.parent_id is not None:
        raw = (await (await session.connection()).get_raw_connection()).driver_connection
        assert isinstance(raw, psycopg.AsyncConnection)
        await wake_parents(raw, [run.id])


def _check_unchanged(approval: Approval, run: Run, seen: Seen) -> None:
    if not seen.input_hash == approval.input_hash == input_digest(run.input):
        raise Conflict("the input is not the one that was seen", code="input_changed")
    if seen.plan_hash != approval.plan_hash:
        raise Conflict("the plan is not the one that was seen", code="plan_changed")


def _vote(session: AsyncSession, by: Principal, approval: Approval, vote: str, reason: str) -> None:
    session.add(
        Vote(
            org_id=approval.org_id,
            approval_id=approval.id,
            person=by.counts_as,
            principal=by.id,
            name=by.name,
            vote=vote,
            reason=reason,
            at=datetime.now(UTC),
        )
    )


def _end(approval: Approval, state: ApprovalState, reason: str) -> None:
    approval.state, approval.end_reason, approval.ended_at = state, reason, datetime.now(UTC)


async def _record(
    session: AsyncSession,
    by: Principal | None,
    approval: Approval,
    run: Run,
    *,
    verb: str,
    outcome: trail.Outcome,
    reason: str,
    decision_id: uuid.UUID | None = None,
) -> None:
    entry = Entry(
        actor=by.id if by else "system:approvals",
        verb=verb,
        target=f"run:{run.id}",
        outcome=outcome,
        reason=reason,
        decision_id=decision_id or approval.decision_id,
        correlation_id=run.correlation_id,
        detail={
            "approval": str(approval.id),
            "action": f"{run.agent}.{run.action}",
            "person": by.counts_as if by else None,
            "input_hash": approval.input_hash,
            "plan_hash": approval.plan_hash,
        },
    )
    await record(session, run.org_id, entry)
