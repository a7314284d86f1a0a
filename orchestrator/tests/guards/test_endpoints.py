"""Guards and kill switches over HTTP, and that a thrown switch holds back what is queued."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, come_to, dispatched, ended
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.run import RunState

Json = dict[str, Any]

BUDGET = {"kind": "budget", "name": "five an hour", "rule": {"limit": 5, "window": "PT1H"}}
FREEZE = {"kind": "freeze", "name": "always", "rule": {"cron": "* * * * *", "duration": "PT2M"}}


async def ask(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/runs", json={"agent": "calc", "action": "add", "input": {"a": 1, "b": 2}, **body})


async def audit(orchestrator: Orchestrator) -> list[str]:
    async with orchestrator.container.database.across() as session:
        return list((await session.scalars(text("SELECT verb FROM audit_entries ORDER BY id"))).all())


async def test_a_guard_is_made_changed_and_removed_on_the_record(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    made = await client.post("/v1/guards", json=BUDGET)
    assert made.status_code == 201, made.text
    guard = made.json()
    assert guard["rule"] | {"limit": "5", "window": "PT1H", "per": "target", "measure": "actions"} == guard["rule"]
    assert (await client.post("/v1/guards", json=BUDGET)).json()["code"] == "name_taken"
    at = f"/v1/guards/{guard['id']}"
    changed = await client.patch(at, json={"enabled": False, "rule": {"limit": 6}, "selector": {"agents": ["cd"]}})
    assert (changed.json()["enabled"], changed.json()["rule"]["limit"]) == (False, "6")
    assert (await client.get(at)).json() == changed.json()
    frozen = (await client.post("/v1/guards", json=FREEZE)).json()
    assert frozen["frozen_until"] > frozen["created_at"]
    assert [item["name"] for item in (await client.get("/v1/guards")).json()["items"]] == ["always", "five an hour"]
    assert len((await client.get("/v1/guards", params={"kind": "freeze"})).json()["items"]) == 1
    assert (await client.delete(at)).status_code == 204
    assert (await client.delete(at)).status_code == 404
    assert (await client.patch(at, json={})).status_code == 404
    verbs = [verb for verb in await audit(orchestrator) if verb.startswith("guard.")]
    assert verbs == ["guard.created", "guard.changed", "guard.created", "guard.removed"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**BUDGET, "rule": {"limit": -1}}, "body.budget.rule.limit"),
        ({**BUDGET, "rule": {}}, "body.budget.rule.limit"),
        ({**FREEZE, "rule": {"cron": "never", "duration": "PT1H"}}, "body.freeze.rule.cron"),
        ({**FREEZE, "selector": {"agent": "cd"}}, "body.freeze.selector.agent"),
        ({**BUDGET, "kind": "hope"}, "body"),
        ({**BUDGET, "name": "\n"}, "body.budget.name"),
    ],
)
async def test_what_is_wrong_is_named(client: httpx.AsyncClient, body: Json, field: str) -> None:
    answer = await client.post("/v1/guards", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_a_changed_rule_must_be_of_its_kind(client: httpx.AsyncClient) -> None:
    guard = (await client.post("/v1/guards", json=BUDGET)).json()
    answer = await client.patch(f"/v1/guards/{guard['id']}", json={"rule": {"within": "PT1M"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_guard")
    assert {error["field"] for error in answer.json()["errors"]} == {"rule.limit", "rule.within"}


async def test_a_wish_over_the_budget_is_denied_and_recorded(agent: PlayedAgent, client: httpx.AsyncClient) -> None:
    await client.post("/v1/guards", json={**BUDGET, "rule": {"limit": 1}})
    assert (await ask(client)).status_code == 201
    over = await ask(client)
    assert over.status_code == 403
    assert over.json()["governance"]["obstacles"][0].startswith("over_budget: five an hour: 1 used and 1 asked for")
    denied = (await client.get("/v1/runs", params={"state": "denied"})).json()["items"]
    assert [run["id"] for run in denied] == [over.json()["run_id"]]


async def test_a_thrown_switch_denies_wishes_and_holds_what_is_queued(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    sent = (await ask(client)).json()
    await dispatched(orchestrator, sent["id"])
    thrown = await client.put("/v1/kill-switches/calc", json={"reason": "smoke"})
    assert thrown.status_code == 200, thrown.text
    assert thrown.json()["cancelled"] == 0
    refused = await ask(client)
    assert (refused.status_code, refused.json()["governance"]["obstacles"][0][:7]) == (403, "killed:")
    await recalled(orchestrator, sent["id"])
    assert (await client.get(f"/v1/runs/{sent['id']}")).json()["state"] == "queued"

    assert [item["agent"] for item in (await client.get("/v1/kill-switches")).json()["items"]] == ["calc"]
    assert (await client.delete("/v1/kill-switches/calc")).status_code == 204
    assert (await client.delete("/v1/kill-switches/calc")).status_code == 404
    _, command = await agent.take()
    assert command.run_id == sent["id"]
    verbs = await audit(orchestrator)
    assert [verb for verb in verbs if verb.startswith("kill")] == ["kill_switch.thrown", "kill_switch.released"]


async def test_the_switch_for_all_can_stop_what_runs(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    running, waiting = (await ask(client)).json()["id"], (await ask(client)).json()["id"]
    await agent.report(running, RunState.RUNNING)
    await come_to(client, running, {"running"})
    thrown = await client.put("/v1/kill-switches/*", json={"reason": "all stop", "cancel_running": True})
    assert thrown.json()["cancelled"] == 2
    cancelled = await ended(client, waiting)
    assert (cancelled["state"], cancelled["error"]["code"]) == ("cancelled", "cancelled")
    subject = subjects.run_cancel(agent.org, "calc", running)
    while await orchestrator.container.bus.last(subjects.RUNS, subject) is None:
        await asyncio.sleep(0.02)


async def test_an_agent_that_was_quicker_than_the_recall_still_reports(
    orchestrator: Orchestrator, agent: PlayedAgent, client: httpx.AsyncClient
) -> None:
    run_id = (await ask(client)).json()["id"]
    await agent.take()
    await client.put("/v1/kill-switches/calc", json={"reason": "smoke"})
    await agent.succeed(run_id, {"sum": 3})
    assert (await ended(client, run_id))["state"] == "succeeded"


@pytest.mark.parametrize(("agent_id", "status"), [("nobody", 404), ("Not an id", 422)])
async def test_there_is_no_switch_for_what_is_not_installed(
    client: httpx.AsyncClient, agent_id: str, status: int
) -> None:
    assert (await client.put(f"/v1/kill-switches/{agent_id}", json={"reason": "x"})).status_code == status


async def recalled(orchestrator: Orchestrator, run_id: str) -> None:
    while await _sequence(orchestrator, run_id):
        await asyncio.sleep(0.02)
    assert (await orchestrator.container.bus.js.stream_info(subjects.ACTIONS)).state.messages == 0


async def _sequence(orchestrator: Orchestrator, run_id: str) -> int | None:
    async with orchestrator.container.database.across() as session:
        found: int | None = await session.scalar(
            text("SELECT dispatch_sequence FROM runs WHERE id = :id"), {"id": uuid.UUID(run_id)}
        )
    return found
