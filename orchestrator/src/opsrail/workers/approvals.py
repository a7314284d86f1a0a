"""Ends approvals that nobody decided about in time, and publishes what happens to approvals.

At least once, with the same event id each time; replicas take turns.
"""

import asyncio
from collections import defaultdict
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import text

from opsrail.approvals import deciding, facts, repository
from opsrail.db.engine import Database
from opsrail.stream.hints import Hints
from opsrail.workers.rounds import rounds
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.errors import Unavailable

log = structlog.get_logger()

CHANGED = "approval"
"""Noun of the hint that an approval was asked for or decided about."""
_BATCH = 100
_LOCK = 0x61707072


class Approvals:
    """A worker."""

    name = "approvals"

    def __init__(self, database: Database, bus: Bus, hints: Hints, *, lifetime: timedelta) -> None:
        self._database = database
        self._bus = bus
        self._hints = hints
        self._lifetime = lifetime

    async def run(self, stop: asyncio.Event) -> None:
        await rounds(self._hints, stop, self.round, full=_BATCH, rest=1)

    async def round(self) -> int:
        """End what has run out, then tell what happened; how much of the one that there was more of."""
        ended = await self._end()
        return max(ended, await self._tell())

    async def _end(self) -> int:
        async with self._database.across() as session:
            expired = await deciding.expire(session, lifetime=self._lifetime, limit=_BATCH)
            withdrawn = await deciding.withdraw(session, limit=_BATCH)
        for run in expired:
            await self._hints.send(run.org_id, "run", run.id)
        return max(len(expired), withdrawn)

    async def _tell(self) -> int:
        async with self._database.across() as session:
            if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}):
                return 0
            untold = await repository.to_tell(session, limit=_BATCH)
            events: defaultdict[UUID, list[CloudEvent]] = defaultdict(list)
            for shown in untold:
                events[shown.run.org_id] += facts.events(shown, lifetime=self._lifetime)
            try:
                for org_id, batch in events.items():
                    await self._bus.publish_events(str(org_id), batch)
            except Unavailable as error:
                log.warning("approvals.waiting", reason=str(error))
                return 0
            for shown in untold:
                await repository.told(session, shown.approval)
        for shown in untold:
            await self._hints.send(shown.run.org_id, CHANGED, shown.approval.id)
        return len(untold)
