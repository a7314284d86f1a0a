"""`make bench-nab`: the anomaly detector on the Numenta Anomaly Benchmark's series, scored as published.

Reads `../shared/data/nab` (or the folder in OPSRAIL_NAB): `<category>/<name>.csv` and `windows.json`, which maps each
file to its labelled windows. Prints a table and writes `bench/results/nab.json`. Three ways to set the threshold:

- `default`: the detector's own, fixed for every series;
- `best`: the benchmark's rule, the one that scores best over the corpus;
- `elsewhere`: chosen by that rule on half of the series and scored on the other half, over 60 random halves.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from math import erfc, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.nab_scoring import PROFILES, Array, Labels, Profile, label, sweep
from opsrail_monitoring.analysis.alarm import ALARM
from opsrail_monitoring.analysis.detector import Detector

DATA = Path(os.environ.get("OPSRAIL_NAB", "../shared/data/nab"))
RESULTS = Path("bench/results/nab.json")
HALVES = 60
GAUSSIAN_WINDOW, GAUSSIAN_STEP = 6400, 100
SERIES_HELD = 10_000


@dataclass(frozen=True)
class Series:
    """One labelled series: seconds since 1970, values, what a detection is worth."""

    name: str
    times: list[float]
    values: list[float]
    labels: Labels


def load(folder: Path) -> list[Series]:
    """All series that `windows.json` names."""
    windows = json.loads((folder / "windows.json").read_text())
    return [_read(folder, name, windows[name]) for name in sorted(windows)]


def _read(folder: Path, name: str, windows: list[list[str]]) -> Series:
    with (folder / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    stamps = [row["timestamp"] for row in rows]
    spans = [(stamps.index(first), stamps.index(last)) for first, last in windows]
    return Series(
        name=name,
        times=[datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp() for stamp in stamps],
        values=[float(row["value"]) for row in rows],
        labels=label(len(rows), spans),
    )


def detect(series: Series) -> Array:
    """Scores of our detector."""
    detector = Detector()
    return np.array([detector.update(at, value).score for at, value in zip(series.times, series.values, strict=True)])


def windowed_gaussian(series: Series) -> Array:
    """Scores of the benchmark's windowed Gaussian: how unlikely a value is under the last 6400, renewed every 100."""
    values = np.array(series.values)
    centred = values - values.mean()
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    row = np.arange(len(values))
    late = np.maximum(row - GAUSSIAN_WINDOW, 0) // GAUSSIAN_STEP * GAUSSIAN_STEP
    end = np.where(row < GAUSSIAN_WINDOW, row, late + GAUSSIAN_WINDOW)
    count = np.maximum(end - late, 1)
    mean = (sums[end] - sums[late]) / count
    deviation = np.sqrt(np.maximum((squares[end] - squares[late]) / count - mean**2, 0.0))
    z = np.abs(centred - mean) / np.where(deviation > 1e-9, deviation, 1e-6)
    scores = 1.0 - 0.5 * np.array([_upper_tail(float(x)) for x in z])
    scores[0] = 0.0
    return scores


def _upper_tail(z: float) -> float:

    return erfc(z / sqrt(2.0))


