"""All SQL about connections."""

import uuid

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.connections.models import Connection
from opsrail.pagination import PageRequest, uuid_or_none


async def find(session: AsyncSession, ident: uuid.UUID, *, lock: bool = False) -> Connection | None:
    statement = select(Connection).where(Connection.id == ident)
    return (await session.scalars(statement.with_for_update() if lock else statement)).one_or_none()


async def find_named(session: AsyncSession, id_or_name: str) -> Connection | None:
    """By id, else by name; the session fences the organisation in."""
    ident = uuid_or_none(id_or_name)
    found = await find(session, ident) if ident else None
    if found is None:
        found = (await session.scalars(select(Connection).where(Connection.name == id_or_name))).one_or_none()
    return found


async def page(session: AsyncSession, request: PageRequest, kind: str | None) -> list[Connection]:
    statement = select(Connection).order_by(Connection.created_at.desc(), Connection.id.desc())
    if kind:
        statement = statement.where(Connection.kind == kind)
    if request.after:
        after = (request.after.at, request.after.uuid)
        statement = statement.where(tuple_(Connection.created_at, Connection.id) < after)
    return list((await session.scalars(statement.limit(request.limit + 1))).all())


async def remove(session: AsyncSession, ident: uuid.UUID) -> bool:
    """Whether there was one."""
    statement = delete(Connection).where(Connection.id == ident).returning(Connection.id)
    return (await session.scalar(statement)) is not None
