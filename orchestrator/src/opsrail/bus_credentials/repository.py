"""All SQL on ``bus_credentials``."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.bus_credentials.models import BusCredential


async def add(session: AsyncSession, credential: BusCredential) -> None:
    session.add(credential)
    await session.flush()


async def find(session: AsyncSession, agent: str, ident: uuid.UUID) -> BusCredential | None:
    found = await session.get(BusCredential, ident)
    return found if found is not None and found.agent == agent else None


async def of_agent(session: AsyncSession, agent: str) -> Sequence[BusCredential]:
    chosen = select(BusCredential).where(BusCredential.agent == agent)
    return (await session.scalars(chosen.order_by(BusCredential.created_at.desc()))).all()


async def nkeys_of(session: AsyncSession, org_id: uuid.UUID, agent: str) -> tuple[str, ...]:
    """What the embedded server lets in besides the processes that we start."""
    chosen = select(BusCredential.public_key).where(
        BusCredential.org_id == org_id, BusCredential.agent == agent, BusCredential.kind == "nkey"
    )
    return tuple(await session.scalars(chosen.order_by(BusCredential.public_key)))


async def first_organisation(session: AsyncSession) -> uuid.UUID | None:
    found = await session.scalar(text("SELECT org_id FROM organisations ORDER BY created_at, org_id LIMIT 1"))
    return uuid.UUID(str(found)) if found else None
