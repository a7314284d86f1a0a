"""What holds for every sender, and the mapping of each that is no forge."""

import base64
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsrail.hooks.delivery import Delivery, NotUnderstood
from opsrail.hooks.normalisers import SENDERS, normalise
from opsrail.hooks.normalisers.datadog import TEMPLATE
from opsrail.hooks.service import stamp
from opsrail_sdk.contracts.alerts import FIRING, RESOLVED, numbered_ids, severity
from opsrail_sdk.contracts.cloudevent import NAMESPACE, CloudEvent, decode_batch, derived_id

from .conftest import CONNECTION, RECEIVED, Normalise

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=25,
)
KEYS = st.sampled_from(
    [
        *("ref", "after", "before", "commits", "repository", "full_name", "html_url", "action", "pull_request"),
        *("number", "object_kind", "object_attributes", "project", "build", "phase", "alerts", "labels", "state"),
        *("ruleName", "Type", "Message", "AlarmName", "NewStateValue", "detail-type", "source", "detail", "id"),
        *("type", "specversion", "title", "transition", "workflow_run", "name", "status", "push", "pipeline"),
    ]
)
PAYLOADS = st.recursive(
    JSON, lambda inner: st.dictionaries(KEYS, inner, max_size=8) | st.lists(inner, max_size=3), max_leaves=30
)


@pytest.mark.parametrize("kind", sorted(SENDERS))
@given(payload=PAYLOADS, event=st.sampled_from(["push", "pull_request", "workflow_run", "issues", "odd/ev ent", ""]))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_json_becomes_valid_events_or_a_reason(kind: str, payload: Any, event: str) -> None:
    delivery = Delivery(
        kind=kind,
        connection_id=CONNECTION,
        body=orjson.dumps(payload),
        headers={"content-type": "application/json", "x-github-event": event, "x-gitlab-event": event},
        received_at=RECEIVED,
    )
    try:
        found = normalise(delivery)
        encoded = stamp(delivery, found, str(uuid.UUID(int=1)), room=1 << 20)
    except NotUnderstood:
        return
    assert found.events or found.ignored
    org = str(uuid.UUID(int=1))
    travelled = [(type_, event) for type_, body in encoded for event in decode_batch(b"[" + body + b"]")]
    assert all((event.type, event.orgid) == (type_, org) for type_, event in travelled)
    assert [event.id for _, event in travelled] == found.ids() == [event["id"] for event in found.events]


@pytest.mark.parametrize("kind", sorted(SENDERS))
@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000])
def test_what_is_no_json_is_refused_with_a_reason(normalised: Normalise, kind: str, body: bytes) -> None:
    with pytest.raises(NotUnderstood, match="JSON"):
        normalised(kind, body)


def test_nesting_that_json_reads_but_the_bus_cannot_carry_is_refused() -> None:
    body = b'{"a":' * 600 + b"1" + b"}" * 600
    delivery = Delivery(
        kind="github", connection_id=CONNECTION, body=body, headers={"x-github-event": "x"}, received_at=RECEIVED
    )
    with pytest.raises(NotUnderstood, match="cannot be kept"):
        stamp(delivery, normalise(delivery), "o", room=1 << 20)


def test_ids_are_derived_from_the_delivery_and_repeat() -> None:
    def ids(name: str) -> list[str]:
        delivery = Delivery(
            kind="github",
            connection_id=CONNECTION,
            body=b'{"zen":"x"}',
            headers={"x-github-event": "ping", "x-github-delivery": name},
            received_at=datetime.now(UTC),
        )
        return [event["id"] for event in normalise(delivery).events]

    assert ids("one") == ids("one") == numbered_ids(derived_id(CONNECTION, "one"), [0])
    assert ids("one") != ids("two")


def test_event_ids_are_the_deliverys_counted_up() -> None:
    delivery = Delivery(kind="x", connection_id="c", body=b"", headers={}, received_at=RECEIVED, delivery_id="ü")
    ids = [delivery.event_id(index) for index in range(1000)]
    assert len({*ids, delivery.correlation_id}) == 1001
    assert all(uuid.UUID(event_id).version == 5 for event_id in ids)
    assert numbered_ids("6f1a3c52-7d0b-5f57-9a53-ffffffffffff", [0, 1])[1] == "6f1a3c52-7d0b-5f57-9a53-000000000001"


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_derived_ids_are_uuid5(parts: list[str]) -> None:
    assert derived_id(*parts) == str(uuid.uuid5(NAMESPACE, "\x1f".join(parts)))


