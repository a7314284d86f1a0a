"""``/v1/members`` and ``/v1/invitations``."""

import uuid

from fastapi import APIRouter, status

from opsrail.auth.dependencies import Admin, Anybody, Reader, Services, Transaction
from opsrail.auth.principal import Scope
from opsrail.auth.service import owner_of
from opsrail.errors import Forbidden, NotFound
from opsrail.idempotency import IdempotentRoute
from opsrail.organisations import invitations, members
from opsrail.organisations.schemas import (
    Accepted,
    InvitationAccept,
    InvitationCreate,
    InvitationCreated,
    InvitationView,
    MemberChange,
    MemberView,
)
from opsrail.pagination import Cursor, Page, Paging, uuid_or_none
from opsrail.problem import COMMON_RESPONSES

router = APIRouter(tags=["people"], route_class=IdempotentRoute, responses=COMMON_RESPONSES)
public = APIRouter(tags=["people"], responses=COMMON_RESPONSES)


@router.get("/members")
async def list_members(_: Reader, session: Transaction, page: Paging) -> Page[MemberView]:
    """The organisation's people, newest first."""
    rows = await members.page(session, page)
    return page.page(rows, lambda row: Cursor(row[0].created_at, str(row[0].user_id)), _member)


@router.get("/members/{user_id}")
async def get_member(_: Reader, session: Transaction, user_id: str) -> MemberView:
    """One member."""
    return _member(await members.find(session, _user(user_id)))


@router.patch("/members/{user_id}")
async def change_member(
    principal: Admin, session: Transaction, services: Services, user_id: str, body: MemberChange
) -> MemberView:
    """Change somebody's roles, suspend them or let them back in. Their sessions here end."""
    ident = _user(user_id)
    changed = await members.change(session, principal, ident, body)
    services.authenticator.forget(ident)
    return _member(changed)


@router.delete("/members/{user_id}", status_code=status.HTTP_204_NO_CONTENT)
async def remove_member(principal: Reader, session: Transaction, services: Services, user_id: str) -> None:
    """Take somebody out, or leave. Their sessions, tokens and machines here end within five seconds."""
    ident = _user(user_id)
    if not principal.may(Scope.ADMIN) and owner_of(principal) != ident:
        raise Forbidden("this needs the scope `admin`; leaving oneself does not", code="scope_missing")
    await members.remove(session, principal, ident)
    services.authenticator.forget(ident)


@router.post("/invitations", status_code=status.HTTP_201_CREATED)
async def create_invitation(
    principal: Admin, session: Transaction, services: Services, body: InvitationCreate
) -> InvitationCreated:
    """Invite somebody. The token is in this answer and nowhere else, ever: hand it over yourself."""
    lifetime = services.settings.auth.invitation_lifetime
    made, token = await invitations.create(session, principal, email=body.email, roles=body.roles, lifetime=lifetime)
    return InvitationCreated(**InvitationView.model_validate(made).model_dump(), token=token)


@router.get("/invitations")
async def list_invitations(_: Admin, session: Transaction, page: Paging) -> Page[InvitationView]:
    """Invitations that can still be taken up, newest first."""
    rows = await invitations.page(session, page)
    return page.page(rows, lambda row: Cursor(row.created_at, str(row.id)), InvitationView.model_validate)


@router.delete("/invitations/{invitation_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_invitation(principal: Admin, session: Transaction, invitation_id: str) -> None:
    """Make an invitation void."""
    ident = uuid_or_none(invitation_id)
    if ident is None:
        raise NotFound("no such invitation")
    await invitations.revoke(session, principal, ident)


@public.post("/invitations/accept")
async def accept_invitation(caller: Anybody, services: Services, body: InvitationAccept) -> Accepted:
    """Take an invitation up; then log in. It is good once."""
    return await invitations.accept(services, caller, body)


def _user(text: str) -> uuid.UUID:
    ident = uuid_or_none(text)
    if ident is None:
        raise NotFound("no such member")
    return ident


def _member(row: members.Found) -> MemberView:
    member, user = row
    return MemberView(
        user_id=user.id,
        person=f"user:{user.id}",
        email=user.email,
        name=user.name,
        roles=member.roles,
        provider_id=member.provider_id,
        suspended_at=member.suspended_at,
        created_at=member.created_at,
    )
