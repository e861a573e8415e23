"""Scores of predictions against their closed forms."""

import numpy as np
import pytest
from scipy import stats

from densing_bayes.scoring import central_interval, crps, interval_score, score_predictions

RNG = np.random.default_rng(7)


def test_crps_of_a_normal_is_its_closed_form():
    seen = np.array([-2.0, 0.0, 0.7, 3.0])
    draws = RNG.normal(0.5, 1.5, size=(50_000, 4))
    z = (seen - 0.5) / 1.5
    exact = 1.5 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(crps(draws, seen), exact, rtol=0.04)


def test_crps_is_that_of_all_pairs():
    draws = RNG.normal(size=(30, 2))
    pairs = np.abs(draws[:, None] - draws[None]).sum(axis=(0, 1)) / (30 * 29)
    expected = np.abs(draws - 0.3).mean(axis=0) - pairs / 2
    np.testing.assert_allclose(crps(draws, np.full(2, 0.3)), expected)


def test_the_interval_score_is_width_and_penalty():
    draws = np.tile(np.linspace(0.0, 1.0, 1001)[:, None], 3)
    low, high = central_interval(draws, 0.8)
    np.testing.assert_allclose([low, high], [[0.1] * 3, [0.9] * 3])
    score = interval_score(draws, np.array([0.5, 0.0, 1.2]), 0.8)
    np.testing.assert_allclose(score, [0.8, 0.8 + 10 * 0.1, 0.8 + 10 * 0.3])


def test_true_predictions_cover_as_often_as_they_say():
    seen = RNG.normal(0.3, 0.1, size=1500)
    draws = RNG.normal(0.3, 0.1, size=(1500, 1500))
    found = score_predictions(draws, seen)
    for level in (50, 80, 90, 95):
        assert found[f"coverage_{level}"] == pytest.approx(level / 100, abs=0.04)
    assert found["rmse_log"] == pytest.approx(0.1, rel=0.05)
    assert found["bias_log"] == pytest.approx(0.0, abs=0.01)
    assert found["n"] == 1500
    assert found["rmse"] == pytest.approx(0.1 * np.exp(0.3), rel=0.08)
