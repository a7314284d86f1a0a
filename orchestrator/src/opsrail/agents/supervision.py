"""Keeps rows true to what lives: states from heartbeats, verdicts on upgrades. Called by ``workers.heartbeats``.

Every replica does this; a row lock and a comparison make each change happen once.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from opsrail.agents import instances, lifecycle, provisioning, repository, states
from opsrail.agents.announcements import announce
from opsrail.agents.models import Agent
from opsrail.container import Container
from opsrail.errors import BadGateway
from opsrail_sdk.contracts.run import Heartbeat

log = structlog.get_logger()

_LOOK_AGAIN = 0.25
_BEYOND_DEADLINE = timedelta(seconds=10)


async def review_all(
    container: Container,
    beats: Mapping[instances.AgentKey, Sequence[Heartbeat]],
    silent_for: Callable[[instances.AgentKey], timedelta],
) -> None:
    """Review every agent whose row no longer says what its heartbeats say.

    Args:
        silent_for: time since an agent's last heartbeat; zero while it has some.
    """
    now = datetime.now(UTC)
    async with container.database.across() as session:
        rows = await repository.present(session)
    for row in rows:
        key = (str(row.org_id), row.id)
        if _outdated(row, beats.get(key, ()), silent_for(key), now):
            await review(container, row.org_id, row.id, beats.get(key, ()), silent_for=silent_for(key))


async def review(
    container: Container,
    org_id: uuid.UUID,
    agent_id: str,
    beats: Sequence[Heartbeat],
    *,
    silent_for: timedelta = timedelta(0),
) -> None:
    """Bring one row in line with its heartbeats; a change is announced once, however many replicas see it."""
    now = datetime.now(UTC)
    async with container.database.organisation(org_id) as session:
        agent = await repository.lock(session, org_id, agent_id)
        if agent is None or agent.removing or not _outdated(agent, beats, silent_for, now):
            return
        if agent.upgrade_deadline is not None:
            _judge_upgrade(agent, beats, now)
        found = states.standing(agent, beats, silent_for=silent_for, now=now)
        if agent.state != found.state:
            before, agent.state = agent.state, found.state
            announce(agent, "state_changed", before=before, error=found.error)
            log.info("agents.state", agent=agent_id, before=before, state=found.state, error=found.error)
        agent.error = found.error
    await provisioning.follow(container, org_id, agent_id)


async def settled(container: Container, org_id: uuid.UUID, agent_id: str) -> Agent:
    """Wait for the verdict on a pending upgrade.

    Raises:
        BadGateway: it was rolled back, and why.
        NotFound: the agent was uninstalled meanwhile.
    """
    agent = await lifecycle.get(container, org_id, agent_id)
    give_up = (agent.upgrade_deadline or datetime.now(UTC)) + _BEYOND_DEADLINE
    while agent.upgrade_deadline is not None and datetime.now(UTC) < give_up:
        beats = await instances.living(container.bus, str(org_id), agent_id)
        await review(container, org_id, agent_id, beats.get((str(org_id), agent_id), []))
        agent = await lifecycle.get(container, org_id, agent_id)
        if agent.upgrade_deadline is not None:
            await asyncio.sleep(_LOOK_AGAIN)
    if agent.upgrade_error:
        raise BadGateway(
            f"the upgrade was rolled back to {agent.version}: {agent.upgrade_error}", code="upgrade_rolled_back"
        )
    return agent


def _outdated(agent: Agent, beats: Sequence[Heartbeat], silent_for: timedelta, now: datetime) -> bool:
    if agent.upgrade_deadline is not None and states.upgrade_verdict(agent, beats, now=now)[0] != "pending":
        return True
    found = states.standing(agent, beats, silent_for=silent_for, now=now)
    return (found.state, found.error) != (agent.state, agent.error)


def _judge_upgrade(agent: Agent, beats: Sequence[Heartbeat], now: datetime) -> None:
    verdict, reason = states.upgrade_verdict(agent, beats, now=now)
    if verdict == "pending":
        return
    tried = agent.version
    agent.upgrade_deadline = None
    if verdict == "rollback" and agent.previous is not None:
        agent.manifest = agent.previous["manifest"]
        agent.module = agent.previous["module"]
        agent.version = agent.previous["version"]
        agent.generation += 1
        agent.upgrade_error = f"the upgrade to {tried} failed: {reason}"
        announce(agent, "upgrade_failed", tried=tried, error=reason)
        log.warning("agents.upgrade_failed", agent=agent.id, tried=tried, error=reason)
    else:
        announce(agent, "upgraded")
    agent.previous = None
