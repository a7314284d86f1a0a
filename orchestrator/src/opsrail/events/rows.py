"""Bus messages as lines for ``COPY``. Pure; called by ``workers.projector``.

Text format: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from opsrail_sdk.contracts.alerts import unfolded
from opsrail_sdk.contracts.cloudevent import in_utc_calendar

COLUMNS = (
    "org_id",
    "received_on",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "received_at",
    "connection_id",
    "correlation_id",
    "traceparent",
    "datacontenttype",
    "dataschema",
    "data",
    "data_base64",
    "extensions",
)

MAX_INDEXED = 2000
"""Bytes of ``id`` and ``source`` together, of ``type`` and of ``correlationid``: what an index entry has room for."""
_SPECIAL = re.compile(r"[\\\n\r]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

Identity = tuple[str, str, str]
"""Organisation, source and id."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A part of a message that is no event; kept for people, in the way of nobody."""

    org_id: str
    sequence: int
    position: int
    subject: str
    reason: str
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the stream ``EVENTS``. ``received_at``: when the stream took it, the same at every delivery."""

    subject: str
    sequence: int
    received_at: datetime
    body: bytes


class Row(NamedTuple):
    """An event of a message, ready for ``COPY``; and where it stands, in case it has to be rejected after all."""

    identity: Identity
    day: str
    """Of receipt, UTC, ISO."""
    line: bytes
    message: Message
    position: int

    def rejected(self, reason: str) -> Rejected:
        message = self.message
        body = orjson.dumps(unfolded(orjson.loads(message.body))[self.position])
        return Rejected(
            self.identity[0], message.sequence, self.position, message.subject, reason, body, message.received_at
        )


def read(message: Message) -> tuple[list[Row], list[Rejected]]:
    """The events of a message, and what in it is none."""
    org = _organisation(message.subject)
    try:
        if org is None:
            raise ValueError("the subject names no organisation")
        parsed = orjson.loads(message.body)
    except ValueError as error:
        unread = Rejected(
            org or str(UUID(int=0)),
            message.sequence,
            0,
            message.subject,
            str(error),
            message.body,
            message.received_at,
        )
        return [], [unread]
    events = unfolded(parsed)
    if b"\\u0000" in message.body:
        events = [_without_nul(event) for event in events]
    rows: list[Row] = []
    rejected: list[Rejected] = []
    received = message.received_at.astimezone(UTC)
    stamp = (received.date().isoformat(), received.isoformat())
    for position, event in enumerate(events):
        try:
            rows.append(_row(org, event, stamp, message, position))
        except (ValueError, TypeError) as error:
            no_row = Row((org, "", ""), stamp[0], b"", message, position)
            rejected.append(no_row.rejected(f"{type(error).__name__}: {error}"))
    return rows, rejected


def unique(rows: Iterable[Row]) -> list[Row]:
    """The first row of each identity."""
    first: dict[Identity, Row] = {}
    for row in rows:
        first.setdefault(row.identity, row)
    return list(first.values())


def _organisation(subject: str) -> str | None:
    try:
        return str(UUID(subject.split(".")[1]))
    except (ValueError, IndexError):
        return None


def _row(org: str, event: Any, stamp: tuple[str, str], message: Message, position: int) -> Row:
    """Takes ``event`` apart; what is left of it are extensions. An empty field is NULL."""
    if not isinstance(event, dict):
        raise TypeError("no JSON object")
    if any(name not in event for name in ("id", "source", "type")):
        raise ValueError("id, source or type is missing")
    take = event.pop
    ident, source, type_ = take("id"), take("source"), take("type")
    correlation = take("correlationid", "")
    _check_length(ident + source)
    _check_length(type_)
    _check_length(correlation)
    received_on, received_at = stamp
    time = take("time", None)
    if time is not None and in_utc_calendar(datetime.fromisoformat(time)).tzinfo is None:
        raise ValueError("time has no zone")
    attributes = [
        ident,
        source,
        type_,
        take("subject", ""),
        time or received_at,
        received_at,
        take("connectionid", ""),
        correlation,
        take("traceparent", ""),
        take("datacontenttype", ""),
        take("dataschema", ""),
    ]
    data, base64 = take("data", None), take("data_base64", "")
    take("specversion", None)
    take("orgid", None)
    head = "\t".join(attributes)
    if _SPECIAL.search(head) is not None or head.count("\t") != len(attributes) - 1:
        head = "\t".join(map(_escaped, attributes))
    line = f"{org}\t{received_on}\t{head}\t{_json(data)}\t{_escaped(base64)}\t{_json(event or None)}\n"
    if not (ident and source and type_):
        raise ValueError("id, source or type is empty")
    return Row((org, source, ident), received_on, line.encode(), message, position)


def _check_length(text: str) -> None:
    if len(text) > MAX_INDEXED // 4 and len(text.encode()) > MAX_INDEXED:
        raise ValueError(f"id and source, type, or correlationid has more than {MAX_INDEXED} bytes")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _json(value: Any) -> str:
    """JSON has no raw control characters, so only its backslashes need doubling."""
    return "" if value is None else orjson.dumps(value).decode().replace("\\", "\\\\")


def _without_nul(value: Any) -> Any:
    """PostgreSQL's text and jsonb cannot hold U+0000; it becomes the replacement character."""
    if isinstance(value, str):
        return value.replace("\0", _REPLACEMENT)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value
