"""Effective size: a known law and a known score give a known size; open ends stay open."""

import numpy as np
import pytest
from conftest import KNOWN_LAWS, LETTERS, NAMES, make_panel

from densing_bayes import laws
from densing_bayes.effective_size import ALL, effective_item_count, propagate
from densing_bayes.summary import summarise_by_llm

D0 = 5e12
MANY = 10**9  # so many items and so close a curve that a score is exact


def law_of(name):
    place = NAMES.index(name)
    return {letter: KNOWN_LAWS[letter][place] for letter in LETTERS}


def score_of(size, name):
    return laws.score_from_size(size, tokens=D0, **law_of(name))


def certain(posterior):
    return posterior.assign(phi=posterior["phi"] * 0 + 1e12)


def test_a_known_score_gives_the_known_size(known_posterior):
    sizes = [2e8, 7e9, 4e10]
    panel = make_panel([[score_of(size, name) for name in NAMES] for size in sizes], MANY)
    result = propagate(certain(known_posterior), panel, tokens=D0, seed=1)
    expected = np.log(sizes)
    # near the curve's ends even a score known to 1e-5 leaves some error in the size
    for variable in ("log_effective_size", "centre"):
        found = result[variable].median(("chain", "draw"))
        for name in [*NAMES, ALL]:
            np.testing.assert_allclose(found.sel(benchmark=name), expected, atol=0.02)
    assert (result["side"] == 0).all()
    assert float(result["target_sd"].max()) < 0.05
    assert result["benchmark"].values.tolist() == [*NAMES, ALL]
    assert result["log_effective_size"].dims == ("chain", "draw", "llm", "benchmark")
    assert result.attrs["tokens"] == D0


def test_more_tokens_to_the_reference_need_fewer_parameters(known_posterior):
    panel = make_panel([[score_of(7e9, name) for name in NAMES]], MANY)
    less = propagate(certain(known_posterior), panel, tokens=1e12, seed=1)
    more = propagate(certain(known_posterior), panel, tokens=1e14, seed=1)
    gap = (less["log_effective_size"] - more["log_effective_size"]).median(("chain", "draw"))
    assert (gap > 0).all()


def test_items_and_departure_from_the_curve_widen_the_size(known_posterior):
    panel = make_panel([[score_of(7e9, name) for name in NAMES]], 1000)
    result = propagate(known_posterior, panel, tokens=D0, seed=1)
    for name in NAMES:
        score, place = score_of(7e9, name), NAMES.index(name)
        count = effective_item_count(1000, KNOWN_LAWS["phi"][place])
        step = 1e-5
        inverse = {"tokens": D0, **law_of(name)}
        slope = laws.log_size_from_score(score + step, **inverse)
        slope = (slope - laws.log_size_from_score(score - step, **inverse)) / (2 * step)
        by_hand = slope * np.sqrt(score * (1 - score) / count)
        one = result.sel(llm="A", benchmark=name)
        inside = one["log_effective_size"].where(np.isfinite(one["log_effective_size"]))
        quartiles = inside.quantile([0.25, 0.75])
        spread = float(quartiles[1] - quartiles[0]) / 1.349
        assert spread == pytest.approx(by_hand, rel=0.2)
        assert float(one["target_sd"].median()) == pytest.approx(by_hand, rel=0.25)


def test_scores_out_of_range_are_counted_not_dropped(known_posterior):
    panel = make_panel([[0.20, 0.5, 0.5], [0.97, 0.5, 0.5], [0.20, 0.97, 0.5]], MANY)
    result = propagate(certain(known_posterior), panel, tokens=D0, seed=1)
    size = result["log_effective_size"]
    assert (size.sel(llm="A", benchmark="One") == -np.inf).all()
    assert (size.sel(llm="B", benchmark="One") == np.inf).all()
    assert (size.sel(llm="A", benchmark=ALL) == -np.inf).all()
    assert (size.sel(llm="B", benchmark=ALL) == np.inf).all()
    assert size.sel(llm="C", benchmark=ALL).isnull().all(), "out on both sides: unknown"
    side = result["side"].isel(chain=0, draw=0)
    assert side.sel(llm="A").values.tolist() == [-1, 0, 0, -1]
    assert side.sel(llm="B").values.tolist() == [1, 0, 0, 1]
    assert np.isfinite(result["centre"].sel(llm=["A", "B"])).all(), "bounds are finite"
    assert result["centre"].sel(llm="C", benchmark=ALL).isnull().all()
    only_both = size.isnull().any(("chain", "draw", "benchmark"))
    assert only_both.values.tolist() == [False, False, True]


def test_bounds_lie_inside_the_reach_of_the_curve(known_posterior):
    panel = make_panel([[0.20, 0.5, 0.5], [0.97, 0.5, 0.5]], 1000)
    result = propagate(known_posterior, panel, tokens=D0, seed=1)
    bound = result["centre"].sel(benchmark="One").where(result["side"].sel(benchmark="One") != 0)
    low, high = (bound.sel(llm=name).median().item() for name in "AB")
    floor = law_of("One")["d"]
    score = laws.score_from_size(np.exp(low), tokens=D0, **law_of("One"))
    count = effective_item_count(1000, KNOWN_LAWS["phi"][0])
    assert score >= floor + 0.999 * np.sqrt(floor * (1 - floor) / count)
    assert low < high


