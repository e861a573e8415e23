"""The calibration itself, on models small enough to know everything about."""

import dataclasses

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy.optimize import brentq
from scipy.stats import norm

import densing_bayes as db
from densing_bayes.fit import Starts
from densing_bayes.laws import score_from_size
from densing_bayes.sbc.bands import family
from densing_bayes.sbc.quantities import POSITIONS, law_quantities
from densing_bayes.sbc.run import prior_sbc
from densing_bayes.sbc.setups import posterior_setup
from densing_bayes.sbc.study import Setup, noisier, prepare
from densing_bayes.sbc.summary import coverage, gates, places
from densing_bayes.sbc.worlds import (
    Worlds,
    log_likelihood_of,
    posterior_worlds,
    prior_worlds,
    simulated_data,
)

SAMPLER = db.load_spec("loss_law").sampler.model_copy(
    update={
        "draws": 150,
        "tune": 150,
        "chains": 2,
        "populations": 0,
        "target_accept": 0.9,
        "adaptation": "diag",
    }
)


def line(allowed=None):
    """A mean of positive data with a known condition: y ~ Normal(mu, sigma)."""
    with pm.Model() as model:
        mu = pm.Normal("mu", 0.0, 2.0)
        sigma = pm.HalfNormal("sigma", 1.0)
        pm.Normal("y", mu, sigma, observed=pm.Data("y_data", np.zeros(6)))
        if allowed is not None:
            pm.Bernoulli("positive", pm.math.sigmoid(50 * mu), observed=np.array(allowed))
    return model


@pytest.fixture(scope="module")
def setup():
    model = line()
    return Setup(
        model=model,
        worlds=prior_worlds(model, 60, seed=1),
        data_of=lambda seen: {"y_data": seen["y"].values},
        sampler=SAMPLER,
        starts_of=lambda _: Starts(),
        tokens=None,
        chance=None,
    )


def test_what_is_data_is_simulated_and_the_rest_is_a_condition():
    model = line(allowed=1)
    assert simulated_data(model) == {"y": "y_data"}
    worlds = prior_worlds(model, 300, seed=1)
    assert worlds.truths.sizes == {"replicate": 300}
    assert (worlds.truths["mu"] > -0.3).all()
    apart = (worlds.simulated["y"].values - worlds.truths["mu"].values[:, None]) / worlds.truths[
        "sigma"
    ].values[:, None]
    assert apart.std() == pytest.approx(1.0, abs=0.1)


def test_a_world_does_not_depend_on_how_many_are_asked_for():
    few, many = (prior_worlds(line(), count, seed=3) for count in (5, 2500))
    xr.testing.assert_identical(few.simulated, many.simulated.isel(replicate=slice(5)))


def test_a_condition_that_the_prior_rules_out_is_refused():
    with pm.Model() as model:
        mu = pm.Normal("mu", -9.0, 0.1)
        pm.Bernoulli("positive", pm.math.sigmoid(50 * mu), observed=np.array(1))
    with pytest.raises(ValueError, match=r"0 of 2000 draws of the prior agree.*positive"):
        prior_worlds(model, 10, seed=1)


def test_truths_of_a_posterior_are_its_draws_in_no_order():
    draws = np.arange(40.0).reshape(2, 20)
    posterior = xr.Dataset(
        {"mu": (("chain", "draw"), draws), "sigma": (("chain", "draw"), draws + 1)}
    )
    worlds = posterior_worlds(line(), posterior, 40, seed=1)
    truths = worlds.truths["mu"].values
    assert sorted(truths) == list(range(40))
    assert abs(np.corrcoef(truths, np.arange(40))[0, 1]) < 0.5
    assert worlds.simulated["y"].shape == (40, 6)


def test_the_joint_log_likelihood_is_that_of_all_observations():
    model = line(allowed=1)
    with model:
        pm.set_data({"y_data": np.arange(6.0)})
    draws = xr.Dataset(
        {"mu": (("chain", "draw"), [[0.5, 1.0]]), "sigma": (("chain", "draw"), [[0.3, 2.0]])}
    )
    by_hand = [
        norm(mu, sigma).logpdf(np.arange(6.0)).sum() - np.log1p(np.exp(-50 * mu))
        for mu, sigma in ((0.5, 0.3), (1.0, 2.0))
    ]
    assert log_likelihood_of(model)(draws)[0] == pytest.approx(by_hand)


