"""Drops entries that are older than the operator keeps. A worker; see ``audit_forget`` in the migration.

A chain is cut at a checkpoint only, and that checkpoint stays: what is left goes on being provable from there.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import text

from opsrail.audit.trail import INSTANCE, Entry, record
from opsrail.db.engine import Database
from opsrail_sdk.tasks import set_within

log = structlog.get_logger()

EVERY = timedelta(hours=1)


class Retention:
    """The loop."""

    name = "audit-retention"

    def __init__(self, database: Database, keep: timedelta) -> None:
        self._database = database
        self._keep = keep

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.once()
            await set_within(EVERY, stop)

    async def once(self) -> int:
        """Drop what is too old in every chain; how many entries. Each drop is itself an entry."""
        before = datetime.now(UTC) - self._keep
        async with self._database.across() as session:
            organisations = [INSTANCE, *(await session.scalars(text("SELECT org_id FROM organisations"))).all()]
        total = 0
        for org_id in organisations:
            async with self._database.across() as session:
                gone = int(await session.scalar(_FORGET, {"org": org_id, "before": before}) or 0)
                if gone:
                    await record(session, org_id, _told(gone, before))
            total += gone
        if total:
            log.info("audit.forgotten", entries=total, older_than=before.isoformat())
        return total


_FORGET = text("SELECT audit_forget(:org, :before)")


def _told(gone: int, before: datetime) -> Entry:
    return Entry(
        actor="system:audit",
        verb="audit.forgotten",
        target="audit",
        outcome="succeeded",
        reason="older than the operator keeps",
        detail={"entries": gone, "before": before.isoformat()},
    )
