"""A stuck chain is noticed, and so are chains that miss a shape."""

import dataclasses

import numpy as np
import nutpie
import pymc as pm
import pytest
import xarray as xr

from densing_bayes.mode_checks import check_shapes, check_stuck_chains

CHAINS, DRAWS = 4, 500


def tree_of(log_density):
    stats = xr.Dataset({"logp": (("chain", "draw"), log_density)})
    return xr.DataTree.from_dict({"/sample_stats": stats.assign_coords(chain=np.arange(CHAINS))})


def log_densities(*, dimension=30, low=0.0, seed=1):
    rng = np.random.default_rng(seed)
    values = -0.5 * rng.chisquare(dimension, size=(CHAINS, DRAWS))
    values[2] -= low
    return values


@pytest.mark.parametrize("seed", range(5))
def test_chains_of_one_posterior_pass(seed):
    (check,) = check_stuck_chains(tree_of(log_densities(seed=seed)))
    assert check.passed
    assert check.value < 0.5


def test_a_chain_far_below_is_stuck():
    (check,) = check_stuck_chains(tree_of(log_densities(low=40.0)))
    assert check.passed is False
    assert "chain 2 lies 40" in check.sentence
    assert "another seed" in check.sentence


def test_a_chain_that_does_not_move_is_stuck():
    values = log_densities()
    values[2] = values.min() - 10.0
    (check,) = check_stuck_chains(tree_of(values))
    assert check.passed is False


def test_a_chain_left_on_a_false_peak_is_noticed():
    """A real sampler, one chain of which starts on a peak far below the main one."""
    with pm.Model() as model:
        x = pm.Uniform("x", -30.0, 30.0, shape=10)
        main_peak = pm.logp(pm.Normal.dist(0.0, 1.0), x).sum()
        false_peak = pm.logp(pm.Normal.dist(20.0, 1.0), x).sum() - 60.0
        pm.Potential("peaks", pm.math.logsumexp(pm.math.stack([main_peak, false_peak])))
    compiled = nutpie.compile_pymc_model(model)
    at = {place: np.full(10, np.log((place + 30.5) / (29.5 - place))) for place in (0.0, 20.0)}
    parts = []
    for chains, place in ((3, 0.0), (1, 20.0)):
        started = dataclasses.replace(compiled, initial_point_func=lambda _, x=at[place]: x.copy())
        tree = nutpie.sample(
            started, draws=300, tune=300, chains=chains, cores=1, seed=3, progress_bar=False
        )
        assert (tree["posterior"]["x"].mean(("draw", "x_dim_0")) > 10).all() == (place > 10)
        parts.append(tree["sample_stats"].to_dataset()[["logp"]])
    stats = xr.concat(parts, dim="chain").assign_coords(chain=np.arange(4))
    (check,) = check_stuck_chains(xr.DataTree.from_dict({"/sample_stats": stats}))
    assert check.passed is False
    assert "chain 3 lies" in check.sentence


def alphas(mass, *, chains, draws=1000):
    rng = np.random.default_rng(1)
    large = rng.uniform(size=(chains, draws)) < mass
    values = np.where(large, 0.4, 0.1) * np.exp(0.1 * rng.normal(size=(chains, draws)))
    return xr.Dataset(
        {"alpha": (("chain", "draw", "benchmark"), values[..., None])},
        coords={"benchmark": ["One"]},
    )


@pytest.mark.parametrize(
    ("share", "passed"), [(0.3, True), (0.25, True), (0.0, False), (1.0, False)]
)
def test_chains_must_hold_the_shapes_in_proportion(share, passed):
    tree = xr.DataTree.from_dict(
        {"/posterior": alphas(share, chains=4), "/particles": alphas(0.3, chains=2)}
    )
    (check,) = check_shapes(tree)
    assert check.passed is passed
    assert check.sentence.startswith("One: ")
    assert ("more chains" in check.sentence) is not passed


def test_without_populations_there_is_nothing_to_compare():
    assert check_shapes(xr.DataTree.from_dict({"/posterior": alphas(0.3, chains=4)})) == []
