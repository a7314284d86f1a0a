"""All SQL about tokens and organisations."""

import uuid
from datetime import datetime

from sqlalchemy import Row, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.auth.models import Organisation, Token
from opsrail.pagination import PageRequest


async def find_token(session: AsyncSession, token_id: uuid.UUID) -> Row[Token, str] | None:
    """A token and its organisation's slug, whatever the organisation; needs an ``across`` session."""
    statement = (
        select(Token, Organisation.slug)
        .join(Organisation, Organisation.org_id == Token.org_id)
        .where(Token.id == token_id)
    )
    return (await session.execute(statement)).one_or_none()


async def list_tokens(session: AsyncSession, page: PageRequest) -> list[Token]:
    statement = select(Token).where(Token.revoked_at.is_(None)).order_by(Token.created_at.desc(), Token.id.desc())
    if page.after:
        statement = statement.where(tuple_(Token.created_at, Token.id) < (page.after.at, uuid.UUID(page.after.id)))
    return list((await session.scalars(statement.limit(page.limit + 1))).all())


async def revoke(session: AsyncSession, token_id: uuid.UUID) -> bool:
    """Whether there was a living token of that id."""
    statement = (
        update(Token)
        .where(Token.id == token_id, Token.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(Token.id)
    )
    return (await session.scalar(statement)) is not None


async def touch(session: AsyncSession, token_id: uuid.UUID, *, older_than: datetime) -> None:
    """Note that a token was used, unless that was noted since ``older_than``."""
    await session.execute(
        update(Token)
        .where(Token.id == token_id, or_(Token.last_used_at.is_(None), Token.last_used_at < older_than))
        .values(last_used_at=func.now())
    )
