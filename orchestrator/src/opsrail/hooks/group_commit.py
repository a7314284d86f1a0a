"""Group commit: requests that arrive together share one bus message per organisation and type. Used by the endpoints.

While one round of messages is on its way to disk the next one collects, so the cost of a synced write is shared by as
many requests as arrive in its time, and a lone request waits for nothing. Each request is answered only after the
acknowledgement of every message that holds one of its events.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

import structlog

from opsrail.hooks import metrics
from opsrail.hooks.ports import EventPublisher
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import BATCH_CONTENT_TYPE

log = structlog.get_logger()

_HEADERS = {"Content-Type": BATCH_CONTENT_TYPE}
_HEADERS_ROOM = 4096
"""Bytes of a message left for the headers, which count towards the server's limit."""


LAST_CHANCE = timedelta(milliseconds=500)
"""How long a message is tried whose requests have waited for others as long as anybody should."""

_subject = lru_cache(4096)(subjects.event)


class BusAway(Exception):
    """Nothing was acknowledged in time; a repeat of the delivery is safe."""


class TooBigForBus(Exception):
    """One event alone is larger than a bus message may be."""


class _Waiter:
    """A request, for as long as one of its messages is on its way."""

    __slots__ = ("future", "remaining", "size")

    def __init__(self, future: asyncio.Future[None], size: int) -> None:
        self.future = future
        self.size = size
        self.remaining = 0

    def acknowledge(self) -> None:
        if not self.remaining and not self.future.done():
            self.future.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


@dataclass(slots=True)
class _Message:
    subject: str
    events: list[bytes] = field(default_factory=list)
    size: int = 2
    waiters: list[_Waiter] = field(default_factory=list)
    message_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    since: float = field(default_factory=time.monotonic)

    def body(self) -> bytes:
        """The batch; its bytes are copied once."""
        first, *rest = self.events
        return b"".join((b"[", first, *(part for event in rest for part in (b",", event)), b"]"))


class GroupCommit:
    """Collects events of concurrent requests and publishes them. One per process; ``run`` is its loop."""

    def __init__(
        self, publisher: EventPublisher, *, max_pending: int, patience: timedelta, max_in_flight: int = 1
    ) -> None:
        """
        Args:
            max_pending: bytes that may wait; beyond it ``submit`` refuses.
            patience: how long requests wait before they are told that the bus is away.
            max_in_flight: rounds of messages on their way at the same time.
        """
        self._publisher = publisher
        self._patience = patience
        self._max_pending = max_pending
        self._slots = asyncio.Semaphore(max_in_flight)
        self._open: dict[str, _Message] = {}
        self._full: list[_Message] = []
        self._pending = 0
        self._work = asyncio.Event()
        self._rounds: set[asyncio.Task[None]] = set()

    @property
    def room(self) -> int:
        """Most bytes that one event, or one folded notification, may have."""
        return self._publisher.max_payload - _HEADERS_ROOM - 2

    def submit(self, org: str, events: Sequence[tuple[str, bytes]]) -> asyncio.Future[None]:
        """What is done once every event, given as type and JSON, is on disk.

        It fails with ``BusAway`` where one is not, or may not be: the caller should have the sender try again.

        Raises:
            BusAway: too much is waiting already; none will be sent.
            TooBigForBus: an event does not fit into a message; none will be sent.
        """
        future = asyncio.get_running_loop().create_future()
        if not events:
            future.set_result(None)
            return future
        room, sizes = self.room, [len(encoded) for _, encoded in events]
        size = sum(sizes)
        if max(sizes) > room:
            raise TooBigForBus
        if self._pending + size > self._max_pending:
            raise BusAway("too much is waiting for the bus already")
        waiter = _Waiter(future, size)
        for type_, encoded in events:
            self._place(_subject(org, type_), encoded, room, waiter)
        self._pending += size
        self._work.set()
        return future

    def _place(self, subject: str, encoded: bytes, room: int, waiter: _Waiter) -> None:
        message = self._open.get(subject)
        if message is not None and message.size + len(encoded) + 1 > room + 2:
            self._full.append(self._open.pop(subject))
            message = None
        if message is None:
            message = self._open[subject] = _Message(subject)
        message.events.append(encoded)
        message.size += len(encoded) + 1
        if not message.waiters or message.waiters[-1] is not waiter:
            message.waiters.append(waiter)
            waiter.remaining += 1

    async def run(self) -> None:
        """Publish until cancelled; then what was accepted is still published, within the patience."""
        try:
            while True:
                await self._work.wait()
                await self._slots.acquire()
                self._start_round()
        finally:
            if self._open or self._full:
                await self._slots.acquire()
                self._start_round()
            await asyncio.gather(*self._rounds, return_exceptions=True)

    def _start_round(self) -> None:
        self._work.clear()
        messages = [*self._full, *self._open.values()]
        self._full.clear()
        self._open.clear()
        task = asyncio.create_task(self._publish_round(messages))
        self._rounds.add(task)
        task.add_done_callback(self._rounds.discard)

    async def _publish_round(self, messages: Sequence[_Message]) -> None:
        try:
            if len(messages) == 1:
                await self._publish(messages[0])
            else:
                await asyncio.gather(*(self._publish(message) for message in messages))
        finally:
            self._slots.release()

    async def _publish(self, message: _Message) -> None:
        try:
            await self._publisher.publish(
                message.subject,
                message.body(),
                message_id=message.message_id,
                headers=_HEADERS,
                patience=max(self._patience - timedelta(seconds=time.monotonic() - message.since), LAST_CHANCE),
            )
        except Exception as error:  # noqa: BLE001 (whatever it is, the waiting requests have to hear of it)
            metrics.PUBLISH_FAILURES.inc()
            log.warning("hook.bus_away", subject=message.subject, error=repr(error))
            for waiter in message.waiters:
                self._settle(waiter)
                waiter.fail(BusAway(str(error)))
        else:
            metrics.COMMITS.observe(len(message.events))
            for waiter in message.waiters:
                self._settle(waiter)
                waiter.acknowledge()

    def _settle(self, waiter: _Waiter) -> None:
        waiter.remaining -= 1
        if not waiter.remaining:
            self._pending -= waiter.size
