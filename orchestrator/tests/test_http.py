"""What every answer has: correlation id, limits, problem documents; health; a body that is too large."""

import httpx
import pytest

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.servers import RunningServers


async def test_a_correlation_id_is_kept_or_made(client: httpx.AsyncClient) -> None:
    given = await client.get("/v1/me", headers={"X-Correlation-ID": "abc-123"})
    assert given.headers["X-Correlation-ID"] == "abc-123"
    made = await client.get("/v1/me", headers={"X-Correlation-ID": "bad id\twith space"})
    assert len(made.headers["X-Correlation-ID"]) == 36


async def test_limits_are_told_and_kept(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
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


async def test_ready_tells_each_part(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert {part["name"]: part["ready"] for part in answer.json()["parts"]} == {
        "postgres": True,
        "nats": True,
        "redis": True,
    }
    assert (await client.get("/healthz")).json() == {"status": "ok"}


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
