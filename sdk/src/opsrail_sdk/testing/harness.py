"""Runs an agent in this process against a real nats-server, with a small orchestrator's worth of governing.

::

    async with AgentHarness(agent, nats_url) as harness:
        run = await harness.run("resize", {"name": "a"})
        assert run.status.state is RunState.SUCCEEDED
"""

import asyncio
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import ConsumerConfig, ConsumerInfo
from nats.js.errors import NotFoundError
from pydantic import SecretStr

from opsrail_sdk import capability
from opsrail_sdk.agent import Agent
from opsrail_sdk.bus import Bus, consumer_config_for_actions, consumer_config_for_events, ensure_streams
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, decode_batch, derived_id
from opsrail_sdk.contracts.run import (
    FINISHED,
    ActionCommand,
    AgentSpec,
    ArtifactStored,
    ConnectionSecret,
    Heartbeat,
    LogLine,
    RunLog,
    RunRequest,
    RunStatus,
)
from opsrail_sdk.live_context import LiveEventContext, utc_now
from opsrail_sdk.process import AgentProcess
from opsrail_sdk.settings import AgentSettings
from opsrail_sdk.streams import ensure_artifacts

PATIENCE = timedelta(seconds=90)
"""Longest wait for anything; a test that needs longer is stuck."""


@dataclass(frozen=True)
class FinishedRun:
    """All that the bus has about a run."""

    id: str
    statuses: tuple[RunStatus, ...]
    lines: tuple[LogLine, ...]
    artifacts: tuple[ArtifactStored, ...]

    @property
    def status(self) -> RunStatus:
        return self.statuses[-1]

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)


