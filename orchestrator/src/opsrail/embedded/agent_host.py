"""The process runtime's side on this machine: runs the agents that the bucket of agent specs asks for.

Started by `supervisor.py`. The orchestrator writes specs, agents answer with heartbeats, this starts and ends
processes in between; it decides nothing.
"""

import asyncio
import os
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog
from pydantic import ValidationError

from opsrail.embedded.bus_log import BusLog
from opsrail.embedded.bus_users import Credentials
from opsrail.embedded.child import Child, Launch, StartFailedError
from opsrail.embedded.folder import DataFolder
from opsrail.embedded.turns import Turns
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import AgentSpec, Heartbeat
from opsrail_sdk.errors import Unavailable
from opsrail_sdk.login import Login
from opsrail_sdk.streams import HEARTBEAT_TTL
from opsrail_sdk.tasks import end

log = structlog.get_logger()

DRAIN = timedelta(seconds=30)
ADMIT_AGAIN = timedelta(seconds=10)
ALIVE = frozenset({"ready", "disabled", "failing"})
ABLE = frozenset({"ready", "disabled"})
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
ORGANISATION = re.compile(r"[A-Za-z0-9_-]{1,64}")
KEPT_FROM_AGENTS = frozenset(
    {
        "OPSRAIL_DATABASE_URL",
        "OPSRAIL_MIGRATION_URL",
        "OPSRAIL_REDIS_URL",
        "OPSRAIL_TOKEN",
        "OPSRAIL_DATA",
        "OPSRAIL_NATS_CREDENTIALS",
        "OPSRAIL_NATS_SIGNING_SEED",
        "OPSRAIL_NATS_OPERATOR_SEED",
        "OPSRAIL_NATS_SYSTEM_CREDENTIALS",
        "OPSRAIL_TLS_SERVER_CERT",
        "OPSRAIL_TLS_SERVER_KEY",
    }
)


