"""Prometheus Alertmanager, webhook version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

Grafana's unified alerting sends the same shape with additions, so its normaliser calls ``add_alerts`` too.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opsrail.hooks.delivery import Delivery, Normalised, NotUnderstood
from opsrail.hooks.normalisers.alert import add_alert, fingerprint, severity
from opsrail.hooks.reading import uri

Payload = dict[str, Any]


def normalise(delivery: Delivery) -> Normalised:
    """One event per alert.

    Raises:
        NotUnderstood: no JSON object with a list of alerts.
    """
    payload = delivery.json_object()
    out = Normalised(delivery)
    add_alerts(out, payload, kind="alertmanager", source=uri(payload.get("externalURL")) or delivery.urn)
    return out


def add_alerts(out: Normalised, payload: Payload, *, kind: str, source: str, details: tuple[str, ...] = ()) -> None:
    """The alerts of a notification; ``details`` names further fields of an alert to keep.

    Raises:
        NotUnderstood: ``alerts`` is no list of objects with labels.
    """
    alerts = payload.get("alerts")
    if not isinstance(alerts, list):
        raise NotUnderstood("`alerts` is missing or no list")
    if not alerts:
        out.ignore("the notification holds no alerts")
    group_status = payload.get("status")
    for position, alert in enumerate(alerts):
        labels = alert.get("labels") if isinstance(alert, dict) else None
        if not isinstance(labels, dict):
            raise NotUnderstood(f"alerts[{position}].labels is missing or no object")
        annotations = alert.get("annotations")
        firing = (alert.get("status") or group_status) != "resolved"
        starts_at = _moment(alert.get("startsAt"))
        add_alert(
            out,
            firing=firing,
            mark=_text(alert.get("fingerprint")) or fingerprint(labels),
            name=_text(labels.get("alertname")) or "alert",
            level=severity(labels.get("severity")),
            labels=labels,
            annotations=annotations if isinstance(annotations, dict) else {},
            at=starts_at if firing else _moment(alert.get("endsAt")),
            starts_at=starts_at,
            generator_url=_text(alert.get("generatorURL")),
            kind=kind,
            source=source,
            extra=_details(alert, details) if details else None,
        )


def _details(alert: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any] | None:
    return {name: alert[name] for name in names if alert.get(name)} or None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: Any) -> str | None:
    """The text itself where it is a time with a zone: it goes on as it came. Go's zero means none."""
    if not isinstance(value, str) or value.startswith("0001-"):
        return None
    try:
        return value if datetime.fromisoformat(value).tzinfo is not None and value[10] == "T" else None
    except ValueError:
        return None
