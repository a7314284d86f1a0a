"""Approvals over HTTP: by another person, of exactly one input and plan, once, in time."""

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from opsrail.auth.principal import Scope
from opsrail.policy import shipped
from opsrail.testing.orchestrator import Orchestrator
from opsrail.testing.played_agent import PlayedAgent, ended
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail.workers.approvals import Approvals
from opsrail.workers.dispatcher import Dispatcher
from opsrail_sdk.capability import verify
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, decode_batch
from opsrail_sdk.contracts.run import input_digest

from .conftest import NewPerson

Json = dict[str, Any]

APPROVER = (Scope.READ, Scope.APPROVE)
DROP = {"agent": "calc", "action": "drop", "input": {"a": 1, "b": 2}}
PRODUCTION = {"agent": "calc", "action": "add", "input": {"a": 1, "b": 2}, "context": {"environment": "production"}}


async def ask(client: httpx.AsyncClient, body: Json = DROP) -> Json:
    """Ask for something that needs approval; the approval as the asker sees it."""
    answer = await client.post("/v1/runs", json=body)
    assert answer.is_success, answer.text
    assert answer.json()["state"] == "awaiting_approval"
    found: Json = (await client.get("/v1/approvals", params={"run_id": answer.json()["id"]})).json()["items"][0]
    return found


async def grant(client: httpx.AsyncClient, approval: Json, **changed: Any) -> httpx.Response:
    seen = {"input_hash": approval["input_hash"], "plan_hash": approval["plan_hash"], "reason": "fine"} | changed
    return await client.post(f"/v1/approvals/{approval['id']}/grant", json=seen)


