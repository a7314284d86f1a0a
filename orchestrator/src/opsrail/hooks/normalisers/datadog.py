"""Datadog's Webhooks integration: https://docs.datadoghq.com/integrations/webhooks/

The body is a template that the operator types in, so the connection's setting ``mapping`` says which key holds what
(dots go deeper). ``TEMPLATE`` is ours, which the default mapping reads.
"""

from collections.abc import Mapping
from typing import Any

from opsrail.hooks.delivery import Delivery, Normalised, NotUnderstood
from opsrail.hooks.normalisers.alert import add_alert
from opsrail.hooks.reading import dig, moment, text, texts
from opsrail_sdk.contracts.alerts import fingerprint, severity

TEMPLATE = {
    "id": "$ID",
    "alert_id": "$ALERT_ID",
    "aggregation_key": "$AGGREG_KEY",
    "title": "$EVENT_TITLE",
    "message": "$EVENT_MSG",
    "transition": "$ALERT_TRANSITION",
    "status": "$ALERT_STATUS",
    "priority": "$PRIORITY",
    "tags": "$TAGS",
    "scope": "$ALERT_SCOPE",
    "metric": "$ALERT_METRIC",
    "host": "$HOSTNAME",
    "link": "$LINK",
    "date": "$LAST_UPDATED",
}
"""What to paste into the integration's payload field, as JSON."""

DEFAULT_MAPPING = {name: name for name in TEMPLATE}

_FIRING = {
    "triggered": True,
    "re-triggered": True,
    "warn": True,
    "re-warn": True,
    "no data": True,
    "re-no data": True,
    "renotify": True,
    "recovered": False,
}


def normalise(delivery: Delivery) -> Normalised:
    """One alert; an event that is no monitor's transition stays generic.

    Raises:
        NotUnderstood: no JSON object, or none of the mapped keys is in it.
    """
    payload = delivery.json_object()
    mapping = {**DEFAULT_MAPPING, **_mapping(delivery.settings)}
    read = {name: dig(payload, *path.split(".")) for name, path in mapping.items()}
    if all(value is None for value in read.values()):
        raise NotUnderstood(f"none of the mapped keys is in the body: {', '.join(sorted(mapping.values()))}")
    out = Normalised(delivery)
    transition = text(read["transition"]) or ""
    firing = _FIRING.get(transition.lower())
    title = text(read["title"]) or text(read["metric"]) or "alert"
    if firing is None:
        out.generic("event", transition, subject=text(read["alert_id"]), data=payload, time=moment(read["date"]))
        return out
    labels = {"alertname": title, **_tags(read["tags"]), **_tags(read["scope"])}
    for name in ("metric", "host"):
        if value := text(read[name]):
            labels.setdefault(name, value)
    at = moment(read["date"]) or delivery.received_at
    identity = {
        "alert": text(read["alert_id"]) or title,
        "scope": text(read["scope"]) or text(read["aggregation_key"]),
    }
    add_alert(
        out,
        firing=firing,
        mark=fingerprint(identity),
        name=title,
        level="warning" if "warn" in transition.lower() else severity(read["priority"]),
        labels=labels,
        annotations={"message": text(read["message"]) or ""},
        at=at,
        starts_at=at if firing else None,
        generator_url=text(read["link"]),
        kind="datadog",
        source=delivery.urn,
        extra={
            "transition": transition,
            "priority": read["priority"],
            "id": read["id"],
            "alert_id": read["alert_id"],
        },
    )
    return out


def _mapping(settings: Mapping[str, Any]) -> dict[str, str]:
    configured = settings.get("mapping")
    if not isinstance(configured, Mapping):
        return {}
    return {name: path for name, path in configured.items() if name in DEFAULT_MAPPING and isinstance(path, str)}


def _tags(value: Any) -> dict[str, str]:
    """``$TAGS`` and ``$ALERT_SCOPE``: comma-separated, mostly ``key:value``; a bare word is a key without value."""
    listed = value.split(",") if isinstance(value, str) else texts(value)
    pairs = (tag.strip().partition(":") for tag in listed)
    return {key: rest for key, _, rest in pairs if key}