def test_a_right_model_is_inside_and_a_wrong_one_outside(setup):
    fit = prepare(setup, seed=2)
    right = [fit(number) for number in range(60)]
    assert set(right[0]["places"]) == {"mu", "sigma", "log_likelihood"}
    assert family(places(right))["inside"].all()
    noisy = dataclasses.replace(
        setup, data_of=lambda seen: {"y_data": 2.0 * seen["y"].values - seen["y"].values.mean()}
    )
    fit = prepare(noisy, seed=2)
    wrong = [fit(number) for number in range(60)]
    assert not family(places(wrong))["inside"].all()


def test_a_posterior_that_ignores_the_data_is_found_by_the_likelihood_alone(setup):
    ignoring = prepare(dataclasses.replace(setup, control="data_ignored"), seed=2)
    table = family(places([ignoring(number) for number in range(60)])).set_index("quantity")
    assert not table.loc["log_likelihood", "inside"]
    assert table.loc[["mu", "sigma"], "inside"].all()


def test_the_control_makes_the_likelihoods_sd_a_fifth_too_small(setup):
    sigma = np.array([0.01, 0.5])
    worlds = Worlds(
        xr.Dataset({"sigma": (("replicate", "benchmark"), sigma[None])}),
        xr.Dataset({"loss_log": (("replicate", "run", "benchmark"), np.zeros((1, 4000, 2)))}),
    )
    seen = widened(worlds, np.random.default_rng(1))
    assert np.hypot(seen.std("run"), sigma).values == pytest.approx(sigma / 0.8, rel=0.03)


def widened(worlds, rng):
    truth = worlds.truths.isel(replicate=0).expand_dims(chain=[0], draw=[0])
    return noisier(worlds.simulated.isel(replicate=0), truth, rng)["loss_log"]


def test_a_replicate_depends_on_its_number_alone(setup):
    first, second = prepare(setup, seed=2), prepare(setup, seed=2)
    second(5)
    assert first(3) == second(3)


def test_sizes_densities_and_growth_are_those_of_the_laws(known_law):
    names = ["One", "Two", "Three"]
    laws = xr.Dataset(
        {
            name: (("chain", "draw", "benchmark"), value[None, None])
            for name, value in known_law.items()
        },
        coords={"chain": [0], "draw": [0], "benchmark": names},
    )
    chance = xr.DataArray([0.25, 0.25, 0.01], dims="benchmark", coords={"benchmark": names})
    found = law_quantities(laws, tokens=5e12, chance=chance).isel(chain=0, draw=0)
    for place, name in enumerate(names):
        law = {key: value[place] for key, value in known_law.items()}
        for position, share in POSITIONS.items():
            floor = float(chance[place])
            score = floor + share * (1 - floor)
            size = float(found[f"log_effective_size_{position}"].sel(benchmark=name))
            assert size == pytest.approx(inverted(score, law), abs=1e-6)
        density = float(found["log_density"].sel(benchmark=name))
        cost = (2.45 * 40e9 + 6e9) / 3.45
        size = inverted(floor + 0.6 * (1 - floor), law)
        assert density == pytest.approx(size - np.log(cost), abs=1e-6)


def inverted(score, law):
    """Find the log size of a score by bisection; infinite if none has it."""
    ends = [-20.0, 80.0]

    def miss(x):
        return score_from_size(np.exp(x), tokens=5e12, **law) - score

    if miss(ends[0]) >= 0 or miss(ends[1]) <= 0:
        return -np.inf if miss(ends[0]) >= 0 else np.inf
    return brentq(miss, *ends)


def test_gates_and_coverage_count():
    replicates = [
        {"places": {"x": [u, 99]}, "divergences": d, "rhat": r}
        for u, d, r in ((0.1, 0, 1.0), (0.5, 2, 1.0), (0.6, 0, 1.2), (0.99, 0, np.nan))
    ]
    assert gates(replicates).tolist() == [False, True, True, True]
    table = coverage(places(replicates)).set_index("level")["covered"]
    assert table.to_dict() == {0.5: 0.5, 0.8: 0.75, 0.95: 0.75}


def test_what_cannot_be_simulated_from_parameters_alone_is_refused():
    with pytest.raises(ValueError, match=r"'joint' ties new data.*take the prior's worlds"):
        posterior_setup(db.load_spec("joint"), xr.Dataset(), 3, seed=1)
    with pytest.raises(db.InputError, match=r"no such benchmark; got 'GPQA'; allowed: MMLU"):
        prior_sbc("densing_law", replicates=1, folder=None, benchmarks=["MMLU", "GPQA"])
