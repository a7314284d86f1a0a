"""``/v1/events`` on a running orchestrator: what is published is stored, found and paged."""

import asyncio
from typing import Any

import httpx
import pytest

from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail_sdk.contracts.cloudevent import BATCH_CONTENT_TYPE, CONTENT_TYPE


def event(number: int, **attributes: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": str(number), "source": "/s", "type": f"test.k{number % 2}.v1", **attributes}


async def publish(client: httpx.AsyncClient, *events: dict[str, Any]) -> list[str]:
    answer = await client.post("/v1/events", json=list(events), headers={"content-type": BATCH_CONTENT_TYPE})
    assert answer.status_code == 202, answer.text
    ids: list[str] = answer.json()["events"]
    return ids


async def stored(client: httpx.AsyncClient, ident: str) -> dict[str, Any]:
    """The event, once the projector has it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (answer := await client.get(f"/v1/events/{ident}")).status_code == 404:
            await asyncio.sleep(0.02)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_a_published_event_is_stored_once(client: httpx.AsyncClient) -> None:
    (ident,) = await publish(client, event(1, data={"a": 1}, subject="x", tenant="t"))
    found = await stored(client, ident)
    assert (found["type"], found["subject"], found["data"]) == ("test.k1.v1", "x", {"a": 1})
    assert found["extensions"] == {"senderid": "1", "tenant": "t"}
    assert await publish(client, event(1)) == [ident]
    (last,) = await publish(client, event(2))
    await stored(client, last)
    items = (await client.get("/v1/events", params={"source": "/s"})).json()["items"]
    assert sorted(item["id"] for item in items) == sorted([ident, last])


async def test_filters_and_pages(client: httpx.AsyncClient) -> None:
    ids = await publish(client, *(event(number, correlationid=f"c{number}") for number in range(7)))
    for ident in ids:
        await stored(client, ident)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        parameters = {"source": "/s", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/events", params=parameters)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == 7
    assert sorted(seen) == sorted(ids)
    for parameters, expected in (
        ({"type": "test.k1.v1"}, 3),
        ({"type": "test.*", "source": "/s"}, 7),
        ({"correlation_id": "c3"}, 1),
        ({"source": "/none"}, 0),
        ({"source": "/s", "since": "2999-01-01T00:00:00Z"}, 0),
        ({"source": "/s", "since": "2020-01-01T00:00:00Z"}, 7),
    ):
        items = (await client.get("/v1/events", params=parameters)).json()["items"]
        assert len(items) == expected, parameters


BEYOND = ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00")
"""Times that are in the years 1 to 9999 where they are said to be, but not in UTC, so that PostgreSQL shows them
in years that Python does not know."""


@pytest.mark.parametrize("time", BEYOND)
async def test_a_time_that_could_not_be_read_again_is_refused(client: httpx.AsyncClient, time: str) -> None:
    answer = await client.post("/v1/events", json=event(1, time=time), headers={"content-type": CONTENT_TYPE})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_understood")
    answer = await client.get("/v1/events", params={"since": time})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"specversion":"1.0"}'])
async def test_what_is_no_cloudevent_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/events", content=body, headers={"content-type": CONTENT_TYPE})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_understood")


async def test_an_unknown_event_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/events/nope")).status_code == 404
