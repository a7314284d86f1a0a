"""``/v1/organisations``, ``/v1/organisation`` and ``/v1/roles``."""

from typing import Annotated

from fastapi import APIRouter, Path, status

from opsrail.auth.dependencies import Admin, Reader, Services, Transaction
from opsrail.auth.login import current
from opsrail.auth.models import CustomRole, Organisation
from opsrail.auth.principal import Scope
from opsrail.auth.repository import organisations_of
from opsrail.auth.roles import BUILT_IN
from opsrail.container import Container
from opsrail.idempotency import IdempotentRoute
from opsrail.organisations import service
from opsrail.organisations.provision import provision
from opsrail.organisations.schemas import (
    OrganisationChange,
    OrganisationCreate,
    OrganisationCreated,
    OrganisationList,
    OrganisationView,
    RoleList,
    RolePut,
    RoleView,
)
from opsrail.problem import COMMON_RESPONSES

router = APIRouter(tags=["organisations"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)

RolePath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,39}$", description="Name of the role")]


@router.post("/organisations", status_code=status.HTTP_201_CREATED)
async def create_organisation(principal: Admin, services: Services, body: OrganisationCreate) -> OrganisationCreated:
    """Make an organisation; administrators of the first one alone may."""
    async with services.database.across() as session:
        organisation, token = await service.create(session, principal, body)
    await provision(services, organisation.org_id)
    return OrganisationCreated(**OrganisationView.model_validate(organisation).model_dump(), token=token)


@router.get("/organisations")
async def list_organisations(principal: Reader, services: Services) -> OrganisationList:
    """Those that the caller's login opens; for a token or a machine its own."""
    return OrganisationList(items=await _opened(services, principal))


@router.get("/organisation")
async def get_organisation(principal: Reader, session: Transaction) -> OrganisationView:
    """The caller's present organisation."""
    return OrganisationView.model_validate(await session.get_one(Organisation, principal.org_id))


@router.patch("/organisation")
async def rename_organisation(principal: Admin, session: Transaction, body: OrganisationChange) -> OrganisationView:
    """Change its title; the slug stays."""
    return OrganisationView.model_validate(await service.rename(session, principal, body.title))


@router.get("/roles")
async def list_roles(_: Reader, session: Transaction) -> RoleList:
    """The built-in roles and the organisation's own."""
    built_in = [
        RoleView(name=role.name, title=role.name.capitalize(), scopes=sorted(role.scopes), parent=None, built_in=True)
        for role in BUILT_IN.values()
    ]
    return RoleList(items=built_in + [_role(role) for role in await service.custom_roles(session)])


@router.put("/roles/{name}")
async def put_role(
    principal: Admin, session: Transaction, services: Services, name: RolePath, body: RolePut
) -> RoleView:
    """Make or replace a custom role; it takes effect for its holders within five seconds."""
    role = await service.put_role(session, principal, name, body)
    services.authenticator.forget_organisation(principal.org_id)
    return _role(role)


@router.delete("/roles/{name}", status_code=status.HTTP_204_NO_CONTENT)
async def remove_role(principal: Admin, session: Transaction, name: RolePath) -> None:
    """Forget a custom role that nobody has."""
    await service.remove_role(session, principal, name)


async def _opened(services: Container, principal: Reader) -> list[OrganisationView]:
    async with services.database.across() as session:
        if principal.session is None:
            idents = [principal.org_id]
        else:
            kept = await current(session, principal)
            idents = [row.org_id for row in await organisations_of(session, kept.user_id, kept.provider_id)]
        return [OrganisationView.model_validate(await session.get_one(Organisation, ident)) for ident in idents]


def _role(role: CustomRole) -> RoleView:
    scopes = [Scope(scope) for scope in role.scopes]
    return RoleView(name=role.name, title=role.title, scopes=scopes, parent=role.parent, built_in=False)
