"""A running agent process: connect, follow the spec, work while enabled, say so, drain at the end.

``runtime`` runs it for ``python -m <module> run``; ``testing.harness`` runs it in tests.
"""

import asyncio
import os
import shutil
from contextlib import suppress
from datetime import timedelta
from typing import Any, Literal

import structlog
from nats.aio.msg import Msg
from pydantic import BaseModel, ValidationError

from opsrail_sdk.agent import Agent
from opsrail_sdk.bus import Bus
from opsrail_sdk.complaints import Complaints
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import AgentSpec, Heartbeat
from opsrail_sdk.errors import SetupError, Unavailable
from opsrail_sdk.event_handling import EventHandler
from opsrail_sdk.execution import Executor
from opsrail_sdk.live_context import utc_now
from opsrail_sdk.outcome import invalid_input
from opsrail_sdk.pull import Pull
from opsrail_sdk.query_service import QueryService
from opsrail_sdk.scheduler import Scheduler
from opsrail_sdk.settings import AgentSettings
from opsrail_sdk.tasks import set_within
from opsrail_sdk.trust import Trust
from opsrail_sdk.worker import Worker

State = Literal["starting", "ready", "disabled", "draining", "failing"]

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LAST_WORD = timedelta(seconds=3)


class AgentProcess:
    """One agent process. ``run`` returns after ``stop`` was called and the work in hand is through."""

    def __init__(self, agent: Agent, settings: AgentSettings, bus: Bus) -> None:
        self._agent = agent
        self._settings = settings
        self._bus = bus
        self._trust = Trust(bus)
        self._config: BaseModel | None = None
        self._spec: AgentSpec | None = None
        self._generation = 0
        self._state: State = "starting"
        self._config_error: str | None = None
        self._setup_error: str | None = None
        self._started_at = utc_now()
        self._digest = agent.manifest.digest()
        self._stopping = asyncio.Event()
        self._beat_now = asyncio.Event()
        self._workers: list[Worker] = []
        self._schedules: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._gone = False
        self._executor = Executor(
            agent, bus, settings, keys=self._trust.keys, config=self._current_config, on_result=self._note_result
        )
        self._events = EventHandler(agent, bus, settings, config=self._current_config, on_result=self._note_result)
        self._queries = QueryService(agent, bus, settings, config=self._current_config, on_result=self._note_result)
        self._scheduler = Scheduler(agent, bus, settings, config=self._current_config, on_result=self._note_result)

    @property
    def state(self) -> State:
        """What heartbeats say."""
        if self._state == "ready" and self._setup_error is not None:
            return "failing"
        return self._state

    def stop(self) -> None:
        """Begin to drain; safe from a signal handler."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until ``stop``."""
        await asyncio.to_thread(self._clear_workdirs)
        self._bus.refused.add(Complaints(self._bus, self._settings.org, self._agent.id).tell)
        await self._bus.nc.subscribe(subjects.run_cancel(self._settings.org, self._agent.id, "*"), cb=self._on_cancel)
        background: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._trust.follow()),
            asyncio.create_task(self._follow_spec()),
        ]
        beating = asyncio.create_task(self._beat())
        stopped: asyncio.Task[Any] = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({*background, beating, stopped}, return_when=asyncio.FIRST_COMPLETED)
            for task in background:
                task.cancel()
            self._set_state("draining")
            await self._drain()
            for task in done - {stopped}:
                task.result()
        finally:
            for task in (*background, stopped):
                task.cancel()
            self._gone = True
            self._beat_now.set()
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(_LAST_WORD.total_seconds()):
                    await beating
                    await self._bus.kv.delete(subjects.HEARTBEATS_BUCKET, self._heartbeat_key)

    async def _follow_spec(self) -> None:
        key = subjects.spec_key(self._settings.org, self._agent.id)
        async for value in self._bus.kv.follow(subjects.SPECS_BUCKET, key):
            try:
                spec = AgentSpec.model_validate_json(value) if value is not None else None
            except ValidationError as error:
                log.error("spec_unreadable", error=str(invalid_input(error)))  # noqa: TRY400
                continue
            await self._apply(spec)

    async def _apply(self, spec: AgentSpec | None) -> None:
        """Follow what the operator wants: config at once, enabled or not."""
        self._spec = spec
        self._config_error = self._setup_error = None
        if spec is None:
            await self._rest("starting" if self._generation == 0 else "disabled")
            return
        self._generation = self._generation or spec.generation
        try:
            self._config = self._agent.config.model_validate(spec.config)
        except ValidationError as error:
            self._config_error = f"config: {invalid_input(error)}"
            log.error("config_invalid", error=self._config_error)  # noqa: TRY400
            await self._rest("failing")
            return
        if spec.enabled:
            await self._work()
        else:
            await self._rest("disabled")

    async def _work(self) -> None:
        if not self._workers and self._schedules is None:
            org, agent = self._settings.org, self._agent.id
            if self._agent.actions:
                consumer = subjects.actions_consumer(org, agent)
                self._workers += [
                    Worker(Pull(self._bus, subjects.ACTIONS, consumer), self._executor.deliver)
                    for _ in range(self._settings.concurrency)
                ]
            if self._agent.subscriptions:
                consumer = subjects.events_consumer(org, agent)
                self._workers.append(Worker(Pull(self._bus, subjects.EVENTS, consumer), self._events.handle))
            self._schedules = asyncio.create_task(self._scheduler.run())
            await self._queries.start()
        self._set_state("ready")

    async def _rest(self, state: State) -> None:
        """Take no more work; what is in hand goes on to its end."""
        leaving, self._workers = self._workers, []
        for worker in leaving:
            task = asyncio.create_task(worker.stop())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        if self._schedules is not None:
            self._schedules.cancel()
            self._schedules = None
        await self._queries.stop()
        self._set_state(state)

    async def _drain(self) -> None:
        """Let work in hand end within the grace period, then hand it over to siblings."""
        workers = list(self._workers)
        await self._rest("draining")
        if self._leaving:
            await asyncio.wait(set(self._leaving), timeout=self._settings.grace.total_seconds())
        if self._leaving:
            log.warning("handing_over", in_flight=self._in_flight())
            self._executor.hand_over()
            ending = self._settings.cancel_grace + _LAST_WORD
            await asyncio.wait(set(self._leaving), timeout=ending.total_seconds())
        for worker in workers:
            worker.abandon()
        if self._leaving:
            await asyncio.wait(set(self._leaving), timeout=_LAST_WORD.total_seconds())

    async def _beat(self) -> None:
        while not self._gone:
            self._beat_now.clear()
            try:
                await self._bus.kv.put(subjects.HEARTBEATS_BUCKET, self._heartbeat_key, self._heartbeat().encode())
            except Unavailable as error:
                log.warning("heartbeat_failed", error=str(error))
            await set_within(self._settings.heartbeat, self._beat_now)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(
            org_id=self._settings.org,
            agent=self._agent.id,
            instance=self._settings.agent_instance,
            version=self._agent.version,
            manifest_digest=self._digest,
            state=self.state,
            started_at=self._started_at,
            generation=self._generation,
            in_flight=self._in_flight(),
            error=self._config_error or self._setup_error,
            pid=os.getpid(),
        )

    @property
    def _heartbeat_key(self) -> str:
        return subjects.heartbeat_key(self._settings.org, self._agent.id, self._settings.agent_instance)

    def _in_flight(self) -> int:
        return self._executor.in_flight + self._queries.in_flight

    def _set_state(self, state: State) -> None:
        if state != self._state:
            log.info("agent_state", state=state, agent=self._agent.id)
            self._state = state
        self._beat_now.set()

    def _current_config(self) -> BaseModel:
        if self._config is None:
            raise SetupError("the agent has no configuration yet")
        return self._config

    def _note_result(self, error: BaseException | None) -> None:
        """A set-up fault shows in heartbeats until something works again or the config changes."""
        if isinstance(error, SetupError):
            self._setup_error = str(error)
            self._beat_now.set()
        elif error is None and self._setup_error is not None:
            self._setup_error = None
            self._beat_now.set()

    async def _on_cancel(self, message: Msg) -> None:
        self._executor.cancel(message.subject.split(".")[4])

    def _clear_workdirs(self) -> None:
        """Folders that a killed process of this name left behind."""
        left = self._settings.workdir / f"{self._agent.id}-{self._settings.agent_instance}"
        shutil.rmtree(left, ignore_errors=True)
