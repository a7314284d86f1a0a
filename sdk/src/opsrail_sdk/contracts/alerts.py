"""Alerts as events, and notifications of many alerts as they travel: folded, one entry of a batch for all of them.

A folded notification is ``[sender, attributes, positions, alerts]``: the attributes that its events share (``id`` is
the delivery's, ``type`` tells whether these alerts fire or are resolved, ``time`` is that of receipt), the place of
each alert in the notification, and the alerts as they came. Ingress folds. Every reader of ``EVENTS`` unfolds, by
``cloudevent.decode_batch`` or ``unfolded``. What a sender calls an event is an object and so never taken for one.
"""

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

FIRING = "io.opsrail.alert.firing.v1"
RESOLVED = "io.opsrail.alert.resolved.v1"

ALERTMANAGER = "alertmanager"
GRAFANA = "grafana"
_DETAILS: Mapping[str, tuple[str, ...]] = {
    GRAFANA: ("dashboardURL", "panelURL", "silenceURL", "imageURL", "values", "valueString")
}
"""Further fields of a sender's alerts to keep, under ``details``."""

_SEVERITIES = {
    **dict.fromkeys(("critical", "crit", "fatal", "emergency", "disaster", "page", "p1", "sev1", "high"), "critical"),
    **dict.fromkeys(("error", "err", "major", "p2", "sev2", "average"), "error"),
    **dict.fromkeys(("warning", "warn", "minor", "p3", "sev3", "medium"), "warning"),
    **dict.fromkeys(("info", "information", "informational", "notice", "ok", "none", "low", "p4", "p5"), "info"),
}
_PREFIX = 24
_LAST = 0xFFFF_FFFF_FFFF
"""A UUID's last 12 hex digits, which the numbers of a delivery's events are added to."""
_MANY = 0xFFFF
"""Up to this number ids are put together from parts: a quarter of the time that formatting each takes."""
_TWO_DIGITS = tuple(f"{number:02x}" for number in range(256))


def severity(word: Any) -> str:
    """``critical``, ``error``, ``warning``, ``info`` or ``unknown`` for whatever the sender calls it."""
    if not isinstance(word, str):
        return "unknown"
    return _SEVERITIES.get(word) or _SEVERITIES.get(word.strip().lower(), "unknown")


def fingerprint(labels: Mapping[str, Any]) -> str:
    """16 hex digits that depend on the labels alone, for senders that give none."""
    return hashlib.sha256(orjson.dumps(labels, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def numbered_ids(delivery: str, numbers: Collection[int]) -> list[str]:
    """Ids of a delivery's events: the delivery's own, a UUID, with the event's number and one more added to it."""
    prefix, first = delivery[:_PREFIX], int(delivery[_PREFIX:], 16) + 1
    highest = max(numbers, default=0)
    if highest > _MANY or min(numbers, default=0) < 0:
        return [f"{prefix}{first + number & _LAST:012x}" for number in numbers]
    low, high = first & 0xFF, first >> 8
    stems = [f"{prefix}{high + more & _LAST >> 8:010x}" for more in range((low + highest >> 8) + 1)]
    return [stems[(last := low + number) >> 8] + _TWO_DIGITS[last & 0xFF] for number in numbers]


def unfolded(batch: Any) -> list[Any]:
    """The events of a parsed message, each by itself. What is no folded notification stays as it is."""
    if not isinstance(batch, list):
        return [batch]
    if not any(isinstance(entry, list) for entry in batch):
        return batch
    events: list[Any] = []
    for entry in batch:
        try:
            events += _unfold(*entry) if isinstance(entry, list) else [entry]
        except (TypeError, ValueError, KeyError, AttributeError):
            events.append(entry)
    return events


def _unfold(
    sender: str, shared: dict[str, Any], positions: list[int], alerts: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    firing, received = shared["type"] == FIRING, shared["time"]
    details = _DETAILS.get(sender, ())
    events = []
    for event_id, alert in zip(numbered_ids(shared["id"], positions), alerts, strict=True):
        labels, annotations = alert["labels"], alert.get("annotations")
        mark = _text(alert.get("fingerprint")) or fingerprint(labels)
        starts_at = _moment(alert.get("startsAt"))
        at = starts_at if firing else _moment(alert.get("endsAt"))
        data = alert_data(
            firing=firing,
            mark=mark,
            name=_text(labels.get("alertname")) or "alert",
            level=severity(labels.get("severity")),
            labels=labels,
            annotations=annotations if isinstance(annotations, dict) else {},
            at=at,
            starts_at=starts_at,
            generator_url=_text(alert.get("generatorURL")),
            sender=sender,
        )
        if kept := {name: alert[name] for name in details if alert.get(name)}:
            data["details"] = kept
        events.append({**shared, "id": event_id, "subject": mark, "time": at or received, "data": data})
    return events


def alert_data(
    *,
    firing: bool,
    mark: str,
    name: str,
    level: str,
    labels: Mapping[str, Any],
    annotations: Mapping[str, Any],
    at: str | datetime | None,
    starts_at: str | datetime | None,
    generator_url: str | None,
    sender: str,
) -> dict[str, Any]:
    """Data of an alert's event, whoever sent it.

    Args:
        mark: fingerprint of the alert: the same when it fires, repeats and resolves.
        level: severity, already one of our words.
        at: when it began or, resolved, ended; RFC 3339 text or aware time.
        starts_at: when it began, where known.
    """
    return {
        "fingerprint": mark,
        "name": name,
        "severity": level,
        "status": "firing" if firing else "resolved",
        "labels": labels,
        "annotations": annotations,
        "starts_at": starts_at,
        "ends_at": None if firing else at,
        "generator_url": generator_url,
        "source": sender,
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: Any) -> str | None:
    """The text itself where it is a time with a zone: it goes on as it came. Go's zero means none."""
    if not isinstance(value, str) or value.startswith("0001-"):
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return value if moment.tzinfo is not None and value[10] == "T" else None
