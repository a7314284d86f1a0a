"""Making and revoking API tokens; the rule that nobody gives what they do not have."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, record
from opsrail.auth import repository, secret
from opsrail.auth.models import Token
from opsrail.auth.principal import Kind, Principal, Scope, included
from opsrail.errors import FieldError, Forbidden, Invalid, NotFound


async def check_reach(session: AsyncSession, by: Principal, roles: Collection[str]) -> None:
    """Refuse roles that may do more than whoever gives them.

    Raises:
        Invalid: a role that does not exist.
        Forbidden: a role with a scope that the giver lacks.
    """
    standing = await repository.standing_of(session, by.org_id, roles)
    unknown = sorted(set(roles) - standing.known)
    if unknown:
        raise Invalid(
            f"no such role: {', '.join(unknown)}",
            code="unknown_role",
            errors=[FieldError("roles", f"no role is named {name}") for name in unknown],
        )
    beyond = sorted(included(standing.scopes) - included(by.scopes))
    if beyond:
        raise Forbidden(f"you lack {', '.join(beyond)} yourself", code="scope_escalation")


def check_may_make_tokens(by: Principal) -> None:
    """Administrators make tokens; a person, logged in, makes some for itself.

    Raises:
        Forbidden: neither.
    """
    if not by.may(Scope.ADMIN) and by.kind is not Kind.USER:
        raise Forbidden("this needs the scope `admin`, or a person who is logged in", code="scope_missing")


async def create_token(
    session: AsyncSession,
    *,
    by: Principal,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
) -> tuple[Token, str]:
    """A new token and its text, which is shown this once.

    Raises:
        Forbidden: a scope that the maker does not hold.
    """
    beyond = sorted(scope for scope in scopes if not by.may(scope))
    if beyond:
        raise Forbidden(f"you lack {', '.join(beyond)} yourself", code="scope_escalation")
    token, text = new_token(by.org_id, name=name, scopes=scopes, expires_at=expires_at, created_by=by.id)
    token.owner_id = owner_of(by)
    session.add(token)
    await session.flush()
    await session.refresh(token)
    detail = {"name": name, "scopes": token.scopes, "expires_at": expires_at}
    await _note(session, by, "token.created", token.id, detail)
    return token, text


def new_token(
    org_id: uuid.UUID,
    *,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
    created_by: str,
) -> tuple[Token, str]:
    """A token row, not yet added to a session, and its text."""
    token_id = uuid.uuid4()
    text, hashed = secret.generate(token_id)
    token = Token(
        id=token_id,
        org_id=org_id,
        name=name,
        secret_hash=hashed,
        scopes=sorted(scopes),
        created_by=created_by,
        expires_at=expires_at,
    )
    return token, text


async def revoke_token(session: AsyncSession, *, by: Principal, token_id: uuid.UUID) -> None:
    """End a token for good.

    Raises:
        NotFound: no living token of that id that the caller may revoke.
    """
    owner = None if by.may(Scope.ADMIN) or by.id == f"token:{token_id}" else owner_of(by)
    if not await repository.revoke_token(session, token_id, owner):
        raise NotFound("no such token")
    await _note(session, by, "token.revoked", token_id, {})


def owner_of(principal: Principal) -> uuid.UUID | None:
    """The user behind a caller."""
    return uuid.UUID(principal.person.removeprefix("user:")) if principal.person else None


async def _note(
    session: AsyncSession, by: Principal, verb: str, token_id: uuid.UUID, detail: Mapping[str, object]
) -> None:
    entry = Entry(actor=by.id, verb=verb, target=f"token:{token_id}", outcome="succeeded", detail=detail)
    await record(session, by.org_id, entry)
