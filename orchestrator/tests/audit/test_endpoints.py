"""The trail over HTTP: who may see what, filters, verification and export."""

import asyncio

import httpx
import orjson
import pytest

from opsrail.audit.trail import INSTANCE, Entry, record_all
from opsrail.audit.verification import verify_file
from opsrail.cli.sse import parse
from opsrail.testing.orchestrator import Orchestrator
from opsrail_sdk.capability import parse_jwks


def entry(verb: str, target: str = "thing:1") -> Entry:
    return Entry(actor="user:u", verb=verb, target=target, outcome="succeeded", correlation_id=f"c-{verb}")


@pytest.fixture
async def sealed(orchestrator: Orchestrator, client: httpx.AsyncClient) -> None:
    verbs = ("thing.created", "thing.changed", "login.failed", "token.created", "thingy.created")
    entries = [(orchestrator.org_id, entry(verb)) for verb in verbs] + [(INSTANCE, entry("login.failed"))]
    async with orchestrator.container.database.across() as session:
        await record_all(session, entries)
    while (await client.get("/v1/audit/verify")).json()["waiting"]:
        await asyncio.sleep(0.05)


async def token(client: httpx.AsyncClient, scope: str) -> dict[str, str]:
    made = await client.post("/v1/tokens", json={"name": scope, "scopes": [scope]})
    return {"Authorization": f"Bearer {made.json()['token']}"}


@pytest.mark.usefixtures("sealed")
async def test_the_list_is_filtered_and_paged(client: httpx.AsyncClient) -> None:
    found = (await client.get("/v1/audit", params={"verb": "thing.*"})).json()["items"]
    assert [item["verb"] for item in found] == ["thing.changed", "thing.created"]
    assert all(item["hash"] for item in found)
    one = (await client.get("/v1/audit", params={"correlation_id": "c-login.failed"})).json()["items"]
    assert [item["actor"] for item in one] == ["user:u"]
    first = (await client.get("/v1/audit", params={"limit": 2, "actor": "user:u"})).json()
    second = (await client.get("/v1/audit", params={"limit": 2, "actor": "user:u", "cursor": first["next"]})).json()
    seen = [item["verb"] for page in (first, second) for item in page["items"]]
    assert seen == ["thingy.created", "token.created", "login.failed", "thing.changed"]
    assert (await client.get("/v1/audit", params={"until": "2020-01-01T00:00:00Z"})).json()["items"] == []


async def test_a_refused_request_is_found_among_those_that_were_alike(
    orchestrator: Orchestrator, client: httpx.AsyncClient
) -> None:
    for n in range(60):
        refused = Entry(actor="user:u", verb="x.refused", target="t", outcome="denied", correlation_id=f"r{n}")
        orchestrator.container.refusals.note(orchestrator.org_id, refused)
    await orchestrator.container.refusals.close()
    for wanted, count in (("r0", 1), ("r1", 1), ("r49", 1), ("r50", 0), ("r", 0)):
        found = (await client.get("/v1/audit", params={"correlation_id": wanted})).json()["items"]
        assert [item["detail"]["count"] for item in found] == [60] * count, wanted


@pytest.mark.usefixtures("sealed")
async def test_an_export_verifies_with_the_published_keys(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/audit/export")
    keys = parse_jwks((await client.get("/v1/audit/keys")).content)
    report = verify_file(answer.content.splitlines(keepends=True), keys)
    assert report.holds
    assert report.entries >= 5
    assert (await client.get("/v1/audit", params={"verb": "audit.exported"})).json()["items"]
    whole = (await client.get("/v1/audit/verify")).json()
    assert whole["holds"]
    told = (await client.get("/v1/audit/verify", headers={"Accept": "text/event-stream"})).text
    *progress, end = [(one.event, one.json()) for one in parse(told.splitlines())]
    assert progress[-1][0] == "progress"
    assert progress[-1][1]["position"] >= whole["entries"]
    assert (end[0], end[1]["holds"]) == ("end", True)
    assert (await client.get("/v1/audit/export", params={"after": 10_000})).status_code == 422


@pytest.mark.usefixtures("sealed")
async def test_ocsf_events_have_what_their_classes_require(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/audit/export", params={"format": "ocsf"})
    events = {event["metadata"]["event_code"]: event for event in map(orjson.loads, answer.content.splitlines())}
    base = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
    required = {
        6003: base | {"actor", "api", "src_endpoint"},
        3002: base | {"user", "service"},
        3001: base | {"user"},
    }
    for event in events.values():
        assert required[event["class_uid"]] <= event.keys()
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert {"version", "product"} <= event["metadata"].keys()
    assert {
        verb: event["type_uid"] for verb, event in events.items() if event["actor"]["user"]["uid"] == "user:u"
    } == {
        "thing.created": 600301,
        "thing.changed": 600303,
        "login.failed": 300201,
        "token.created": 300101,
        "thingy.created": 600301,
    }


async def test_who_may_see_and_who_may_take_away(client: httpx.AsyncClient) -> None:
    read, operate = await token(client, "read"), await token(client, "operate")
    assert (await client.get("/v1/audit", headers=read)).status_code == 403
    assert (await client.get("/v1/audit", headers=operate)).status_code == 200
    assert (await client.get("/v1/audit/verify", headers=operate)).status_code == 200
    assert (await client.get("/v1/audit/export", headers=operate)).status_code == 403
    assert (await client.get("/v1/audit", params={"chain": "instance"}, headers=operate)).status_code == 403


@pytest.mark.usefixtures("sealed")
async def test_the_chain_of_the_instance_is_for_its_administrators(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/audit", params={"chain": "instance", "actor": "user:u"})
    assert [item["verb"] for item in answer.json()["items"]] == ["login.failed"]
    assert (await client.get("/v1/audit/verify", params={"chain": "instance"})).json()["holds"]
