"""The end of artifacts, and the removal of bytes that no row speaks of. Called by ``workers.retention``."""

import uuid
from datetime import UTC, datetime, timedelta

import structlog
from nats.js.errors import NotFoundError
from nats.js.object_store import ObjectStore
from sqlalchemy import text

from opsrail.db.engine import Database
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects

log = structlog.get_logger()

ORPHANED_AFTER = timedelta(days=1)
"""An upload takes less; after this, bytes without a row are what a crash left behind."""
_BATCH = 200


async def remove_expired(database: Database, bus: Bus) -> int:
    """Remove artifacts whose time is over, first the bytes, then the row; how many."""
    removed = 0
    while True:
        async with database.across() as session:
            rows = (
                await session.execute(
                    text(
                        "SELECT org_id, id, object_name FROM artifacts WHERE expires_at < now()"
                        " ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED"
                    ),
                    {"limit": _BATCH},
                )
            ).all()
            for row in rows:
                shared = await session.scalar(
                    text(
                        "SELECT EXISTS (SELECT FROM artifacts WHERE org_id = :org AND object_name = :name"
                        " AND id <> :id)"
                    ),
                    {"org": row.org_id, "name": row.object_name, "id": row.id},
                )
                if not shared:
                    await bus.objects.delete(subjects.artifacts_bucket(str(row.org_id)), row.object_name)
                await session.execute(
                    text("DELETE FROM artifacts WHERE org_id = :org AND id = :id"), {"org": row.org_id, "id": row.id}
                )
        removed += len(rows)
        if len(rows) < _BATCH:
            return removed


async def remove_orphans(database: Database, bus: Bus, org_id: uuid.UUID, *, now: datetime | None = None) -> int:
    """Remove objects without a row, and chunks of uploads that never came to an end; how many."""
    bucket = subjects.artifacts_bucket(str(org_id))
    stream = f"OBJ_{bucket}"
    before = (now or datetime.now(UTC)) - ORPHANED_AFTER
    try:
        objects = await ObjectStore(name=bucket, stream=stream, js=bus.js).list()
    except NotFoundError:
        objects = []
    async with database.across() as session:
        rows = await session.scalars(text("SELECT object_name FROM artifacts WHERE org_id = :org"), {"org": org_id})
        known = set(rows)
    removed = 0
    for found in objects:
        if found.deleted or found.name in known:
            continue
        if await _older(bus, stream, f"$O.{bucket}.C.{found.nuid}", before):
            await bus.objects.delete(bucket, found.name)
            removed += 1
    described = {found.nuid for found in objects}
    for chunks in await _chunk_subjects(bus, stream, bucket):
        if chunks.rpartition(".")[2] not in described and await _older(bus, stream, chunks, before):
            await bus.js.purge_stream(stream, subject=chunks)
            removed += 1
    if removed:
        log.info("artifacts.orphans_removed", org=str(org_id), count=removed)
    return removed


async def _chunk_subjects(bus: Bus, stream: str, bucket: str) -> list[str]:
    try:
        info = await bus.js.stream_info(stream, subjects_filter=f"$O.{bucket}.C.>")
    except NotFoundError:
        return []
    return list(info.state.subjects or {})


async def _older(bus: Bus, stream: str, subject: str, before: datetime) -> bool:
    """Whether the last message of a subject was stored before that time."""
    try:
        last = await bus.js.get_msg(stream, subject=subject)
    except NotFoundError:
        return False
    return last.time is not None and last.time < before
