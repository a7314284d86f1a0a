"""``/v1/connection-kinds`` and ``/v1/connections``."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, status
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail import hints
from opsrail.audit.trail import Entry, record
from opsrail.auth.dependencies import Operator, Reader, Services, Transaction
from opsrail.auth.principal import Principal
from opsrail.connections import repository, service
from opsrail.connections.kinds import KINDS
from opsrail.connections.models import Connection
from opsrail.connections.schemas import (
    ConnectionCreate,
    ConnectionPatch,
    ConnectionView,
    ConnectionWithSecret,
    KindList,
    KindView,
    SecretRotation,
)
from opsrail.container import Container
from opsrail.errors import NotFound
from opsrail.idempotency import IdempotentRoute
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.problem import COMMON_RESPONSES

router = APIRouter(tags=["connections"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)


@router.get("/connection-kinds")
async def list_kinds(_: Reader) -> KindList:
    """Every kind of outside system that can be connected."""
    return KindList(
        items=[
            KindView(
                kind=kind.name,
                title=kind.title,
                hooks=kind.hooks,
                settings_schema=kind.schema(),
                secret_fields=kind.secrets,
                free_secrets=kind.free_secrets,
            )
            for kind in KINDS.values()
        ]
    )


@router.post("/connections", status_code=status.HTTP_201_CREATED)
async def create_connection(
    principal: Operator, services: Services, request: Request, body: ConnectionCreate
) -> ConnectionWithSecret:
    """Connect an outside system. The hook secret is in this answer and nowhere else, ever."""
    sealer = await services.keyring.sealer(principal.org_id)
    await service.check_references(services.resolver, principal.org_id, body.secrets)
    async with services.database.organisation(principal.org_id) as session:
        connection, secret = await service.create(
            session, sealer, principal.org_id, body, allow_private=_allow_private(services)
        )
        await _told(session, principal, "created", connection.id, kind=connection.kind, name=connection.name)
    await hints.changed(services.bus, connection.org_id, "connection", connection.id)
    return ConnectionWithSecret(**_view(connection, services, request).model_dump(), secret=secret)


@router.get("/connections")
async def list_connections(
    _: Reader,
    session: Transaction,
    services: Services,
    request: Request,
    page: Paging,
    kind: Annotated[str | None, Query(max_length=40)] = None,
) -> Page[ConnectionView]:
    """Connections, newest first."""
    rows = await repository.page(session, page, kind)
    return page.page(rows, lambda row: Cursor(row.created_at, str(row.id)), lambda row: _view(row, services, request))


@router.get("/connections/{connection_id}")
async def get_connection(
    _: Reader, session: Transaction, services: Services, request: Request, connection_id: str
) -> ConnectionView:
    """One connection, without its secrets."""
    connection = await repository.find(session, _ident(connection_id))
    if connection is None:
        raise NotFound("no such connection")
    return _view(connection, services, request)


@router.patch("/connections/{connection_id}")
async def change_connection(
    principal: Operator, services: Services, request: Request, connection_id: str, body: ConnectionPatch
) -> ConnectionView:
    """Change name, settings or secrets."""
    sealer = await services.keyring.sealer(principal.org_id)
    await service.check_references(services.resolver, principal.org_id, body.secrets)
    async with services.database.organisation(principal.org_id) as session:
        connection = await service.change(
            session, sealer, _ident(connection_id), body, allow_private=_allow_private(services)
        )
        changed = body.model_dump(mode="json", exclude_unset=True, exclude={"secrets"})
        await _told(session, principal, "changed", connection.id, **changed, secrets=sorted(body.secrets))
    await hints.changed(services.bus, connection.org_id, "connection", connection.id)
    return _view(connection, services, request)


@router.post("/connections/{connection_id}/rotate")
async def rotate_secret(
    principal: Operator, services: Services, request: Request, connection_id: str, body: SecretRotation | None = None
) -> ConnectionWithSecret:
    """Make a new hook secret, or take the sender's own. The old one is accepted for another 24 hours."""
    sealer = await services.keyring.sealer(principal.org_id)
    async with services.database.organisation(principal.org_id) as session:
        given = body.secret if body else None
        connection, secret = await service.rotate(session, sealer, _ident(connection_id), given)
        await _told(session, principal, "rotated", connection.id)
    await hints.changed(services.bus, connection.org_id, "connection", connection.id)
    return ConnectionWithSecret(**_view(connection, services, request).model_dump(), secret=secret)


@router.delete("/connections/{connection_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_connection(principal: Operator, services: Services, connection_id: str) -> None:
    """Forget a connection and its secrets; webhooks to it are refused from now on."""
    ident = _ident(connection_id)
    async with services.database.organisation(principal.org_id) as session:
        if not await repository.remove(session, ident):
            raise NotFound("no such connection")
        await _told(session, principal, "deleted", ident)
    await hints.changed(services.bus, principal.org_id, "connection", ident)


async def _told(session: AsyncSession, principal: Principal, verb: str, ident: uuid.UUID, **detail: Any) -> None:
    entry = Entry(
        actor=principal.id,
        verb=f"connection.{verb}",
        target=f"connection:{ident}",
        outcome="succeeded",
        detail=detail,
    )
    await record(session, principal.org_id, entry)


def _allow_private(services: Container) -> bool:
    return services.settings.connections.allow_private


def _ident(text: str) -> uuid.UUID:
    ident = uuid_or_none(text)
    if ident is None:
        raise NotFound("no such connection")
    return ident


def _view(connection: Connection, services: Container, request: Request) -> ConnectionView:
    base = str(services.settings.api.public_url or request.base_url).rstrip("/")
    return ConnectionView(
        id=connection.id,
        kind=connection.kind,
        name=connection.name,
        settings=connection.settings,
        secrets_set=sorted(connection.sealed_secrets),
        hook_url=f"{base}/v1/hooks/{connection.id}" if connection.hook_secret else None,
        created_at=connection.created_at,
        updated_at=connection.updated_at,
    )
