"""Webhooks heard on the wire and sent again, later, changed, or to somebody else."""

import asyncio
import time
import uuid

import httpx
import orjson
import pytest

from opsrail.hooks.signatures import TOLERANCE, standard_signature
from tests.attack.conftest import PATIENCE, Hook, Target

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPED = {"Content-Type": "application/cloudevents+json"}


def event(ident: str, **more: object) -> bytes:
    return orjson.dumps({"specversion": "1.0", "id": ident, "source": "/sender", "type": "attack.hook", **more})


async def kept(target: Target, ident: str) -> list[dict[str, object]]:
    """Events of this sender's id that were projected."""
    rows = await target.sql("SELECT to_jsonb(e) AS event FROM events e WHERE type = 'attack.hook'")
    return [row.event for row in rows if ident in orjson.dumps(row.event).decode()]


async def settled(target: Target, hook: Hook) -> None:
    """Everything taken so far is in the database."""
    ident = uuid.uuid4().hex
    assert (await hook.send(event(ident), TYPED)).status_code == 202
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not await kept(target, ident):
            await asyncio.sleep(0.05)


async def refused(hook: Hook, answer: httpx.Response, code: str) -> None:
    entry = await hook.target.refused(answer, 401, code)
    assert (entry.verb, entry.target) == ("hook.refused", f"connection:{hook.id}")


async def test_another_body_under_the_same_signature(hook: Hook) -> None:
    answer = await hook.send(event("changed", subject="production"), TYPED, signed=event("changed"))
    await refused(hook, answer, "signature_wrong")


async def test_no_signature(hook: Hook) -> None:
    async with hook.target.client() as sender:
        answer = await sender.post(f"/v1/hooks/{hook.id}", content=event("x"), headers=TYPED)
    await refused(hook, answer, "signature_missing")


async def test_the_signature_of_another_connection(target: Target, hook: Hook) -> None:
    made = (await target.root.post("/v1/connections", json={"kind": "cloudevents", "name": "another"})).json()
    await refused(hook, await Hook(target, hook.id, made["secret"]).send(event("x"), TYPED), "signature_wrong")


async def test_an_old_delivery_that_was_signed_with_its_time(hook: Hook) -> None:
    body, secret = event("old"), hook.secret.encode()
    async with hook.target.client() as sender:
        for age, code in (
            (TOLERANCE.total_seconds() + 60, "signature_stale"),
            (-TOLERANCE.total_seconds() - 60, "signature_stale"),
        ):
            stamp = str(int(time.time() - age))
            signed = {
                "webhook-id": "m1",
                "webhook-timestamp": stamp,
                "webhook-signature": standard_signature("m1", stamp, body, secret),
            }
            await refused(hook, await sender.post(f"/v1/hooks/{hook.id}", content=body, headers=TYPED | signed), code)
        renewed = signed | {"webhook-timestamp": str(int(time.time()))}
        answer = await sender.post(f"/v1/hooks/{hook.id}", content=body, headers=TYPED | renewed)
        await refused(hook, answer, "signature_wrong")


async def test_the_same_delivery_again_is_one_event(target: Target, hook: Hook) -> None:
    """GitHub's signature has no time in it: what makes a replay harmless is that it is the same event."""
    ident = uuid.uuid4().hex
    answers = [await hook.send(event(ident), TYPED) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({tuple(answer.json()["events"]) for answer in answers}) == 1
    await settled(target, hook)
    assert len(await kept(target, ident)) == 1


async def test_another_body_with_the_id_of_an_earlier_delivery_changes_nothing(target: Target, hook: Hook) -> None:
    ident = uuid.uuid4().hex
    first = await hook.send(event(ident, subject="first"), TYPED)
    await settled(target, hook)
    second = await hook.send(event(ident, subject="second"), TYPED)
    assert first.json()["events"] == second.json()["events"]
    await settled(target, hook)
    assert [one["subject"] for one in await kept(target, ident)] == ["first"]


async def test_a_sender_cannot_speak_for_the_platform(target: Target, hook: Hook) -> None:
    """Attributes that the platform sets are its own: another organisation, a correlation, a run that ended."""
    ident = uuid.uuid4().hex
    forged = event(ident, orgid=str(uuid.uuid4()), correlationid="mine")
    assert (await hook.send(forged, TYPED)).status_code == 202
    await settled(target, hook)
    (one,) = await kept(target, ident)
    assert one["org_id"] == target.org
