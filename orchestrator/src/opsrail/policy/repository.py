"""All SQL about policy sets, activations and decisions, but for what the gate reads (``situation``)."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.pagination import PageRequest
from opsrail.policy.models import Decision, PolicyActivation, PolicySetRow

_LOCK = 0x706F6C69


@dataclass(frozen=True)
class DecisionFilter:
    """What a list is narrowed to; None means any."""

    outcome: Sequence[str] | None = None
    agent: str | None = None
    action: str | None = None
    asker: str | None = None
    run_id: uuid.UUID | None = None
    correlation_id: str | None = None


async def insert_decision(session: AsyncSession, values: Mapping[str, Any]) -> None:
    await session.execute(insert(Decision).values(dict(values)))


async def get_decision(session: AsyncSession, decision_id: uuid.UUID) -> Decision | None:
    return await session.get(Decision, decision_id)


async def list_decisions(session: AsyncSession, page: PageRequest, wanted: DecisionFilter) -> Sequence[Decision]:
    statement = select(Decision).order_by(Decision.created_at.desc(), Decision.id.desc())
    if wanted.outcome:
        statement = statement.where(Decision.outcome.in_(wanted.outcome))
    for name in ("agent", "action", "asker", "run_id", "correlation_id"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Decision, name) == value)
    if page.after:
        statement = statement.where(tuple_(Decision.created_at, Decision.id) < (page.after.at, page.after.uuid))
    return (await session.scalars(statement.limit(page.limit + 1))).all()


async def latest_decisions(session: AsyncSession, limit: int) -> Sequence[Decision]:
    """The newest decisions about wishes, newest first; those that follow an approval ask nothing new."""
    statement = (
        select(Decision)
        .where(Decision.follows.is_(None))
        .order_by(Decision.created_at.desc(), Decision.id.desc())
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def take_turn(session: AsyncSession, org_id: uuid.UUID) -> None:
    """Changes of an organisation's policies take turns until the end of the transaction."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(:lock, hashtext(:org))"), {"lock": _LOCK, "org": str(org_id)}
    )


async def newest_version(session: AsyncSession, org_id: uuid.UUID) -> int:
    """0 where there is none."""
    found = await session.scalar(select(func.max(PolicySetRow.version)).where(PolicySetRow.org_id == org_id))
    return found or 0


async def get_set(session: AsyncSession, org_id: uuid.UUID, version: int) -> PolicySetRow | None:
    return await session.get(PolicySetRow, (org_id, version), populate_existing=True)


async def list_sets(session: AsyncSession, page: PageRequest) -> Sequence[PolicySetRow]:
    statement = select(PolicySetRow).order_by(PolicySetRow.created_at.desc(), PolicySetRow.version.desc())
    if page.after:
        after = (page.after.at, page.after.number)
        statement = statement.where(tuple_(PolicySetRow.created_at, PolicySetRow.version) < after)
    return (await session.scalars(statement.limit(page.limit + 1))).all()


async def note_test(
    session: AsyncSession,
    row: PolicySetRow,
    *,
    cases: Sequence[Mapping[str, Any]],
    report: Mapping[str, Any],
    by: str,
    passed_at: datetime | None,
) -> None:
    await session.execute(
        update(PolicySetRow)
        .where(PolicySetRow.org_id == row.org_id, PolicySetRow.version == row.version)
        .values(cases=list(cases), report=dict(report), tested_by=by, tested_at=passed_at)
    )


async def insert_activation(
    session: AsyncSession, org_id: uuid.UUID, version: int, *, by: str, reason: str, replay: Mapping[str, Any]
) -> None:
    session.add(PolicyActivation(org_id=org_id, version=version, activated_by=by, reason=reason, replay=dict(replay)))
    await session.flush()


async def activations(session: AsyncSession, org_id: uuid.UUID, limit: int = 100) -> Sequence[PolicyActivation]:
    """Newest first; the first is the one in force."""
    statement = (
        select(PolicyActivation)
        .where(PolicyActivation.org_id == org_id)
        .order_by(PolicyActivation.id.desc())
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def manifests(session: AsyncSession, org_id: uuid.UUID) -> list[dict[str, Any]]:
    """Of the agents that are installed."""
    found = await session.scalars(
        text("SELECT manifest FROM agents WHERE org_id = :org AND NOT removing ORDER BY id"), {"org": org_id}
    )
    return list(found.all())
