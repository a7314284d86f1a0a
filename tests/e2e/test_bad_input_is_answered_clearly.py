"""What is wrong is refused with a code and a reason, leaves nothing half-written, and harms nobody else."""

import asyncio
import base64
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import nats
import pytest

from opsrail.testing.stack import PATIENCE_SECONDS, Stack, wait_until
from tests.e2e.support import Forge, connect, ended, items, log_of, pipelines, stored, unwell
from tests.simulators.github_sender import signed

MIB = 1 << 20
HARMLESS = {"action": "created", "starred_at": None}


@pytest.fixture(autouse=True)
def unharmed(stack: Stack) -> Iterator[None]:
    """After each test the stack is as well as before."""
    before = unwell(stack)
    yield
    wait_until(lambda: unwell(stack) <= before, what="the stack is as well as before")


def _problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document, which has this status and code."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["status"], found["code"]) == (status, status, code), found
    assert found["detail"]
    assert found["correlation_id"] == answer.headers["X-Correlation-ID"]
    return found


def _deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def _with(body: bytes, connection: dict[str, Any]) -> dict[str, str]:
    proof = hmac.new(connection["secret"].encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={proof}",
    }


def _hook(forge: Forge, body: Any, headers: dict[str, str]) -> httpx.Response:
    return forge.client.post(f"/v1/hooks/{forge.connection['id']}", content=body, headers=headers)


def test_a_wrong_signature(forge: Forge) -> None:
    body, headers = signed("another secret", "star", HARMLESS)
    _problem(_hook(forge, body, headers), 401, "signature_wrong")


def test_a_missing_signature(forge: Forge) -> None:
    body, headers = signed("another secret", "star", HARMLESS)
    del headers["X-Hub-Signature-256"]
    _problem(_hook(forge, body, headers), 401, "signature_missing")


def test_a_signature_of_another_body(forge: Forge) -> None:
    body, headers = signed(forge.connection["secret"], "star", HARMLESS)
    _problem(_hook(forge, body.replace(b"created", b"deleted"), headers), 401, "signature_wrong")


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_stale_signature(client: httpx.Client, minutes: int) -> None:
    connection = connect(client, "gitlab", f"gitlab-{uuid.uuid4().hex[:8]}")
    body, message, moment = b'{"object_kind": "note"}', str(uuid.uuid4()), str(int(time.time()) + 60 * minutes)
    key = base64.b64decode(connection["secret"].removeprefix("whsec_"))
    proof = hmac.new(key, f"{message}.{moment}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Note Hook",
        "webhook-id": message,
        "webhook-timestamp": moment,
        "webhook-signature": "v1," + base64.b64encode(proof).decode(),
    }
    _problem(client.post(f"/v1/hooks/{connection['id']}", content=body, headers=headers), 401, "signature_stale")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"", b"[]", b'"text"', b"NaN"])
def test_a_body_that_is_no_json_object_we_can_keep(forge: Forge, body: bytes) -> None:
    _problem(_hook(forge, body, _with(body, forge.connection)), 422, "not_understood")


@pytest.mark.parametrize("levels", [400, 100_000])
def test_a_body_that_is_nested_beyond_reason(forge: Forge, levels: int) -> None:
    body = _deep(levels)
    _problem(_hook(forge, body, _with(body, forge.connection)), 422, "too_deep")


def test_a_body_over_the_limit(client: httpx.Client) -> None:
    connection = connect(client, "jenkins", f"jenkins-{uuid.uuid4().hex[:8]}")
    body = b'{"text": "%s"}' % (b"x" * MIB)
    answer = client.post(f"/v1/hooks/{connection['id']}", content=body, headers=_with(body, connection))
    _problem(answer, 413, "too_large")


def test_a_body_over_the_limit_that_hides_its_length(client: httpx.Client) -> None:
    connection = connect(client, "jenkins", f"jenkins-{uuid.uuid4().hex[:8]}")
    body = b'{"text": "%s"}' % (b"x" * MIB)
    parts = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    answer = client.post(f"/v1/hooks/{connection['id']}", content=parts, headers=_with(body, connection))
    _problem(answer, 413, "too_large")


