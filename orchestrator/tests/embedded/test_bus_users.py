"""Agents on the embedded server: what a credential allows works, all else is refused, seen, and cut off in time."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from nats.aio.msg import Msg

from opsrail.embedded.addresses import Endpoints, External
from opsrail.embedded.bus_users import BusUsers
from opsrail.embedded.servers import Servers
from opsrail.testing.orchestrator import PATIENCE, connected
from opsrail_ci.agent import agent as ci
from opsrail_sdk.bus import Bus, consumer_config_for_actions, consumer_config_for_events, ensure_streams
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.access import access_of
from opsrail_sdk.contracts.manifest import Manifest
from opsrail_sdk.contracts.run import AgentSpec
from opsrail_sdk.errors import Unavailable
from opsrail_sdk.login import Login, Refusal
from opsrail_sdk.pull import Pull
from opsrail_sdk.streams import ensure_artifacts
from opsrail_sdk.tasks import end, set_within, within

OURS, THEIRS = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
SIBLING = ci.manifest.model_copy(update={"id": "sibling"})


def spec_of(manifest: Manifest, org: str) -> AgentSpec:
    return AgentSpec(
        org_id=org, agent=manifest.id, module="m", version=manifest.version, access=access_of(manifest, org)
    )


SPECS = [spec_of(ci.manifest, OURS), spec_of(SIBLING, OURS), spec_of(ci.manifest, THEIRS)]


@dataclass
class Rails:
    """An embedded nats-server with agents of two organisations."""

    servers: Servers
    endpoints: Endpoints
    platform: Bus
    heard: list[str] = field(default_factory=list)
    opened: list[Bus] = field(default_factory=list)

    @property
    def users(self) -> BusUsers:
        users = self.servers.credentials
        assert isinstance(users, BusUsers)
        return users

    async def connect(self, spec: AgentSpec) -> Bus:
        environment = self.users.environment(spec, 0)
        bus = await Bus.connect(
            environment["OPSRAIL_NATS_URL"],
            name=f"{spec.agent}/test",
            inbox_prefix=subjects.inbox_prefix(spec.org_id, spec.agent),
            login=Login(Path(environment["OPSRAIL_NATS_CREDENTIALS"])),
            patience=PATIENCE,
            answer=PATIENCE,
        )
        self.opened.append(bus)
        return bus

    async def install(self, manifest: Manifest, org: str) -> None:
        for stream, config in (
            (subjects.EVENTS, consumer_config_for_events(manifest, org)),
            (subjects.ACTIONS, consumer_config_for_actions(manifest, org)),
        ):
            assert config is not None
            await self.platform.js.add_consumer(stream, config)

    async def listen(self) -> None:
        """Everything that reaches the platform or its streams shows in ``heard``."""

        async def hear(message: Msg) -> None:
            self.heard.append(message.subject)

        for everything in ("opsrail.>", "$KV.>", "$O.>"):
            await self.platform.nc.subscribe(everything, cb=hear)
        await flushed(self.platform)

    async def settle(self, *buses: Bus) -> None:
        """Return once what these have sent is with those that hear it."""
        for bus in (*buses, self.platform):
            await flushed(bus)


async def flushed(bus: Bus) -> None:
    """The server has all that was sent. nats-py's ping overtakes what is still in its buffer, so there are two."""
    await bus.nc.flush(PATIENCE.seconds)
    await bus.nc.flush(PATIENCE.seconds)


async def settled(bus: Bus) -> None:
    """It is connected: nats-py forgets a socket that it is just opening when it is closed."""
    async with asyncio.timeout(PATIENCE.seconds):
        while bus.nc.is_reconnecting:
            await asyncio.sleep(0.01)


@pytest.fixture
async def rails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rails]:
    monkeypatch.setattr("opsrail.embedded.nats.RELOAD_PATIENCE", PATIENCE)
    elsewhere = External(database_url="postgresql://elsewhere", redis_url="redis://elsewhere")
    servers = Servers(tmp_path / "data", external=elsewhere)
    async with servers as endpoints:
        platform = await connected(endpoints.nats_url)
        rails = Rails(servers, endpoints, platform)
        await ensure_streams(platform.js, replicas=1)
        for org in (OURS, THEIRS):
            await ensure_artifacts(platform.js, org, replicas=1)
            await rails.install(ci.manifest, org)
        await rails.install(SIBLING, OURS)
        await rails.users.admit(SPECS)
        yield rails
        for bus in (*rails.opened, platform):
            await bus.close()


