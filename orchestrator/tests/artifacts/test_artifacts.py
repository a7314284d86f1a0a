"""Artifacts: listed, fetched whole, never a way into the browser."""

import base64
import hashlib
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from opsrail.artifacts import headers
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import ArtifactStored
from opsrail_sdk.streams import ensure_artifacts

CONTENT = bytes(range(256)) * 2000


async def store(orchestrator: Orchestrator, tmp_path: Path, **values: str) -> ArtifactStored:
    """What an agent does: the bytes into the object store, then the announcement."""
    bus, org = orchestrator.container.bus, str(orchestrator.org_id)
    run_id = uuid.uuid4()
    async with orchestrator.container.database.across() as session:
        await session.execute(
            text(
                "INSERT INTO runs (id, org_id, kind, agent, action, state, risk, input, requested_by, correlation_id)"
                " VALUES (:id, :org, 'action', 'ci', 'run', 'running', 'write', '{}', 'test', 'c')"
            ),
            {"id": run_id, "org": org},
        )
    await ensure_artifacts(bus.js, org, replicas=1)
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    artifact_id = str(uuid.uuid4())
    stored = await bus.objects.store(subjects.artifacts_bucket(org), f"{run_id}/{artifact_id}", path)
    told = ArtifactStored(
        id=artifact_id,
        run_id=str(run_id),
        org_id=org,
        name=values.get("name", "app.whl"),
        object_name=stored.name,
        media_type=values.get("media_type", "application/zip"),
        size=stored.size,
        digest=stored.digest,
        stored_at=datetime.now(UTC),
    )
    with orchestrator.container.hints.listen("run", ident=run_id, org_id=org) as listener:
        await bus.publish(subjects.run_artifact(org, "ci", str(run_id)), told.encode())
        assert await listener.wait(PATIENCE_SECONDS)
    return told


async def test_an_announced_artifact_is_listed_and_fetched_whole(
    orchestrator: Orchestrator, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    told = await store(orchestrator, tmp_path)
    listed = (await client.get("/v1/artifacts", params={"run_id": told.run_id})).json()["items"]
    assert [item["id"] for item in listed] == [told.id]
    keep = datetime.fromisoformat(listed[0]["expires_at"]) - datetime.fromisoformat(listed[0]["stored_at"])
    assert keep == orchestrator.container.settings.retention.artifacts

    answer = await client.get(f"/v1/artifacts/{told.id}/content")
    assert answer.status_code == 200
    assert answer.content == CONTENT
    digest = hashlib.sha256(CONTENT)
    assert answer.headers["etag"] == f'"sha256:{digest.hexdigest()}"'
    assert answer.headers["digest"] == f"sha-256={base64.b64encode(digest.digest()).decode()}"
    head = await client.head(f"/v1/artifacts/{told.id}/content")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(CONTENT)))
    assert head.headers["etag"] == answer.headers["etag"]
    again = await client.get(f"/v1/artifacts/{told.id}/content", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_stored_pages_are_downloads_without_rights(
    orchestrator: Orchestrator, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    told = await store(orchestrator, tmp_path, name='../../etc/"x".html', media_type="text/html\r\nX: y")
    answer = await client.get(f"/v1/artifacts/{told.id}/content")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="_x_.html"')
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "x" not in answer.headers


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("dist/app.whl", 'filename="app.whl"'),
        ("..\\..\\x.exe", 'filename="x.exe"'),
        ("..", 'filename="artifact"'),
        ("résumé.pdf", "filename*=UTF-8''r%C3%A9sum%C3%A9.pdf"),
        ("a\r\nSet-Cookie: b", "filename*=UTF-8''aSet-Cookie%3A%20b"),
        ("exe\u202egpj.scr", 'filename="exegpj.scr"'),
    ],
)
def test_names_cannot_leave_their_place(name: str, shown: str) -> None:
    said = headers.disposition(name)
    assert shown in said
    assert "\r" not in said
    assert "\n" not in said


async def test_what_is_not_there_is_said_so(
    orchestrator: Orchestrator, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    assert (await client.get("/v1/artifacts/none/content")).status_code == 404
    told = await store(orchestrator, tmp_path)
    await orchestrator.container.bus.objects.delete(
        subjects.artifacts_bucket(str(orchestrator.org_id)), told.object_name
    )
    gone = await client.get(f"/v1/artifacts/{told.id}/content")
    assert gone.status_code == 404
    assert gone.json()["code"] == "artifact_gone"
