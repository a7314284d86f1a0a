"""The published scoring of the Numenta Anomaly Benchmark, written from its description. Used by `bench.nab`.

Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark" (ICMLA 2015):
every labelled anomaly has a window. The earliest detection in a window earns up to `tp` by how early it is; a window
without one costs `fn`; a detection outside every window costs up to `fp`, less just after a window; the settling time
at the start of a series is not scored. One threshold holds for the whole corpus, and the total is scaled so that a
detector that stays silent gets 0 and one that detects every window at its first row gets 100.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SETTLING_FRACTION = 0.15
SETTLING_ROWS_AT_MOST = 750


@dataclass(frozen=True)
class Profile:
    """What a user of the detector gains and loses: weights of a hit, a false alarm and a miss."""

    name: str
    tp: float
    fp: float
    fn: float


PROFILES = (
    Profile("standard", tp=1.0, fp=0.11, fn=1.0),
    Profile("reward_low_FP", tp=1.0, fp=0.22, fn=1.0),
    Profile("reward_low_FN", tp=1.0, fp=0.11, fn=2.0),
)


@dataclass(frozen=True)
class Labels:
    """What a detection at each row of one series is worth, before weights.

    `gain` is the value of a detection in (0, 1] inside a window, in [-1, 0] outside; `window` numbers the window
    a row lies in, -1 outside of all; `settling` rows at the start count for nothing.
    """

    gain: Array
    window: NDArray[np.int64]
    settling: int

    @property
    def windows(self) -> int:
        """How many windows can be scored, that is: have a row after the settling time."""
        return len(set(self.window[self.settling :].tolist()) - {-1})


def scaled_sigmoid(position: Array) -> Array:
    """Value of a detection at a position relative to its window: -1 first row, 0 right edge, 1 one width later."""
    value = 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0
    return np.where(position > 3.0, -1.0, value)


def settling_rows(rows: int) -> int:
    """Rows at the start of a series that are not scored: 15 %, at most 750."""
    return min(int(SETTLING_FRACTION * rows), SETTLING_ROWS_AT_MOST)


def label(rows: int, windows: Sequence[tuple[int, int]]) -> Labels:
    """Labels of a series of `rows` rows whose windows are (first row, last row), both inside, in order."""
    index = np.arange(rows, dtype=np.float64)
    gain = np.full(rows, -1.0)
    window = np.full(rows, -1, dtype=np.int64)
    best = float(scaled_sigmoid(np.array([-1.0]))[0])
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        gain[last + 1 :] = scaled_sigmoid((index[last + 1 :] - last) / max(width - 1, 1))
        inside = slice(first, last + 1)
        gain[inside] = scaled_sigmoid(-(last - index[inside] + 1) / width) / best
        window[inside] = number
    return Labels(gain, window, settling_rows(rows))


@dataclass(frozen=True)
class Curve:
    """Raw score of a corpus at every threshold that makes a difference, thresholds falling, from silence on."""

    thresholds: Array
    scores: Array
    windows: int
    profile: Profile

    def normalise(self, raw: float) -> float:
        """Scale a raw score: silence 0, perfect 100."""
        silent = -self.profile.fn * self.windows
        perfect = self.profile.tp * self.windows
        return 100.0 * (raw - silent) / (perfect - silent) if self.windows else 0.0

    def best(self) -> tuple[float, float]:
        """The benchmark's own rule: the threshold that scores best over the corpus, and that score."""
        at = int(np.argmax(self.scores))
        return float(self.thresholds[at]), self.normalise(float(self.scores[at]))

    def at(self, threshold: float) -> float:
        """Score when rows at or above `threshold` are detections."""
        passed = int(np.count_nonzero(self.thresholds >= threshold))
        return self.normalise(float(self.scores[max(passed - 1, 0)]))


def sweep(corpus: Iterable[tuple[Array, Labels]], profile: Profile) -> Curve:
    """Score a corpus, given as (scores, labels) of each series, at every threshold."""
    thresholds, changes, windows = [], [], 0
    for scores, labels in corpus:
        windows += labels.windows
        for threshold, change in _changes(scores[labels.settling :], labels, profile):
            thresholds.append(threshold)
            changes.append(change)
    order = np.argsort(-np.concatenate([*thresholds, np.empty(0)]), kind="stable")
    level = np.concatenate([*thresholds, np.empty(0)])[order]
    total = np.cumsum(np.concatenate([*changes, np.empty(0)])[order]) - profile.fn * windows
    last_of_level = np.append(level[1:] != level[:-1], True) if len(level) else np.empty(0, dtype=bool)
    return Curve(
        thresholds=np.append(np.inf, level[last_of_level]),
        scores=np.append(-profile.fn * windows, total[last_of_level]),
        windows=windows,
        profile=profile,
    )


def _changes(scores: Array, labels: Labels, profile: Profile) -> Iterable[tuple[Array, Array]]:
    """How the raw score of a series changes as the threshold falls past each of its scores."""
    gain, window = labels.gain[labels.settling :], labels.window[labels.settling :]
    outside = window == -1
    yield scores[outside], gain[outside] * profile.fp
    for number in set(window.tolist()) - {-1}:
        inside = window == number
        falling = np.argsort(-scores[inside], kind="stable")
        value = np.maximum.accumulate(gain[inside][falling]) * profile.tp
        yield scores[inside][falling], np.diff(value, prepend=-profile.fn)
