"""The forecast on series of every shape: its bounds are ordered, it scales, it follows what a person would expect."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bench.generators.cloud_bills import cloud_bill
from opsrail_finops.analysis.decompose import calendar, take_apart
from opsrail_finops.analysis.forecast import Forecast, filled_gaps, forecast
from opsrail_finops.analysis.with_prophet import prophet
from opsrail_finops.cli import app

START = date(2026, 1, 5)


def needs_prophet(test: Callable[[], None]) -> Callable[[], None]:
    """Prophet uses deprecated parts of pandas, and leaves its compiled model's process for the collector."""
    ignored = pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
    )
    absent = find_spec("prophet") is None
    return pytest.mark.skipif(absent, reason="an extra: pip install 'opsrail-finops[prophet]'")(ignored(test))


def ordered(found: Forecast) -> bool:
    rows = (found.lo95, found.lo80, found.mean, found.hi80, found.hi95)
    around = found.month_end
    return all(bool(np.all(low <= high)) for low, high in pairwise(rows)) and (
        around[3] <= around[1] <= around[0] <= around[2] <= around[4]
    )


@settings(deadline=None, max_examples=40)
@given(
    values=st.lists(
        st.one_of(st.floats(-1e6, 1e6, width=32), st.just(0.0), st.just(float("nan"))), min_size=1, max_size=45
    ).filter(lambda values: not np.isnan(values).all()),
    horizon=st.integers(1, 40),
)
def test_intervals_are_ordered_and_finite(values: list[float], horizon: int) -> None:
    found = forecast(START, values, horizon)
    assert len(found.mean) == horizon
    assert np.isfinite([found.mean, found.lo95, found.hi95]).all()
    assert ordered(found)


@pytest.mark.parametrize("factor", [1e-6, 7.3, 1e9])
@pytest.mark.parametrize("seed", [3, 8])
def test_a_scaled_series_has_a_scaled_forecast(seed: int, factor: float) -> None:
    start, cost = cloud_bill(seed, 150)
    one, other = forecast(start, cost, 14), forecast(start, cost * factor, 14)
    assert one.method == other.method
    for name in ("mean", "lo80", "hi80", "lo95", "hi95"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name) * factor, rtol=1e-6, atol=1e-9 * factor)


@pytest.mark.parametrize("days", [1, 2, 3, 5, 8, 13])
def test_few_days(days: int) -> None:
    found = forecast(START, np.full(days, 10.0) + np.arange(days) % 2, 7)
    assert ordered(found)
    assert 9.5 <= found.mean.min() <= found.mean.max() <= 11.5


def test_a_step_is_believed_after_a_few_days() -> None:
    random = np.random.default_rng(1)
    cost = random.normal(100, 3, 120)
    cost[-6:] += 60
    assert forecast(START, cost, 30).mean.mean() == pytest.approx(160, abs=6)


def test_a_service_that_stopped_costs_nothing() -> None:
    cost = np.r_[np.random.default_rng(1).normal(100, 3, 90), np.zeros(10)]
    assert forecast(START, cost, 14).mean.max() < 5


def test_one_spike_and_one_refund_are_not_carried_on() -> None:
    cost = np.random.default_rng(2).normal(100, 2, 120)
    cost[-9], cost[-20] = 900.0, -700.0
    assert forecast(START, cost, 30).mean.mean() == pytest.approx(100, abs=4)


def test_weekdays_and_a_fee_on_the_first_are_learnt() -> None:
    days = [START + timedelta(days=at) for at in range(150)]
    random = np.random.default_rng(3)
    cost = np.array([100 - 50 * (day.weekday() >= 5) + 400 * (day.day == 1) for day in days]) + random.normal(
        0, 2, 150
    )
    found = forecast(START, cost, 30)
    ahead = [found.start + timedelta(days=at) for at in range(30)]
    expected = [100 - 50 * (day.weekday() >= 5) + 400 * (day.day == 1) for day in ahead]
    assert np.abs(found.mean - expected).max() < 40


def test_gaps_are_filled_from_the_same_weekday() -> None:
    cost = np.tile([1.0, 2, 3, 4, 5, 6, 7], 3)
    cost[9] = np.nan
    assert filled_gaps(cost)[9] == 3.0
    assert filled_gaps(np.array([np.nan, np.nan, 4.0])).tolist() == [4.0, 4.0, 4.0]


def test_what_was_spent_counts_towards_the_month_end() -> None:
    found = forecast(date(2026, 9, 1), np.full(20, 10.0), 3)
    assert found.month == "2026-09"
    assert found.month_end[0] == pytest.approx(300)
    assert len(found.mean) == 3


def test_costs_that_never_were_negative_stay_so() -> None:
    cost = np.abs(np.random.default_rng(4).normal(0, 5, 60))
    assert forecast(START, cost, 30).lo95.min() >= 0


def test_intervals_cover_about_what_they_say() -> None:
    inside = []
    for seed in range(500, 520):
        start, cost = cloud_bill(seed, 150)
        found = forecast(start, cost[:120], 30)
        inside.append(np.mean((found.lo80 <= cost[120:]) & (cost[120:] <= found.hi80)))
    assert 0.70 <= np.mean(inside) <= 0.92


