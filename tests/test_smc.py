"""Sequential Monte Carlo against posteriors whose masses and evidence are known exactly."""

import numpy as np
import pytest
from scipy.special import logsumexp

from densing_bayes.smc import _local_scales, draw_population

PRIOR_SD = 10.0


def two_bumps(dimension, *, weights, apart=10.0):
    """Return the density of a Normal prior and a likelihood of two unit bumps, and its evidence.

    The bumps lie symmetrically about the prior's centre, so the posterior has their weights.
    """
    centre = np.zeros((2, dimension))
    centre[:, 0] = -apart / 2, apart / 2
    log_weight = np.log(weights)

    def density(x):
        gap = x[:, None, :] - centre
        part = log_weight - 0.5 * (gap**2).sum(axis=2) - 0.5 * dimension * np.log(2 * np.pi)
        log_likelihood = logsumexp(part, axis=1)
        share = np.exp(part - log_likelihood[:, None])
        log_prior = -0.5 * (x**2).sum(axis=1) / PRIOR_SD**2
        log_prior -= dimension * np.log(PRIOR_SD * np.sqrt(2 * np.pi))
        return (
            log_prior,
            log_likelihood,
            -x / PRIOR_SD**2,
            -(share[:, :, None] * gap).sum(axis=1),
        )

    variance = PRIOR_SD**2 + 1
    evidence = -0.5 * (centre**2).sum(axis=1) / variance
    evidence -= 0.5 * dimension * np.log(2 * np.pi * variance)
    return density, float(logsumexp(log_weight + evidence))


def prior(count, dimension, seed):
    return PRIOR_SD * np.random.default_rng(seed).normal(size=(count, dimension))


@pytest.mark.parametrize(
    ("dimension", "particles"),
    [(5, 4000), (20, 4000), pytest.param(40, 4000, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_two_shapes_ten_sds_apart_get_their_masses(dimension, particles, seed):
    density, log_evidence = two_bumps(dimension, weights=[0.3, 0.7])
    found = draw_population(density, prior(particles, dimension, 100 + seed), seed=seed)
    assert (found.positions[:, 0] < 0).mean() == pytest.approx(0.3, abs=0.05)
    assert found.log_evidence == pytest.approx(log_evidence, abs=0.3)
    assert found.temperatures[-1] == 1.0
    # within a shape the draws are those of a unit Normal
    inside = found.positions[found.positions[:, 0] > 0]
    np.testing.assert_allclose(inside[:, 1:].std(axis=0), np.sqrt(1 / 1.01), rtol=0.12)


def stretched(dimension, seed):
    """Return a Normal prior with a Normal likelihood of sds from 0.01 to 1, turned."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(dimension, dimension)))
    covariance = (turn * np.geomspace(1e-4, 1.0, dimension)) @ turn.T
    precision = np.linalg.inv(covariance)
    centre = rng.normal(size=dimension)

    def density(x):
        gap = (x - centre) @ precision
        log_likelihood = -0.5 * (gap * (x - centre)).sum(axis=1)
        return -0.5 * (x**2).sum(axis=1), log_likelihood, -x, -gap

    log_det = [
        np.linalg.slogdet(matrix)[1] for matrix in (covariance, covariance + np.eye(dimension))
    ]
    whole = np.linalg.inv(covariance + np.eye(dimension))
    log_evidence = 0.5 * (log_det[0] - log_det[1]) - 0.5 * centre @ whole @ centre
    posterior = np.linalg.inv(precision + np.eye(dimension))
    # the prior's normalising constant is left out of the density, and plays no part
    return density, log_evidence, posterior, posterior @ precision @ centre


@pytest.mark.parametrize("dimension", [1, 10])
def test_a_conjugate_posterior_and_its_evidence(dimension):
    density, log_evidence, covariance, mean = stretched(dimension, seed=5)
    start = np.random.default_rng(6).normal(size=(2000, dimension))
    found = draw_population(density, start, seed=7)
    assert found.log_evidence == pytest.approx(log_evidence, abs=0.25)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((found.positions.mean(axis=0) - mean) / sd, 0.0, atol=0.12)
    np.testing.assert_allclose(found.positions.std(axis=0) / sd, 1.0, rtol=0.1)


def test_the_same_seed_gives_the_same_population():
    density, _ = two_bumps(3, weights=[0.5, 0.5])
    first, again, other = (
        draw_population(density, prior(200, 3, 1), seed=seed).positions for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[: len(other)], other[: len(first)])


def test_where_the_density_is_not_a_number_there_is_no_particle():
    def density(x):
        outside = x[:, 0] < 0
        log_likelihood = np.where(outside, np.nan, -0.5 * ((x - 1) ** 2).sum(axis=1))
        return -0.5 * (x**2).sum(axis=1), log_likelihood, -x, -(x - 1)

    found = draw_population(density, np.random.default_rng(1).normal(size=(500, 2)), seed=1)
    assert (found.positions[:, 0] >= 0).all()


def test_too_few_particles_and_impossible_data_are_refused():
    density, _ = two_bumps(20, weights=[0.5, 0.5])
    with pytest.raises(ValueError, match="30 particles are too few for 20 dimensions"):
        draw_population(density, prior(30, 20, 1), seed=1)

    def never(x):
        return -0.5 * (x**2).sum(axis=1), np.full(len(x), -np.inf), -x, 0 * x

    with pytest.raises(ValueError, match="contradict each other"):
        draw_population(never, prior(100, 2, 1), seed=1)


def test_an_absurd_place_of_the_prior_does_not_stop_the_search():
    """Gradients of 1e57 in four dimensions: no square of them fits beside those of the others."""
    rng = np.random.default_rng(3)
    gradient = rng.normal(size=(300, 18))
    gradient[5, :4] *= 1e57
    for root in _local_scales(gradient, np.zeros(300), 300):
        assert np.isfinite(root).all()
        assert (np.diag(root) > 0).all()
        np.testing.assert_allclose(np.diag(root)[4:], 1.0, rtol=0.4)
