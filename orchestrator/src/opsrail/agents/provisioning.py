"""Makes the bus follow the rows: consumers, specs for the hosts, announcements, and the clean-up of what was removed.

Every step can be repeated. The lifecycle calls ``follow`` right after its commit; ``supervision`` calls it for
whatever was left half-way by a crash or while NATS was away.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import orjson
import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail import hints
from opsrail.agents import consumers, repository
from opsrail.agents.models import Agent
from opsrail.bus_credentials import repository as bus_credentials
from opsrail.bus_credentials import revocation
from opsrail.bus_credentials.service import carried
from opsrail.container import Container
from opsrail_sdk.bus import SequenceConflict
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.access import access_of
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.run import ActionCommand, AgentSpec, RunError, RunState, RunStatus
from opsrail_sdk.errors import Unavailable

log = structlog.get_logger()


def spec_of(agent: Agent, *, keys: tuple[str, ...] = (), carried: bool = True) -> AgentSpec:
    """What should run, as hosts and the agent itself read it.

    Args:
        keys: public NKEYs of its processes that were started elsewhere.
        carried: whether the bus carries the agent's organisation; see ``bus_credentials.service``.
    """
    return AgentSpec.model_validate(
        {
            "org_id": str(agent.org_id),
            "agent": agent.id,
            "module": agent.module,
            "version": agent.version,
            "runtime": agent.runtime,
            "enabled": agent.enabled,
            "generation": agent.generation,
            "config": agent.config,
            "access": access_of(agent.parsed_manifest(), str(agent.org_id), keys=keys) if carried else None,
        }
    )


async def follow(container: Container, org_id: uuid.UUID, agent_id: str) -> None:
    """Bring the bus in line with one row, and announce what is in its outbox.

    Raises:
        Unavailable, nats.errors.Error: the bus is away; the row stays as it is and is followed later.
    """
    async with container.database.organisation(org_id) as session:
        agent = await repository.lock(session, org_id, agent_id)
        if agent is None:
            return
        if agent.removing:
            await _clean_up(container, agent)
            await revocation.announce(container.settings.nats, await bus_credentials.of_agent(session, agent.id))
        else:
            # The consumer first: an agent that is told to begin finds everything it binds to.
            await consumers.follow(container.bus, agent)
            await _write_spec(container, await _spec(container, session, agent))
        events = [CloudEvent.model_validate(event) for event in agent.outbox]
        for event in events:
            await container.bus.publish_events(str(org_id), [event])
        if agent.removing:
            await session.delete(agent)
        elif events:
            agent.outbox = []
    await hints.changed(container.bus, org_id, "agent", agent_id)


async def follow_if_reachable(container: Container, org_id: uuid.UUID, agent_id: str) -> None:
    """Make the bus follow now. Where it is away the row stands, and is followed when it is back."""
    try:
        await follow(container, org_id, agent_id)
    except (Unavailable, NatsError, TimeoutError) as error:
        log.warning("agents.follow_later", agent=agent_id, why=str(error))


async def sweep(container: Container) -> None:
    """Follow every row that the bus lags behind, and remove specs that no row stands behind."""
    state = await _specs(container)
    async with container.database.across() as session:
        rows = await repository.everything(session)
        specs = {row: await _spec(container, session, row) for row in rows}
    wanted: dict[str, Agent] = {subjects.spec_key(str(row.org_id), row.id): row for row in rows}
    for key, row in wanted.items():
        lags = row.removing or row.outbox or state.get(key) != specs[row].encode()
        if lags or not await _consumers_there(container.bus.js, row):
            await follow(container, row.org_id, row.id)
    for key in state.keys() - wanted.keys():
        log.warning("agents.orphan_spec", key=key)
        org, _, agent_id = key.partition(".")
        await consumers.remove(container.bus.js, org, agent_id)
        await container.bus.kv.delete(subjects.SPECS_BUCKET, key)


async def _specs(container: Container) -> dict[str, bytes]:
    watching = container.bus.kv.watch(subjects.SPECS_BUCKET)
    try:
        return await anext(watching)
    finally:
        await watching.aclose()


async def _consumers_there(js: JetStreamContext, agent: Agent) -> bool:
    org, manifest = str(agent.org_id), agent.parsed_manifest()
    expected = []
    if manifest.subscriptions:
        expected.append((subjects.EVENTS, subjects.events_consumer(org, agent.id)))
    if manifest.actions:
        expected.append((subjects.ACTIONS, subjects.actions_consumer(org, agent.id)))
    for stream, name in expected:
        try:
            info = await js.consumer_info(stream, name)
        except NotFoundError:
            return False
        if bool(info.paused) == agent.enabled:
            return False
    return True


async def _spec(container: Container, session: AsyncSession, agent: Agent) -> AgentSpec:
    elsewhere = agent.runtime == "external"
    keys = await bus_credentials.nkeys_of(session, agent.org_id, agent.id) if elsewhere else ()
    return spec_of(agent, keys=keys, carried=await carried(container.database, container.settings.nats, agent.org_id))


async def _write_spec(container: Container, spec: AgentSpec) -> None:
    key, body = subjects.spec_key(spec.org_id, spec.agent), spec.encode()
    present = await container.bus.kv.get(subjects.SPECS_BUCKET, key)
    if present is None or orjson.loads(present.value) != orjson.loads(body):
        await container.bus.kv.put(subjects.SPECS_BUCKET, key, body)


async def _clean_up(container: Container, agent: Agent) -> None:
    """Stop the agent and take away what it had on the bus. Its queued commands end as cancelled runs."""
    org = str(agent.org_id)
    stopped = spec_of(agent).model_copy(update={"desired": "stopped", "enabled": False})
    key = subjects.spec_key(org, agent.id)
    await container.bus.kv.put(subjects.SPECS_BUCKET, key, stopped.encode())
    await consumers.remove(container.bus.js, org, agent.id)
    async for order, command in _queued(container.bus.js, subjects.actions_of(org, agent.id)):
        await _cancel(container, order, command)
    await container.bus.js.purge_stream(subjects.ACTIONS, subject=subjects.actions_of(org, agent.id))
    await container.bus.kv.delete(subjects.SPECS_BUCKET, key)


async def _queued(js: JetStreamContext, subject: str) -> AsyncIterator[tuple[int, ActionCommand]]:
    """Commands of one agent that are still in the work queue, by sequence; one that cannot be read is skipped."""
    sequence = 1
    while True:
        try:
            message = await js.get_msg(subjects.ACTIONS, seq=sequence, subject=subject, next=True, direct=True)
        except NotFoundError:
            return
        sequence = (message.seq or 0) + 1
        try:
            yield sequence - 1, ActionCommand.model_validate_json(message.data or b"")
        except ValidationError:
            log.warning("agents.unreadable_command", subject=message.subject, sequence=message.seq)


async def _cancel(container: Container, order: int, command: ActionCommand) -> None:
    """End a run that nobody claimed; ask the holder of a claimed one to stop."""
    reason = f"the agent {command.agent} was uninstalled"
    status = RunStatus(
        run_id=command.run_id,
        org_id=command.org_id,
        state=RunState.CANCELLED,
        at=datetime.now(UTC),
        agent=command.agent,
        order=order,
        message=reason,
        error=RunError(code="agent_uninstalled", message=reason),
    )
    names = (command.org_id, command.agent, command.run_id)
    try:
        await container.bus.publish(subjects.run_status(*names), status.encode(), expect=0)
    except SequenceConflict:
        await container.bus.publish(subjects.run_cancel(*names), status.encode())
