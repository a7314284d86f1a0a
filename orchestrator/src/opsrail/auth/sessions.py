"""Browser sessions: opened at login, rotated, listed, ended. All SQL runs in ``across`` transactions.

The browser holds ``ops_<id>_<secret>``; the database a hash of the secret. A session is rotated (ended and opened
anew) at login, when the organisation is switched and when the password changes; a change of roles ends the sessions
of the person in that organisation.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Update, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.auth import repository, secret
from opsrail.auth.address import Caller
from opsrail.auth.models import BrowserSession
from opsrail.auth.settings import AuthSettings
from opsrail.pagination import PageRequest

KNOWN_ADDRESS = timedelta(days=30)
"""An address from which a person logged in this lately is theirs; sessions are kept as long."""


@dataclass(frozen=True)
class Opened:
    """A new session and what the browser is given."""

    row: BrowserSession
    cookie: str


async def open_session(
    session: AsyncSession,
    settings: AuthSettings,
    caller: Caller,
    *,
    org_id: uuid.UUID,
    user_id: uuid.UUID,
    provider_id: uuid.UUID | None,
    replaces: uuid.UUID | None,
) -> Opened:
    """A new session; the one that it ``replaces`` ends with it."""
    if replaces is not None:
        await end(session, replaces)
    session_id = uuid.uuid4()
    cookie, hashed = secret.generate(session_id, secret.SESSION_PREFIX)
    moment = await repository.now(session)
    row = BrowserSession(
        id=session_id,
        org_id=org_id,
        user_id=user_id,
        provider_id=provider_id,
        secret_hash=hashed,
        address=caller.address,
        user_agent=caller.user_agent,
        seen_at=moment,
        expires_at=moment + settings.session_lifetime,
    )
    session.add(row)
    await session.execute(delete(BrowserSession).where(BrowserSession.expires_at < moment - KNOWN_ADDRESS))
    await session.flush()
    return Opened(row, cookie)


async def end(session: AsyncSession, session_id: uuid.UUID) -> None:
    await session.execute(_end().where(BrowserSession.id == session_id))


async def end_all(
    session: AsyncSession, user_id: uuid.UUID, *, org_id: uuid.UUID | None = None, keep: uuid.UUID | None = None
) -> None:
    """End a person's sessions, in one organisation where it is given, else those by password."""
    statement = _end().where(BrowserSession.user_id == user_id)
    if org_id is not None:
        statement = statement.where(BrowserSession.org_id == org_id)
    else:
        statement = statement.where(BrowserSession.provider_id.is_(None))
    if keep is not None:
        statement = statement.where(BrowserSession.id != keep)
    await session.execute(statement)


async def mine(session: AsyncSession, current: BrowserSession, page: PageRequest) -> list[BrowserSession]:
    """Living sessions that were opened by the same kind of proof as ``current``, newest first."""
    statement = select(BrowserSession).where(*_alike(current), BrowserSession.expires_at > func.now())
    if page.after:
        after = (page.after.at, page.after.uuid)
        statement = statement.where(tuple_(BrowserSession.created_at, BrowserSession.id) < after)
    ordered = statement.order_by(BrowserSession.created_at.desc(), BrowserSession.id.desc())
    return list((await session.scalars(ordered.limit(page.limit + 1))).all())


async def end_mine(session: AsyncSession, current: BrowserSession, session_id: uuid.UUID) -> bool:
    """Whether one of the sessions that ``mine`` lists was ended."""
    statement = _end().where(BrowserSession.id == session_id, *_alike(current))
    return (await session.scalar(statement.returning(BrowserSession.id))) is not None


async def known_address(session: AsyncSession, user_id: uuid.UUID, address: str) -> bool:
    """Whether a person logged in from this address lately."""
    found = await session.scalar(
        select(BrowserSession.id)
        .where(
            BrowserSession.user_id == user_id,
            BrowserSession.address == address,
            BrowserSession.provider_id.is_(None),
            BrowserSession.created_at > func.now() - KNOWN_ADDRESS,
        )
        .limit(1)
    )
    return found is not None


def _end() -> Update:
    return update(BrowserSession).where(BrowserSession.ended_at.is_(None)).values(ended_at=func.now())


def _alike(current: BrowserSession) -> Sequence[ColumnElement[bool]]:
    return (
        BrowserSession.user_id == current.user_id,
        BrowserSession.ended_at.is_(None),
        BrowserSession.provider_id.is_(None)
        if current.provider_id is None
        else BrowserSession.provider_id == current.provider_id,
    )
