"""Install, enable, disable, configure, upgrade, uninstall. Called by the endpoints, the CLI's API and ``bootstrap``.

Each step changes the row and its outbox in one transaction, then makes the bus follow. A crash in between is
finished by ``supervision``.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from nats.errors import Error as NatsError
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail import json_schema
from opsrail.agents import catalogue, manifest_reader, provisioning, repository
from opsrail.agents.announcements import announce
from opsrail.agents.models import Agent
from opsrail.agents.schemas import AgentInstall, AgentUpgrade
from opsrail.audit.trail import Entry, record
from opsrail.container import Container
from opsrail.errors import Conflict, FieldError, Invalid, NotFound
from opsrail_sdk import errors as sdk_errors
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.manifest import Manifest

log = structlog.get_logger()

UPGRADE_PATIENCE = timedelta(seconds=30)
"""How long a new version may take to send a heartbeat before the old one comes back."""
RUNTIMES = ("process", "external")


async def install(container: Container, org_id: uuid.UUID, body: AgentInstall, *, by: str) -> Agent:
    """Install an agent; it starts, and stays idle until it is enabled.

    Raises:
        Invalid: unknown runtime or module, unreadable or unacceptable manifest, config that breaks its schema.
        Conflict: an agent of that id is installed.
    """
    if body.runtime not in RUNTIMES:
        raise Invalid(
            f"the runtime `{body.runtime}` is not available; there are {' and '.join(RUNTIMES)}",
            code="runtime_unavailable",
            errors=[FieldError("runtime", f"one of {', '.join(RUNTIMES)}")],
        )
    manifest = await _manifest_for(body.runtime, body.module, body.manifest)
    _check_config(manifest, body.config)
    agent = Agent(
        org_id=org_id,
        id=manifest.id,
        manifest=manifest.model_dump(mode="json"),
        module=manifest.module,
        version=manifest.version,
        runtime=body.runtime,
        config=body.config,
        state="installed",
        enabled=False,
        outbox=[],
    )
    announce(agent, "installed", by=by, runtime=body.runtime)
    async with container.database.organisation(org_id) as session:
        if not await repository.add(session, agent):
            present = await repository.find(session, agent.id)
            raise Conflict(
                f"the agent `{agent.id}` is installed already"
                if present
                else f"the agent `{agent.id}` is just being uninstalled; try again shortly",
                code="agent_installed" if present else "agent_removing",
            )
        await repository.note_removed(session, org_id, agent.id, removed=False)
        await _told(session, agent, "installed", by, runtime=body.runtime, version=agent.version)
    await _follow(container, org_id, agent.id)
    return await get(container, org_id, agent.id)


async def enable(container: Container, org_id: uuid.UUID, agent_id: str, *, skip_backlog: bool, by: str) -> Agent:
    """Let it work. What arrived while it was disabled is handled now, or skipped.

    Only events are skipped: queued commands are runs that somebody asked for, and are cancelled one by one.

    Raises:
        NotFound, Conflict.
    """
    async with _changing(container, org_id, agent_id) as (session, agent):
        if not agent.enabled:
            now = datetime.now(UTC)
            agent.enabled = True
            agent.enabled_at = now
            agent.upgrade_error = None
            if skip_backlog:
                agent.events_from = now
            announce(agent, "enabled", by=by, backlog="skip" if skip_backlog else "replay")
            await _told(session, agent, "enabled", by, backlog="skip" if skip_backlog else "replay")
    await _follow(container, org_id, agent_id)
    return await get(container, org_id, agent_id)


async def disable(container: Container, org_id: uuid.UUID, agent_id: str, *, by: str) -> Agent:
    """Let it rest: its consumers pause at the server, so nothing is handled and nothing is lost.

    Raises:
        NotFound, Conflict.
    """
    async with _changing(container, org_id, agent_id) as (session, agent):
        if agent.enabled:
            agent.enabled = False
            agent.state = "disabled"
            agent.error = None
            announce(agent, "disabled", by=by)
            await _told(session, agent, "disabled", by)
    await _follow(container, org_id, agent_id)
    return await get(container, org_id, agent_id)


async def configure(
    container: Container, org_id: uuid.UUID, agent_id: str, config: dict[str, Any], *, by: str
) -> Agent:
    """Replace the config; the running agent picks it up without a restart.

    Raises:
        NotFound, Conflict.
        Invalid: with one entry per field that breaks the manifest's schema.
    """
    async with _changing(container, org_id, agent_id) as (session, agent):
        _check_config(agent.parsed_manifest(), config)
        if agent.config != config:
            await _told(session, agent, "configured", by, fields=_differing(agent.config, config))
            agent.config = config
            announce(agent, "configured", by=by)
    await _follow(container, org_id, agent_id)
    return await get(container, org_id, agent_id)


async def upgrade(container: Container, org_id: uuid.UUID, agent_id: str, body: AgentUpgrade, *, by: str) -> Agent:
    """Begin an upgrade: the new version is started beside the old one, and judged by its heartbeats.

    The answer's ``upgrade_deadline`` is set while the verdict is open; ``supervision.settled`` waits for it. The new
    manifest must still fit the present config.

    Raises:
        NotFound, Conflict.
        Invalid: as at installation; or the module holds another agent.
    """
    present = await get(container, org_id, agent_id)
    module = body.module or (None if body.manifest else present.module)
    manifest = await _manifest_for(present.runtime, module, body.manifest)
    if manifest.id != agent_id:
        raise Invalid(f"that is the agent `{manifest.id}`, not `{agent_id}`", code="another_agent")
    async with _changing(container, org_id, agent_id) as (session, agent):
        if manifest.digest() == agent.parsed_manifest().digest():
            return agent
        _check_config(manifest, agent.config)
        await _told(session, agent, "upgraded", by, before=agent.version, after=manifest.version)
        agent.previous = {"manifest": agent.manifest, "module": agent.module, "version": agent.version}
        agent.manifest = manifest.model_dump(mode="json")
        agent.module = manifest.module
        agent.version = manifest.version
        agent.generation += 1
        agent.upgrade_error = None
        if agent.runtime == "external":
            agent.previous = None
            announce(agent, "upgraded", by=by)
        else:
            agent.upgrade_deadline = datetime.now(UTC) + UPGRADE_PATIENCE
    await _follow(container, org_id, agent_id)
    return await get(container, org_id, agent_id)


async def uninstall(container: Container, org_id: uuid.UUID, agent_id: str, *, by: str) -> None:
    """Stop it and take everything of it off the bus; its queued commands become cancelled runs.

    Raises:
        NotFound: no such agent.
    """
    async with container.database.organisation(org_id) as session:
        agent = await repository.lock(session, org_id, agent_id)
        if agent is None or agent.removing:
            raise NotFound(f"no agent `{agent_id}` is installed", code="unknown_agent")
        agent.removing = True
        agent.enabled = False
        announce(agent, "uninstalled", by=by)
        await repository.note_removed(session, org_id, agent_id, removed=True)
        await _told(session, agent, "uninstalled", by)
    await _follow(container, org_id, agent_id)


async def get(container: Container, org_id: uuid.UUID, agent_id: str) -> Agent:
    """One installed agent.

    Raises:
        NotFound: it is not installed.
    """
    async with container.database.organisation(org_id) as session:
        agent = await repository.find(session, agent_id)
    if agent is None:
        raise NotFound(f"no agent `{agent_id}` is installed", code="unknown_agent")
    return agent


@asynccontextmanager
async def _changing(
    container: Container, org_id: uuid.UUID, agent_id: str
) -> AsyncIterator[tuple[AsyncSession, Agent]]:
    async with container.database.organisation(org_id) as session:
        agent = await repository.lock(session, org_id, agent_id)
        if agent is None or agent.removing:
            raise NotFound(f"no agent `{agent_id}` is installed", code="unknown_agent")
        if agent.upgrade_deadline is not None:
            raise Conflict("an upgrade is under way; wait for its outcome", code="upgrade_in_progress")
        agent.updated_at = datetime.now(UTC)
        yield session, agent


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Names alone: what an operator configures may be confidential."""
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


