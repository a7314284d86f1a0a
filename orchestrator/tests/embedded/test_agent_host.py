"""The agent host: processes follow the specs, come back when killed, and are replaced without a gap."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from opsrail.embedded import agent_host
from opsrail.embedded.addresses import Endpoints
from opsrail.embedded.agent_host import AgentHost
from opsrail.embedded.bus_users import SharedLogin
from opsrail.embedded.folder import DataFolder
from opsrail.testing.orchestrator import connected, empty_bus
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import AgentSpec, Heartbeat
from opsrail_sdk.streams import ensure_streams
from opsrail_sdk.tasks import set_within


class Field:
    """One organisation's agents: write specs, see who lives."""

    def __init__(self, bus: Bus, host: AgentHost) -> None:
        self.bus, self.host, self.org = bus, host, str(uuid.uuid4())

    async def want(self, *, module: str = "standin_agent", generation: int = 1, instances: int = 1) -> None:
        spec = AgentSpec(
            org_id=self.org,
            agent="standin",
            module=module,
            version="0.1.0",
            generation=generation,
            instances=instances,
        )
        await self.bus.kv.put(subjects.SPECS_BUCKET, subjects.spec_key(self.org, "standin"), spec.encode())

    async def forget(self) -> None:
        await self.bus.kv.delete(subjects.SPECS_BUCKET, subjects.spec_key(self.org, "standin"))

    async def until(self, holds: Callable[[list[Heartbeat]], bool]) -> list[Heartbeat]:
        """The heartbeats of ready instances, once `holds` is true of them."""
        async with asyncio.timeout(PATIENCE_SECONDS), aclosing(self._states()) as states:
            async for ready in states:
                if holds(ready):
                    return ready
        raise AssertionError("the watch ended")

    async def _states(self) -> AsyncIterator[list[Heartbeat]]:
        async with aclosing(self.bus.kv.watch(subjects.HEARTBEATS_BUCKET)) as watched:
            async for entries in watched:
                said = [Heartbeat.model_validate_json(value) for value in entries.values()]
                yield [heartbeat for heartbeat in said if heartbeat.org_id == self.org and heartbeat.state == "ready"]


@pytest.fixture
async def field(endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Field]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    await empty_bus(endpoints.nats_url)
    folder = DataFolder(tmp_path / "data")
    folder.open()
    bus = await connected(endpoints.nats_url)
    await ensure_streams(bus.js, replicas=1)
    host = AgentHost(folder, credentials=SharedLogin(endpoints.nats_url), changed=lambda _child: None)
    await host.start(endpoints.nats_url)
    field = Field(bus, host)
    yield field
    await field.forget()
    await host.stop()
    await bus.close()
    folder.close()


async def test_as_many_instances_live_as_the_spec_wants(field: Field) -> None:
    await field.want(instances=2)
    assert len({heartbeat.instance for heartbeat in await field.until(lambda ready: len(ready) == 2)}) == 2
    await field.want(instances=1)
    await field.until(lambda ready: len(ready) == 1)
    await field.forget()
    await field.until(lambda ready: not ready)


async def test_a_killed_instance_comes_back_under_a_new_name(field: Field) -> None:
    await field.want()
    (first,) = await field.until(lambda ready: len(ready) == 1)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    await field.until(lambda ready: bool({beat.instance for beat in ready} - {first.instance}))


async def test_a_new_generation_is_up_before_the_old_one_ends(field: Field) -> None:
    await field.want()
    (old,) = await field.until(lambda ready: len(ready) == 1)
    await field.want(generation=2)
    both = await field.until(lambda ready: len(ready) > 1)
    assert {old.instance} < {heartbeat.instance for heartbeat in both}
    (new,) = await field.until(lambda ready: len(ready) == 1)
    assert new.instance != old.instance


async def test_a_broken_new_generation_leaves_the_old_one_at_work(field: Field) -> None:
    await field.want()
    (old,) = await field.until(lambda ready: len(ready) == 1)
    await field.want(module="no_such_module", generation=2)
    while not any(child.restarts for child in field.host.children):
        await asyncio.sleep(0.02)
    (still,) = await field.until(lambda ready: len(ready) == 1)
    assert still.instance == old.instance
    await field.want(generation=3)
    (new,) = await field.until(lambda ready: len(ready) == 1 and ready[0].instance != old.instance)
    assert new.instance != old.instance
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(field.host.children) > 1:
            await asyncio.sleep(0.02)


async def test_agents_get_no_address_of_the_database(
    field: Field, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSRAIL_DATABASE_URL", "postgresql+psycopg://secret")
    await field.want()
    (agent,) = await field.until(lambda ready: len(ready) == 1)
    environment = psutil.Process(agent.pid).environ()
    assert environment["OPSRAIL_NATS_URL"] == endpoints.nats_url
    assert "OPSRAIL_DATABASE_URL" not in environment


async def test_a_spec_that_is_no_module_name_starts_nothing(field: Field) -> None:
    await field.want(module="os; evil")
    await field.bus.kv.put(subjects.SPECS_BUCKET, subjects.spec_key(field.org, "broken"), b"{")
    await field.want(generation=2)
    await field.until(lambda ready: len(ready) == 1)


class Reluctant(SharedLogin):
    """Lets nobody in at first, as a server that answers late."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.refusals = 2
        self.let_in = asyncio.Event()

    async def admit(self, specs: Iterable[AgentSpec]) -> None:
        if any(True for _ in specs):
            self.refusals -= 1
            if self.refusals >= 0:
                raise TimeoutError
            self.let_in.set()


async def test_agents_that_could_not_be_let_in_are_let_in_later(
    endpoints: Endpoints, field: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_host, "ADMIT_AGAIN", timedelta(milliseconds=10))
    credentials = Reluctant(endpoints.nats_url)
    host = AgentHost(
        DataFolder(tmp_path / "other"), credentials=credentials, changed=lambda _child: None, processes=False
    )
    await host.start(endpoints.nats_url)
    await field.want()
    assert await set_within(timedelta(seconds=PATIENCE_SECONDS), credentials.let_in)
    await host.stop()
