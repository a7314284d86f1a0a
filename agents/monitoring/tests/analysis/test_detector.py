"""The streaming detector: what it raises, what it leaves alone, and the promises of its docstring."""

import json
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsrail_monitoring.analysis.alarm import ALARM
from opsrail_monitoring.analysis.detector import Detector, Verdict

STEP = 300.0
values = st.lists(
    st.one_of(st.none(), st.just(nan), st.floats(-1e6, 1e6).map(lambda x: round(x, 3))), min_size=1, max_size=150
)


def run(series: list[float | None], detector: Detector | None = None, start: int = 0) -> list[Verdict]:
    detector = detector or Detector()
    return [detector.update((start + row) * STEP, value) for row, value in enumerate(series)]


def raised(series: list[float]) -> list[int]:
    return [row for row, verdict in enumerate(run(list(series))) if verdict.anomalous]


def noise(rows: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(50.0, 2.0, rows)


def test_spike_is_raised_once_with_its_reason() -> None:
    series = noise(1500)
    series[1000:1003] = 120.0
    verdicts = run(series.tolist())
    rows = [row for row, verdict in enumerate(verdicts) if verdict.anomalous and 1000 <= row < 1100]
    assert rows == [1000]
    assert verdicts[1000].reason.startswith("spike: 120")
    low, high = verdicts[1000].expected or (0.0, 0.0)
    assert 40 < low < 50 < high < 60


def test_dip_is_named_a_dip() -> None:
    series = noise(1200)
    series[1000] = 0.0
    assert run(series.tolist())[1000].reason.startswith("dip")


def test_level_shift_is_raised_and_then_learnt() -> None:
    series = noise(3000)
    series[1500:] += 40.0
    rows = [row for row in raised(series.tolist()) if row >= 1500]
    assert rows[0] < 1510
    assert len(rows) <= 3


def test_flat_line_is_raised() -> None:
    series = noise(1000)
    series[800:] = series[799]
    verdicts = run(series.tolist())
    rows = [row for row in range(800, 1000) if verdicts[row].anomalous]
    assert len(rows) == 1
    assert verdicts[rows[0]].reason.startswith("flat line")


def test_growing_variance_is_raised() -> None:
    series = noise(2000)
    series[1500:1560] = 50.0 + 8.0 * (-1.0) ** np.arange(60)
    assert any(1500 <= row < 1560 for row in raised(series.tolist()))


def test_broken_season_is_raised_and_the_season_itself_is_not() -> None:
    day = 288
    hours = np.arange(day * 14) / day
    series = 50 + 30 * np.sin(2 * np.pi * hours) + np.random.default_rng(2).normal(0, 1, len(hours))
    broken = series.copy()
    broken[day * 11 + 30 : day * 11 + 120] = 50.0
    assert len(raised(series.tolist())) <= 1
    assert any(day * 11 + 30 <= row < day * 12 for row in raised(broken.tolist()))


def test_a_period_of_any_length_is_found_and_its_break_raised() -> None:
    rows = np.arange(6000)
    series = 50 + 20 * np.sin(2 * np.pi * rows / 90) + np.random.default_rng(2).normal(0, 1.5, len(rows))
    broken = series.copy()
    broken[4000:4100] = 50 + np.random.default_rng(3).normal(0, 1.5, 100)
    assert len(raised(series.tolist())) <= 1
    found = [verdict for verdict in run(broken.tolist())[4000:4100] if verdict.anomalous]
    assert len(found) == 1
    assert found[0].reason.startswith("season broken")


def test_weekends_are_learnt_and_a_working_day_like_a_weekend_is_raised() -> None:
    day = 288
    rows = np.arange(day * 28)
    working = (rows // day) % 7 < 5
    series = 50 + 20 * np.sin(2 * np.pi * rows / day) * working + np.random.default_rng(1).normal(0, 1.5, len(rows))
    broken = series.copy()
    broken[day * 23 + 100 : day * 23 + 200] = 50
    assert len(raised(series.tolist())) <= 4
    assert any(day * 23 + 100 <= row < day * 24 for row in raised(broken.tolist()))


def test_a_nightly_job_is_soon_taken_for_usual() -> None:
    series = noise(288 * 28)
    for night in range(28):
        series[night * 288 + 24 : night * 288 + 27] += 60
    nights = [row // 288 for row in raised(series.tolist())]
    assert nights[0] == 0
    assert len([night for night in nights if night >= 14]) <= 3


def test_spikes_at_no_fixed_time_are_raised_once_each() -> None:
    series = noise(8000, 5)
    at = [700, 1313, 2100, 2777, 3500, 4444]
    for row in at:
        series[row : row + 3] += 60
    found = [row for row in raised(series.tolist()) if row > 300]
    assert len(found) <= len(at) + 1
    assert sum(any(row <= each < row + 3 for each in found) for row in at) >= len(at) - 1


def test_each_reset_of_a_counter_is_one_anomaly() -> None:
    counter = np.cumsum(np.random.default_rng(1).poisson(100, 8000)).astype(float)
    for reset in (2500, 4100, 6000):
        counter[reset:] -= counter[reset]
    found = [row for row in raised(counter.tolist()) if row > 500]
    assert found == [2500, 4100, 6000]


@pytest.mark.parametrize(
    "series",
    [
        [5.0] * 2000,
        [0.0] * 2000,
        [float(row) for row in range(2000)],
        [float(row % 60) for row in range(2000)],
        [float(row // 500) * 1e-300 for row in range(400)],
    ],
    ids=["constant", "zero", "counter", "sawtooth", "tiny"],
)
def test_orderly_series_raise_next_to_nothing(series: list[float]) -> None:
    assert len(raised(series)) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_noise_does_not_flood(seed: int) -> None:
    assert len(raised(noise(4000, seed).tolist())) <= 6


def test_gaps_score_nothing_and_teach_nothing() -> None:
    series = noise(600).tolist()
    holed: list[float | None] = [*series[:300], None, nan, *series[300:]]
    scores = [verdict.score for verdict in run(holed)]
    assert scores[300] == scores[301] == 0.0
    times = [row * STEP for row in range(300)] + [(row + 2) * STEP for row in range(300, 600)]
    detector = Detector()
    assert [detector.update(at, value).score for at, value in zip(times, series, strict=True)] == (
        scores[:300] + scores[302:]
    )


@pytest.mark.parametrize("value", [inf, -inf, 1e101])
def test_numbers_beyond_bounds_are_refused_and_change_nothing(value: float) -> None:
    detector = Detector()
    run(noise(100).tolist(), detector)
    before = json.dumps(detector.state())
    with pytest.raises(ValueError, match="cannot be scored"):
        detector.update(0.0, value)
    assert json.dumps(detector.state()) == before


def test_times_may_repeat_and_step_back() -> None:
    detector = Detector()
    for at in (0.0, 0.0, 600.0, 300.0, -5.0):
        assert 0.0 <= detector.update(at, 1.0).score <= 1.0


@given(values)
@settings(max_examples=40, deadline=None)
def test_scores_lie_in_the_unit_interval_and_bands_are_ordered(series: list[float | None]) -> None:
    for verdict in run(series):
        assert 0.0 <= verdict.score <= 1.0
        assert (verdict.reason != "") == (verdict.score >= ALARM)
        if verdict.expected:
            assert verdict.expected[0] <= verdict.expected[1]


@given(values, st.integers(0, 150))
@settings(max_examples=40, deadline=None)
def test_a_score_depends_on_nothing_that_comes_later(series: list[float | None], cut: int) -> None:
    assert run(series)[:cut] == run(series[:cut])


@given(values, st.integers(0, 150))
@settings(max_examples=40, deadline=None)
def test_saving_and_resuming_is_exact(series: list[float | None], cut: int) -> None:
    detector = Detector()
    first = run(series[:cut], detector)
    resumed = Detector.from_state(json.loads(json.dumps(detector.state())))
    assert first + run(series[cut:], resumed, start=len(series[:cut])) == run(series)


@given(st.integers(0, 1000), st.sampled_from([0.25, 2.0, 1024.0]), st.sampled_from([-4096.0, 0.0, 512.0]))
@settings(max_examples=15, deadline=None)
def test_scale_and_shift_leave_scores_alike(seed: int, scale: float, shift: float) -> None:
    series = np.round(noise(400, seed) * 1024.0) / 1024.0
    series[300] = 80.0
    plain = [verdict.score for verdict in run(series.tolist())]
    moved = [verdict.score for verdict in run((series * scale + shift).tolist())]
    assert moved == pytest.approx(plain, abs=1e-3)


def test_memory_stays_bounded_on_the_worst_of_series() -> None:
    detector = Detector()
    sizes = []
    for row in range(6000):
        detector.update(row * STEP, float((-1) ** row) * (6000 - row))
        if row in (2999, 5999):
            sizes.append(len(json.dumps(detector.state())))
    assert max(sizes) < 100_000
    assert sizes[1] < 1.5 * sizes[0]


def test_a_found_period_is_saved_and_resumed_exactly() -> None:
    rows = np.arange(2600)
    series = (50 + 20 * np.sin(2 * np.pi * rows / 90) + np.random.default_rng(7).normal(0, 1.5, len(rows))).tolist()
    whole = run(series)
    for cut in (500, 1500, 2431):
        detector = Detector()
        run(series[:cut], detector)
        resumed = Detector.from_state(json.loads(json.dumps(detector.state())))
        assert run(series[cut:], resumed, start=cut) == whole[cut:]


def test_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version"):
        Detector.from_state({"version": 0})
