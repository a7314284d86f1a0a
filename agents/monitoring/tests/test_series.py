from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsrail_monitoring.adapters import prometheus as adapter
from opsrail_monitoring.units import unit_of
from opsrail_sdk.errors import AgentError, CredentialsRejected, InvalidInput, RateLimited, Unavailable
from opsrail_sdk.testing.harness import AgentHarness
from tests.simulators.prometheus import PrometheusSimulator

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def at(minute: int) -> str:
    return (BEGIN + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")


def hour(**more: Any) -> dict[str, Any]:
    return {"connection": "metrics", "start": at(0), "end": at(60), "step": "PT1M", **more}


async def test_a_range_has_every_point_its_unit_and_its_gap(metrics: AgentHarness) -> None:
    answer = await metrics.query("series", hour(query="load_seconds"))
    (series,) = answer["series"]
    assert (answer["kind"], answer["step_seconds"]) == ("range", 60)
    assert series["labels"] == {"__name__": "load_seconds", "host": "a"}
    assert series["unit"] == "seconds"
    expected = [[at(minute), float(minute)] for minute in range(61) if not 20 <= minute < 30]
    assert series["points"] == expected
    assert series["gaps"] == [{"after": at(19), "before": at(30), "missing": 10}]


async def test_long_ranges_are_asked_in_pieces_and_joined(
    metrics: AgentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await metrics.query("series", hour(query="load_seconds"))
    monkeypatch.setattr(adapter, "POINTS_PER_REQUEST", 7)
    assert await metrics.query("series", hour(query="load_seconds")) == whole


async def test_an_instant_and_a_scalar(metrics: AgentHarness) -> None:
    answer = await metrics.query("series", {"connection": "metrics", "query": "load_seconds", "time": at(5)})
    assert answer["series"][0]["points"] == [[at(5), 5.0]]
    scalar = await metrics.query("series", {"connection": "metrics", "query": "1 + 1", "time": at(5)})
    assert scalar["series"] == [{"labels": {}, "unit": None, "points": [[at(5), 2.0]], "gaps": []}]


async def test_values_that_json_cannot_hold(metrics: AgentHarness) -> None:
    answer = await metrics.query("series", {**hour(query="odd"), "end": at(4)})
    assert [value for _, value in answer["series"][0]["points"]] == [1.0, None, "+Inf", "-Inf", 2.0]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"query": "sum(("}, "refuses the query"),
        ({"query": '"text"'}, "string"),
        ({"query": "up", "start": at(1), "end": at(0)}, "before"),
        ({"query": "up", "start": at(0), "end": at(1), "step": "PT0.001S", "last": "PT1H"}, "one of"),
        ({"query": "up", "start": "2020-01-01T00:00:00Z", "end": at(0)}, "longer than 90 days"),
        ({"query": "up", "last": "P80D", "step": "PT1S"}, "more than 100000 points"),
        ({"query": "up", "step": "PT1S"}, "belong to a range"),
        ({"query": ""}, "query"),
    ],
)
async def test_questions_that_cannot_be_answered(metrics: AgentHarness, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        await metrics.query("series", {"connection": "metrics", **wish})


async def test_no_connection_is_named(monitoring: AgentHarness) -> None:
    with pytest.raises(InvalidInput, match="connection"):
        await monitoring.query("series", {"query": "up"})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, CredentialsRejected),
        (403, CredentialsRejected),
        (429, RateLimited),
        (503, Unavailable),
        (502, Unavailable),
    ],
)
async def test_a_server_that_does_not_answer_well(
    monitoring: AgentHarness, broken: PrometheusSimulator, status: int, error: type[AgentError]
) -> None:
    broken.failures.append(status)
    with pytest.raises(error):
        await monitoring.query("series", {"connection": "broken", "query": "up"})


async def test_what_is_not_prometheus_is_said_so(monitoring: AgentHarness, broken: PrometheusSimulator) -> None:
    broken.body = b"<html>login</html>"
    with pytest.raises(AgentError) as refused:
        await monitoring.query("series", {"connection": "broken", "query": "up"})
    assert refused.value.code == "not_prometheus"


async def test_the_token_is_sent_and_absent_metadata_is_no_fault(
    monitoring: AgentHarness, broken: PrometheusSimulator
) -> None:
    answer = await monitoring.query("series", {"connection": "broken", "query": "up"})
    assert answer["series"][0]["unit"] is None
    assert {authorization for _, authorization in broken.seen} == {"Bearer t0ken"}


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("http_request_duration_seconds_bucket", "seconds"),
        ("node_memory_bytes", "bytes"),
        ("http_requests_total", None),
        ("seconds_since_start_of_day", None),
        ("", None),
    ],
)
def test_units_by_name(metric: str, unit: str | None) -> None:
    assert unit_of(metric) == unit