def elsewhere(corpus: list[tuple[Array, Labels]], profile: Profile) -> tuple[float, float]:
    """Mean and standard deviation, over random halves, with the threshold chosen on the other half."""
    random = np.random.default_rng(1)
    scores = []
    for _ in range(HALVES):
        order = random.permutation(len(corpus))
        chosen, tested = order[: len(order) // 2], order[len(order) // 2 :]
        threshold, _ = sweep([corpus[at] for at in chosen], profile).best()
        scores.append(sweep([corpus[at] for at in tested], profile).at(threshold))
    return float(np.mean(scores)), float(np.std(scores))


def measure(corpus: list[tuple[Array, Labels]], default: float) -> dict[str, dict[str, float]]:
    """Scores of one detector over a corpus, by profile."""
    measured = {}
    for profile in PROFILES:
        curve = sweep(corpus, profile)
        threshold, best = curve.best()
        mean, deviation = elsewhere(corpus, profile)
        measured[profile.name] = {
            "default": curve.at(default),
            "best": best,
            "best_threshold": threshold,
            "elsewhere": mean,
            "elsewhere_deviation": deviation,
        }
    return measured


def memory_per_series(series: Series) -> float:
    """Bytes that one settled detector holds, measured by holding many that share nothing."""
    detector = Detector()
    for at, value in zip(series.times, series.values, strict=True):
        detector.update(at, value)
    text = json.dumps(detector.state())
    process = psutil.Process()
    before = process.memory_info().rss
    held = [Detector.from_state(json.loads(text)) for _ in range(SERIES_HELD)]
    return (process.memory_info().rss - before) / len(held)


def main() -> int:
    """Measure, print, write; 1 when the data is not there."""
    if not (DATA / "windows.json").exists():
        print(f"no series at {DATA}: set OPSRAIL_NAB to a folder with windows.json", file=sys.stderr)
        return 1
    corpus = load(DATA)
    started = time.process_time()
    ours = [(detect(series), series.labels) for series in corpus]
    rows_per_second = sum(len(series.values) for series in corpus) / (time.process_time() - started)
    gaussian = [(windowed_gaussian(series), series.labels) for series in corpus]
    results: dict[str, Any] = {
        "series": len(corpus),
        "windows": sum(series.labels.windows for series in corpus),
        "alarms": int(sum(np.count_nonzero(scores >= ALARM) for scores, _ in ours)),
        "rows_per_second": rows_per_second,
        "bytes_per_series": memory_per_series(max(corpus, key=lambda series: len(series.values))),
        "opsrail": measure(ours, ALARM),
        "windowed_gaussian": measure(gaussian, 1.0 - 1e-6),
        "categories": _categories(corpus, ours, gaussian),
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    _print(results)
    return 0


def _categories(
    corpus: list[Series], ours: list[tuple[Array, Labels]], gaussian: list[tuple[Array, Labels]]
) -> dict[str, dict[str, float]]:
    """Standard profile by category, at our default threshold and at the other's best over the whole corpus."""
    standard = PROFILES[0]
    threshold, _ = sweep(gaussian, standard).best()
    table = {}
    for category in sorted({series.name.split("/")[0] for series in corpus}):
        at = [number for number, series in enumerate(corpus) if series.name.startswith(category + "/")]
        mine = sweep([ours[number] for number in at], standard)
        table[category] = {
            "series": len(at),
            "windows": mine.windows,
            "opsrail": mine.at(ALARM),
            "windowed_gaussian": sweep([gaussian[number] for number in at], standard).at(threshold),
            "alarms": int(sum(np.count_nonzero(ours[number][0] >= ALARM) for number in at)),
        }
    return table


def _print(results: dict[str, Any]) -> None:
    print(f"{results['series']} series, {results['windows']} windows, {results['alarms']} anomalies raised")
    print(f"{'profile':<16}{'default':>9}{'best':>8}{'elsewhere':>14}{'gaussian best':>15}{'ratio':>8}")
    for name, mine in results["opsrail"].items():
        other = results["windowed_gaussian"][name]["best"]
        spread = f"{mine['elsewhere']:.1f} ± {mine['elsewhere_deviation']:.1f}"
        print(f"{name:<16}{mine['default']:>9.1f}{mine['best']:>8.1f}{spread:>14}{other:>15.1f}", end="")
        print(f"{mine['default'] / other:>8.2f}")
    print(f"\n{'category':<24}{'windows':>8}{'raised':>8}{'opsrail':>9}{'gaussian':>10}")
    for name, row in results["categories"].items():
        print(f"{name:<24}{row['windows']:>8}{row['alarms']:>8}", end="")
        print(
            f"{row['opsrail']:>9.1f}{row['windowed_gaussian']:>10.1f}" if row["windows"] else f"{'none to find':>19}"
        )
    held = results["bytes_per_series"] * SERIES_HELD / 1e6
    print(f"\n{results['rows_per_second']:,.0f} rows/s on one core; {SERIES_HELD:,} series held in {held:,.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
