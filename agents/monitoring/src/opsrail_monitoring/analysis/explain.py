"""Ranks the components that may have caused an incident. No model to train. Used by `incidents_cli.rank_causes`.

A cause is odd itself, moved when the target did, and is called, directly or not, by the other odd components: then
it explains them. So each component is worth its own evidence times the evidence it explains among its callers; the
best is taken, what it explains is discounted, and the next is sought, which also finds a second, unrelated fault.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from opsrail_monitoring.analysis.deviation import Deviation, deviations
from opsrail_monitoring.analysis.incident_case import Incident

OFF_PATH = 0.3
TARGET_ITSELF = 0.5


@dataclass(frozen=True, slots=True)
class Cause:
    """One component: `score` in [0, 1], and why in words. Scores below about 0.1 mean: don't know."""

    node: str
    score: float
    why: str


def rank_causes(incident: Incident) -> list[Cause]:
    """All components, likeliest cause first; those without evidence come last with score 0."""
    evidence = dict(sorted(deviations(incident).items()))
    callers = _callers(incident.edges)
    explains = {node: _reaching(node, callers) for node in evidence}
    left = {node: found.weight for node, found in evidence.items()}
    total = sum(left.values())
    target = incident.target.node
    waiting = sorted(evidence)
    causes: list[Cause] = []
    ceiling = 1.0
    while waiting and total > 0.0:
        worth = {
            node: left[node]
            * _place(node, target, explains[node], bool(incident.edges))
            * sum(left[other] for other in explains[node] if other in left)
            for node in waiting
        }
        best = max(waiting, key=lambda node: (worth[node], evidence[node].weight, -evidence[node].since))
        ceiling = min(ceiling, worth[best] / total)
        causes.append(Cause(best, ceiling, _why(evidence[best], explains[best], target)))
        waiting.remove(best)
        for node in explains[best] & left.keys():
            left[node] *= 1.0 - evidence[best].weight
    quiet = [Cause(node, 0.0, _why(evidence[node], explains[node], target)) for node in waiting]
    unknown = sorted(incident.nodes - evidence.keys())
    return [*causes, *quiet, *(Cause(node, 0.0, "not measured in both periods") for node in unknown)]


def _place(node: str, target: str, reaching: Mapping[str, str], graph: bool) -> float:
    """What a place in the graph is worth: a cause is called by the target, seldom the target itself."""
    if node == target:
        return TARGET_ITSELF
    return 1.0 if target in reaching or not graph else OFF_PATH


def _callers(edges: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    callers: dict[str, set[str]] = defaultdict(set)
    for caller, callee in edges:
        callers[callee].add(caller)
    return callers


def _reaching(node: str, callers: Mapping[str, set[str]]) -> dict[str, str]:
    """Components from which calls reach `node`, itself included, each with the next hop on a shortest path."""
    hops = {node: node}
    queue = deque([node])
    while queue:
        callee = queue.popleft()
        for caller in sorted(callers.get(callee, ())):
            if caller not in hops:
                hops[caller] = callee
                queue.append(caller)
    return hops


def _why(found: Deviation, reaching: Mapping[str, str], target: str) -> str:
    key = found.key
    if found.deviations < 1.0:
        return f"{key.metric} ({key.statistic}) stayed near its normal {found.before:.4g}"
    since = datetime.fromtimestamp(found.since, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    verb = "rose" if found.now >= found.before else "fell"
    parts = [
        f"{key.metric} ({key.statistic}) {verb} from {found.before:.4g} to {found.now:.4g} since {since}",
        f"{found.deviations:.1f} deviations with the target (agreement {found.together:.2f})",
    ]
    if found.share < 1.0:
        parts.append(f"{found.share:.0%} of what the target lost")
    if key.node == target:
        parts.append("it is the target itself")
    elif target in reaching:
        path = [target]
        while path[-1] != key.node:
            path.append(reaching[path[-1]])
        parts.append("path: " + " → ".join(path))
    else:
        parts.append("no known path from the target")
    return "; ".join(parts)
