"""Bus, buckets and objects against a real server, restarts included."""

import asyncio
import hashlib
import os
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest
from nats.js import api

from opsrail_sdk.bus import Bus, SequenceConflict, ensure_streams
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent, decode_batch
from opsrail_sdk.errors import AgentError, NotFound, Unavailable
from opsrail_sdk.streams import ensure_artifacts
from opsrail_sdk.testing.harness import PATIENCE
from opsrail_sdk.testing.server import NatsServer

ORG = "0b4f8a52-0000-4000-8000-000000000001"
STATUS = subjects.run_status(ORG, "a", "r1")


async def test_streams_can_be_ensured_again_and_from_two_places(bus: Bus) -> None:
    await asyncio.gather(ensure_streams(bus.js, replicas=1), ensure_streams(bus.js, replicas=1, max_bytes=1 << 30))
    info = await bus.js.stream_info(subjects.ACTIONS)
    assert info.config.retention == api.RetentionPolicy.WORK_QUEUE
    assert info.config.storage == api.StorageType.FILE


async def test_same_message_id_is_stored_once(bus: Bus) -> None:
    first = await bus.publish(STATUS, b"a", message_id="m")
    second = await bus.publish(STATUS, b"a", message_id="m")
    assert (first.duplicate, second.duplicate) == (False, True)
    assert first.sequence == second.sequence


async def test_publish_insists_on_the_last_sequence(bus: Bus) -> None:
    first = await bus.publish(STATUS, b"a", message_id="1", expect=0)
    with pytest.raises(SequenceConflict):
        await bus.publish(STATUS, b"b", message_id="2", expect=0)
    await bus.publish(STATUS, b"b", message_id="3", expect=first.sequence)
    last = await bus.last(subjects.RUNS, STATUS)
    assert last is not None
    assert last.body == b"b"


async def test_repeat_of_a_won_fence_is_a_duplicate_not_a_conflict(bus: Bus) -> None:
    won = await bus.publish_fenced(subjects.RUNS, STATUS, b"a", message_id="1", expect=0)
    again = await bus.publish_fenced(subjects.RUNS, STATUS, b"a", message_id="1", expect=0)
    assert again.duplicate
    assert again.sequence == won.sequence
    with pytest.raises(SequenceConflict):
        await bus.publish_fenced(subjects.RUNS, STATUS, b"b", message_id="2", expect=0)


async def test_publish_waits_for_a_server_that_comes_back(agents_bus: Bus, nats_server: NatsServer) -> None:
    await nats_server.stop(kill=True)
    publishing = asyncio.create_task(agents_bus.publish(STATUS, b"a", message_id="1", expect=0, patience=PATIENCE))
    await asyncio.sleep(0)
    await nats_server.start()
    await publishing
    last = await agents_bus.last(subjects.RUNS, STATUS)
    assert last is not None


async def test_publish_gives_up_when_no_stream_takes_it(bus: Bus) -> None:
    for patience in (timedelta(seconds=1), PATIENCE):
        with pytest.raises(Unavailable) as refused:
            await bus.publish("nobody.listens", b"", message_id="1", patience=patience)
        if "no answer" not in str(refused.value):
            break
    assert "no stream" in str(refused.value)


async def test_events_travel_one_message_per_type(bus: Bus) -> None:
    events = [CloudEvent(id=str(n), source="/s", type=kind) for n, kind in enumerate(["a.b", "a.b", "c.d"])]
    await bus.publish_events(ORG, events)
    await bus.publish_events(ORG, events)
    info = await bus.js.stream_info(subjects.EVENTS)
    assert info.state.messages == 2
    stored = await bus.last(subjects.EVENTS, subjects.event(ORG, "a.b"))
    assert stored is not None
    assert [(event.id, event.orgid) for event in decode_batch(stored.body)] == [("0", ORG), ("1", ORG)]


async def test_a_refused_login_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await Bus.connect("nats://127.0.0.1:1", name="t", patience=timedelta(milliseconds=300))


async def test_query_without_anybody_is_unavailable_at_once(bus: Bus) -> None:
    with pytest.raises(Unavailable) as caught:
        await bus.query(ORG, "ci", "x", {}, patience=timedelta(seconds=30), correlation_id="c")
    assert caught.value.code == "no_responders"


async def test_kv_put_insists_on_a_revision_and_create_on_absence(bus: Bus) -> None:
    bucket = subjects.LEASES_BUCKET
    revision = await bus.kv.create(bucket, "k", b"1", ttl=timedelta(seconds=60))
    assert revision is not None
    assert await bus.kv.create(bucket, "k", b"2") is None
    assert await bus.kv.put(bucket, "k", b"3", revision=revision + 7) is None
    assert await bus.kv.put(bucket, "k", b"3", revision=revision, ttl=timedelta(seconds=60)) is not None
    entry = await bus.kv.get(bucket, "k")
    assert entry is not None
    assert entry.value == b"3"
    await bus.kv.delete(bucket, "k")
    assert await bus.kv.get(bucket, "k") is None
    assert await bus.kv.create(bucket, "k", b"4") is not None


