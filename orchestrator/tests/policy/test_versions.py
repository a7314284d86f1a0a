"""A policy set from draft to force: nothing decides that was not tested and replayed."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from opsrail.policy import shipped
from opsrail.testing.orchestrator import Orchestrator

from .conftest import Dispatch

Json = dict[str, Any]
STAGING = {"service": "api", "environment": "staging"}
PRODUCTION = {"service": "api", "environment": "production"}
NIGHTS = (
    shipped.policies().text
    + """
@id("no-restarts")
@reason("restarts are off")
forbid (principal, action == Action::"ops.restart", resource)
when { resource.environment == "staging" };
"""
)
CASES = [
    {"name": "staging is off", "given": {"action": "ops.restart", "input": STAGING}, "expect": "deny"},
    {"name": "looking is free", "given": {"action": "ops.look", "input": STAGING}, "expect": "permit"},
]


async def drafted(client: httpx.AsyncClient, **more: Any) -> Json:
    answer = await client.post("/v1/policies", json={"text": NIGHTS, "note": "no restarts", **more})
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


async def activate(client: httpx.AsyncClient, version: int, **more: Any) -> httpx.Response:
    return await client.post(f"/v1/policies/{version}/activate", json={"reason": "agreed", **more})


async def test_the_shipped_set_is_in_force_at_first(client: httpx.AsyncClient) -> None:
    found = (await client.get("/v1/policies/active")).json()
    assert (found["version"], found["state"], found["text"]) == (0, "active", shipped.policies().text)
    assert (await client.get("/v1/policies")).json()["items"] == []


async def test_a_draft_is_tested_then_replayed_then_activated(
    orchestrator: Orchestrator, client: httpx.AsyncClient, dispatch: Dispatch
) -> None:
    for wish in (STAGING, STAGING, STAGING, PRODUCTION):
        await dispatch("ops.restart", **wish)
    draft = await drafted(client)
    assert (draft["version"], draft["state"]) == (1, "draft")
    assert (await activate(client, 1)).json()["code"] == "policy_untested"
    failing = [{**CASES[0], "expect": "permit"}, CASES[1]]
    report = (await client.post("/v1/policies/1/test", json={"cases": failing})).json()
    assert (report["passed"], report["failed"]) == (1, 1)
    assert report["results"][0]["differences"] == ["outcome: expected permit, is deny (restarts are off)"]
    assert (await activate(client, 1)).json()["code"] == "policy_untested"
    assert (await client.post("/v1/policies/1/test", json={"cases": CASES})).json()["failed"] == 0

    replayed = (await client.post("/v1/policies/replay", json={"version": 1})).json()
    assert replayed["counts"] == [{"was": "permit", "now": "deny", "count": 3}]
    assert replayed["summary"].startswith("this change would have denied 3 of the last 4 runs")
    assert {item["policies"][0] for item in replayed["decisions"]} == {"no-restarts"}
    assert (await dispatch("ops.restart", **STAGING)).status_code == 202

    refused = await activate(client, 1)
    assert (refused.status_code, refused.json()["code"]) == (409, "policy_changes_outcomes")
    assert refused.json()["errors"] == [{"field": "permit → deny", "message": "4"}]
    done = await activate(client, 1, accept=True)
    assert done.status_code == 200, done.text
    denied = await dispatch("ops.restart", **STAGING)
    assert (denied.status_code, denied.json()["detail"]) == (403, "restarts are off")
    decision = (await client.get(f"/v1/decisions/{denied.json()['governance']['decision_id']}")).json()
    assert (decision["policy_version"], decision["policy_digest"]) == (1, draft["digest"])

    back = await activate(client, 0, accept=True)
    assert back.status_code == 200, back.text
    assert (await dispatch("ops.restart", **STAGING)).status_code == 202
    assert (await client.get("/v1/policies/1")).json()["state"] == "retired"
    history = (await client.get("/v1/policies/activations")).json()["items"]
    assert [item["version"] for item in history] == [0, 1]
    assert {item["reason"] for item in history} == {"agreed"}
    async with orchestrator.container.database.organisation(orchestrator.org_id) as session:
        verbs = (
            await session.scalars(text("SELECT verb FROM audit_entries WHERE target LIKE 'policy:%' ORDER BY at, id"))
        ).all()
    assert verbs == [
        "policy.drafted",
        "policy.tested",
        "policy.tested",
        "policy.activated",
        "policy.activated",
    ]


async def test_a_replay_is_exact(client: httpx.AsyncClient, dispatch: Dispatch) -> None:
    for wish in (STAGING, PRODUCTION, {"service": "x"}, {**STAGING, "tags": ["protected"]}):
        await dispatch("ops.restart", **wish, context={"cost": "3.5", "ticket": 9})
    report = (await client.post("/v1/policies/replay", json={"text": shipped.policies().text})).json()
    assert (report["considered"], report["changed"]) == (4, 0)
    assert "as before" in report["summary"]


async def test_a_version_never_changes(orchestrator: Orchestrator, client: httpx.AsyncClient, ops: None) -> None:
    await drafted(client)
    for statement in (
        "UPDATE policy_sets SET text = 'x'",
        "DELETE FROM policy_sets",
        "DELETE FROM policy_activations",
        "UPDATE policy_activations SET version = 9",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with orchestrator.container.database.organisation(orchestrator.org_id) as session:
                await session.execute(text(statement))


@pytest.mark.parametrize(
    ("policies", "field"),
    [
        ("permit (", "text"),
        ('@id("a") permit (principal, action == Action::"ci.nothing", resource);', "a"),
        ('@id("a") permit (principal, action, resource) when { resource.enviroment == "x" };', "a"),
    ],
)
async def test_a_wrong_set_is_refused_with_the_place(
    client: httpx.AsyncClient, ops: None, policies: str, field: str
) -> None:
    for path in ("/v1/policies", "/v1/policies/validate", "/v1/policies/replay"):
        answer = await client.post(path, json={"text": policies})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_policy")
        assert answer.json()["errors"][0]["field"] == field
    assert (await client.get("/v1/policies")).json()["items"] == []


async def test_a_draft_may_bring_its_cases(client: httpx.AsyncClient, ops: None) -> None:
    made = await drafted(client, cases=CASES)
    assert (made["state"], made["report"]["passed"]) == ("tested", 2)
    assert [case["name"] for case in made["cases"]] == ["staging is off", "looking is free"]
    assert (await activate(client, 1)).status_code == 200
    assert (await activate(client, 1)).json()["code"] == "policy_active"
    listed = (await client.get("/v1/policies")).json()["items"]
    assert [(item["version"], item["state"]) for item in listed] == [(1, "active")]


async def test_checking_keeps_nothing(client: httpx.AsyncClient, ops: None) -> None:
    checked = (await client.post("/v1/policies/validate", json={"text": NIGHTS, "cases": CASES})).json()
    assert checked["report"]["failed"] == 0
    assert "no-restarts" in {rule["id"] for rule in checked["rules"]}
    assert (await client.get("/v1/policies")).json()["items"] == []
    assert (await client.get("/v1/policies/1")).status_code == 404
    assert (await client.post("/v1/policies/1/test", json={"cases": CASES})).status_code == 404
    assert (await client.post("/v1/policies/0/test", json={"cases": CASES})).json()["code"] == "policy_fixed"
    assert (await client.post("/v1/policies/replay", json={})).status_code == 400


async def test_the_vocabulary_follows_the_installed_agents(client: httpx.AsyncClient, ops: None) -> None:
    found = (await client.get("/v1/policies/vocabulary")).json()
    assert found[""]["actions"]["ops.wipe"]["memberOf"] == [{"id": "risk:destructive"}, {"id": "agent:ops"}]
