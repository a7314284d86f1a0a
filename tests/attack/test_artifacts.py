"""Artifacts that reach for somewhere else: by their name, their place in the store, a link, their organisation."""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from opsrail_ci.artifacts import find
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import ArtifactStored
from opsrail_sdk.streams import ensure_artifacts
from tests.attack.conftest import PATIENCE, Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTENT = b"<script>alert(1)</script>"
NAMES = [
    "../../../etc/cron.d/x",
    "/etc/passwd",
    "..\\..\\windows\\system.ini",
    "..",
    "a\r\nSet-Cookie: s=1",
    'x"; filename="evil.html',
    "\u202egpj.exe",
    "\x00hidden",
    "n" * 900,
]


async def announce(target: Target, folder: Path, **changed: str) -> tuple[ArtifactStored, httpx.Response]:
    """Store and announce as an agent does; what the API then says of it."""
    container = target.orchestrator.container
    bus, org, run, ident = container.bus, target.org, str(uuid.uuid4()), str(uuid.uuid4())
    await target.sql(
        "INSERT INTO runs (id, org_id, kind, agent, action, state, risk, input, requested_by, correlation_id)"
        " VALUES (:id, :org, 'action', 'ci', 'run', 'running', 'write', '{}', 'test', 'c')",
        id=run,
        org=org,
    )
    await ensure_artifacts(bus.js, org, replicas=1)
    file = folder / "file"
    file.write_bytes(CONTENT)
    stored = await bus.objects.store(subjects.artifacts_bucket(org), f"{run}/{ident}", file)
    told = ArtifactStored(
        **{
            "id": ident,
            "run_id": run,
            "org_id": org,
            "name": "app.whl",
            "object_name": stored.name,
            "media_type": "text/html",
            "size": stored.size,
            "digest": stored.digest,
            "stored_at": datetime.now(UTC),
            **changed,
        }
    )
    with container.hints.listen("run", ident=run, org_id=target.orchestrator.org_id) as listener:
        await bus.publish(subjects.run_artifact(org, "ci", run), told.encode())
        await listener.wait(PATIENCE.total_seconds())
    return told, await target.root.get(f"/v1/artifacts/{told.id}/content")


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_a_plain_name_by_the_time_somebody_saves_it(
    target: Target, tmp_path: Path, name: str
) -> None:
    _, answer = await announce(target, tmp_path, name=name)
    assert answer.status_code == 200, answer.text
    said = answer.headers["content-disposition"]
    assert said.startswith("attachment; filename=")
    assert not {"/", "\\", "\r", "\n"} & set(said.partition("filename*")[0])
    assert ".." not in said.partition("filename*")[0].strip('"')
    assert "set-cookie" not in answer.headers
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("place", ["../../etc/passwd", "/etc/passwd", "", ">", "$KV.trust.jwks", "other/object"])
async def test_a_place_outside_the_organisations_store_is_none(target: Target, tmp_path: Path, place: str) -> None:
    told, answer = await announce(target, tmp_path, object_name=place)
    assert answer.status_code == 404, answer.text
    entry = await target.entry("target = :run AND verb = 'report.refused'", run=f"run:{told.run_id}")
    assert (entry.actor, entry.outcome) == ("agent:ci", "denied")


async def test_an_artifact_announced_for_somebody_else_is_not_theirs(target: Target, tmp_path: Path) -> None:
    """The organisation is that of the subject, which the sender's credential is limited to; never the body's."""
    made = (await target.root.post("/v1/organisations", json={"slug": "theirs", "title": "Theirs"})).json()
    told, _ = await announce(target, tmp_path, org_id=made["org_id"])
    async with target.client(Authorization=f"Bearer {made['token']}") as them:
        await target.refused(await them.get(f"/v1/artifacts/{told.id}/content"), 404, "not_found")
        assert (await them.get("/v1/artifacts")).json()["items"] == []


async def test_a_pipeline_keeps_no_file_from_outside_its_workspace(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/secret").write_text("s")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "kept").write_text("k")
    (workspace / "link").symlink_to(tmp_path / "secret")
    (workspace / "up").symlink_to(tmp_path / "folder", target_is_directory=True)
    (workspace / "chain").symlink_to(workspace / "link")
    for pattern in ("**", "*", "../secret", "/../secret", str(tmp_path / "secret"), "up/secret", "./../**", "link"):
        files, _links = find(workspace, [pattern])
        assert set(files) <= {"kept"}
