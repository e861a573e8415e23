"""The two likelihoods against scipy, and their random draws against their own moments."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats

from densing_bayes.likelihoods import run_effect_normal, score_below_ceiling

RNG = np.random.default_rng(5)
MU = RNG.normal(size=(6, 4))
SIGMA = np.array([0.3, 0.5, 1.1, 0.7])
OBSERVED = MU + RNG.normal(size=MU.shape)
GAPS = np.array(
    [[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]]
)
COORDS = {"run": range(6), "benchmark": list("abcd")}


def run_model(*, tau, measured):
    with pm.Model(coords=COORDS) as model:
        run_effect_normal(
            "y",
            MU,
            sigma=SIGMA,
            run_sd=tau,
            measured=measured.astype(float),
            observed=np.where(measured, OBSERVED, 99.0),
            dims=("run", "benchmark"),
        )
    return model


@pytest.mark.parametrize("tau", [0.0, 0.4, 3.0])
@pytest.mark.parametrize("measured", [np.ones_like(GAPS), GAPS], ids=["complete", "with gaps"])
def test_a_run_is_multivariate_normal(tau, measured):
    model = run_model(tau=tau, measured=measured)
    by_run = model.compile_logp(sum=False)({})[0]
    for i, seen in enumerate(measured.astype(bool)):
        expected = 0.0
        if seen.any():
            covariance = tau**2 + np.diag(SIGMA**2)
            expected = stats.multivariate_normal(
                MU[i, seen], covariance[np.ix_(seen, seen)]
            ).logpdf(OBSERVED[i, seen])
        assert by_run[i] == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_random_draws_have_that_covariance():
    model = run_model(tau=0.6, measured=np.ones_like(GAPS))
    draws = pm.draw(model["y"], draws=20_000, random_seed=1)
    assert draws.shape == (20_000, 6, 4)
    np.testing.assert_allclose(draws.mean(axis=0), MU, atol=0.05)
    expected = 0.6**2 + np.diag(SIGMA**2)
    for i in range(6):
        np.testing.assert_allclose(np.cov(draws[:, i].T), expected, atol=0.05)
    across = np.corrcoef(draws[:, 0, 0], draws[:, 1, 0])[0, 1]
    assert abs(across) < 0.03, "runs are independent of each other"


Z = np.array([-60.0, -8.0, -0.5, 0.0, 2.0, 40.0])


@pytest.mark.parametrize("seen", [1, 0])
def test_a_ceiling_below_the_best_score_is_improbable(seen):
    best, sd = np.linspace(0.7, 0.9, 6), np.full(6, 0.01)
    with pm.Model(coords={"benchmark": range(6)}) as model:
        score_below_ceiling(
            "y",
            best + Z * sd,
            best=best,
            sd=sd,
            observed=np.full(6, seen, dtype="int64"),
            dims="benchmark",
        )
    logp = model.compile_logp(sum=False)({})[0]
    np.testing.assert_allclose(logp, stats.norm.logcdf(Z if seen else -Z), rtol=1e-6, atol=1e-12)


def test_its_random_draws_are_as_probable_as_it_says():
    with pm.Model(coords={"benchmark": range(6)}) as model:
        score_below_ceiling(
            "y", Z, best=0.0, sd=1.0, observed=np.ones(6, dtype="int64"), dims="benchmark"
        )
    draws = pm.draw(model["y"], draws=4000, random_seed=1)
    np.testing.assert_allclose(draws.mean(axis=0), stats.norm.cdf(Z), atol=0.03)
