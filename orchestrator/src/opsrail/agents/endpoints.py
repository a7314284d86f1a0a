"""``/v1/agents`` and ``/v1/catalogue``."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, status
from nats.errors import Error as NatsError

from opsrail.agents import catalogue, consumers, instances, lifecycle, queries, repository, supervision
from opsrail.agents.models import Agent
from opsrail.agents.schemas import (
    AgentEnable,
    AgentInstall,
    AgentList,
    AgentUpgrade,
    AgentView,
    Backlog,
    Catalogue,
    ConfigPut,
    ConfigView,
    InstanceView,
    OfferView,
    QueryAnswer,
    QueryRequest,
)
from opsrail.auth.dependencies import Operator, Reader, Services, Transaction
from opsrail.container import Container
from opsrail.idempotency import IdempotentRoute
from opsrail.problem import COMMON_RESPONSES, response_docs
from opsrail_sdk.contracts.run import Heartbeat
from opsrail_sdk.errors import Unavailable as BusUnavailable

router = APIRouter(tags=["agents"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)

AgentId = Annotated[str, Path(max_length=64)]


@router.get("/catalogue")
async def list_catalogue(_: Reader, session: Transaction) -> Catalogue:
    """Agents whose packages are present beside the orchestrator."""
    installed = {agent.id for agent in await repository.present(session)}
    return Catalogue(
        items=[
            OfferView(id=offer.id, module=offer.module, version=offer.version, installed=offer.id in installed)
            for offer in catalogue.offers()
        ]
    )


@router.get("/agents")
async def list_agents(principal: Reader, session: Transaction, services: Services) -> AgentList:
    """Installed agents with their living instances and what waits for them."""
    agents = await repository.present(session)
    beats = await _beats(services, str(principal.org_id))
    return AgentList(items=await asyncio.gather(*(_view(services, agent, beats) for agent in agents)))


@router.post("/agents", status_code=status.HTTP_201_CREATED)
async def install_agent(principal: Operator, services: Services, body: AgentInstall) -> AgentView:
    """Install an agent. It starts and stays idle until it is enabled."""
    agent = await lifecycle.install(services, principal.org_id, body, by=principal.id)
    return await _shown(services, agent)


@router.get("/agents/{agent_id}")
async def get_agent(principal: Reader, services: Services, agent_id: AgentId) -> AgentView:
    """One agent."""
    return await _shown(services, await lifecycle.get(services, principal.org_id, agent_id))


@router.post("/agents/{agent_id}/enable")
async def enable_agent(
    principal: Operator, services: Services, agent_id: AgentId, body: AgentEnable | None = None
) -> AgentView:
    """Let it work; events that waited are handled (`replay`) or passed over (`skip`)."""
    skip = body is not None and body.backlog == "skip"
    agent = await lifecycle.enable(services, principal.org_id, agent_id, skip_backlog=skip, by=principal.id)
    return await _shown(services, agent)


@router.post("/agents/{agent_id}/disable")
async def disable_agent(principal: Operator, services: Services, agent_id: AgentId) -> AgentView:
    """Let it rest. What arrives meanwhile waits at the server."""
    return await _shown(services, await lifecycle.disable(services, principal.org_id, agent_id, by=principal.id))


@router.post("/agents/{agent_id}/upgrade", responses=response_docs(502))
async def upgrade_agent(
    principal: Operator, services: Services, agent_id: AgentId, body: AgentUpgrade | None = None
) -> AgentView:
    """Start the new version beside the old one; answered once it lives, or 502 with the reason of the rollback."""
    await lifecycle.upgrade(services, principal.org_id, agent_id, body or AgentUpgrade(), by=principal.id)
    return await _shown(services, await supervision.settled(services, principal.org_id, agent_id))


@router.delete("/agents/{agent_id}", status_code=status.HTTP_204_NO_CONTENT)
async def uninstall_agent(principal: Operator, services: Services, agent_id: AgentId) -> None:
    """Stop it and take everything of it away; its queued commands become cancelled runs."""
    await lifecycle.uninstall(services, principal.org_id, agent_id, by=principal.id)


@router.get("/agents/{agent_id}/config")
async def get_config(principal: Reader, services: Services, agent_id: AgentId) -> ConfigView:
    """The operator's settings, and the schema that they fit."""
    agent = await lifecycle.get(services, principal.org_id, agent_id)
    return _config(agent)


@router.put("/agents/{agent_id}/config")
async def put_config(principal: Operator, services: Services, agent_id: AgentId, body: ConfigPut) -> ConfigView:
    """Replace the settings; the running agent takes them over without a restart."""
    return _config(await lifecycle.configure(services, principal.org_id, agent_id, body.config, by=principal.id))


@router.post("/agents/{agent_id}/queries/{name}", responses=response_docs(502, 504))
async def ask_agent(  # noqa: PLR0917 (FastAPI fills them by name)
    principal: Reader,
    services: Services,
    request: Request,
    agent_id: AgentId,
    name: Annotated[str, Path(max_length=100)],
    body: QueryRequest,
) -> QueryAnswer:
    """Ask an agent; the answer may be remembered for as long as its manifest allows."""
    agent = await lifecycle.get(services, principal.org_id, agent_id)
    answer = await queries.ask(
        services,
        agent,
        name,
        body.input,
        correlation_id=str(request.state.correlation_id),
        asker=principal.id,
    )
    return QueryAnswer(output=answer.output, cached=answer.cached, age_seconds=round(answer.age, 3))


def _config(agent: Agent) -> ConfigView:
    return ConfigView(config=agent.config, config_schema=agent.parsed_manifest().config_schema)


async def _shown(services: Container, agent: Agent) -> AgentView:
    return await _view(services, agent, await _beats(services, str(agent.org_id), agent.id))


async def _beats(
    services: Container, org_id: str, agent_id: str | None = None
) -> dict[instances.AgentKey, list[Heartbeat]]:
    """Heartbeats; none while the bus is away, since the rest of the answer still holds."""
    try:
        async with asyncio.timeout(2):
            return await instances.living(services.bus, org_id, agent_id)
    except (BusUnavailable, NatsError, TimeoutError):
        return {}


async def _view(services: Container, agent: Agent, beats: dict[instances.AgentKey, list[Heartbeat]]) -> AgentView:
    org_id = str(agent.org_id)
    try:
        async with asyncio.timeout(2):
            events, actions = await consumers.backlog(services.bus.js, org_id, agent.id)
        backlog = Backlog(events=events, actions=actions)
    except (NatsError, TimeoutError):
        backlog = Backlog(events=None, actions=None)
    return AgentView(
        id=agent.id,
        title=agent.manifest["title"],
        version=agent.version,
        state=agent.state,
        enabled=agent.enabled,
        runtime=agent.runtime,
        module=agent.module,
        instances=[
            InstanceView(
                instance=beat.instance,
                state=beat.state,
                version=beat.version,
                started_at=beat.started_at,
                in_flight=beat.in_flight,
            )
            for beat in beats.get((org_id, agent.id), [])
        ],
        manifest=agent.manifest,
        backlog=backlog,
        error=agent.error,
        upgrading=agent.upgrade_deadline is not None,
        installed_at=agent.installed_at,
        updated_at=agent.updated_at,
    )