def test_gitlab_hooks_that_share_an_event_uuid_stay_apart() -> None:
    headers = {"x-gitlab-event-uuid": "u"}
    one, two = (
        Delivery(kind="gitlab", connection_id="c", body=body, headers=headers, received_at=RECEIVED)
        for body in (b"1", b"2")
    )
    assert one.delivery_id != two.delivery_id


def test_unknown_events_and_kinds_are_kept(normalised: Normalise) -> None:
    (event,) = normalised("github", {"action": "starred now", "x": 1}, x_github_event="sponsorship").events
    assert event["type"] == "io.opsrail.github.sponsorship.starred_now.v1"
    assert event["data"] == {"action": "starred now", "x": 1}
    (event,) = normalised("pagerduty", {"messages": []}).events
    assert event["type"] == "io.opsrail.pagerduty.event.v1"


def test_github_form_content_type(normalised: Normalise) -> None:
    body = b"payload=%7B%22zen%22%3A%22Keep%20it%22%7D"
    (event,) = normalised(
        "github", body, content_type="application/x-www-form-urlencoded", x_github_event="ping"
    ).events
    assert event["data"] == {"zen": "Keep it"}


@pytest.mark.parametrize(
    ("phase", "status", "name", "outcome"),
    [
        ("QUEUED", None, "queued", None),
        ("STARTED", None, "started", None),
        ("COMPLETED", "UNSTABLE", "finished", "failure"),
        ("FINALIZED", "SUCCESS", "finished", "success"),
        ("FINALIZED", "ABORTED", "finished", "cancel"),
    ],
)
def test_jenkins(normalised: Normalise, phase: str, status: str | None, name: str, outcome: str | None) -> None:
    build = {"full_url": "http://ci.test/job/shop/5/", "number": 5, "phase": phase, "status": status}
    (event,) = normalised("jenkins", {"name": "shop", "url": "job/shop/", "build": build}).events
    assert event["type"] == f"dev.cdevents.pipelinerun.{name}.0.3.0"
    assert (event["subject"], event["source"]) == ("job/shop/5", "http://ci.test/job/shop/")
    assert event["data"]["subject"]["content"].get("outcome") == outcome


ALERT = {
    "status": "firing",
    "labels": {"alertname": "HighCpu", "severity": "page", "instance": "a"},
    "annotations": {"summary": "hot"},
    "startsAt": "2026-11-21T10:00:00.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prom.test/graph",
    "fingerprint": "c0ffee",
}


def test_alertmanager(normalised: Normalise) -> None:
    ended = ALERT | {"status": "resolved", "endsAt": "2026-11-21T11:00:00Z"}
    found = normalised("alertmanager", {"version": "4", "alerts": [ALERT, ended], "externalURL": "http://am.test"})
    firing, resolved = (CloudEvent.model_validate(event) for event in found.events)
    assert (firing.type, resolved.type) == (FIRING, RESOLVED)
    assert firing.subject == resolved.subject == "c0ffee"
    assert firing.source == "http://am.test"
    assert firing.data == {
        "fingerprint": "c0ffee",
        "name": "HighCpu",
        "severity": "critical",
        "status": "firing",
        "labels": ALERT["labels"],
        "annotations": {"summary": "hot"},
        "starts_at": "2026-11-21T10:00:00.123456789Z",
        "ends_at": None,
        "generator_url": "http://prom.test/graph",
        "source": "alertmanager",
    }
    assert resolved.data["ends_at"] == "2026-11-21T11:00:00Z"
    assert resolved.time == datetime(2026, 11, 21, 11, tzinfo=UTC)


def test_a_notification_that_no_message_holds_travels_event_by_event() -> None:
    body = orjson.dumps({"alerts": [ALERT] * 3 + [ALERT | {"status": "resolved"}]})
    delivery = Delivery(kind="alertmanager", connection_id=CONNECTION, body=body, headers={}, received_at=RECEIVED)
    found = normalise(delivery)
    whole, single = (stamp(delivery, found, "o", room=room) for room in (1 << 20, 1000))
    assert [type_ for type_, _ in whole] == [FIRING, RESOLVED]
    assert [type_ for type_, _ in single] == [FIRING, FIRING, FIRING, RESOLVED]
    one, other = (
        [event for _, entry in entries for event in decode_batch(b"[" + entry + b"]")] for entries in (whole, single)
    )
    assert one == other


