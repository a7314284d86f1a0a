"""Refused requests on their way into the audit trail: noted without waiting, written in batches.

Refusals are what an attacker can make by the thousand, so they cost the request nothing, and those that are alike
within a batch become one entry with a count and the correlation ids of the others. Held in ``container.refusals``;
noted wherever a request is turned away.
"""

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

import structlog
from prometheus_client import Counter
from psycopg import Error as DriverError
from sqlalchemy.exc import SQLAlchemyError

from opsrail.audit.trail import INSTANCE, Entry, correlation_of, record_all
from opsrail.db.engine import Database
from opsrail_sdk.tasks import set_within

log = structlog.get_logger()

GATHER = timedelta(milliseconds=250)
MOST_HELD = 5000
"""Unlike refusals held while the database is away or busy; of those beyond only the number is told."""
MOST_NAMED = 50
"""Requests that one entry for many names; of those beyond only the number is told."""
_AWAY = timedelta(seconds=2)

REFUSALS = Counter("opsrail_audit_refusals_total", "Refusals noted for the audit trail", ["verb"])
UNWRITTEN = Counter("opsrail_audit_refusals_unwritten_total", "Refusals told of by their number alone")

_Key = tuple[uuid.UUID, str, str, str, str]


@dataclass
class _Noted:
    """The first of the refusals that are alike, how many there are, and the requests of the others."""

    entry: Entry
    count: int
    others: list[str]

    def add(self, count: int, requests: Iterable[str | None]) -> None:
        self.count += count
        self.others += islice(filter(None, requests), max(0, MOST_NAMED - 1 - len(self.others)))


class Refusals:
    """Gathers entries; ``start`` the writer once, ``close`` writes what is left."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[_Key, _Noted] = {}
        self._beyond = 0
        self._wanted = asyncio.Event()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def note(self, org_id: uuid.UUID | None, entry: Entry) -> None:
        """Take a refusal down without waiting; ``None`` is the chain of the instance."""
        REFUSALS.labels(entry.verb).inc()
        key = (org_id or INSTANCE, entry.actor, entry.verb, entry.target, entry.reason)
        correlation = correlation_of(entry)
        known = self._noted.get(key)
        if known is not None:
            known.add(1, [correlation])
        elif len(self._noted) >= MOST_HELD:
            self._beyond += 1
            UNWRITTEN.inc()
        else:
            self._noted[key] = _Noted(replace(entry, correlation_id=correlation), 1, [])
        self._wanted.set()

    def start(self) -> None:
        self._writer = asyncio.create_task(self._write_all(), name="audit-refusals")

    async def close(self) -> None:
        """Write what is held; what the database does not take now is told in the process log."""
        self._closing.set()
        self._wanted.set()
        if self._writer is not None:
            await self._writer

    async def _write_all(self) -> None:
        while self._noted or not self._closing.is_set():
            await self._wanted.wait()
            await set_within(GATHER, self._closing)
            self._wanted.clear()
            try:
                await self._write()
            except (SQLAlchemyError, DriverError, TimeoutError) as error:
                log.warning("audit.refusals_wait", held=len(self._noted), why=type(error).__name__)
                if self._closing.is_set():
                    return
                await set_within(_AWAY, self._closing)
                self._wanted.set()

    async def _write(self) -> None:
        noted, self._noted = self._noted, {}
        beyond, self._beyond = self._beyond, 0
        entries = [(key[0], _counted(item)) for key, item in noted.items()]
        if beyond:
            entries.append((INSTANCE, _left_out(beyond)))
        if not entries:
            return
        try:
            async with self._database.across() as session:
                await record_all(session, entries)
        except BaseException:
            self._put_back(noted, beyond)
            raise

    def _put_back(self, noted: dict[_Key, _Noted], beyond: int) -> None:
        self._beyond += beyond
        for key, item in noted.items():
            later = self._noted.pop(key, None)
            if later is not None:
                item.add(later.count, [later.entry.correlation_id, *later.others])
        self._noted = noted | self._noted


def _counted(item: _Noted) -> Entry:
    if item.count == 1:
        return item.entry
    others = {"correlation_ids": item.others} if item.others else {}
    return replace(item.entry, detail={**item.entry.detail, "count": item.count, **others})


def _left_out(count: int) -> Entry:
    return Entry(
        actor="system:audit",
        verb="refusals.left_out",
        target="instance",
        outcome="denied",
        reason="more refusals, each unlike the others, than are held",
        detail={"count": count},
    )
