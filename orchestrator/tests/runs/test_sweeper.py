"""Runs that nothing moves any more."""

from datetime import timedelta

import httpx
from sqlalchemy import text

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, come_to, dispatched, ended
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail.workers.sweeper import Sweeper
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import RunState


def sweeper(orchestrator: Orchestrator) -> Sweeper:
    parts = orchestrator.container
    return Sweeper(parts.database, parts.bus, parts.hints, quiet=timedelta(0))


async def make(client: httpx.AsyncClient) -> str:
    made = await client.post("/v1/runs", json={"agent": "calc", "action": "add", "input": {"a": 1, "b": 2}})
    ident: str = made.json()["id"]
    return ident


async def test_a_lost_command_is_sent_again_if_nobody_began_it(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    run_id = await make(client)
    await agent.take()
    await dispatched(orchestrator, run_id)
    await orchestrator.container.bus.js.purge_stream(subjects.ACTIONS)
    await sweeper(orchestrator).round()
    _, command = await agent.take()
    assert command.run_id == run_id


async def test_a_begun_run_without_command_is_interrupted_and_one_with_it_left_alone(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    alive, lost = await make(client), await make(client)
    for _ in range(2):
        message, command = await agent.take()
        await agent.report(command.run_id, RunState.RUNNING)
        if command.run_id == lost:
            await message.ack_sync(timeout=PATIENCE_SECONDS)
    for run_id in (alive, lost):
        await come_to(client, run_id, {"running"})
    await sweeper(orchestrator).round()
    over = await ended(client, lost)
    assert (over["state"], over["error"]["code"]) == ("interrupted", "command_lost")
    assert (await client.get(f"/v1/runs/{alive}")).json()["state"] == "running"


async def test_a_run_whose_agent_is_gone_is_interrupted(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    run_id = await make(client)
    await agent.take()
    await dispatched(orchestrator, run_id)
    async with orchestrator.container.database.across() as session:
        await session.execute(text("DELETE FROM agents"))
    await sweeper(orchestrator).round()
    over = await ended(client, run_id)
    assert (over["state"], over["error"]["code"]) == ("interrupted", "agent_gone")


async def test_a_run_that_waited_for_an_agent_that_is_gone_is_cancelled(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    async with orchestrator.container.database.across() as session:
        await session.execute(text("UPDATE agents SET enabled = false"))
    run_id = await make(client)
    async with orchestrator.container.database.across() as session:
        await session.execute(text("DELETE FROM agents"))
    await sweeper(orchestrator).round()
    over = await ended(client, run_id)
    assert (over["state"], over["error"]["message"]) == ("cancelled", "its agent was uninstalled")
