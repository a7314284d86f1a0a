"""The projector on the real bus and database: everything once, whatever is repeated, broken or away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from nats.js.errors import NotFoundError
from sqlalchemy import text

from opsrail.db.engine import Database
from opsrail.events.rows import Message
from opsrail.testing.stack import PATIENCE_SECONDS
from opsrail.workers.projector import CONSUMER, Batch, Projector
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects

from .conftest import ORG, event, put

OTHER = "0190a5c6-0000-7000-8000-00000000000b"


@asynccontextmanager
async def projecting(database: Database, bus: Bus, replicas: int = 1) -> AsyncIterator[None]:
    stop = asyncio.Event()
    loops = [asyncio.create_task(Projector(database, bus).run(stop)) for _ in range(replicas)]
    yield
    stop.set()
    await asyncio.gather(*loops)


async def drained(bus: Bus) -> None:
    """Return once everything on the stream was delivered and acknowledged."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with suppress(NotFoundError):
                written = (await bus.js.stream_info(subjects.EVENTS)).state.last_seq
                info = await bus.js.consumer_info(subjects.EVENTS, CONSUMER)
                if info.ack_floor and info.ack_floor.stream_seq >= written and not info.num_ack_pending:
                    return
            await asyncio.sleep(0.02)


async def stored(database: Database, org: str = ORG) -> list[int]:
    async with database.organisation(org) as session:
        return list((await session.scalars(text("SELECT (data->>'n')::int FROM events ORDER BY 1"))).all())


def batch(day: int, *events: object) -> Batch:
    """As if the stream had taken these events that many days ago."""
    received = datetime.now(UTC).replace(hour=12) - timedelta(days=day)
    made = Batch()
    made.add(Message(f"opsrail.{ORG}.event.test.v1", 1, received, orjson.dumps(events)))
    return made


async def test_events_are_stored_once_by_several_replicas(database: Database, bus: Bus) -> None:
    async with projecting(database, bus, replicas=3):
        for start in range(0, 300, 10):
            await put(bus, *(event(number) for number in range(start, start + 10)))
            await put(bus, *(event(number) for number in range(start, start + 5)))
        await drained(bus)
    assert await stored(database) == list(range(300))


async def test_organisations_are_kept_apart(database: Database, bus: Bus) -> None:
    await put(bus, event(1))
    await put(bus, event(1, data={"n": 100}), org=OTHER)
    async with projecting(database, bus):
        await drained(bus)
    assert await stored(database) == [1]
    assert await stored(database, OTHER) == [100]


async def test_every_attribute_is_kept(database: Database, bus: Bus) -> None:
    full = event(
        1, subject="tab\there", correlationid="c", connectionid="k", traceparent="t", dataschema="http://s",
        datacontenttype="application/json", tenant="x", data={"text": "ü\n\\\"", "deep": [None, 1.5, True]},
    )  # fmt: skip
    async with projecting(database, bus):
        await put(bus, full)
        await drained(bus)
    async with database.organisation(ORG) as session:
        row = (await session.execute(text("SELECT * FROM events"))).mappings().one()
    assert row["data"] == full["data"]
    assert row["extensions"] == {"tenant": "x"}
    assert (row["subject"], row["correlation_id"], row["connection_id"]) == ("tab\there", "c", "k")
    assert row["time"] == datetime(2026, 11, 21, 10, tzinfo=UTC)


async def test_poison_is_kept_aside_and_stops_nothing(database: Database, bus: Bus) -> None:
    async with projecting(database, bus):
        await put(bus, event(1), {"no": "event"}, event(2))
        await put(bus, body=b"\xffnot json")
        await put(bus, event(3, time="99999-01-01T00:00:00Z"), event(4, time="2026-11-21T10:00:00.5Z"))
        await put(bus, event(5))
        await drained(bus)
    assert await stored(database) == [1, 2, 4, 5]
    async with database.across() as session:
        reasons = list((await session.scalars(text("SELECT reason FROM rejected_events"))).all())
    assert len(reasons) == 3


async def test_what_only_postgresql_refuses_is_found_by_halving(database: Database, bus: Bus) -> None:
    projector = Projector(database, bus)
    unstorable = event(
        3, data={"n": 3, "deep": orjson.loads("[" * 200 + "]" * 200)}, time="0001-01-01T00:00:00+23:59"
    )
    await projector.store(batch(0, *(event(n) for n in range(1, 3)), unstorable, event(4)))
    assert set(await stored(database)) >= {1, 2, 4}


async def test_a_repeat_on_another_day_is_no_second_event(database: Database, bus: Bus) -> None:
    projector = Projector(database, bus)
    await projector.store(batch(3, event(1)))
    await projector.store(batch(0, event(1), event(2)))
    await projector.store(batch(1, event(2), event(3)))
    assert await stored(database) == [1, 2, 3]


async def test_repeats_on_two_days_at_once_are_one_event(database: Database, bus: Bus) -> None:
    projectors = [Projector(database, bus) for _ in range(4)]
    for number in range(10):
        await asyncio.gather(
            *(projector.store(batch(day, event(number))) for day, projector in enumerate(projectors[:3]))
        )
    assert await stored(database) == list(range(10))


async def test_identity_is_source_and_id(database: Database, bus: Bus) -> None:
    await Projector(database, bus).store(batch(0, event(1), event(1, source="/another"), event(1)))
    assert await stored(database) == [1, 1]


async def test_the_database_away_loses_nothing(database: Database, bus: Bus) -> None:
    class Away(Database):
        def __init__(self) -> None:
            pass

        def raw_across(self):  # type: ignore[no-untyped-def]
            raise ConnectionError("away")

    await put(bus, event(1))
    with pytest.raises(ConnectionError):
        await Projector(Away(), bus).run(asyncio.Event())
    async with projecting(database, bus):
        await drained(bus)
    assert await stored(database) == [1]
