"""What every answer has: correlation id, limits, problem documents; health; a body that is too large."""

import base64
import json

import httpx
import pytest

from opsrail import health, ratelimit
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.servers import RunningServers
from opsrail.testing.stack import PATIENCE_SECONDS


async def test_a_correlation_id_is_kept_or_made(client: httpx.AsyncClient) -> None:
    given = await client.get("/v1/me", headers={"X-Correlation-ID": "abc-123"})
    assert given.headers["X-Correlation-ID"] == "abc-123"
    made = await client.get("/v1/me", headers={"X-Correlation-ID": "bad id\twith space"})
    assert len(made.headers["X-Correlation-ID"]) == 36


async def test_limits_are_told_and_kept(
    orchestrator: Orchestrator, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratelimit, "WINDOW_SECONDS", 10**9)
    answer = await client.get("/v1/me")
    limit = int(answer.headers["X-RateLimit-Limit"])
    assert 0 <= int(answer.headers["X-RateLimit-Remaining"]) < limit
    orchestrator.container.settings.api.rate_per_minute = 1
    refused = await client.get("/v1/me")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.json()["code"] == "rate_limited"


async def test_an_unknown_route_is_a_problem_document(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nothing-here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["correlation_id"]


@pytest.mark.parametrize("ident", ["x", "-1", "\N{SUPERSCRIPT TWO}", "0" * 40, "\0"])
@pytest.mark.parametrize("at", ["2026-11-21T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_a_cursor_of_another_list_breaks_none(
    orchestrator: Orchestrator, client: httpx.AsyncClient, at: str, ident: str
) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([at, ident]).encode()).decode()
    paged = [
        path
        for path, operations in orchestrator.app.openapi()["paths"].items()
        if "{" not in path and any(one["name"] == "cursor" for one in operations.get("get", {}).get("parameters", []))
    ]
    assert {"/v1/runs", "/v1/events", "/v1/members", "/v1/audit"} <= set(paged)
    for path in paged:
        answer = await client.get(path, params={"cursor": cursor})
        assert answer.status_code in {200, 400, 403, 422}, (path, answer.text)
    told = await client.get("/v1/runs", params={"cursor": cursor})
    assert (told.status_code, told.json()["code"]) == (400, "bad_cursor")


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient, declared: bool) -> None:
    body = b'{"name": "' + b"a" * (2 << 20) + b'"}'

    async def pieces():  # type: ignore[no-untyped-def]
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    answer = await client.post(
        "/v1/tokens", content=body if declared else pieces(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that answers late is there all the same."""
    monkeypatch.setattr(health, "_PATIENCE", PATIENCE_SECONDS)


@pytest.mark.usefixtures("patient")
async def test_ready_tells_each_part(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert {part["name"]: part["ready"] for part in answer.json()["parts"]} == {
        "postgres": True,
        "nats": True,
        "redis": True,
    }
    assert (await client.get("/healthz")).json() == {"status": "ok"}


@pytest.mark.usefixtures("patient")
async def test_probes_by_head_tell_the_same_as_by_get(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
    assert (await client.head("/readyz")).status_code == 200
    assert (await client.head("/healthz")).status_code == 200
    await orchestrator.container.bus.close()
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.head("/readyz")).status_code == 503


async def test_a_head_that_no_route_knows_is_no_missing_thing(client: httpx.AsyncClient) -> None:
    assert (await client.head("/v1/me")).status_code == 405


@pytest.mark.usefixtures("patient")
async def test_the_api_works_while_redis_is_away(servers: RunningServers, client: httpx.AsyncClient) -> None:
    servers.stop("valkey")
    try:
        answer = await client.get("/v1/me")
        assert answer.status_code == 200
        assert "X-RateLimit-Remaining" in answer.headers
        ready = (await client.get("/readyz")).json()
        assert ready["ready"]
        assert {part["name"]: part["ready"] for part in ready["parts"]}["redis"] is False
    finally:
        servers.start("valkey")
    assert (await client.get("/v1/me")).status_code == 200


async def test_metrics_need_a_token(client: httpx.AsyncClient) -> None:
    await client.get("/v1/me")
    assert "opsrail_http_requests_total" in (await client.get("/metrics")).text
    del client.headers["Authorization"]
    assert (await client.get("/metrics")).status_code == 401
