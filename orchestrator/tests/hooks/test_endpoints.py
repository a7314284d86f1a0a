"""``POST /v1/hooks/{connection}`` on the real bus: every answer, and that what was answered 202 is on disk."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from opsrail.hooks.endpoints import HookedApp
from opsrail.hooks.signatures import hub_signature
from opsrail.testing.orchestrator import PATIENCE
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.bus import Bus, ensure_streams
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, decode_batch

from .conftest import ORG, SECRET, served

PUSH = {
    "ref": "refs/heads/main",
    "before": "a" * 40,
    "after": "b" * 40,
    "commits": [],
    "repository": {"full_name": "acme/shop", "html_url": "https://forge.test/acme/shop"},
}


@dataclass
class Hooks:
    client: httpx.AsyncClient
    bus: Bus

    async def send(self, kind: str, body: bytes, *, secret: bytes | None = SECRET, **headers: str) -> httpx.Response:
        signed = {"X-Hub-Signature-256": hub_signature(body, secret)} if secret else {}
        named = {key.replace("_", "-"): text for key, text in headers.items()}
        defaults = {"content-type": "application/json", "x-github-event": "push"}
        return await self.client.post(f"/v1/hooks/{kind}", content=body, headers={**defaults, **signed, **named})

    async def stored(self) -> list[CloudEvent]:
        """Every event in the stream, in order."""
        info = await self.bus.js.stream_info(subjects.EVENTS)
        events: list[CloudEvent] = []
        for sequence in range(max(1, info.state.first_seq), info.state.last_seq + 1):
            message = await self.bus.js.get_msg(subjects.EVENTS, seq=sequence)
            events += decode_batch(message.data or b"")
        return events


@pytest.fixture(params=["asgi", "protocol"])
async def hooks(request: pytest.FixtureRequest, intake_app: HookedApp, bus: Bus) -> AsyncIterator[Hooks]:
    """The long way, and what is in front of it."""
    if request.param == "asgi":
        transport = httpx.ASGITransport(intake_app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://hooks.test") as client:
            yield Hooks(client, bus)
    else:
        async with (
            served(intake_app) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client,
        ):
            yield Hooks(client, bus)


async def test_signed_push_is_on_disk_when_answered(hooks: Hooks) -> None:
    answer = await hooks.send("github", orjson.dumps(PUSH), x_github_delivery="d1")
    assert answer.status_code == 202
    (event,) = await hooks.stored()
    assert answer.json() == {"events": [event.id], "ignored": []}
    assert (event.orgid, event.connectionid) == (ORG, "github")
    assert event.correlationid == answer.headers["x-correlation-id"]
    assert event.traceparent is not None
    assert event.data["customData"]["push"]["after"] == "b" * 40


async def test_a_repeat_gets_the_same_answer(hooks: Hooks) -> None:
    first = await hooks.send("github", orjson.dumps(PUSH), x_github_delivery="d1")
    again = await hooks.send("github", orjson.dumps(PUSH), x_github_delivery="d1")
    other = await hooks.send("github", orjson.dumps(PUSH), x_github_delivery="d2")
    assert first.json() == again.json()
    assert first.json() != other.json()


async def test_the_senders_trace_goes_on(hooks: Hooks) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await hooks.send("github", orjson.dumps(PUSH), traceparent=trace)
    assert [event.traceparent for event in await hooks.stored()] == [trace]


async def test_many_at_once_are_all_there_once(hooks: Hooks) -> None:
    answers = await asyncio.gather(
        *(hooks.send("github", orjson.dumps(PUSH), x_github_delivery=f"d{n}") for n in range(100))
    )
    told = [event_id for answer in answers for event_id in answer.json()["events"]]
    stored = [event.id for event in await hooks.stored()]
    assert sorted(told) == sorted(stored)
    assert len(set(stored)) == 100
    info = await hooks.bus.js.stream_info(subjects.EVENTS)
    assert info.state.messages < 100


async def test_a_rotated_secret_still_holds_for_a_while(hooks: Hooks) -> None:
    assert (await hooks.send("github", orjson.dumps(PUSH), secret=b"before")).status_code == 202


@pytest.mark.parametrize(
    ("kind", "body", "secret", "answer"),
    [
        ("nobody", b"{}", SECRET, (404, "not_found")),
        ("github", b"{}", None, (401, "signature_missing")),
        ("github", b"{}", b"guess", (401, "signature_wrong")),
        ("jenkins", b"x" * 4097, SECRET, (413, "too_large")),
        ("github", b"x" * ((1 << 20) + 1), SECRET, (413, "too_large")),
        ("github", b"no json", SECRET, (422, "not_understood")),
        ("github", b"[1]", SECRET, (422, "not_understood")),
        ("github", b"", SECRET, (422, "not_understood")),
        ("alertmanager", b"[" * 10_000 + b"]" * 10_000, SECRET, (422, "too_deep")),
        (
            "alertmanager",
            b'{"alerts":[{"labels":' + b'{"a":' * 500 + b"1" + b"}" * 502,
            SECRET,
            (422, "not_understood"),
        ),
        ("cloudevents", b'{"specversion":"1.0"}', SECRET, (422, "not_understood")),
    ],
)
async def test_refusals_are_problem_documents(
    hooks: Hooks, kind: str, body: bytes, secret: bytes | None, answer: tuple[int, str]
) -> None:
    refusal = await hooks.send(kind, body, secret=secret)
    assert (refusal.status_code, refusal.json()["code"]) == answer
    assert refusal.headers["content-type"] == "application/problem+json"
    assert await hooks.stored() == []


async def test_a_forge_may_say_more_than_others(hooks: Hooks) -> None:
    body = orjson.dumps({**PUSH, "padding": "x" * 500_000})
    assert (await hooks.send("github", body)).status_code == 202


@pytest.mark.parametrize("hooks", ["asgi"], indirect=True)  # real HTTP has the sender stop, not the application
async def test_an_endless_body_is_cut_off_unread(hooks: Hooks) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield b"x" * 1024

    answer = await hooks.client.post("/v1/hooks/jenkins", content=endless())
    assert answer.status_code == 413
    assert sent <= 8192


async def test_senders_that_wait_for_a_challenge_get_one(hooks: Hooks) -> None:
    answer = await hooks.send("alertmanager", b"{}", secret=None)
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_other_methods_are_refused(hooks: Hooks) -> None:
    assert (await hooks.client.get("/v1/hooks/github")).status_code == 405


async def test_a_batch_travels_as_one_message_per_type(hooks: Hooks) -> None:
    def alert(number: int) -> dict[str, Any]:
        return {"labels": {"alertname": "a", "n": str(number)}, "status": "resolved" if number % 2 else "firing"}

    body = orjson.dumps({"status": "firing", "alerts": [alert(number) for number in range(100)]})
    answer = await hooks.send("alertmanager", body)
    assert len(answer.json()["events"]) == 100
    assert (await hooks.bus.js.stream_info(subjects.EVENTS)).state.messages == 2
    assert {event.id for event in await hooks.stored()} == set(answer.json()["events"])


async def test_bus_away_is_503_with_a_time_to_come_back(intake_app: HookedApp, hooks: Hooks) -> None:
    await hooks.bus.js.delete_stream(subjects.EVENTS)
    intake_app.state.intake._commit._patience = timedelta(seconds=1)
    answer = await hooks.send("github", orjson.dumps(PUSH))
    assert (answer.status_code, answer.json()["code"]) == (503, "bus_away")
    assert int(answer.headers["retry-after"]) > 0
    await ensure_streams(hooks.bus.js, replicas=1)
    intake_app.state.intake._commit._patience = PATIENCE
    assert (await hooks.send("github", orjson.dumps(PUSH))).status_code == 202
