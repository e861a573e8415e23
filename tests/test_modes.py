"""Modes: known masses are found, and one mode is one."""

import numpy as np
import nutpie
import pymc as pm
import pytest

from densing_bayes.modes import Modes, find_modes


def compiled(model):
    return nutpie.compile_pymc_model(model, default_initialization_strategy="prior")


def mixture_of(*, share, apart, dimensions):
    """Two Normals far apart, one of them three times as wide; the mass of each is known."""
    at = np.array([0.0, apart])
    sd = np.array([0.3, 0.1])
    with pm.Model() as model:
        x = pm.Uniform("x", -5.0, apart + 5.0, shape=dimensions, default_transform=None)
        parts = [
            pm.logp(pm.Normal.dist(at[k], sd[k]), x).sum() + np.log(weight)
            for k, weight in enumerate((share, 1.0 - share))
        ]
        pm.Potential("mixture", pm.math.logsumexp(pm.math.stack(parts)))
    return model


@pytest.mark.parametrize("dimensions", [1, 3])
def test_known_masses_are_found(dimensions):
    model = mixture_of(share=0.8, apart=10.0, dimensions=dimensions)
    modes = find_modes(compiled(model), chains=16, cores=2, seed=1)
    weighty = modes.table[modes.table["mass"] > 1e-3]
    assert len(weighty) == 2
    wide_first = weighty.sort_values("mass", ascending=False)
    np.testing.assert_allclose(wide_first["mass"], [0.8, 0.2], atol=0.05)
    for mode, middle in zip(wide_first["mode"], (0.0, 10.0), strict=True):
        assert modes.starts[mode].mean() == pytest.approx(middle, abs=0.1)
    begun = np.array([modes.start(seed)[0] for seed in range(1000)])
    assert (begun < 5).mean() == pytest.approx(0.8, abs=0.08)


def test_one_mode_is_one():
    with pm.Model() as model:
        x = pm.Normal("x", 0.0, 3.0, shape=4)
        pm.Normal("y", x, 1.0, observed=[1.0, 2.0, 3.0, 4.0])
    modes = find_modes(compiled(model), chains=6, cores=2, seed=1)
    assert len(modes.table) == 1
    assert modes.table["mass"].tolist() == [1.0]
    assert modes.table["chains"].tolist() == [6]
    # conjugate: log p(y) = sum of log Normal(y | 0, sqrt(10))
    y = np.array([1.0, 2.0, 3.0, 4.0])
    log_evidence = (-0.5 * np.log(2 * np.pi * 10) - y**2 / 20).sum()
    assert modes.table["log_evidence"].item() == pytest.approx(log_evidence, abs=0.15)


def test_a_mode_without_hope_is_listed_but_never_started_from():
    import pandas as pd

    table = pd.DataFrame({"mode": [0, 1], "mass": [1.0, 0.0]})
    modes = Modes(table, {0: np.zeros((5, 2))})
    assert all((modes.start(seed) == 0).all() for seed in range(20))
