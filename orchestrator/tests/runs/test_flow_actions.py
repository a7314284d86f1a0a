"""A flow that asks for an agent's action and goes on with its answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from opsrail.durable import service
from opsrail.durable.engine import Flows
from opsrail.runs import service as runs
from opsrail.testing import flow_samples
from opsrail.testing.flow_bench import LEASE
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, ended

REGISTRY = flow_samples.registry("unused")


@pytest.fixture
async def working(orchestrator: Orchestrator) -> AsyncIterator[None]:
    parts, stop = orchestrator.container, asyncio.Event()
    flows = Flows(parts.database, parts.hints, REGISTRY, parts.settings.database, lease=LEASE)
    task = asyncio.create_task(flows.run(stop))
    yield
    stop.set()
    await task


async def start(orchestrator: Orchestrator, **input: Any) -> str:
    parts, flow = orchestrator.container, REGISTRY.newest("asks")
    assert flow is not None
    async with parts.database.organisation(orchestrator.org_id) as session:
        created = await service.start(
            session, orchestrator.org_id, flow, input, requested_by="test", correlation_id="corr"
        )
    await runs.notify(parts.hints, orchestrator.org_id, created.run.id)
    return str(created.run.id)


@pytest.mark.usefixtures("working")
async def test_the_answer_of_an_action_comes_back_to_its_flow(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    flow_id = await start(orchestrator, a=1, b=2)
    _, command = await agent.take()
    assert command.correlation_id == "corr"
    await agent.succeed(command.run_id, {"sum": 3})
    flow = await ended(client, flow_id)
    assert (flow["state"], flow["output"]) == ("succeeded", {"answer": {"sum": 3}})
    children = (await client.get("/v1/runs", params={"parent_id": flow_id})).json()["items"]
    assert [child["id"] for child in children] == [command.run_id]


@pytest.mark.usefixtures("working")
async def test_an_action_that_fails_fails_its_flow_with_the_reason(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    flow_id = await start(orchestrator, a=1, b=2)
    _, command = await agent.take()
    await agent.fail(command.run_id, "no_money")
    flow = await ended(client, flow_id)
    assert (flow["state"], flow["error"]["code"]) == ("failed", "no_money")
    assert flow["error"]["detail"]["run_id"] == command.run_id
    wrong = await ended(client, await start(orchestrator, a="x"))
    assert (wrong["state"], wrong["error"]["code"]) == ("failed", "invalid_input")


@pytest.mark.usefixtures("working")
async def test_signals_reach_flows_over_http_and_nothing_else(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    flow_id = await start(orchestrator, a=1, b=2)
    _, command = await agent.take()
    sent = await client.post(f"/v1/runs/{flow_id}/signals/go", json={"payload": {"x": 1}})
    assert sent.status_code == 202
    refused = await client.post(f"/v1/runs/{command.run_id}/signals/go", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "no_flow")
    cancelled = await client.post(f"/v1/runs/{flow_id}/cancel")
    assert cancelled.status_code == 200
    assert (await ended(client, flow_id))["state"] == "cancelled"
    assert (await ended(client, command.run_id))["state"] == "cancelled"
    over = await client.post(f"/v1/runs/{flow_id}/signals/go", json={})
    assert (over.status_code, over.json()["code"]) == (409, "run_finished")
