"""Members: their roles, suspending and removing them. An organisation keeps its last administrator.

What ends somebody's rights ends their sessions, tokens and machines of the organisation in the same transaction.
"""

import uuid
from typing import Any

from sqlalchemy import Row, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.audit.trail import Entry, record
from opsrail.auth import repository, sessions
from opsrail.auth.models import Machine, Membership, Organisation, Token, User
from opsrail.auth.principal import Principal
from opsrail.auth.roles import ADMIN
from opsrail.auth.service import check_reach
from opsrail.errors import Conflict, NotFound
from opsrail.organisations.schemas import MemberChange
from opsrail.pagination import PageRequest

Found = Row[Membership, User]


async def page(session: AsyncSession, wanted: PageRequest) -> list[Found]:
    """Members, the newest first."""
    statement = select(Membership, User).join(User, User.id == Membership.user_id)
    if wanted.after:
        after = (wanted.after.at, wanted.after.uuid)
        statement = statement.where(tuple_(Membership.created_at, Membership.user_id) < after)
    ordered = statement.order_by(Membership.created_at.desc(), Membership.user_id.desc())
    return list((await session.execute(ordered.limit(wanted.limit + 1))).all())


async def find(session: AsyncSession, user_id: uuid.UUID) -> Found:
    """Raises ``NotFound`` for whoever is no member."""
    statement = select(Membership, User).join(User, User.id == Membership.user_id)
    row = (await session.execute(statement.where(Membership.user_id == user_id))).one_or_none()
    if row is None:
        raise NotFound("no such member")
    return row


async def change(session: AsyncSession, by: Principal, user_id: uuid.UUID, wish: MemberChange) -> Found:
    """New roles, or suspended, or back.

    Raises:
        NotFound: no such member.
        Conflict: nobody would be left to administer.
        Forbidden, Invalid: roles beyond the giver's own, or unknown.
    """
    await _lock(session, by.org_id)
    member, _ = await find(session, user_id)
    before = await _administrators(session)
    if wish.roles is not None:
        await check_reach(session, by, wish.roles)
        member.roles = sorted(set(wish.roles))
        member.provider_id = None
    if wish.suspended is not None:
        member.suspended_at = await repository.now(session) if wish.suspended else None
    await session.flush()
    await _check_someone_is_left(session, before)
    await sessions.end_all(session, user_id, org_id=by.org_id)
    if wish.suspended:
        await _end_credentials(session, user_id)
    detail = {"roles": member.roles, "suspended": member.suspended_at is not None}
    await _note(session, by, "member.changed", user_id, detail)
    return await find(session, user_id)


async def remove(session: AsyncSession, by: Principal, user_id: uuid.UUID) -> None:
    """Take a person out of the organisation.

    Raises:
        NotFound: no such member.
        Conflict: the last administrator.
    """
    await _lock(session, by.org_id)
    member, _ = await find(session, user_id)
    before = await _administrators(session)
    await session.delete(member)
    await session.execute(text("DELETE FROM identities WHERE user_id = :user"), {"user": user_id})
    await session.flush()
    await _check_someone_is_left(session, before)
    await sessions.end_all(session, user_id, org_id=by.org_id)
    await _end_credentials(session, user_id)
    await _note(session, by, "member.removed", user_id, {})


async def _lock(session: AsyncSession, org_id: uuid.UUID) -> None:
    """Changes of one organisation's members take turns, so that two administrators cannot remove each other."""
    await session.execute(select(Organisation.org_id).where(Organisation.org_id == org_id).with_for_update())


async def _administrators(session: AsyncSession) -> int:
    statement = select(func.count()).select_from(Membership)
    return (
        await session.scalar(
            statement.where(Membership.suspended_at.is_(None), func.jsonb_exists(Membership.roles, ADMIN))
        )
        or 0
    )


async def _check_someone_is_left(session: AsyncSession, before: int) -> None:
    if before and not await _administrators(session):
        raise Conflict("the last administrator stays; give somebody else the role first", code="last_admin")


async def _end_credentials(session: AsyncSession, user_id: uuid.UUID) -> None:
    for table in (Token, Machine):
        living = update(table).where(table.owner_id == user_id, table.revoked_at.is_(None))
        await session.execute(living.values(revoked_at=func.now()))


async def _note(session: AsyncSession, by: Principal, verb: str, user_id: uuid.UUID, detail: dict[str, Any]) -> None:
    entry = Entry(actor=by.id, verb=verb, target=f"user:{user_id}", outcome="succeeded", detail=detail)
    await record(session, by.org_id, entry)
