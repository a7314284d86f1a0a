"""What an organisation needs outside the database: its artifact store. Called at start and for each new one."""

import uuid

import structlog
from sqlalchemy import text

from opsrail.container import Container
from opsrail_sdk.streams import NoRoom, ensure_artifacts

log = structlog.get_logger()


async def provision(container: Container, org_id: uuid.UUID) -> None:
    """Make what is missing; repeating it changes nothing."""
    js, settings = container.bus.js, container.settings
    try:
        limit = settings.retention.artifact_bytes
        await ensure_artifacts(js, str(org_id), replicas=settings.nats.replicas, max_bytes=limit)
    except NoRoom as error:
        log.warning("artifacts.unbounded", why=str(error), setting="OPSRAIL_RETENTION_ARTIFACT_BYTES")
        await ensure_artifacts(js, str(org_id), replicas=settings.nats.replicas)


async def provision_all(container: Container) -> None:
    """What is missing of any organisation."""
    async with container.database.across() as session:
        found = (await session.scalars(text("SELECT org_id FROM organisations"))).all()
    for org_id in found:
        await provision(container, org_id)