async def test_a_lease_ends_by_itself(bus: Bus) -> None:
    assert await bus.kv.create(subjects.LEASES_BUCKET, "tick", b"1", ttl=timedelta(seconds=1)) is not None
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while await bus.kv.create(subjects.LEASES_BUCKET, "tick", b"2", ttl=timedelta(seconds=1)) is None:
            await asyncio.sleep(0.05)


async def test_a_watch_begins_with_everything_however_busy_the_process(bus: Bus) -> None:
    for number in range(6):
        await bus.kv.put(subjects.SPECS_BUCKET, f"o.a{number}", b"x" * 400)

    async def first() -> int:
        async with aclosing(bus.kv.watch(subjects.SPECS_BUCKET)) as states:
            return len(await anext(states))

    for _ in range(15):
        assert await asyncio.gather(*(first() for _ in range(20))) == [6] * 20


async def test_a_watch_of_what_is_empty_says_so(bus: Bus) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()), aclosing(bus.kv.watch(subjects.SPECS_BUCKET)) as states:
        assert await anext(states) == {}
        await bus.kv.put(subjects.SPECS_BUCKET, "o.a", b"1")
        assert await anext(states) == {"o.a": b"1"}


async def test_watch_shows_changes_and_survives_a_restart(agents_bus: Bus, nats_server: NatsServer) -> None:
    async with (
        asyncio.timeout(PATIENCE.total_seconds()),
        aclosing(agents_bus.kv.watch(subjects.SPECS_BUCKET)) as states,
    ):
        assert await anext(states) == {}
        await _put_when_back(agents_bus, b"1")
        assert await anext(states) == {"a.b": b"1"}
        await nats_server.stop(kill=True)
        await nats_server.start()
        writing = asyncio.create_task(_put_when_back(agents_bus, b"2"))
        assert await anext(states) == {"a.b": b"2"}
        await writing
        await agents_bus.kv.delete(subjects.SPECS_BUCKET, "a.b")
        assert await anext(states) == {}


async def _put_when_back(bus: Bus, value: bytes) -> None:
    while True:
        try:
            await bus.kv.put(subjects.SPECS_BUCKET, "a.b", value)
        except Unavailable:
            continue
        return


async def test_objects_come_back_whole(bus: Bus, tmp_path: Path) -> None:
    await ensure_artifacts(bus.js, ORG, replicas=1)
    bucket = subjects.artifacts_bucket(ORG)
    file = tmp_path / "a.bin"
    file.write_bytes(os.urandom(700_001))
    stored = await bus.objects.store(bucket, "r/a", file)
    assert stored.size == 700_001
    assert stored.digest == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert b"".join([chunk async for chunk in bus.objects.read(bucket, "r/a")]) == file.read_bytes()
    await bus.objects.delete(bucket, "r/a")
    with pytest.raises(NotFound):
        _ = [chunk async for chunk in bus.objects.read(bucket, "r/a")]


async def test_a_full_store_says_so_and_gives_back_what_came(bus: Bus, tmp_path: Path) -> None:
    await ensure_artifacts(bus.js, ORG, replicas=1, max_bytes=500_000)
    bucket = subjects.artifacts_bucket(ORG)
    file = tmp_path / "a.bin"
    file.write_bytes(bytes(2_000_000))
    with pytest.raises(Unavailable) as caught:
        await bus.objects.store(bucket, "r/a", file, upload="u1")
    assert caught.value.code == "storage_full"
    await bus.objects.discard(bucket, "u1")
    assert (await bus.js.stream_info(f"OBJ_{bucket}")).state.messages == 0


async def test_a_chunk_that_went_missing_is_noticed(bus: Bus, tmp_path: Path) -> None:
    await ensure_artifacts(bus.js, ORG, replicas=1)
    bucket = subjects.artifacts_bucket(ORG)
    file = tmp_path / "a.bin"
    file.write_bytes(bytes(400_000))
    await bus.objects.store(bucket, "r/a", file)
    await bus.js.delete_msg(f"OBJ_{bucket}", 2)
    with pytest.raises(AgentError) as caught:
        _ = [chunk async for chunk in bus.objects.read(bucket, "r/a")]
    assert caught.value.code == "digest_mismatch"


async def test_a_key_that_is_not_renewed_is_let_go(bus: Bus) -> None:
    lifetime = timedelta(milliseconds=400)
    async with aclosing(bus.kv.watch(subjects.SPECS_BUCKET, lifetime=lifetime)) as states:
        assert await anext(states) == {}
        await bus.kv.put(subjects.SPECS_BUCKET, "a.b", b"1")
        assert await anext(states) == {"a.b": b"1"}
        async with asyncio.timeout(PATIENCE.total_seconds()):
            assert await anext(states) == {}


async def test_a_followed_key_is_told_with_every_change(bus: Bus) -> None:
    async with (
        aclosing(bus.kv.follow(subjects.SPECS_BUCKET, "a.b")) as values,
        asyncio.timeout(PATIENCE.total_seconds()),
    ):
        assert await anext(values) is None
        await bus.kv.put(subjects.SPECS_BUCKET, "a.b", b"1")
        assert await anext(values) == b"1"
        await bus.kv.put(subjects.SPECS_BUCKET, "a.c", b"other")
        await bus.kv.delete(subjects.SPECS_BUCKET, "a.b")
        assert await anext(values) is None
