"""Every wish passes the gate: what it says is recorded with the run, and told to whoever asked."""

import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from opsrail.testing.orchestrator import Orchestrator
from opsrail_sdk.contracts.manifest import Risk

from .conftest import OPS, Dispatch, action, install

Json = dict[str, Any]
STAGING = {"service": "api", "environment": "staging"}
PRODUCTION = {"service": "api", "environment": "production"}


async def audited(orchestrator: Orchestrator, run_id: str) -> list[Any]:
    async with orchestrator.container.database.organisation(orchestrator.org_id) as session:
        return list(
            (
                await session.execute(
                    text("SELECT * FROM audit_entries WHERE target = :target ORDER BY at, id"),
                    {"target": f"run:{run_id}"},
                )
            ).all()
        )


async def test_a_permitted_wish_is_queued_with_its_decision(
    orchestrator: Orchestrator, client: httpx.AsyncClient, dispatch: Dispatch
) -> None:
    answer = await dispatch("ops.restart", **STAGING)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert told["status"] == "queued"
    assert told["correlation_id"] == answer.headers["x-correlation-id"]
    governance = told["governance"]
    assert governance["allowed"] is True
    assert governance["policies"] == ["people"]
    assert governance["decision_time_ms"] > 0
    run = (await client.get(f"/v1/runs/{told['run_id']}")).json()
    assert (run["state"], run["decision_id"]) == ("queued", governance["decision_id"])
    decision = (await client.get(f"/v1/decisions/{governance['decision_id']}")).json()
    assert decision["run_id"] == told["run_id"]
    assert decision["outcome"] == "permit"
    assert decision["question"]["resource"]["environment"] == "staging"
    assert decision["question"]["resource"]["name"] == run["target"] != ""
    assert decision["question"]["principal"]["roles"] == ["admin", "approver", "operator", "viewer", "writer"]
    (entry,) = await audited(orchestrator, told["run_id"])
    assert (entry.verb, entry.outcome, str(entry.decision_id)) == (
        "run.requested",
        "allowed",
        governance["decision_id"],
    )


async def test_a_denied_wish_is_403_and_stays_on_record(
    orchestrator: Orchestrator, client: httpx.AsyncClient, dispatch: Dispatch
) -> None:
    answer = await dispatch("ops.restart", **STAGING, tags=["protected"])
    assert answer.status_code == 403
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["detail"]) == ("policy_denied", "the target is protected")
    assert problem["governance"]["allowed"] is False
    assert problem["governance"]["policies"] == ["protected"]
    assert problem["correlation_id"]
    run = (await client.get(f"/v1/runs/{problem['run_id']}")).json()
    assert (run["state"], run["queued_at"], run["error"]["code"]) == ("denied", None, "policy_denied")
    assert run["finished_at"]
    listed = (await client.get("/v1/decisions", params={"outcome": "deny"})).json()["items"]
    assert [item["id"] for item in listed] == [problem["governance"]["decision_id"]]
    (entry,) = await audited(orchestrator, problem["run_id"])
    assert (entry.verb, entry.outcome, entry.reason) == ("run.denied", "denied", "the target is protected")


async def test_what_needs_approval_waits(client: httpx.AsyncClient, dispatch: Dispatch) -> None:
    answer = await dispatch("ops.restart", **PRODUCTION)
    told = answer.json()
    assert (answer.status_code, told["status"]) == (202, "awaiting_approval")
    assert told["governance"]["allowed"] is False
    assert told["governance"]["approvals"] == 1
    run = (await client.get(f"/v1/runs/{told['run_id']}")).json()
    assert (run["state"], run["queued_at"]) == ("awaiting_approval", None)
    as_run = await client.post("/v1/runs", json={"agent": "ops", "action": "wipe", "input": STAGING})
    assert (as_run.status_code, as_run.json()["state"]) == (202, "awaiting_approval")


