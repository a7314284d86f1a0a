"""One loop of an agent: pull a message, handle it, pull the next. Made by ``process`` while the agent is enabled.

A worker asks for a message only when it is free, so what it cannot take stays for its siblings.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from opsrail_sdk.pull import Pull

_LATER = timedelta(seconds=5)

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Worker:
    """``handle`` acknowledges or gives back; what it raises is logged and the message comes again later."""

    def __init__(self, pull: Pull, handle: Callable[[Msg], Awaitable[None]]) -> None:
        self._pull = pull
        self._handle = handle
        self._stopping = False
        self._task = asyncio.create_task(self._run())
        self.busy = False

    async def stop(self) -> None:
        """Take no more: returns once the message in hand, if there is one, is through."""
        self._stopping = True
        if not self.busy:
            self._task.cancel()
        await self._pull.close()
        await asyncio.wait({self._task})

    def abandon(self) -> None:
        """Drop the message in hand; its handler gives it back."""
        self._task.cancel()

    async def _run(self) -> None:
        while not self._stopping:
            message = await self._pull.next()
            self.busy = True
            try:
                await self._handle(message)
            except Exception:
                log.exception("delivery_failed", subject=message.subject)
                with suppress(NatsError):
                    await message.nak(_LATER.total_seconds())
            finally:
                self.busy = False
