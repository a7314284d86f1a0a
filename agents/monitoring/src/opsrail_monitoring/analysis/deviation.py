"""How far each component has left its normal, and whether it moved when the target did. Used by `explain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from opsrail_monitoring.analysis.incident_case import Array, Incident, Period, SeriesKey

Mask = NDArray[np.bool_]

VOLUME_METRICS = frozenset({"calls", "hits", "qps", "request_count", "requests", "rps", "throughput", "traffic"})
FAR = 4.0
OTHER_METRIC = 0.6
ROWS_FOR_OTHERS = 10
UNSURE_TOGETHER = 0.7


@dataclass(frozen=True, slots=True)
class Deviation:
    """Evidence against one component, from one of its series.

    Attributes:
        before: its median over the normal period.
        now: its value in the abnormal row where it was furthest.
        deviations: how far it moved, in robust standard deviations of the normal period.
        together: correlation with the target over the abnormal rows, in [0, 1].
        share: its part of what the target lost (value times requests), in [0, 1]; 1 when not known.
        since: time of the first abnormal row out of its normal range, seconds since 1970.
        weight: the evidence in [0, 1].
    """

    key: SeriesKey
    before: float
    now: float
    deviations: float
    together: float
    share: float
    since: float
    weight: float


@dataclass(frozen=True, slots=True)
class _Pattern:
    """When and which way the target moved: `size` of each abnormal row in deviations, at least 0."""

    size: Array
    direction: float

    @property
    def contrasts(self) -> bool:
        """Whether the abnormal rows hold rows in which the target was still, or again, fine."""
        return bool(self.size.min() < 0.4 * self.size.max())


def deviations(incident: Incident) -> dict[str, Deviation]:
    """The strongest evidence against each component that is measured in both periods.

    A component is judged by the target's own metric and statistic and, at `OTHER_METRIC` of its weight, by the
    loudest of its other metrics; how much is asked of it (`VOLUME_METRICS`) is no fault. Within a few rows some of
    many metrics agree with the target by chance, so below `ROWS_FOR_OTHERS` abnormal rows the others count only
    where the target's metric is not measured. Series measured in one period only are no evidence.
    """
    target = _same_metric(incident.abnormal, incident.target)
    pattern = _pattern(incident, target)
    volumes = _volumes(incident.abnormal)
    lost = _lost(incident, target, pattern, volumes) if target else None
    own: dict[str, Deviation] = {}
    others: dict[str, Deviation] = {}
    wanted = target or incident.target
    for key in incident.abnormal.series:
        same = key.metric == wanted.metric
        if key not in incident.normal.series or key.metric in VOLUME_METRICS - {wanted.metric}:
            continue
        deviation = _deviation(incident, key, pattern, own_metric=same, lost=lost, volumes=volumes)
        if deviation is None:
            continue
        if same and key.statistic == wanted.statistic:
            own[key.node] = deviation
        elif key.node not in others or deviation.weight > others[key.node].weight:
            others[key.node] = deviation
    if len(incident.abnormal.times) < ROWS_FOR_OTHERS:
        return others | own
    return others | {node: _joined(found, others.get(node)) for node, found in own.items()}


def _joined(own: Deviation, other: Deviation | None) -> Deviation:
    """Both kinds of evidence as one: the louder is told, the weight of the other adds to it."""
    if other is None or own.key.metric == other.key.metric:
        return own
    weight = 1.0 - (1.0 - own.weight) * (1.0 - other.weight)
    return replace(own if own.weight >= other.weight else other, weight=weight)


def _same_metric(period: Period, wanted: SeriesKey) -> SeriesKey | None:
    if wanted in period.series:
        return wanted
    return next((key for key in period.series if (key.node, key.metric) == (wanted.node, wanted.metric)), None)


def _scale(normal: Array) -> tuple[float, float]:
    """Centre and spread of a normal period; a constant or a short one is given some spread."""
    centre = float(np.median(normal))
    low, high = np.quantile(normal, (0.05, 0.95))
    spread = max(float(high - low) / 3.29, 1.4826 * float(np.median(np.abs(normal - centre))))
    return centre, spread + abs(centre) * (0.002 + 0.02 / sqrt(len(normal))) + 1e-12


def _pattern(incident: Incident, target: SeriesKey | None) -> _Pattern:
    rows = len(incident.abnormal.times)
    normal = _known(incident.normal.series.get(target)) if target else np.empty(0)
    if target is None or not len(normal):
        return _Pattern(np.ones(rows), 0.0)
    centre, spread = _scale(normal)
    away = np.nan_to_num((incident.abnormal.series[target] - centre) / spread)
    direction = 1.0 if float(np.sum(away * np.abs(away))) >= 0.0 else -1.0
    return _Pattern(np.maximum(away * direction, 0.0), direction)


def _known(values: Array | None) -> Array:
    return np.empty(0) if values is None else values[~np.isnan(values)]


def _deviation(
    incident: Incident,
    key: SeriesKey,
    pattern: _Pattern,
    *,
    own_metric: bool,
    lost: float | None,
    volumes: Mapping[str, float],
) -> Deviation | None:
    normal, values = _known(incident.normal.series[key]), incident.abnormal.series[key]
    measured = ~np.isnan(values)
    if not len(normal) or not measured.any():
        return None
    centre, spread = _scale(normal)
    away = (values - centre) / spread
    directed = own_metric and pattern.direction != 0.0
    away = away * pattern.direction if directed else np.abs(away)
    far, together = _with_target(away, measured, pattern)
    share = 1.0
    if directed and lost and key.node in volumes:
        share = min(1.0, abs(_moved(values, pattern)) * volumes[key.node] / lost)
    weight = (1.0 - exp(-far / FAR)) * min(1.0, log1p(far) / FAR) * together**2 * share
    out = np.flatnonzero(measured & (away > 3.0))
    furthest = int(np.nanargmax(away))
    return Deviation(
        key=key,
        before=centre,
        now=float(values[furthest]),
        deviations=far,
        together=together,
        share=share,
        since=float(incident.abnormal.times[out[0] if len(out) else furthest]),
        weight=weight if own_metric else OTHER_METRIC * weight,
    )


def _with_target(away: Array, measured: Mask, pattern: _Pattern) -> tuple[float, float]:
    """How far a series moved when the target did, or up to a sixth of the rows before, and how well the two agree.

    Where the abnormal rows show the target both fine and not, only what moves between those counts: a component
    that was broken all along is no cause. Else the distance from normal is all there is to go by.
    """
    if pattern.contrasts:
        leads = range(len(measured) // 6 + 1)
        found = [both for lead in leads if (both := _agreement(away, measured, pattern, lead))]
        if found:
            return max(found, key=lambda both: both[1])
    size = pattern.size[measured]
    total = float(size.sum())
    far = float(size @ away[measured]) / total if total > 0.0 else float(away[measured].mean())
    return max(far, 0.0), UNSURE_TOGETHER


def _agreement(away: Array, measured: Mask, pattern: _Pattern, lead: int) -> tuple[float, float] | None:
    """Distance moved, and correlation, with the target `lead` rows later; None with too few rows."""
    rows = len(away) - lead
    both = measured[:rows]
    own, size = away[:rows][both], pattern.size[lead:][both]
    if len(own) < 3:
        return None
    centred, swing = size - size.mean(), own - own.mean()
    power = float(centred @ centred)
    if power <= 0.0:
        return None
    together = float(centred @ swing) / sqrt(power * float(swing @ swing) + 1e-12)
    far = float(centred @ own) / power * float(pattern.size.max() - pattern.size.min())
    far = min(far, 2.0 * max(float(np.quantile(own, 0.8)), 0.0))
    return max(far, 0.0), max(together, 0.0)


def _moved(values: Array, pattern: _Pattern) -> float:
    """Change of a series, in its own unit, between the target's best and worst row."""
    measured = ~np.isnan(values)
    size = pattern.size[measured] / (pattern.size.max() or 1.0)
    centred = size - size.mean() if len(size) else size
    power = float(centred @ centred)
    return float(centred @ values[measured]) / power if power > 0.0 else 0.0


def _volumes(period: Period) -> dict[str, float]:
    """Requests each component handles in an abnormal row, where measured."""
    return {
        key.node: float(np.mean(_known(values)))
        for key, values in period.series.items()
        if key.metric.lower() in VOLUME_METRICS and len(_known(values))
    }


def _lost(incident: Incident, target: SeriesKey, pattern: _Pattern, volumes: Mapping[str, float]) -> float | None:
    """What the target lost: its change times its requests; None where requests are not known."""
    if target.node not in volumes:
        return None
    return abs(_moved(incident.abnormal.series[target], pattern)) * volumes[target.node] or None
