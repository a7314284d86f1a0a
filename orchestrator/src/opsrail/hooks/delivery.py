"""One delivery of a sender, and what a normaliser makes of it. Pure; used by every ``normalisers/<sender>.py``.

Events are plain dictionaries in CloudEvents JSON form: a batch of a hundred alerts has no time for models. Tests
hold every one of them against the ``CloudEvent`` contract.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
import xxhash

from opsrail_sdk.contracts.alerts import numbered_ids, unfolded
from opsrail_sdk.contracts.cdevents import cdevent
from opsrail_sdk.contracts.cloudevent import derived_id

Event = dict[str, Any]
"""A CloudEvent as JSON-ready mapping, before the platform's own extension attributes are set."""

_UNSAFE = re.compile(r"[^a-z0-9_]+")
_MAX_WORD = 64


class NotUnderstood(ValueError):
    """The body is not what this kind of sender sends; the message says why and goes back to the sender."""

    code = "not_understood"


class TooDeep(NotUnderstood):
    """It is nested more deeply than anybody means."""

    code = "too_deep"


class Delivery:
    """One webhook request after its proof was checked.

    ``headers`` has lower-case names. ``settings`` are the connection's. ``received_at`` is aware UTC.
    """

    __slots__ = (
        "body",
        "connection_id",
        "correlation_id",
        "delivery_id",
        "headers",
        "kind",
        "received_at",
        "settings",
    )

    def __init__(
        self,
        *,
        kind: str,
        connection_id: str,
        body: bytes,
        headers: Mapping[str, str],
        received_at: datetime,
        settings: Mapping[str, Any] | None = None,
        delivery_id: str | None = None,
    ) -> None:
        self.kind = kind
        self.connection_id = connection_id
        self.body = body
        self.headers = headers
        self.received_at = received_at
        self.settings: Mapping[str, Any] = settings or {}
        self.delivery_id = delivery_id or _delivery_id(headers, body)
        self.correlation_id = derived_id(connection_id, self.delivery_id)
        """The same for every repeat of this delivery."""

    @property
    def urn(self) -> str:
        """Event source where the payload names none."""
        return f"urn:opsrail:connection:{self.connection_id}"

    def event_id(self, index: int) -> str:
        return numbered_ids(self.correlation_id, (index,))[0]

    def json(self) -> Any:
        """The payload.

        Raises:
            NotUnderstood: it is not JSON, or nested too deeply.
        """
        body = self.body
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            body = _form_payload(body)
        try:
            return orjson.loads(body)
        except ValueError as error:
            fault = TooDeep if "depth limit" in str(error) else NotUnderstood
            raise fault(f"the body is not JSON that we take: {error}") from error

    def json_object(self) -> dict[str, Any]:
        """The payload, which has to be an object.

        Raises:
            NotUnderstood: it is something else.
        """
        payload = self.json()
        if not isinstance(payload, dict):
            raise NotUnderstood("the body is JSON, but not an object")
        return payload


_DELIVERY_HEADERS = ("x-github-delivery", "idempotency-key", "webhook-id", "x-amz-sns-message-id")


def _delivery_id(headers: Mapping[str, str], body: bytes) -> str:
    """What the sender calls this delivery, the same when it repeats it; else the digest of the body.

    The digest tells bodies apart and proves nothing, as the proof was checked before: it may be a fast one.

    GitLab gives hooks that one another set off the same ``X-Gitlab-Event-UUID``, so it counts together with the body.
    """
    for name in _DELIVERY_HEADERS:
        if value := headers.get(name):
            return value
    digest = xxhash.xxh3_128_hexdigest(body)
    shared = headers.get("x-gitlab-event-uuid")
    return f"{shared}:{digest}" if shared else digest


