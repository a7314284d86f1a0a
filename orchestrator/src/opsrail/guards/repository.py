"""SQL about guards: which stand, what was used, how they are changed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.guards.models import Guard, KillSwitch
from opsrail.pagination import PageRequest


@dataclass(frozen=True)
class Standing:
    """A guard, or a kill switch that was thrown (kind ``kill``, named by its agent)."""

    id: uuid.UUID
    kind: str
    name: str
    selector: dict[str, Any]
    rule: dict[str, Any]
    overridable: bool


async def standing(session: AsyncSession, org_id: uuid.UUID, agent: str) -> list[Standing]:
    """What stands in the way of an agent's actions. In the order of ids, in which budgets are locked."""
    rows = await session.execute(
        text(
            """
            SELECT id, kind, name, selector, rule, overridable FROM guards WHERE org_id = :org AND enabled
            UNION ALL
            SELECT org_id, 'kill', agent, '{}', jsonb_build_object('reason', reason), false
            FROM kill_switches WHERE org_id = :org AND agent IN (:agent, '*')
            ORDER BY id
            """
        ),
        {"org": org_id, "agent": agent},
    )
    return [Standing(*row) for row in rows]


async def use(
    session: AsyncSession,
    org_id: uuid.UUID,
    guard_id: uuid.UUID,
    run_id: uuid.UUID,
    key: str,
    *,
    amount: Decimal,
    window: timedelta,
    unless: Sequence[str] = (),
) -> Decimal:
    """Note what a run uses and say what others have used within ``window``; whoever shares ``key`` waits for us.

    A run that came to nothing (denied, waiting for approval, cancelled before it began) has used nothing.
    """
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))"), {"lock": f"guard/{guard_id}/{key}"}
    )
    used = await session.scalar(
        text(
            """
            WITH noted AS (
              INSERT INTO guard_uses (org_id, guard_id, run_id, key, amount, at)
              VALUES (:org, :guard, :run, :key, :amount, clock_timestamp())
              ON CONFLICT (guard_id, run_id) DO UPDATE SET amount = EXCLUDED.amount, at = EXCLUDED.at
            )
            SELECT coalesce(sum(u.amount), 0)
            FROM guard_uses u JOIN runs r ON r.id = u.run_id AND r.org_id = u.org_id
            WHERE u.org_id = :org AND u.guard_id = :guard AND u.key = :key AND u.run_id <> :run
              AND u.at > clock_timestamp() - CAST(:window AS interval)
              AND r.state NOT IN ('requested', 'denied', 'awaiting_approval')
              AND NOT (r.state = 'cancelled' AND r.started_at IS NULL)
              AND NOT r.state = ANY(CAST(:unless AS text[]))
            """
        ),
        {
            "org": org_id,
            "guard": guard_id,
            "run": run_id,
            "key": key,
            "amount": amount,
            "window": window,
            "unless": list(unless),
        },
    )
    return Decimal(used or 0)


async def find(session: AsyncSession, guard_id: uuid.UUID, *, lock: bool = False) -> Guard | None:
    statement = select(Guard).where(Guard.id == guard_id)
    return (await session.scalars(statement.with_for_update() if lock else statement)).one_or_none()


async def page(session: AsyncSession, request: PageRequest, kind: str | None) -> Sequence[Guard]:
    statement = select(Guard).order_by(Guard.created_at.desc(), Guard.id.desc())
    if kind:
        statement = statement.where(Guard.kind == kind)
    if request.after:
        after = (request.after.at, request.after.uuid)
        statement = statement.where(tuple_(Guard.created_at, Guard.id) < after)
    return (await session.scalars(statement.limit(request.limit + 1))).all()


async def remove(session: AsyncSession, guard_id: uuid.UUID) -> Guard | None:
    """What was removed."""
    return await session.scalar(delete(Guard).where(Guard.id == guard_id).returning(Guard))


async def switches(session: AsyncSession) -> Sequence[KillSwitch]:
    return (await session.scalars(select(KillSwitch).order_by(KillSwitch.agent))).all()


async def throw(session: AsyncSession, org_id: uuid.UUID, agent: str, *, reason: str, by: str) -> KillSwitch:
    """Throw a switch; one that is thrown already takes the new reason."""
    values = {"org_id": org_id, "agent": agent, "reason": reason, "thrown_by": by, "thrown_at": datetime.now(UTC)}
    statement = insert(KillSwitch).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=["org_id", "agent"],
        set_={name: statement.excluded[name] for name in ("reason", "thrown_by", "thrown_at")},
    )
    returning = statement.returning(KillSwitch).execution_options(populate_existing=True)
    return (await session.scalars(returning)).one()


async def release(session: AsyncSession, agent: str) -> bool:
    """Whether it was thrown."""
    statement = delete(KillSwitch).where(KillSwitch.agent == agent).returning(KillSwitch.agent)
    return (await session.scalar(statement)) is not None


async def agents(session: AsyncSession) -> Sequence[str]:
    """Ids of the installed agents."""
    return (await session.scalars(text("SELECT id FROM agents WHERE NOT removing ORDER BY id"))).all()


async def forget_uses(session: AsyncSession, *, older_than: timedelta) -> None:
    """Drop what no window reaches any more."""
    await session.execute(
        text("DELETE FROM guard_uses WHERE at < now() - CAST(:age AS interval)"), {"age": older_than}
    )
