"""A run from the wish to its end, with the agent played by the test."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, dispatched, ended
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail.workers.results import Results
from opsrail_sdk.bus import SequenceConflict
from opsrail_sdk.capability import verify
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, decode_batch
from opsrail_sdk.contracts.run import RunError, RunState, RunStatus

Json = dict[str, Any]


async def ask(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/runs", json={"agent": "calc", "action": "add", "input": {"a": 1, "b": 2}, **body})


async def facts(orchestrator: Orchestrator, kind: str, count: int) -> list[CloudEvent]:
    """The first events of a kind, in order."""
    found: list[CloudEvent] = []
    subject = subjects.event_filter(str(orchestrator.org_id), kind)
    subscription = await orchestrator.container.bus.js.subscribe(subject, ordered_consumer=True)
    while len(found) < count:
        found += decode_batch((await subscription.next_msg(timeout=PATIENCE_SECONDS)).data)
    await subscription.unsubscribe()
    return found


async def test_a_run_is_dispatched_and_its_result_comes_back(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    made = await ask(client)
    assert made.status_code == 201, made.text
    run = made.json()
    assert run["state"] == "queued"
    assert run["risk"] == "write"

    message, command = await agent.take()
    assert command.run_id == run["id"]
    assert command.input == {"a": 1, "b": 2}
    assert command.correlation_id == run["correlation_id"] == made.headers["x-correlation-id"]
    verify(
        command.capability,
        keys=orchestrator.container.signer.keys(),
        org_id=agent.org,
        agent="calc",
        action="add",
        input=command.input,
        run_id=command.run_id,
    )
    await agent.report(run["id"], RunState.RUNNING)
    await agent.report(run["id"], RunState.RUNNING, progress=0.5, message="half")
    await agent.report(run["id"], RunState.SUCCEEDED, output={"sum": 3})
    await message.ack()

    over = await ended(client, run["id"])
    assert over["state"] == "succeeded"
    assert over["output"] == {"sum": 3}
    assert over["attempt"] == 1
    assert over["started_at"]
    assert over["finished_at"] >= over["started_at"]


async def test_a_retry_shows_its_reason_and_the_end_clears_it(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    run_id = (await ask(client)).json()["id"]
    await agent.take()
    await agent.report(run_id, RunState.RUNNING)
    await agent.report(
        run_id, RunState.RUNNING, message="retrying in 1 s", error=RunError(code="unavailable", message="away")
    )
    await agent.report(run_id, RunState.RUNNING, attempt=2)
    await agent.report(run_id, RunState.SUCCEEDED, attempt=2, output={})
    run = await ended(client, run_id)
    assert (run["state"], run["attempt"], run["error"]) == ("succeeded", 2, None)


async def test_a_finished_run_never_changes(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    run_id = (await ask(client)).json()["id"]
    await agent.succeed(run_id, {"sum": 3})
    before = await ended(client, run_id)
    await agent.report(run_id, RunState.FAILED, error=RunError(code="late", message="late"))
    await agent.report(run_id, RunState.RUNNING, attempt=7)
    await agent.log(run_id, "after the end")
    while not (page := (await client.get(f"/v1/runs/{run_id}/logs")).json())["items"]:
        await asyncio.sleep(0.02)
    assert page["items"][0]["text"] == "after the end"
    assert (await client.get(f"/v1/runs/{run_id}")).json() == before


async def test_every_state_becomes_one_event(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    run_id = (await ask(client)).json()["id"]
    await agent.take()
    await agent.succeed(run_id, {})
    await ended(client, run_id)
    events = await facts(orchestrator, "io.opsrail.run.*", 3)
    assert [event.type for event in events] == [
        "io.opsrail.run.queued.v1",
        "io.opsrail.run.running.v1",
        "io.opsrail.run.succeeded.v1",
    ]
    assert {event.subject for event in events} == {run_id}
    assert len({event.correlationid for event in events}) == 1


async def test_an_unclaimed_run_is_cancelled_so_that_no_agent_can_claim_it(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    run_id = (await ask(client)).json()["id"]
    await agent.take()
    cancelled = await client.post(f"/v1/runs/{run_id}/cancel")
    assert cancelled.status_code == 200
    run = await ended(client, run_id)
    assert run["state"] == "cancelled"
    assert "cancelled by token:" in run["error"]["message"]
    with pytest.raises(SequenceConflict):
        await agent.report(run_id, RunState.RUNNING)
    again = await client.post(f"/v1/runs/{run_id}/cancel")
    assert (again.status_code, again.json()["state"]) == (200, "cancelled")


async def test_a_claimed_run_is_asked_to_stop(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    run_id = (await ask(client)).json()["id"]
    await agent.report(run_id, RunState.RUNNING)
    run = (await client.post(f"/v1/runs/{run_id}/cancel")).json()
    assert run["cancel_requested_at"]
    wish = subjects.run_cancel(agent.org, "calc", run_id)
    while await orchestrator.container.bus.last(subjects.RUNS, wish) is None:
        await asyncio.sleep(0.02)
    await agent.report(run_id, RunState.CANCELLED, error=RunError(code="cancelled", message="on request"))
    assert (await ended(client, run_id))["state"] == "cancelled"
    other = (await ask(client)).json()["id"]
    await agent.succeed(other, {})
    await ended(client, other)
    refused = await client.post(f"/v1/runs/{other}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_finished")


async def test_runs_of_a_disabled_agent_wait_and_lose_nothing(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    await client.post("/v1/agents/calc/disable")
    run = (await ask(client)).json()
    await facts(orchestrator, "io.opsrail.run.queued.v1", 1)
    assert (await client.get(f"/v1/runs/{run['id']}")).json()["state"] == "queued"
    await client.post("/v1/agents/calc/enable")
    _, command = await agent.take()
    assert command.run_id == run["id"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"agent": "nobody"}, (404, "agent_unknown", "agent")),
        ({"action": "nothing"}, (404, "action_unknown", "action")),
        ({"input": {"a": "x", "b": 1}}, (422, "invalid_input", "/a")),
        ({"input": {"a": 1}}, (422, "invalid_input", "")),
        ({"input": {"a": 1, "b": 2, "note": "nul \0"}}, (422, "invalid_input", None)),
        ({"input": {"a": 1, "b": 2, "note": 1e30}}, (422, "invalid_input", None)),
        ({"input": {"a": 1, "b": 10**30}}, (422, "invalid_input", None)),
        ({"input": {"a": 1, "b": 2, "note": "x" * 600_000}}, (422, "input_too_large", None)),
        ({"action": "drop", "dry_run": True}, (422, "dry_run_unsupported", "dry_run")),
    ],
)
async def test_what_cannot_be_run_is_refused_with_the_field(
    agent: PlayedAgent, client: httpx.AsyncClient, body: Json, said: tuple[int, str, str | None]
) -> None:
    answer = await ask(client, **body)
    status, code, field = said
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if field is not None:
        assert answer.json()["errors"][0]["field"] == field
    assert (await client.get("/v1/runs")).json()["items"] == []


async def test_a_repeated_post_makes_one_run(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    client.headers["Idempotency-Key"] = "once"
    first, second = await ask(client), await ask(client)
    assert first.json()["id"] == second.json()["id"]
    assert len((await client.get("/v1/runs")).json()["items"]) == 1


async def test_lists_are_filtered_and_paged(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    made = [(await ask(client)).json()["id"] for _ in range(5)]
    await agent.succeed(made[0], {})
    await ended(client, made[0])
    seen: list[str] = []
    cursor = None
    while True:
        page = (await client.get("/v1/runs", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [run["id"] for run in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]
    done = (await client.get("/v1/runs", params={"state": "succeeded"})).json()["items"]
    assert [run["id"] for run in done] == [made[0]]
    assert (await client.get("/v1/runs", params={"agent": "ci"})).json()["items"] == []


async def test_another_organisation_sees_nothing_of_it(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    run_id = (await ask(client)).json()["id"]
    async with orchestrator.container.database.organisation(uuid.uuid4()) as session:
        assert (await session.execute(text("SELECT count(*) FROM runs"))).scalar() == 0
    foreign = subjects.run_status(str(uuid.uuid4()), "calc", run_id)
    status = RunStatus(
        run_id=run_id, org_id=agent.org, state=RunState.SUCCEEDED, at=datetime.now(UTC), output={"forged": True}
    )
    await orchestrator.container.bus.publish(foreign, status.encode())
    await agent.succeed(run_id, {"sum": 3})
    assert (await ended(client, run_id))["output"] == {"sum": 3}


async def test_a_crash_between_publishing_and_marking_sends_no_second_command(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    run_id = (await ask(client)).json()["id"]
    message, _ = await agent.take()
    await message.ack_sync(timeout=PATIENCE_SECONDS)
    await dispatched(orchestrator, run_id)
    async with orchestrator.container.database.across() as session:
        await session.execute(text("UPDATE runs SET dispatched_at = NULL, dispatch_sequence = NULL"))
    await orchestrator.container.hints.send(orchestrator.org_id, "queue", run_id)
    await dispatched(orchestrator, run_id)
    assert (await orchestrator.container.bus.js.stream_info(subjects.ACTIONS)).state.messages == 0


async def test_two_replicas_apply_a_burst_once_and_in_order(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    parts, stop = orchestrator.container, asyncio.Event()
    sibling = asyncio.create_task(
        Results(parts.database, parts.bus, parts.hints, keep_artifacts=timedelta(days=1)).run(stop)
    )
    made = [(await ask(client)).json()["id"] for _ in range(15)]

    async def play(run_id: str) -> None:
        await agent.report(run_id, RunState.RUNNING)
        for n in range(10):
            await agent.log(run_id, f"line {n}", first=n + 1)
            await agent.report(run_id, RunState.RUNNING, progress=n / 10)
        await agent.report(run_id, RunState.SUCCEEDED, output={"run": run_id})

    await asyncio.gather(*(play(run_id) for run_id in made))
    for run_id in made:
        run = await ended(client, run_id)
        assert (run["state"], run["output"]) == ("succeeded", {"run": run_id})
        while len(lines := (await client.get(f"/v1/runs/{run_id}/logs")).json()["items"]) < 10:
            await asyncio.sleep(0.02)
        assert sorted(line["n"] for line in lines) == list(range(1, 11))
    stop.set()
    await sibling
