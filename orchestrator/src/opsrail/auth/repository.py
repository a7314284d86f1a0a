"""All SQL about callers: tokens, sessions, machines, and what people may do where."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.auth.models import BrowserSession, CustomRole, Machine, Membership, Organisation, Password, Token, User
from opsrail.auth.principal import Scope
from opsrail.auth.roles import BUILT_IN, Role, names_of, scopes_of
from opsrail.pagination import PageRequest


@dataclass(frozen=True)
class Standing:
    """What somebody may do in an organisation.

    Attributes:
        roles: all that they count as, parents included.
        known: every role that exists there.
    """

    scopes: frozenset[Scope]
    roles: frozenset[str]
    known: frozenset[str]


async def custom_roles(session: AsyncSession, org_id: uuid.UUID) -> dict[str, Role]:
    rows = await session.scalars(select(CustomRole).where(CustomRole.org_id == org_id))
    return {row.name: Role(row.name, frozenset(Scope(scope) for scope in row.scopes), row.parent) for row in rows}


async def standing_of(session: AsyncSession, org_id: uuid.UUID, assigned: Collection[str]) -> Standing:
    """What these roles together give."""
    custom = await custom_roles(session, org_id)
    scopes = scopes_of(assigned, custom)
    return Standing(scopes, names_of(assigned, custom, scopes), frozenset(custom) | frozenset(BUILT_IN))


async def standing(session: AsyncSession, org_id: uuid.UUID, user_id: uuid.UUID) -> Standing | None:
    """What a person may do; ``None`` for whoever is no active member."""
    assigned = await session.scalar(
        select(Membership.roles).where(
            Membership.org_id == org_id, Membership.user_id == user_id, Membership.suspended_at.is_(None)
        )
    )
    return await standing_of(session, org_id, assigned) if assigned is not None else None


async def now(session: AsyncSession) -> datetime:
    """The database's clock."""
    moment: datetime = (await session.execute(select(func.now()))).scalar_one()
    return moment


async def find_token(session: AsyncSession, token_id: uuid.UUID) -> Row[Token, str] | None:
    """A token and its organisation's slug, whatever the organisation; needs an ``across`` session."""
    statement = (
        select(Token, Organisation.slug)
        .join(Organisation, Organisation.org_id == Token.org_id)
        .where(Token.id == token_id)
    )
    return (await session.execute(statement)).one_or_none()


async def list_tokens(session: AsyncSession, page: PageRequest, owner: uuid.UUID | None) -> list[Token]:
    """Living tokens, of one owner or of all."""
    statement = select(Token).where(Token.revoked_at.is_(None)).order_by(Token.created_at.desc(), Token.id.desc())
    if owner is not None:
        statement = statement.where(Token.owner_id == owner)
    return await _page(session, statement, Token, page)


async def revoke_token(session: AsyncSession, token_id: uuid.UUID, owner: uuid.UUID | None) -> bool:
    """Whether there was a living token of that id, and of that owner where one is given."""
    statement = update(Token).where(Token.id == token_id, Token.revoked_at.is_(None))
    if owner is not None:
        statement = statement.where(Token.owner_id == owner)
    return (await session.scalar(statement.values(revoked_at=func.now()).returning(Token.id))) is not None


async def touch_token(session: AsyncSession, token_id: uuid.UUID, *, older_than: datetime) -> None:
    """Note that a token was used, unless that was noted since ``older_than``."""
    await session.execute(
        update(Token)
        .where(Token.id == token_id, or_(Token.last_used_at.is_(None), Token.last_used_at < older_than))
        .values(last_used_at=func.now())
    )


async def find_session(session: AsyncSession, session_id: uuid.UUID) -> Row[BrowserSession, User, str] | None:
    """A session, its person and its organisation's slug; needs an ``across`` session."""
    statement = (
        select(BrowserSession, User, Organisation.slug)
        .join(User, User.id == BrowserSession.user_id)
        .join(Organisation, Organisation.org_id == BrowserSession.org_id)
        .where(BrowserSession.id == session_id)
    )
    return (await session.execute(statement)).one_or_none()


async def touch_session(session: AsyncSession, session_id: uuid.UUID, *, older_than: datetime) -> None:
    await session.execute(
        update(BrowserSession)
        .where(BrowserSession.id == session_id, BrowserSession.seen_at < older_than)
        .values(seen_at=func.now())
    )


async def find_machine(session: AsyncSession, access_key_id: str) -> Row[Machine, str] | None:
    """A machine and its organisation's slug, whatever the organisation; needs an ``across`` session."""
    statement = (
        select(Machine, Organisation.slug)
        .join(Organisation, Organisation.org_id == Machine.org_id)
        .where(Machine.access_key_id == access_key_id)
    )
    return (await session.execute(statement)).one_or_none()


async def touch_machine(session: AsyncSession, machine_id: uuid.UUID, *, older_than: datetime) -> None:
    await session.execute(
        update(Machine)
        .where(Machine.id == machine_id, or_(Machine.last_used_at.is_(None), Machine.last_used_at < older_than))
        .values(last_used_at=func.now())
    )


async def list_machines(session: AsyncSession, page: PageRequest) -> list[Machine]:
    statement = select(Machine).where(Machine.revoked_at.is_(None))
    return await _page(session, statement.order_by(Machine.created_at.desc(), Machine.id.desc()), Machine, page)


async def find_person(session: AsyncSession, email: str) -> tuple[User, str | None] | None:
    """A person by e-mail with the hash of their password, where they have one; needs an ``across`` session."""
    statement = (
        select(User, Password.hash).outerjoin(Password, Password.user_id == User.id).where(User.email == email)
    )
    row = (await session.execute(statement)).one_or_none()
    return (row[0], row[1]) if row else None


async def organisations_of(
    session: AsyncSession, user_id: uuid.UUID, provider_id: uuid.UUID | None
) -> list[Row[Any]]:
    """``org_id, slug, title`` of the organisations that a login opens, the one joined first being first.

    Without a provider those joined with the password, else the provider's own.
    """
    rows = await session.execute(
        text(
            """
            SELECT o.org_id, o.slug, o.title FROM memberships m JOIN organisations o USING (org_id)
            WHERE m.user_id = :user AND m.suspended_at IS NULL AND CASE WHEN CAST(:provider AS uuid) IS NULL
              THEN m.provider_id IS NULL
              ELSE m.org_id = (SELECT p.org_id FROM identity_providers p WHERE p.id = :provider) END
            ORDER BY m.created_at, o.org_id
            """
        ),
        {"user": user_id, "provider": provider_id},
    )
    return list(rows.all())


async def _page(
    session: AsyncSession, statement: Select[Any], table: type[Token] | type[Machine], page: PageRequest
) -> list[Any]:
    if page.after:
        statement = statement.where(tuple_(table.created_at, table.id) < (page.after.at, page.after.uuid))
    return list((await session.scalars(statement.limit(page.limit + 1))).all())
