"""Remembers which events took effect, so that each takes effect once however often it is delivered.

An entry belongs to the stream message that brought the event first: ``started <sequence>`` until its handler
is through, then ``done``. Only a redelivery of that same message may run the handler again (whoever had it is
gone, and its effects carry derived ids); the same event in another message is passed over, since the first
message stays unacknowledged, and so comes back, until it is done.
"""

import hashlib
from datetime import timedelta

from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects

KEEP = timedelta(days=4)
"""Longer than senders repeat a delivery: GitHub does so for 3 days."""

_DONE = b"done"


class Ledger:
    """Entries of one agent, shared by its instances."""

    def __init__(self, bus: Bus, org: str, agent: str) -> None:
        self._bus = bus
        self._org = org
        self._agent = agent

    def key(self, subscription: str, source: str, event_id: str) -> str:
        identity = "\x1f".join((self._org, self._agent, subscription, source, event_id))
        return subjects.event_lease(self._org, self._agent, hashlib.sha256(identity.encode()).hexdigest()[:40])

    async def begin(self, key: str, sequence: int) -> bool:
        """Whether the handler should run for the message of this sequence.

        Raises:
            Unavailable: the ledger could not be reached.
        """
        mine = f"started {sequence}".encode()
        if await self._bus.kv.create(subjects.LEASES_BUCKET, key, mine, ttl=KEEP) is not None:
            return True
        entry = await self._bus.kv.get(subjects.LEASES_BUCKET, key)
        return entry is None or entry.value == mine

    async def end(self, key: str) -> None:
        """The handler is through, or was given up.

        Raises:
            Unavailable: the ledger could not be reached.
        """
        await self._bus.kv.put(subjects.LEASES_BUCKET, key, _DONE, ttl=KEEP)
