"""Keeps the day partitions of ``events``: some ahead, none beyond the retention. A worker; see ``workers.runner``."""

import asyncio
from datetime import timedelta

import structlog
from psycopg.errors import LockNotAvailable

from opsrail.db.engine import Database
from opsrail_sdk.tasks import set_within

log = structlog.get_logger()

DAYS_AHEAD = 7
EVERY = timedelta(hours=1)
_LOCK = "opsrail events retention"
_LOCK_TIMEOUT = "2s"
"""Dropping a partition waits for its readers and holds up those who come after; better to try again later."""


class Retention:
    """The loop. Replicas take turns behind an advisory lock."""

    name = "events-retention"

    def __init__(self, database: Database, keep: timedelta) -> None:
        self._database = database
        self._keep_days = max(1, keep.days)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the partitions until ``stop``."""
        while not stop.is_set():
            try:
                await self.once()
            except LockNotAvailable:
                log.info("events.retention_postponed", reason="a partition is being read")
            await set_within(EVERY, stop)

    async def once(self) -> int:
        """Make what is missing, drop what is too old; how many days were dropped.

        Raises:
            LockNotAvailable: a partition is in use; those before it in this round stay as well.
        """
        async with self._database.raw_across() as connection:
            taken = await connection.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [_LOCK])
            if (await taken.fetchone()) != (True,):
                return 0
            await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            await connection.execute(
                "SELECT events_ensure_partitions(current_date - 1, current_date + %s)", [DAYS_AHEAD]
            )
            cursor = await connection.execute("SELECT events_drop_partitions(current_date - %s)", [self._keep_days])
            row = await cursor.fetchone()
            await connection.execute(
                "DELETE FROM rejected_events WHERE received_at < now() - make_interval(days => %s)", [self._keep_days]
            )
        dropped = int(row[0]) if row else 0
        if dropped:
            log.info("events.days_dropped", days=dropped, older_than_days=self._keep_days)
        return dropped
