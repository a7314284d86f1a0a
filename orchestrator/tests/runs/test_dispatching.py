"""A wish that goes straight to its function is answered as one that takes the way of every route."""

import re
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import text

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.people import anonymous
from opsrail.testing.played_agent import PlayedAgent

WISH = {"intent": "calc.add", "input": {"a": 1, "b": 2}}
THE_LONG_WAY = {"Content-Type": "application/vnd.opsrail+json"}
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\"decision_time_ms\":[0-9.]+|\d{4}-\d\d-\d\dT[^\"]+")


async def both(client: httpx.AsyncClient, body: Any, **headers: str) -> tuple[httpx.Response, httpx.Response]:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    straight = await client.post(
        "/v1/dispatch", content=content, headers={**headers, "Content-Type": "application/json"}
    )
    long = await client.post("/v1/dispatch", content=content, headers={**headers, **THE_LONG_WAY})
    return straight, long


def shape(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """All but what differs between any two requests."""
    return answer.status_code, IDS.sub("…", answer.text), sorted(answer.headers.keys())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (WISH, 202),
        ({**WISH, "context": {"protected": True}}, 403),
        ({"intent": "calc.drop", "input": {"a": 1, "b": 2}}, 202),
        ({**WISH, "intent": "nobody.add"}, 404),
        ({**WISH, "input": {"a": "x"}}, 422),
        ({"intent": 7}, 422),
        (b"{", 422),
        (b'{"intent": ' + b"[" * 10_000, 400),
        (b"", 422),
    ],
)
async def test_both_ways_answer_alike(agent: PlayedAgent, client: httpx.AsyncClient, body: Any, status: int) -> None:
    straight, long = await both(client, body)
    assert shape(straight) == shape(long)
    assert straight.status_code == status, straight.text


async def test_who_may_not_ask_hears_the_same_both_ways(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    reader = (await client.post("/v1/tokens", json={"name": "reader", "scopes": ["read"]})).json()["token"]
    async with anonymous(orchestrator) as stranger:
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {reader}"}, 403)):
            straight, long = await both(stranger, WISH, **headers)
            assert shape(straight) == shape(long)
            assert straight.status_code == status


async def test_a_key_makes_it_happen_once(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    answers = [await client.post("/v1/dispatch", json=WISH, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert answers[1].headers["Idempotency-Replayed"] == "true"


async def test_a_key_makes_it_happen_once_though_the_answer_was_lost_in_a_crash(
    agent: PlayedAgent, client: httpx.AsyncClient, orchestrator: Orchestrator
) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await client.post("/v1/dispatch", json=WISH, headers=headers)
    async with orchestrator.container.database.across() as session:
        await session.execute(
            text("UPDATE idempotency_keys SET status = NULL, body = NULL, locked_until = now() - interval '1 second'")
        )
    again = await client.post("/v1/dispatch", json=WISH, headers=headers)
    assert "Idempotency-Replayed" not in again.headers
    assert again.json()["run_id"] == first.json()["run_id"]
    async with orchestrator.container.database.across() as session:
        await session.execute(text("DELETE FROM idempotency_keys"))
    later = await client.post("/v1/dispatch", json=WISH, headers=headers)
    assert later.json()["run_id"] != first.json()["run_id"]


async def test_the_route_is_named_in_metrics(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    await client.post("/v1/dispatch", json=WISH)
    metrics = (await client.get("/metrics")).text
    assert 'opsrail_http_requests_total{method="POST",route="/v1/dispatch",status="202"}' in metrics
