"""Writing events in bulk. For ``workers.projector``.

Almost always all rows of a batch are new and of one day. Then they are copied straight into the day's partition,
once a look around for ``REPEAT_WINDOW`` found none of them on another day; on the same day the primary key is the
judge. Where it objects, or several days meet, the batch goes the longer way: into a staging table, and from there by
one insert of what is new. A lock per organisation keeps two projectors from looking past each other.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.errors import UniqueViolation

from opsrail.events.rows import COLUMNS, Rejected, Row

REPEAT_WINDOW = timedelta(days=4)
"""How far from each other repeats of an event are recognised: GitHub redelivers for 3 days."""

_COLUMNS = ", ".join(COLUMNS)
_LOCK = (
    "SELECT pg_advisory_xact_lock(hashtextextended('events:' || org, 0)) FROM unnest(%s::text[]) AS org ORDER BY org"
)
# A plan that reads whole partitions would look cheap to a planner that knows nothing of the rows' number.
_PLAN = "SELECT set_config(name, 'off', true) FROM unnest('{enable_hashjoin,enable_mergejoin,jit}'::text[]) AS name"
_INHABITED = """
SELECT day::text
  FROM generate_series(%(day)s::date - %(window)s, %(day)s::date + %(window)s, interval '1 day') AS day
 WHERE day <> %(day)s::date AND EXISTS (SELECT FROM events e WHERE e.received_on = day::date)
"""
_REPEATED = """
SELECT s.org_id::text, s.source, s.id
  FROM unnest(%(orgs)s::uuid[], %(sources)s::text[], %(ids)s::text[]) AS s (org_id, source, id)
  JOIN events e ON e.org_id = s.org_id AND e.id = s.id AND e.source = s.source
 WHERE e.received_on = ANY(%(days)s::date[])
"""
_STAGING = "CREATE TEMP TABLE IF NOT EXISTS events_staging (LIKE events) ON COMMIT DELETE ROWS"
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
        days: on which they were received, ISO; their partitions exist.
    """
    async with connection.cursor() as cursor:
        await cursor.execute(_PLAN)
        await cursor.execute(_LOCK, [sorted({row.identity[0] for row in rows})])
        if len(days) == 1:
            day = next(iter(days))
            new = await _of_no_other_day(cursor, rows, day)
            try:
                async with connection.transaction():
                    await _copy(cursor, sql.Identifier(f"events_{day.replace('-', '')}"), new)
                return len(new)
            except UniqueViolation:
                rows = new
        await cursor.execute(_STAGING)
        await _copy(cursor, sql.Identifier("events_staging"), rows)
        window = {"first": min(days), "last": max(days), "window": REPEAT_WINDOW.days}
        # Planned anew each time: a kept plan would have been made for partitions that were empty then.
        await cursor.execute(_INSERT, window, prepare=False)
        return cursor.rowcount


async def _of_no_other_day(cursor: psycopg.AsyncCursor, rows: Sequence[Row], day: str) -> Sequence[Row]:
    around = {"day": day, "window": REPEAT_WINDOW.days}
    await cursor.execute(_INHABITED, around, prepare=False)
    days = [other for (other,) in await cursor.fetchall()]
    if not days:
        return rows
    orgs, sources, ids = zip(*(row.identity for row in rows), strict=True)
    asked = {"orgs": list(orgs), "sources": list(sources), "ids": list(ids), "days": days}
    await cursor.execute(_REPEATED, asked, prepare=False)
    repeated = set(await cursor.fetchall())
    return [row for row in rows if row.identity not in repeated] if repeated else rows


async def _copy(cursor: psycopg.AsyncCursor, table: sql.Identifier, rows: Sequence[Row]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (NULL '')").format(
        table, sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    )
    async with cursor.copy(statement) as copy:
        await copy.write(b"".join(row.line for row in rows))


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
