"""SQL about approvals. Whoever changes one locks its run first, then it."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.approvals.models import Approval, ApprovalState, Vote
from opsrail.pagination import PageRequest
from opsrail.policy.models import Decision
from opsrail.runs.models import Run


@dataclass(frozen=True)
class Shown:
    """An approval with what an approver has to see."""

    approval: Approval
    run: Run
    question: Mapping[str, Any]
    votes: Sequence[Vote]


@dataclass(frozen=True)
class ApprovalFilter:
    """What a list is narrowed to; None means any."""

    state: str | None = None
    run_id: uuid.UUID | None = None


async def locked(session: AsyncSession, approval_id: uuid.UUID) -> tuple[Approval, Run] | None:
    """An approval and its run, both locked until the transaction ends."""
    run_id = await session.scalar(select(Approval.run_id).where(Approval.id == approval_id))
    if run_id is None:
        return None
    fresh = {"populate_existing": True}
    run = (
        await session.scalars(select(Run).where(Run.id == run_id).with_for_update(), execution_options=fresh)
    ).one()
    approval = select(Approval).where(Approval.id == approval_id).with_for_update()
    return (await session.scalars(approval, execution_options=fresh)).one(), run


async def votes(session: AsyncSession, approval_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Vote]]:
    """Votes by approval, in the order in which they came."""
    found: defaultdict[uuid.UUID, list[Vote]] = defaultdict(list)
    statement = select(Vote).where(Vote.approval_id.in_(list(approval_ids))).order_by(Vote.at)
    for vote in await session.scalars(statement):
        found[vote.approval_id].append(vote)
    return found


async def show(session: AsyncSession, approval_id: uuid.UUID) -> Shown | None:
    found = await _shown(session, _whole().where(Approval.id == approval_id))
    return found[0] if found else None


async def page(session: AsyncSession, request: PageRequest, wanted: ApprovalFilter) -> list[Shown]:
    statement = _whole().order_by(Approval.created_at.desc(), Approval.id.desc())
    if wanted.state:
        statement = statement.where(Approval.state == wanted.state)
    if wanted.run_id:
        statement = statement.where(Approval.run_id == wanted.run_id)
    if request.after:
        after = (request.after.at, request.after.uuid)
        statement = statement.where(tuple_(Approval.created_at, Approval.id) < after)
    return await _shown(session, statement.limit(request.limit + 1))


async def void_votes(session: AsyncSession, approval_id: uuid.UUID) -> int:
    """Drop the votes so far; how many there were."""
    gone = await votes(session, [approval_id])
    for vote in gone[approval_id]:
        await session.delete(vote)
    return len(gone[approval_id])


async def due(session: AsyncSession, *, now: datetime, lifetime: timedelta, limit: int) -> Sequence[Run]:
    """Runs whose approval has run out, locked; those that somebody holds are left for the next round."""
    ends = func.coalesce(Approval.deadline, Approval.created_at + lifetime)
    statement = (
        select(Run)
        .join(Approval, Approval.run_id == Run.id)
        .where(Approval.state == ApprovalState.PENDING, ends <= now)
        .order_by(Approval.created_at)
        .limit(limit)
        .with_for_update(of=Run, skip_locked=True)
    )
    return (await session.scalars(statement)).all()


async def pending_of(session: AsyncSession, run_id: uuid.UUID) -> Approval | None:
    statement = select(Approval).where(Approval.run_id == run_id, Approval.state == ApprovalState.PENDING)
    return (await session.scalars(statement.with_for_update())).one_or_none()


async def abandoned(session: AsyncSession, *, limit: int) -> Sequence[Run]:
    """Runs that were asked to stop, or have ended, while their approval still waits; locked."""
    statement = (
        select(Run)
        .join(Approval, Approval.run_id == Run.id)
        .where(
            Approval.state == ApprovalState.PENDING,
            (Run.state != "awaiting_approval") | Run.cancel_requested_at.is_not(None),
        )
        .limit(limit)
        .with_for_update(of=Run, skip_locked=True)
    )
    return (await session.scalars(statement)).all()


async def to_tell(session: AsyncSession, *, limit: int) -> list[Shown]:
    """Approvals with facts that were not published yet."""
    ended = Approval.state != ApprovalState.PENDING
    untold = (Approval.told == 0) | ((Approval.told == 1) & ended)
    return await _shown(session, _whole().where(untold).order_by(Approval.created_at).limit(limit))


async def told(session: AsyncSession, approval: Approval) -> None:
    """Note that the facts of the approval, as it was read, are published."""
    facts = 1 if approval.state == ApprovalState.PENDING else 2
    statement = update(Approval).where(Approval.id == approval.id)
    await session.execute(statement.values(told=facts), execution_options={"synchronize_session": False})


def _whole() -> Select[tuple[Approval, Run, dict[str, Any] | None]]:
    return (
        select(Approval, Run, Decision.question)
        .join(Run, Run.id == Approval.run_id)
        .outerjoin(Decision, (Decision.id == Approval.decision_id) & (Decision.org_id == Approval.org_id))
    )


async def _shown(
    session: AsyncSession, statement: Select[tuple[Approval, Run, dict[str, Any] | None]]
) -> list[Shown]:
    rows = (await session.execute(statement)).all()
    cast = await votes(session, [row[0].id for row in rows]) if rows else {}
    return [Shown(row[0], row[1], row[2] or {}, cast.get(row[0].id, [])) for row in rows]
