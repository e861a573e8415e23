"""Joint mode: the density of places against scipy's, and the sizes read off a fit."""

import numpy as np
import pymc as pm
import pytest
import scipy.stats
import xarray as xr

from densing_bayes.effective_size import ALL
from densing_bayes.joint import joint_sizes
from densing_bayes.laws import (
    log_size_from_place,
    log_size_from_score,
    place_from_log_size,
    reach_gap,
    reachable_score,
)
from densing_bayes.spec_parts import LatentPart
from densing_bayes.targets import add_targets

LAW = {"a": 3.0, "alpha": 0.12, "b": 30.0, "beta": 0.25}
CURVE = {"c": 0.65, "gamma": -14.0, "l": 0.28, "d": 0.26}
D0 = 5e12


def prior(mu=22.0, sigma=5.0):
    return LatentPart(
        log_size={"dist": "Normal", "mu": mu, "sigma": sigma},
        between_sd={"dist": "LogNormal", "mu": 0.0, "sigma": 0.7},
        reason="a test",
    )


def gap():
    return reach_gap(tokens=D0, b=LAW["b"], beta=LAW["beta"], gamma=CURVE["gamma"], l=CURVE["l"])


def size_of(place):
    return log_size_from_place(
        place, gap=gap(), a=LAW["a"], alpha=LAW["alpha"], gamma=CURVE["gamma"]
    )


def test_a_place_is_the_score_between_floor_and_reachable_score():
    reach = reachable_score(tokens=D0, b=LAW["b"], beta=LAW["beta"], **CURVE)
    assert CURVE["d"] + CURVE["c"] / (1 + np.exp(-gap())) == pytest.approx(reach, rel=1e-12)
    for place in (-6.0, -1.0, 0.0, 2.5, 7.0):
        score = CURVE["d"] + (reach - CURVE["d"]) / (1 + np.exp(-place))
        exact = log_size_from_score(score, tokens=D0, **LAW, **CURVE)
        assert size_of(place) == pytest.approx(exact, rel=1e-7)


def test_every_place_has_a_finite_size_and_comes_back():
    places = np.array([-200.0, -30.0, -3.0, 0.0, 3.0, 30.0, 200.0])
    sizes = size_of(places)
    assert np.isfinite(sizes).all()
    assert (np.diff(sizes) > 0).all()
    back = place_from_log_size(
        sizes, gap=gap(), a=LAW["a"], alpha=LAW["alpha"], gamma=CURVE["gamma"]
    )
    np.testing.assert_allclose(back, places, rtol=1e-6, atol=1e-9)


def panel():
    score = np.array([[0.5, 0.6], [0.4, np.nan], [0.8, 0.3]])
    items = np.where(np.isnan(score), 0, 200)
    dims = ("llm", "benchmark")
    return xr.Dataset(
        {
            "score": (dims, score),
            "n_items": (dims, items),
            "correct": (dims, np.nan_to_num(score * items).astype(int)),
        },
        coords={
            "llm": ["A", "B", "C"],
            "benchmark": ["one", "two"],
            "release_date": ("llm", np.array(["2024-01-01"] * 3, dtype="datetime64[ns]")),
            "organisation": ("llm", ["x", "y", "z"]),
        },
    )


def model_with_known_laws():
    with pm.Model(coords={"benchmark": ["one", "two"]}) as model:
        for name, value in {**LAW, **CURVE, "phi": 80.0}.items():
            pm.Deterministic(
                name, pm.math.constant(np.array([value, value * 1.02])), dims="benchmark"
            )
    return add_targets(model, panel(), tokens=D0, prior=prior())


def test_the_density_of_places_is_that_of_the_sizes_times_the_derivative():
    model = model_with_known_laws()
    rng = np.random.default_rng(3)
    logp = model.compile_logp(vars=[model["score_place"]])
    at = dict(model.initial_point())
    for tau in (0.05, 1.0, 4.0):
        u = rng.normal(size=5) * 2
        alpha = np.array([LAW["alpha"], LAW["alpha"] * 1.02])
        at["log_between_slope"] = np.log(tau) + np.log(alpha).mean()
        at["score_place"] = u

        which = np.array([0, 1, 0, 0, 1])

        def sizes(u, which=which):
            scale = np.array([1.0, 1.02])[which]
            law = {k: v * scale for k, v in {**LAW, **CURVE}.items()}
            g = reach_gap(tokens=D0, b=law["b"], beta=law["beta"], gamma=law["gamma"], l=law["l"])
            return log_size_from_place(u, gap=g, a=law["a"], alpha=law["alpha"], gamma=law["gamma"])

        x = sizes(u)
        step = 1e-6
        slope = (sizes(u + step) - sizes(u - step)) / (2 * step)
        expected = np.log(slope).sum()
        for cells in ([0, 1], [2], [3, 4]):
            k = len(cells)
            covariance = 25.0 * np.ones((k, k)) + tau**2 * np.eye(k)
            expected += scipy.stats.multivariate_normal(np.full(k, 22.0), covariance).logpdf(
                x[cells]
            )
        assert float(logp(at)) == pytest.approx(expected, rel=1e-7)


def test_prior_draws_of_places_have_the_prior_of_the_sizes():
    model = model_with_known_laws()
    generated = pm.do(model, {"log_between_slope": np.log(LAW["alpha"]) + 0.5 * np.log(1.02)})
    draws = pm.draw(generated["log_size"], draws=4000, random_seed=1)
    assert draws.mean(axis=0) == pytest.approx(np.full(5, 22.0), abs=0.4)
    np.testing.assert_allclose(draws.std(axis=0), np.sqrt(26.0), rtol=0.05)
    assert np.corrcoef(draws[:, 0], draws[:, 1])[0, 1] == pytest.approx(25 / 26, abs=0.01)
    assert abs(np.corrcoef(draws[:, 0], draws[:, 3])[0, 1]) < 0.06


def test_what_does_not_fit_is_refused():
    with pm.Model(coords={"benchmark": ["one"]}) as bare:
        pm.Normal("alpha", dims="benchmark")
    with pytest.raises(ValueError, match="no score law"):
        add_targets(bare, panel(), tokens=D0, prior=prior())
    with pm.Model(coords={"benchmark": ["one"]}) as lacking:
        pm.Normal("gamma", dims="benchmark")
    with pytest.raises(ValueError, match="scores on two"):
        add_targets(lacking, panel(), tokens=D0, prior=prior())


def test_sizes_over_benchmarks_are_drawn_from_their_conditional():
    rng = np.random.default_rng(0)
    draws = xr.Dataset(
        {
            "log_size": (
                ("chain", "draw", "cell"),
                np.tile([20.0, 22.0, 25.0, 18.0, 19.0], (2, 4000, 1)),
            ),
            "between_sd": (("chain", "draw"), np.full((2, 4000), 0.5)),
        },
        coords={"chain": [0, 1], "draw": np.arange(4000)},
    )
    sizes = joint_sizes(draws, panel(), prior=prior(), seed=int(rng.integers(100)))
    one = sizes["log_effective_size"].sel(llm="A", benchmark=ALL)
    precision = 1 / 25 + 2 / 0.25
    assert float(one.mean()) == pytest.approx((22 / 25 + 42 / 0.25) / precision, abs=0.02)
    assert float(one.std()) == pytest.approx(precision**-0.5, rel=0.05)
    assert sizes["log_effective_size"].sel(llm="B", benchmark="two").isnull().all()
    assert float(sizes["log_effective_size"].sel(llm="C", benchmark="two")[0, 0]) == 19.0
