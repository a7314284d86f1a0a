"""Takes messages from a durable consumer one at a time, without polling and without losing any at the end.

Each ``Worker`` has one. Between two messages a pull request lies at the
server, so a message travels as soon as it is stored. nats-py's ``fetch`` waits for whole batches and does not
notice a request that a restart of the server swallowed; hence this.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from opsrail_sdk.bus import Bus

_EXPIRES = timedelta(seconds=30)
_IDLE_HEARTBEAT = timedelta(seconds=5)
_SILENCE = timedelta(seconds=12)
_PAUSE = timedelta(milliseconds=250)
_REQUESTS_PER_INBOX = 200
"""Between accounts the server remembers each request until its inbox goes (0.5 kB of it)."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Pull:
    """One open request for one message."""

    def __init__(self, bus: Bus, stream: str, consumer: str) -> None:
        self._bus = bus
        self._consumer = consumer
        self._request = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._subscription: Subscription | None = None
        self._waiting_logged = False
        self._asked = 0

    async def next(self) -> Msg:
        """The next message, however long it takes; a consumer that does not exist yet is waited for."""
        while True:
            try:
                message = await self._ask()
            except NatsError as error:
                log.debug("pull_failed", consumer=self._consumer, error=repr(error))
                message = None
                await asyncio.sleep(_PAUSE.total_seconds())
            if message is not None:
                self._waiting_logged = False
                return message

    async def close(self) -> None:
        """Stop asking; what arrived in the meantime goes back at once, for a sibling."""
        self._bus.reconnected.discard(self._wake)
        if self._subscription is not None:
            with suppress(NatsError):
                await self._subscription.drain()  # type: ignore[no-untyped-call]
            self._subscription = None
        while not self._arrived.empty():
            message = self._arrived.get_nowait()
            if message is not None and _status(message) is None:
                with suppress(NatsError):
                    await message.nak()

    async def _ask(self) -> Msg | None:
        if self._asked >= _REQUESTS_PER_INBOX and self._arrived.empty():
            await self._renew()
        if self._subscription is None:
            self._asked = 0
            inbox = self._bus.nc.new_inbox()
            self._subscription = await self._bus.nc.subscribe(inbox, cb=self._arrived.put)
            self._bus.reconnected.add(self._wake)
        body = {
            "batch": 1,
            "expires": int(_EXPIRES.total_seconds() * 1e9),
            "idle_heartbeat": int(_IDLE_HEARTBEAT.total_seconds() * 1e9),
        }
        if self._arrived.empty():
            self._asked += 1
            await self._bus.nc.publish(self._request, orjson.dumps(body), reply=self._subscription.subject)
        while True:
            try:
                async with asyncio.timeout(_SILENCE.total_seconds()):
                    message = await self._arrived.get()
            except TimeoutError:
                message = None
            if message is None:
                await self._renew()
                return None
            status = _status(message)
            if status is None:
                return message
            if status == "100":
                continue
            if status in {"409", "503"}:
                await self._pause(status)
            return None

    async def _renew(self) -> None:
        """Under a new inbox: an old request that is still alive at the server dies for lack of interest."""
        await self.close()

    async def _wake(self) -> None:
        self._arrived.put_nowait(None)

    async def _pause(self, status: str) -> None:
        if not self._waiting_logged:
            self._waiting_logged = True
            log.info("waiting_for_consumer", consumer=self._consumer, status=status)
        await asyncio.sleep(_PAUSE.total_seconds())


def _status(message: Msg) -> str | None:
    """Status code of a control message (NATS ADR-9, ADR-37), None for a real one."""
    return message.headers.get("Status") if message.headers and not message.data else None
