"""All SQL that reads the audit trail. The session fences the organisation in."""

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.models import AuditCheckpoint, AuditEntry
from opsrail.pagination import PageRequest

_STRETCH = 2000


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to. ``verb`` may end in ``.*``, meaning everything below."""

    actor: str | None = None
    verb: str | None = None
    target: str | None = None
    outcome: str | None = None
    correlation_id: str | None = None
    decision_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page(session: AsyncSession, filters: Filters, request: PageRequest) -> Sequence[AuditEntry]:
    """Newest first."""
    statement = select(AuditEntry).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    if filters.verb and filters.verb.endswith(".*"):
        statement = statement.where(AuditEntry.verb.startswith(filters.verb[:-1], autoescape=True))
    elif filters.verb:
        statement = statement.where(AuditEntry.verb == filters.verb)
    for column, value in (
        (AuditEntry.actor, filters.actor),
        (AuditEntry.target, filters.target),
        (AuditEntry.outcome, filters.outcome),
        (AuditEntry.decision_id, filters.decision_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if filters.correlation_id is not None:
        statement = statement.where(_of_request(filters.correlation_id))
    if filters.since is not None:
        statement = statement.where(AuditEntry.at >= filters.since)
    if filters.until is not None:
        statement = statement.where(AuditEntry.at < filters.until)
    if request.after is not None:
        statement = statement.where(tuple_(AuditEntry.at, AuditEntry.id) < (request.after.at, request.after.number))
    return (await session.scalars(statement.limit(request.limit + 1))).all()


def _of_request(correlation: str) -> ColumnElement[bool]:
    """The request's own entries, and those that tell of it with others that were alike (``refusals``)."""
    alike = text("detail ? 'correlation_ids'")  # as the partial index has it
    return or_(
        AuditEntry.correlation_id == correlation,
        and_(alike, AuditEntry.detail.contains({"correlation_ids": [correlation]})),
    )


async def stretches(session: AsyncSession, org_id: uuid.UUID, *, after: int) -> AsyncIterator[Sequence[Any]]:
    """Rows of every sealed entry beyond a position, in the order of the chain, some at a time."""
    columns = AuditEntry.__table__.c
    while True:
        statement = (
            select(*columns)
            .where(columns.org_id == org_id, columns.position > after)
            .order_by(columns.position)
            .limit(_STRETCH)
        )
        rows = (await session.execute(statement)).all()
        if rows:
            yield rows
        if len(rows) < _STRETCH:
            return
        after = rows[-1].position


async def sealed(session: AsyncSession, org_id: uuid.UUID, *, after: int) -> AsyncIterator[Any]:
    """As ``stretches``, row by row."""
    async for rows in stretches(session, org_id, after=after):
        for row in rows:
            yield row


async def first_position(session: AsyncSession, org_id: uuid.UUID) -> int | None:
    """The lowest that is left."""
    statement = select(func.min(AuditEntry.position)).where(AuditEntry.org_id == org_id)
    return await session.scalar(statement)


async def last_position(session: AsyncSession, org_id: uuid.UUID) -> int:
    """How long the chain is, what retention took included."""
    statement = select(func.max(AuditEntry.position)).where(AuditEntry.org_id == org_id)
    return await session.scalar(statement) or 0


async def hash_at(session: AsyncSession, org_id: uuid.UUID, position: int) -> bytes | None:
    """The hash of the entry at a position."""
    statement = select(AuditEntry.hash).where(AuditEntry.org_id == org_id, AuditEntry.position == position)
    return await session.scalar(statement)


async def unsealed(session: AsyncSession, org_id: uuid.UUID) -> int:
    """How many entries wait for their place."""
    statement = select(func.count()).where(AuditEntry.org_id == org_id, AuditEntry.position.is_(None))
    return int(await session.scalar(statement) or 0)


async def checkpoints(session: AsyncSession, org_id: uuid.UUID) -> Sequence[AuditCheckpoint]:
    """In the order of the chain; the first may stand where retention cut it."""
    statement = select(AuditCheckpoint).where(AuditCheckpoint.org_id == org_id).order_by(AuditCheckpoint.position)
    return (await session.scalars(statement)).all()


async def checkpoint_tokens(session: AsyncSession, org_id: uuid.UUID, first: int, last: int) -> dict[int, str]:
    """Tokens of the checkpoints from one position to another, both inclusive."""
    statement = select(AuditCheckpoint.position, AuditCheckpoint.token).where(
        AuditCheckpoint.org_id == org_id, AuditCheckpoint.position.between(first, last)
    )
    return {row.position: row.token for row in await session.execute(statement)}


async def checkpoint_at(session: AsyncSession, org_id: uuid.UUID, position: int) -> AuditCheckpoint | None:
    statement = select(AuditCheckpoint).where(AuditCheckpoint.org_id == org_id, AuditCheckpoint.position == position)
    return (await session.scalars(statement)).one_or_none()


async def last_checkpoint(session: AsyncSession, org_id: uuid.UUID) -> AuditCheckpoint | None:
    statement = select(AuditCheckpoint).where(AuditCheckpoint.org_id == org_id)
    return (await session.scalars(statement.order_by(AuditCheckpoint.position.desc()).limit(1))).one_or_none()


async def published_tokens(session: AsyncSession, org_id: uuid.UUID, type_: str, *, beyond: int) -> Sequence[str]:
    """Checkpoint tokens that were published as events and vouch for more than ``beyond`` entries."""
    statement = text(
        """
        SELECT data->>'token' FROM events
        WHERE org_id = :org AND type = :type AND source = '/opsrail/audit' AND connection_id IS NULL
          AND CASE WHEN data->>'position' ~ '^[0-9]{1,18}$' THEN (data->>'position')::bigint > :beyond END
        """
    )
    rows = await session.scalars(statement, {"org": org_id, "type": type_, "beyond": beyond})
    return [token for token in rows if token]
