"""Secrets over HTTP: in and never out; connections that refer to them."""

import asyncio
import logging
from base64 import b64encode

import httpx
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import text

from opsrail import logs, problem
from opsrail.connections import service as connections
from opsrail.errors import Unavailable
from opsrail.settings import LogSettings
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk import masking


async def put(client: httpx.AsyncClient, name: str, value: object) -> httpx.Response:
    return await client.put(f"/v1/secrets/{name}", json={"value": value})


async def test_a_value_goes_in_and_never_comes_out(client: httpx.AsyncClient, orchestrator: Orchestrator) -> None:
    first = await put(client, "deploy", "hunter2-first")
    second = await put(client, "deploy", "hunter2-second")
    assert (first.json()["version"], second.json()["version"], second.json()["kind"]) == (1, 2, "value")
    shown = [await client.get("/v1/secrets"), await client.get("/v1/secrets/deploy"), second]
    shown.append(await client.get("/v1/audit", params={"verb": "secret.*"}))
    assert not any("hunter2" in answer.text for answer in shown)
    async with orchestrator.container.database.across() as session:
        sealed = await session.scalar(text("SELECT sealed FROM secrets"))
    assert b"hunter2" not in bytes(sealed or b"")
    assert (await client.delete("/v1/secrets/deploy")).status_code == 204
    assert (await client.get("/v1/secrets/deploy")).status_code == 404


async def test_a_connection_refers_to_a_kept_secret(client: httpx.AsyncClient, orchestrator: Orchestrator) -> None:
    await put(client, "forge-token", "ghp_kept-elsewhere")
    body = {"kind": "github", "name": "forge", "secrets": {"token": {"$ref": "secret:forge-token"}}}
    made = await client.post("/v1/connections", json=body)
    assert made.status_code == 201
    assert made.json()["secrets_set"] == ["token"]
    parts = orchestrator.container
    async with parts.database.organisation(orchestrator.org_id) as session:
        row = await connections.named(session, "forge")
    opened = await connections.opened(parts.keyring, parts.resolver, row, allow_private=True)
    assert opened.secrets == {"token": "ghp_kept-elsewhere"}
    await put(client, "forge-token", "ghp_renewed")
    opened = await connections.opened(parts.keyring, parts.resolver, row, allow_private=True)
    assert opened.secrets == {"token": "ghp_renewed"}


@pytest.mark.parametrize("reference", ["env:OPSRAIL_DATABASE_URL", "vault:kv/data/x#y", "nonsense", "secret:../x"])
async def test_a_reference_that_is_not_allowed_is_refused_and_told(client: httpx.AsyncClient, reference: str) -> None:
    body = {"kind": "github", "name": "forge", "secrets": {"token": {"$ref": reference}}}
    answers = [await client.post("/v1/connections", json=body), await put(client, "x", {"$ref": reference})]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (422, "secret_reference_refused")
    ] * 2
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await client.get("/v1/audit", params={"verb": "request.refused"})).json()["items"]:
            await asyncio.sleep(0.05)


async def test_the_root_key_is_rotated_while_everything_runs(
    client: httpx.AsyncClient, orchestrator: Orchestrator
) -> None:
    made = await client.post(
        "/v1/connections", json={"kind": "github", "name": "f", "secrets": {"token": "ghp_abcd"}}
    )
    before = (await client.get("/v1/root-key")).json()
    after = (await client.post("/v1/root-key/rotate")).json()
    assert (before["stale"], after["stale"]) == (0, 0)
    assert before["root"] != after["root"]
    changed = await client.patch(f"/v1/connections/{made.json()['id']}", json={"secrets": {"token": "ghp_efgh"}})
    assert changed.status_code == 200
    reader = (await client.post("/v1/tokens", json={"name": "r", "scopes": ["operate"]})).json()["token"]
    refused = await client.post("/v1/root-key/rotate", headers={"Authorization": f"Bearer {reader}"})
    assert refused.status_code == 403
    told = (await client.get("/v1/audit", params={"verb": "secret.root_rotated", "chain": "instance"})).json()[
        "items"
    ]
    assert len(told) == 1


async def test_problem_documents_hide_what_the_process_has_opened() -> None:
    masking.everywhere.add(["ghp_opened-before"])
    app = FastAPI()
    problem.install(app)

    @app.get("/leak")
    async def leak() -> None:
        raise Unavailable("the forge refused ghp_opened-before")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://opsrail.test") as client:
        answer = await client.get("/leak")
    assert answer.json()["detail"] == f"the forge refused {masking.MASK}"


@pytest.mark.parametrize("form", ["console", "json"])
def test_the_process_log_hides_them_too_exceptions_included(
    form: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    masking.everywhere.add(["ghp_opened-before"])
    try:
        logs.configure(LogSettings(format=form))
        log = structlog.get_logger()
        try:
            raise ValueError("ghp_opened-before")
        except ValueError:
            log.exception("forge.failed", header="Basic " + b64encode(b"me:ghp_opened-before").decode())
            logging.getLogger("library").exception("failed with %s", "ghp_opened-before")
        shown = capsys.readouterr().err
    finally:
        structlog.reset_defaults()
    assert shown.count("ValueError") >= 2
    assert "ghp_opened" not in shown
    assert b64encode(b"ghp_opened-before").decode()[:12] not in shown
