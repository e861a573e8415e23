"""Simultaneous bands against simulation, against ArviZ, and against what must be outside."""

import numpy as np
import pytest
from arviz_stats.ecdf_utils import get_pointwise_confidence_band, simulate_confidence_bands

from densing_bayes.sbc.bands import band, family, uniformity_p, within_probability


def counts(places):
    n = len(places)
    return np.searchsorted(np.sort(places), np.arange(1, n + 1) / n, side="right")


@pytest.mark.parametrize(("n", "probability"), [(20, 0.8), (100, 0.95), (300, 0.5)])
def test_a_band_holds_uniform_samples_as_often_as_it_says(n, probability):
    lower, upper = band(n, probability)
    rng = np.random.default_rng(n)
    found = [counts(rng.uniform(size=n)) for _ in range(4000)]
    held = np.mean([((one >= lower) & (one <= upper)).all() for one in found])
    exact = within_probability(lower, upper)
    assert exact >= probability
    assert held == pytest.approx(exact, abs=4 * np.sqrt(0.25 / 4000))


def test_the_band_of_two_numbers_is_the_one_worked_out_by_hand():
    # both below 1/2 has probability 1/4, none as well: a band that forbids both keeps 1/2
    assert within_probability(np.array([1, 2]), np.array([1, 2])) == pytest.approx(0.5)
    assert within_probability(np.array([0, 2]), np.array([1, 2])) == pytest.approx(0.75)
    assert within_probability(np.array([0, 2]), np.array([2, 2])) == pytest.approx(1.0)


def test_the_band_agrees_with_arviz():
    n = 200
    z = np.arange(1, n) / n
    pointwise = simulate_confidence_bands(n, 1, z, 0.95, 3000, np.random.default_rng(1))
    theirs = np.array(get_pointwise_confidence_band(pointwise, n, z)) * n
    ours = np.array([part[:-1] for part in band(n, 0.95)])
    assert np.abs(ours - theirs).max() <= 2  # their level is simulated, ours exact


def test_tail_probabilities_are_uniform():
    rng = np.random.default_rng(3)
    p = np.array([uniformity_p(rng.uniform(size=60)) for _ in range(2000)])
    for level in (0.01, 0.05, 0.2, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=4 * np.sqrt(level / 2000))


def test_a_family_of_exact_quantities_is_inside_as_often_as_it_says():
    rng = np.random.default_rng(4)
    families = 200
    outside = sum(
        not family({str(k): rng.uniform(size=80) for k in range(30)})["inside"].all()
        for _ in range(families)
    )
    # each in its own 95 % band would be outside in 79 % of the families
    assert outside / families <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / families)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda u: u**1.25,
        lambda u: np.clip(0.5 + 0.8 * (u - 0.5), 0, 1),
        lambda u: np.clip(0.5 + 1.3 * (u - 0.5), 1e-6, 1 - 1e-6),
    ],
    ids=["biased", "too wide", "too narrow"],
)
def test_what_is_not_uniform_is_outside_a_large_family(wrong):
    rng = np.random.default_rng(5)
    places = {str(k): rng.uniform(size=1000) for k in range(40)}
    table = family(places | {"wrong": wrong(rng.uniform(size=1000))})
    assert table["quantity"][0] == "wrong"
    assert not table["inside"][0]
    assert table["inside"][1:].all()


def test_quantities_with_the_same_places_count_once():
    u = np.random.default_rng(6).uniform(size=50)
    table = family({"a": u, "log_a": u, "b": 1 - u}).set_index("quantity")
    assert table.loc["log_a", "same_as"] == "a"
    assert table.loc["a", "p_family"] == pytest.approx(min(1, 2 * table.loc["a", "p"]))
