"""``/v1/identity-providers``."""

from fastapi import APIRouter, status

from opsrail.auth.dependencies import Admin, Services, Transaction
from opsrail.idempotency import IdempotentRoute
from opsrail.organisations import providers
from opsrail.organisations.schemas import ProviderChange, ProviderCreate, ProviderList, ProviderView
from opsrail.pagination import uuid_or_none
from opsrail.problem import COMMON_RESPONSES

router = APIRouter(tags=["people"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)


@router.post("/identity-providers", status_code=status.HTTP_201_CREATED)
async def create_provider(
    principal: Admin, session: Transaction, services: Services, body: ProviderCreate
) -> ProviderView:
    """Trust an OpenID provider. Register `<our address>/v1/oidc/<id>/callback` there."""
    allow_private = services.settings.connections.allow_private
    sealer = await services.keyring.sealer(principal.org_id)
    made = await providers.create(session, sealer, principal, body, allow_private=allow_private)
    return ProviderView.model_validate(made)


@router.get("/identity-providers")
async def list_providers(_: Admin, session: Transaction) -> ProviderList:
    """The organisation's providers, by name; secrets are never shown."""
    return ProviderList(items=[ProviderView.model_validate(row) for row in await providers.listed(session)])


@router.patch("/identity-providers/{provider_id}")
async def change_provider(
    principal: Admin, session: Transaction, services: Services, provider_id: str, body: ProviderChange
) -> ProviderView:
    """Change a provider; roles of its people follow at their next login."""
    sealer = await services.keyring.sealer(principal.org_id)
    changed = await providers.change(session, sealer, principal, uuid_or_none(provider_id), body)
    return ProviderView.model_validate(changed)


@router.delete("/identity-providers/{provider_id}", status_code=status.HTTP_204_NO_CONTENT)
async def remove_provider(principal: Admin, session: Transaction, services: Services, provider_id: str) -> None:
    """Forget a provider; sessions that came through it end within five seconds."""
    await providers.remove(session, principal, uuid_or_none(provider_id))
    services.authenticator.forget_organisation(principal.org_id)
