"""Projector: the stream ``EVENTS`` into the table ``events``. Every replica runs one; they share a durable consumer.

A message is acknowledged after the commit that holds its events. What is no event, or what PostgreSQL cannot hold,
goes to ``rejected_events`` and stops nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta

import psycopg
import structlog
from nats.aio.msg import Msg
from nats.js import api
from prometheus_client import Counter

from opsrail.db.engine import Database
from opsrail.events import rows, store
from opsrail.workers.batch_pull import BatchPull, give_back
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects

log = structlog.get_logger()

CONSUMER = "projector"
BATCH_MESSAGES = 256
BATCH_BYTES = 4 << 20
REST = timedelta(milliseconds=50)
YIELD_BYTES = 128 << 10
"""After reading this much, about a millisecond or two, the rest of the process gets a turn."""
ACK_WAIT = timedelta(seconds=30)
PROJECTED = Counter("opsrail_projector_events", "Events written", ("outcome",))
_BAD_DATA = ("22", "23", "54")
"""SQLSTATE classes that a row brings about: data exception, constraint violation, program limit."""


@dataclass
class Batch:
    """What a number of messages hold."""

    events: list[rows.Row] = field(default_factory=list)
    rejected: list[rows.Rejected] = field(default_factory=list)

    def add(self, message: rows.Message) -> None:
        found, refused = rows.read(message)
        self.events += found
        self.rejected += refused


class Projector:
    """The loop; see ``workers.runner.Worker``."""

    name = "projector"

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._days: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Project until ``stop``; what was begun is finished.

        While one batch is being committed, the next is read.

        Raises:
            Exception: the database or the bus is away; nothing was acknowledged, and what was taken comes again.
        """
        await self._bus.js.add_consumer(subjects.EVENTS, consumer_config())
        async with BatchPull(
            self._bus, subjects.EVENTS, CONSUMER, messages=BATCH_MESSAGES, size=BATCH_BYTES, rest=REST
        ) as pull:
            taken: list[Msg] = []
            committing = asyncio.create_task(_nothing())
            try:
                while not stop.is_set():
                    taken = await pull.next(stop)
                    batch = await _read(taken)
                    await committing
                    committing = asyncio.create_task(self._project(taken, batch))
                    taken = []
                await committing
            except BaseException:
                await asyncio.gather(committing, give_back(taken), return_exceptions=True)
                raise

    async def _project(self, messages: Sequence[Msg], batch: Batch) -> None:
        try:
            await self.store(batch)
        except Exception:
            await give_back(messages)
            raise
        for message in messages:
            await message.ack()

    async def store(self, batch: Batch) -> None:
        """Commit a batch; on return everything in it is in ``events`` or ``rejected_events``."""
        kept = rows.unique(batch.events)
        PROJECTED.labels("repeated").inc(len(batch.events) - len(kept))
        await self._ensure({row.day for row in kept} - self._days)
        rejected = batch.rejected + await self._write(kept)
        if rejected:
            await self._reject(rejected)

    async def _write(self, kept: Sequence[rows.Row]) -> list[rows.Rejected]:
        """Write all that can be written, halving around what cannot; returns that."""
        if not kept:
            return []
        try:
            async with self._database.raw_across() as connection:
                new = await store.write(connection, kept, {row.day for row in kept})
        except psycopg.Error as error:
            if (error.sqlstate or "")[:2] not in _BAD_DATA:
                raise
            if len(kept) == 1:
                return [kept[0].rejected(str(error).partition("\n")[0])]
            middle = len(kept) // 2
            return await self._write(kept[:middle]) + await self._write(kept[middle:])
        PROJECTED.labels("new").inc(new)
        PROJECTED.labels("repeated").inc(len(kept) - new)
        return []

    async def _ensure(self, days: set[str]) -> None:
        if days:
            async with self._database.raw_across() as connection:
                await store.ensure_days(connection, days)
            self._days |= days

    async def _reject(self, rejected: Sequence[rows.Rejected]) -> None:
        async with self._database.raw_across() as connection:
            await store.reject(connection, rejected)
        PROJECTED.labels("rejected").inc(len(rejected))
        for one in rejected:
            log.error("projector.rejected", subject=one.subject, sequence=one.sequence, reason=one.reason)


def consumer_config() -> api.ConsumerConfig:
    """Durable consumer of all organisations' events, shared by the replicas."""
    return api.ConsumerConfig(
        name=CONSUMER,
        durable_name=CONSUMER,
        deliver_policy=api.DeliverPolicy.ALL,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT.total_seconds(),
        max_deliver=-1,
        max_ack_pending=BATCH_MESSAGES * 16,
    )


async def _nothing() -> None:
    """What is being committed before anything is."""


async def _read(messages: Sequence[Msg]) -> Batch:
    """The events of these messages; other tasks of the loop get their turn in between."""
    batch = Batch()
    unyielded = 0
    for raw in messages:
        metadata = raw.metadata
        received_at = metadata.timestamp.replace(tzinfo=metadata.timestamp.tzinfo or UTC)
        batch.add(rows.Message(raw.subject, metadata.sequence.stream, received_at, raw.data))
        unyielded += len(raw.data)
        if unyielded > YIELD_BYTES:
            unyielded = 0
            await asyncio.sleep(0)
    return batch
