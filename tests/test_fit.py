"""Fitting a small model of known posterior: two samplers, one seed, one file."""

import arviz as az
import numpy as np
import pymc as pm
import pytest

from densing_bayes.fit import draw_posterior, versions
from densing_bayes.predictive import add_predictive
from densing_bayes.spec_parts import SamplerPart

SEEN = np.array([1.1, 0.4, 2.0, 1.6, 0.9, 1.3])


def small_model():
    with pm.Model(coords={"point": np.arange(len(SEEN))}) as model:
        mean = pm.Normal("mean", 0.0, 2.0)
        sd = pm.HalfNormal("sd", 1.0)
        pm.Deterministic("double", 2 * mean)
        pm.Normal("seen", mean, sd, observed=SEEN, dims="point")
    return model


def setting(**changes):
    usual = {"draws": 1000, "tune": 500, "chains": 2, "cores": 1, "particles": 200, "seed": 3}
    return SamplerPart(**{**usual, "target_accept": 0.9, **changes})


@pytest.fixture(scope="module")
def by_nutpie():
    return draw_posterior(small_model(), setting(), progress=False)


def exact_moments():
    """Posterior mean and sd of both parameters by quadrature."""
    mean, sd = np.meshgrid(np.linspace(-3, 5, 801), np.linspace(0.05, 5, 800), indexing="ij")
    log = -(mean**2) / 8 - sd**2 / 2 - len(SEEN) * np.log(sd)
    log -= sum((y - mean) ** 2 for y in SEEN) / (2 * sd**2)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    first = [(weight * value).sum() for value in (mean, sd)]
    second = [(weight * (v - m) ** 2).sum() for v, m in zip((mean, sd), first, strict=True)]
    return dict(zip(("mean", "sd"), zip(first, np.sqrt(second), strict=True), strict=True))


def assert_right(tree):
    for name, (mean, sd) in exact_moments().items():
        draws = tree["posterior"][name]
        error = float(az.mcse(draws.to_dataset(), method="mean")[name])
        assert float(draws.mean()) == pytest.approx(mean, abs=4.5 * error)
        assert float(draws.std()) == pytest.approx(sd, rel=0.12)


def test_nutpie_draws_the_posterior(by_nutpie):
    assert_right(by_nutpie)
    assert by_nutpie["posterior"]["mean"].dims == ("chain", "draw")
    assert by_nutpie["modes"]["mass"].values.tolist() == [1.0]
    attrs = by_nutpie["posterior"].attrs
    assert attrs["interrupted"] == 0
    assert attrs["gradient_evaluations"] > 1000
    assert {"seconds_compile", "seconds_modes", "seconds_sampling"} <= set(attrs)


def test_pymcs_own_sampler_draws_the_same():
    tree = draw_posterior(small_model(), setting(sampler="pymc"), progress=False)
    assert tree["posterior"].attrs["sampler"] == "pymc"
    assert_right(tree)


def test_the_same_seed_gives_the_same_chains_to_begin_with(by_nutpie):
    again = draw_posterior(small_model(), setting(), progress=False)
    other = draw_posterior(small_model(), setting(seed=4), progress=False)
    first, second, third = (tree["posterior"]["mean"].values for tree in (by_nutpie, again, other))
    # rounding may part the chains later on
    np.testing.assert_allclose(first[:, :5], second[:, :5], rtol=1e-6)
    assert not np.allclose(first[:, :5], third[:, :5])


def test_what_was_drawn_can_be_written_and_read_back(by_nutpie, tmp_path):
    by_nutpie.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    again = az.from_netcdf(tmp_path / "posterior.nc").load()
    for group in ("posterior", "sample_stats", "modes"):
        assert again[group].to_dataset().equals(by_nutpie[group].to_dataset())
    assert again["posterior"].attrs["sampler"] == "nutpie"
    again.close()


def test_predictive_groups_are_added(by_nutpie):
    tree = add_predictive(by_nutpie, small_model(), draws=400, seed=1)
    for group in ("prior", "prior_predictive", "posterior_predictive", "log_likelihood"):
        assert group in tree
    np.testing.assert_allclose(tree["observed_data"]["seen"], SEEN)
    sizes = tree["posterior_predictive"]["seen"].sizes
    assert sizes["chain"] * sizes["draw"] == 400
    replicated = tree["posterior_predictive"]["seen"]
    mean, spread = exact_moments()["mean"][0], np.sqrt(0.7**2)
    assert float(replicated.mean()) == pytest.approx(mean, abs=0.2)
    assert float(replicated.std()) == pytest.approx(spread, rel=0.35)
    density = tree["log_likelihood"]["seen"].isel(chain=0, draw=7, point=2)
    posterior = tree["posterior"].to_dataset().isel(chain=0, draw=7)
    by_hand = -0.5 * ((2.0 - posterior["mean"]) / posterior["sd"]) ** 2
    by_hand = by_hand - np.log(posterior["sd"]) - 0.5 * np.log(2 * np.pi)
    assert float(density) == pytest.approx(float(by_hand), rel=1e-6)


def test_versions_are_those_installed():
    assert versions()["pymc"] == pm.__version__


def test_modes_are_looked_for_only_if_asked():
    tree = draw_posterior(small_model(), setting(populations=0), progress=False)
    assert "modes" not in tree
    assert "particles" not in tree
    assert_right(tree)


def test_draws_of_the_populations_are_kept():
    tree = draw_posterior(small_model(), setting(), keep=("double",), progress=False)
    kept = tree["particles"]["double"]
    assert kept.sizes["chain"] == setting().populations
    assert float(kept.mean()) == pytest.approx(2 * exact_moments()["mean"][0], abs=0.15)
    assert np.isfinite(tree["modes"].attrs["log_evidence"])
