"""Density: dense and mixture-of-experts models by hand."""

import numpy as np
import pytest
import xarray as xr
from conftest import make_panel

from densing_bayes.density import density_of, log_actual_size

WEIGHTS = {"memory_weight": 3.0, "compute_weight": 1.0}


def test_a_dense_model_counts_its_parameters():
    panel = make_panel([[0.5], [0.5]], 100, params=[7e9, 2e9])
    for weights in (WEIGHTS, {"memory_weight": 0.1, "compute_weight": 5.0}):
        np.testing.assert_allclose(np.exp(log_actual_size(panel, **weights)), [7e9, 2e9])


def test_a_mixture_of_experts_counts_what_it_costs():
    panel = make_panel(
        [[0.5], [0.5]], 100, params=[40e9, 8e9], params_active=[12e9, np.nan], moe=[True, False]
    )
    # (3 * 40 + 1 * 12) / 4 = 33 thousand million
    np.testing.assert_allclose(np.exp(log_actual_size(panel, **WEIGHTS)), [33e9, 8e9])
    doubled = {key: 2 * value for key, value in WEIGHTS.items()}
    np.testing.assert_allclose(log_actual_size(panel, **doubled), log_actual_size(panel, **WEIGHTS))


def test_a_quantised_model_keeps_a_share_of_its_memory():
    panel = make_panel([[0.5]], 100, params=[8e9], memory_factor=[0.25])
    # (3 * 8 / 4 + 8) / 4 = 3.5
    np.testing.assert_allclose(np.exp(log_actual_size(panel, **WEIGHTS)), [3.5e9])


def test_an_unknown_count_of_active_parameters_is_refused():
    panel = make_panel([[0.5], [0.5]], 100, moe=[True, False])
    with pytest.raises(ValueError, match=r"no params_active.*models A;.*give the count"):
        log_actual_size(panel, **WEIGHTS)


def test_density_divides_draw_by_draw():
    panel = make_panel([[0.5], [0.6]], 100, params=[2e9, 8e9])
    log_size = np.log([[[[4e9], [4e9]], [[6e9], [np.inf]]]])
    dims = ("chain", "draw", "llm", "benchmark")
    sizes = xr.Dataset(
        {
            "log_effective_size": (dims, log_size),
            "low": (dims, np.where(np.isinf(log_size), 25.0, log_size)),
            "high": (dims, log_size),
            "centre": (dims, log_size),
            "target_sd": (dims, np.full(log_size.shape, 0.2)),
            "side": (dims, np.where(np.isinf(log_size), 1, 0)),
        },
        coords={"llm": ["A", "B"], "benchmark": ["One"]},
        attrs={"tokens": 5e12},
    )
    densities = density_of(sizes, panel, **WEIGHTS)
    np.testing.assert_allclose(np.exp(densities["log_density"]).squeeze(), [[2, 0.5], [3, np.inf]])
    np.testing.assert_allclose(densities["centre"], densities["log_density"])
    np.testing.assert_allclose(densities["target_sd"], 0.2)
    assert densities["side"].values.ravel().tolist() == [0, 0, 0, 1]
    assert densities["params"].values.tolist() == [2e9, 8e9]
    assert {"release_date", "organisation"} <= set(densities.coords)
    assert densities.attrs["memory_weight"] == 3.0
    assert densities.attrs["tokens"] == 5e12
