"""SQL about artifacts."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsrail.artifacts.models import Artifact
from opsrail.pagination import PageRequest


async def list_artifacts(session: AsyncSession, page: PageRequest, *, run_id: uuid.UUID | None) -> Sequence[Artifact]:
    statement = select(Artifact).order_by(Artifact.stored_at.desc(), Artifact.id.desc())
    if run_id is not None:
        statement = statement.where(Artifact.run_id == run_id)
    if page.after:
        statement = statement.where(tuple_(Artifact.stored_at, Artifact.id) < (page.after.at, page.after.id))
    return (await session.scalars(statement.limit(page.limit + 1))).all()


async def get(session: AsyncSession, org_id: uuid.UUID, artifact_id: str) -> Artifact | None:
    return await session.get(Artifact, (org_id, artifact_id))
