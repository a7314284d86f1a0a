"""Wishes from the bus: each once, whatever is wrong with its neighbours."""

import asyncio
import uuid
from typing import Any

import httpx

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, come_to, ended
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import RunRequest, RunState


async def wish(agent: PlayedAgent, key: str, *, message_id: str | None = None, **values: Any) -> None:
    request = RunRequest(
        org_id=agent.org,
        agent=values.pop("to", "calc"),
        action="add",
        input=values.pop("input", {"a": 1, "b": 2}),
        key=key,
        requested_by=values.pop("by", "agent:calc"),
        correlation_id="corr",
        **values,
    )
    await agent.bus.publish(
        subjects.request(agent.org, request.agent, "add"), request.encode(), message_id=message_id or uuid.uuid4().hex
    )


async def runs(client: httpx.AsyncClient, count: int) -> list[dict[str, Any]]:
    """All runs, oldest first, once there are ``count``."""
    while True:
        found = (await client.get("/v1/runs", params={"limit": 500})).json()["items"]
        if len(found) >= count:
            return list(reversed(found))
        await asyncio.sleep(0.02)


async def drained(agent: PlayedAgent) -> None:
    while (await agent.bus.js.stream_info(subjects.REQUESTS)).state.messages:
        await asyncio.sleep(0.02)


async def test_a_wish_that_comes_ten_times_is_one_run(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    for _ in range(10):
        await wish(agent, "once")
    await wish(agent, "other")
    await drained(agent)
    assert len(await runs(client, 2)) == 2


async def test_wrong_wishes_do_not_hold_up_right_ones(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    subject = subjects.request(agent.org, "calc", "add")
    await agent.bus.publish(subject, b"no json")
    await agent.bus.publish(subject, b"{}")
    await agent.bus.publish(subjects.request("no-uuid", "calc", "add"), b"{}")
    await agent.bus.publish(subjects.request(str(uuid.uuid4()), "calc", "add"), b"{}")
    await wish(agent, "bad", input={"a": "x"})
    await wish(agent, "unknown", to="nobody")
    await wish(agent, "nul\0key")
    await wish(agent, "good")
    await drained(agent)
    found = {run["agent"] + ":" + run["state"]: run for run in await runs(client, 3)}
    assert set(found) == {"calc:failed", "nobody:failed", "calc:queued"}
    assert found["calc:failed"]["error"]["code"] == "invalid_input"
    assert found["calc:failed"]["error"]["detail"]["errors"]
    assert found["nobody:failed"]["error"]["code"] == "agent_unknown"


async def test_a_wish_for_another_organisation_than_its_subject_is_refused(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    foreign = RunRequest(
        org_id=str(uuid.uuid4()),
        agent="calc",
        action="add",
        input={"a": 1, "b": 2},
        key="k",
        requested_by="agent:evil",
        correlation_id="c",
    )
    await agent.bus.publish(subjects.request(agent.org, "calc", "add"), foreign.encode())
    await drained(agent)
    refused = await agent.bus.last(subjects.EVENTS, subjects.event(agent.org, "io.opsrail.request.refused.v1"))
    assert refused is not None
    assert (await client.get("/v1/runs")).json()["items"] == []


async def test_over_the_bus_only_agents_ask_and_only_for_what_they_declare(
    agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    await wish(agent, "1", by=f"token:{uuid.uuid4()}")
    await wish(agent, "2", by="core:some_flow")
    await wish(agent, "3", by="agent:stranger")
    await wish(agent, "4")
    await drained(agent)
    denied, queued = await runs(client, 2)
    assert (denied["state"], denied["requested_by"]) == ("denied", "agent:stranger")
    assert "does not list this action" in denied["error"]["message"]
    assert (queued["state"], queued["requested_by"]) == ("queued", "agent:calc")


async def test_a_newer_run_of_a_group_ends_the_older_ones(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    await wish(agent, "1", concurrency_group="g")
    (first,) = await runs(client, 1)
    await agent.take()
    await agent.report(first["id"], RunState.RUNNING)
    await come_to(client, first["id"], {"running"})
    await wish(agent, "2", concurrency_group="g")
    await wish(agent, "alone")
    await wish(agent, "3", concurrency_group="g")
    await drained(agent)
    found = await runs(client, 4)
    second, alone, third = found[1:]
    stopped = await ended(client, second["id"])
    assert stopped["state"] == "cancelled"
    assert third["id"] in stopped["error"]["message"]
    told = (await client.get(f"/v1/runs/{first['id']}")).json()
    assert told["state"] == "running"
    assert "superseded" in told["cancel_reason"]
    for untouched in (alone, third):
        assert (await client.get(f"/v1/runs/{untouched['id']}")).json()["cancel_requested_at"] is None