def test_alerts_without_fingerprint_get_one_from_their_labels(normalised: Normalise) -> None:
    bare = {"labels": {"b": "2", "a": "1"}}
    same = {"labels": {"a": "1", "b": "2"}, "status": "resolved"}
    one, two = normalised("alertmanager", {"status": "firing", "alerts": [bare, same]}).events
    assert one["subject"] == two["subject"]
    assert (one["type"], two["type"]) == (FIRING, RESOLVED)


@pytest.mark.parametrize("alerts", [None, "x", [1], [{"labels": 1}], [{}]])
def test_alerts_of_another_shape_are_refused(normalised: Normalise, alerts: Any) -> None:
    with pytest.raises(NotUnderstood, match="alerts"):
        normalised("alertmanager", {"alerts": alerts})


def test_no_alerts_is_ignored_with_a_reason(normalised: Normalise) -> None:
    found = normalised("alertmanager", {"alerts": []})
    assert (found.events, found.ignored) == ([], ["the notification holds no alerts"])


def test_grafana_unified_and_legacy(normalised: Normalise) -> None:
    (unified,) = normalised("grafana", {"alerts": [ALERT | {"values": {"A": 1}}], "externalURL": "http://g"}).events
    assert unified["data"]["details"] == {"values": {"A": 1}}
    legacy = {
        "ruleId": 7,
        "ruleName": "CPU",
        "state": "alerting",
        "evalMatches": [{"metric": "m", "tags": {"i": "a"}}],
    }
    (firing,) = normalised("grafana", legacy).events
    (resolved,) = normalised("grafana", legacy | {"state": "ok", "evalMatches": []}).events
    assert (firing["type"], resolved["type"]) == (FIRING, RESOLVED)
    assert firing["subject"] == resolved["subject"]
    assert firing["data"]["labels"] == {"alertname": "CPU", "i": "a"}
    (paused,) = normalised("grafana", legacy | {"state": "paused"}).events
    assert paused["type"] == "io.opsrail.grafana.alert.paused.v1"


def test_cloudwatch_alarm_over_sns_and_eventbridge(normalised: Normalise) -> None:
    alarm = {
        "AlarmName": "errors",
        "AWSAccountId": "1",
        "Region": "eu",
        "NewStateValue": "ALARM",
        "StateChangeTime": "2026-11-21T10:00:00.000+0000",
        "Trigger": {"MetricName": "5xx", "Namespace": "AWS/ELB", "Dimensions": [{"name": "lb", "value": "a"}]},
    }
    envelope = {"Type": "Notification", "TopicArn": "arn:aws:sns:eu:1:t", "Message": orjson.dumps(alarm).decode()}
    (firing,) = normalised("cloudwatch", envelope, content_type="text/plain").events
    assert firing["type"] == FIRING
    assert firing["data"]["labels"]["lb"] == "a"
    ok = envelope | {"Message": orjson.dumps(alarm | {"NewStateValue": "OK"}).decode()}
    (resolved,) = normalised("cloudwatch", ok).events
    assert (resolved["type"], resolved["subject"]) == (RESOLVED, firing["subject"])
    (text,) = normalised("cloudwatch", envelope | {"Message": "just text"}).events
    assert text["type"] == "io.opsrail.cloudwatch.notification.v1"
    (confirmation,) = normalised("cloudwatch", {"Type": "SubscriptionConfirmation", "SubscribeURL": "u"}).events
    assert confirmation["type"] == "io.opsrail.cloudwatch.subscription_confirmation.v1"
    (odd,) = normalised("cloudwatch", {"detail-type": "EC2 State", "source": "aws.ec2", "detail": {}}).events
    assert odd["type"] == "io.opsrail.cloudwatch.ec2_state.v1"


