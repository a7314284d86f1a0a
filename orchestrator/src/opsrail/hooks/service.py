"""Taking a delivery in: proof, normalising, stamping, group commit. Called by ``endpoints``."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import orjson

from opsrail.errors import Invalid, TooLarge, Unauthenticated, Unavailable
from opsrail.hooks.delivery import Delivery, Event, Folded, Normalised, NotUnderstood, TooDeep
from opsrail.hooks.group_commit import BusAway, GroupCommit, TooBigForBus
from opsrail.hooks.normalisers import normalise
from opsrail.hooks.ports import ConnectionCache, EventPublisher, HookConnection
from opsrail.hooks.settings import HookSettings
from opsrail.hooks.signatures import BASIC_KINDS, Verdict, verify
from opsrail_sdk.contracts.alerts import unfolded
from opsrail_sdk.contracts.cloudevent import BATCH_CONTENT_TYPE
from opsrail_sdk.tasks import end

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_MANY_AT_ONCE = frozenset({"alertmanager", "grafana"})
_FORGES = frozenset({"github", "gitlab"})
"""What they tell of a push may be long; the event that it becomes is not."""
MAX_TYPE = 255
MAX_SOURCE = 1024
MAX_CORRELATION = 255
_REFUSALS = {
    Verdict.MISSING: "the delivery carries no proof of its sender",
    Verdict.WRONG: "the proof of the sender does not hold",
    Verdict.STALE: "the delivery was signed too long ago, or by a clock that is off",
}


@dataclass(slots=True)
class Accepted:
    """What the sender is told, the same for a repeat of the delivery, once ``on_disk`` is done."""

    events: list[str]
    ignored: list[str]
    correlation_id: str
    kind: str
    on_disk: asyncio.Future[None]
    """Fails with ``group_commit.BusAway``."""

    def body(self) -> bytes:
        return orjson.dumps({"events": self.events, "ignored": self.ignored})


class Intake:
    """Ingress of one process."""

    def __init__(self, connections: ConnectionCache, commit: GroupCommit, settings: HookSettings) -> None:
        self.connections = connections
        self._commit = commit
        self._settings = settings

    @classmethod
    @asynccontextmanager
    async def running(
        cls, connections: ConnectionCache, publisher: EventPublisher, settings: HookSettings
    ) -> AsyncIterator[Self]:
        """An intake whose group commit runs; on leaving, what was accepted is still published."""
        commit = GroupCommit(publisher, max_pending=settings.max_pending, patience=settings.bus_patience)
        loop = asyncio.create_task(commit.run(), name="hooks-group-commit")
        try:
            yield cls(connections, commit, settings)
        finally:
            await end(loop)

    def limit(self, kind: str, headers: Mapping[str, str]) -> int:
        """Most bytes that a delivery of this kind may have."""
        if kind in _FORGES:
            return self._settings.max_forge
        content_type = headers.get("content-type", "")
        many = kind in _MANY_AT_ONCE or content_type.startswith(BATCH_CONTENT_TYPE)
        return self._settings.max_batch if many else self._settings.max_body

    def accept(
        self, connection: HookConnection, headers: Mapping[str, str], body: bytes, received_at: datetime
    ) -> Accepted:
        """Take a delivery; it may be answered once its events are on disk.

        Raises:
            Unauthenticated: the proof is missing, wrong or stale.
            Invalid: the body is not what this kind of sender sends.
            TooLarge: an event does not fit on the bus.
            Unavailable: too much is waiting for the bus already.
        """
        verdict = verify(connection.kind, headers, body, connection.secret, now=received_at)
        if verdict is Verdict.WRONG and connection.previous_secret is not None:
            verdict = verify(connection.kind, headers, body, connection.previous_secret, now=received_at)
        if verdict is not Verdict.PROVEN:
            challenge = {"WWW-Authenticate": 'Basic realm="opsrail"'} if connection.kind in BASIC_KINDS else {}
            raise Unauthenticated(_REFUSALS[verdict], code=verdict.value, headers=challenge)
        delivery = Delivery(
            kind=connection.kind,
            connection_id=connection.id,
            body=body,
            headers=headers,
            received_at=received_at,
            settings=connection.settings,
        )
        try:
            found = normalise(delivery)
            encoded = stamp(delivery, found, connection.org_id, self._commit.room)
        except NotUnderstood as error:
            raise Invalid(str(error), code=error.code) from error
        try:
            on_disk = self._commit.submit(connection.org_id, encoded)
        except TooBigForBus as error:
            raise TooLarge("an event of this delivery is larger than a bus message may be") from error
        except BusAway as error:
            raise bus_away() from error
        return Accepted(found.ids(), found.ignored, delivery.correlation_id, connection.kind, on_disk)


def bus_away() -> Unavailable:
    """What the sender is told when its events are not on disk."""
    return Unavailable("the bus is away; send the delivery again", code="bus_away", headers={"Retry-After": "5"})


def stamp(delivery: Delivery, found: Normalised, org_id: str, room: int) -> list[tuple[str, bytes]]:
    """Type and JSON of each event or folded notification, with the platform's extension attributes set.

    A notification that is larger than ``room``, in bytes, is unfolded.

    Raises:
        NotUnderstood: an event cannot travel: nested too deeply, or attributes too long for a subject or an index.
    """
    correlation = delivery.correlation_id
    platform = {"orgid": org_id, "connectionid": delivery.connection_id}
    stamps = {
        **platform,
        "correlationid": correlation,
        "traceparent": _traceparent(delivery.headers.get("traceparent"), correlation),
    }
    encoded = []
    try:
        for one in found.entries:
            if isinstance(one, Folded):
                encoded += _stamp_folded(delivery, one, stamps, room)
            else:
                encoded.append(_encoded({**stamps, **one, **platform}))
    except TypeError as error:
        fault = TooDeep if "Recursion" in str(error) else NotUnderstood
        raise fault(f"the body cannot be kept: {error}") from error
    return encoded


def _stamp_folded(
    delivery: Delivery, folded: Folded, stamps: Mapping[str, str], room: int
) -> list[tuple[str, bytes]]:
    entry = folded.entry(delivery, stamps)
    _check_lengths(folded.type, folded.source)
    body = orjson.dumps(entry)
    if len(body) > room:
        return [_encoded(event) for event in unfolded([entry])]
    return [(folded.type, body)]


def _encoded(event: Event) -> tuple[str, bytes]:
    _check_lengths(event["type"], event["source"], event["correlationid"])
    return event["type"], orjson.dumps(event)


def _check_lengths(type_: str, source: str, correlation: str = "") -> None:
    if len(type_) + len(source) + len(correlation) < MAX_TYPE and source.isascii():
        return
    named = (
        ("type", type_, MAX_TYPE),
        ("source", source, MAX_SOURCE),
        ("correlationid", correlation, MAX_CORRELATION),
    )
    for name, value, limit in named:
        if len(value) > limit or (not value.isascii() and len(value.encode()) > limit):
            raise NotUnderstood(f"{name} has more than {limit} bytes")


def _traceparent(given: str | None, correlation: str) -> str:
    """The sender's trace, or one that begins here and bears the correlation id: https://www.w3.org/TR/trace-context/"""
    if given is not None and _TRACEPARENT.match(given):
        return given
    trace = correlation.replace("-", "")
    return f"00-{trace}-{trace[:16]}-01"
