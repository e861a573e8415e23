"""Density of what falls short of a frontier: against scipy, exact arithmetic and differences."""

import numpy as np
import pytest
from scipy.stats import exponnorm

from densing_bayes.trend.shortfall import log_density

RATIOS = 10.0 ** np.arange(-3, 3.1, 0.5)  # noise over shortfall


def points():
    """Places below and above the frontier, in units of the larger of noise and shortfall."""
    out = []
    for ratio in RATIOS:
        for shortfall in (0.02, 1.0, 7.0):
            noise = ratio * shortfall
            for place in (-30.0, -6.0, -1.0, -0.1, 0.0, 0.1, 1.0, 6.0, 30.0):
                out.append((place * max(noise, shortfall), noise, shortfall))
    return np.array(out).T


def test_it_is_scipys_density_wherever_scipy_has_digits():
    below, noise, shortfall = points()
    found = log_density(below, noise, shortfall, np.zeros(below.shape, dtype=int)).value
    expected = exponnorm(shortfall / noise, scale=noise).logpdf(below)
    has = np.isfinite(expected)
    assert has.mean() > 0.9
    np.testing.assert_allclose(found[has], expected[has], rtol=1e-9, atol=1e-9)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("side", "method"), [(1, "logcdf"), (-1, "logsf")])
def test_bounds_have_scipys_probability(side, method):
    below, noise, shortfall = points()
    found = log_density(below, noise, shortfall, np.full(below.shape, side)).value
    with np.errstate(divide="ignore"):
        expected = getattr(exponnorm(shortfall / noise, scale=noise), method)(below)
    # scipy takes the log of a probability: below 1e-10 or above 1 - 1e-10 it has no digits left
    has = (expected > -20) & (expected < -1e-10)
    assert has.mean() > 0.4
    np.testing.assert_allclose(found[has], expected[has], rtol=1e-6, atol=1e-9)
    assert np.isfinite(found).all()
    assert (found <= 1e-12).all()


def integrated(below, noise, shortfall, side):
    """The same by summing over the shortfall: no closed form, no special function but Phi."""
    from scipy.special import log_ndtr, logsumexp

    # on a grid even in the log of the shortfall
    first, last = np.log(shortfall) - 18.0, np.log(max(noise, shortfall)) + 4.5
    log_u = np.linspace(first, last, 40001)
    u = np.exp(log_u)
    log_prior = -u / shortfall - np.log(shortfall) + log_u
    z = (below - u) / noise
    part = {
        0: -0.5 * z**2 - 0.5 * np.log(2 * np.pi) - np.log(noise),
        1: log_ndtr(z),
        -1: log_ndtr(-z),
    }[side]
    return logsumexp(log_prior + part) + np.log((last - first) / 40000)


@pytest.mark.parametrize("side", [0, 1, -1])
def test_far_tails_against_the_sum_over_the_shortfall(side):
    for noise, shortfall in ((0.3, 0.3), (0.05, 1.0), (1.0, 0.05)):
        for place in (-25.0, -9.0, -3.0, 0.5, 3.0):
            below = place * max(noise, shortfall)
            args = [np.array([one]) for one in (below, noise, shortfall)]
            found = log_density(*args, np.array([side])).value[0]
            expected = integrated(below, noise, shortfall, side)
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-5), (noise, shortfall, place)


@pytest.mark.parametrize("side", [0, 1, -1])
def test_derivatives_are_those_of_the_value(side):
    below, noise, shortfall = points()
    # differences have no digits where values are of a million
    near = (np.abs(below) / noise < 300) & (noise / shortfall < 300)
    args = [one[near] for one in (below, noise, shortfall)]
    sides = np.full(near.sum(), side)
    found = log_density(*args, sides)
    unit = np.minimum(args[1], args[2])
    for place, derivative in enumerate((found.by_frontier, found.by_noise, found.by_shortfall)):
        step = 3e-4 * (np.maximum(args[1], 0.03 * args[2]) if place == 0 else args[place])

        def value(times, place=place, step=step):
            moved = [one + (times * step if at == place else 0.0) for at, one in enumerate(args)]
            return log_density(*moved, sides).value

        # five points: an error of step^4
        expected = (8 * (value(1) - value(-1)) - value(2) + value(-2)) / (12 * step)
        scale = np.abs(expected) + 1e-3 / unit
        clear = np.abs(found.value) < 1e4
        if side:  # where the probability is a difference of two that are as good as equal
            clear &= (found.value > -25) & (found.value < -1e-9)
        assert clear.mean() > 0.3
        assert (np.abs(derivative - expected) / scale)[clear].max() < 2e-4, place


@pytest.mark.parametrize("side", [0, 1, -1])
def test_no_place_is_not_a_number(side):
    rng = np.random.default_rng(2)
    size = 20000
    noise, shortfall = 10.0 ** rng.uniform(-3, 3, (2, size))
    below = rng.choice([-1.0, 1.0], size) * 10.0 ** rng.uniform(-6, 4, size)
    for part in log_density(below, noise, shortfall, np.full(size, side)):
        assert np.isfinite(part).all()
