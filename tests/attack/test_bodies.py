"""Bodies made to exhaust or to confuse: deep, bombs, characters that no store takes, too many headers."""

import gzip
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from opsrail.testing.played_agent import install
from tests.attack.conftest import Hook, Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Content-Type": "application/json"}
DEPTHS = (260, 700, 10_000)
"""Above each limit on the way: of orjson, of pydantic, and of json and Python itself."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def calc(target: Target) -> None:
    """An agent whose input has room for anything."""
    await install(target.orchestrator, target.orchestrator.org_id)


def nested(depth: int, kind: str) -> bytes:
    return b"[" * depth + b"]" * depth if kind == "array" else b'{"a":' * depth + b"1" + b"}" * depth


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every route that takes JSON, and the schema of what it takes."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                yield method.upper(), path, _resolved(document, content["schema"])


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


async def send(target: Target, method: str, path: str, body: bytes) -> httpx.Response:
    for name in ("connection", "agent_id", "name"):
        path = path.replace(f"{{{name}}}", "x")
    path = "/".join("x" if part.startswith("{") else part for part in path.split("/"))
    return await target.root.request(method, path, content=body, headers=JSON)


@pytest.mark.parametrize("depth", DEPTHS)
async def test_no_depth_of_json_is_our_fault_on_any_route(target: Target, depth: int) -> None:
    document = (await target.root.get("/v1/openapi.json")).json()
    routes, found = list(bodies(document)), []
    assert len(routes) > 30
    for method, path, schema in routes:
        deep = nested(depth, "object")
        whole = b",".join(orjson.dumps(field) + b":" + deep for field in schema.get("properties", {}))
        answer = await send(target, method, path, b"{" + whole + b"}")
        if answer.status_code >= 500:
            found.append((method, path, answer.status_code, answer.text[:120]))
    assert found == []


VALID = {
    "/v1/runs": b'{"agent":"calc","action":"add","input":{"a":1,"b":2,"note":%s}}',
    "/v1/dispatch": b'{"intent":"calc.add","input":{"a":1,"b":2,"note":%s}}',
    "/v1/connections": b'{"kind":"github","name":"x","settings":{"a":%s}}',
    "/v1/policies": b'{"text":"permit(principal,action,resource);","cases":[%s]}',
    "/v1/policies/validate": b'{"text":"permit(principal,action,resource);","cases":[%s]}',
    "/v1/guards": b'{"kind":"budget","name":"x","selector":{},"rule":%s}',
}


@pytest.mark.parametrize("depth", [100, *DEPTHS])
@pytest.mark.parametrize("path", VALID)
async def test_a_deep_part_of_an_otherwise_valid_body(target: Target, path: str, depth: int) -> None:
    for kind in ("array", "object"):
        answer = await target.root.post(path, content=VALID[path] % nested(depth, kind), headers=JSON)
        assert answer.status_code < 500, answer.text
        if depth == 10_000:
            await target.refused(answer, 400, "too_deep")


@pytest.mark.parametrize("depth", [100, *DEPTHS])
async def test_a_deep_event(target: Target, depth: int) -> None:
    event = b'{"specversion":"1.0","id":"%d","source":"/x","type":"a.b","data":%s}' % (depth, nested(depth, "array"))
    headers = {"Content-Type": "application/cloudevents+json"}
    answer = await target.root.post("/v1/events", content=event, headers=headers)
    if depth == 100:
        assert answer.status_code == 202, answer.text
    else:
        await target.refused(answer, 422, "too_deep")


@pytest.mark.parametrize("depth", DEPTHS)
async def test_a_deep_webhook(target: Target, hook: Hook, depth: int) -> None:
    event = b'{"specversion":"1.0","id":"%d","source":"/x","type":"a.b","data":%s}' % (depth, nested(depth, "array"))
    answer = await hook.send(event, {"Content-Type": "application/cloudevents+json"})
    entry = await target.refused(answer, 422, "too_deep")
    assert (entry.verb, entry.target) == ("hook.refused", f"connection:{hook.id}")


@pytest.mark.parametrize("path", ["/v1/runs", "/v1/connections", "/v1/login", "/v1/events"])
async def test_a_bomb_is_not_unpacked(target: Target, path: str) -> None:
    """We never unpack what comes in: 100 MiB in 100 KiB stay the 100 KiB of noise that they are."""
    bomb = gzip.compress(b" " * 100 * 1024**2)
    answer = await target.root.post(path, content=bomb, headers={**JSON, "Content-Encoding": "gzip"})
    entry = await target.refused(answer, 415, "body_packed")
    assert entry.verb == "request.refused"


async def test_a_bomb_behind_a_valid_signature_is_not_unpacked(target: Target, hook: Hook) -> None:
    bomb = gzip.compress(b"[" + b'{"specversion":"1.0"},' * 5_000_000 + b"{}]")
    answer = await hook.send(bomb, {"Content-Type": "application/cloudevents+json", "Content-Encoding": "gzip"})
    entry = await target.refused(answer, 415, "body_packed")
    assert entry.verb == "hook.refused"


async def test_a_body_over_the_limit_is_refused_before_it_is_read(target: Target) -> None:
    limit = target.orchestrator.container.settings.api.max_body
    answer = await target.root.post("/v1/runs", content=b" " * (limit + 1), headers=JSON)
    await target.refused(answer, 413, "too_large")
    declared = {**JSON, "Content-Length": str(10**15)}
    await target.refused(await target.root.post("/v1/runs", content=b"{}", headers=declared), 413, "too_large")


ODD = {
    "nul": b"a\\u0000b",
    "lone surrogate": b"\\ud800",
    "half of a pair": b"\\udc00\\ud800",
    "not UTF-8": b"\xff\xfe",
    "overlong slash": b"\xc0\xaf",
    "UTF-8 of a surrogate": b"\xed\xa0\x80",
}


@pytest.mark.parametrize("odd", ODD)
async def test_characters_that_no_store_takes(target: Target, hook: Hook, odd: str) -> None:
    text = ODD[odd]
    for path, body in {
        "/v1/runs": b'{"agent":"calc","action":"add","input":{"a":1,"b":2,"note":"%s"}}',
        "/v1/dispatch": b'{"intent":"calc.add","input":{"a":1,"b":2,"%s":1}}',
        "/v1/connections": b'{"kind":"github","name":"%s"}',
        "/v1/tokens": b'{"name":"%s","scopes":["read"]}',
        "/v1/login": b'{"email":"%s","password":"%s"}',
        "/v1/guards": b'{"kind":"budget","name":"%s","selector":{},"rule":{}}',
        "/v1/policies/validate": b'{"text":"permit(principal,action,resource)//%s"}',
        "/v1/invitations": b'{"email":"%s@example.com","roles":["viewer"]}',
    }.items():
        answer = await target.root.post(path, content=body.replace(b"%s", text), headers=JSON)
        assert answer.status_code < 500, (path, answer.text)
    event = b'{"specversion":"1.0","id":"o","source":"/x","type":"a.b","subject":"%s","data":"%s"}'
    typed = {"Content-Type": "application/cloudevents+json"}
    answer = await target.root.post("/v1/events", content=event.replace(b"%s", text), headers=typed)
    assert answer.status_code < 500, answer.text
    assert (await hook.send(event.replace(b"%s", text), typed)).status_code < 500


@pytest.mark.parametrize("text", ["%00", "%ff%fe", "%ed%a0%80", "a" * 7000])
async def test_ids_in_paths_and_queries_that_are_none(target: Target, text: str) -> None:
    for path in ("runs", "connections", "artifacts", "approvals", "decisions", "events", "agents", "secrets"):
        answer = await target.root.get(f"/v1/{path}/{text}")
        assert answer.status_code in {404, 422}, (path, answer.text)
        answer = await target.root.get(f"/v1/{path}?cursor={text}&run_id={text}&agent={text}&since={text}")
        assert answer.status_code < 500, (path, answer.text)


async def test_a_thousand_headers_and_a_long_token(target: Target) -> None:
    many = [(f"X-Noise-{n}", "x") for n in range(1000)]
    assert (await target.root.get("/v1/me", headers=many)).status_code == 200
    async with target.client(Authorization="Bearer opr_" + "x" * 60_000) as stranger:
        answer = await stranger.get("/v1/me")
        await target.refused(answer, 401, answer.json()["code"])
