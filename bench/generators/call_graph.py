"""Incidents in a layered service mesh, computed from requests: latency adds up along calls, failures reach callers.

Every component has `latency` (seconds, mean), `availability` (per cent) and `requests` in five-minute rows. The load
has a daily swing; busy components answer more slowly. Used by `bench.rootcause` and the tests of the ranking.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

NORMAL_ROWS, ABNORMAL_ROWS, ONSET_ROW = 288, 8, 3
ROW_SECONDS = 300
START = 1_700_000_000
FAULTS = ("slow", "failing", "overloaded")
NAMES = ("cart", "stock", "user", "mail", "search", "bill")


@dataclass(frozen=True)
class Made:
    """One incident as a JSON document, and the components in which faults were put."""

    document: dict[str, Any]
    causes: frozenset[str]


@dataclass
class _Mesh:
    names: list[str]
    calls: dict[int, list[tuple[int, float]]]
    own: np.ndarray[Any, Any]
    capacity: np.ndarray[Any, Any] = field(default_factory=lambda: np.empty(0))


def make(seed: int, *, components: int = 30, faults: int = 1, surge: float = 1.0, missing: float = 0.05) -> Made:
    """An incident seen at the entry component.

    Args:
        seed: the same seed makes the same incident.
        faults: how many components are broken at once; 0 makes a false alarm.
        surge: factor on the load during the abnormal rows, which slows every component: a confounder.
        missing: share of measurements that are absent.
    """
    random = np.random.default_rng(seed)
    mesh = _mesh(random, components)
    reached = sorted(_reached(mesh) - {0})
    broken = [int(node) for node in random.choice(reached, size=min(faults, len(reached)), replace=False)]
    kinds = {node: str(random.choice(FAULTS)) for node in broken}
    rows = NORMAL_ROWS + ABNORMAL_ROWS
    load = 1.0 + 0.4 * np.sin(2 * np.pi * np.arange(rows) / NORMAL_ROWS) + random.normal(0, 0.03, rows)
    load[NORMAL_ROWS + ONSET_ROW :] *= surge
    latency, availability, requests = _run(random, mesh, load, kinds)
    failing = any(kind == "failing" for kind in kinds.values())
    metric = "availability" if failing else "latency"
    values = {"latency": latency, "availability": availability, "requests": requests}
    return Made(_document(random, mesh, values, metric, missing), frozenset(mesh.names[node] for node in broken))


def _mesh(random: np.random.Generator, components: int) -> _Mesh:
    layer = np.sort(random.integers(1, 5, components))
    layer[0] = 0
    calls: dict[int, list[tuple[int, float]]] = {node: [] for node in range(components)}
    for node in range(1, components):
        above = [other for other in range(components) if layer[other] == layer[node] - 1] or [0]
        for caller in random.choice(above, size=min(len(above), int(random.integers(1, 3))), replace=False):
            calls[int(caller)].append((node, float(random.choice([0.2, 0.5, 1.0, 2.0]))))
    own = random.lognormal(-4.0, 0.8, components)
    names = [
        f"{random.choice(['cart', 'stock', 'user', 'mail', 'search', 'bill'])}-{node}" for node in range(components)
    ]
    return _Mesh(names, calls, own)


def _reached(mesh: _Mesh) -> set[int]:
    seen, waiting = {0}, [0]
    while waiting:
        for callee, _ in mesh.calls[waiting.pop()]:
            if callee not in seen:
                seen.add(callee)
                waiting.append(callee)
    return seen


def _run(
    random: np.random.Generator, mesh: _Mesh, load: np.ndarray[Any, Any], kinds: dict[int, str]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Latency, availability (0 to 1) and requests, each (rows, components); callees have higher numbers."""
    rows, size = len(load), len(mesh.names)
    requests = np.zeros((rows, size))
    requests[:, 0] = 2000.0 * load
    for node in range(size):
        for callee, share in mesh.calls[node]:
            requests[:, callee] += share * requests[:, node]
    during = np.zeros(rows, dtype=bool)
    during[NORMAL_ROWS + ONSET_ROW : NORMAL_ROWS + ABNORMAL_ROWS - 1] = True
    latency, availability = np.zeros((rows, size)), np.ones((rows, size))
    slowness = random.uniform(0.05, 0.5, size)
    for node in reversed(range(size)):
        own = mesh.own[node] * (1.0 + slowness[node] * (load - 1.0)) * random.lognormal(0.0, 0.05, rows)
        failures = np.zeros(rows)
        match kinds.get(node):
            case "slow":
                own[during] += random.uniform(0.2, 1.0)
            case "overloaded":
                own[during] *= random.uniform(5.0, 20.0)
                failures[during] += random.uniform(0.0, 0.01)
            case "failing":
                failures[during] += random.uniform(0.05, 0.4)
        latency[:, node] = own
        availability[:, node] = 1.0 - failures
        for callee, share in mesh.calls[node]:
            latency[:, node] += share * latency[:, callee]
            availability[:, node] *= 1.0 - min(share, 1.0) * (1.0 - availability[:, callee])
    noise = random.binomial(np.maximum(requests, 1).astype(int), np.clip(availability, 0, 1)) / np.maximum(
        requests, 1
    )
    return latency, np.minimum(noise, 1.0), requests


def _document(
    random: np.random.Generator, mesh: _Mesh, values: dict[str, np.ndarray[Any, Any]], metric: str, missing: float
) -> dict[str, Any]:
    statistics = {"latency": "Average", "availability": "Average", "requests": "Sum"}
    values["availability"] = 100.0 * values["availability"]
    periods = {"normal": slice(0, NORMAL_ROWS), "abnormal": slice(NORMAL_ROWS, None)}
    document: dict[str, Any] = {
        "target": {
            "node": mesh.names[0],
            "metric": metric,
            "statistic": statistics[metric],
            "timestamp": START + (NORMAL_ROWS + ONSET_ROW) * ROW_SECONDS,
        },
        "graph": {
            "nodes": mesh.names,
            "edges": [[mesh.names[a], mesh.names[b]] for a, called in mesh.calls.items() for b, _ in called],
        },
    }
    for name, rows in periods.items():
        document[name] = {
            "timestamps": [START + row * ROW_SECONDS for row in range(*rows.indices(NORMAL_ROWS + ABNORMAL_ROWS))],
            "series": [
                {
                    "node": node,
                    "metric": kind,
                    "statistic": statistics[kind],
                    "values": [
                        None if at and random.random() < missing else float(value) for value in values[kind][rows, at]
                    ],
                }
                for kind in values
                for at, node in enumerate(mesh.names)
            ],
        }
    return document
