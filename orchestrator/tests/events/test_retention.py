"""Partitions are made ahead and dropped by age, by roles that own nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from opsrail.db.engine import Database
from opsrail.events.retention import DAYS_AHEAD, Retention

from .conftest import ORG

PARTITIONS = text(
    "SELECT right(inhrelid::regclass::text, 8) FROM pg_inherits WHERE inhparent = 'events'::regclass ORDER BY 1"
)


async def partitions(database: Database) -> list[str]:
    async with database.across() as session:
        return list((await session.scalars(PARTITIONS)).all())


def day(offset: int) -> str:
    return (datetime.now(UTC) + timedelta(days=offset)).strftime("%Y%m%d")


async def test_days_are_made_ahead_and_dropped_behind(database: Database) -> None:
    async with database.across() as session:
        await session.execute(text("SELECT events_ensure_partitions(current_date - 40, current_date - 28)"))
    dropped = await Retention(database, timedelta(days=30)).once()
    assert dropped == 10
    found = await partitions(database)
    assert day(-30) in found
    assert day(-31) not in found
    assert day(DAYS_AHEAD) in found
    assert await Retention(database, timedelta(days=30)).once() == 0


async def test_the_application_may_not_touch_partitions(database: Database) -> None:
    statements = (
        "SELECT events_drop_partitions(current_date)",
        f"SELECT * FROM events_{day(0)}",
        f"DROP TABLE events_{day(0)}",
    )
    for statement in statements:
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            async with database.organisation(ORG) as session:
                await session.execute(text(statement))