class Orchestration:
    """What the orchestrator does for agents, for one organisation: streams, consumers, keys, commands."""

    def __init__(self, bus: Bus, org: str) -> None:
        self.bus = bus
        self.org = org
        self.key = Ed25519PrivateKey.generate()
        self.kid = uuid.uuid4().hex[:8]
        self.connections: dict[str, ConnectionSecret] = {}
        self._generation = 1
        self._core: Subscription | None = None

    async def prepare(self) -> None:
        await ensure_streams(self.bus.js, replicas=1)
        await ensure_artifacts(self.bus.js, self.org, replicas=1)
        await self.trust()
        await self.core_comes()

    async def trust(self) -> None:
        """Publish the key that commands are signed with."""
        jwks = {"keys": [capability.public_jwk(self.key.public_key(), self.kid)]}
        await self.bus.kv.put(subjects.TRUST_BUCKET, subjects.JWKS_KEY, orjson.dumps(jwks))

    async def core_comes(self) -> None:
        """The orchestrator answers from now on."""
        self._core = await self.bus.nc.subscribe(
            subjects.query(self.org, subjects.CORE_SERVICE, "connection"), cb=self._open_connection
        )

    async def core_goes(self) -> None:
        """The orchestrator is away from now on: nobody opens connections."""
        if self._core is not None:
            await self._core.unsubscribe()
            await self.bus.nc.flush()

    async def install(self, agent: Agent) -> None:
        """Make the agent's durable consumers."""
        for stream, config in (
            (subjects.EVENTS, consumer_config_for_events(agent.manifest, self.org)),
            (subjects.ACTIONS, consumer_config_for_actions(agent.manifest, self.org)),
        ):
            if config is not None:
                await self.bus.js.add_consumer(stream, config=config)

    async def want(self, agent: Agent, *, enabled: bool = True, config: Mapping[str, Any] | None = None) -> None:
        """Write the agent's spec."""
        spec = AgentSpec(
            org_id=self.org,
            agent=agent.id,
            module=agent.module,
            version=agent.version,
            enabled=enabled,
            config=dict(config or {}),
        )
        await self.bus.kv.put(subjects.SPECS_BUCKET, subjects.spec_key(self.org, agent.id), spec.encode())

    def command(
        self, agent: Agent, action: str, input: Mapping[str, Any], *, dry_run: bool = False, run_id: str | None = None
    ) -> ActionCommand:
        """A governed command, not sent yet."""
        ident = run_id or str(uuid.uuid4())
        token = capability.mint(
            self.key,
            self.kid,
            org_id=self.org,
            agent=agent.id,
            action=action,
            input=input,
            run_id=ident,
            decision_id=str(uuid.uuid4()),
            lifetime=timedelta(minutes=10),
            dry_run=dry_run,
        )
        return ActionCommand(
            run_id=ident,
            org_id=self.org,
            agent=agent.id,
            action=action,
            input=dict(input),
            dry_run=dry_run,
            capability=token,
            correlation_id=str(uuid.uuid4()),
            requested_at=utc_now(),
        )

    async def send(self, command: ActionCommand, *, message_id: str | None = None) -> None:
        await self.bus.publish(
            subjects.action(self.org, command.agent, command.action),
            command.encode(),
            message_id=message_id or command.run_id,
        )

    async def cancel(self, command: ActionCommand) -> None:
        await self.bus.publish(
            subjects.run_cancel(self.org, command.agent, command.run_id), b"{}", message_id=f"{command.run_id}:cancel"
        )

    async def finished(self, run_id: str) -> FinishedRun:
        """Wait for the run's final status.

        Raises:
            TimeoutError: it does not come.
        """
        subject = f"opsrail.{self.org}.run.*.{run_id}.>"
        subscription = await self.bus.js.subscribe(subject, ordered_consumer=True)
        statuses: list[RunStatus] = []
        lines: list[LogLine] = []
        artifacts: list[ArtifactStored] = []
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                while not statuses or statuses[-1].state not in FINISHED:
                    message = await subscription.next_msg(timeout=PATIENCE.total_seconds())
                    kind = message.subject.rsplit(".", 1)[1]
                    if kind == "status":
                        statuses.append(RunStatus.model_validate_json(message.data))
                    elif kind == "log":
                        lines.extend(RunLog.model_validate_json(message.data).lines)
                    elif kind == "artifact":
                        artifacts.append(ArtifactStored.model_validate_json(message.data))
        finally:
            await subscription.unsubscribe()
        return FinishedRun(run_id, tuple(statuses), tuple(lines), tuple(artifacts))

    async def told(self, subject: str) -> bytes:
        """Wait for a message on a subject of ``RUNS``; the first.

        Raises:
            TimeoutError: none comes.
        """
        subscription = await self.bus.js.subscribe(subject, ordered_consumer=True)
        try:
            return (await subscription.next_msg(timeout=PATIENCE.total_seconds())).data
        finally:
            await subscription.unsubscribe()

    async def heartbeat(self, agent: str, *states: str) -> Heartbeat:
        """Wait for a heartbeat of the agent that says one of these states.

        Raises:
            TimeoutError: none comes.
        """
        keys = f"{self.org}.{agent}.*"
        async with (
            asyncio.timeout(PATIENCE.total_seconds()),
            aclosing(self.bus.kv.watch(subjects.HEARTBEATS_BUCKET, keys)) as changes,
        ):
            async for state in changes:
                for body in state.values():
                    beat = Heartbeat.model_validate_json(body)
                    if beat.state in states:
                        return beat
        raise TimeoutError

    async def requests(self) -> list[RunRequest]:
        """Every run that was asked for and is still in the queue."""
        return [RunRequest.model_validate_json(body) for body in await self._bodies(subjects.REQUESTS)]

    async def events(self, event_type: str) -> list[CloudEvent]:
        """Every event of a type on the bus."""
        bodies = await self._bodies(subjects.EVENTS, subjects.event(self.org, event_type))
        return [event for body in bodies for event in decode_batch(body)]

    async def _bodies(self, stream: str, subject: str = ">") -> list[bytes]:
        info = await self.bus.js.stream_info(stream)
        bodies: list[bytes] = []
        for sequence in range(info.state.first_seq, info.state.last_seq + 1):
            with suppress(NotFoundError):
                stored = await self.bus.js.get_msg(stream, seq=sequence)
                if subject in {">", stored.subject}:
                    bodies.append(stored.data or b"")
        return bodies

    async def _open_connection(self, message: Msg) -> None:
        secret = self.connections.get(orjson.loads(message.data)["connection"])
        if secret is None:
            headers = {"Nats-Service-Error-Code": "not_found", "Nats-Service-Error": "no such connection"}
            await self.bus.nc.publish(message.reply, b"", headers=headers)
        else:
            await self.bus.nc.publish(message.reply, secret.encode())