def test_datadog_template_and_own_mapping(normalised: Normalise) -> None:
    filled = dict.fromkeys(TEMPLATE, "") | {
        "alert_id": "12", "title": "Latency", "transition": "Triggered", "tags": "env:prod,urgent", "scope": "host:a",
        "date": "1763719200000", "priority": "P2", "link": "https://dd.test/e",
    }  # fmt: skip
    (firing,) = normalised("datadog", filled).events
    assert (firing["type"], firing["data"]["severity"]) == (FIRING, "error")
    assert firing["data"]["labels"] == {"alertname": "Latency", "env": "prod", "urgent": "", "host": "a"}
    (resolved,) = normalised("datadog", filled | {"transition": "Recovered"}).events
    assert (resolved["type"], resolved["subject"]) == (RESOLVED, firing["subject"])
    mapping = {"title": "event.name", "transition": "event.state", "alert_id": "event.id"}
    own = {"event": {"name": "Mine", "state": "Warn", "id": 3}}
    (mine,) = normalised("datadog", own, settings={"mapping": mapping}).events
    assert (mine["data"]["name"], mine["data"]["severity"]) == ("Mine", "warning")
    with pytest.raises(NotUnderstood, match="mapped keys"):
        normalised("datadog", {"else": 1})


CE = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "com.shop.order.v1", "data": {"n": 1}}


def test_cloudevents_modes_agree(normalised: Normalise) -> None:
    structured = normalised("cloudevents", CE, content_type="application/cloudevents+json; charset=utf-8").events[0]
    batch = normalised("cloudevents", [CE], content_type="application/cloudevents-batch+json").events[0]
    plain = normalised("cloudevents", CE).events[0]
    binary = normalised(
        "cloudevents", {"n": 1}, ce_specversion="1.0", ce_id="7", ce_source="/shop", ce_type="com.shop.order.v1"
    ).events[0]
    assert structured["id"] == batch["id"] == plain["id"] == binary["id"]
    assert structured["senderid"] == "7"
    for event in (structured, batch, plain, binary):
        assert (event["type"], event["source"], event["data"]) == ("com.shop.order.v1", "/shop", {"n": 1})


def test_cloudevents_binary_data_and_percent_encoding(normalised: Normalise) -> None:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "1",
        "ce_source": "/s",
        "ce_type": "t",
        "ce_subject": "Euro%20%E2%82%AC",
    }
    (event,) = normalised("cloudevents", b"\x00\xff", content_type="image/png", **headers).events
    assert base64.b64decode(event["data_base64"]) == b"\x00\xff"
    assert event["subject"] == "Euro €"


def test_cloudevents_senders_cannot_set_what_is_ours(normalised: Normalise) -> None:
    (event,) = normalised(
        "cloudevents", CE | {"orgid": "another", "connectionid": "another", "tenant": "mine"}
    ).events
    assert "orgid" not in event
    assert "connectionid" not in event
    assert event["tenant"] == "mine"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": ""}, "lacks id"),
        ({"specversion": "0.3"}, "specversion"),
        ({"time": "yesterday"}, "time"),
        ({"Bad-Name": 1}, "no CloudEvents attribute name"),
        ({"data_base64": "%%%"}, "not base64"),
        ({"type": "t" * 300}, "type"),
        ({"source": "s" * 1100}, "source"),
        ({"type": "io.opsrail.run.succeeded.v1"}, "kept for the platform"),
        ({"source": "/opsrail/runs"}, "kept for the platform"),
        ({"source": "/agents/ci"}, "kept for the platform"),
    ],
)
def test_cloudevents_that_break_a_rule_are_refused_whole(change: dict[str, Any], reason: str) -> None:
    body = orjson.dumps([CE, CE | {"id": "8"} | change])
    headers = {"content-type": "application/cloudevents-batch+json"}
    delivery = Delivery(kind="cloudevents", connection_id="c", body=body, headers=headers, received_at=RECEIVED)
    with pytest.raises(NotUnderstood, match=reason):
        stamp(delivery, normalise(delivery), "o", room=1 << 20)


def test_a_repeat_within_a_batch_is_ignored(normalised: Normalise) -> None:
    found = normalised("cloudevents", [CE, CE])
    assert len(found.events) == 1
    assert found.ignored == ["event 1 repeats another of the same batch"]


@pytest.mark.parametrize(
    ("word", "level"), [("CRIT", "critical"), ("warn", "warning"), (None, "unknown"), ("x", "unknown")]
)
def test_severity(word: str | None, level: str) -> None:
    assert severity(word) == level
