"""Incidents seen in resource metrics at one-minute rows, without request counts, in a graph that may hold cycles.

Unlike `call_graph` nothing is computed from requests: oddness spreads from the broken component to its callers,
weaker and later at each hop, and by retries to its callees. Components differ in what is measured of them; only some
share the target's metric. Used by `bench.rootcause` and the tests of the ranking.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.generators.call_graph import Made

NORMAL_ROWS, ABNORMAL_ROWS, ONSET_ROW = 120, 30, 10
ROW_SECONDS = 60
START = 1_710_000_000
METRICS = ("error_ratio", "cpu", "memory", "queue_length")
FAULTS = {
    "leak": ("memory", "queue_length"),
    "spin": ("cpu", "error_ratio"),
    "broken": ("error_ratio", "queue_length"),
}


def make(seed: int, *, components: int = 25, faults: int = 1, noisy: int = 2, cycles: bool = True) -> Made:
    """An incident seen as `error_ratio` at the first component.

    Args:
        seed: the same seed makes the same incident.
        faults: how many components are broken at once; 0 makes a false alarm.
        noisy: components that misbehave all the time, before the incident and during it: no causes.
        cycles: whether some callees call back.
    """
    random = np.random.default_rng(seed)
    names = [f"node-{number:02d}" for number in range(components)]
    edges = [(int(random.integers(max(0, node - 6), node)), node) for node in range(1, components)]
    edges += [(int(random.integers(0, node)), node) for node in range(2, components) if random.random() < 0.3]
    if cycles:
        edges += [(node, caller) for caller, node in edges if caller and random.random() < 0.1]
    broken = [int(node) for node in random.choice(np.arange(1, components), size=faults, replace=False)]
    rows = NORMAL_ROWS + ABNORMAL_ROWS
    values = _quiet(random, components, rows)
    for node in broken:
        _break(random, values, edges, node)
    bystanders = [node for node in range(1, components) if node not in broken]
    for node in random.choice(bystanders, size=noisy, replace=False):
        values["cpu"][:, node] += random.uniform(20, 40) * (random.random(rows) < 0.3)
    document = _document(random, names, edges, values)
    return Made(document, frozenset(names[node] for node in broken))


def _quiet(random: np.random.Generator, components: int, rows: int) -> dict[str, np.ndarray[Any, Any]]:
    def around(level: np.ndarray[Any, Any], spread: float) -> np.ndarray[Any, Any]:
        return level * random.lognormal(0.0, spread, (rows, components))

    return {
        "error_ratio": around(random.uniform(0.001, 0.01, components), 0.3),
        "cpu": around(random.uniform(10, 50, components), 0.1),
        "memory": around(random.uniform(20, 60, components), 0.02),
        "queue_length": around(random.uniform(1, 10, components), 0.4),
    }


def _break(
    random: np.random.Generator, values: dict[str, np.ndarray[Any, Any]], edges: list[tuple[int, int]], node: int
) -> None:
    onset = NORMAL_ROWS + ONSET_ROW
    first, second = FAULTS[str(random.choice(list(FAULTS)))]
    ramp = np.minimum(np.arange(ABNORMAL_ROWS - ONSET_ROW) / 4.0, 1.0)
    for metric, size in ((first, random.uniform(1.0, 4.0)), (second, random.uniform(0.5, 2.0))):
        values[metric][onset:, node] *= 1.0 + size * ramp
    reached, waiting = {node: 0}, [node]
    while waiting:
        callee = waiting.pop(0)
        for caller, called in edges:
            if called == callee and caller not in reached:
                reached[caller] = reached[callee] + 1
                waiting.append(caller)
    for caller, hops in reached.items():
        late = onset + min(hops, 5)
        part = ramp[: ABNORMAL_ROWS - ONSET_ROW - (late - onset)]
        values["error_ratio"][late:, caller] += random.uniform(0.1, 0.3) * 0.8**hops * part
    for caller, called in edges:
        if caller == node:
            values["cpu"][onset:, called] *= 1.0 + 0.15 * ramp


def _document(
    random: np.random.Generator,
    names: list[str],
    edges: list[tuple[int, int]],
    values: dict[str, np.ndarray[Any, Any]],
) -> dict[str, Any]:
    measured = {(metric, node) for metric in METRICS for node in range(len(names)) if random.random() < 0.8}
    measured |= {("error_ratio", 0)}
    document: dict[str, Any] = {
        "target": {
            "node": names[0],
            "metric": "error_ratio",
            "statistic": "avg",
            "timestamp": START + (NORMAL_ROWS + ONSET_ROW) * ROW_SECONDS,
        },
        "graph": {"nodes": names, "edges": [[names[caller], names[called]] for caller, called in edges]},
    }
    for period, rows in (
        ("normal", range(NORMAL_ROWS)),
        ("abnormal", range(NORMAL_ROWS, NORMAL_ROWS + ABNORMAL_ROWS)),
    ):
        document[period] = {
            "timestamps": [START + row * ROW_SECONDS for row in rows],
            "series": [
                {
                    "node": names[node],
                    "metric": metric,
                    "statistic": "avg",
                    "values": [float(value) for value in values[metric][rows.start : rows.stop, node]],
                }
                for metric, node in sorted(measured)
            ],
        }
    return document