@pytest.mark.parametrize(
    ("context", "status"),
    [
        ({"environment": "staging"}, "queued"),
        ({"environment": "production"}, "awaiting_approval"),
        ({"environment": "staging", "ticket": "OPS-1", "cost": "12.50", "blast_radius": 3, "urgent": True}, "queued"),
    ],
)
async def test_the_context_informs_the_policies(
    client: httpx.AsyncClient, dispatch: Dispatch, context: Json, status: str
) -> None:
    told = (await dispatch("ops.restart", service="api", context=context)).json()
    assert told["status"] == status, told
    decision = (await client.get(f"/v1/decisions/{told['governance']['decision_id']}")).json()
    assert decision["question"]["context"]["claims"] == sorted(
        f"{key}={str(value).lower() if value is True else value}"
        for key, value in context.items()
        if key in ("ticket", "urgent")
    )


@pytest.mark.parametrize(
    "body",
    [
        {"intent": "ops"},
        {"intent": "ops.restart", "agent": "ops", "action": "restart"},
        {"agent": "ops"},
        {},
        {"intent": "ops.restart", "context": {"cost": -1}},
        {"intent": "ops.restart", "context": {"blast_radius": "many"}},
        {"intent": "ops.restart", "context": {"deep": {"er": 1}}},
        {"intent": "ops.restart", "context": {"note": "nul\0"}},
        {"intent": "ops.restart", "context": {f"k{n}": n for n in range(60)}},
    ],
)
async def test_a_dispatch_that_is_not_understood_is_422(client: httpx.AsyncClient, ops: None, body: Json) -> None:
    answer = await client.post("/v1/dispatch", json=body)
    assert answer.status_code == 422, answer.text
    assert (await client.get("/v1/runs")).json()["items"] == []


async def test_an_upgraded_manifest_counts_from_its_commit_on(orchestrator: Orchestrator, dispatch: Dispatch) -> None:
    assert (await dispatch("ops.restart", **STAGING)).json()["status"] == "queued"
    riskier = OPS.model_copy(update={"actions": (action("restart", Risk.DESTRUCTIVE),)})
    await install(orchestrator, orchestrator.org_id, riskier)
    assert (await dispatch("ops.restart", **STAGING)).json()["status"] == "awaiting_approval"
    assert (await dispatch("ops.look")).status_code == 404


async def test_failures_of_the_last_hour_are_counted(
    orchestrator: Orchestrator, client: httpx.AsyncClient, dispatch: Dispatch
) -> None:
    for _ in range(3):
        await dispatch("ops.restart", **STAGING)
    async with orchestrator.container.database.across() as session:
        await session.execute(text("UPDATE runs SET state = 'failed', finished_at = now()"))
    told = (await dispatch("ops.restart", **STAGING)).json()
    decision = (await client.get(f"/v1/decisions/{told['governance']['decision_id']}")).json()
    assert decision["question"]["context"]["recent_failures"] == 3


async def test_decisions_are_never_changed(orchestrator: Orchestrator, dispatch: Dispatch) -> None:
    await dispatch("ops.restart", **STAGING)
    database = orchestrator.container.database
    for statement in ("UPDATE decisions SET outcome = 'permit'", "DELETE FROM decisions"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.organisation(orchestrator.org_id) as session:
                await session.execute(text(statement))


async def test_another_organisation_sees_no_decision(
    orchestrator: Orchestrator, client: httpx.AsyncClient, dispatch: Dispatch
) -> None:
    await dispatch("ops.restart", **STAGING)
    async with orchestrator.container.database.organisation(uuid.uuid4()) as session:
        assert (await session.execute(text("SELECT count(*) FROM decisions"))).scalar() == 0
    assert (await client.get(f"/v1/decisions/{uuid.uuid4()}")).status_code == 404
    assert (await client.get("/v1/decisions/no-uuid")).status_code == 404


async def test_decisions_are_filtered_and_paged(client: httpx.AsyncClient, dispatch: Dispatch) -> None:
    made = [(await dispatch("ops.restart", **STAGING)).json()["governance"]["decision_id"] for _ in range(5)]
    await dispatch("ops.look")
    seen: list[str] = []
    cursor = None
    while True:
        query: Json = {"limit": 2, "action": "restart"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/decisions", params=query)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]
