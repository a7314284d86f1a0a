"""Watches the heartbeats of all agents, keeps their states true, and makes the bus follow the rows."""

import asyncio
import time
from datetime import timedelta

import structlog
from nats.errors import Error as NatsError
from sqlalchemy.exc import SQLAlchemyError

from opsrail.agents import instances, provisioning, supervision
from opsrail.container import Container
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import Heartbeat
from opsrail_sdk.errors import Unavailable
from opsrail_sdk.streams import HEARTBEAT_TTL
from opsrail_sdk.tasks import end

log = structlog.get_logger()

_ROUND_SECONDS = 5.0
"""How often everything is compared, whatever was or was not heard of."""
_SETTLE_SECONDS = 0.05
"""Changes that come within this time are reviewed together."""

Signature = tuple[tuple[str, str, str, int, str, str | None], ...]


class Heartbeats:
    """A worker. Reviews an agent when one of its instances changes, and all of them every few seconds."""

    name = "heartbeats"

    def __init__(self, container: Container) -> None:
        self._container = container
        self._beats: dict[instances.AgentKey, list[Heartbeat]] = {}
        self._signatures: dict[instances.AgentKey, Signature] = {}
        self._last_seen: dict[instances.AgentKey, float] = {}
        self._changed = asyncio.Event()
        self._started = time.monotonic()
        self._swept = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        self._started = time.monotonic()
        watching = asyncio.create_task(self._watch())
        try:
            while not stop.is_set():
                await self._round()
                await self._wait(stop, watching)
        finally:
            await end(watching)

    async def _watch(self) -> None:
        watching = self._container.bus.kv.watch(subjects.HEARTBEATS_BUCKET, lifetime=HEARTBEAT_TTL)
        async for entries in watching:
            self._beats = instances.grouped(entries)
            now = time.monotonic()
            signatures = {key: _signature(beats) for key, beats in self._beats.items()}
            self._last_seen.update(dict.fromkeys(signatures, now))
            if signatures != self._signatures:
                self._signatures = signatures
                self._changed.set()

    async def _wait(self, stop: asyncio.Event, watching: asyncio.Task[None]) -> None:
        stopped = asyncio.create_task(stop.wait())
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait(
                {stopped, changed, watching}, timeout=_ROUND_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if watching.done():
                watching.result()
            if self._changed.is_set():
                await asyncio.sleep(_SETTLE_SECONDS)
                self._changed.clear()
        finally:
            for task in (stopped, changed):
                task.cancel()

    async def _round(self) -> None:
        try:
            await supervision.review_all(self._container, self._beats, self._silent_for)
            if time.monotonic() - self._swept >= _ROUND_SECONDS:
                await provisioning.sweep(self._container)
                self._swept = time.monotonic()
        except (Unavailable, NatsError, SQLAlchemyError, TimeoutError) as error:
            log.warning("agents.round_skipped", why=f"{type(error).__name__}: {error}"[:200])

    def _silent_for(self, key: instances.AgentKey) -> timedelta:
        """Time since the last heartbeat; of an agent never heard of, since we began to listen."""
        if key in self._beats:
            return timedelta(0)
        return timedelta(seconds=time.monotonic() - self._last_seen.get(key, self._started))


def _signature(beats: list[Heartbeat]) -> Signature:
    return tuple(
        (beat.instance, beat.state, beat.version, beat.generation, beat.manifest_digest, beat.error) for beat in beats
    )
