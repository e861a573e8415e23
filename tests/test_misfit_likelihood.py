"""The likelihoods of scale-dependent noise and misfit against scipy's multivariate densities."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import stats

from densing_bayes.likelihoods import (
    _misfit_logp,
    _misfit_random,
    _run_effect_logp,
    _student_t_random,
    misfit_normal,
    student_t_noise,
)

RNG = np.random.default_rng(8)
RUNS, NAMES, FEATURES = 7, 3, 4
MU = RNG.normal(size=(RUNS, NAMES))
SIGMA = np.exp(RNG.normal(-0.5, 0.4, size=(RUNS, NAMES)))
OBSERVED = MU + RNG.normal(size=MU.shape)
PHI = RNG.normal(size=(RUNS, FEATURES))
REST = np.abs(RNG.normal(size=RUNS)) * 0.3
GAPS = np.ones((RUNS, NAMES))
GAPS[1, 0] = GAPS[2, :2] = GAPS[4] = GAPS[6, 1] = 0
COORDS = {"run": range(RUNS), "benchmark": list("abc")}
PLAIN = "FAST_COMPILE"


def covariance(tau, scale):
    """Covariance of all cells, run by run."""
    of_runs = scale**2 * (PHI @ PHI.T + np.diag(REST)) + tau**2 * np.eye(RUNS)
    return np.kron(of_runs, np.ones((NAMES, NAMES))) + np.diag(SIGMA.ravel() ** 2)


def misfit_model(tau, scale, measured):
    with pm.Model(coords=COORDS) as model:
        misfit_normal(
            "y",
            MU,
            sigma=SIGMA,
            run_sd=tau,
            measured=measured,
            features=PHI,
            remainder=REST,
            misfit_sd=scale,
            observed=np.where(measured > 0, OBSERVED, 99.0),
            dims=("run", "benchmark"),
        )
    return model


@pytest.mark.parametrize("tau", [0.0, 0.4])
@pytest.mark.parametrize("scale", [0.0, 0.7, 20.0])
@pytest.mark.parametrize("measured", [np.ones_like(GAPS), GAPS], ids=["complete", "with gaps"])
def test_all_runs_are_one_multivariate_normal(tau, scale, measured):
    found = misfit_model(tau, scale, measured).compile_logp(mode=PLAIN)({})
    seen = measured.ravel() > 0
    expected = stats.multivariate_normal(
        MU.ravel()[seen], covariance(tau, scale)[np.ix_(seen, seen)]
    ).logpdf(OBSERVED.ravel()[seen])
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_without_a_misfit_it_is_the_run_effect():
    parts = [pt.as_tensor(part) for part in (OBSERVED, MU, SIGMA, 0.3, GAPS)]
    with_zero = _misfit_logp(*parts, pt.as_tensor(PHI), pt.as_tensor(REST), pt.as_tensor(0.0))
    alone = pt.sum(_run_effect_logp(*parts))
    assert float(with_zero.eval()) == pytest.approx(float(alone.eval()), rel=1e-12)


def test_its_gradient_is_finite_and_right():
    scale, tau, shift = pt.dscalars("scale", "tau", "shift")
    fixed = [pt.as_tensor(part) for part in (OBSERVED, MU)]
    logp = _misfit_logp(
        fixed[0], fixed[1] + shift, pt.as_tensor(SIGMA), tau, pt.as_tensor(GAPS),
        pt.as_tensor(PHI), pt.as_tensor(REST), scale,
    )  # fmt: skip
    inputs = [scale, tau, shift]
    value = pytensor.function(inputs, logp, mode=PLAIN)
    slope = pytensor.function(inputs, pt.grad(logp, inputs), mode=PLAIN)
    at = np.array([0.5, 0.3, 0.1])
    for place, found in enumerate(slope(*at)):
        step = np.zeros(3)
        step[place] = 1e-5
        by_difference = (value(*(at + step)) - value(*(at - step))) / 2e-5
        assert float(found) == pytest.approx(float(by_difference), rel=1e-6)
    assert np.isfinite([float(part) for part in slope(1e-8, 1e-8, 0.0)]).all()


def test_random_draws_have_the_covariance_of_the_density():
    rng = np.random.default_rng(3)
    draws = _misfit_random(
        MU, SIGMA, 0.4, np.ones_like(MU), PHI, REST, 0.7, rng=rng, size=(40_000,)
    )
    assert draws.shape == (40_000, RUNS, NAMES)
    found = np.cov(draws.reshape(len(draws), -1).T)
    np.testing.assert_allclose(found, covariance(0.4, 0.7), atol=0.12)
    one = _misfit_random(MU, SIGMA, 0.4, np.ones_like(MU), PHI, REST, 0.7, rng=rng, size=None)
    assert one.shape == MU.shape


@pytest.mark.parametrize("measured", [np.ones_like(GAPS), GAPS], ids=["complete", "with gaps"])
def test_heavy_tails_are_student_t(measured):
    with pm.Model(coords=COORDS) as model:
        student_t_noise(
            "y",
            MU,
            sigma=SIGMA,
            df=np.float64(3.5),
            measured=measured,
            observed=np.where(measured > 0, OBSERVED, 99.0),
            dims=("run", "benchmark"),
        )
    by_run = model.compile_logp(sum=False, mode=PLAIN)({})[0]
    expected = (stats.t(3.5, MU, SIGMA).logpdf(OBSERVED) * measured).sum(axis=1)
    np.testing.assert_allclose(by_run, expected, rtol=1e-10, atol=1e-12)


def test_their_random_draws_are_student_t():
    rng = np.random.default_rng(4)
    draws = _student_t_random(
        MU, SIGMA, np.array(5.0), np.ones_like(MU), rng=rng, size=(20_000, RUNS)
    )
    standard = (draws - MU) / SIGMA
    assert stats.kstest(standard[:, 2, 1], stats.t(5.0).cdf).pvalue > 1e-3