def test_a_hook_that_nobody_made(client: httpx.Client) -> None:
    body, headers = signed("secret", "star", HARMLESS)
    for name in (str(uuid.uuid4()), "no-uuid", "%00"):
        _problem(client.post(f"/v1/hooks/{name}", content=body, headers=headers), 404, "not_found")


def test_an_unknown_event_is_kept_as_it_is(forge: Forge) -> None:
    payload = {"action": "invented", "something": {"new": [1, 2.5, None, "ünï"]}}
    body, headers = signed(forge.connection["secret"], "not_invented_yet", payload)
    answer = _hook(forge, body, headers)
    assert answer.status_code == 202, answer.text
    stored(forge.client, answer.json()["events"])
    event = forge.client.get(f"/v1/events/{answer.json()['events'][0]}").json()
    assert "not_invented_yet" in event["type"]
    assert payload.items() <= _find(event["data"], "action").items()


def _find(value: Any, key: str) -> dict[str, Any]:
    """The first object in ``value`` that has ``key``."""
    if isinstance(value, dict):
        if key in value:
            return value
        for item in value.values():
            if found := _find(item, key):
                return found
    return {}


def test_action_input_that_breaks_the_schema(client: httpx.Client) -> None:
    wrong = {"repository": "a b", "clone_url": 7, "ref": "refs/heads/main", "commit": "beef", "surprise": True}
    answer = client.post("/v1/runs", json={"agent": "ci", "action": "run_pipeline", "input": wrong})
    problem = _problem(answer, 422, "invalid_input")
    fields = {error["field"] for error in problem["errors"]}
    assert {"/repository", "/clone_url", "/commit"} <= fields
    assert any("surprise" in error["message"] for error in problem["errors"])
    assert items(client, "/v1/runs", correlation_id=problem["correlation_id"]) == []


def test_an_unknown_agent_action_and_query(client: httpx.Client) -> None:
    _problem(client.post("/v1/runs", json={"agent": "nobody", "action": "work"}), 404, "agent_unknown")
    _problem(client.post("/v1/runs", json={"agent": "ci", "action": "dance"}), 404, "action_unknown")
    _problem(client.get("/v1/agents/nobody"), 404, "unknown_agent")
    _problem(client.post("/v1/agents/nobody/queries/any", json={"input": {}}), 404, "unknown_agent")
    assert client.post("/v1/agents/ci/queries/nothing", json={"input": {}}).status_code == 404
    _problem(
        client.post("/v1/agents", json={"module": "opsrail_nobody", "runtime": "process"}), 422, "unknown_module"
    )


def test_a_manifest_that_asks_for_too_new_an_sdk(client: httpx.Client) -> None:
    manifest = {**client.get("/v1/agents/cd").json()["manifest"], "id": "future", "contract": 99}
    answer = client.post("/v1/agents", json={"runtime": "external", "manifest": manifest})
    problem = _problem(answer, 422, "sdk_too_new")
    assert "99" in problem["detail"]
    assert problem["errors"][0]["field"] == "manifest.contract"
    assert client.get("/v1/agents/future").status_code == 404


def test_a_pipeline_file_with_errors_names_line_and_column(forge: Forge) -> None:
    text = "name: broken\nsteps:\n  - name: one\n    rnu: make\n  - name: two\n    run: true\n    timeout: soon\n"
    _, head = forge.repository("bad/pipeline", {".opsrail/ci.yaml": text})
    (run,) = ended(forge.client, forge.push("bad/pipeline", head).json()["events"], 1)
    assert (run["state"], run["error"]["code"], run["attempt"]) == ("failed", "pipeline_invalid", 1)
    places = {(problem["line"], problem["column"]) for problem in run["error"]["detail"]["problems"]}
    assert {4, 7} <= {line for line, _ in places}, places
    assert re.search(r"line 4, column \d+", run["error"]["message"])


