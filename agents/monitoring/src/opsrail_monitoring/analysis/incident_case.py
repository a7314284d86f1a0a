"""Reads one incident to explain from JSON. Used by `incidents_cli.rank_causes`; ranked by `explain.rank_causes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LARGEST = 1e100
MILLISECONDS_FROM = 1e11


class CaseError(ValueError):
    """The input is not an incident; the message names the place, such as `normal.series[3].values[7]`."""


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """Which series: a component, one of its metrics, and the statistic over each interval."""

    node: str
    metric: str
    statistic: str


@dataclass(frozen=True)
class Period:
    """Metrics over one period, all at the same `times` (seconds since 1970, rising); NaN is not measured."""

    times: Array
    series: Mapping[SeriesKey, Array]


@dataclass(frozen=True)
class Incident:
    """What alarmed, who calls whom, and the metrics before and around the onset."""

    target: SeriesKey
    nodes: frozenset[str]
    edges: frozenset[tuple[str, str]]
    normal: Period
    abnormal: Period


def parse_incident(document: object) -> Incident:
    """An incident from its JSON document.

    `graph` may be missing or empty. Its edges may name nodes it does not list, may form cycles and may repeat.
    Rows are put in the order of their times.

    Raises:
        CaseError: something is missing or of the wrong kind.
    """
    root = _mapping(document, "the document")
    target = _mapping(root.get("target"), "target")
    graph = _mapping(root.get("graph") or {}, "graph")
    edges = frozenset(_edge(edge, f"graph.edges[{at}]") for at, edge in _enumerate(graph, "graph", "edges"))
    listed = {_text(node, f"graph.nodes[{at}]") for at, node in _enumerate(graph, "graph", "nodes")}
    normal, abnormal = _period(root, "normal"), _period(root, "abnormal")
    if not len(abnormal.times):
        raise CaseError("abnormal.timestamps: empty; there is nothing to explain")
    measured = {key.node for key in (*normal.series, *abnormal.series)}
    key = _key(target, "target")
    return Incident(
        target=key,
        nodes=frozenset(listed | measured | {key.node} | {node for edge in edges for node in edge}),
        edges=edges,
        normal=normal,
        abnormal=abnormal,
    )


def _period(root: Mapping[str, Any], name: str) -> Period:
    period = _mapping(root.get(name), name)
    times = np.array([_time(time, f"{name}.timestamps[{at}]") for at, time in _enumerate(period, name, "timestamps")])
    order = np.argsort(times, kind="stable")
    series: dict[SeriesKey, Array] = {}
    for at, item in _enumerate(period, name, "series"):
        place = f"{name}.series[{at}]"
        fields = _mapping(item, place)
        key = _key(fields, place)
        if key in series:
            raise CaseError(f"{place}: {key.node} {key.metric} {key.statistic} is there twice")
        values = [_number(value, f"{place}.values[{row}]") for row, value in _enumerate(fields, place, "values")]
        if len(values) != len(times):
            raise CaseError(f"{place}.values: {len(values)} values for {len(times)} timestamps")
        series[key] = np.array(values, dtype=np.float64)[order]
    return Period(times[order], series)


def _key(fields: Mapping[str, Any], place: str) -> SeriesKey:
    return SeriesKey(*(_text(fields.get(name), f"{place}.{name}") for name in ("node", "metric", "statistic")))


def _enumerate(fields: Mapping[str, Any], place: str, name: str) -> enumerate[Any]:
    items = fields.get(name, [])
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise CaseError(f"{place}.{name}: expected a list, got {_shown(items)}")
    return enumerate(items)


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise CaseError(f"{place}: expected an object, got {_shown(value)}")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str) or not value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise CaseError(f"{place}: expected text, got {_shown(value)}")
    return value


def _edge(value: object, place: str) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise CaseError(f"{place}: expected [caller, callee], got {_shown(value)}")
    return _text(value[0], f"{place}[0]"), _text(value[1], f"{place}[1]")


def _number(value: object, place: str) -> float:
    if value is None:
        return float("nan")
    if not _is_number(value) or not abs(value) <= LARGEST:
        raise CaseError(f"{place}: expected a finite number up to 1e100 or null, got {_shown(value)}")
    return float(value)


def _time(value: object, place: str) -> float:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        elif _is_number(value) and value >= MILLISECONDS_FROM:
            value = value / 1000
        if _is_number(value):
            datetime.fromtimestamp(value, UTC)
            return float(value)
    except (ValueError, OverflowError, OSError):
        pass
    raise CaseError(f"{place}: expected seconds or milliseconds since 1970 or ISO 8601, got {_shown(value)}")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)[:60]
