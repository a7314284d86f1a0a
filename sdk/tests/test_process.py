"""Whole agent processes: crashes, siblings, drain, disable, config, schedules."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import opsrail_sample
import pytest
import pytest_asyncio

from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.run import CommandRefused, Heartbeat, RunState
from opsrail_sdk.testing.harness import PATIENCE, AgentHarness, Orchestration
from opsrail_sdk.testing.server import NatsServer

AGENTS = Path(__file__).parent / "agents"


class Processes:
    """Agent processes of one organisation."""

    def __init__(self, orchestration: Orchestration, url: str, folder: Path) -> None:
        self.orchestration = orchestration
        self._url = url
        self._folder = folder
        self.running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, instance: str, **settings: str) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(AGENTS),
            "OPSRAIL_NATS_URL": self._url,
            "OPSRAIL_ORG": self.orchestration.org,
            "OPSRAIL_AGENT_INSTANCE": instance,
            "OPSRAIL_WORKDIR": str(self._folder / "work"),
            "OPSRAIL_GRACE": "PT0.5S",
            **settings,
        }
        with (self._folder / f"{instance}.log").open("wb") as output:
            self.running[instance] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "opsrail_sample", "run", env=environment, stdout=output, stderr=output
            )
        key = subjects.heartbeat_key(self.orchestration.org, "sample", instance)
        async with (
            asyncio.timeout(PATIENCE.total_seconds()),
            aclosing(self.orchestration.bus.kv.watch(subjects.HEARTBEATS_BUCKET, key)) as changes,
        ):
            async for state in changes:
                if key in state and Heartbeat.model_validate_json(state[key]).state == "ready":
                    return

    async def end(self, instance: str, number: signal.Signals) -> int:
        self.running[instance].send_signal(number)
        return await self.running[instance].wait()

    async def end_all(self) -> None:
        for process in self.running.values():
            if process.returncode is None:
                process.kill()
                await process.wait()

    def log(self, instance: str) -> str:
        return (self._folder / f"{instance}.log").read_text()


@pytest_asyncio.fixture
async def processes(bus: Bus, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Processes]:
    orchestration = Orchestration(bus, str(uuid.uuid4()))
    await orchestration.prepare()
    await orchestration.install(opsrail_sample.agent)
    await orchestration.want(opsrail_sample.agent)
    started = Processes(orchestration, nats_server.url, tmp_path)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(started.end_all)
        yield started


async def wait_for(path: Path) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not path.exists():
            await asyncio.sleep(0.01)


async def order(processes: Processes, action: str, folder: Path) -> str:
    command = processes.orchestration.command(opsrail_sample.agent, action, {"folder": str(folder)})
    await processes.orchestration.send(command)
    await wait_for(folder / "started")
    return command.run_id


@pytest.mark.slow
async def test_a_killed_holder_is_followed_by_a_sibling(processes: Processes, tmp_path: Path) -> None:
    await processes.start("one")
    run_id = await order(processes, "hold", tmp_path)
    await processes.start("two")
    await processes.end("one", signal.SIGKILL)
    (tmp_path / "release").touch()
    run = await processes.orchestration.finished(run_id)
    assert run.status.state is RunState.SUCCEEDED
    assert run.status.instance == "two"
    assert (tmp_path / "started").read_text() == "1\n2\n"
    assert (tmp_path / "done").read_text() == "2\n"


@pytest.mark.slow
async def test_a_killed_holder_of_a_dangerous_action_leaves_it_interrupted(
    processes: Processes, tmp_path: Path
) -> None:
    await processes.start("one")
    run_id = await order(processes, "charge", tmp_path)
    await processes.start("two")
    await processes.end("one", signal.SIGKILL)
    run = await processes.orchestration.finished(run_id)
    assert run.status.state is RunState.INTERRUPTED
    assert (tmp_path / "started").read_text() == "1\n"


async def test_a_replayed_command_takes_no_run_from_its_holder(processes: Processes, tmp_path: Path) -> None:
    """A sibling gets the copy, and must not take the holder for dead."""
    await processes.start("one", OPSRAIL_CONCURRENCY="1")
    orchestration = processes.orchestration
    command = orchestration.command(opsrail_sample.agent, "charge", {"folder": str(tmp_path)})
    await orchestration.send(command)
    await wait_for(tmp_path / "started")
    await processes.start("two")
    await orchestration.send(command, message_id="replayed")
    told = await orchestration.told(subjects.run_refused(orchestration.org, "sample", command.run_id))
    assert CommandRefused.model_validate_json(told).error.code == "capability_replayed"
    assert CommandRefused.model_validate_json(told).instance == "two"
    (tmp_path / "release").touch()
    run = await orchestration.finished(command.run_id)
    assert (run.status.state, run.status.instance) == (RunState.SUCCEEDED, "one")
    assert (tmp_path / "started").read_text() == "1\n"


async def test_sigterm_lets_work_in_hand_end(processes: Processes, tmp_path: Path) -> None:
    await processes.start("one", OPSRAIL_GRACE="PT30S")
    run_id = await order(processes, "charge", tmp_path)
    ending = asyncio.create_task(processes.end("one", signal.SIGTERM))
    await processes.orchestration.heartbeat("sample", "draining")
    (tmp_path / "release").touch()
    assert await ending == 0
    run = await processes.orchestration.finished(run_id)
    assert run.status.state is RunState.SUCCEEDED


async def test_after_the_grace_period_a_sibling_has_it_at_once(processes: Processes, tmp_path: Path) -> None:
    await processes.start("one")
    run_id = await order(processes, "hold", tmp_path)
    await processes.start("two")
    assert await processes.end("one", signal.SIGTERM) == 0
    (tmp_path / "release").touch()
    run = await processes.orchestration.finished(run_id)
    assert (run.status.state, run.status.attempt, run.status.instance) == (RunState.SUCCEEDED, 2, "two")
    codes = [status.error.code for status in run.statuses if status.error]
    assert codes == ["drained"]


async def test_after_the_grace_period_a_dangerous_action_is_interrupted(processes: Processes, tmp_path: Path) -> None:
    await processes.start("one")
    run_id = await order(processes, "charge", tmp_path)
    assert await processes.end("one", signal.SIGTERM) == 0
    run = await processes.orchestration.finished(run_id)
    assert run.status.state is RunState.INTERRUPTED


@pytest.mark.slow
async def test_events_survive_a_kill_in_the_middle(processes: Processes, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    await processes.start("one")
    events = [
        CloudEvent(id=str(number), source="/s", type="test.noted.v1", data={"file": str(seen), "request": True})
        for number in range(200)
    ]
    for event in events:
        await processes.orchestration.bus.publish_events(processes.orchestration.org, [event])
    await wait_for(seen)
    await processes.end("one", signal.SIGKILL)
    await processes.start("two")
    consumer = subjects.events_consumer(processes.orchestration.org, "sample")
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while True:
            info = await processes.orchestration.bus.js.consumer_info(subjects.EVENTS, consumer)
            if not info.num_pending and not info.num_ack_pending:
                break
            await asyncio.sleep(0.05)
    lines = seen.read_text().split()
    assert set(lines) == {event.id for event in events}
    assert len(lines) <= len(events) + 1
    requests = await processes.orchestration.requests()
    assert sorted(request.cause or "" for request in requests) == sorted(event.id for event in events)


async def test_an_idle_process_is_small_and_leaves_cleanly(processes: Processes) -> None:
    await processes.start("one")
    status = Path(f"/proc/{processes.running['one'].pid}/status")
    if status.exists():
        resident = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        assert int(resident.split()[1]) < 90 * 1024
    assert await processes.end("one", signal.SIGTERM) == 0
    key = subjects.heartbeat_key(processes.orchestration.org, "sample", "one")
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while await processes.orchestration.bus.kv.get(subjects.HEARTBEATS_BUCKET, key) is not None:
            await asyncio.sleep(0.05)
    assert "Traceback" not in processes.log("one")


async def test_wrong_settings_are_one_readable_line() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "opsrail_sample",
        "run",
        env={"PYTHONPATH": str(AGENTS), "OPSRAIL_NATS_URL": "nats://secret@x", "OPSRAIL_CONCURRENCY": "0"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"OPSRAIL_ORG" in errors
    assert b"OPSRAIL_CONCURRENCY" in errors
    assert b"secret" not in errors
    assert b"Traceback" not in errors


async def test_config_that_does_not_fit_shows_and_stops_the_work(nats_server: NatsServer) -> None:
    async with AgentHarness(opsrail_sample.agent, nats_server.url, config={"greetin": "x"}) as harness:
        beat = await harness.orchestration.heartbeat("sample", "failing")
        assert beat.error is not None
        assert "greetin" in beat.error
        await harness.orchestration.want(harness.agent)
        await harness.orchestration.heartbeat("sample", "ready")
        assert (await harness.run("echo", {"text": "x"})).status.state is RunState.SUCCEEDED


async def test_a_schedule_runs_once_per_interval_however_many_live(nats_server: NatsServer) -> None:
    opsrail_sample.CALLS.clear()
    async with AgentHarness(opsrail_sample.agent, nats_server.url) as first:
        async with AgentHarness(opsrail_sample.agent, nats_server.url, org=first.org):
            pass
        scheduler, schedule = first.process._scheduler, opsrail_sample.tidy
        ran = await asyncio.gather(*(scheduler.run_tick(schedule, 7) for _ in range(5)))
    assert ran.count(True) == 1


async def test_consumers_may_come_later(nats_server: NatsServer) -> None:
    async with AgentHarness(opsrail_sample.agent, nats_server.url) as harness:
        bus, consumer = harness.orchestration.bus, subjects.actions_consumer(harness.org, "sample")
        await bus.js.delete_consumer(subjects.ACTIONS, consumer)
        command = harness.orchestration.command(harness.agent, "echo", {"text": "x"})
        await harness.orchestration.send(command)
        await harness.orchestration.install(harness.agent)
        assert (await harness.orchestration.finished(command.run_id)).status.state is RunState.SUCCEEDED
