"""All SQL about agents."""

import uuid

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.agents.models import Agent
from opsrail.auth.models import Organisation


async def find(session: AsyncSession, agent_id: str) -> Agent | None:
    """A present agent of the session's organisation."""
    statement = select(Agent).where(Agent.id == agent_id, Agent.removing.is_(False))
    return (await session.scalars(statement)).one_or_none()


async def lock(session: AsyncSession, org_id: uuid.UUID, agent_id: str) -> Agent | None:
    """The row, present or being removed, held until the transaction ends: lifecycle steps take turns on it."""
    statement = select(Agent).where(Agent.org_id == org_id, Agent.id == agent_id).with_for_update()
    return (await session.scalars(statement)).one_or_none()


async def present(session: AsyncSession) -> list[Agent]:
    """Present agents that the session may see."""
    statement = select(Agent).where(Agent.removing.is_(False)).order_by(Agent.org_id, Agent.id)
    return list((await session.scalars(statement)).all())


async def everything(session: AsyncSession) -> list[Agent]:
    """All rows that the session may see, those being removed too."""
    return list((await session.scalars(select(Agent))).all())


async def add(session: AsyncSession, agent: Agent) -> bool:
    """Insert; false where there is an agent of that id already, also one that somebody else is just inserting."""
    values = {
        name: getattr(agent, name)
        for name in ("org_id", "id", "manifest", "module", "version", "runtime", "config", "outbox")
    }
    statement = insert(Agent).values(values).on_conflict_do_nothing().returning(Agent.id)
    return (await session.scalar(statement)) is not None


async def removed(session: AsyncSession, org_id: uuid.UUID) -> set[str]:
    """Agents that were uninstalled, and not installed since."""
    found = await session.scalar(select(Organisation.agents_removed).where(Organisation.org_id == org_id))
    return set(found or ())


async def note_removed(session: AsyncSession, org_id: uuid.UUID, agent_id: str, *, removed: bool) -> None:
    """Remember that it was uninstalled, or forget that."""
    others = func.array_remove(Organisation.agents_removed, agent_id)
    await session.execute(
        update(Organisation)
        .where(Organisation.org_id == org_id)
        .values(agents_removed=func.array_append(others, agent_id) if removed else others)
        .execution_options(synchronize_session=False)
    )