def _form_payload(body: bytes) -> bytes:
    """GitHub's other content type: a form whose field ``payload`` holds the JSON."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=16)
    except ValueError as error:
        raise NotUnderstood(f"the form cannot be read: {error}") from error
    if "payload" not in fields:
        raise NotUnderstood("the form has no field `payload`")
    return fields["payload"][0].encode()


class Folded:
    """Alerts of one notification that stand for an event each; see ``opsrail_sdk.contracts.alerts``.

    ``alerts`` are kept by their place in the notification.
    """

    __slots__ = ("alerts", "sender", "source", "type")

    def __init__(self, sender: str, type_: str, *, source: str, alerts: Mapping[int, dict[str, Any]]) -> None:
        self.sender = sender
        self.type = type_
        self.source = source
        self.alerts = alerts

    def entry(self, delivery: Delivery, stamps: Mapping[str, str]) -> list[Any]:
        """What travels; ``stamps`` are the platform's attributes."""
        shared = {
            "specversion": "1.0",
            "id": delivery.correlation_id,
            "source": self.source,
            "type": self.type,
            "time": delivery.received_at,
            "datacontenttype": "application/json",
            **stamps,
        }
        return [self.sender, shared, list(self.alerts), list(self.alerts.values())]


class Normalised:
    """What came of a delivery: events, by themselves or folded, in order; and reasons for what was left out."""

    __slots__ = ("_delivery", "entries", "ignored")

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self.entries: list[Event | Folded] = []
        self.ignored: list[str] = []

    @property
    def events(self) -> list[Event]:
        """All of them by themselves."""
        return unfolded([one.entry(self._delivery, {}) if isinstance(one, Folded) else one for one in self.entries])

    def ids(self) -> list[str]:
        """The ids of ``events``, without making these."""
        found: list[str] = []
        for one in self.entries:
            found += (
                numbered_ids(self._delivery.correlation_id, one.alerts) if isinstance(one, Folded) else [one["id"]]
            )
        return found

    def ignore(self, reason: str) -> None:
        self.ignored.append(reason)

    def fold(self, sender: str, type_: str, *, source: str, alerts: Mapping[int, dict[str, Any]]) -> None:
        """Alerts, by their place in the notification, as an event each. No other events may be in this delivery."""
        self.entries.append(Folded(sender, type_, source=source, alerts=alerts))

    def add(
        self,
        type_: str,
        *,
        source: str,
        subject: str | None,
        data: Any,
        time: datetime | str | None = None,
    ) -> None:
        """An event of our own type. ``time`` as text must be RFC 3339 already; none is the time of receipt."""
        delivery = self._delivery
        event: Event = {
            "specversion": "1.0",
            "id": delivery.event_id(len(self.entries)),
            "source": source,
            "type": type_,
            "time": time or delivery.received_at,
            "datacontenttype": "application/json",
            "data": data,
        }
        if subject:
            event["subject"] = subject
        self.entries.append(event)

    def cdevent(
        self,
        name: str,
        *,
        source: str,
        subject_id: str,
        content: Mapping[str, Any],
        time: datetime | None = None,
        custom_data: Mapping[str, Any] | None = None,
    ) -> None:
        """A CDEvent; ``name`` as in ``opsrail_sdk.contracts.cdevents.TYPES``."""
        delivery = self._delivery
        event = cdevent(
            name,
            id=delivery.event_id(len(self.entries)),
            source=source,
            subject_id=subject_id,
            subject_source=source,
            content=content,
            time=time or delivery.received_at,
            custom_data=custom_data,
        )
        self.entries.append(event.to_dict())

    def generic(
        self,
        *words: Any,
        source: str | None = None,
        subject: str | None = None,
        data: Any,
        time: datetime | None = None,
    ) -> None:
        """The payload as it is, under ``io.opsrail.<sender>.<word>[.<word>].v1``: what no mapping has a word for."""
        self.add(
            generic_type(self._delivery.kind, *words),
            source=source or self._delivery.urn,
            subject=subject,
            data=data,
            time=time,
        )


def generic_type(kind: str, *words: Any) -> str:
    """Event type for something that the vocabulary does not know; words that are no text are left out."""
    named = [_UNSAFE.sub("_", word.lower()).strip("_")[:_MAX_WORD] for word in words if isinstance(word, str)]
    return ".".join(["io.opsrail", kind, *(word for word in named if word), "v1"])
