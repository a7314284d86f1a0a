"""The messages of ``/v1/stream``: events and run statuses of one organisation, merged, each with its position."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import orjson
import structlog
from nats.aio.msg import Msg

from opsrail.runs.announcing import TYPE_PREFIX as RUN_EVENTS
from opsrail.stream import sse, tail
from opsrail.stream.owners import Owners
from opsrail.stream.position import Position
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects
from opsrail_sdk.contracts.alerts import unfolded
from opsrail_sdk.tasks import end

log = structlog.get_logger()

TOPICS = ("event", "run", "agent")
_HELD = 32
"""Messages read ahead of the client, per stream."""
_AGENT_EVENTS = "io.opsrail.agent."
_ANNOUNCED_ELSEWHERE = frozenset({"running", "succeeded", "failed", "timed_out", "cancelled", "interrupted"})
"""States of agents' runs that the statuses in ``RUNS`` tell already."""

_Item = tuple[str, int, list[dict[str, Any]]]
"""``e`` or ``r``, sequence in the stream, what the message holds."""


async def start(bus: Bus, resume: Position | None) -> tuple[Position, dict[str, int]]:
    """Where to begin, and how many messages of which stream are gone that the client has not had."""
    events, runs = await asyncio.gather(tail.bounds(bus, subjects.EVENTS), tail.bounds(bus, subjects.RUNS))
    if resume is None:
        return Position(events.next, 0, runs.next), {}
    begin = resume
    if begin.event > events.next:
        begin = replace(begin, event=events.next, index=0)
    if begin.run > runs.next:
        begin = replace(begin, run=runs.next)
    missed = {"events": events.first - begin.event, "runs": runs.first - begin.run}
    return begin, {stream: count for stream, count in missed.items() if count > 0}


async def messages(
    bus: Bus,
    owners: Owners,
    org_id: uuid.UUID,
    topics: frozenset[str],
    *,
    begin: Position,
    missed: dict[str, int],
) -> AsyncGenerator[bytes]:
    """SSE messages from ``begin`` on."""
    queue: asyncio.Queue[_Item | None] = asyncio.Queue(_HELD)
    org = str(org_id)
    sources = [("e", tail.follow(bus, subjects.EVENTS, [subjects.event_filter(org, "*")], start=begin.event))]
    if "run" in topics:
        statuses = tail.follow(bus, subjects.RUNS, [subjects.run_status(org, "*", "*")], start=begin.run)
        sources.append(("r", _of_their_agents(statuses, owners, org_id)))
    readers = [asyncio.create_task(_read(mark, source, queue)) for mark, source in sources]
    position = begin
    try:
        yield sse.opening(str(position))
        if missed:
            yield sse.message("gap", {"missed": missed}, id=str(position))
        while (item := await queue.get()) is not None:
            stream, sequence, items = item
            if stream == "r":
                position = replace(position, run=sequence + 1)
                yield sse.message("run", items[0], id=str(position))
                continue
            had = position.index if sequence == position.event else 0
            for index, event in enumerate(items[had:], start=had):
                position = replace(position, event=sequence, index=index + 1)
                if told := _of_event(event, topics):
                    yield _together(told, position)
    finally:
        await end(*readers)


async def _of_their_agents(statuses: AsyncGenerator[Msg], owners: Owners, org_id: uuid.UUID) -> AsyncGenerator[Msg]:
    """Without what an agent says of another's run."""
    async with aclosing(statuses) as following:
        async for message in following:
            _, _, _, agent, run, _ = message.subject.split(".")
            if await owners.owns(org_id, agent, run):
                yield message


async def _read(mark: str, source: AsyncGenerator[Msg], queue: asyncio.Queue[_Item | None]) -> None:
    """Read ahead a little; if reading fails for good the answer ends, and the client comes back to its position."""
    try:
        async with aclosing(source) as following:
            async for message in following:
                items = _items(message) if mark == "e" else _run(message)
                if items:
                    await queue.put((mark, message.metadata.sequence.stream, items))
    except Exception:
        log.exception("stream.broken")
        await queue.put(None)


def _items(message: Msg) -> list[dict[str, Any]]:
    try:
        body = orjson.loads(message.data)
    except orjson.JSONDecodeError:
        log.warning("stream.unreadable", subject=message.subject)
        return []
    return [item for item in unfolded(body) if isinstance(item, dict)]


def _run(message: Msg) -> list[dict[str, Any]]:
    """What a status says of its run; which run that is, and whose, is the subject's to say."""
    _, _, _, agent, run, _ = message.subject.split(".")
    told = {"run_id", "org_id", "agent"}
    return [
        {"id": run, "agent": agent, **{key: value for key, value in status.items() if key not in told}}
        for status in _items(message)[:1]
    ]


def _together(told: list[tuple[str, Any]], position: Position) -> bytes:
    """What one event is told as, in one piece; only the last carries the position, so none can be skipped."""
    *before, (topic, data) = told
    return b"".join(sse.message(name, value) for name, value in before) + sse.message(topic, data, id=str(position))


def _of_event(event: dict[str, Any], topics: frozenset[str]) -> list[tuple[str, Any]]:
    """What an event is told as: as itself, and as news of a run or an agent."""
    kind = str(event.get("type", ""))
    data = event.get("data")
    told: list[tuple[str, Any]] = []
    if "event" in topics:
        told.append(("event", event))
    if "agent" in topics and kind.startswith(_AGENT_EVENTS):
        told.append(("agent", {"id": event.get("subject"), "type": kind, "time": event.get("time"), "data": data}))
    if (
        "run" in topics
        and kind.startswith(RUN_EVENTS)
        and isinstance(data, dict)
        and (data.get("kind") == "flow" or data.get("state") not in _ANNOUNCED_ELSEWHERE)
    ):
        told.append(("run", {"id": data.get("run_id"), "at": event.get("time"), **data}))
    return told
