"""Runs an agent's schedules: of all living instances, one runs each per interval.

Made by ``process`` while the agent is enabled. The interval's number is part of a lease's key; who creates the
lease runs. The first run comes at once, unless a sibling or a previous life already had this interval.
"""

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from pydantic import BaseModel

from opsrail_sdk import telemetry
from opsrail_sdk.agent import Agent, Schedule
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.errors import AgentError, Unavailable
from opsrail_sdk.live_context import LiveContext, utc_now
from opsrail_sdk.settings import AgentSettings

_SHORTEST_LEASE = timedelta(minutes=1)
_AGAIN = timedelta(seconds=1)

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Scheduler:
    """All schedules of one agent process."""

    def __init__(
        self,
        agent: Agent,
        bus: Bus,
        settings: AgentSettings,
        *,
        config: Callable[[], BaseModel],
        on_result: Callable[[BaseException | None], None],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._agent = agent
        self._bus = bus
        self._settings = settings
        self._config = config
        self._on_result = on_result
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for schedule in self._agent.schedules:
                group.create_task(self._repeat(schedule))

    async def _repeat(self, schedule: Schedule) -> None:
        interval = schedule.spec.every.total_seconds()
        while True:
            tick = int(self._clock().timestamp() // interval)
            try:
                await self.run_tick(schedule, tick)
            except Unavailable as error:
                log.warning("schedule_waits", schedule=schedule.spec.name, error=str(error))
                await asyncio.sleep(_AGAIN.total_seconds())
                continue
            left = (tick + 1) * interval - self._clock().timestamp()
            await asyncio.sleep(max(0.0, left))

    async def run_tick(self, schedule: Schedule, tick: int) -> bool:
        """Run one interval, unless somebody else has it; tells which.

        Raises:
            Unavailable: the leases could not be reached.
        """
        name = schedule.spec.name
        key = subjects.schedule_lease(self._settings.org, self._agent.id, name, tick)
        ttl = max(schedule.spec.every * 2, _SHORTEST_LEASE)
        instance = self._settings.agent_instance.encode()
        if await self._bus.kv.create(subjects.LEASES_BUCKET, key, instance, ttl=ttl) is None:
            return False
        correlation_id = str(uuid.uuid4())
        with telemetry.handling(
            f"{self._agent.id}.{name}", destination=key, message_id=key, correlation_id=correlation_id, parent=None
        ) as span:
            context: LiveContext[BaseModel] = LiveContext(
                self._bus,
                org_id=self._settings.org,
                agent_id=self._agent.id,
                config=self._config,
                correlation_id=correlation_id,
                clock=self._clock,
            )
            try:
                await schedule(context)
            except Exception as error:
                telemetry.mark_failed(span, error.code if isinstance(error, AgentError) else "unexpected")
                log.exception("schedule_failed", schedule=name)
                self._on_result(error)
            else:
                self._on_result(None)
        return True
