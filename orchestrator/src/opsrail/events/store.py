"""Writing events in bulk: ``COPY`` into a staging table, then one insert of what is new. For ``workers.projector``.

``COPY`` cannot go straight into ``events``, since row-level security is forced on it; and the insert is where repeats
are caught: on the same day by the primary key; on another day, that is in another partition, by looking around for
``REPEAT_WINDOW``. A lock per organisation keeps two projectors from looking past each other.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

import psycopg

from opsrail.events.rows import COLUMNS, Rejected, Row

REPEAT_WINDOW = timedelta(days=4)
"""How far from each other repeats of an event are recognised: GitHub redelivers for 3 days."""

_COLUMNS = ", ".join(COLUMNS)
_STAGING = "CREATE TEMP TABLE IF NOT EXISTS events_staging (LIKE events) ON COMMIT DELETE ROWS"
_COPY = f"COPY events_staging ({_COLUMNS}) FROM STDIN (NULL '')"
_LOCK = (
    "SELECT pg_advisory_xact_lock(hashtextextended('events:' || org, 0)) FROM unnest(%s::text[]) AS org ORDER BY org"
)
# A plan that reads whole partitions would look cheap to a planner that knows nothing of the staging table.
_PLAN = "SELECT set_config(name, 'off', true) FROM unnest('{enable_hashjoin,enable_mergejoin,jit}'::text[]) AS name"
_INSERT = f"""
INSERT INTO events ({_COLUMNS})
SELECT {_COLUMNS} FROM events_staging s
 WHERE NOT EXISTS (
   SELECT FROM events e
    WHERE e.org_id = s.org_id AND e.id = s.id AND e.source = s.source
      AND (e.received_on >= %(first)s::date - %(window)s AND e.received_on < %(last)s::date
        OR e.received_on > %(first)s::date AND e.received_on <= %(last)s::date + %(window)s)
 )
ON CONFLICT DO NOTHING
"""  # noqa: S608 (the column names are ours)
_REJECT = """
INSERT INTO rejected_events (org_id, stream_sequence, position, subject, reason, body, received_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


async def write(connection: psycopg.AsyncConnection, rows: Sequence[Row], days: Collection[str]) -> int:
    """Insert the rows that are new, in the caller's transaction; how many were.

    Args:
        rows: no identity twice.
        days: on which they were received, ISO.
    """
    await connection.execute(_STAGING)
    async with connection.cursor() as cursor:
        async with cursor.copy(_COPY) as copy:
            await copy.write(b"".join(row.line for row in rows))
        await cursor.execute(_PLAN)
        await cursor.execute(_LOCK, [sorted({row.identity[0] for row in rows})])
        window = {"first": min(days), "last": max(days), "window": REPEAT_WINDOW.days}
        # Planned anew each time: a kept plan would have been made for partitions that were empty then.
        await cursor.execute(_INSERT, window, prepare=False)
        return cursor.rowcount


async def ensure_days(connection: psycopg.AsyncConnection, days: Collection[str]) -> None:
    """Make the partitions of these days, ISO, where they are missing."""
    for day in sorted(days):
        await connection.execute("SELECT events_ensure_partitions(%s::date, %s::date)", [day, day])


async def reject(connection: psycopg.AsyncConnection, rejected: Sequence[Rejected]) -> None:
    """Keep what could not be read as an event."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _REJECT,
            [
                (UUID(one.org_id), one.sequence, one.position, one.subject, one.reason, one.body, one.received_at)
                for one in rejected
            ],
        )
