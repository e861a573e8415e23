"""The article's densities with our spread: with none of it the article's own numbers."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr

import densing_bayes as db
from densing_bayes.trend.clock import DAYS_PER_YEAR, years_since_origin
from densing_bayes.trend.published_spread import (
    ALIASES,
    line_quantiles,
    match_published,
    with_posterior_spread,
)
from densing_bayes.trend.rows import rows_of


@pytest.fixture(scope="module")
def published():
    return db.load_published_density("five_benchmarks")


@pytest.fixture
def densities():
    """Three models whose centres share one error, a row each; the last is often a bound."""
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(2, 50, 1))
    centre = np.array([1.0, -2.0, 0.5]) + shared * np.array([1.0, 0.5, 2.0])
    side = np.zeros(centre.shape, dtype=int)
    side[:, ::2, 2] = -1
    dims = ("chain", "draw", "llm")
    return xr.Dataset(
        {
            "centre": (dims, centre),
            "log_density": (dims, np.where(side < 0, -np.inf, centre + 0.3)),
            "target_sd": (dims, np.broadcast_to([0.3, 0.4, 0.5], centre.shape)),
            "side": (dims, side),
        },
        coords={"chain": [0, 1], "draw": np.arange(50),
                "llm": ["LLaMA-7B", "Gemma-2-9B", "Phi-2"]},
    )  # fmt: skip


@pytest.fixture
def matches(published, densities):
    names = list(densities["llm"].values)
    return match_published(published, names, donors=["LLaMA-7B", "Phi-2"])


def days(growth):
    return np.log(2) / growth * DAYS_PER_YEAR


def test_without_spread_it_is_the_articles_line_and_its_naive_interval(published):
    values = np.log(published["density"].values)[None].repeat(5, axis=0)
    years = years_since_origin(published["release_date"].values)
    growth = line_quantiles(values, years)
    assert f"{days(growth[2]):.1f}" == "106.2"
    assert [f"{one:.0f}" for one in days(growth[[4, 0]])] == ["86", "139"]
    # the same from scipy's least squares on the published frontier
    top = published["on_frontier"].values
    fit = scipy.stats.linregress(years[top], values[0, top])
    half = scipy.stats.t.ppf(np.array([0.975, 0.95]), top.sum() - 2) * fit.stderr
    want = [fit.slope - half[0], fit.slope - half[1], fit.slope, fit.slope + half[1]]
    assert growth == pytest.approx([*want, fit.slope + half[0]], rel=1e-6)


def test_the_interval_over_rows_is_that_of_draws():
    rng = np.random.default_rng(4)
    years = np.linspace(0, 2, 30)
    values = 2.0 * years + rng.normal(0, 0.6, size=(40, 30))
    solved = line_quantiles(values, years)
    drawn = []
    for row in values:
        best = np.maximum.accumulate(row)
        top = np.flatnonzero(np.diff(best, prepend=-np.inf) > 0)
        fit = scipy.stats.linregress(years[top], row[top])
        drawn.append(fit.slope + fit.stderr * rng.standard_t(len(top) - 2, size=20_000))
    want = np.quantile(np.ravel(drawn), [0.025, 0.05, 0.5, 0.95, 0.975])
    assert solved == pytest.approx(want, abs=0.05)


def test_rows_without_a_line_leave_the_interval_open():
    years = np.array([0.0, 1.0, 2.0, 3.0])
    line = np.array([0.0, 1.0, 2.2, 2.9])
    falling = np.array([0.0, -1.0, -2.0, -3.0])  # one record
    found = line_quantiles(np.stack([line] * 30 + [falling]), years)
    assert found[0] == -np.inf
    assert found[-1] == np.inf
    assert found[2] == pytest.approx(0.99, abs=0.1)
    assert np.isfinite(line_quantiles(np.stack([line] * 99 + [falling]), years)[1:4]).all()


def test_a_model_goes_by_its_name_its_alias_or_the_nearest_published_size(published, matches):
    by_label = matches.set_index("llm")
    assert by_label.loc["Llama-7B", ["panel_llm", "how"]].tolist() == ["LLaMA-7B", "name"]
    assert by_label.loc["Gemma2-9B-GPTQ", ["panel_llm", "how"]].tolist() == ["Gemma-2-9B", "alias"]
    assert by_label.loc["Gemma2-9B", "panel_llm"] == "Gemma-2-9B"
    # LLaMA-7B is the only donor under its own name
    nearest = by_label[by_label["how"] == "nearest"]
    assert set(nearest["panel_llm"]) == {"LLaMA-7B"}
    sizes = np.log((published["density"] * published["params"]).to_series())
    want = (sizes[nearest.index] - sizes["Llama-7B"]).abs()
    np.testing.assert_allclose(nearest["distance"], want)
    with pytest.raises(ValueError, match="no dense model"):
        match_published(published, ["LLaMA-7B"], donors=[])


def test_aliases_are_published_labels_of_models_of_the_table(published):
    assert set(ALIASES) <= set(published["llm"].values)
    assert set(ALIASES.values()) <= set(db.load_llms()["llm"].values)


def test_shared_errors_stay_shared_and_own_errors_stay_apart(published, densities, matches):
    none, laws, whole = (
        with_posterior_spread(published, densities, matches, spread=spread)
        for spread in ("none", "laws", "laws and models")
    )
    given = np.log(published["density"].values)
    assert (none["centre"].values == given).all()
    assert not none["target_sd"].any()
    for one in (laws, whole):
        np.testing.assert_allclose(one["centre"].median(("chain", "draw")), given, atol=1e-12)
        moved = (one["centre"] - one["centre"].median(("chain", "draw"))).values
        first, second = matches["panel_llm"].eq("LLaMA-7B"), matches["panel_llm"].eq("Gemma-2-9B")
        at = np.flatnonzero(first)[0], np.flatnonzero(second)[0]
        np.testing.assert_allclose(moved[..., at[1]], 0.5 * moved[..., at[0]], atol=1e-12)
    assert not laws["target_sd"].any()
    assert not laws["side"].any()
    rows = rows_of(whole)
    sd = pd.Series({"LLaMA-7B": 0.3, "Gemma-2-9B": 0.4, "Phi-2": 0.5})
    np.testing.assert_allclose(rows.target_sd[0], sd[matches["panel_llm"]].to_numpy())
    bound = matches["panel_llm"].eq("Phi-2").to_numpy()
    assert (rows.side[:, bound] == -1).mean() == 0.5
    assert not rows.side[:, ~bound].any()
    with pytest.raises(ValueError, match="spread is one of"):
        with_posterior_spread(published, densities, matches, spread="all")