def test_a_score_near_the_floor_is_below_it_in_a_share_of_draws(known_posterior):
    panel = make_panel([[0.25, 0.5, 0.5]], 10_000)
    result = propagate(known_posterior, panel, tokens=D0, seed=3)
    share = float((result["log_effective_size"].sel(benchmark="One") == -np.inf).mean())
    assert share == pytest.approx(0.5, abs=0.06)  # the score is the floor: even odds


def test_a_score_below_the_floor_still_bounds_the_size_from_above(known_posterior):
    """No interval may be [0, 0]: what is known of such a model is that it is not large."""
    panel = make_panel([[0.20, score_of(2e9, "Two"), score_of(2e9, "Three")]], 10_000)
    result = propagate(known_posterior, panel, tokens=D0, seed=3)
    about = {"params": panel["params"]}
    readings = (result["low"], result["high"])
    table = summarise_by_llm(result["log_effective_size"], about=about, readings=readings)
    for benchmark in ("One", ALL):
        row = table[table["benchmark"] == benchmark].iloc[0]
        assert row["share_below"] > 0.5
        assert row["q05"] == 0.0
        assert 0 < row["q95"] < np.inf
        assert row["status"] == "open_below"
    in_range = result["low"].sel(benchmark="Two")
    assert in_range.equals(result["high"].sel(benchmark="Two"))


def test_a_score_not_measured_is_unknown_and_not_counted(known_posterior):
    sizes = [1e9, 3e9]
    score = [[score_of(size, name) for name in NAMES] for size in sizes]
    score[1][1] = np.nan
    result = propagate(certain(known_posterior), make_panel(score, MANY), tokens=D0, seed=1)
    size = result["log_effective_size"]
    assert size.sel(llm="B", benchmark="Two").isnull().all()
    assert result["centre"].sel(llm="B", benchmark="Two").isnull().all()
    together = size.sel(llm="B", benchmark=ALL)
    assert together.notnull().all()
    np.testing.assert_allclose(together.median(), np.log(3e9), atol=0.02)


def test_one_benchmark_says_nothing_of_all(known_posterior):
    panel = make_panel([[score_of(1e9, "One"), np.nan, np.nan]], MANY)
    result = propagate(certain(known_posterior), panel, tokens=D0, seed=1)
    assert result["log_effective_size"].sel(benchmark=ALL).isnull().all()


def test_all_has_the_error_between_benchmarks(known_posterior):
    logs = np.log(4e9) + np.array([-0.8, 0.1, 0.7])
    score = [score_of(size, name) for size, name in zip(np.exp(logs), NAMES, strict=True)]
    result = propagate(certain(known_posterior), make_panel([score], MANY), tokens=D0, seed=1)
    together = result.sel(llm="A", benchmark=ALL)
    error = logs.std(ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(together["centre"].median(), logs.mean(), atol=0.02)
    np.testing.assert_allclose(together["target_sd"].median(), error, rtol=0.05)
    # Student-t with two degrees of freedom: half of it within 0.8165 standard errors
    draws = together["log_effective_size"]
    half = float((abs(draws - logs.mean()) < 0.8165 * error).mean())
    assert half == pytest.approx(0.5, abs=0.06)


def test_a_benchmark_without_laws_is_refused(known_posterior):
    panel = make_panel([[0.5, 0.5, 0.5]], 100)
    with pytest.raises(ValueError, match=r"scores on Three.*fitted to One, Two"):
        propagate(known_posterior.sel(benchmark=["One", "Two"]), panel, tokens=D0, seed=1)


def test_an_irreducible_loss_is_part_of_the_inversion(known_posterior):
    law = law_of("One") | {"e": 0.03}
    score = laws.score_from_size(1e9, tokens=D0, **law)
    posterior = certain(known_posterior.sel(benchmark=["One"]))
    posterior = posterior.assign(e=posterior["a"] * 0 + 0.03)
    result = propagate(posterior, make_panel([[score]], MANY), tokens=D0, seed=1)
    found = result["log_effective_size"].sel(benchmark="One").median()
    np.testing.assert_allclose(found, np.log(1e9), atol=0.02)


def test_the_same_seed_gives_the_same_draws(known_posterior):
    panel = make_panel([[0.5, 0.5, 0.5]], 500)
    first, again, other = (
        propagate(known_posterior, panel, tokens=D0, seed=seed) for seed in (1, 1, 2)
    )
    assert first.identical(again)
    assert not first["log_effective_size"].equals(other["log_effective_size"])


def test_effective_items_have_the_variance_of_the_beta_binomial():
    n, phi, mean = 500, 90.0, 0.3
    rng = np.random.default_rng(1)
    scores = rng.binomial(n, rng.beta(mean * phi, (1 - mean) * phi, size=200_000)) / n
    by_count = mean * (1 - mean) / effective_item_count(n, phi)
    assert scores.var() == pytest.approx(by_count, rel=0.02)


def test_effective_items_at_the_limits():
    assert effective_item_count(1, 50.0) == pytest.approx(1.0)  # one item is one item
    assert effective_item_count(1e12, 50.0) == pytest.approx(51.0)  # never more than phi + 1
    assert effective_item_count(200, 1e12) == pytest.approx(200.0)  # an exact curve: all of them
