"""Hamiltonian Monte Carlo over many rows: known targets, rows that leave each other alone."""

import numpy as np
import pytest

from densing_bayes.trend.hmc import draw_many

ROWS, DRAWS = 200, 30
SCALES = np.geomspace(0.5, 2.0, ROWS)
CENTRES = np.linspace(-3.0, 3.0, ROWS)
COVARIANCE = np.array([[1.0, 0.8 * 0.3, 0.0], [0.8 * 0.3, 0.09, 0.0], [0.0, 0.0, 25.0]])
PRECISION = np.linalg.inv(COVARIANCE)


def normals(position):
    """Correlated Normals, of another centre and width in every row."""
    z = (position - CENTRES[:, None]) / SCALES[:, None]
    slope = -z @ PRECISION
    return 0.5 * (z * slope).sum(axis=1), slope / SCALES[:, None]


def draw(target, start, *, seed=1, draws=DRAWS, thin=5):
    return draw_many(target, start, draws=draws, thin=thin, rng=np.random.default_rng(seed))


def test_correlated_normals_of_different_widths():
    drawn = draw(normals, np.random.default_rng(0).normal(size=(ROWS, 3)))
    assert drawn.position.shape == (ROWS, DRAWS, 3)
    z = (drawn.position - CENTRES[:, None, None]) / SCALES[:, None, None]
    sd = np.sqrt(np.diag(COVARIANCE))
    # rows are independent, draws within a row nearly so: the error is that of the rows' means
    by_row = z.mean(axis=1) / sd
    error = by_row.std(axis=0) / np.sqrt(ROWS)
    assert (np.abs(by_row.mean(axis=0)) < 4 * error).all()
    assert (error < 0.03).all()
    found = np.cov(z.reshape(-1, 3).T) / np.outer(sd, sd)
    np.testing.assert_allclose(found, COVARIANCE / np.outer(sd, sd), atol=0.07)
    # narrow rows are not given the widths of wide ones
    for part in (slice(None, 50), slice(-50, None)):
        np.testing.assert_allclose(z[part].reshape(-1, 3).std(axis=0) / sd, 1.0, atol=0.1)
    assert 0.6 < drawn.accepted.mean() < 0.99
    assert drawn.divergences.sum() == 0


def test_a_heavy_and_a_bounded_target():
    """Exponential numbers by their logs: one tail like exp(x), the other like exp(-exp(x))."""

    def exponentials(position):
        return (position - np.exp(position)).sum(axis=1), 1.0 - np.exp(position)

    drawn = np.exp(draw(exponentials, np.zeros((400, 2)), thin=8).position)
    assert drawn.mean() == pytest.approx(1.0, abs=0.05)
    assert (drawn < np.log(2)).mean() == pytest.approx(0.5, abs=0.02)
    assert (drawn < 0.05).mean() == pytest.approx(1 - np.exp(-0.05), abs=0.01)


def test_a_region_without_probability_is_not_entered():
    def beyond_a_wall(position):
        value, slope = -0.5 * (position**2).sum(axis=1), -position
        return np.where(position[:, 0] > -1.0, value, -np.inf), slope

    # Walls make a sampler slow: step sizes that were learned at one stay small. None of our
    # posteriors has one.
    drawn = draw(beyond_a_wall, np.ones((200, 2)), thin=20).position
    assert (drawn[..., 0] > -1.0).all()
    assert drawn[..., 0].mean() == pytest.approx(0.2876, abs=0.07)  # phi(1) / Phi(1)
    assert drawn[..., 1].mean() == pytest.approx(0.0, abs=0.04)


def test_places_that_are_no_numbers_are_refused():
    def broken(position):
        value, slope = -0.5 * (position**2).sum(axis=1), -position
        far = np.abs(position[:, 0]) > 2.0
        return np.where(far, np.nan, value), np.where(far[:, None], np.nan, slope)

    drawn = draw(broken, np.zeros((100, 1))).position
    assert np.isfinite(drawn).all()
    assert np.abs(drawn).max() <= 2.0


def test_the_seed_fixes_the_draws():
    start = np.zeros((ROWS, 3))
    first, again, other = (draw(normals, start, seed=s, draws=3).position for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_a_row_that_cannot_move_stays_alone():
    """One row's density is no number but where it starts: the others draw what they draw."""

    def one_stuck(position):
        value, slope = normals(position)
        value[7] = 0.0 if (position[7] == 0.0).all() else -np.inf
        slope[7] = np.nan
        return value, slope

    drawn = draw(one_stuck, np.zeros((ROWS, 3)))
    assert (drawn.position[7] == 0.0).all()
    assert drawn.accepted[7] == 0.0
    assert drawn.divergences[7] == DRAWS * 5
    others = np.arange(ROWS) != 7
    assert drawn.divergences[others].sum() == 0
    z = (drawn.position - CENTRES[:, None, None]) / SCALES[:, None, None]
    sd = np.sqrt(np.diag(COVARIANCE))
    np.testing.assert_allclose(z[others].reshape(-1, 3).std(axis=0) / sd, 1.0, atol=0.07)
    assert np.abs(z[others].reshape(-1, 3).mean(axis=0) / sd).max() < 0.07
