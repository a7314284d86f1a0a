"""SQL about guards: which stand, what was used, how they are changed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


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
