"""Forgets what is older than the operator keeps: runs with what is theirs, artifacts, idempotency keys, budgets."""

import asyncio
from datetime import timedelta

import structlog
from nats.errors import Error as NatsError
from sqlalchemy import text

from opsrail.artifacts import expiry
from opsrail.db.engine import Database
from opsrail.guards import repository as guards
from opsrail.guards.rules import LONGEST_WINDOW
from opsrail.idempotency import KEEP
from opsrail_sdk.bus import Bus
from opsrail_sdk.errors import Unavailable
from opsrail_sdk.tasks import set_within

log = structlog.get_logger()

EVERY = timedelta(minutes=10)
_BATCH = 500


class Retention:
    """A worker; replicas skip each other's rows."""

    name = "retention"

    def __init__(self, database: Database, bus: Bus, *, keep_runs: timedelta) -> None:
        self._database = database
        self._bus = bus
        self._keep_runs = keep_runs

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.round()
            except (Unavailable, NatsError, TimeoutError) as error:
                log.warning("retention.waiting", reason=str(error))
            await set_within(EVERY, stop)

    async def round(self) -> None:
        """Everything once."""
        while await self._forget_runs() == _BATCH:
            log.info("retention.runs_forgotten", count=_BATCH)
        await expiry.remove_expired(self._database, self._bus)
        async with self._database.across() as session:
            await session.execute(
                text("DELETE FROM idempotency_keys WHERE created_at < now() - :keep"), {"keep": KEEP}
            )
            await guards.forget_uses(session, older_than=LONGEST_WINDOW)
            organisations = (await session.scalars(text("SELECT org_id FROM organisations"))).all()
        for org_id in organisations:
            await expiry.remove_orphans(self._database, self._bus, org_id)

    async def _forget_runs(self) -> int:
        """A batch of old finished runs; their artifacts live as long as they were promised."""
        async with self._database.across() as session:
            gone = (
                await session.scalars(
                    text(
                        """
                        DELETE FROM runs WHERE id IN (
                          SELECT id FROM runs WHERE finished_at < now() - :keep
                          ORDER BY finished_at LIMIT :limit FOR UPDATE SKIP LOCKED)
                        RETURNING id
                        """
                    ),
                    {"keep": self._keep_runs, "limit": _BATCH},
                )
            ).all()
            await session.execute(text("DELETE FROM run_logs WHERE run_id = ANY(:ids)"), {"ids": list(gone)})
            await session.execute(text("DELETE FROM decisions WHERE run_id = ANY(:ids)"), {"ids": list(gone)})
        return len(gone)
