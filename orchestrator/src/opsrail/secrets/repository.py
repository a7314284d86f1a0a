"""All SQL about kept secrets. The session fences the organisation in."""

from collections.abc import Sequence

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.pagination import PageRequest
from opsrail.secrets.models import Secret


async def find(session: AsyncSession, name: str, *, lock: bool = False) -> Secret | None:
    statement = select(Secret).where(Secret.name == name)
    return (await session.scalars(statement.with_for_update() if lock else statement)).one_or_none()


async def page(session: AsyncSession, request: PageRequest) -> Sequence[Secret]:
    statement = select(Secret).order_by(Secret.created_at.desc(), Secret.name.desc())
    if request.after:
        statement = statement.where(tuple_(Secret.created_at, Secret.name) < (request.after.at, request.after.id))
    return (await session.scalars(statement.limit(request.limit + 1))).all()


async def remove(session: AsyncSession, name: str) -> bool:
    """Whether there was one."""
    return (await session.scalar(delete(Secret).where(Secret.name == name).returning(Secret.name))) is not None
