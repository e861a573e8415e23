"""Trends that bend, against the full covariance of the log densities, summed over a grid."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from linear_trends import rows as rows_from
from scipy import stats

from densing_bayes.trend.clock import years_since_origin
from densing_bayes.trend.designs import BREAK, LINE, SATURATING
from densing_bayes.trend.files import list_trends, load_trend
from densing_bayes.trend.fitting import design_of, draw_trend, growth_at, level_at, theta_prior

MODELS = 14
CHATGPT = float(years_since_origin(np.datetime64("2022-11-30")))


def world(*, first=-1.5, last=2.5, error=0.3, seed=3):
    rng = np.random.default_rng(seed)
    years = np.sort(rng.uniform(first, last, MODELS))
    bent = 1.0 * years + 2.0 * np.maximum(years - 0.5, 0.0)
    seen = bent + rng.normal(0.0, 0.6, MODELS)
    sd = np.full(MODELS, error)
    side = np.zeros((1, MODELS), dtype=int)
    return rows_from(seen[None], sd[None], side, years=years, organisation=np.arange(MODELS) % 4)


def grid_posterior(rows, trend):
    """Mean and sd of the coefficients, the scales and theta: no code of the package's own.

    y is Normal given scales and theta, the coefficients being in its covariance; the coefficients
    are Normal given y.
    """
    y, years, sd = rows.centre[0], rows.years, rows.target_sd[0]
    same = (rows.organisation[:, None] == rows.organisation).astype(float)
    sigmas = taus = np.exp(np.linspace(np.log(0.01), np.log(4.0), 32))
    if trend.kind == "saturating":
        thetas = stats.halfnorm(scale=trend.slowing.parameters["sigma"]).ppf(middles(40))
        columns = [np.stack([(1 - np.exp(-k * years)) / k, np.ones(MODELS)]) for k in thetas]
        priors = [trend.growth_rate, trend.level]
    else:
        thetas = [CHATGPT]
        if trend.break_date is None:
            ends = years_since_origin([np.datetime64(trend.earliest), np.datetime64(trend.latest)])
            thetas = ends[0] + (ends[1] - ends[0]) * middles(60)
        columns = [
            np.stack([years, np.where(years > at, years - at, 0.0), np.ones(MODELS)])
            for at in thetas
        ]
        priors = [trend.growth_rate, trend.change, trend.level]
    mean, before = (np.array([p.parameters[k] for p in priors]) for k in ("mu", "sigma"))
    log_weight, moments = [], []
    own = [trend.noise_sd.frozen(), trend.organisation_sd.frozen()]
    s, t = (one.ravel() for one in np.meshgrid(sigmas, taus, indexing="ij"))
    log_prior = own[0].logpdf(s) + np.log(s) + own[1].logpdf(t) + np.log(t)
    for theta, x in zip(thetas, columns, strict=True):
        scatter = t[:, None, None] ** 2 * same + (s[:, None] ** 2 + sd**2)[:, :, None] * np.eye(
            MODELS
        )
        total = scatter + x.T @ np.diag(before**2) @ x
        left = y - mean @ x
        solved = np.linalg.solve(total, np.broadcast_to(left, (len(s), MODELS))[..., None])[..., 0]
        log_weight.append(log_prior - 0.5 * (np.linalg.slogdet(total)[1] + solved @ left))
        gain = before[:, None] ** 2 * x
        found = mean + solved @ gain.T
        taken = gain @ np.linalg.solve(total, np.broadcast_to(gain.T, (len(s), *gain.T.shape)))
        variance = before**2 - np.diagonal(taken, axis1=1, axis2=2)
        own_theta = np.full(len(s), theta)
        first = np.column_stack([found, s, t, own_theta])
        second = np.column_stack([variance + found**2, s**2, t**2, own_theta**2])
        moments.append(np.stack([first, second], axis=-1))
    log_weight = np.concatenate(log_weight)
    weight = np.exp(log_weight - log_weight.max())
    average = np.tensordot(weight / weight.sum(), np.concatenate(moments), axes=1)
    return average[:, 0], np.sqrt(np.maximum(average[:, 1] - average[:, 0] ** 2, 0.0))


def middles(count):
    return (np.arange(count) + 0.5) / count


@pytest.mark.parametrize("name", ["break_chatgpt", "break_unknown", "saturating"])
def test_it_is_the_posterior_of_the_model(name):
    trend, rows = load_trend(name), world()
    if name == "saturating":  # before the origin growth is faster still: keep to after it
        rows = world(first=0.0)
    drawn, _ = draw_trend(rows, trend, draws=900, rng=np.random.default_rng(2))
    design = design_of(trend)
    names = [*design.coefficients, "noise_sd", "organisation_sd"]
    mean, sd = grid_posterior(rows, trend)
    if design.theta:
        names.append(design.theta)
    for place, quantity in enumerate(names):
        found = drawn[quantity][0]
        assert (found.mean() - mean[place]) / sd[place] == pytest.approx(0.0, abs=0.13), quantity
        assert found.std() / sd[place] == pytest.approx(1.0, abs=0.13), quantity


@pytest.mark.parametrize("name", ["break_unknown", "saturating"])
def test_without_data_about_it_theta_has_its_prior(name):
    """Errors of a factor e^300: nothing is known of the bend."""
    trend = load_trend(name)
    rows = world(error=300.0)
    drawn, _ = draw_trend(rows, trend, draws=300, rng=np.random.default_rng(1))
    found = drawn[design_of(trend).theta][0]
    assert stats.kstest(found, theta_prior(trend).cdf).pvalue > 1e-3


def test_models_before_the_break_know_nothing_of_it():
    trend = load_trend("break_unknown")
    rows = world(first=-3.0, last=-0.5)
    drawn, _ = draw_trend(rows, trend, draws=300, rng=np.random.default_rng(1))
    assert stats.kstest(drawn["break_years"][0], theta_prior(trend).cdf).pvalue > 1e-3
    assert stats.kstest(drawn["change"][0], trend.change.frozen().cdf).pvalue > 1e-3
    assert drawn["growth_before"][0].std() < 0.5


def test_only_bends_have_a_number_of_their_own():
    without = {"average", "break_chatgpt", "frontier", "frontier_drift"}
    assert {name for name in list_trends() if theta_prior(load_trend(name)) is None} == without
    ends = theta_prior(load_trend("break_unknown")).support()
    expected = years_since_origin([np.datetime64("2022-11-30"), np.datetime64("2025-06-30")])
    np.testing.assert_allclose(ends, expected)


@pytest.mark.parametrize("design", [LINE, BREAK, SATURATING])
def test_slopes_are_derivatives_of_levels(design):
    years = np.linspace(-1.0, 3.0, 41)[:, None]
    theta = np.array([0.013, 0.51, 1.97])
    coefficients = [np.array(0.7 + 0.3 * k) for k in range(len(design.coefficients))]
    step = 1e-6
    low, high = (design.level(coefficients, years + d, theta) for d in (-step, step))
    growth = design.growth(coefficients, years, theta)
    np.testing.assert_allclose(growth, (high - low) / (2 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", sorted(list_trends()))
def test_level_and_growth_over_time_fit_together(name):
    trend = load_trend(name)
    design = design_of(trend)
    rng = np.random.default_rng(1)
    names = [*design.coefficients, *([design.theta] if design.theta else [])]
    result = xr.Dataset(
        {one: (("chain", "draw", "trend_draw"), rng.uniform(0.3, 2.0, (2, 3, 2))) for one in names}
    )
    years = np.linspace(0.05, 2.9, 5)
    level, growth = (f(result, years, trend) for f in (level_at, growth_at))
    assert level.dims == growth.dims == ("chain", "draw", "trend_draw", "time")
    step = 1e-6
    low, high = (level_at(result, years + d, trend).values for d in (-step, step))
    np.testing.assert_allclose(growth.values, (high - low) / (2 * step), rtol=1e-5, atol=1e-5)


def test_a_break_at_a_date_is_a_break_there():
    trend = load_trend("break_chatgpt")
    result = xr.Dataset(
        {
            name: (("chain", "draw", "trend_draw"), np.full((1, 1, 1), value))
            for name, value in {"growth_before": 1.0, "change": 2.0, "level": 0.5}.items()
        }
    )
    at = CHATGPT + np.array([-1.0, -1e-9, 1e-9, 1.0])
    np.testing.assert_array_equal(growth_at(result, at, trend).values.ravel(), [1, 1, 3, 3])
    expected = [CHATGPT - 0.5, CHATGPT + 0.5, CHATGPT + 0.5, CHATGPT + 3.5]
    np.testing.assert_allclose(level_at(result, at, trend).values.ravel(), expected, atol=1e-7)


def test_draws_at_once_are_draws_one_by_one():
    """Several draws of a row come from one grid; they are those of the row repeated."""
    trend = load_trend("average")
    rows = world()
    many, _ = draw_trend(rows, trend, draws=2000, rng=np.random.default_rng(1))
    single, _ = draw_trend(rows.repeated(2000), trend, draws=1, rng=np.random.default_rng(2))
    for name in ("growth_rate", "level", "noise_sd", "organisation_sd"):
        one, other = many[name][0], single[name][:, 0]
        assert one.shape == other.shape == (2000,)
        assert stats.ks_2samp(one, other).pvalue > 1e-3, name
        assert len(np.unique(one)) == 2000
    twice = rows.repeated(2)
    both = dataclasses.replace(twice, centre=twice.centre + np.array([[0.0], [9.0]]))
    shifted, _ = draw_trend(both, trend, draws=300, rng=np.random.default_rng(3))
    first, second = shifted["level"].mean(axis=1)
    assert second - first == pytest.approx(9.0, abs=0.3)
