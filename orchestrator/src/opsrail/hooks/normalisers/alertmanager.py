"""Prometheus Alertmanager, webhook version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config

Grafana's unified alerting sends the same shape with additions, so its normaliser calls ``fold_alerts`` too.
"""

from typing import Any

from opsrail.hooks.delivery import Delivery, Normalised, NotUnderstood
from opsrail.hooks.reading import uri
from opsrail_sdk.contracts.alerts import ALERTMANAGER, FIRING, RESOLVED

Payload = dict[str, Any]


def normalise(delivery: Delivery) -> Normalised:
    """One event per alert, folded.

    Raises:
        NotUnderstood: no JSON object with a list of alerts.
    """
    out = Normalised(delivery)
    fold_alerts(out, delivery.json_object(), sender=ALERTMANAGER, urn=delivery.urn)
    return out


def fold_alerts(out: Normalised, payload: Payload, *, sender: str, urn: str) -> None:
    """The alerts of a notification; ``urn`` is their source where the payload names none.

    Raises:
        NotUnderstood: ``alerts`` is no list of objects with labels.
    """
    alerts = payload.get("alerts")
    if not isinstance(alerts, list):
        raise NotUnderstood("`alerts` is missing or no list")
    if not alerts:
        out.ignore("the notification holds no alerts")
        return
    group_status = payload.get("status")
    firing: dict[int, Payload] = {}
    resolved: dict[int, Payload] = {}
    for position, alert in enumerate(alerts):
        if not isinstance(alert, dict) or not isinstance(alert.get("labels"), dict):
            raise NotUnderstood(f"alerts[{position}].labels is missing or no object")
        found = resolved if (alert.get("status") or group_status) == "resolved" else firing
        found[position] = alert
    source = uri(payload.get("externalURL")) or urn
    for type_, found in ((FIRING, firing), (RESOLVED, resolved)):
        if found:
            out.fold(sender, type_, source=source, alerts=found)
