"""SQL about single runs: made, found, listed, asked to stop."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.pagination import PageRequest
from opsrail.runs.models import Run
from opsrail_sdk.contracts.run import FINISHED

FINISHED_STATES = sorted(FINISHED)


@dataclass(frozen=True)
class RunFilter:
    """What a list is narrowed to; None means any."""

    agent: str | None = None
    action: str | None = None
    states: Sequence[str] | None = None
    correlation_id: str | None = None
    parent_id: uuid.UUID | None = None


@dataclass(frozen=True)
class InstalledAction:
    """An action as the installed agent's manifest describes it; ``spec`` is None where it has none of the name."""

    enabled: bool
    spec: dict[str, Any] | None


async def find_action(session: AsyncSession, org_id: uuid.UUID, agent: str, action: str) -> InstalledAction | None:
    """None where the agent is not installed."""
    row = (
        await session.execute(
            text(
                """
                SELECT a.enabled, spec.value AS spec FROM agents a
                LEFT JOIN LATERAL json_array_elements(a.manifest -> 'actions') AS spec
                  ON spec.value ->> 'name' = :action
                WHERE a.org_id = :org AND a.id = :agent AND NOT a.removing
                """
            ),
            {"org": org_id, "agent": agent, "action": action},
        )
    ).first()
    return InstalledAction(row.enabled, row.spec) if row else None


async def insert_once(session: AsyncSession, values: dict[str, Any]) -> tuple[Run, bool]:
    """The run, and whether it is new: a key that is taken gives the run that has it."""
    statement = (
        insert(Run)
        .values(values)
        .on_conflict_do_nothing(index_elements=["org_id", "request_key"], index_where=Run.request_key.is_not(None))
        .returning(Run)
    )
    made = await session.scalar(statement)
    if made is not None:
        return made, True
    same = select(Run).where(Run.org_id == values["org_id"], Run.request_key == values["request_key"])
    return (await session.scalars(same)).one(), False


async def get(session: AsyncSession, run_id: uuid.UUID) -> Run | None:
    return await session.get(Run, run_id, populate_existing=True)


async def list_runs(session: AsyncSession, page: PageRequest, wanted: RunFilter) -> Sequence[Run]:
    statement = select(Run).order_by(Run.created_at.desc(), Run.id.desc())
    if wanted.states:
        statement = statement.where(Run.state.in_(wanted.states))
    for name in ("agent", "action", "correlation_id", "parent_id"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Run, name) == value)
    if page.after:
        statement = statement.where(tuple_(Run.created_at, Run.id) < (page.after.at, uuid.UUID(page.after.id)))
    return (await session.scalars(statement.limit(page.limit + 1))).all()


async def enter_group(session: AsyncSession, org_id: uuid.UUID, group: str) -> None:
    """Creations of one concurrency group take turns until the end of the transaction."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"{org_id}/{group}"}
    )


async def cancel_older(session: AsyncSession, run: Run) -> list[uuid.UUID]:
    """Ask unfinished runs of the same group that were wished for earlier to stop."""
    return await _ask_to_stop(
        session,
        f"superseded by run {run.id}",
        Run.org_id == run.org_id,
        Run.concurrency_group == run.concurrency_group,
        tuple_(Run.requested_at, Run.id) < (run.requested_at, run.id),
    )


async def find_newer(session: AsyncSession, run: Run) -> uuid.UUID | None:
    """A run of the same group that was wished for later, as when requests arrive out of order."""
    return await session.scalar(
        select(Run.id)
        .where(
            Run.org_id == run.org_id,
            Run.concurrency_group == run.concurrency_group,
            tuple_(Run.requested_at, Run.id) > (run.requested_at, run.id),
        )
        .limit(1)
    )


async def cancel_one(session: AsyncSession, run_id: uuid.UUID, reason: str) -> bool:
    """Whether the wish is new: False where it was there already, or the run has finished."""
    return bool(await _ask_to_stop(session, reason, Run.id == run_id))


async def cancel_of_agent(
    session: AsyncSession, org_id: uuid.UUID, agent: str, reason: str, *, states: Sequence[str]
) -> list[uuid.UUID]:
    """Ask all runs of an agent that are in one of ``states`` to stop."""
    return await _ask_to_stop(session, reason, Run.org_id == org_id, Run.agent == agent, Run.state.in_(states))


async def _ask_to_stop(session: AsyncSession, reason: str, *which: Any) -> list[uuid.UUID]:
    statement = (
        update(Run)
        .where(Run.state.not_in(FINISHED_STATES), Run.cancel_requested_at.is_(None), *which)
        .values(cancel_requested_at=func.now(), cancel_reason=reason, wakes=Run.wakes + 1, available_at=func.now())
        .returning(Run.id)
    )
    return list((await session.scalars(statement)).all())
