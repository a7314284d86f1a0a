"""`make bench-rootcause`: the ranking of causes on PetShop and on made-up incidents, beside simpler rankings.

Reads `../shared/data/petshop` (or the folder in OPSRAIL_PETSHOP) and generates the rest. Prints a table and writes
`bench/results/rootcause.json`. `top 1` is how often a cause comes first, `top 3` which share of the causes is among
the first three. PetShop: Hardt et al., The PetShop Dataset, CLeaR 2024, whose anomaly traversal is quoted.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.generators import call_graph, resources
from bench.generators.call_graph import Made
from opsrail_monitoring.analysis.explain import rank_causes
from opsrail_monitoring.analysis.incident_case import Incident, parse_incident

DATA = Path(os.environ.get("OPSRAIL_PETSHOP", "../shared/data/petshop"))
RESULTS = Path("bench/results/rootcause.json")
PUBLISHED_TRAVERSAL = {"top1": 0.706, "top3": 0.868}
MADE_CASES = 40

Ranking = Callable[[Incident], list[str]]


@dataclass(frozen=True)
class Measured:
    """How one ranking did on one set of incidents."""

    top1: float
    top3: float
    slowest_seconds: float


def petshop(folder: Path) -> list[Made]:
    """All incidents of PetShop as JSON documents; the first row of an issue stands in for a missing normal period."""
    return [_petshop_case(path) for path in sorted(folder.glob("*/*/issue_*/target.json"))]


def _petshop_case(path: Path) -> Made:
    scenario = path.parents[2]
    truth = json.loads(path.read_text())
    abnormal = _rows(path.with_name("metrics.csv"))
    quiet = scenario / "noissue" / "metrics.csv.gz"
    normal = _rows(quiet) if quiet.exists() else abnormal[:5]
    target = truth["target"]
    document = {
        "target": {
            "node": target["node"],
            "metric": target["metric"],
            "statistic": target["agg"],
            "timestamp": target["timestamp"],
        },
        "graph": _graph(scenario / "graph.csv"),
        "normal": _period(normal),
        "abnormal": _period(abnormal if quiet.exists() else abnormal[:4] + abnormal[5:]),
    }
    return Made(document, frozenset({truth["root_cause"]["node"]}))


def _rows(path: Path) -> list[list[str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return list(csv.reader(text.splitlines()))


def _graph(path: Path) -> dict[str, Any]:
    header, *rows = _rows(path)
    edges = [
        [row[0], callee]
        for row in rows
        for callee, calls in zip(header[1:], row[1:], strict=True)
        if float(calls or 0)
    ]
    return {"nodes": header[1:], "edges": edges}


def _period(rows: list[list[str]]) -> dict[str, Any]:
    (nodes, metrics, statistics), data = rows[:3], rows[4:]
    return {
        "timestamps": [float(row[0]) for row in data],
        "series": [
            {
                "node": nodes[at],
                "metric": metrics[at],
                "statistic": statistics[at],
                "values": [float(row[at]) if row[at] else None for row in data],
            }
            for at in range(1, len(nodes))
        ],
    }


def by_us(incident: Incident) -> list[str]:
    """The ranking we ship."""
    return [cause.node for cause in rank_causes(incident)]


def by_z_score(incident: Incident) -> list[str]:
    """Components by the largest distance of any abnormal value of the target's metric from the normal mean."""
    worst: dict[str, float] = {}
    for key, values in incident.abnormal.series.items():
        normal = incident.normal.series.get(key, np.empty(0))
        normal, seen = normal[~np.isnan(normal)], values[~np.isnan(values)]
        if key.metric != incident.target.metric or not len(normal) or not len(seen):
            continue
        z = float(np.max(np.abs(seen - normal.mean())) / (normal.std() + 1e-9))
        worst[key.node] = max(z, worst.get(key.node, 0.0))
    return sorted(worst, key=lambda node: -worst[node])


def by_habit(cases: Sequence[Made]) -> Ranking:
    """The best ranking that looks at nothing: the commonest causes of the whole set first."""
    common = Counter(node for case in cases for node in sorted(case.causes))
    order = [node for node, _ in common.most_common()]
    return lambda _: order


def measure(cases: Iterable[Made], ranking: Ranking) -> Measured:
    """Rank every case."""
    top1, top3, slowest = [], [], 0.0
    for case in cases:
        incident = parse_incident(case.document)
        started = time.process_time()
        ranked = ranking(incident)
        slowest = max(slowest, time.process_time() - started)
        top1.append(ranked[0] in case.causes)
        top3.append(len(case.causes & set(ranked[:3])) / len(case.causes))
    return Measured(float(np.mean(top1)), float(np.mean(top3)), slowest)


def sets() -> dict[str, list[Made]]:
    """The incidents by name; PetShop is left out where its data is not there."""
    seeds = range(1000, 1000 + MADE_CASES)
    found = {"petshop": petshop(DATA)} if DATA.exists() else {}
    return found | {
        "calls": [call_graph.make(seed) for seed in seeds],
        "calls, load doubled": [call_graph.make(seed, surge=2.0) for seed in seeds],
        "calls, two faults": [call_graph.make(seed, faults=2) for seed in seeds],
        "resources": [resources.make(seed) for seed in seeds],
        "resources, six noisy": [resources.make(seed, noisy=6) for seed in seeds],
        "resources, two faults": [resources.make(seed, faults=2) for seed in seeds],
    }


def false_alarms() -> dict[str, float]:
    """Highest score given to any component when nothing is broken: the median over incidents."""
    quiet = {
        "calls": [call_graph.make(seed, faults=0) for seed in range(MADE_CASES)],
        "calls, load doubled": [call_graph.make(seed, faults=0, surge=2.0) for seed in range(MADE_CASES)],
        "resources": [resources.make(seed, faults=0) for seed in range(MADE_CASES)],
    }
    return {
        name: float(np.median([rank_causes(parse_incident(case.document))[0].score for case in cases]))
        for name, cases in quiet.items()
    }


def main() -> int:
    """Measure, print, write."""
    table: dict[str, dict[str, Measured]] = {}
    for name, cases in sets().items():
        rankings = {"opsrail": by_us, "z-score": by_z_score, "constant": by_habit(cases)}
        table[name] = {who: measure(cases, ranking) for who, ranking in rankings.items()}
    quiet = false_alarms()
    print(f"{'incidents':<24}{'opsrail':>14}{'z-score':>14}{'constant':>14}{'ratio to z':>12}{'slowest':>10}")
    for name, row in table.items():
        ours = row["opsrail"]
        shown = "".join(f"{found.top1:>8.3f}{found.top3:>6.2f}" for found in row.values())
        print(f"{name:<24}{shown}{ours.top1 / max(row['z-score'].top1, 1e-9):>12.2f}{ours.slowest_seconds:>9.2f}s")
    published = ", ".join(f"{name} {value}" for name, value in PUBLISHED_TRAVERSAL.items())
    print(f"published traversal on all of petshop: {published}")
    print("nothing broken, highest score: " + ", ".join(f"{name} {score:.2f}" for name, score in quiet.items()))
    if "petshop" not in table:
        print(f"no incidents at {DATA}: set OPSRAIL_PETSHOP", file=sys.stderr)
    results = {name: {who: vars(found) for who, found in row.items()} for name, row in table.items()}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(
        json.dumps({"sets": results, "nothing_broken": quiet, "published": PUBLISHED_TRAVERSAL}, indent=1) + "\n"
    )
    return 0 if "petshop" in table else 1


if __name__ == "__main__":
    sys.exit(main())
