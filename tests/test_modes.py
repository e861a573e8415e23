"""Modes of PyMC models: known masses and evidence, blocks, starts, and values of variables."""

import numpy as np
import nutpie
import pymc as pm
import pytest

from densing_bayes.modes import find_modes
from densing_bayes.tempering import temper, variables_at


def mixture_of(*, share, apart, dimensions):
    """Two Normals far apart, one of them three times as wide; the mass of each is known."""
    at = np.array([0.0, apart])
    sd = np.array([0.3, 0.1])
    with pm.Model() as model:
        x = pm.Uniform("x", -5.0, apart + 5.0, shape=dimensions)
        parts = [
            pm.logp(pm.Normal.dist(at[k], sd[k]), x).sum() + np.log(weight)
            for k, weight in enumerate((share, 1.0 - share))
        ]
        pm.Potential("mixture", pm.math.logsumexp(pm.math.stack(parts)))
    return model


@pytest.mark.parametrize("dimensions", [1, 3])
def test_known_masses_are_found(dimensions):
    model = mixture_of(share=0.8, apart=10.0, dimensions=dimensions)
    modes = find_modes(model, particles=4000, populations=2, seed=1)
    table = modes.table
    np.testing.assert_allclose(table["mass"], [0.8, 0.2], atol=0.05)
    assert (table["mc_error"] < 0.1).all()
    # the prior is uniform on a cube of side 20, and the potential integrates to one
    assert modes.log_evidence.mean() == pytest.approx(-dimensions * np.log(20.0), abs=0.2)
    draws = modes.draws(("x",))["x"].values
    for mode, middle in enumerate((0.0, 10.0)):
        assert draws[modes.mode == mode].mean() == pytest.approx(middle, abs=0.1)
    begun = np.array([modes.start(seed)[0] for seed in range(1000)])
    far = modes.positions[..., 0][modes.mode == 1].min()
    assert (begun < far).mean() == pytest.approx(0.8, abs=0.08)


def conjugate(y):
    with pm.Model(coords={"point": list("abcd")}) as model:
        x = pm.Normal("x", 0.0, 3.0, dims="point")
        pm.Deterministic("square", x**2, dims="point")
        pm.Normal("y", x, 1.0, observed=y, dims="point")
    return model


def test_one_mode_is_one_and_its_evidence_is_exact():
    y = np.array([1.0, 2.0, 3.0, 4.0])
    modes = find_modes(conjugate(y), particles=1000, populations=2, seed=1)
    assert modes.table["mass"].tolist() == [1.0]
    # conjugate: log p(y) = sum of log Normal(y | 0, sqrt(10))
    log_evidence = (-0.5 * np.log(2 * np.pi * 10) - y**2 / 20).sum()
    assert modes.table["log_evidence"].item() == pytest.approx(log_evidence, abs=0.15)
    draws = modes.draws(("x", "square"))
    np.testing.assert_allclose(draws["x"].mean(("chain", "draw")), 0.9 * y, atol=0.15)
    np.testing.assert_allclose(draws["square"], draws["x"] ** 2)
    assert draws["x"].dims == ("chain", "draw", "point")
    assert draws["point"].values.tolist() == list("abcd")


def two_blocks():
    with pm.Model() as model:
        sd = pm.HalfNormal("sd", 1.0)
        other = pm.Normal("other", 0.0, 2.0, shape=2)
        mean = pm.Normal("mean", 0.0, sd, shape=3)
        pm.Normal("seen", mean, 1.0, observed=[0.5, 1.0, -0.5])
        pm.Normal("alone", other, 1.0, observed=[1.0, 2.0])
    return model


def test_variables_without_a_common_term_are_blocks_of_their_own():
    model = two_blocks()
    tempered = temper(model)
    assert [block.names for block in tempered.blocks] == [("sd", "mean"), ("other",)]
    assert [block.columns.tolist() for block in tempered.blocks] == [[0, 3, 4, 5], [1, 2]]
    # together they are the density of the model, and its gradient, at every position
    start = tempered.prior_draws(20, seed=1)
    point = model.compile_fn([model.varlogp, model.datalogp])
    slope = model.compile_dlogp()
    found = [block.density(start[:, block.columns]) for block in tempered.blocks]
    for row, position in enumerate(start):
        value = {"sd_log__": position[0], "other": position[1:3], "mean": position[3:]}
        prior, likelihood = point(value)
        assert sum(part[0][row] for part in found) == pytest.approx(float(prior))
        assert sum(part[1][row] for part in found) == pytest.approx(float(likelihood))
        gradient = np.empty(6)
        for block, part in zip(tempered.blocks, found, strict=True):
            gradient[block.columns] = part[2][row] + part[3][row]
        np.testing.assert_allclose(gradient, slope(value), rtol=1e-6)


def test_positions_are_those_of_nutpie():
    model = two_blocks()
    modes = find_modes(model, particles=200, populations=1, seed=1)
    compiled = nutpie.compile_pymc_model(model)
    assert compiled.n_dim == modes.positions.shape[-1]
    draws = nutpie.sample(
        compiled, draws=20, tune=100, chains=1, seed=1, progress_bar=False, store_unconstrained=True
    )
    position = draws["sample_stats"]["unconstrained_draw"].values[0]
    found = variables_at(model, position, names=("sd", "other", "mean"))
    for name, values in found.items():
        np.testing.assert_allclose(values, draws["posterior"][name].values[0], rtol=1e-8)


def test_prior_draws_are_draws_of_the_prior():
    start = temper(two_blocks()).prior_draws(4000, seed=1)
    sd = np.exp(start[:, 0])
    assert np.sqrt((sd**2).mean()) == pytest.approx(1.0, abs=0.05)
    assert start[:, 1].std() == pytest.approx(2.0, abs=0.1)
    assert (start[:, 3] / sd).std() == pytest.approx(1.0, abs=0.05)


def test_a_parameter_out_of_range_is_no_place_for_a_particle():
    with pm.Model() as model:
        sd = pm.Normal("sd", 0.5, 1.0)
        pm.Normal("y", 0.0, sd, observed=[0.3, -0.4])
    draws = find_modes(model, particles=300, populations=1, seed=1).draws(("sd",))
    assert (draws["sd"] > 0).all()


def test_an_unknown_variable_is_told():
    with pytest.raises(ValueError, match=r"no variables \['nothing'\]; it has"):
        variables_at(two_blocks(), np.zeros((1, 6)), names=("nothing",))


def test_new_data_reach_a_compiled_model():
    with pm.Model() as model:
        x = pm.Normal("x", 0.0, 3.0)
        pm.Normal("y", x, 1.0, observed=pm.Data("seen", [1.0]))
    tempered = temper(model)
    for seen in (1.0, 4.0):
        with model:
            pm.set_data({"seen": [seen]})
        draws = find_modes(tempered, particles=1000, populations=1, seed=1).draws(("x",))
        assert float(draws["x"].mean()) == pytest.approx(0.9 * seen, abs=0.12)
