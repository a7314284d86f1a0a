"""AWS: CloudWatch alarms over SNS, and EventBridge events, over SNS or an API destination.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html ,
https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
"""

from typing import Any
from urllib.parse import quote

import orjson

from opsrail.hooks.delivery import Delivery, Normalised
from opsrail.hooks.normalisers.alert import add_alert
from opsrail.hooks.reading import dig, moment, objects, text, uri
from opsrail_sdk.contracts.alerts import fingerprint

Payload = dict[str, Any]

_FIRING = {"ALARM": True, "OK": False}
_PIPELINE_PHASES = {
    "STARTED": "started",
    "RESUMED": "started",
    "SUCCEEDED": "finished",
    "FAILED": "finished",
    "CANCELED": "finished",
    "STOPPED": "finished",
    "SUPERSEDED": "finished",
}
_PIPELINE_OUTCOMES = {"SUCCEEDED": "success", "FAILED": "failure"}


def normalise(delivery: Delivery) -> Normalised:
    """Alarms become alerts, CodePipeline executions CDEvents, the rest generic events.

    Raises:
        NotUnderstood: no JSON object.
    """
    payload = delivery.json_object()
    out = Normalised(delivery)
    envelope = text(payload.get("Type"))
    topic = uri(payload.get("TopicArn"))
    if envelope in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        word = "subscription_confirmation" if envelope.startswith("S") else "unsubscribe_confirmation"
        out.generic(word, source=topic, data=payload)
    elif envelope == "Notification":
        _message(out, delivery, _inner(payload.get("Message")) or payload, topic)
    else:
        _message(out, delivery, payload, topic)
    return out


def _inner(message: Any) -> Payload | None:
    """SNS carries the message as text; what is no JSON object stays text."""
    try:
        parsed = orjson.loads(message) if isinstance(message, str) else None
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _message(out: Normalised, delivery: Delivery, message: Payload, topic: str | None) -> None:
    if "AlarmName" in message and "NewStateValue" in message:
        _alarm(out, delivery, message, topic)
    elif "detail-type" in message and "source" in message:
        _event(out, delivery, message)
    else:
        out.generic("notification", source=topic, subject=text(message.get("Subject")), data=message)


def _alarm(out: Normalised, delivery: Delivery, alarm: Payload, topic: str | None) -> None:
    state, name = text(alarm.get("NewStateValue")) or "", text(alarm.get("AlarmName")) or "alarm"
    source = uri(alarm.get("AlarmArn")) or topic or delivery.urn
    if state not in _FIRING:
        out.generic("alarm", state, source=source, subject=name, data=alarm)
        return
    trigger = alarm.get("Trigger")
    labels = {
        "alertname": name,
        "account": text(alarm.get("AWSAccountId")),
        "region": text(alarm.get("Region")),
        "namespace": text(dig(trigger, "Namespace")),
        "metric": text(dig(trigger, "MetricName")),
        **{str(item.get("name")): text(item.get("value")) for item in objects(dig(trigger, "Dimensions"))},
    }
    _add_alarm(
        out,
        delivery,
        name=name,
        firing=_FIRING[state],
        at=alarm.get("StateChangeTime"),
        labels=labels,
        annotations={"description": alarm.get("AlarmDescription"), "reason": alarm.get("NewStateReason")},
        source=source,
        extra={"trigger": trigger, "old_state": alarm.get("OldStateValue")},
    )


def _event(out: Normalised, delivery: Delivery, event: Payload) -> None:
    kind, detail = text(event.get("detail-type")) or "event", event.get("detail")
    resources = event.get("resources")
    resource = uri(resources[0]) if isinstance(resources, list) and resources else None
    source = resource or f"urn:aws:{quote(text(event.get('source')) or 'unknown')}:{text(event.get('account')) or ''}"
    state = text(dig(detail, "state")) or ""
    if kind == "CodePipeline Pipeline Execution State Change" and state in _PIPELINE_PHASES:
        _pipeline(out, event, source, state)
    elif kind == "CloudWatch Alarm State Change" and text(dig(detail, "state", "value")) in _FIRING:
        name = text(dig(detail, "alarmName")) or "alarm"
        _add_alarm(
            out,
            delivery,
            name=name,
            firing=_FIRING[dig(detail, "state", "value")],
            at=dig(detail, "state", "timestamp") or event.get("time"),
            labels={"alertname": name, "account": text(event.get("account")), "region": text(event.get("region"))},
            annotations={
                "description": dig(detail, "configuration", "description"),
                "reason": dig(detail, "state", "reason"),
            },
            source=source,
            extra={"configuration": dig(detail, "configuration")},
        )
    else:
        out.generic(kind, source=source, subject=resource, data=event, time=moment(event.get("time")))


def _add_alarm(
    out: Normalised,
    delivery: Delivery,
    *,
    name: str,
    firing: bool,
    at: Any,
    labels: Payload,
    annotations: Payload,
    source: str,
    extra: Payload,
) -> None:
    changed = moment(at) or delivery.received_at
    identity = {"alarm": name, "account": labels.get("account"), "region": labels.get("region")}
    add_alert(
        out,
        firing=firing,
        mark=fingerprint(identity),
        name=name,
        level="unknown",
        labels={key: value for key, value in labels.items() if value is not None},
        annotations={key: value for key, value in annotations.items() if value},
        at=changed,
        starts_at=changed if firing else None,
        generator_url=None,
        kind="cloudwatch",
        source=source,
        extra=extra,
    )


def _pipeline(out: Normalised, event: Payload, source: str, state: str) -> None:
    detail = event["detail"]
    name, phase = text(detail.get("pipeline")) or "pipeline", _PIPELINE_PHASES[state]
    region, execution = text(event.get("region")) or "", text(detail.get("execution-id")) or "unknown"
    console = f"https://{region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/{quote(name)}/executions/{execution}"
    content: Payload = {"pipelineName": name, "uri": console}
    if phase == "finished":
        content["outcome"] = _PIPELINE_OUTCOMES.get(state, "cancel")
    out.cdevent(
        f"pipelinerun.{phase}",
        source=source,
        subject_id=execution,
        content=content,
        time=moment(event.get("time")),
        custom_data={"codepipeline": {"state": state, "account": event.get("account"), "region": region}},
    )