def refusals_of(bus: Bus) -> list[Refusal]:
    seen: list[Refusal] = []

    async def note(refusal: Refusal) -> None:
        seen.append(refusal)

    bus.refused.add(note)
    return seen


async def answering(bus: Bus, subject: str) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b"{}")

    await bus.nc.subscribe(subject, queue="q", cb=answer)
    await flushed(bus)


async def test_an_agent_can_do_its_work(rails: Rails, tmp_path: Path) -> None:
    agent, platform = await rails.connect(SPECS[0]), rails.platform
    refused = refusals_of(agent)
    run = str(uuid.uuid4())

    event = subjects.event(OURS, "dev.cdevents.pipelinerun.started.0.3.0")
    assert not (await agent.publish(event, b"[]", message_id="m")).duplicate
    assert (await agent.publish(event, b"[]", message_id="m")).duplicate

    pull = Pull(agent, subjects.ACTIONS, subjects.actions_consumer(OURS, "ci"))
    waiting = asyncio.create_task(pull.next())
    await platform.publish(subjects.action(OURS, "ci", "run_pipeline"), b"command")
    message = await waiting
    await message.in_progress()
    await message.ack_sync(timeout=PATIENCE.seconds)
    await pull.close()

    status = subjects.run_status(OURS, "ci", run)
    claimed = await agent.publish_fenced(subjects.RUNS, status, b"{}", message_id="s", expect=0)
    stored = await agent.last(subjects.RUNS, status)
    assert stored is not None
    assert stored.sequence == claimed.sequence

    assert await agent.kv.put(subjects.HEARTBEATS_BUCKET, subjects.heartbeat_key(OURS, "ci", "i"), b"beat")
    lease = subjects.event_lease(OURS, "ci", "d")
    assert await agent.kv.create(subjects.LEASES_BUCKET, lease, b"me", ttl=timedelta(minutes=1))
    assert await agent.kv.create(subjects.LEASES_BUCKET, lease, b"me", ttl=timedelta(minutes=1)) is None
    follow = agent.kv.follow(subjects.SPECS_BUCKET, subjects.spec_key(OURS, "ci"))
    assert await anext(follow) is None
    await platform.kv.put(subjects.SPECS_BUCKET, subjects.spec_key(OURS, "ci"), b"spec")
    assert await anext(follow) == b"spec"
    await follow.aclose()

    file = tmp_path / "artifact"
    file.write_bytes(bytes(300_000))
    bucket = subjects.artifacts_bucket(OURS)
    await agent.objects.store(bucket, "name", file)
    assert sum([len(chunk) async for chunk in platform.objects.read(bucket, "name")]) == 300_000

    await answering(platform, subjects.query("*", subjects.CORE_SERVICE, "ping"))
    assert await agent.query(OURS, "core", "ping", {}, patience=PATIENCE, correlation_id="c") == {}
    await answering(agent, subjects.query(OURS, "ci", ci.manifest.queries[0].name))
    asked = platform.query(OURS, "ci", ci.manifest.queries[0].name, {}, patience=PATIENCE, correlation_id="c")
    assert await asked == {}
    for verb in ("$SRV.PING", "$SRV.INFO.ci"):
        await answering(agent, verb)
        assert (await platform.nc.request(verb, timeout=PATIENCE.seconds)).data == b"{}"
    assert refused == []


