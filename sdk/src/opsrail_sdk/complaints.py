"""Tells the orchestrator what the bus refused this agent, for its audit trail. Made by ``process``."""

import time
from contextlib import suppress
from datetime import timedelta

import orjson
from nats.errors import Error as NatsError

from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.login import Refusal

_AGAIN = timedelta(minutes=1)
_MOST = 256


class Complaints:
    """Each thing at most once a minute, so that a loop that is refused does not flood the trail."""

    def __init__(self, bus: Bus, org: str, agent: str) -> None:
        self._bus = bus
        self._subject = subjects.bus_refused(org, agent)
        self._told: dict[Refusal, float] = {}

    async def tell(self, refusal: Refusal) -> None:
        now = time.monotonic()
        last = self._told.get(refusal)
        if refusal.subject == self._subject or (last is not None and now - last < _AGAIN.total_seconds()):
            return
        if len(self._told) >= _MOST:
            self._told.clear()
        self._told[refusal] = now
        with suppress(NatsError):
            await self._bus.nc.publish(self._subject, orjson.dumps(refusal._asdict()))
