"""``/v1/secrets``. Values are written and never read; the root key is for the instance's administrators."""

from typing import Annotated

from fastapi import APIRouter, Path, status

from opsrail.auth.dependencies import Admin, Operator, Services, Transaction
from opsrail.auth.principal import Principal
from opsrail.bootstrap import DEFAULT_SLUG
from opsrail.container import Container
from opsrail.errors import Forbidden, NotFound, Unavailable
from opsrail.idempotency import IdempotentRoute
from opsrail.pagination import Cursor, Page, Paging
from opsrail.problem import COMMON_RESPONSES
from opsrail.secrets import repository, rotation, service
from opsrail.secrets.models import Secret
from opsrail.secrets.roots.base import RootUnavailable
from opsrail.secrets.schemas import RootView, SecretPut, SecretReference, SecretView

router = APIRouter(tags=["secrets"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


@router.get("/secrets")
async def list_secrets(_: Operator, session: Transaction, page: Paging) -> Page[SecretView]:
    """Names, newest first; never values."""
    rows = await repository.page(session, page)
    return page.page(rows, lambda row: Cursor(row.created_at, row.name), _view)


@router.put("/secrets/{name}")
async def put_secret(principal: Operator, services: Services, name: Name, body: SecretPut) -> SecretView:
    """Keep a value, or a reference to where it is; connections refer to it as `{"$ref": "secret:NAME"}`."""
    if isinstance(body.value, SecretReference):
        await service.check_reference(services.resolver, principal.org_id, body.value.ref, field="value")
    sealer = await services.keyring.sealer(principal.org_id)
    async with services.database.organisation(principal.org_id) as session:
        kept = await service.put(session, sealer, principal.org_id, name, body, by=principal.id)
    return _view(kept)


@router.get("/secrets/{name}")
async def get_secret(_: Operator, session: Transaction, name: Name) -> SecretView:
    """One secret, without its value."""
    row = await repository.find(session, name)
    if row is None:
        raise NotFound("no such secret")
    return _view(row)


@router.delete("/secrets/{name}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_secret(principal: Operator, services: Services, name: Name) -> None:
    """Forget a secret. What refers to it fails from now on."""
    async with services.database.organisation(principal.org_id) as session:
        await service.remove(session, principal.org_id, name, by=principal.id)


@router.get("/root-key")
async def get_root_key(principal: Admin, services: Services) -> RootView:
    """Which version of the root key the data keys hang on."""
    return await _root_view(principal, services, rotate=False)


@router.post("/root-key/rotate")
async def rotate_root_key(principal: Admin, services: Services) -> RootView:
    """Begin a new version of the root key and move every data key to it; nothing stops meanwhile."""
    return await _root_view(principal, services, rotate=True)


async def _root_view(principal: Principal, services: Container, *, rotate: bool) -> RootView:
    if principal.org_slug != DEFAULT_SLUG:
        raise Forbidden("the root key is for the administrators of the instance", code="scope_missing")
    root, database = services.keyring.root, services.database
    try:
        found = await (
            rotation.rotate(database, root, by=principal.id) if rotate else rotation.standing(database, root)
        )
    except RootUnavailable as error:
        raise Unavailable(str(error), code="root_key_away", headers={"Retry-After": "5"}) from error
    return RootView(root=found.current, keys=found.keys, stale=found.stale)


def _view(row: Secret) -> SecretView:
    return SecretView(
        name=row.name,
        kind="value" if row.reference is None else "reference",
        reference=row.reference,
        version=row.version,
        updated_by=row.updated_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
