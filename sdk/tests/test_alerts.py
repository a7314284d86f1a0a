"""Folded notifications: every reader gets an event for each alert, and nothing else is taken for one."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from opsrail_sdk.contracts.alerts import FIRING, RESOLVED, numbered_ids, unfolded
from opsrail_sdk.contracts.cloudevent import decode_batch

DELIVERY = "6f1a3c52-7d0b-5f57-9a53-0b1c6f2d9a11"
SHARED = {
    "specversion": "1.0",
    "id": DELIVERY,
    "source": "http://am.test",
    "type": FIRING,
    "time": "2026-11-21T12:00:00+00:00",
    "datacontenttype": "application/json",
    "orgid": "o",
    "correlationid": DELIVERY,
}
ALERT = {"labels": {"alertname": "Hot"}, "startsAt": "2026-11-21T10:00:00Z", "fingerprint": "f00d"}
PLAIN = {"specversion": "1.0", "id": "1", "source": "/s", "type": FIRING}


def folded(*alerts: Any, sender: str = "alertmanager", **shared: str) -> list[Any]:
    return [sender, SHARED | shared, list(range(0, 2 * len(alerts), 2)), list(alerts)]


def test_a_message_may_hold_events_and_folded_notifications() -> None:
    bare: dict[str, Any] = {"labels": {}, "startsAt": "tomorrow"}
    late: dict[str, Any] = {"labels": {}, "startsAt": "9999-12-31T23:59:59-14:00"}
    events = decode_batch(orjson.dumps([PLAIN, folded(ALERT, bare, late)]))
    assert [event.id for event in events] == ["1", *numbered_ids(DELIVERY, [0, 2, 4])]
    _, hot, nameless, beyond = events
    assert beyond.to_dict()["time"] == "2026-11-21T12:00:00Z"
    assert (hot.orgid, hot.correlationid, hot.source, hot.subject) == ("o", DELIVERY, "http://am.test", "f00d")
    assert hot.to_dict()["time"] == hot.data["starts_at"] == "2026-11-21T10:00:00Z"
    assert (nameless.to_dict()["time"], nameless.data["name"]) == ("2026-11-21T12:00:00Z", "alert")
    assert len(nameless.subject or "") == 16


def test_the_end_of_an_alert_is_its_time() -> None:
    (event,) = unfolded([folded(ALERT | {"endsAt": "2026-11-21T11:00:00Z"}, type=RESOLVED)])
    assert (event["data"]["status"], event["time"]) == ("resolved", "2026-11-21T11:00:00Z")


def test_details_are_kept_of_the_senders_that_have_them() -> None:
    alert = ALERT | {"values": {"A": 1}, "silenceURL": ""}
    (plain,), (detailed,) = unfolded([folded(alert)]), unfolded([folded(alert, sender="grafana")])
    assert "details" not in plain["data"]
    assert detailed["data"]["details"] == {"values": {"A": 1}}


@pytest.mark.parametrize(
    "numbers", [[], [0], range(300), [5, 70_000], range(65_530, 65_540), [-1], [-(1 << 40)], [1 << 50]]
)
@pytest.mark.parametrize("last", ["0000000000fe", "ffffffffff00", "ffffffffffff", "6c9f00000000"])
def test_numbered_ids_are_the_deliverys_with_the_number_added(numbers: Sequence[int], last: str) -> None:
    prefix = DELIVERY[:24]
    expected = [f"{prefix}{(int(last, 16) + 1 + number) % (1 << 48):012x}" for number in numbers]
    assert numbered_ids(prefix + last, numbers) == expected


@pytest.mark.parametrize(
    "entry", [[], ["x"], [1, 2, 3, 4], ["a", SHARED, [0], []], ["a", SHARED, [0], [{}]], ["a", {}, [0], [ALERT]]]
)
def test_what_cannot_be_unfolded_is_left_for_the_reader_to_refuse(entry: list[Any]) -> None:
    assert unfolded([entry, PLAIN]) == [entry, PLAIN]
    with pytest.raises(ValueError, match="valid dictionary"):
        decode_batch(orjson.dumps([entry, PLAIN]))
