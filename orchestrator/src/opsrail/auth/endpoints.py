"""``/v1/me`` and ``/v1/tokens``."""

import uuid

from fastapi import APIRouter, status

from opsrail.auth import repository, service
from opsrail.auth.dependencies import Reader, Services, Transaction
from opsrail.auth.models import Token
from opsrail.auth.principal import Scope
from opsrail.auth.schemas import Me, TokenCreate, TokenCreated, TokenView
from opsrail.errors import NotFound
from opsrail.idempotency import IdempotentRoute
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.problem import COMMON_RESPONSES

router = APIRouter(tags=["tokens"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)


@router.get("/me")
async def me(principal: Reader) -> Me:
    """Who the caller is, and what it may do."""
    return Me(
        org_id=principal.org_id,
        org=principal.org_slug,
        principal=principal.id,
        kind=principal.kind,
        person=principal.person,
        name=principal.name,
        scopes=sorted(principal.scopes),
        roles=sorted(principal.roles),
    )


@router.post("/tokens", status_code=status.HTTP_201_CREATED)
async def create_token(principal: Reader, session: Transaction, body: TokenCreate) -> TokenCreated:
    """Make a token. Its text is in this answer and nowhere else, ever.

    Administrators make any; a person who is logged in makes some for itself, with no scope beyond its own. A token
    of a person ends when the person leaves, and never does more than the person may.
    """
    service.check_may_make_tokens(principal)
    token, text = await service.create_token(
        session, by=principal, name=body.name, scopes=body.scopes, expires_at=body.expires_at
    )
    return TokenCreated(**TokenView.model_validate(token).model_dump(), token=text)


@router.get("/tokens")
async def list_tokens(principal: Reader, session: Transaction, page: Paging) -> Page[TokenView]:
    """Living tokens, newest first: all for administrators, else one's own."""
    service.check_may_make_tokens(principal)
    owner = None if principal.may(Scope.ADMIN) else service.owner_of(principal)
    rows = await repository.list_tokens(session, page, owner)
    return page.page(rows, lambda row: Cursor(row.created_at, str(row.id)), _view)


@router.delete("/tokens/{token_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_token(principal: Reader, session: Transaction, services: Services, token_id: str) -> None:
    """Revoke a token, or the very token one calls with; this replica notices at once, others within five seconds."""
    if principal.id != f"token:{token_id}":
        service.check_may_make_tokens(principal)
    ident: uuid.UUID | None = uuid_or_none(token_id)
    if ident is None:
        raise NotFound("no such token")
    await service.revoke_token(session, by=principal, token_id=ident)
    services.authenticator.forget(ident)


def _view(token: Token) -> TokenView:
    return TokenView.model_validate(token)
