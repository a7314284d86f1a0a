"""Another organisation's ids, tried on every kind of thing: not found, told apart from nothing, and on record.

``orchestrator/tests/organisations/test_nothing_crosses.py`` tries every route with every id and straight SQL; here
is what the attacked organisation's administrator can read about it afterwards.
"""

import base64
from dataclasses import dataclass, field

import httpx
import orjson
import pytest
import pytest_asyncio

from opsrail.testing.people import join
from opsrail.testing.played_agent import install
from tests.attack.conftest import Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARK = "belongs-to-the-others"


@dataclass
class Others:
    """A second organisation, full of things; the path of each."""

    org_id: str
    client: httpx.AsyncClient
    things: dict[str, str] = field(default_factory=dict)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def others(target: Target) -> Others:
    made = (await target.root.post("/v1/organisations", json={"slug": "others", "title": MARK})).json()
    client = target.client(Authorization=f"Bearer {made['token']}")
    others = Others(made["org_id"], client)
    await install(target.orchestrator, made["org_id"])
    member = await join(client, "them@example.com", "admin")
    others.things["members"] = f"/v1/members/{member}"
    for name, body in {
        "tokens": {"name": MARK, "scopes": ["read"]},
        "machines": {"name": MARK, "roles": ["viewer"]},
        "invitations": {"email": "invited@example.com", "roles": ["viewer"]},
        "connections": {"kind": "github", "name": MARK},
        "identity-providers": {"name": "corp", "title": MARK, "issuer": "http://127.0.0.1:9", "client_id": "x"},
        "guards": {"kind": "freeze", "name": MARK, "selector": {}, "rule": {"cron": "0 0 * * *", "minutes": 60}},
        "runs": {"agent": "calc", "action": "drop", "input": {"a": 1, "b": 2, "note": MARK}},
    }.items():
        answer = await client.post(f"/v1/{name}", json=body)
        if answer.status_code in {201, 202}:
            others.things[name] = f"/v1/{name}/{answer.json()['id']}"
    for name in ("approvals", "decisions"):
        (first, *_) = (await client.get(f"/v1/{name}")).json()["items"]
        others.things[name] = f"/v1/{name}/{first['id']}"
    assert (await client.put("/v1/secrets/deploy", json={"value": MARK})).is_success
    others.things["secrets"] = "/v1/secrets/deploy"
    return others


READ = ("members", "connections", "runs", "approvals", "decisions", "secrets")
DELETED = ("members", "tokens", "machines", "invitations", "connections", "identity-providers", "secrets")
POSTED = {
    "runs": ("cancel", {}),
    "approvals": ("grant", {"input_hash": "0" * 64, "reason": "mine"}),
    "connections": ("rotate", {}),
    "machines": ("rotate", {}),
}


async def missed(target: Target, answer: httpx.Response, method: str) -> None:
    assert MARK not in answer.text
    entry = await target.refused(answer, 404, "not_found")
    assert entry.actor.startswith("token:")
    assert entry.verb in {"access.not_found", "approval.refused"}
    assert str(entry.org_id) == target.org
    if entry.verb == "access.not_found":
        assert entry.target.startswith(f"route:{method} /v1/")
        assert "{" in entry.target


@pytest.mark.parametrize("thing", READ)
async def test_reading_it(target: Target, others: Others, thing: str) -> None:
    assert (await others.client.get(others.things[thing])).status_code == 200
    await missed(target, await target.root.get(others.things[thing]), "GET")


@pytest.mark.parametrize("thing", DELETED)
async def test_deleting_it(target: Target, others: Others, thing: str) -> None:
    await missed(target, await target.root.delete(others.things[thing]), "DELETE")


@pytest.mark.parametrize("thing", POSTED)
async def test_acting_on_it(target: Target, others: Others, thing: str) -> None:
    verb, body = POSTED[thing]
    await missed(target, await target.root.post(f"{others.things[thing]}/{verb}", json=body), "POST")


async def test_naming_it_in_queries_finds_nothing(target: Target, others: Others) -> None:
    run = others.things["runs"].rpartition("/")[2]
    for path, name in (
        ("artifacts", "run_id"),
        ("approvals", "run_id"),
        ("decisions", "run_id"),
        ("runs", "parent_id"),
    ):
        answer = await target.root.get(f"/v1/{path}", params={name: run})
        assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_a_cursor_of_theirs_opens_nothing_of_theirs(target: Target, others: Others) -> None:
    for path in ("tokens", "connections", "runs", "decisions"):
        page = (await others.client.get(f"/v1/{path}", params={"limit": 1})).json()
        ours = await target.root.get(f"/v1/{path}", params={"limit": 100, "cursor": page["next"] or "e30"})
        assert ours.status_code in {200, 422, 400}, ours.text
        assert MARK not in ours.text
        assert others.org_id not in ours.text


@pytest.mark.parametrize("forged", ["e30", "AAAA", "' OR 1=1 --", base64.b64encode(b"[1,2").decode(), "x" * 4000])
async def test_a_forged_cursor_is_refused(target: Target, forged: str) -> None:
    answer = await target.root.get("/v1/runs", params={"cursor": forged})
    if len(forged) > 512:
        assert answer.status_code == 422, answer.text
        return
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), answer.text
    entry = await target.entry("target = 'route:GET /v1/runs' AND reason LIKE 'bad_cursor:%'")
    assert (entry.verb, entry.outcome) == ("request.refused", "denied")


async def test_claiming_to_be_of_their_organisation(target: Target, others: Others) -> None:
    """The organisation is the token's, whatever the request says."""
    for headers in (
        {"X-Org-ID": others.org_id},
        {"X-Organisation": "others"},
        {"X-Forwarded-User": "them@example.com"},
    ):
        me = await target.root.get(
            "/v1/me", headers=headers, params={"org_id": others.org_id, "organisation": "others"}
        )
        assert me.json()["org_id"] == target.org
    body = {"name": "spy", "scopes": ["read"], "org_id": others.org_id}
    made = await target.root.post("/v1/tokens", json=body)
    if made.status_code == 201:
        async with target.client(Authorization=f"Bearer {made.json()['token']}") as spy:
            assert (await spy.get("/v1/me")).json()["org_id"] == target.org
    assert MARK not in (await target.root.get("/v1/audit", params={"limit": 200})).text


async def test_publishing_into_their_organisation(target: Target, others: Others) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/spy", "type": "spy.event", "orgid": others.org_id}
    answer = await target.root.post(
        "/v1/events", content=orjson.dumps(event), headers={"Content-Type": "application/cloudevents+json"}
    )
    assert answer.status_code == 202, answer.text
    found = (await others.client.get("/v1/events", params={"type": "spy.event"})).json()["items"]
    assert found == []
