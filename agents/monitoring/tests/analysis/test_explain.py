"""The ranking of causes: made-up incidents whose causes are known, and input that is less than perfect."""

import copy
import random
from typing import Any

import pytest

from bench.generators import call_graph, resources
from opsrail_monitoring.analysis.explain import Cause, rank_causes
from opsrail_monitoring.analysis.incident_case import CaseError, parse_incident


def rank(document: dict[str, Any]) -> list[Cause]:
    return rank_causes(parse_incident(document))


@pytest.fixture
def incident() -> call_graph.Made:
    return call_graph.make(7)


def test_a_single_fault_in_a_mesh_comes_first() -> None:
    cases = [call_graph.make(seed) for seed in range(2000, 2015)]
    assert sum(rank(case.document)[0].node in case.causes for case in cases) >= 13


def test_two_faults_are_both_near_the_top() -> None:
    cases = [call_graph.make(seed, faults=2) for seed in range(2000, 2015)]
    found = sum(len(case.causes & {cause.node for cause in rank(case.document)[:4]}) for case in cases)
    assert found >= 0.75 * sum(len(case.causes) for case in cases)


def test_resource_faults_behind_cycles_are_among_the_first_three() -> None:
    cases = [resources.make(seed) for seed in range(2000, 2015)]
    assert sum(bool(case.causes & {cause.node for cause in rank(case.document)[:3]}) for case in cases) >= 11


@pytest.mark.parametrize("surge", [1.0, 2.0])
def test_when_nothing_is_broken_no_score_is_high(surge: float) -> None:
    tops = [rank(call_graph.make(seed, faults=0, surge=surge).document)[0].score for seed in range(10)]
    assert sorted(tops)[len(tops) // 2] < 0.1


def test_every_component_is_listed_once_in_falling_order(incident: call_graph.Made) -> None:
    causes = rank(incident.document)
    assert sorted(cause.node for cause in causes) == sorted(incident.document["graph"]["nodes"])
    scores = [cause.score for cause in causes]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_evidence_tells_metric_distance_time_and_path(incident: call_graph.Made) -> None:
    first = rank(incident.document)[0]
    for part in ("rose from", "since 2023-11-", "deviations", f"path: {incident.document['target']['node']} → "):
        assert part in first.why or "fell from" in first.why


def test_without_a_graph_the_oddest_component_is_near_the_top(incident: call_graph.Made) -> None:
    document = copy.deepcopy(incident.document)
    del document["graph"]
    assert incident.causes & {cause.node for cause in rank(document)[:5]}


def test_cycles_and_unknown_nodes_in_the_graph_are_taken(incident: call_graph.Made) -> None:
    document = copy.deepcopy(incident.document)
    nodes = document["graph"]["nodes"]
    document["graph"]["edges"] += [[nodes[-1], nodes[0]], ["ghost", nodes[3]], [nodes[1], nodes[1]]]
    causes = rank(document)
    assert next(cause for cause in causes if cause.node == "ghost").why == "not measured in both periods"


def test_order_of_series_and_rows_does_not_matter(incident: call_graph.Made) -> None:
    document = copy.deepcopy(incident.document)
    shuffle = random.Random(3)
    for period in ("normal", "abnormal"):
        rows = list(range(len(document[period]["timestamps"])))
        shuffle.shuffle(rows)
        document[period]["timestamps"] = [document[period]["timestamps"][row] for row in rows]
        for series in document[period]["series"]:
            series["values"] = [series["values"][row] for row in rows]
        shuffle.shuffle(document[period]["series"])
    assert rank(document) == rank(incident.document)


def test_components_measured_on_one_side_only_and_a_missing_target_are_taken(incident: call_graph.Made) -> None:
    document = copy.deepcopy(incident.document)
    document["normal"]["series"] = document["normal"]["series"][5:]
    document["abnormal"]["series"] = document["abnormal"]["series"][:-5]
    document["target"]["node"] = "unheard-of"
    assert all(0.0 <= cause.score <= 1.0 for cause in rank(document))


def test_one_normal_row_is_enough_to_go_on(incident: call_graph.Made) -> None:
    document = copy.deepcopy(incident.document)
    document["normal"]["timestamps"] = document["normal"]["timestamps"][-1:]
    for series in document["normal"]["series"]:
        series["values"] = series["values"][-1:]
    assert incident.causes & {cause.node for cause in rank(document)[:5]}


def _set(path: str, value: Any) -> Any:
    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        at: Any = document
        for part in parents:
            at = at[int(part)] if part.isdigit() else at[part]
        at[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("target", None), "target: expected an object, got nothing"),
        (_set("target.node", 3), "target.node: expected text, got 3"),
        (_set("graph.edges.0", ["a"]), r"graph.edges\[0\]: expected \[caller, callee\]"),
        (_set("normal", []), "normal: expected an object"),
        (_set("normal.series.2.values.7", "x"), r"normal.series\[2\].values\[7\]: expected a finite number.*'x'"),
        (_set("abnormal.series.0.values.0", float("inf")), r"abnormal.series\[0\].values\[0\]"),
        (_set("normal.series.0.values.1", 10**400), r"normal.series\[0\].values\[1\]: expected a finite number"),
        (_set("abnormal.timestamps.2", 10**400), r"abnormal.timestamps\[2\]: expected seconds"),
        (_set("abnormal.timestamps.2", -1e300), r"abnormal.timestamps\[2\]"),
        (_set("abnormal.timestamps.2", "0001-01-01T00:00:00+14:00"), r"abnormal.timestamps\[2\]"),
        (_set("target.node", "\ud800"), "target.node: expected text"),
        (_set("abnormal.series.1.values", [1]), r"abnormal.series\[1\].values: 1 values for 8 timestamps"),
        (_set("abnormal.timestamps.0", "noon"), r"abnormal.timestamps\[0\]: expected seconds"),
        (_set("abnormal", {"timestamps": [], "series": []}), "abnormal.timestamps: empty"),
    ],
)
def test_refusals_name_the_place(incident: call_graph.Made, change: Any, message: str) -> None:
    document = copy.deepcopy(incident.document)
    change(document)
    with pytest.raises(CaseError, match=message):
        parse_incident(document)


def test_times_in_milliseconds_are_those_in_seconds(incident: call_graph.Made) -> None:
    document = copy.deepcopy(incident.document)
    for period in ("normal", "abnormal"):
        document[period]["timestamps"] = [1000 * at for at in document[period]["timestamps"]]
    assert rank(document) == rank(incident.document)


def test_a_series_given_twice_is_refused(incident: call_graph.Made) -> None:
    document = copy.deepcopy(incident.document)
    document["normal"]["series"].append(document["normal"]["series"][0])
    with pytest.raises(CaseError, match="is there twice"):
        parse_incident(document)
