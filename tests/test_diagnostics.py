"""Checks of a fit: what is right passes, what is wrong does not, infinite draws are no excuse."""

import arviz as az
import numpy as np
import pytest
import xarray as xr

from densing_bayes.diagnostics import (
    Check,
    check_convergence,
    check_derived,
    check_modes,
    check_predictive,
    checks_table,
)

SHAPE = (4, 1000)


def tree_of(draws, *, diverging=0, energy=None):
    rng = np.random.default_rng(9)
    broken = np.zeros(SHAPE, dtype=bool)
    broken.ravel()[:diverging] = True
    return az.from_dict(
        {
            "posterior": {"x": draws},
            "sample_stats": {
                "diverging": broken,
                "energy": rng.normal(size=SHAPE) if energy is None else energy,
                "n_steps": np.full(SHAPE, 7),
            },
        }
    )


def good_draws():
    return np.random.default_rng(1).normal(size=SHAPE)


def failed(checks):
    return {check.name for check in checks if check.passed is False}


def value(checks, name):
    return next(check.value for check in checks if check.name == name)


def test_independent_draws_pass():
    checks = check_convergence(tree_of(good_draws()))
    assert failed(checks) == set()
    assert value(checks, "rhat_max_parameters") == pytest.approx(1.0, abs=0.01)
    assert value(checks, "ess_bulk_min_parameters") == pytest.approx(4000, rel=0.2)
    cost = value(checks, "gradients_per_effective_draw")
    assert cost == pytest.approx(7.0, rel=0.2)


def test_chains_in_different_places_fail():
    draws = good_draws() + np.array([0, 0, 0, 2.0])[:, None]
    assert "rhat_max_parameters" in failed(check_convergence(tree_of(draws)))


def test_slow_chains_fail():
    draws = np.cumsum(good_draws(), axis=1)
    assert {"ess_bulk_min_parameters", "ess_tail_min_parameters"} <= failed(
        check_convergence(tree_of(draws))
    )


def test_divergences_are_counted():
    checks = check_convergence(tree_of(good_draws(), diverging=3))
    assert value(checks, "divergences") == 3
    assert failed(checks) == {"divergences"}


def test_energy_that_hardly_moves_fails():
    energy = np.cumsum(np.random.default_rng(2).normal(size=SHAPE), axis=1)
    assert "e_bfmi_min" in failed(check_convergence(tree_of(good_draws(), energy=energy)))


def test_an_interrupted_run_does_not_pass_in_silence():
    tree = tree_of(good_draws())
    tree["posterior"].attrs["interrupted"] = 1
    assert failed(check_convergence(tree)) == {"interrupted"}


def as_array(draws):
    return xr.DataArray(draws, dims=("chain", "draw"))


def test_infinite_draws_are_ranked():
    draws = good_draws()
    open_above = np.where(draws > 1.0, np.inf, draws)
    unknown = np.where(draws > 1.0, np.nan, draws)
    assert failed(check_derived({"size": as_array(open_above)})) == set()
    assert failed(check_derived({"size": as_array(unknown)})) == set()
    apart = draws + np.array([0, 0, 0, 2.0])[:, None]
    apart = np.where(apart > 1.0, np.inf, apart)
    assert "rhat_max_size" in failed(check_derived({"size": as_array(apart)}))


def test_the_worst_of_many_is_reported():
    many = np.stack([good_draws(), good_draws() + np.arange(4)[:, None]], axis=-1)
    array = xr.DataArray(many, dims=("chain", "draw", "llm"))
    assert value(check_derived({"size": array}), "rhat_max_size") > 1.2
    turned = array.transpose("llm", "draw", "chain")
    assert value(check_derived({"size": turned}), "rhat_max_size") == pytest.approx(
        value(check_derived({"size": array}), "rhat_max_size")
    )


def test_what_is_the_same_in_all_draws_is_passed_over():
    assert check_derived({"growth": as_array(np.full(SHAPE, np.inf))}) == []
    some = np.stack([good_draws(), np.full(SHAPE, np.inf)], axis=-1)
    checks = check_derived({"size": xr.DataArray(some, dims=("chain", "draw", "llm"))})
    assert failed(checks) == set()
    assert len(checks) == 3


@pytest.mark.parametrize(("mass", "passed"), [([0.995, 0.005], True), ([0.8, 0.2], False)])
def test_a_second_mode_with_mass_fails(mass, passed):
    modes = xr.Dataset({"mass": ("mode", mass)})
    (check,) = check_modes(xr.DataTree.from_dict({"/modes": modes}))
    assert check.passed is passed
    assert check.value == mass[0]
    assert "1 other mode" in check.sentence


def predictive_tree(*, shift, spread):
    """Replicated data of three benchmarks, and data seen that are moved or stretched."""
    rng = np.random.default_rng(4)
    benchmarks = ["One", "Two", "Three"]
    dims = {"y": ["run", "benchmark"]}
    coords = {"benchmark": benchmarks, "run": np.arange(30)}
    seen = rng.normal(size=(30, 3)) * np.array([1.0, spread, 1.0]) + shift
    drawn = rng.normal(size=(4, 250, 30, 3))
    prior = 3 * rng.normal(size=(1, 1000, 30, 3))
    return az.from_dict(
        {
            "posterior_predictive": {"y": drawn},
            "prior_predictive": {"y": prior},
            "observed_data": {"y": seen},
        },
        dims=dims,
        coords=coords,
    )


def test_data_like_their_prediction_pass():
    checks = check_predictive(predictive_tree(shift=0.0, spread=1.0), names=["y"])
    assert failed(checks) == set()


def test_data_that_scatter_more_than_predicted_fail():
    for spread in (2.0, 0.3):
        checks = check_predictive(predictive_tree(shift=0.0, spread=spread), names=["y"])
        assert failed(checks) == {"posterior_predictive_y"}


def test_data_that_the_prior_ruled_out_fail():
    checks = check_predictive(predictive_tree(shift=20.0, spread=1.0), names=["y"])
    assert value(checks, "prior_predictive_y") == 1.0
    assert "prior_predictive_y" in failed(checks)


def test_the_table_leaves_blank_what_is_not_judged():
    checks = [
        Check("a", 1.0, "<= 2", True, "fine"),
        Check("b", 3.0, "<= 2", False, "not fine"),
        Check("c", 4.0, "", None, "told"),
    ]
    table = checks_table(checks)
    assert list(table) == ["check", "value", "threshold", "passed", "sentence"]
    assert table["passed"].tolist() == [True, False, ""]
    assert list(checks_table([])) == list(table)