@pytest.mark.parametrize("start", [date(1, 1, 1), date(2200, 12, 30), date(9999, 12, 31)])
def test_days_that_cannot_be_meant(start: date) -> None:
    with pytest.raises(ValueError, match="is a date wrong"):
        forecast(start, [1.0, 1.0, 1.0], 3)


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_nothing_to_go_by(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        forecast(START, values, 3)


def run(text: str, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["forecast", *arguments], input=text)
    return result.exit_code, result.stdout, result.stderr


def test_the_command_prints_csv_and_says_who_won() -> None:
    days = [f"{START + timedelta(days=at)},{100 + at % 7}" for at in range(60)]
    code, out, said = run("\n".join(["date,cost", *reversed(days)]), "--horizon", "9", "--holidays", "de")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, len(rows)) == (0, 9)
    assert list(rows[0]) == ["date", "mean", "lo80", "hi80", "lo95", "hi95"]
    assert rows[0]["date"] == str(START + timedelta(days=60))
    assert [round(float(row["mean"])) for row in rows] == [100 + (60 + at) % 7 for at in range(9)]
    assert "back-tests" in said
    assert "month end 2026-03" in said
    code, out, _ = run("\n".join(["date,cost", *days]), "--json")
    assert json.loads(out)["back_test"]["origins"] > 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("date,cost\n", "no row with a cost"),
        ("date;cost\n2026-01-01;1\n", "no column date"),
        ("date,cost\n2026-01-01,1\n2026-01-02,ten\n", "row 3, column cost: 'ten' is not a number"),
        ("date,cost\n2026-01-01,inf\n", "row 2, column cost: 'inf' is not a finite number"),
        ("date,cost\n2026-13-01,1\n", "row 2, column date"),
        ("date,cost\n2026-01-01,1,2\n", "row 2: has 3 fields"),
        ("date,cost\n1950-01-01,1\n2026-01-01,1\n", "is a date wrong"),
        ("date,cost\n2026-01-01,1\n9999-12-31,1\n", "row 3, column date: '9999-12-31' is not between"),
        ("date,cost\n1767225600000,1\n", "row 2, column date: '1767225600000' is not a date"),
        ("date,cost,cost\n2026-01-01,1,2\n", "the column cost 2 times"),
        ("Datum,Kosten\n2026-01-01,1\n", "no column date: it is 'datum', 'kosten'"),
        ("date,cost,currency\n2026-01-01,1,USD\n2026-01-02,1,EUR\n", "row 3, column currency: a second currency"),
    ],
)
def test_bad_input_names_row_and_column(text: str, said: str) -> None:
    code, out, err = run(text)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_an_unknown_country_and_an_absent_package() -> None:
    assert run("date,cost\n2026-01-01,1\n", "--holidays", "XX")[0] == 2


def noisy_days(count: int) -> str:
    random = np.random.default_rng(5)
    days = (f"{START + timedelta(days=at)},{100 + at % 7 + random.normal(0, 1):.2f}" for at in range(count))
    return "\n".join(["date,cost", *days])


@pytest.mark.skipif(find_spec("prophet") is not None, reason="Prophet is installed")
def test_prophet_that_is_not_installed_is_an_error() -> None:
    code, out, said = run(noisy_days(30), "--with-prophet")
    assert (code, out) == (2, "")
    assert "pip install 'opsrail-finops[prophet]'" in said


@pytest.mark.slow
@needs_prophet
def test_prophet_takes_part_only_when_asked() -> None:
    code, out, said = run(noisy_days(60), "--with-prophet", "--json")
    answer = json.loads(out)
    assert (code, said) == (0, "")
    assert "prophet" in answer["back_test"]["mean_absolute_error"]
    assert 0 <= answer["weights"]["prophet"] <= 1
    plain = json.loads(run(noisy_days(60), "--json")[1])
    assert "prophet" not in plain["weights"]


@needs_prophet
def test_prophet_that_had_too_few_days_is_said_to_take_no_part() -> None:
    code, out, said = run(noisy_days(12), "--with-prophet")
    assert (code, len(out.splitlines())) == (0, 31)
    assert "note: prophet took no part" in said


@needs_prophet
def test_prophet_alone_follows_weekdays() -> None:
    days = calendar(START, 150)
    costs = 100.0 + 20 * (days.weekday[:120] < 5)
    guess = prophet(take_apart(costs, days[:120]), days[120:])
    assert guess is not None
    np.testing.assert_allclose(guess, 100.0 + 20 * (days.weekday[120:] < 5), atol=2)


def test_repeated_days_are_added_up_and_absent_days_unknown() -> None:
    text = "date,cost\n2026-01-01,1\n2026-01-01,2\n2026-01-03,3\n"
    code, out, _ = run(text, "--horizon", "1")
    assert code == 0
    assert out.splitlines()[1].startswith("2026-01-04,3,")
