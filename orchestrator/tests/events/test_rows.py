"""Bus messages as ``COPY`` lines: nothing a sender writes breaks out of its field."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from opsrail.events.rows import Message, read, unique
from opsrail_sdk.contracts.alerts import FIRING, numbered_ids

ORG = "0190a5c6-0000-7000-8000-00000000000a"
RECEIVED = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)


def message(*events: Any, subject: str = f"opsrail.{ORG}.event.a.v1") -> Message:
    return Message(subject, 7, RECEIVED, orjson.dumps(list(events)))


EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.v1", "time": "2026-11-21T01:02:03Z"}


def test_one_event_is_one_line() -> None:
    (row,), rejected = read(message(EVENT | {"data": {"a": [1, "\\x"]}, "orgid": "x", "tenant": "t"}))
    assert rejected == []
    assert row.identity == (ORG, "/s", "1")
    assert row.line.decode().rstrip("\n").split("\t") == [
        ORG, "2026-11-21", "1", "/s", "a.v1", "", "2026-11-21T01:02:03Z", RECEIVED.isoformat(), "", "", "", "", "",
        '{"a":[1,"\\\\\\\\x"]}', "", '{"tenant":"t"}',
    ]  # fmt: skip


def test_fields_cannot_be_broken_out_of() -> None:
    (row,), _ = read(message(EVENT | {"subject": "a\tb\nc\\N\r", "data": "x\ty\nz"}))
    assert row.line.count(b"\n") == 1
    assert row.line.count(b"\t") == 15
    assert b"a\\tb\\nc\\\\N\\r" in row.line


def test_nul_becomes_the_replacement_character() -> None:
    (row,), _ = read(message(EVENT | {"subject": "a\0b", "data": {"k\0": ["\0", "\\u0000"]}}))
    assert b"\0" not in row.line
    assert "a\ufffdb" in row.line.decode()
    assert '"\\\\\\\\u0000"' in row.line.decode()


@pytest.mark.parametrize(
    "event",
    [
        1,
        None,
        [],
        {},
        EVENT | {"id": ""},
        EVENT | {"id": 7},
        EVENT | {"source": None},
        EVENT | {"time": "soon"},
        EVENT | {"time": "2026-11-21T01:02:03"},
        EVENT | {"time": "9999-12-31T23:59:59-14:00"},
        EVENT | {"time": "0001-01-01T00:00:00+14:00"},
        EVENT | {"subject": {"a": 1}},
        EVENT | {"source": "s" * 3000},
        EVENT | {"correlationid": "ü" * 1500},
    ],
)
def test_what_is_no_event_is_rejected_alone_and_whole(event: Any) -> None:
    rows, (rejected,) = read(message(EVENT, event, EVENT | {"id": "2"}))
    assert [row.identity[2] for row in rows] == ["1", "2"]
    assert (rejected.org_id, rejected.sequence, rejected.position) == (ORG, 7, 1)
    assert orjson.loads(rejected.body) == event
    assert rejected.reason


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_a_message_that_is_no_json_is_rejected_whole(body: bytes) -> None:
    rows, (rejected,) = read(Message(f"opsrail.{ORG}.event.a", 7, RECEIVED, body))
    assert (rows, rejected.body) == ([], body)


def test_a_subject_without_organisation_is_rejected() -> None:
    assert len(read(message(EVENT, subject="opsrail.nobody.event.a"))[1]) == 1


def test_unique_keeps_the_first_of_each_identity() -> None:
    rows, _ = read(message(EVENT | {"subject": "first"}, EVENT, EVENT | {"source": "/other"}))
    kept = unique(rows)
    assert [row.identity for row in kept] == [(ORG, "/s", "1"), (ORG, "/other", "1")]
    assert b"first" in kept[0].line


def test_a_folded_notification_is_a_row_for_each_alert() -> None:
    shared = {"specversion": "1.0", "id": ORG, "source": "/am", "type": FIRING, "time": RECEIVED.isoformat()}
    alerts = [{"labels": {"alertname": name}} for name in ("one", "t\0o")]
    rows, rejected = read(message(EVENT, ["alertmanager", shared, [0, 7], alerts], ["alertmanager", {}, [0], alerts]))
    assert [row.identity[2] for row in rows] == ["1", *numbered_ids(ORG, [0, 7])]
    assert b"t\xef\xbf\xbdo" in rows[2].line
    assert orjson.loads(rows[1].rejected("no").body)["data"]["name"] == "one"
    assert [(one.position, orjson.loads(one.body)[0]) for one in rejected] == [(3, "alertmanager")]