def _delivered(info: ConsumerInfo) -> int:
    return info.delivered.stream_seq if info.delivered else 0


class AgentHarness:
    """One agent, running here, in an organisation of its own."""

    def __init__(
        self,
        agent: Agent,
        nats_url: str,
        *,
        config: Mapping[str, Any] | None = None,
        org: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.agent = agent
        self.org = org or str(uuid.uuid4())
        self._url = nats_url
        self._config = config
        self._extra = dict(settings or {})
        self._scratch = tempfile.TemporaryDirectory(prefix="opsrail-harness-")
        self.orchestration: Orchestration
        self.process: AgentProcess

    async def __aenter__(self) -> Self:
        self._bus = await Bus.connect(self._url, name="harness", patience=PATIENCE, answer=PATIENCE)
        self.orchestration = Orchestration(self._bus, self.org)
        await self.orchestration.prepare()
        await self.orchestration.install(self.agent)
        await self.orchestration.want(self.agent, config=self._config)
        settings = AgentSettings(
            **{
                "nats_url": SecretStr(self._url),
                "org": self.org,
                "agent_instance": f"test-{uuid.uuid4().hex[:8]}",
                "workdir": Path(self._scratch.name),
                "grace": timedelta(seconds=2),
                "cancel_grace": PATIENCE,
                "retry_base": timedelta(milliseconds=20),
                **self._extra,
            }
        )
        self._agent_bus = await Bus.connect(self._url, name=settings.agent_instance, patience=PATIENCE)
        self.process = AgentProcess(self.agent, settings, self._agent_bus)
        self._task = asyncio.create_task(self.process.run())
        await self.orchestration.heartbeat(self.agent.id, "ready", "failing")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.process.stop()
        try:
            await self._task
        finally:
            await self._agent_bus.close()
            await self._bus.close()
            self._scratch.cleanup()

    async def run(self, action: str, input: Mapping[str, Any], *, dry_run: bool = False) -> FinishedRun:
        """Order an action and wait for its end."""
        command = self.orchestration.command(self.agent, action, input, dry_run=dry_run)
        await self.orchestration.send(command)
        return await self.orchestration.finished(command.run_id)

    async def query(self, name: str, input: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask a query.

        Raises:
            AgentError: what the agent answered.
        """
        return await self._bus.query(
            self.org, self.agent.id, name, input or {}, patience=PATIENCE, correlation_id=derived_id(name)
        )

    async def deliver(self, *events: CloudEvent) -> None:
        """Publish events and wait until the agent's consumer has nothing left to acknowledge.

        Raises:
            TimeoutError: something stays unacknowledged.
        """
        await self._bus.publish_events(self.org, events)
        await self.settled()

    async def settled(self) -> None:
        """Wait until every event delivered so far is through.

        The server tells a consumer of a new message a moment after it acknowledged storing it, so having nothing
        pending is not enough.
        """
        consumer = subjects.events_consumer(self.org, self.agent.id)
        async with asyncio.timeout(PATIENCE.total_seconds()):
            info = await self._bus.js.consumer_info(subjects.EVENTS, consumer)
            last = await self._last_for(info.config)
            while info.num_pending or info.num_ack_pending or _delivered(info) < last:
                await asyncio.sleep(0.01)
                info = await self._bus.js.consumer_info(subjects.EVENTS, consumer)

    async def _last_for(self, config: ConsumerConfig) -> int:
        """Sequence of the newest event that the consumer takes, 0 where there is none."""
        last = 0
        for subject in config.filter_subjects or [config.filter_subject or ">"]:
            with suppress(NotFoundError):
                message = await self._bus.js.get_last_msg(subjects.EVENTS, subject)
                last = max(last, message.seq or 0)
        return last

    def event_context(self, event: CloudEvent) -> LiveEventContext[Any]:
        """The context that a listener gets for this event, to call it by hand."""
        return LiveEventContext(
            self._bus,
            org_id=self.org,
            agent_id=self.agent.id,
            config=lambda: self.agent.config.model_validate(dict(self._config or {})),
            correlation_id=derived_id(event.source, event.id),
            event=event,
            requests=frozenset(self.agent.requests),
        )
