"""A run's fence: the last message on its ``status`` subject. Who wrote it holds the run.

``execution`` claims a run by writing ``running`` after the sequence it last saw; a sibling that took over has
moved the sequence on, so every later write of the old holder is refused.
"""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from nats.js import api

from opsrail_sdk.bus import Bus, SequenceConflict
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import FINISHED, RunState, RunStatus
from opsrail_sdk.errors import Unavailable

FINAL_PATIENCE = timedelta(minutes=10)
"""How long an outcome is offered to a bus that is away; after that a sibling takes the run over."""


class FenceLost(Exception):
    """Somebody else holds the run now. Whatever we were doing for it must stop, and nothing be acknowledged."""


@dataclass(frozen=True)
class LastStatus:
    """What the bus says about a run. ``sequence`` is 0 where it says nothing."""

    sequence: int
    status: RunStatus | None

    @property
    def finished(self) -> bool:
        return self.status is not None and self.status.state in FINISHED

    @property
    def released(self) -> bool:
        """Its holder let go of it in good order, to be tried again: ``running`` with an error."""
        return self.status is not None and self.status.state is RunState.RUNNING and self.status.error is not None

    @property
    def attempt(self) -> int:
        return self.status.attempt if self.status else 0


async def last_status(bus: Bus, org: str, agent: str, run_id: str) -> LastStatus:
    """The last status of a run.

    Raises:
        Unavailable: the bus could not be read.
    """
    stored = await bus.last(subjects.RUNS, subjects.run_status(org, agent, run_id))
    if stored is None:
        return LastStatus(0, None)
    return LastStatus(stored.sequence, RunStatus.model_validate_json(stored.body))


class Fence:
    """Writes statuses of one run in turn, each after the one before. ``lost`` is set once somebody else wrote."""

    def __init__(self, bus: Bus, org: str, agent: str, run_id: str, sequence: int) -> None:
        self._bus = bus
        self._subject = subjects.run_status(org, agent, run_id)
        self._sequence = sequence
        self._lock = asyncio.Lock()
        self._ours: set[str] = set()
        self.lost = asyncio.Event()

    async def write(self, status: RunStatus, *, patience: timedelta = timedelta(seconds=5)) -> None:
        """Write a status.

        Raises:
            FenceLost: somebody else wrote since.
            Unavailable: it is not known whether it was written.
        """
        async with self._lock:
            message_id = uuid.uuid4().hex
            self._ours.add(message_id)
            try:
                await self._publish(status, message_id, patience)
            except SequenceConflict:
                await self._catch_up()
                try:
                    await self._publish(status, message_id, patience)
                except SequenceConflict as error:
                    self.lost.set()
                    raise FenceLost(self._subject) from error

    async def check(self) -> None:
        """Look whether the run is still ours; a bus that is away tells nothing.

        Raises:
            FenceLost: somebody else wrote since.
        """
        async with self._lock:
            with suppress(Unavailable):
                await self._catch_up()

    async def _publish(self, status: RunStatus, message_id: str, patience: timedelta) -> None:
        ack = await self._bus.publish_fenced(
            subjects.RUNS,
            self._subject,
            status.encode(),
            message_id=message_id,
            expect=self._sequence,
            patience=patience,
        )
        self._sequence = ack.sequence

    async def _catch_up(self) -> None:
        """Take note of a write of ours whose answer never came."""
        stored = await self._bus.last(subjects.RUNS, self._subject)
        if stored is None or stored.sequence <= self._sequence:
            return
        if stored.headers.get(api.Header.MSG_ID) not in self._ours:
            self.lost.set()
            raise FenceLost(self._subject)
        self._sequence = stored.sequence
