"""What trends say of models that they have not seen, against simulated truth and integrals."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import xarray as xr

import densing_bayes as db
from densing_bayes.trend.clock import DAYS_PER_YEAR, ORIGIN
from densing_bayes.trend.heldout import coverage, inside, leave_future_out, leave_one_out
from densing_bayes.trend.membership import expected_shortfall, frontier_members
from densing_bayes.trend.predictive import FittedTrend, fit_rows, fitted_of, predict, score
from densing_bayes.trend.rows import Rows
from densing_bayes.trend.weights import compare_held_out, weights_of

KINDS = ["average", "break_unknown", "saturating", "frontier", "frontier_drift"]
RNG = np.random.default_rng


def drawn(kind, draws=4, seed=1):
    """Draws of a trend that nobody fitted, with two organisations seen."""
    rng = RNG(seed)
    values = {
        "growth_rate": rng.normal(2.0, 0.3, (1, draws)),
        "growth_before": rng.normal(1.0, 0.3, (1, draws)),
        "growth_at_origin": rng.normal(2.0, 0.3, (1, draws)),
        "change": rng.normal(1.0, 0.3, (1, draws)),
        "break_years": rng.uniform(0.2, 0.8, (1, draws)),
        "slowing": rng.uniform(0.2, 0.8, (1, draws)),
        "level": rng.normal(-2.0, 0.3, (1, draws)),
        "noise_sd": rng.uniform(0.3, 0.6, (1, draws)),
        "organisation_sd": rng.uniform(0.3, 0.6, (1, draws)),
        "organisation_effect": rng.normal(0.0, 0.4, (1, draws, 2)),
        "shortfall": rng.uniform(0.5, 1.5, (1, draws)),
        "shortfall_drift": rng.normal(0.0, 0.3, (1, draws)),
    }
    if kind == "frontier":
        for name in ("organisation_sd", "organisation_effect", "shortfall_drift"):
            del values[name]
    return FittedTrend(db.load_trend(kind), values, np.array(["a", "b"]), 0.5, {})


def one_model(centre, *, organisation, target_sd=0.4, side=0, years_sd=0.05):
    """The same model many times over, seen at different densities."""
    centre = np.atleast_1d(np.asarray(centre, dtype=float))
    same = np.ones(len(centre))
    return Rows(
        centre[None],
        target_sd * same[None],
        np.full((1, len(centre)), side),
        1.2 * same,
        years_sd * same,
        np.full(len(centre), organisation),
    )


@pytest.mark.parametrize("organisation", ["b", "nobody"])
@pytest.mark.parametrize("kind", KINDS)
def test_predictive_densities_are_densities(kind, organisation):
    fitted = drawn(kind)
    grid = np.linspace(-60.0, 12.0, 7201)
    found = score(fitted, one_model(grid, organisation=organisation))
    density = np.exp(found.log_density)
    np.testing.assert_allclose(np.trapezoid(density, grid, axis=-1), 1.0, atol=1e-5)
    below = scipy.integrate.cumulative_trapezoid(density, grid, axis=-1, initial=0.0)
    np.testing.assert_allclose(found.below, below, atol=2e-5)
    at = one_model(grid[::100], organisation=organisation, side=-1)
    np.testing.assert_allclose(np.exp(score(fitted, at).log_density), below[..., ::100], atol=2e-5)
    at = one_model(grid[::100], organisation=organisation, side=1)
    above = 1.0 - below[..., ::100]
    np.testing.assert_allclose(np.exp(score(fitted, at).log_density), above, atol=2e-5)


@pytest.mark.parametrize("organisation", ["b", "nobody"])
@pytest.mark.parametrize("kind", KINDS)
def test_predictive_densities_are_the_frequencies_of_what_is_drawn(kind, organisation):
    fitted = drawn(kind)
    rng, count = RNG(5), 4000
    given = one_model([-2.0, -0.5, 0.0, 1.0], organisation=organisation, years_sd=0.0)
    truth = predict(
        fitted,
        years=np.full(count, 1.2),
        organisation=np.array([f"{organisation}"] * count),
        rng=rng,
    )
    if organisation == "nobody":  # each time another nobody
        apart = np.array([f"nobody {i}" for i in range(count)])
        truth = predict(fitted, years=np.full(count, 1.2), organisation=apart, rng=rng)
    seen = truth + 0.4 * rng.normal(size=truth.shape)
    frequency = (seen[..., None] < given.centre[0]).mean(axis=2)
    np.testing.assert_allclose(score(fitted, given).below, frequency, atol=0.035)


def test_models_of_one_new_organisation_share_its_effect():
    fitted = drawn("average", draws=2000)
    truth = predict(
        fitted, years=np.full(3, 1.2), organisation=np.array(["x", "x", "y"]), rng=RNG(2)
    )[0]
    level, _ = fitted.path(np.full(3, 1.2))
    left = truth - level[0]
    same, other = np.corrcoef(left.T)[0, 1:]
    assert same > 0.3 > 0.1 > abs(other)


def test_what_is_not_known_is_not_scored():
    given = one_model([np.nan, 0.0], organisation="a")
    found = score(drawn("frontier_drift"), given)
    assert np.isnan(found.log_density[..., 0]).all()
    assert np.isfinite(found.log_density[..., 1]).all()


def worlds(kind, *, count, models, rng):
    """Worlds drawn from the priors of the average trend, each a row."""
    trend = db.load_trend(kind)
    value = {
        name: getattr(trend, name).frozen().rvs((count, 1), random_state=rng)
        for name in ("growth_rate", "level", "noise_sd", "organisation_sd")
    }
    years = np.sort(rng.uniform(0.0, 2.0, models))
    organisation = np.array(["a", "b", "c"])[np.arange(models) % 3]
    organisation[-1] = "late"
    effect = value["organisation_sd"] * rng.normal(size=(count, 4))
    _, place = np.unique(organisation, return_inverse=True)
    truth = value["level"] + value["growth_rate"] * years + effect[:, place]
    truth = truth + value["noise_sd"] * rng.normal(size=truth.shape)
    target_sd = rng.uniform(0.2, 0.6, truth.shape)
    seen = truth + target_sd * rng.normal(size=truth.shape)
    return Rows(
        seen, target_sd, np.zeros(seen.shape, int), years, np.zeros(models), organisation
    ), trend


def test_places_of_simulated_truths_are_uniform():
    rows, trend = worlds("average", count=250, models=9, rng=RNG(3))
    last = np.arange(9) >= 7
    fitted = fit_rows(rows.models(~last), trend, draws=40, rng=RNG(4))
    place = score(fitted, rows.models(last)).below.mean(axis=1)
    for one in place.T:
        assert scipy.stats.kstest(one, "uniform").pvalue > 0.01


def densities(values, *, years, target_sd=0.3, organisation=None, side=None):
    """Densities of one benchmark; each draw may be a world of its own."""
    values = np.atleast_2d(values)
    count = values.shape[1]
    dates = ORIGIN + np.round(np.asarray(years) * DAYS_PER_YEAR).astype("timedelta64[D]")
    dims = ("chain", "draw", "llm")
    side = np.zeros(values.shape, int) if side is None else side
    return xr.Dataset(
        {
            "log_density": (dims, values[None]),
            "centre": (dims, values[None]),
            "target_sd": (dims, np.full((1, *values.shape), target_sd)),
            "side": (dims, side[None]),
        },
        coords={
            "chain": [0],
            "draw": np.arange(len(values)),
            "llm": [f"m{i}" for i in range(count)],
            "release_date": ("llm", dates.astype("datetime64[ns]")),
            "organisation": ("llm", ["o"] * count if organisation is None else organisation),
        },
    )


def nine_models(*, bound):
    rng = RNG(7)
    years = np.sort(rng.uniform(0.0, 2.0, 9))
    values = -1.0 + 1.5 * years + rng.normal(0.0, 0.7, (2, 9))
    organisation = np.array(["a", "a", "a", "b", "b", "c", "c", "c", "alone"])
    side = np.zeros((2, 9), int)
    side[:, 1] = 1 if bound else 0
    return densities(values, years=years, organisation=organisation, side=side)


@pytest.mark.parametrize(
    ("kind", "bound"),
    [
        ("average", False),
        pytest.param("average", True, marks=pytest.mark.slow),
        pytest.param("frontier_drift", True, marks=pytest.mark.slow),
    ],
)
def test_leaving_one_out_is_fitting_without_it(kind, bound):
    given, trend = nine_models(bound=bound), db.load_trend(kind)
    quick = leave_one_out(given, trend, seed=1, draws=800)
    exact = leave_one_out(given, trend, seed=2, draws=800, largest_k=-np.inf)
    assert exact["refitted"].all()
    wanted = quick["pareto_k"].mean("row") > 1 - 1 / np.log10(800)
    np.testing.assert_array_equal(quick["refitted"], wanted)
    trusted = (quick["pareto_k"] < 0.5) | quick["refitted"]
    assert float(trusted.mean()) > 0.7
    gap = (quick["log_score"] - exact["log_score"]).where(trusted, 0.0)
    # fits without an outlier differ by up to 0.17 among themselves at 800 draws; the rest by 0.05
    np.testing.assert_allclose(gap, 0.0, atol=0.25)
    assert float(np.abs(gap).mean()) < 0.05
    np.testing.assert_allclose(quick["pit_low"], exact["pit_low"], atol=0.05)
    if bound:
        assert float(quick["pit_high"].isel(llm=1).min()) == 1.0


def broken_worlds(rng, count=30):
    years = np.linspace(0.0, 2.4, 25)
    level = -3.0 + 0.5 * years + 3.5 * np.maximum(years - 0.8, 0.0)
    return densities(level + rng.normal(0.0, 0.4, (count, 25)), years=years, target_sd=0.1)


@pytest.fixture(scope="module")
def after_a_break():
    given = broken_worlds(RNG(11))
    cutoff = str(ORIGIN + np.timedelta64(600, "D"))
    return {
        name: leave_future_out(given, db.load_trend(name), cutoff=cutoff, seed=1, rows=30, draws=40)
        for name in ("average", "break_unknown")
    }


def test_the_trend_that_made_the_worlds_predicts_them_better(after_a_break):
    right, wrong = (after_a_break[name] for name in ("break_unknown", "average"))
    assert right.sizes == wrong.sizes
    assert right.attrs["seen"] + right.sizes["llm"] == 25
    gain = (right["log_score"] - wrong["log_score"]).sum("llm")
    assert float((gain > 0).mean()) > 0.9
    assert coverage(right) > coverage(wrong)
    assert coverage(right) > 0.8


def test_weights_favour_the_truth(after_a_break):
    table = compare_held_out(after_a_break)
    for way in ("stacking", "pseudo_bma"):
        assert table.loc["break_unknown", way] > 0.9
        assert table[way].sum() == pytest.approx(1.0)
    assert table.loc["break_unknown", "elpd_diff"] == 0.0
    pointwise = (after_a_break["average"] - after_a_break["break_unknown"])["log_score"].mean("row")
    assert table.loc["average", "elpd_diff"] == pytest.approx(float(pointwise.sum()))
    assert table.loc["average", "dse"] == pytest.approx(np.sqrt(pointwise.size) * pointwise.std())


def test_stacking_maximises_the_score_of_the_mixture():
    rng = RNG(2)
    scores = {"a": rng.normal(-1.0, 0.8, (6, 20)), "b": rng.normal(-1.1, 0.8, (6, 20))}
    weights = weights_of(scores, method="stacking")
    grid = np.linspace(0.0, 1.0, 2001)
    mixed = np.log(
        grid[:, None] * np.exp(scores["a"].ravel())
        + (1 - grid[:, None]) * np.exp(scores["b"].ravel())
    ).sum(axis=1)
    assert weights["a"] == pytest.approx(grid[mixed.argmax()], abs=2e-3)
    assert weights["a"] + weights["b"] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="'stacking' or 'pseudo-BMA\\+', got 'mean'"):
        weights_of(scores, method="mean")


def test_cutoffs_need_models_on_both_sides():
    given = broken_worlds(RNG(1), count=2)
    with pytest.raises(ValueError, match=r"no model after 2030-01-01: take a date from 2023-02-24"):
        leave_future_out(given, db.load_trend("average"), cutoff="2030-01-01", seed=1)


def test_a_bound_is_inside_as_far_as_what_it_leaves_open():
    low, high = np.array([[0.0, 0.3, 0.99, 0.0]]), np.array([[0.5, 0.3, 0.99, 0.02]])
    scores = xr.Dataset({"pit_low": (("row", "llm"), low), "pit_high": (("row", "llm"), high)})
    np.testing.assert_allclose(inside(scores), [0.9, 1.0, 0.0, 0.0])


@pytest.mark.parametrize("side", [-1, 0, 1])
def test_expected_shortfalls_are_the_integrals(side):
    fitted = drawn("frontier_drift", draws=3)
    rows = one_model([-3.0, 0.0, 1.5, 3.0], organisation="a", side=side)
    level, growth = fitted.path(rows.years)
    mean = fitted.draws["shortfall"] * np.exp(0.7 * fitted.draws["shortfall_drift"])
    mean = (mean * np.exp(fitted.draws["organisation_effect"][..., 0]))[..., None]
    noise = np.sqrt(fitted.draws["noise_sd"][..., None] ** 2 + 0.16 + (0.05 * growth) ** 2)
    u = np.linspace(0.0, 40.0, 40001)[:, None, None, None]
    z = (rows.centre[:, None] - level + u) / noise
    seen = {0: scipy.stats.norm.pdf, -1: scipy.stats.norm.cdf, 1: scipy.stats.norm.sf}[side](z)
    weight = seen * np.exp(-u / mean)
    expected = np.trapezoid(weight * u, axis=0) / np.trapezoid(weight, axis=0)
    np.testing.assert_allclose(expected_shortfall(fitted, rows), expected, rtol=2e-3)


def test_an_outlier_above_the_frontier_has_a_small_shortfall():
    fitted = drawn("frontier", draws=2)
    found = expected_shortfall(fitted, one_model([30.0, 300.0, 3e6], organisation="a"))
    assert (np.diff(found) < 0).all()
    assert (found > 0).all()


def test_membership_is_the_share_of_draws():
    values = np.array([[0.0, 1.0, 0.5], [0.0, -1.0, 2.0], [0.0, 1.0, 3.0]])
    given = densities(values, years=[0.0, 1.0, 2.0])
    table = frontier_members(given, {})
    np.testing.assert_allclose(table["p_record"], [1.0, 2 / 3, 2 / 3])


def test_a_fitted_trend_is_ready_to_predict():
    given = broken_worlds(RNG(1), count=3)
    trend = db.load_trend("average")
    fitted = fitted_of(db.fit_trend(given, trend, seed=1), trend)
    truth = predict(fitted, years=[3.0], organisation=["o"], rng=RNG(1))
    assert truth.shape == (3, 1, 1)
