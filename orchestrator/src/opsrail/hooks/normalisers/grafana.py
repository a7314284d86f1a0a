"""Grafana, unified alerting (9 and later) and the legacy alerting before it.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from typing import Any

from opsrail.hooks.delivery import Delivery, Normalised, NotUnderstood
from opsrail.hooks.normalisers.alert import add_alert
from opsrail.hooks.normalisers.alertmanager import fold_alerts
from opsrail.hooks.reading import objects, text
from opsrail_sdk.contracts.alerts import GRAFANA, fingerprint, severity

_LEGACY_STATES = {"alerting": True, "no_data": True, "ok": False}


def normalise(delivery: Delivery) -> Normalised:
    """One event per alert; of a legacy rule one event, with the series that matched as details.

    Raises:
        NotUnderstood: neither form.
    """
    payload = delivery.json_object()
    out = Normalised(delivery)
    if "alerts" in payload:
        fold_alerts(out, payload, sender=GRAFANA, urn=delivery.urn)
    elif "ruleName" in payload or "ruleId" in payload:
        _legacy(out, delivery, payload)
    else:
        raise NotUnderstood("neither `alerts` (unified alerting) nor `ruleName` (legacy alerting) is there")
    return out


def _legacy(out: Normalised, delivery: Delivery, payload: dict[str, Any]) -> None:
    state = text(payload.get("state")) or ""
    name = text(payload.get("ruleName")) or text(payload.get("title")) or "alert"
    firing = _LEGACY_STATES.get(state)
    if firing is None:
        out.generic("alert", state, subject=name, data=payload)
        return
    tags = payload.get("tags")
    labels = {"alertname": name, **(tags if isinstance(tags, dict) else {})}
    matches = objects(payload.get("evalMatches"))
    if len(matches) == 1 and isinstance(matches[0].get("tags"), dict):
        labels = {**matches[0]["tags"], **labels}
    identity = {"rule": payload.get("ruleId") or name, "org": payload.get("orgId"), "panel": payload.get("panelId")}
    add_alert(
        out,
        firing=firing,
        mark=fingerprint(identity),
        name=name,
        level=severity(labels.get("severity")),
        labels=labels,
        annotations={key: payload[key] for key in ("title", "message") if payload.get(key)},
        at=delivery.received_at,
        starts_at=delivery.received_at if firing else None,
        generator_url=text(payload.get("ruleUrl")),
        kind=GRAFANA,
        source=delivery.urn,
        extra={"state": state, "eval_matches": matches[:100]},
    )
