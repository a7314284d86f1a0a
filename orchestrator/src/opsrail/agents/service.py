"""What others call: ``ensure_builtin`` at each start."""

import asyncio
import uuid

import structlog

from opsrail.agents import catalogue, lifecycle, repository
from opsrail.agents.catalogue import Offer
from opsrail.agents.models import Agent
from opsrail.agents.schemas import AgentInstall, AgentUpgrade
from opsrail.container import Container
from opsrail.errors import Conflict, OrchestratorError

log = structlog.get_logger()

_BY = "bootstrap"


async def ensure_builtin(container: Container, org_id: uuid.UUID) -> None:
    """Install and enable every agent on offer that is not installed, and upgrade those of another version.

    What was uninstalled stays away until somebody installs it. Where there is nothing to do, no agent's process is
    started to read its manifest. An agent that cannot be installed is logged, and keeps nobody else from starting.
    """
    async with container.database.organisation(org_id) as session:
        present = {agent.id: agent for agent in await repository.present(session)}
        removed = await repository.removed(session, org_id)
    await asyncio.gather(
        *(
            _ensure(container, org_id, offer, present[offer.id].version if offer.id in present else None)
            for offer in catalogue.offers()
            if (_lags(present[offer.id], offer) if offer.id in present else offer.id not in removed)
        )
    )


def _lags(agent: Agent, offer: Offer) -> bool:
    return agent.runtime == "process" and agent.version != offer.version


async def _ensure(container: Container, org_id: uuid.UUID, offer: Offer, version: str | None) -> None:
    try:
        if version is None:
            await lifecycle.install(container, org_id, AgentInstall(module=offer.module), by=_BY)
            await lifecycle.enable(container, org_id, offer.id, skip_backlog=False, by=_BY)
            log.info("agents.installed", agent=offer.id, version=offer.version)
        else:
            await lifecycle.upgrade(container, org_id, offer.id, AgentUpgrade(module=offer.module), by=_BY)
            log.info("agents.upgrading", agent=offer.id, before=version, version=offer.version)
    except Conflict:
        log.info("agents.elsewhere", agent=offer.id)
    except OrchestratorError as error:
        log.warning("agents.not_installed", agent=offer.id, why=error.detail, code=error.code)
