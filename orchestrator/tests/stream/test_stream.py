"""The live stream: merged, fenced by organisation, resumed without loss or repetition."""

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import text

from opsrail.stream import merged
from opsrail.stream.position import Position
from opsrail.testing.orchestrator import Orchestrator
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.cloudevent import CloudEvent
from opsrail_sdk.contracts.run import RunState, RunStatus

ALL = frozenset(merged.TOPICS)


@dataclass(frozen=True)
class Told:
    event: str | None
    id: str | None
    data: Any


def parse(chunk: bytes) -> list[Told]:
    told = []
    for block in chunk.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if fields:
            data = orjson.loads(fields["data"]) if "data" in fields else None
            told.append(Told(fields.get("event"), fields.get("id"), data))
    return told


async def open_stream(
    orchestrator: Orchestrator, resume: str | None = None, topics: frozenset[str] = ALL
) -> AsyncGenerator[bytes]:
    parts = orchestrator.container
    begin, missed = await merged.start(parts.bus, Position.parse(resume) if resume else None)
    return merged.messages(parts.bus, parts.owners, orchestrator.org_id, topics, begin=begin, missed=missed)


async def read(source: AsyncGenerator[bytes], count: int) -> list[Told]:
    """The next of what a test caused; the orchestrator's own events may come in between."""
    told: list[Told] = []
    while len(told) < count:
        told.extend(one for one in parse(await anext(source)) if one.data is not None and not _orchestrators(one))
    return told


def _orchestrators(told: Told) -> bool:
    return told.event == "event" and told.data["source"].startswith("/opsrail")


def fact(n: int, kind: str = "io.opsrail.test.v1") -> CloudEvent:
    return CloudEvent(id=str(n), source="/tests", type=kind, subject=f"s{n}", data={"n": n})


async def test_events_and_statuses_of_one_organisation_come_merged(orchestrator: Orchestrator) -> None:
    bus, org, other = orchestrator.container.bus, orchestrator.org_id, uuid.uuid4()
    run = await given_to(orchestrator, "ci")
    source = await open_stream(orchestrator)
    async with aclosing(source):
        opening = parse(await anext(source))
        assert opening[0].id is not None
        await bus.publish_events(str(other), [fact(1)])
        await bus.publish_events(str(org), [fact(2)])
        status = RunStatus(run_id=run, org_id=str(org), state=RunState.RUNNING, at=datetime.now(UTC), progress=0.25)
        await bus.publish(subjects.run_status(str(other), "ci", run), status.encode())
        await bus.publish(subjects.run_status(str(org), "ci", run), status.encode())
        await bus.publish_events(str(org), [fact(3, "io.opsrail.agent.enabled.v1")])
        told = await read(source, 4)
    assert [one.data["id"] for one in told if one.event == "event"] == ["2", "3"]
    (news,) = [one for one in told if one.event == "run"]
    assert (news.data["id"], news.data["state"], news.data["progress"]) == (run, "running", 0.25)
    assert [one.data["id"] for one in told if one.event == "agent"] == ["s3"]


async def test_what_an_agent_says_of_anothers_run_is_not_told(orchestrator: Orchestrator) -> None:
    bus, org = orchestrator.container.bus, str(orchestrator.org_id)
    theirs, own = await given_to(orchestrator, "cd"), await given_to(orchestrator, "ci")
    source = await open_stream(orchestrator, topics=frozenset({"run"}))
    async with aclosing(source):
        await anext(source)
        for subject in (theirs, "no-run", own):
            lie = RunStatus(run_id=theirs, org_id=org, state=RunState.SUCCEEDED, at=datetime.now(UTC), agent="cd")
            await bus.publish(subjects.run_status(org, "ci", subject), lie.encode())
        (told,) = await read(source, 1)
    assert (told.data["id"], told.data["agent"]) == (own, "ci")


async def given_to(orchestrator: Orchestrator, agent: str) -> str:
    run = str(uuid.uuid4())
    async with orchestrator.container.database.across() as session:
        await session.execute(
            text(
                "INSERT INTO runs (id, org_id, kind, agent, action, state, risk, input, requested_by, correlation_id)"
                " VALUES (:id, :org, 'action', :agent, 'run', 'queued', 'write', '{}', 'test', 'c')"
            ),
            {"id": run, "org": orchestrator.org_id, "agent": agent},
        )
    return run


async def test_a_cut_anywhere_is_resumed_exactly_even_inside_a_batch(orchestrator: Orchestrator) -> None:
    bus, org = orchestrator.container.bus, orchestrator.org_id
    topics = frozenset({"event"})
    source = await open_stream(orchestrator, topics=topics)
    place = parse(await anext(source))[0].id
    await source.aclose()
    for first in range(0, 9, 3):
        await bus.publish_events(str(org), [fact(first + n) for n in range(3)])
    got: list[int] = []
    for take in (2, 2, 1, 3, 1):
        source = await open_stream(orchestrator, place, topics)
        async with aclosing(source):
            for one in await read(source, take):
                got.append(one.data["data"]["n"])
                place = one.id
    assert got == list(range(9))


async def test_a_position_beyond_what_the_bus_keeps_is_told_as_a_gap(orchestrator: Orchestrator) -> None:
    bus, org = orchestrator.container.bus, orchestrator.org_id
    await bus.publish_events(str(org), [fact(1)])
    await bus.js.purge_stream(subjects.EVENTS)
    await bus.publish_events(str(org), [fact(2)])
    source = await open_stream(orchestrator, "e1.0-r1")
    async with aclosing(source):
        gap, event = await read(source, 2)
    assert gap.event == "gap"
    assert gap.data["missed"]["events"] >= 1
    assert event.data["id"] == "2"


async def test_an_unknown_topic_or_position_is_refused(client: Any) -> None:
    assert (await client.get("/v1/stream", params={"topics": "nonsense"})).status_code == 400
    answer = await client.get("/v1/stream", headers={"Last-Event-ID": "nonsense"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"