async def _told(session: AsyncSession, agent: Agent, verb: str, by: str, **detail: Any) -> None:
    actor = by if ":" in by else f"system:{by}"
    entry = Entry(actor=actor, verb=f"agent.{verb}", target=f"agent:{agent.id}", outcome="succeeded", detail=detail)
    await record(session, agent.org_id, entry)


async def _follow(container: Container, org_id: uuid.UUID, agent_id: str) -> None:
    """Make the bus follow now. Where it is away the change stands, and is followed when it is back."""
    try:
        await provisioning.follow(container, org_id, agent_id)
    except (sdk_errors.Unavailable, NatsError, TimeoutError) as error:
        log.warning("agents.follow_later", agent=agent_id, why=str(error))


async def _manifest_for(runtime: str, module: str | None, given: dict[str, Any] | None) -> Manifest:
    if runtime == "external":
        if given is None:
            raise Invalid(
                "an external agent is installed by its manifest, as `python -m MODULE manifest` prints it",
                code="manifest_missing",
                errors=[FieldError("manifest", "is missing")],
            )
        manifest = manifest_reader.parse(given)
    else:
        if module is None or given is not None:
            raise Invalid(
                "an agent that we start is installed by `module` alone; its manifest is read from the package",
                code="module_missing",
                errors=[FieldError("module" if module is None else "manifest", "see the message")],
            )
        if catalogue.of_module(module) is None:
            raise Invalid(
                f"no installed package offers the agent module `{module}`; see /v1/catalogue",
                code="unknown_module",
                errors=[FieldError("module", "unknown")],
            )
        manifest = await manifest_reader.read(module)
        if manifest.module != module:
            raise Invalid(
                f"the manifest names the module `{manifest.module}`, yet `{module}` printed it",
                code="manifest_invalid",
                errors=[FieldError("manifest.module", f"must be {module}")],
            )
    if manifest.id == subjects.CORE_SERVICE:
        raise Invalid(f"`{manifest.id}` is the orchestrator's own name on the bus", code="reserved_id")
    return manifest


def _check_config(manifest: Manifest, config: dict[str, Any]) -> None:
    errors = json_schema.violations(manifest.config_schema, config, field="config")
    if errors:
        raise Invalid("the config does not fit the agent's schema", code="invalid_config", errors=errors)
