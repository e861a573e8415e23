"""The stochastic frontier against importance sampling by the textbook's formula."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_ndtr, ndtr

from densing_bayes.trend.files import load_trend
from densing_bayes.trend.fitting import draw_trend
from densing_bayes.trend.frontier import FrontierPriors, _Posterior, draw_frontier
from densing_bayes.trend.rows import Rows

FRONTIER, DRIFT = load_trend("frontier"), load_trend("frontier_drift")
MODELS = 12


def world(*, censored=False, years_sd=0.0, organisations=3, seed=5):
    rng = np.random.default_rng(seed)
    years = np.sort(rng.uniform(0.0, 2.5, MODELS))
    error = rng.uniform(0.1, 0.5, MODELS)
    seen = 2.0 * years - 1.0 - rng.exponential(0.8, MODELS) + rng.normal(0.0, error)
    side = np.zeros(MODELS, dtype=int)
    if censored:
        side[[1, 4]], side[[8, 11]] = -1, 1
    return Rows(
        seen[None], error[None], side[None], years, np.full(MODELS, years_sd),
        np.arange(MODELS) % organisations,
    )  # fmt: skip


def log_posterior(position, rows, trend):
    """The same density written down again, parameter by parameter.

    Positions are A, level at the origin, ln sigma, ln lambda and, if they are there, kappa,
    ln tau, z.
    """
    growth, level, log_sigma, log_lambda, *rest = position.T
    sigma, mean = np.exp(log_sigma), np.exp(log_lambda)
    value = trend.growth_rate.frozen().logpdf(growth) + trend.level.frozen().logpdf(level)
    value = value + trend.noise_sd.frozen().logpdf(sigma) + log_sigma
    value = value + trend.shortfall.frozen().logpdf(mean) + log_lambda
    drift = effect = np.zeros_like(growth)[:, None]
    if rest:
        drift, log_tau = rest[0][:, None], rest[1]
        value = value + trend.shortfall_drift.frozen().logpdf(rest[0])
        value = value + trend.organisation_sd.frozen().logpdf(np.exp(log_tau)) + log_tau
        z = np.stack(rest[2:], axis=1)
        value = value + stats.norm.logpdf(z).sum(axis=1)
        effect = (np.exp(log_tau)[:, None] * z)[:, rows.organisation]
    log_change = drift * (rows.years - rows.years.mean()) + effect
    own_mean = mean[:, None] * np.exp(np.clip(log_change, -300.0, 300.0))
    line = growth[:, None] * rows.years + level[:, None]
    noise = np.sqrt(
        sigma[:, None] ** 2 + rows.target_sd[0] ** 2 + (growth[:, None] * rows.years_sd) ** 2
    )
    e = line - rows.centre[0]
    # The textbook's formula; a shortfall of next to nothing is left to the Normal.
    with np.errstate(all="ignore"):
        log_f = 0.5 * (noise / own_mean) ** 2 - e / own_mean - np.log(own_mean)
        log_f = log_f + log_ndtr(e / noise - noise / own_mean)
        log_f = np.where(noise < 1e4 * own_mean, log_f, stats.norm.logpdf(e, scale=noise))
        above = ndtr(e / noise) - own_mean * np.exp(np.minimum(log_f, 50.0))
    above = np.clip(above, 1e-300, 1.0 - 1e-16)
    part = np.where(rows.side[0] == 0, log_f, np.log(np.where(rows.side[0] > 0, above, 1 - above)))
    assert not np.isnan(part[np.abs(log_change).max(axis=1) < 50.0]).any()
    return value + np.where(np.isnan(part), -np.inf, part).sum(axis=1)


def positions(drawn):
    """Parameters that were drawn, as positions on the whole line."""
    one = {name: value[0] for name, value in drawn.items()}
    columns = [one["growth_rate"], one["level"], np.log(one["noise_sd"]), np.log(one["shortfall"])]
    if "shortfall_drift" in one:
        columns += [one["shortfall_drift"], np.log(one["organisation_sd"])]
        columns += list((one["organisation_effect"] / one["organisation_sd"][:, None]).T)
    return np.stack(columns, axis=1)


def natural(position):
    """Scales themselves: their logs have a long tail downwards, of which little is known."""
    scales = [2, 3, 5][: 2 + (position.shape[1] > 4)]
    out = position.copy()
    out[:, scales] = np.exp(position[:, scales])
    return out


def weighted(found, rows, trend, count, rng):
    """Mean and sd by importance sampling; the proposal is only placed by what was drawn."""
    centre, spread = found.mean(axis=0), 1.4 * np.cov(found.T)
    proposal = stats.multivariate_t(centre, spread, df=5, seed=rng)
    points = proposal.rvs(count)
    log_weight = log_posterior(points, rows, trend) - proposal.logpdf(points)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    assert 1.0 / (weight**2).sum() > 800
    points = natural(points)
    mean = weight @ points
    return mean, np.sqrt(weight @ (points - mean) ** 2)


@pytest.mark.parametrize(
    ("trend", "changes"),
    [
        (FRONTIER, {}),
        (FRONTIER, {"censored": True}),
        (FRONTIER, {"years_sd": 0.1}),
        (DRIFT, {}),
        (DRIFT, {"censored": True}),
    ],
    ids=["plain", "censored", "inexact dates", "drift", "drift censored"],
)
def test_it_is_the_posterior_of_the_model(trend, changes):
    rows = world(**changes)
    rng = np.random.default_rng(3)
    drawn, sampler = draw_trend(rows, trend, draws=64 * 25, rng=rng)
    found = positions(drawn)
    count = 15000 if trend is FRONTIER else 40000
    mean, sd = weighted(found, rows, trend, count, rng)
    found = natural(found)
    np.testing.assert_allclose((found.mean(axis=0) - mean) / sd, 0.0, atol=0.12)
    np.testing.assert_allclose(found.std(axis=0) / sd, 1.0, atol=0.12)
    assert sampler["rhat"] < 1.05
    assert sampler["accepted"] > 0.6


@pytest.mark.parametrize("trend", [FRONTIER, DRIFT])
@pytest.mark.parametrize("censored", [False, True])
def test_gradients_are_those_of_the_density(trend, censored):
    rows = world(censored=censored, years_sd=0.1)
    posterior = _Posterior(rows, _priors(trend))
    start = posterior.start(np.random.default_rng(1))[0]
    value_at = lambda x: posterior(x[None])[0][0]  # noqa: E731
    gradient = posterior(start[None])[1][0]
    for at in range(len(start)):
        step = np.zeros_like(start)
        step[at] = 1e-5
        slope = (value_at(start + step) - value_at(start - step)) / 2e-5
        assert gradient[at] == pytest.approx(slope, rel=1e-5, abs=1e-6), at


def _priors(trend):
    return FrontierPriors(
        **{one.name: getattr(trend, one.name) for one in dataclasses.fields(FrontierPriors)}
    )


@pytest.mark.parametrize(
    "dist", ["LogNormal", "HalfNormal", "Gamma", "InverseGamma", "Exponential"]
)
def test_priors_by_their_own_formulas_are_scipys(dist):
    from densing_bayes.distributions import Distribution
    from densing_bayes.trend.log_priors import log_prior_of_log

    numbers = {
        "LogNormal": {"mu": -0.3, "sigma": 0.7},
        "HalfNormal": {"sigma": 0.5},
        "Gamma": {"alpha": 2.5, "beta": 3.0},
        "InverseGamma": {"alpha": 2.5, "beta": 3.0},
        "Exponential": {"lam": 1.7},
    }[dist]
    prior = Distribution(dist=dist, parameters=numbers)
    x = np.linspace(-5.0, 2.0, 40)
    value, slope = log_prior_of_log(prior, x)
    expected = prior.frozen().logpdf(np.exp(x)) + x
    np.testing.assert_allclose(np.diff(value), np.diff(expected), rtol=1e-9, atol=1e-9)
    moved = [log_prior_of_log(prior, x + step)[0] for step in (-1e-5, 1e-5)]
    np.testing.assert_allclose(slope, (moved[1] - moved[0]) / 2e-5, rtol=1e-5, atol=1e-6)


def test_models_that_are_not_known_are_left_out():
    rows = world()
    gone = np.arange(MODELS) % 4 == 0
    gaps = dataclasses.replace(rows, centre=np.where(gone, np.nan, rows.centre))
    # the same middle of the times, or the drift would be meant of another date
    posterior, fewer = _Posterior(gaps, _priors(DRIFT)), _Posterior(rows, _priors(DRIFT))
    position = fewer.start(np.random.default_rng(2))
    fewer.known = fewer.known & ~gone
    for ours, theirs in zip(posterior(position), fewer(position), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert np.isfinite(posterior(position)[1]).all()


def test_too_little_for_a_frontier_is_refused():
    rows = world()
    rows = dataclasses.replace(rows, centre=np.where(np.arange(MODELS) < 2, rows.centre, np.nan))
    with pytest.raises(ValueError, match="at least three densities of two dates"):
        draw_frontier(rows, _priors(FRONTIER), draws=1, rng=np.random.default_rng(1))


def test_rows_have_posteriors_of_their_own_and_the_seed_fixes_them():
    rows = world().repeated(40)
    shifts = np.repeat([0.0, 4.0], 20)
    rows = dataclasses.replace(rows, centre=rows.centre + shifts[:, None])
    first, again = (
        draw_trend(rows, FRONTIER, draws=20, rng=np.random.default_rng(4))[0] for _ in range(2)
    )
    assert all((first[name] == again[name]).all() for name in first)
    low, high = (first["level"][shifts == shift].mean() for shift in (0.0, 4.0))
    assert high - low == pytest.approx(4.0, abs=0.25)
    assert first["growth_rate"].shape == (40, 20)
