"""Group commit, on a publisher that can be held: what waits, what is shared, what is told when the bus is away."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import orjson
import pytest

from opsrail.hooks.group_commit import BusAway, GroupCommit, TooBigForBus

LONGEST = timedelta(hours=1)
ORG, OTHER = "0190a5c6-0000-7000-8000-000000000001", "0190a5c6-0000-7000-8000-000000000002"


class HeldPublisher:
    """Acknowledges once ``gate`` is open; notes what came."""

    def __init__(self, max_payload: int = 1 << 20) -> None:
        self.max_payload = max_payload
        self.gate = asyncio.Event()
        self.arrived = asyncio.Event()
        self.fault: Exception | None = None
        self.sent: list[tuple[str, list[int]]] = []
        self.patience: list[timedelta] = []

    async def publish(
        self,
        subject: str,
        body: bytes,
        *,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        patience: timedelta = timedelta(),
    ) -> None:
        assert len(body) <= self.max_payload
        self.arrived.set()
        self.patience.append(patience)
        await self.gate.wait()
        if self.fault:
            raise self.fault
        self.sent.append((subject, orjson.loads(body)))


@asynccontextmanager
async def running(publisher: HeldPublisher, *, max_pending: int = 1 << 20) -> AsyncIterator[GroupCommit]:
    commit = GroupCommit(publisher, max_pending=max_pending, patience=LONGEST, max_in_flight=1)
    loop = asyncio.create_task(commit.run())
    yield commit
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def test_requests_that_wait_together_share_a_message_by_organisation_and_type() -> None:
    publisher = HeldPublisher()
    async with running(publisher) as commit:
        first = commit.submit(ORG, [("a.v1", b"0")])
        await publisher.arrived.wait()
        rest = [
            commit.submit(org, [(type_, b"%d" % number)])
            for number, (org, type_) in enumerate([(ORG, "a.v1"), (ORG, "a.v1"), (ORG, "b.v1"), (OTHER, "a.v1")], 1)
        ]
        await asyncio.sleep(0)
        assert not first.done()
        publisher.gate.set()
        await asyncio.gather(first, *rest)
    assert publisher.sent == [
        (f"opsrail.{ORG}.event.a.v1", [0]),
        (f"opsrail.{ORG}.event.a.v1", [1, 2]),
        (f"opsrail.{ORG}.event.b.v1", [3]),
        (f"opsrail.{OTHER}.event.a.v1", [4]),
    ]


async def test_a_request_waits_for_all_of_its_messages_and_hears_of_any_failure() -> None:
    publisher = HeldPublisher()
    async with running(publisher) as commit:
        publisher.fault = ConnectionError("gone")
        publisher.gate.set()
        with pytest.raises(BusAway):
            await commit.submit(ORG, [("a.v1", b"1"), ("b.v1", b"2")])
        publisher.fault = None
        await commit.submit(ORG, [("a.v1", b"3")])
    assert publisher.sent == [(f"opsrail.{ORG}.event.a.v1", [3])]


async def test_batches_larger_than_a_message_are_split_in_order() -> None:
    publisher = HeldPublisher(max_payload=4096 + 40)
    publisher.gate.set()
    async with running(publisher) as commit:
        await commit.submit(ORG, [("a.v1", b"1" * 15)] * 5)
        with pytest.raises(TooBigForBus):
            await commit.submit(ORG, [("a.v1", b"1"), ("a.v1", b"1" * 39)])
    assert [len(events) for _, events in publisher.sent] == [2, 2, 1]


async def test_the_queue_is_bounded_and_empties() -> None:
    publisher = HeldPublisher()
    async with running(publisher, max_pending=10) as commit:
        waiting = commit.submit(ORG, [("a.v1", b"1" * 8)])
        await publisher.arrived.wait()
        with pytest.raises(BusAway):
            await commit.submit(ORG, [("a.v1", b"1" * 8)])
        publisher.gate.set()
        await waiting
        await commit.submit(ORG, [("a.v1", b"1" * 8)])
    assert len(publisher.sent) == 2


async def test_what_was_accepted_is_still_published_at_the_end() -> None:
    publisher = HeldPublisher()
    async with running(publisher) as commit:
        begun = commit.submit(ORG, [("a.v1", b"1")])
        await publisher.arrived.wait()
        queued = commit.submit(ORG, [("a.v1", b"2")])
        await asyncio.sleep(0)
        publisher.gate.set()
    await asyncio.gather(begun, queued)
    assert len(publisher.sent) == 2


async def test_a_sender_that_gives_up_takes_nobody_along() -> None:
    publisher = HeldPublisher()
    async with running(publisher) as commit:
        impatient = commit.submit(ORG, [("a.v1", b"1")])
        patient = commit.submit(ORG, [("a.v1", b"2")])
        await publisher.arrived.wait()
        impatient.cancel()
        publisher.gate.set()
        await patient
    assert publisher.sent == [(f"opsrail.{ORG}.event.a.v1", [1, 2])]


async def test_nobody_waits_longer_because_others_waited_before() -> None:
    publisher = HeldPublisher()
    async with running(publisher) as commit:
        first = commit.submit(ORG, [("a.v1", b"1")])
        await publisher.arrived.wait()
        second = commit.submit(ORG, [("a.v1", b"2")])
        await asyncio.sleep(0.2)
        publisher.gate.set()
        await asyncio.gather(first, second)
    _, late = publisher.patience
    assert late <= LONGEST - timedelta(seconds=0.15)
