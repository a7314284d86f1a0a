"""All SQL that reads events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.events.models import Event
from opsrail.pagination import PageRequest


@dataclass(frozen=True)
class Filters:
    """What a list of events is narrowed to. ``type`` may end in ``.*``, meaning everything below."""

    type: str | None = None
    source: str | None = None
    subject: str | None = None
    correlation_id: str | None = None
    connection_id: str | None = None
    since: datetime | None = None
    """Received at this time or later."""


async def list_events(session: AsyncSession, filters: Filters, page: PageRequest) -> Sequence[Event]:
    """Newest first, by time of receipt."""
    statement = select(Event).order_by(Event.received_at.desc(), Event.id.desc())
    if filters.type and filters.type.endswith(".*"):
        prefix = filters.type[:-1]
        statement = statement.where(Event.type >= prefix, Event.type < prefix[:-1] + "/")
    elif filters.type:
        statement = statement.where(Event.type == filters.type)
    for column, value in (
        (Event.source, filters.source),
        (Event.subject, filters.subject),
        (Event.correlation_id, filters.correlation_id),
        (Event.connection_id, filters.connection_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if filters.since is not None:
        since = filters.since.astimezone(UTC)
        statement = statement.where(Event.received_on >= since.date(), Event.received_at >= since)
    if page.after is not None:
        # The day beside the exact position lets PostgreSQL leave later partitions out.
        statement = statement.where(
            Event.received_on <= page.after.at.date(),
            tuple_(Event.received_at, Event.id) < (page.after.at, page.after.id),
        )
    return (await session.scalars(statement.limit(page.limit + 1))).all()


async def find(session: AsyncSession, event_id: str, source: str | None) -> Event | None:
    """The event of that id; where sources share an id and none is named, the latest."""
    statement = select(Event).where(Event.id == event_id).order_by(Event.received_at.desc()).limit(1)
    if source is not None:
        statement = statement.where(Event.source == source)
    return (await session.scalars(statement)).one_or_none()
