"""Conformal intervals from the errors of the back-test. Called by `forecast.py`.

Errors of all origins and lead times are pooled after division by a scale that grows as a power of the lead time; the
quantile of the pool, taken higher the fewer the origins as in split conformal prediction (Vovk et al. 2005), times
the scale, is the half width.
"""

from collections.abc import Sequence

import numpy as np

from opsrail_finops.analysis.decompose import Array

LEVELS = (0.80, 0.95)
_STEEPEST = 0.8
_DOUBT = 2.5
"""Quantiles are taken higher the fewer the origins: with 14 of them at 0.85 and 0.97 instead of 0.80 and 0.95."""


def half_widths(errors: Array, horizon: int, fallback: float, levels: Sequence[float] = LEVELS) -> list[Array]:
    """One array (horizon,) per level.

    Args:
        errors: (origins, leads) of the back-test, NaN where nothing was measured.
        fallback: standard deviation to assume where the back-test has next to no errors.
    """
    leads = np.arange(1, horizon + 1, dtype=float)
    known = np.isfinite(errors)
    if known.sum() < 3:
        return [np.full(horizon, fallback * width) * np.sqrt(leads) ** 0.5 for width in (1.28, 1.96)]
    sizes = np.abs(errors)
    lead = np.tile(np.arange(1, errors.shape[1] + 1, dtype=float), (errors.shape[0], 1))
    power = _power(sizes, known)
    pool = np.sort((sizes / lead**power)[known])
    origins = int(known.any(axis=1).sum())
    floor = 0.05 * fallback
    widths: list[Array] = []
    for level in levels:
        rank = 1 - (1 - level) ** (1 + _DOUBT / origins)
        widths.append(max(float(np.quantile(pool, rank)), floor) * leads**power)
    return widths


def _power(sizes: Array, known: np.ndarray) -> float:
    """How errors grow with the lead time, between not at all and nearly in step."""
    count = sizes.shape[1]
    if count < 4:
        return 0.3
    third = max(count // 3, 1)
    near, far = sizes[:, :third][known[:, :third]], sizes[:, -third:][known[:, -third:]]
    if not len(near) or not len(far) or near.mean() <= 0 or far.mean() <= 0:
        return 0.2
    grown = np.log(far.mean() / near.mean()) / np.log((count - third / 2 + 0.5) / (third / 2 + 0.5))
    return float(np.clip(0.7 * grown + 0.3 * 0.2, 0.0, _STEEPEST))