class Heartbeats:
    """What living instances said last, by instance."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._news = asyncio.Condition()

    async def follow(self, bus: Bus) -> None:
        async for entries in bus.kv.watch(subjects.HEARTBEATS_BUCKET, lifetime=HEARTBEAT_TTL):
            states: dict[str, str] = {}
            for key, value in entries.items():
                try:
                    heartbeat = Heartbeat.model_validate_json(value)
                except ValidationError as error:
                    log.warning("heartbeat_invalid", key=key, problem=str(error))
                else:
                    states[heartbeat.instance] = heartbeat.state
            async with self._news:
                self._states = states
                self._news.notify_all()

    async def wait(self, instance: Callable[[], str], states: frozenset[str]) -> None:
        """Return once the instance, whose id is asked for each time, is in one of `states`."""
        async with self._news:
            await self._news.wait_for(lambda: self._states.get(instance()) in states)


class Instance:
    """One process of an agent at one generation; each of its lives has an instance id of its own.

    Args:
        started: called once it is alive, or has died first.
    """

    def __init__(
        self,
        spec: AgentSpec,
        slot: int,
        *,
        folder: DataFolder,
        credentials: Credentials,
        heartbeats: Heartbeats,
        started: Callable[[], None],
        changed: Callable[[Child], None],
    ) -> None:
        self.generation = spec.generation
        self._spec, self._slot, self._folder = spec, slot, folder
        self._credentials, self._heartbeats, self._started = credentials, heartbeats, started
        self._id = ""
        name = f"{spec.agent}-{spec.org_id[:8]}-{slot}-g{spec.generation}"
        self.child = Child(name, self._launch, folder, ready=self._alive, changed=changed, grace=DRAIN)

    async def able(self) -> None:
        """Return once the agent says that it can work."""
        await self._heartbeats.wait(lambda: self._id, ABLE)

    async def _alive(self) -> None:
        try:
            await self._heartbeats.wait(lambda: self._id, ALIVE)
        finally:
            self._started()

    async def _launch(self) -> Launch:
        self._id = f"{self._spec.agent}-{self._slot}-{secrets.token_hex(4)}"
        inherited = {name: value for name, value in os.environ.items() if name not in KEPT_FROM_AGENTS}
        own = {
            "OPSRAIL_AGENT_INSTANCE": self._id,
            "OPSRAIL_ORG": self._spec.org_id,
            "OPSRAIL_WORKDIR": str(self._folder.path / "work" / self._spec.agent),
        }
        own |= self._credentials.environment(self._spec, self._slot)
        return Launch(argv=[sys.executable, "-m", self._spec.module, "run"], env=inherited | self._spec.env | own)


class Slot:
    """One place of an agent: follows its target, and replaces an instance only once the next one is able."""

    def __init__(self, make: Callable[[AgentSpec, Callable[[], None]], Instance], turns: Turns) -> None:
        self._make, self._turns = make, turns
        self._target: AgentSpec | None = None
        self._retargeted = asyncio.Event()
        self.instances: list[Instance] = []
        self.task: asyncio.Task[None] | None = None

    def aim(self, target: AgentSpec | None) -> None:
        """Run this spec from now on; None ends the slot."""
        self._target = target
        self._retargeted.set()
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            self._retargeted.clear()
            target = self._target
            if target is None:
                await self._end(self.instances)
                if self._target is None:
                    return
                continue
            if not self.instances or self.instances[-1].generation != target.generation:
                await self._end(self.instances[1:])  # of those that were never able, none is kept
                started = await self._turns.take()
                if self._target is not target:
                    started()
                    continue
                self._add(self._make(target, started))
            await self._settle()

    def _add(self, fresh: Instance) -> None:
        self.instances.append(fresh)
        fresh.child.spawn()

    async def _settle(self) -> None:
        """End the older instances once the newest is able, unless the target changes first."""
        newest = self.instances[-1]
        able = asyncio.ensure_future(newest.able())
        retargeted = asyncio.ensure_future(self._retargeted.wait())
        try:
            if len(self.instances) > 1:
                await asyncio.wait({able, retargeted}, return_when=asyncio.FIRST_COMPLETED)
                if able.done():
                    await self._end(self.instances[:-1])
            await retargeted
        finally:
            able.cancel()
            retargeted.cancel()

    async def _end(self, instances: list[Instance]) -> None:
        await asyncio.gather(*(instance.child.stop() for instance in instances))
        self.instances = [instance for instance in self.instances if instance not in instances]


class AgentHost:
    """Keeps the running processes like the specs. `start` returns at once; the agents come up by themselves.

    Args:
        credentials: lets the agents of the specs in, and no others.
        bus_log: what the server refused, where it is ours.
        processes: whether to start any; without, only agents that were started elsewhere are let in.
    """

    def __init__(
        self,
        folder: DataFolder,
        *,
        credentials: Credentials,
        changed: Callable[[Child], None],
        bus_log: BusLog | None = None,
        processes: bool = True,
    ) -> None:
        self._folder, self._changed = folder, changed
        self._credentials, self._bus_log, self._processes = credentials, bus_log, processes
        self._heartbeats = Heartbeats()
        self._turns = Turns()
        self._slots: dict[tuple[str, str, int], Slot] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._bus: Bus | None = None

    @property
    def children(self) -> list[Child]:
        return [instance.child for slot in self._slots.values() for instance in slot.instances]

    async def start(self, nats_url: str, login: Login | None = None) -> None:
        """Connect, and follow the specs from then on.

        Raises:
            StartFailedError: no connection to NATS.
        """
        try:
            self._bus = await Bus.connect(nats_url, name="agent-host", login=login or Login())
        except Unavailable as error:
            raise StartFailedError(str(error)) from error
        self._tasks = [
            asyncio.create_task(self._heartbeats.follow(self._bus), name="heartbeats"),
            asyncio.create_task(self._follow_specs(self._bus), name="agent specs"),
            asyncio.create_task(self._credentials.keep(), name="credentials"),
        ]
        if self._bus_log is not None:
            self._tasks.append(asyncio.create_task(self._bus_log.tell(self._bus), name="bus log"))

    async def stop(self, *, force: bool = False) -> None:
        """End every agent: drained, or killed with `force`."""
        await end(*self._tasks)
        if force:
            await asyncio.gather(*(child.stop(force=True) for child in self.children))
        for slot in self._slots.values():
            slot.aim(None)
        await asyncio.gather(*(slot.task for slot in self._slots.values() if slot.task))
        self._slots.clear()
        if self._bus is not None:
            await self._bus.close()

    async def _follow_specs(self, bus: Bus) -> None:
        admitting: asyncio.Task[None] | None = None
        try:
            async for entries in bus.kv.watch(subjects.SPECS_BUCKET):
                specs = [spec for key, value in sorted(entries.items()) if (spec := _read(key, value)) is not None]
                if admitting is not None:
                    await end(admitting)
                admitting = None if await self._admit(specs) else asyncio.create_task(self._admit_later(specs))
                if self._processes:
                    self._reconcile(specs)
        finally:
            if admitting is not None:
                await end(admitting)

    async def _admit(self, specs: Sequence[AgentSpec]) -> bool:
        try:
            await self._credentials.admit(specs)
        except (OSError, TimeoutError) as error:
            log.error("agents_not_admitted", problem=repr(error))  # noqa: TRY400
            return False
        return True

    async def _admit_later(self, specs: Sequence[AgentSpec]) -> None:
        """Until they are in: the server may just have been slow, and the specs may not change again."""
        while True:
            await asyncio.sleep(ADMIT_AGAIN.total_seconds())
            if await self._admit(specs):
                return

    def _reconcile(self, specs: Sequence[AgentSpec]) -> None:
        wanted: dict[tuple[str, str, int], AgentSpec] = {}
        for spec in specs:
            if spec.runtime == "process" and spec.desired == "running":
                wanted |= {(spec.org_id, spec.agent, slot): spec for slot in range(spec.instances)}
        for place in self._slots.keys() - wanted.keys():
            self._slots[place].aim(None)
        for place, spec in wanted.items():
            if place not in self._slots:
                self._slots[place] = Slot(self._maker(place[2]), self._turns)
            self._slots[place].aim(spec)

    def _maker(self, slot: int) -> Callable[[AgentSpec, Callable[[], None]], Instance]:
        return lambda spec, started: Instance(
            spec,
            slot,
            folder=self._folder,
            credentials=self._credentials,
            heartbeats=self._heartbeats,
            started=started,
            changed=self._changed,
        )


def _read(key: str, value: bytes) -> AgentSpec | None:
    """The spec, or None with a log line where it is not one that can be run."""
    try:
        spec = AgentSpec.model_validate_json(value)
    except ValidationError as error:
        log.warning("agent_spec_invalid", key=key, problem=str(error))
        return None
    if not ORGANISATION.fullmatch(spec.org_id):
        log.warning("agent_spec_invalid", key=key, problem=f"{spec.org_id!r} is no organisation")
        return None
    if not MODULE.fullmatch(spec.module):
        log.warning("agent_spec_invalid", key=key, problem=f"{spec.module!r} is no Python module name")
        return None
    return spec
