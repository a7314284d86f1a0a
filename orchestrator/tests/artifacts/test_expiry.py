"""The end of artifacts, and what a crash left behind."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import text

from opsrail.artifacts.expiry import ORPHANED_AFTER, remove_orphans
from opsrail.testing.orchestrator import Orchestrator
from opsrail.workers.retention import Retention
from opsrail_sdk.contracts import subjects
from opsrail_sdk.errors import NotFound
from opsrail_sdk.streams import ensure_artifacts


async def upload(orchestrator: Orchestrator, path: Path, name: str, *, expires_at: datetime | None) -> None:
    """An object, and its row unless it is to be an orphan."""
    bus, org = orchestrator.container.bus, str(orchestrator.org_id)
    await ensure_artifacts(bus.js, org, replicas=1)
    path.write_bytes(b"x" * 300_000)
    stored = await bus.objects.store(subjects.artifacts_bucket(org), name, path)
    if expires_at is not None:
        async with orchestrator.container.database.across() as session:
            await session.execute(
                text(
                    "INSERT INTO artifacts (org_id, id, run_id, name, object_name, media_type, size, digest,"
                    " stored_at, expires_at) VALUES (:org, :name, :run, :name, :name, 'text/plain', :size, :digest,"
                    " now(), :end)"
                ),
                {
                    "org": org,
                    "name": name,
                    "run": uuid.uuid4(),
                    "size": stored.size,
                    "digest": stored.digest,
                    "end": expires_at,
                },
            )


async def there(orchestrator: Orchestrator, name: str) -> bool:
    try:
        async for _ in orchestrator.container.bus.objects.read(
            subjects.artifacts_bucket(str(orchestrator.org_id)), name
        ):
            pass
    except NotFound:
        return False
    return True


async def test_only_what_is_over_is_removed_with_its_bytes(
    orchestrator: Orchestrator, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    await upload(orchestrator, tmp_path / "f", "old", expires_at=now - timedelta(seconds=1))
    await upload(orchestrator, tmp_path / "f", "new", expires_at=now + timedelta(days=1))
    parts = orchestrator.container
    await Retention(parts.database, parts.bus, keep_runs=timedelta(days=90)).round()
    assert not await there(orchestrator, "old")
    assert await there(orchestrator, "new")
    assert [item["id"] for item in (await client.get("/v1/artifacts")).json()["items"]] == ["new"]


async def test_bytes_that_no_row_speaks_of_go_after_a_day_and_not_before(
    orchestrator: Orchestrator, tmp_path: Path
) -> None:
    parts, org = orchestrator.container, orchestrator.org_id
    bucket = subjects.artifacts_bucket(str(org))
    await upload(orchestrator, tmp_path / "f", "known", expires_at=datetime.now(UTC) + timedelta(days=9))
    await upload(orchestrator, tmp_path / "f", "orphan", expires_at=None)
    await parts.bus.publish(f"$O.{bucket}.C.halfway", b"a chunk of an upload that never ended")
    assert await remove_orphans(parts.database, parts.bus, org) == 0
    later = datetime.now(UTC) + ORPHANED_AFTER + timedelta(minutes=1)
    assert await remove_orphans(parts.database, parts.bus, org, now=later) == 2
    assert await there(orchestrator, "known")
    assert not await there(orchestrator, "orphan")
    left = (await parts.bus.js.stream_info(f"OBJ_{bucket}", subjects_filter=f"$O.{bucket}.C.halfway")).state.subjects
    assert not left


async def test_old_runs_go_with_their_logs_and_living_ones_stay(orchestrator: Orchestrator) -> None:
    parts = orchestrator.container
    old, new = uuid.uuid4(), uuid.uuid4()
    async with parts.database.across() as session:
        for run_id, days in ((old, 100), (new, 1)):
            await session.execute(
                text(
                    "INSERT INTO runs (id, org_id, kind, agent, action, state, risk, input, requested_by,"
                    " correlation_id, announced, finished_at) VALUES (:id, :org, 'action', 'ci', 'run', 'succeeded',"
                    " 'read', '{}', 'test', 'c', true, now() - make_interval(days => :days))"
                ),
                {"id": run_id, "org": orchestrator.org_id, "days": days},
            )
            await session.execute(
                text("INSERT INTO run_logs VALUES (:org, :id, 1, 1, 1, now(), 'stdout', NULL, 'line')"),
                {"id": run_id, "org": orchestrator.org_id},
            )
    await Retention(parts.database, parts.bus, keep_runs=timedelta(days=90)).round()
    async with parts.database.across() as session:
        assert list(await session.scalars(text("SELECT id FROM runs"))) == [new]
        assert list(await session.scalars(text("SELECT run_id FROM run_logs"))) == [new]
