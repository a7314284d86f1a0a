"""SQL about single runs: made, found, listed, asked to stop."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.pagination import PageRequest
from opsrail.runs.models import Run
from opsrail_sdk.contracts.run import FINISHED, RunState

FINISHED_STATES = sorted(FINISHED)


@dataclass(frozen=True)
class RunFilter:
    """What a list is narrowed to; None means any."""

    agent: str | None = None
    action: str | None = None
    states: Sequence[str] | None = None
    correlation_id: str | None = None
    parent_id: uuid.UUID | None = None


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
    return await _of_key(session, values), False


@dataclass(frozen=True)
class DecidedRun:
    """Columns of a run, of the decision about it and of its audit entry."""

    run: Mapping[str, Any]
    decision: Mapping[str, Any]
    entry: Mapping[str, Any]


async def insert_decided(session: AsyncSession, rows: Sequence[DecidedRun]) -> list[Run]:
    """The run of each, made with its decision and its audit entry; where its key is taken, the run that has it."""
    given = [
        {"place": place, **row.run}
        | {f"d_{name}": value for name, value in row.decision.items()}
        | {f"e_{name}": value for name, value in row.entry.items()}
        | {"e_detail": orjson.Fragment(row.entry["detail"])}
        for place, row in enumerate(rows)
    ]
    made = set((await session.scalars(_INSERT_DECIDED, {"rows": orjson.dumps(given).decode()})).all())
    return [
        Run(**row.run, **{name: None for name in _LATER if name not in row.run}, attempt=0)
        if row.run["id"] in made
        else await _of_key(session, row.run)
        for row in rows
    ]


async def _of_key(session: AsyncSession, values: Mapping[str, Any]) -> Run:
    same = select(Run).where(Run.org_id == values["org_id"], Run.request_key == values["request_key"])
    return (await session.scalars(same)).one()


async def release(session: AsyncSession, run_id: uuid.UUID, decision_id: uuid.UUID) -> bool:
    """Queue a run that waits for approval; False where it does not, or was asked to stop."""
    statement = (
        update(Run)
        .where(Run.id == run_id, Run.state == RunState.AWAITING_APPROVAL, Run.cancel_requested_at.is_(None))
        .values(
            state=RunState.QUEUED,
            decision_id=decision_id,
            message=None,
            announced=False,
            queued_at=func.now(),
            available_at=func.now(),
            updated_at=func.now(),
        )
        .returning(Run.id)
    )
    return (await session.scalar(statement)) is not None


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
        statement = statement.where(tuple_(Run.created_at, Run.id) < (page.after.at, page.after.uuid))
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


_LATER = (
    *("message", "error", "finished_at", "output", "progress", "instance"),
    *("cancel_requested_at", "cancel_reason", "started_at"),
)
"""What a run that was just made may have nothing of yet."""

_INSERT_DECIDED = text(
    """
    WITH given AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS g(
        place int, id uuid, org_id uuid, kind text, agent text, action text, state text, dry_run boolean, risk text,
        input jsonb, error jsonb, message text, requested_by text, requested_at timestamptz, request_key text,
        cause text, concurrency_group text, correlation_id text, traceparent text, parent_id uuid, decision_id uuid,
        queued_at timestamptz, finished_at timestamptz, created_at timestamptz, available_at timestamptz,
        updated_at timestamptz, d_id uuid, d_agent text, d_action text, d_asker text, d_outcome text, d_reason text,
        d_policies jsonb, d_obstacles jsonb, d_approvals int, d_approver_role text, d_policy_version int,
        d_policy_digest text, d_question jsonb, d_seconds real, e_actor text, e_verb text, e_target text,
        e_outcome text, e_reason text, e_decision_id uuid, e_correlation_id text, e_detail jsonb)
    ), made AS (
      INSERT INTO runs (id, org_id, kind, agent, action, state, dry_run, risk, input, error, message, requested_by,
                        requested_at, request_key, cause, concurrency_group, correlation_id, traceparent, parent_id,
                        decision_id, queued_at, finished_at, created_at, available_at, updated_at)
      SELECT id, org_id, kind, agent, action, state, dry_run, risk, input, error, message, requested_by,
             requested_at, request_key, cause, concurrency_group, correlation_id, traceparent, parent_id,
             decision_id, queued_at, finished_at, created_at, available_at, updated_at
      FROM given ORDER BY place
      ON CONFLICT (org_id, request_key) WHERE request_key IS NOT NULL DO NOTHING
      RETURNING id
    ), decided AS (
      INSERT INTO decisions (id, org_id, run_id, agent, action, asker, outcome, reason, policies, obstacles,
                             approvals, approver_role, policy_version, policy_digest, question, seconds,
                             correlation_id)
      SELECT d_id, org_id, id, d_agent, d_action, d_asker, d_outcome, d_reason, d_policies, d_obstacles, d_approvals,
             d_approver_role, d_policy_version, d_policy_digest, d_question, d_seconds, correlation_id
      FROM given JOIN made USING (id)
    ), told AS (
      INSERT INTO audit_entries (org_id, actor, verb, target, outcome, reason, decision_id, correlation_id, detail)
      SELECT org_id, e_actor, e_verb, e_target, e_outcome, e_reason, e_decision_id, e_correlation_id, e_detail
      FROM given JOIN made USING (id) ORDER BY place
    )
    SELECT id FROM made
    """
)
"""One round trip for all wishes of a transaction."""