def said(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


async def run_of(client: httpx.AsyncClient, approval: Json) -> Json:
    run: Json = (await client.get(f"/v1/runs/{approval['run_id']}")).json()
    return run


async def sql(orchestrator: Orchestrator, statement: str, **values: Any) -> Any:
    async with orchestrator.container.database.across() as session:
        result = await session.execute(text(statement), values)
        return result.all() if result.returns_rows else None


async def trail(orchestrator: Orchestrator, verb: str) -> Any:
    """Entries of the audit trail; those of refusals come a moment later."""
    while True:
        rows = await sql(orchestrator, "SELECT * FROM audit_entries WHERE verb = :verb ORDER BY id", verb=verb)
        if rows:
            return rows
        await asyncio.sleep(0.05)


async def facts(orchestrator: Orchestrator, kind: str, count: int) -> list[CloudEvent]:
    found: list[CloudEvent] = []
    subject = subjects.event_filter(str(orchestrator.org_id), kind)
    subscription = await orchestrator.container.bus.js.subscribe(subject, ordered_consumer=True)
    while len(found) < count:
        found += decode_batch((await subscription.next_msg(timeout=PATIENCE_SECONDS)).data)
    await subscription.unsubscribe()
    return found


async def decide_by(orchestrator: Orchestrator, policies: str) -> None:
    """Put a policy set in force."""
    org = orchestrator.org_id
    await sql(
        orchestrator,
        "INSERT INTO policy_sets (org_id, version, text, digest, note, created_by)"
        " VALUES (:org, 1, :text, 'd', '', 'test')",
        org=org,
        text=policies,
    )
    await sql(
        orchestrator,
        "INSERT INTO policy_activations (org_id, version, activated_by, reason, replay)"
        " VALUES (:org, 1, 'test', '', '{}')",
        org=org,
    )


async def test_another_person_sees_exactly_what_is_asked_and_says_yes(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    ann, bob = await person("ann", Scope.WRITE), await person("bob", *APPROVER)
    asked = await ask(ann, DROP | {"context": {"blast_radius": 7, "cost": "12.5"}})
    assert asked["you"] == {"may_grant": False, "why_not": "own_request"}
    approval = (await bob.get(f"/v1/approvals/{asked['id']}")).json()
    assert approval["you"] == {"may_grant": True, "why_not": None}
    assert approval["input"] == DROP["input"]
    assert approval["input_hash"] == input_digest(DROP["input"])
    assert (approval["blast_radius"], approval["risk"], approval["policies"]) == (7, "destructive", ["destructive"])
    assert approval["expires_at"] > approval["created_at"]

    granted = await grant(bob, approval)
    assert granted.status_code == 200, granted.text
    assert granted.json()["state"] == "granted"
    [vote] = granted.json()["votes"]
    assert (vote["name"], vote["person"][:5], vote["reason"]) == ("bob", "user:", "fine")

    message, command = await agent.take()
    claims = verify(
        command.capability,
        keys=orchestrator.container.signer.keys(),
        org_id=agent.org,
        agent="calc",
        action="drop",
        input=command.input,
        run_id=approval["run_id"],
    )
    assert claims.decision_id == granted.json()["granting_decision_id"] != approval["decision_id"]
    await message.ack()
    [decision] = await sql(orchestrator, "SELECT * FROM decisions WHERE id = :id", id=uuid.UUID(claims.decision_id))
    assert (decision.outcome, str(decision.follows)) == ("permit", approval["decision_id"])
    assert decision.approved_by == [vote["person"]]
    [entry] = await trail(orchestrator, "approval.granted")
    assert (entry.actor, entry.target) == (vote["principal"], f"run:{approval['run_id']}")
    events = await facts(orchestrator, "io.opsrail.approval.*", 2)
    assert [event.type.split(".")[3] for event in events] == ["requested", "granted"]
    assert {event.subject for event in events} == {approval["run_id"]}


async def test_whoever_asks_cannot_approve_by_whatever_token(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    ann, also_ann = await person("ann", Scope.WRITE), await person("ann", Scope.ADMIN)
    approval = await ask(ann)
    assert said(await grant(also_ann, approval)) == (403, "own_request")
    assert (await run_of(ann, approval))["state"] == "awaiting_approval"
    [entry] = await trail(orchestrator, "approval.refused")
    assert entry.outcome == "denied"
    assert entry.reason.startswith("own_request")


async def test_approving_needs_scope_and_person(
    agent: PlayedAgent, person: NewPerson, client: httpx.AsyncClient
) -> None:
    approval = await ask(await person("ann", Scope.WRITE))
    assert said(await grant(await person("bob", Scope.OPERATE), approval)) == (403, "scope_missing")
    assert said(await grant(client, approval)) == (403, "person_required")


async def test_the_role_that_the_policy_names_is_needed(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    await decide_by(orchestrator, shipped.policies().text.replace('@approver("approver")', '@approver("sre")'))
    approval = await ask(await person("ann", Scope.WRITE))
    assert approval["approver_role"] == "sre"
    assert said(await grant(await person("bob", *APPROVER), approval)) == (403, "approver_role_missing")
    assert said(await grant(await person("cyd", Scope.ADMIN), approval)) == (200, None)


async def test_every_role_that_the_policies_name_is_needed(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    more = '@id("money") @approvals("1") @approver("finance") forbid (principal, action, resource);'
    text = shipped.policies().text.replace('@approver("approver")', '@approver("sre")')
    await decide_by(orchestrator, f"{text}\n{more}")
    approval = await ask(await person("ann", Scope.WRITE))
    assert approval["approver_role"] == "finance and sre"
    assert said(await grant(await person("bob", *APPROVER), approval)) == (403, "approver_role_missing")
    assert said(await grant(await person("cyd", Scope.ADMIN), approval)) == (200, None)


async def test_an_approval_is_used_once_even_by_two_at_once(agent: PlayedAgent, person: NewPerson) -> None:
    ann, bob, cyd = await person("ann", Scope.WRITE), await person("bob", *APPROVER), await person("cyd", *APPROVER)
    approval = await ask(ann)
    answers = await asyncio.gather(*(grant(one, approval) for one in (bob, cyd, bob)))
    assert sorted(map(said, answers)) == [(200, None), (409, "approval_ended"), (409, "approval_ended")]
    assert said(await bob.post(f"/v1/approvals/{approval['id']}/deny", json={"reason": "late"})) == (
        409,
        "approval_ended",
    )
    await agent.take()
    assert (await run_of(ann, approval))["state"] == "queued"


async def test_a_policy_says_how_long_may_be_waited(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    text = shipped.policies().text.replace('@approver("approver")', '@approver("approver") @expires("PT5M")')
    await decide_by(orchestrator, text)
    ann, bob = await person("ann", Scope.WRITE), await person("bob", *APPROVER)
    parts, approval = orchestrator.container, await ask(ann)
    waited = datetime.fromisoformat(approval["expires_at"]) - datetime.fromisoformat(approval["created_at"])
    assert waited == timedelta(minutes=5)
    await sql(orchestrator, "UPDATE approvals SET deadline = now()")
    assert said(await grant(bob, approval)) in {(409, "approval_expired"), (409, "approval_ended")}
    await Approvals(parts.database, parts.bus, parts.hints, lifetime=parts.settings.approvals.lifetime).round()
    run = await ended(ann, approval["run_id"])
    assert (run["state"], run["error"]["code"]) == ("denied", "approval_expired")


async def test_what_nobody_decides_about_in_time_is_denied(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    ann, bob = await person("ann", Scope.WRITE), await person("bob", *APPROVER)
    parts = orchestrator.container
    lifetime = parts.settings.approvals.lifetime
    approval = await ask(ann)
    await sql(orchestrator, "UPDATE approvals SET created_at = created_at - CAST(:age AS interval)", age=lifetime)
    late = said(await grant(bob, approval))
    assert late in {(409, "approval_expired"), (409, "approval_ended")}
    await Approvals(parts.database, parts.bus, parts.hints, lifetime=lifetime).round()
    run = await ended(ann, approval["run_id"])
    assert (run["state"], run["error"]["code"]) == ("denied", "approval_expired")
    assert said(await grant(bob, approval)) == (409, "approval_ended")
    assert (await facts(orchestrator, "io.opsrail.approval.expired.v1", 1))[0].subject == approval["run_id"]


async def test_an_input_other_than_the_one_that_was_seen_is_not_approved(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    ann, bob = await person("ann", Scope.WRITE), await person("bob", *APPROVER)
    approval = await ask(ann)
    assert said(await grant(bob, approval, input_hash="0" * 64)) == (409, "input_changed")
    await sql(orchestrator, 'UPDATE runs SET input = \'{"a": 1, "b": 3}\'')
    assert said(await grant(bob, approval)) == (409, "input_changed")
    assert said(await grant(bob, approval, input_hash=input_digest({"a": 1, "b": 3}))) == (409, "input_changed")
    assert (await run_of(ann, approval))["state"] == "awaiting_approval"


async def test_a_plan_is_seen_too_and_another_one_voids_what_was_granted(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    policies = shipped.policies().text.replace('@approvals("1")', '@approvals("2")')
    await decide_by(orchestrator, policies)
    ann, bob, cyd = await person("ann", Scope.WRITE), await person("bob", *APPROVER), await person("cyd", *APPROVER)
    approval = await ask(ann, PRODUCTION)

    async def plan(output: Json) -> Json:
        tried = (await ann.post("/v1/runs", json=PRODUCTION | {"dry_run": True})).json()
        await agent.succeed(tried["id"], output)
        await ended(ann, tried["id"])
        attached = await ann.post(f"/v1/approvals/{approval['id']}/plan", json={"run_id": tried["id"]})
        assert attached.status_code == 200, attached.text
        shown: Json = attached.json()
        return shown

    seen = await plan({"would": "add 3"})
    assert seen["plan"] == {"would": "add 3"}
    assert said(await grant(bob, approval)) == (409, "plan_changed")
    assert said(await grant(bob, seen)) == (200, None)
    other = await plan({"would": "add 4"})
    assert other["votes"] == []
    assert said(await grant(cyd, seen)) == (409, "plan_changed")
    assert (await grant(cyd, other)).json()["state"] == "pending"
    assert (await grant(bob, other)).json()["state"] == "granted"

    elsewhere = (await ann.post("/v1/runs", json=PRODUCTION | {"input": {"a": 5, "b": 5}, "dry_run": True})).json()
    approval = await ask(ann, PRODUCTION)
    refused = await ann.post(f"/v1/approvals/{approval['id']}/plan", json={"run_id": elsewhere["id"]})
    assert said(refused) == (409, "not_its_plan")


async def test_two_of_them_are_two_people(orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson) -> None:
    await decide_by(orchestrator, shipped.policies().text.replace('@approvals("1")', '@approvals("2")'))
    ann, bob, also_bob = (
        await person("ann", Scope.WRITE),
        await person("bob", *APPROVER),
        await person("bob", *APPROVER),
    )
    approval = await ask(ann)
    assert approval["needed"] == 2
    first = await grant(bob, approval)
    assert (first.json()["state"], len(first.json()["votes"])) == ("pending", 1)
    assert said(await grant(also_bob, approval)) == (409, "already_approved")
    assert (await run_of(ann, approval))["state"] == "awaiting_approval"
    assert (await grant(await person("cyd", *APPROVER), approval)).json()["state"] == "granted"
    assert (await run_of(ann, approval))["state"] == "queued"


async def test_one_no_ends_it_with_its_reason(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    ann, bob = await person("ann", Scope.WRITE), await person("bob", *APPROVER)
    approval = await ask(ann)
    assert said(await bob.post(f"/v1/approvals/{approval['id']}/deny", json={"reason": " "})) == (422, "invalid")
    denied = await bob.post(f"/v1/approvals/{approval['id']}/deny", json={"reason": "not on a Friday"})
    assert denied.json()["state"] == "denied"
    run = await ended(ann, approval["run_id"])
    assert (run["state"], run["error"]["code"]) == ("denied", "approval_denied")
    assert "not on a Friday" in run["error"]["message"]
    assert said(await grant(bob, approval)) == (409, "approval_ended")
    assert (await trail(orchestrator, "approval.denied"))[0].reason == "not on a Friday"


async def test_cancelling_a_run_that_waits_closes_its_approval(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    ann, bob = await person("ann", Scope.WRITE), await person("bob", *APPROVER)
    approval = await ask(ann)
    await ann.post(f"/v1/runs/{approval['run_id']}/cancel")
    assert said(await grant(bob, approval)) == (409, "approval_ended")
    assert (await ended(ann, approval["run_id"]))["state"] == "cancelled"
    await facts(orchestrator, "io.opsrail.approval.withdrawn.v1", 1)
    assert (await bob.get(f"/v1/approvals/{approval['id']}")).json()["state"] == "withdrawn"


async def test_guards_and_policies_are_asked_again_at_the_grant(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    ann, bob, root = (
        await person("ann", Scope.WRITE),
        await person("bob", *APPROVER),
        await person("cyd", Scope.ADMIN),
    )
    approval = await ask(ann)
    await root.put("/v1/kill-switches/calc", json={"reason": "smoke"})
    assert said(await grant(bob, approval)) == (409, "no_longer_permitted")
    assert (await bob.get(f"/v1/approvals/{approval['id']}")).json()["votes"] == []
    [refused] = await sql(orchestrator, "SELECT * FROM decisions WHERE follows IS NOT NULL")
    assert (refused.outcome, str(refused.follows)) == ("deny", approval["decision_id"])
    await root.delete("/v1/kill-switches/calc")
    assert said(await grant(bob, approval)) == (200, None)


async def test_an_approval_lifts_a_guard_that_may_be_overridden(agent: PlayedAgent, person: NewPerson) -> None:
    ann, bob, root = (
        await person("ann", Scope.WRITE),
        await person("bob", *APPROVER),
        await person("cyd", Scope.ADMIN),
    )
    rule = {"cron": "* * * * *", "duration": "PT2M"}
    made = await root.post("/v1/guards", json={"kind": "freeze", "name": "always", "rule": rule, "overridable": True})
    assert made.status_code == 201, made.text
    approval = await ask(ann, {"agent": "calc", "action": "add", "input": {"a": 1, "b": 2}})
    [obstacle] = approval["obstacles"]
    assert obstacle.startswith("frozen: always: ")
    assert (await grant(bob, approval)).json()["state"] == "granted"


@pytest.mark.parametrize("verb", ["grant", "deny", "plan"])
async def test_an_approval_that_is_not_ours_does_not_exist(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson, verb: str
) -> None:
    ann, root = await person("ann", Scope.WRITE), await person("cyd", Scope.ADMIN)
    approval = await ask(ann)
    theirs = uuid.uuid4()
    await sql(
        orchestrator, "INSERT INTO organisations (org_id, slug, title) VALUES (:org, 'theirs', 't')", org=theirs
    )
    await sql(orchestrator, "UPDATE approvals SET org_id = :org", org=theirs)
    bodies = {
        "grant": {"input_hash": approval["input_hash"]},
        "deny": {"reason": "no"},
        "plan": {"run_id": approval["run_id"]},
    }
    assert said(await root.post(f"/v1/approvals/{approval['id']}/{verb}", json=bodies[verb])) == (404, "not_found")
    assert (await root.get(f"/v1/approvals/{approval['id']}")).status_code == 404
    assert (await root.get("/v1/approvals")).json()["items"] == []


async def test_lists_are_paged_and_filtered(agent: PlayedAgent, person: NewPerson) -> None:
    ann, bob = await person("ann", Scope.WRITE), await person("bob", *APPROVER)
    made = [(await ask(ann))["id"] for _ in range(3)]
    await grant(bob, (await bob.get(f"/v1/approvals/{made[0]}")).json())
    page = (await bob.get("/v1/approvals", params={"limit": 2})).json()
    rest = (await bob.get("/v1/approvals", params={"limit": 2, "cursor": page["next"]})).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None
    pending = (await bob.get("/v1/approvals", params={"state": "pending"})).json()["items"]
    assert [item["id"] for item in pending] == made[:0:-1]


async def test_a_run_that_is_forced_into_the_queue_is_not_sent_out(
    orchestrator: Orchestrator, agent: PlayedAgent, person: NewPerson
) -> None:
    approval = await ask(await person("ann", Scope.WRITE))
    parts = orchestrator.container
    await sql(orchestrator, "UPDATE runs SET state = 'queued', available_at = now(), queued_at = now()")
    assert await Dispatcher(parts.database, parts.bus, parts.hints, parts.signer).round() == 0
    await sql(orchestrator, "UPDATE runs SET decision_id = gen_random_uuid()")
    assert await Dispatcher(parts.database, parts.bus, parts.hints, parts.signer).round() == 0
    assert (await parts.bus.js.stream_info(subjects.ACTIONS)).state.messages == 0
    assert (await run_of(await person("bob", *APPROVER), approval))["state"] == "queued"
