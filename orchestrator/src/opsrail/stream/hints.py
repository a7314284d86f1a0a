"""The process's ear for hints: one subscription, any number of listeners.

A hint says that a row changed. It is sent after the commit and may be lost, so a listener always waits with a
time limit and then looks for itself. Loops listen for ``queue`` (work was added), readers for ``run``.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.tasks import set_within

ANY = "*"

_Key = tuple[str, str, str]


class Listener:
    """Set once a hint came. ``wait`` clears it first, so look at the row after waiting, never before alone."""

    def __init__(self) -> None:
        self._heard = asyncio.Event()

    def notify(self) -> None:
        self._heard.set()

    async def wait(self, seconds: float) -> bool:
        """Whether a hint came within ``seconds``, or had come since the last wait."""
        heard = await set_within(timedelta(seconds=seconds), self._heard)
        self._heard.clear()
        return heard


class Hints:
    """Sends hints and hears those of every replica; its own reach its own listeners without the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._listeners: defaultdict[_Key, set[Listener]] = defaultdict(set)
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        self._subscription = await self._bus.nc.subscribe(subjects.changed(ANY, ANY, ">"), cb=self._heard)

    async def close(self) -> None:
        if self._subscription is not None and not self._bus.nc.is_closed:
            with suppress(NatsError):
                await self._subscription.unsubscribe()

    async def send(self, org_id: uuid.UUID | str, noun: str, ident: uuid.UUID | str) -> None:
        """Say that a row changed; never raises, since the row is already committed."""
        self._notify(str(org_id), noun, str(ident))
        with suppress(NatsError):
            await self._bus.nc.publish(subjects.changed(str(org_id), noun, str(ident)))

    @contextmanager
    def listen(self, noun: str, *, org_id: uuid.UUID | str = ANY, ident: uuid.UUID | str = ANY) -> Iterator[Listener]:
        """A listener for one row, or for all of a noun."""
        key = (str(org_id), noun, str(ident))
        listener = Listener()
        self._listeners[key].add(listener)
        try:
            yield listener
        finally:
            self._listeners[key].discard(listener)
            if not self._listeners[key]:
                del self._listeners[key]

    async def _heard(self, message: Msg) -> None:
        _, org_id, _, noun, ident = message.subject.split(".", 4)
        self._notify(org_id, noun, ident)

    def _notify(self, org_id: str, noun: str, ident: str) -> None:
        for key in ((org_id, noun, ident), (org_id, noun, ANY), (ANY, noun, ANY)):
            for listener in self._listeners.get(key, ()):
                listener.notify()
