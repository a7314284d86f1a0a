from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.generators import call_graph
from opsrail_sdk.errors import InvalidInput
from opsrail_sdk.testing.harness import AgentHarness

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WHOLE = {
    "connection": "metrics",
    "start": BEGIN.isoformat(),
    "end": (BEGIN + timedelta(hours=8)).isoformat(),
    "step": "PT1M",
}


async def test_a_spike_is_found_once_with_band_and_reason(metrics: AgentHarness) -> None:
    answer = await metrics.query("score", {**WHOLE, "query": "jobs_waiting", "scores": True})
    (series,) = answer["series"]
    (anomaly,) = series["anomalies"]
    assert anomaly["at"] == "2026-01-01T06:40:00Z"
    assert anomaly["value"] == 200.0
    assert anomaly["expected"][0] < 20 < anomaly["expected"][1] < 40
    assert anomaly["reason"].startswith("spike: 200")
    assert len(series["scores"]) == series["points"] == 481
    assert max(series["scores"]) == anomaly["score"] >= 0.5


async def test_values_that_are_no_numbers_are_gaps(metrics: AgentHarness) -> None:
    answer = await metrics.query("score", {**WHOLE, "query": "odd", "scores": True})
    assert answer["series"][0]["anomalies"] == []
    assert answer["series"][0]["scores"][1:4] == [0.0, 0.0, 0.0]


async def test_an_instant_cannot_be_judged(metrics: AgentHarness) -> None:
    with pytest.raises(InvalidInput, match="has no past"):
        await metrics.query("score", {"connection": "metrics", "query": "jobs_waiting"})


async def test_causes_are_ranked(monitoring: AgentHarness) -> None:
    made = call_graph.make(7)
    answer = await monitoring.query("rank_causes", made.document)
    assert answer["causes"][0]["node"] in made.causes
    assert answer["causes"][0]["why"]


async def test_a_case_that_is_none_names_the_place(monitoring: AgentHarness) -> None:
    document: dict[str, Any] = call_graph.make(7).document
    document["normal"]["series"][3]["values"][7] = "many"
    with pytest.raises(InvalidInput, match=r"normal.series\[3\].values\[7\]"):
        await monitoring.query("rank_causes", document)