PUBLISHED = [
    subjects.event(THEIRS, "dev.cdevents.pipelinerun.started.0.3.0"),
    subjects.event(OURS, "io.opsrail.run.succeeded.v1"),
    subjects.request(OURS, "cd", "deploy"),
    subjects.request(THEIRS, "ci", "run_pipeline"),
    subjects.action(OURS, "ci", "run_pipeline"),
    subjects.run_cancel(OURS, "ci", "r"),
    subjects.run_status(OURS, "sibling", "r"),
    subjects.run_log(OURS, "sibling", "r"),
    subjects.run_artifact(OURS, "sibling", "r"),
    subjects.run_refused(OURS, "sibling", "r"),
    subjects.run_status(THEIRS, "ci", "r"),
    subjects.query(OURS, "sibling", "pipelines"),
    subjects.query(THEIRS, "core", "connection"),
    subjects.bus_refused(OURS, "sibling"),
    f"$KV.agent-specs.{OURS}.ci",
    f"$KV.agents.{OURS}.sibling.i",
    f"$KV.leases.{OURS}.sibling.event.d",
    "$KV.trust.jwks",
    f"$O.artifacts-{THEIRS}.C.x",
    f"$JS.API.CONSUMER.MSG.NEXT.ACTIONS.{OURS}-sibling-actions",
    f"$JS.API.CONSUMER.MSG.NEXT.EVENTS.{THEIRS}-ci-events",
    f"$JS.API.CONSUMER.CREATE.EVENTS.mine.opsrail.{OURS}.>",
    f"$JS.API.CONSUMER.DELETE.EVENTS.{OURS}-sibling-events",
    f"$JS.API.DIRECT.GET.KV_agent-specs.$KV.agent-specs.{OURS}.sibling",
    f"$JS.API.DIRECT.GET.RUNS.{subjects.run_status(OURS, 'sibling', 'r')}",
    f"$JS.API.DIRECT.GET.RUNS.{subjects.run_status(THEIRS, 'ci', 'r')}",
    f"$JS.ACK.ACTIONS.{OURS}-sibling-actions.1.1.1.1.1",
    "$JS.API.STREAM.DELETE.EVENTS",
    "$JS.API.STREAM.MSG.GET.EVENTS",
    "$JS.API.STREAM.PURGE.ACTIONS",
    f"$JS.API.STREAM.PURGE.OBJ_artifacts-{OURS}",
    "$JS.API.INFO",
    "$SYS.REQ.SERVER.PING",
    "_INBOX.anybody",
]
SUBSCRIBED = [
    ">",
    "opsrail.>",
    f"opsrail.{OURS}.>",
    subjects.run_cancel(OURS, "sibling", "*"),
    subjects.run_cancel(THEIRS, "ci", "*"),
    subjects.query(OURS, "sibling", "pipelines"),
    f"$KV.agent-specs.{OURS}.sibling",
    "$KV.>",
    "_INBOX.>",
    f"{subjects.inbox_prefix(OURS, 'sibling')}.>",
    "$JS.>",
    "$SYS.>",
]


async def test_whatever_is_not_in_the_manifest_is_refused(rails: Rails) -> None:
    agent = await rails.connect(SPECS[0])
    refused = refusals_of(agent)
    await rails.listen()
    for subject in PUBLISHED:
        await agent.nc.publish(subject, b"evil", reply=agent.nc.new_inbox())
    for subject in SUBSCRIBED:
        await agent.nc.subscribe(subject)
    await rails.settle(agent)
    assert [entry.subject for entry in refused if entry.operation == "publish"] == [s.lower() for s in PUBLISHED]
    assert [entry.subject for entry in refused if entry.operation == "subscription"] == [
        s.lower() for s in SUBSCRIBED
    ]
    assert rails.heard == []


async def test_an_answer_never_leaves_the_organisation_that_asked(rails: Rails) -> None:
    """A reply subject is free to choose; within one account JetStream itself would publish to it."""
    agent = await rails.connect(SPECS[0])
    lease = subjects.event_lease(OURS, "ci", "bait")
    await agent.kv.put(subjects.LEASES_BUCKET, lease, b"forged")
    await answering(rails.platform, subjects.query("*", subjects.CORE_SERVICE, "ping"))
    await rails.listen()
    targets = (
        subjects.event(THEIRS, "forged"),
        subjects.action(OURS, "sibling", "forged"),
        subjects.event(OURS, "forged"),
        "$KV.trust.jwks",
        "$JS.API.STREAM.DELETE.EVENTS",
    )
    for target in targets:
        for asked in (
            f"$JS.API.DIRECT.GET.KV_leases.$KV.leases.{lease}",
            subjects.query(OURS, "core", "ping"),
            subjects.event(OURS, "dev.cdevents.pipelinerun.started.0.3.0"),
        ):
            await agent.nc.publish(asked, b"", reply=target)
    await rails.settle(agent)
    assert not set(rails.heard) & set(targets)
    assert (await rails.platform.js.stream_info("EVENTS")).config.name == "EVENTS"


