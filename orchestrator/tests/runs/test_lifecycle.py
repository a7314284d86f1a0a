"""A run from the wish to its end, with the agent played by the test."""

from typing import Any

import httpx

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent
from opsrail_sdk.capability import verify
from opsrail_sdk.contracts.run import RunState

Json = dict[str, Any]


async def ask(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/runs", json={"agent": "calc", "action": "add", "input": {"a": 1, "b": 2}, **body})


async def ended(client: httpx.AsyncClient, run_id: str) -> Json:
    answer = await client.get(f"/v1/runs/{run_id}", params={"wait": 10})
    run: Json = answer.json()
    return run


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