def test_a_repository_that_cannot_be_cloned(forge: Forge) -> None:
    (run,) = ended(forge.client, forge.push("bad/absent", "1" * 40).json()["events"], 1)
    assert (run["state"], run["error"]["code"]) == ("failed", "clone_failed")
    assert "not found" in run["error"]["message"]
    assert items(forge.client, "/v1/artifacts", run_id=run["id"]) == []


def test_a_commit_that_is_not_there(forge: Forge) -> None:
    forge.repository("bad/commit")
    (run,) = ended(forge.client, forge.push("bad/commit", "2" * 40).json()["events"], 1)
    assert (run["state"], run["error"]["code"]) == ("failed", "clone_failed")


def test_a_full_artifact_store(forge: Forge, stack: Stack) -> None:
    pipeline = "steps:\n  - {name: fill, run: head -c 3000000 /dev/urandom > big}\nartifacts:\n  - paths: big\n"
    _, head = forge.repository("bad/full", {".opsrail/ci.yaml": pipeline})
    bucket, used = asyncio.run(_limit_artifacts(stack, lambda used: used + MIB))
    try:
        (run,) = ended(forge.client, forge.push("bad/full", head).json()["events"], 1)
        _, left = asyncio.run(_limit_artifacts(stack, lambda _: -1))
    finally:
        asyncio.run(_limit_artifacts(stack, lambda _: -1))
    assert (run["state"], run["error"]["code"]) == ("failed", "artifact_not_stored"), log_of(forge.client, run["id"])
    assert "big" in run["error"]["message"]
    assert items(forge.client, "/v1/artifacts", run_id=run["id"]) == []
    assert left <= used, f"chunks of the refused artifact stayed in {bucket}"

    again = forge.push("bad/full", head)
    (run,) = ended(forge.client, again.json()["events"], 1)
    assert run["state"] == "succeeded", run["error"]


@asynccontextmanager
async def _bus(stack: Stack) -> Any:
    config = (stack.data / "conf" / "nats.conf").read_text()
    address = re.search(r'listen: "([^"]+)"', config)
    password = re.search(r'user: "orchestrator", password: "([^"]+)"', config)
    assert address
    assert password
    connection = await nats.connect(
        f"nats://orchestrator:{password[1]}@{address[1]}", connect_timeout=int(PATIENCE_SECONDS)
    )
    try:
        yield connection.jetstream(timeout=PATIENCE_SECONDS)
    finally:
        await connection.close()


async def _limit_artifacts(stack: Stack, limit: Callable[[int], int]) -> tuple[str, int]:
    """Give the object store another size limit; its name, and the bytes that are in it."""
    async with _bus(stack) as js:
        (info,) = [found for found in await js.streams_info() if found.config.name.startswith("OBJ_")]
        info.config.max_bytes = limit(info.state.bytes)
        await js.update_stream(info.config)
        return info.config.name, info.state.bytes


def test_nothing_of_what_was_refused_was_written(forge: Forge) -> None:
    for body in (b"{", _deep(400)):
        assert _hook(forge, body, _with(body, forge.connection)).status_code == 422
    assert forge.client.post("/v1/events", content=b"{").status_code == 422
    good, bad = _cloudevent(), {**_cloudevent(), "source": ""}
    answer = forge.client.post("/v1/events", json=[good, bad])
    assert answer.status_code == 422, answer.text
    body, headers = signed(forge.connection["secret"], "star", HARMLESS)
    accepted = _hook(forge, body, headers).json()["events"]
    stored(forge.client, accepted)
    delivered = items(forge.client, "/v1/events", connection_id=forge.connection["id"])
    assert [event["id"] for event in delivered] == accepted
    assert good["id"] not in {event["id"] for event in items(forge.client, "/v1/events", source=good["source"])}
    assert pipelines(forge.client, accepted) == []


def _cloudevent() -> dict[str, Any]:
    event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/test", "type": "com.example.told.v1"}
    return {**event, "data": {}}