@pytest.mark.parametrize("bucket", [subjects.HEARTBEATS_BUCKET, subjects.LEASES_BUCKET])
async def test_nobody_empties_a_bucket_with_a_rollup(rails: Rails, bucket: str) -> None:
    agent = await rails.connect(SPECS[0])
    ours, theirs = (subjects.heartbeat_key(org, "ci", "i") for org in (OURS, THEIRS))
    await rails.platform.kv.put(bucket, theirs, b"theirs")
    with pytest.raises(Unavailable, match="rollup"):
        await agent.publish(f"$KV.{bucket}.{ours}", b"", headers={"Nats-Rollup": "all"})
    assert await rails.platform.kv.get(bucket, theirs)


async def test_whoever_is_not_admitted_any_more_is_cut_off_at_once(rails: Rails) -> None:
    leaving, staying = await rails.connect(SPECS[0]), await rails.connect(SPECS[2])
    seed = Path(rails.users.environment(SPECS[0], 0)["OPSRAIL_NATS_CREDENTIALS"])
    await rails.users.admit(SPECS[1:])
    assert await set_within(PATIENCE, leaving.locked_out)
    assert not leaving.nc.is_connected
    assert not seed.exists()
    assert staying.nc.is_connected
    assert staying.nc.stats["reconnects"] == 0


async def waits(platform: Bus) -> bool:
    """Whether the server has the agent's question for work."""
    info = await platform.js.consumer_info(subjects.ACTIONS, subjects.actions_consumer(OURS, "ci"))
    return bool(info.num_waiting)


async def test_a_new_organisation_disturbs_nobody(rails: Rails, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("_EXPIRES", "_SILENCE"):  # so that a pull asks again only where it was disturbed
        monkeypatch.setattr(f"opsrail_sdk.pull.{limit}", timedelta(hours=1))
    agent = await rails.connect(SPECS[0])
    pull = Pull(agent, subjects.ACTIONS, subjects.actions_consumer(OURS, "ci"))
    waiting = asyncio.create_task(pull.next())
    async with asyncio.timeout(PATIENCE.seconds):
        while not await waits(rails.platform):
            await asyncio.sleep(0.02)
    said = agent.nc.stats["out_msgs"]
    newcomer = spec_of(ci.manifest, str(uuid.UUID(int=3)))
    await rails.users.admit([*SPECS, newcomer])
    assert (await rails.connect(newcomer)).nc.is_connected
    await rails.platform.publish(subjects.action(OURS, "ci", "run_pipeline"), b"command")
    assert (await waiting).data == b"command"
    assert agent.nc.stats["out_msgs"] == said  # it was not asked for again
    assert agent.nc.stats["reconnects"] == 0
    await pull.close()


async def test_a_killed_server_knows_its_users_when_it_comes_back(rails: Rails) -> None:
    agent = await rails.connect(SPECS[0])
    child = rails.servers.children["nats"]
    assert child.pid is not None
    back = asyncio.Event()

    async def note() -> None:
        back.set()

    agent.reconnected.add(note)

    os.kill(child.pid, signal.SIGKILL)
    assert await set_within(PATIENCE, back)
    assert not agent.locked_out.is_set()


async def test_a_configuration_that_the_server_refuses_is_taken_back(
    rails: Rails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opsrail.embedded.nats.RELOAD_PATIENCE", timedelta(seconds=1))
    broken = SPECS[0].model_copy(update={"access": SPECS[0].access.model_copy(update={"publish": ("a..b",)})})  # type: ignore[union-attr]
    with pytest.raises(TimeoutError):
        await rails.users.admit([*SPECS[1:], broken])
    await rails.servers.restart("nats")
    assert (await rails.connect(SPECS[0])).nc.is_connected
    await settled(rails.platform)


async def test_the_log_of_the_server_tells_of_what_it_refused(rails: Rails) -> None:
    agent = await rails.connect(SPECS[0])
    told: asyncio.Queue[Msg] = asyncio.Queue()
    log = rails.servers.bus_log
    assert log is not None
    await rails.platform.nc.subscribe("opsrail.*.refused.*", cb=told.put)
    telling = asyncio.create_task(log.tell(rails.platform))
    await agent.nc.publish("evil.subject", b"")
    message = await within(PATIENCE, told.get())
    assert message.subject == subjects.bus_refused(OURS, "ci")
    assert orjson.loads(message.data) == {"operation": "publish", "subject": "evil.subject", "seen": "server"}
    await end(telling)
