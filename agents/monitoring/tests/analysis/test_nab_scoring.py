"""The benchmark's scoring, against detectors whose score is known and a case worked out by hand."""

from math import exp

import numpy as np
import pytest

from bench.nab_scoring import PROFILES, label, scaled_sigmoid, settling_rows, sweep

ROWS = 1000
WINDOWS = [(300, 399), (700, 799)]


def detections(*rows: int, level: float = 1.0) -> np.ndarray:
    scores = np.zeros(ROWS)
    scores[list(rows)] = level
    return scores


def sigmoid(position: float) -> float:
    return 2.0 / (1.0 + exp(5.0 * position)) - 1.0


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
class TestEveryProfile:
    def test_silence_scores_nothing(self, profile) -> None:
        assert sweep([(np.zeros(ROWS), label(ROWS, WINDOWS))], profile).at(0.5) == 0.0

    def test_first_rows_of_all_windows_score_a_hundred(self, profile) -> None:
        threshold, best = sweep([(detections(300, 700), label(ROWS, WINDOWS))], profile).best()
        assert (threshold, best) == (1.0, pytest.approx(100.0))

    def test_a_case_by_hand(self, profile) -> None:
        scores = detections(349, 360, 405, 600, 50)
        miss, late = -profile.fn, sigmoid(-51 / 100) / sigmoid(-1.0) * profile.tp
        after, far = sigmoid(6 / 99) * profile.fp, sigmoid(201 / 99) * profile.fp
        raw = late + after + far + miss
        expected = 100.0 * (raw + 2 * profile.fn) / (2 * (profile.tp + profile.fn))
        assert sweep([(scores, label(ROWS, WINDOWS))], profile).at(0.5) == pytest.approx(expected)

    def test_detecting_every_row_pays_for_each(self, profile) -> None:
        labels = label(ROWS, WINDOWS)
        outside = labels.gain[150:][labels.window[150:] == -1].sum() * profile.fp
        expected = 100.0 * (2 * profile.tp + outside + 2 * profile.fn) / (2 * (profile.tp + profile.fn))
        assert sweep([(np.ones(ROWS), labels)], profile).at(0.5) == pytest.approx(expected)


def test_settling_time_is_fifteen_per_cent_and_at_most_750_rows() -> None:
    assert [settling_rows(rows) for rows in (100, 4032, 22_695)] == [15, 604, 750]
    curve = sweep([(detections(*range(150)), label(ROWS, WINDOWS))], PROFILES[0])
    assert curve.at(0.5) == 0.0


def test_before_any_window_a_false_alarm_costs_whole() -> None:
    curve = sweep([(detections(200), label(ROWS, WINDOWS))], PROFILES[0])
    assert curve.at(0.5) == pytest.approx(100.0 * -0.11 / 4.0)


def test_sigmoid_ends() -> None:
    assert scaled_sigmoid(np.array([0.0, 3.1])).tolist() == [0.0, -1.0]


def test_one_threshold_holds_for_the_corpus() -> None:
    quiet, loud = detections(300, 700, level=0.6), detections(200, 210, 220, 230, level=0.6)
    labels = label(ROWS, WINDOWS)
    together = sweep([(quiet, labels), (loud, labels)], PROFILES[0])
    assert together.at(0.5) == pytest.approx(100.0 * (4.0 - 0.44) / 8.0)
    assert together.at(0.7) == 0.0
