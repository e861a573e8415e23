"""What was learned, against Normals whose overlap and directions are known."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from densing_bayes.identifiability import (
    learned_directions,
    learned_parameters,
    parameter_draws,
    parameter_pairs,
    relative_directions,
)

#: log_alpha and log_beta of one benchmark: their sum is known, their difference hardly.
RIDGE = np.array([[0.5, -0.49], [-0.49, 0.5]])


@pytest.fixture(scope="module")
def laws():
    rng = np.random.default_rng(1)

    def group(pair, silent_sd, spread_sd, order):
        drawn = rng.multivariate_normal([0, 0], pair, size=(4, 2000))[..., None]
        dims = ("chain", "draw", "benchmark")
        parts = {
            "log_alpha": (dims, drawn[:, :, 0]),
            "log_beta": (dims, drawn[:, :, 1]),
            "logit_ceiling": (dims, rng.normal(0, silent_sd, (4, 2000, 1))),
            "run_sd": (("chain", "draw"), np.exp(rng.normal(-4, spread_sd, (4, 2000)))),
            "log_alpha_mean": (("chain", "draw"), rng.normal(size=(4, 2000))),
        }
        coords = {"chain": range(4), "draw": range(2000), "benchmark": ["One"]}
        return xr.Dataset({name: parts[name] for name in order}, coords=coords)

    names = ["log_alpha", "log_beta", "logit_ceiling", "run_sd", "log_alpha_mean"]
    return xr.DataTree.from_dict(
        {
            "prior": group(np.eye(2), 1.0, 0.6, names[::-1]),
            "posterior": group(RIDGE, 1.0, 0.3, names),
        }
    )


def test_posteriors_are_set_against_priors(laws):
    table = learned_parameters(laws).set_index("parameter")
    assert table.at["log_alpha", "sd_ratio"] == pytest.approx(np.sqrt(0.5), rel=0.04)
    assert table.at["log_alpha", "contraction"] == pytest.approx(0.5, abs=0.05)
    assert table.at["log run_sd", "contraction"] == pytest.approx(0.75, abs=0.04)
    grid = np.linspace(-6, 6, 4001)
    common = np.trapezoid(
        np.minimum(scipy.stats.norm.pdf(grid), scipy.stats.norm.pdf(grid, scale=np.sqrt(0.5))), grid
    )
    assert table.at["log_alpha", "overlap"] == pytest.approx(common, abs=0.05)
    assert table.at["logit_ceiling", "overlap"] > 0.93
    assert "next to nothing" in table.at["logit_ceiling", "sentence"]
    assert table.at["log run_sd", "benchmark"] == ""


def test_the_ridge_is_found_and_named(laws):
    pair = parameter_pairs(laws, most=1).iloc[0]
    assert {pair["first"], pair["second"]} == {"log_alpha One", "log_beta One"}
    assert pair["correlation"] == pytest.approx(-0.98, abs=0.01)
    assert pair["prior_correlation"] == pytest.approx(0, abs=0.06)
    assert pair["sentence"] == "a ridge, made by the data: one rises as the other falls"


def test_pairs_tied_by_the_prior_are_told_from_those_tied_by_data(laws):
    both = laws.copy()
    for name in ("prior", "posterior"):
        data = both[name].to_dataset()
        tied = data["log_alpha_mean"].expand_dims(benchmark=["One"], axis=-1)
        both[name] = xr.DataTree(data.assign(log_noise_sd=tied + 0.01 * data["log_alpha"]))
    first = parameter_pairs(both, most=1).iloc[0]
    assert {first["first"], first["second"]} == {"log_noise_sd One", "log_alpha_mean"}
    assert "already in the prior" in first["sentence"]


def test_directions_are_ordered_and_named(laws):
    table = learned_directions(laws)
    assert table["variance_left"].tolist() == pytest.approx([0.01, 0.99, 1.0], rel=0.1)
    sizes_and_names = table["direction"][0].split()
    assert {sizes_and_names[1], sizes_and_names[3]} == {"log_alpha", "log_beta"}
    assert float(sizes_and_names[2]) == pytest.approx(0.71, abs=0.03)
    assert table["sentence"][0].startswith("known")
    assert table["sentence"][2].startswith("open")


def test_generalised_directions_are_exact():
    left, vectors = relative_directions(np.diag([0.1, 2.0]), np.diag([1.0, 4.0]))
    np.testing.assert_allclose(left, [0.1, 0.5])
    np.testing.assert_allclose(np.abs(vectors), np.eye(2))


def test_a_lacking_group_is_named(laws):
    with pytest.raises(ValueError, match="'prior'"):
        parameter_draws(laws.drop_nodes("prior"), "prior")
