"""``/v1/agents/{id}/credentials``: how agents that run elsewhere log in to the bus."""

from fastapi import APIRouter, status

from opsrail.agents import provisioning
from opsrail.auth.dependencies import Operator, Reader, Services, Transaction
from opsrail.bus_credentials import repository, revocation, service
from opsrail.bus_credentials.schemas import CredentialCreated, CredentialList, CredentialView
from opsrail.idempotency import IdempotentRoute
from opsrail.pagination import uuid_or_none
from opsrail.problem import COMMON_RESPONSES

router = APIRouter(tags=["agents"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)


@router.post("/agents/{agent_id}/credentials", status_code=status.HTTP_201_CREATED)
async def mint_credential(principal: Operator, services: Services, agent_id: str) -> CredentialCreated:
    """Mint a credential for an `external` agent. The file is in this answer and nowhere else, ever."""
    async with services.database.organisation(principal.org_id) as session:
        minted = await service.mint(session, services.database, services.settings.nats, principal, agent_id)
    await provisioning.follow_if_reachable(services, principal.org_id, agent_id)
    return minted


@router.get("/agents/{agent_id}/credentials")
async def list_credentials(_: Reader, session: Transaction, agent_id: str) -> CredentialList:
    """Credentials of an agent, newest first."""
    rows = await repository.of_agent(session, agent_id)
    return CredentialList(items=[CredentialView.model_validate(row) for row in rows])


@router.delete("/agents/{agent_id}/credentials/{credential_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_credential(principal: Operator, services: Services, agent_id: str, credential_id: str) -> None:
    """Revoke a credential; whoever is connected with it is cut off at once.

    On an outside NATS that takes its operator's key (`OPSRAIL_NATS_OPERATOR_SEED`); without it the credential ends
    when it expires.
    """
    async with services.database.organisation(principal.org_id) as session:
        revoked = await service.revoke(session, principal, agent_id, uuid_or_none(credential_id))
    await provisioning.follow_if_reachable(services, principal.org_id, agent_id)
    await revocation.announce(services.settings.nats, [revoked])
