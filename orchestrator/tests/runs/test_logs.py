"""Log lines: each once, in order, resumed anywhere, whatever is in them."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from opsrail.runs import logs
from opsrail.runs.log_order import LogPart, in_order
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, ended
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import LogLine, RunState


@pytest.fixture
async def run_id(agent: PlayedAgent, client: httpx.AsyncClient) -> str:
    made = await client.post("/v1/runs", json={"agent": "calc", "action": "add", "input": {"a": 1, "b": 2}})
    ident: str = made.json()["id"]
    await agent.report(ident, RunState.RUNNING)
    return ident


async def lines(client: httpx.AsyncClient, run_id: str, count: int) -> list[dict[str, Any]]:
    while len(found := (await client.get(f"/v1/runs/{run_id}/logs")).json()["items"]) < count:
        await asyncio.sleep(0.02)
    return list(found)


async def test_repeated_deliveries_are_one_line_each(
    agent: PlayedAgent, client: httpx.AsyncClient, run_id: str
) -> None:
    await agent.log(run_id, "a", "b")
    body = (await agent.bus.last(subjects.RUNS, subjects.run_log(agent.org, "calc", run_id))).body  # type: ignore[union-attr]
    await agent.bus.publish(subjects.run_log(agent.org, "calc", run_id), body)
    await agent.log(run_id, "c", first=3)
    await agent.log(run_id, "a again", attempt=2)
    assert [line["text"] for line in await lines(client, run_id, 4)] == ["a", "b", "c", "a again"]


async def test_lines_that_overtake_others_are_put_in_order(
    agent: PlayedAgent, client: httpx.AsyncClient, run_id: str
) -> None:
    await agent.log(run_id, "a")
    assert [line["text"] for line in await lines(client, run_id, 1)] == ["a"]
    await agent.log(run_id, "d", "e", first=4)
    await agent.report(run_id, RunState.SUCCEEDED, output={})
    await ended(client, run_id)
    assert [line["text"] for line in await lines(client, run_id, 1)] == ["a"]
    await agent.log(run_id, "b", "c", first=2)
    assert [line["text"] for line in await lines(client, run_id, 5)] == list("abcde")


def test_lines_whose_predecessors_are_gone_wait_no_longer() -> None:
    run_id = uuid.uuid4()

    def part(sequence: int, n: int, *, overdue: bool = False) -> LogPart:
        return LogPart(sequence, 1, [LogLine(n=n, at=datetime.now(UTC), text=str(n))], overdue=overdue)

    first, third, fourth = part(1, 1), part(3, 3), part(4, 4)
    assert in_order(run_id, [fourth, third, first], {}) == [first]
    assert in_order(run_id, [fourth, third], {(run_id, 1): 2}) == [third, fourth]
    late = part(3, 3, overdue=True)
    assert in_order(run_id, [fourth, late], {(run_id, 1): 1}) == [late, fourth]


async def test_what_postgres_cannot_hold_is_replaced_and_poison_stops_nothing(
    agent: PlayedAgent, client: httpx.AsyncClient, run_id: str
) -> None:
    await agent.bus.publish(subjects.run_log(agent.org, "calc", run_id), b"no json")
    await agent.bus.publish(subjects.run_log(agent.org, "calc", "no-uuid"), b"{}")
    await agent.log(run_id, "nul \0 and \\u0000", "ünïcode 🚀")
    found = await lines(client, run_id, 2)
    assert [line["text"] for line in found] == ["nul \ufffd and \\u0000", "ünïcode 🚀"]
    await agent.report(run_id, RunState.SUCCEEDED, output={"text": "\0"})
    run = await ended(client, run_id)
    assert run["output"] == {"text": "\ufffd"}


async def test_following_gives_every_line_once_from_any_position_and_ends(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient, run_id: str
) -> None:
    parts = orchestrator.container

    async def follow(after: int) -> list[str]:
        source = logs.follow(
            parts.database, parts.bus, parts.hints, orchestrator.org_id, uuid.UUID(run_id), after=after
        )
        return [line.text async for batch in source for line in batch]

    early = asyncio.create_task(follow(0))
    for n in range(20):
        await agent.log(run_id, f"line {n}", first=n + 1)
    await agent.report(run_id, RunState.SUCCEEDED, output={})
    everything = [f"line {n}" for n in range(20)]
    assert await early == everything
    page = (await client.get(f"/v1/runs/{run_id}/logs", params={"limit": 7})).json()
    assert await follow(page["next"]) == everything[7:]


async def test_the_stream_ends_with_the_state_and_resumes_by_id(
    agent: PlayedAgent, client: httpx.AsyncClient, run_id: str
) -> None:
    await agent.log(run_id, "a", "b", "c")
    await agent.report(run_id, RunState.SUCCEEDED, output={})
    ask = {"Accept": "text/event-stream"}
    whole = (await client.get(f"/v1/runs/{run_id}/logs", headers=ask)).text
    assert whole.count("event: log") == 3
    assert whole.rstrip().endswith('event: end\ndata: {"state":"succeeded"}')
    rest = (await client.get(f"/v1/runs/{run_id}/logs", headers=ask | {"Last-Event-ID": "2"})).text
    assert rest.count("event: log") == 1
    wrong = await client.get(f"/v1/runs/{run_id}/logs", headers=ask | {"Last-Event-ID": "x"})
    assert wrong.status_code == 400
