"""Pulling from a durable consumer: whatever has arrived at once, within a number of messages and of bytes.

nats-py's ``fetch`` waits for its whole batch once the first message came late, and knows no limit in bytes; a reader
wants the one message now, and the big batch when there is one. The SDK's ``pull`` takes one at a time.
Protocol: NATS ADR-13.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Self

import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from opsrail_sdk.bus import Bus
from opsrail_sdk.tasks import end

_AGAIN_SECONDS = 1.0
_EXPIRES = 30.0
_HEARTBEAT = 5.0
_NANOSECONDS = 1_000_000_000
_STATUS = "Status"
_HEARTBEAT_STATUS = "100"
_GONE = {"503", "404"}


class ConsumerGone(Exception):
    """Nobody answers for the consumer: it was deleted, or its stream was."""


class BatchPull:
    """An open pull; a context manager. Not to be shared by tasks."""

    def __init__(
        self, bus: Bus, stream: str, consumer: str, *, messages: int, size: int, rest: timedelta = timedelta()
    ) -> None:
        """
        Args:
            messages: most messages of one answer.
            size: most bytes of one answer, as long as no message alone is larger.
            rest: pause after an answer that was not full, in which messages gather; the first message after a
                quiet time waits for nobody.
        """
        self._bus = bus
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._messages = messages
        self._size = size
        self._rest = rest.total_seconds()
        self._resting = False
        self._outstanding = 0
        self._subscription: Subscription | None = None
        self._inbox = ""

    async def __aenter__(self) -> Self:
        self._inbox = self._bus.nc.new_inbox()
        self._subscription = await self._bus.nc.subscribe(self._inbox)
        self._bus.reconnected.add(self._on_reconnect)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.reconnected.discard(self._on_reconnect)
        if self._subscription is not None and not self._bus.nc.is_closed:
            left = []
            while self._subscription.pending_msgs:
                message = await self._subscription.next_msg(timeout=1)
                if not _is_status(message):
                    left.append(message)
            await give_back(left)
            with suppress(NatsError):
                await self._subscription.unsubscribe()

    async def next(self, stop: asyncio.Event) -> list[Msg]:
        """At least one message, or none once ``stop`` is set or nothing came for a while.

        Raises:
            ConsumerGone: it has to be made anew.
        """
        if self._outstanding <= 0:
            await self._request()
        if self._resting:
            await asyncio.sleep(self._rest)
            self._resting = False
        first = await self._receive(stop)
        if first is None:
            return []
        found = [first] if self._noticed(first) else []
        assert self._subscription is not None
        while self._subscription.pending_msgs and len(found) < self._messages:
            message = await self._subscription.next_msg(timeout=1)
            if self._noticed(message):
                found.append(message)
        self._resting = 0 < len(found) < self._messages and self._rest > 0
        return found

    async def _receive(self, stop: asyncio.Event) -> Msg | None:
        assert self._subscription is not None
        waiting = asyncio.ensure_future(self._subscription.next_msg(timeout=2 * _HEARTBEAT))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() else None
        except NatsTimeoutError:
            self._outstanding = 0  # two heartbeats missed: the request is lost
            return None
        finally:
            await end(waiting, stopping)

    async def _on_reconnect(self) -> None:
        """The server may have forgotten the request."""
        await self._request()

    async def _request(self) -> None:
        wanted = {
            "batch": self._messages,
            "max_bytes": self._size,
            "expires": int(_EXPIRES * _NANOSECONDS),
            "idle_heartbeat": int(_HEARTBEAT * _NANOSECONDS),
        }
        await self._bus.nc.publish(self._subject, orjson.dumps(wanted), self._inbox)
        self._outstanding = self._messages

    def _noticed(self, message: Msg) -> bool:
        """Whether it is one of ours, and counted; else it is what the server says instead of one."""
        if not _is_status(message):
            self._outstanding -= 1
            return True
        headers = message.headers or {}
        if headers[_STATUS] in _GONE or "Deleted" in headers.get("Description", ""):
            raise ConsumerGone(str(headers))
        if headers[_STATUS] != _HEARTBEAT_STATUS:
            self._outstanding = 0
        return False


async def give_back(messages: Iterable[Msg]) -> None:
    """Have these delivered again shortly, here or at a sibling."""
    with suppress(NatsError):
        for message in messages:
            await message.nak(delay=_AGAIN_SECONDS)


def _is_status(message: Msg) -> bool:
    return not message.data and _STATUS in (message.headers or {})
