"""Extrapolation scored: the tables, worlds of known truth, and Chinchilla's runs."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import densing_bayes as db
from densing_bayes import laws
from densing_bayes.cli import main
from densing_bayes.errors import InputError
from densing_bayes.extrapolation import _below, _fit, _predict, extrapolate
from densing_bayes.fit import compile_model
from densing_bayes.misfit_basis import misfit_basis
from densing_bayes.scoring import score_predictions
from densing_bayes.spec import spec_from_text

LADDER = Path(__file__).parent / "specs" / "ladder_irreducible.toml"
LAW = {"a": 300.0, "alpha": 0.34, "b": 1500.0, "beta": 0.36, "e": 1.8}
QUICK = {"draws": 150, "tune": 250, "chains": 2, "particles": 200, "populations": 0}


def without_scale(text):
    """Take noise and misfit by scale out of the ladder's specification."""
    return text[: text.index("[loss_law.noise_size_slope]")] + text[text.index("[sampler]") :]


def design(count, seed):
    rng = np.random.default_rng(seed)
    params = np.exp(rng.uniform(np.log(5e7), np.log(5e9), count)).round()
    tokens = (params * np.exp(rng.uniform(np.log(3), np.log(100), count))).round()
    return params, tokens


def write(folder, params, tokens, loss, text):
    pd.DataFrame(
        {
            "benchmark": "ladder",
            "run": [f"run {i}" for i in range(len(params))],
            "params": params.astype(np.int64),
            "tokens": tokens.astype(np.int64),
            "loss": loss,
            "source": "simulated",
        }
    ).to_csv(folder / "ladder.csv", index=False)
    pd.DataFrame(
        {"benchmark": ["ladder"], "chance": 0.5, "n_items": 1, "metric": "loss", "source": "none"}
    ).to_csv(folder / "ladder_benchmarks.csv", index=False)
    return spec_from_text(text, folder=folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ladder")
    params, tokens = design(40, seed=1)
    rng = np.random.default_rng(2)
    loss = laws.loss_law(params, tokens, **LAW) * np.exp(rng.normal(0, 0.01, 40))
    spec = write(folder, params, tokens, loss, without_scale(LADDER.read_text()))
    return folder, spec.with_sampler(**QUICK)


def test_every_run_above_the_cut_is_predicted_at_every_cut(small):
    _, spec = small
    losses = db.load_reference_losses(
        spec.data.reference_losses, benchmark_table=spec.data.benchmarks
    )
    compute = 6 * losses["params"].values * losses["tokens"].values
    cuts = list(np.quantile(compute, [0.6, 0.8]))
    told = []
    found = extrapolate(spec, largest=cuts, say=told.append)
    assert sum("compiling" in line for line in told) == 1, "one compilation for all cuts"
    for cut in cuts:
        table = found.table[found.table["cut"] == cut]
        assert set(table["run"]) == set(losses["run"].values[compute >= cut])
        assert (table["compute"] >= cut).all()
        assert table["loss"].to_numpy() == pytest.approx(
            losses["loss"].sel(run=table["run"].to_numpy()).values[:, 0]
        )
        scores = found.scores[found.scores["cut"] == cut].iloc[0]
        assert scores["n"] == len(table)
        assert scores["runs_fitted"] == (compute < cut).sum()
        assert scores["coverage_95"] == pytest.approx(table["inside_95"].mean())
        assert scores["rmse"] == pytest.approx(
            np.sqrt(((table["loss"] - table["q50"]) ** 2).mean()), rel=1e-3
        )
        assert scores["crps"] == pytest.approx(table["crps"].mean(), rel=1e-6)
    ordered = found.table[["q025", "q05", "q50", "q95", "q975"]].to_numpy()
    assert (np.diff(ordered, axis=1) > 0).all()
    assert found.scores["rmse"].max() < 0.1


def test_a_run_kept_out_leaves_no_trace_in_the_fit(small):
    _, spec = small
    spec = db.Spec.model_validate(spec.resolved())
    data = db.read_reference_data(spec)
    compute = 6 * data["params"].values * data["tokens"].values
    cut = np.quantile(compute, 0.7)
    far = compute >= cut
    moved = data.copy(deep=True)
    moved["loss_log"].values[far] += 5.0
    for name in ("params", "tokens"):
        moved[name].values[far] *= 3.0
    densities = []
    for one in (data, moved):
        model = db.build_reference_model(spec, _below(one, compute, cut))
        point = model.initial_point(random_seed=1)
        densities.append(float(model.compile_logp(mode="FAST_COMPILE")(point)))
    assert densities[0] == pytest.approx(densities[1], rel=1e-12)


def test_a_design_given_as_data_is_the_same_density(small):
    _, spec = small
    data = db.read_reference_data(spec)
    values = []
    for refit in (False, True):
        model = db.build_reference_model(spec, data, refit=refit)
        point = model.initial_point(random_seed=1)
        values.append(float(model.compile_logp(mode="FAST_COMPILE")(point)))
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_a_cut_that_leaves_too_little_says_where_it_may_be(small):
    _, spec = small
    with pytest.raises(InputError, match=r"leaves 0 runs to fit and 40 .* allowed: above .*FLOP"):
        extrapolate(spec, largest=1e3)
    with pytest.raises(InputError, match="and 0 to predict"):
        extrapolate(spec, largest=1e30)
    with pytest.raises(InputError, match=r"has no \[loss_law\]"):
        extrapolate("published_trend", largest=1e20)
    with pytest.raises(ValueError, match="compute, params, tokens"):
        extrapolate(spec, largest=1e20, by="flops")


def test_the_command_refuses_a_wrong_cut_before_it_fits(small, tmp_path, capsys):
    folder, _ = small
    (folder / "ladder_plain.toml").write_text(
        without_scale(LADDER.read_text()).replace('"ladder_irreducible"', '"ladder_plain"')
    )
    asked = ["extrapolate", str(folder / "ladder_plain.toml"), "--largest-above", "1e30"]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 2
    assert "and 0 to predict" in capsys.readouterr().err


def world(spec, params, tokens, near, rng):
    """Log losses drawn from the model itself: law, noise by scale, and a field over all runs."""
    part = spec.loss_law.misfit
    basis = misfit_basis(params[near], tokens[near], exponent=part.exponent, features=part.features)
    phi, rest = basis.features(params, tokens), basis.remainder(params, tokens)
    scale = np.exp(rng.normal(*part.sd.parameters.values()))
    field = rng.multivariate_normal(np.zeros(len(params)), phi @ phi.T + rest, method="eigh")
    x, y = (np.log(value) - np.log(value[near]).mean() for value in (params, tokens))
    sigma = 0.006 * np.exp(rng.normal(0, 0.3) * x + rng.normal(0, 0.3) * y)
    return np.log(laws.loss_law(params, tokens, **LAW)) + scale * field + rng.normal(0, sigma)


@pytest.mark.slow
def test_the_true_model_covers_what_it_has_not_seen_and_one_without_misfit_does_not(tmp_path):
    params, tokens = design(100, seed=3)
    compute = 6 * params * tokens
    cut = np.quantile(compute, 0.7)
    coverage = {}
    right = LADDER.read_text()
    for name, text in (("right", right), ("wrong", without_scale(right))):
        spec = write(tmp_path, params, tokens, np.full(100, 2.5), text)
        spec = spec.with_sampler(draws=400, tune=600, target_accept=0.9)
        true = spec_from_text(right, folder=tmp_path)
        data = db.read_reference_data(spec)
        model = db.build_reference_model(spec, _below(data, compute, cut), refit=True)
        compiled = compile_model(model)
        inside = []
        for number in range(12):
            rng = np.random.default_rng([5, number])
            one = data.copy(deep=True)
            one["loss_log"].values[:, 0] = world(true, params, tokens, compute < cut, rng)
            tree = _fit(spec, model, compiled, _below(one, compute, cut), progress=False)
            far = compute >= cut
            drawn = _predict(tree, one, far, seed=number).values[:, :, 0]
            inside.append(score_predictions(drawn, one["loss_log"].values[far, 0]))
        coverage[name] = np.mean([scores["coverage_90"] for scores in inside])
    # Runs of one world share its field: 12 worlds of 30 runs are some 12 to 40 independent ones.
    assert coverage["right"] == pytest.approx(0.9, abs=0.1)
    assert coverage["wrong"] < 0.65


POINTS = os.environ.get("DENSING_BAYES_CHINCHILLA")


@pytest.fixture(scope="module")
def chinchilla():
    if POINTS is None:
        pytest.skip("set DENSING_BAYES_CHINCHILLA to the CSV of Besiroglu et al. (2024)")
    frame = pd.read_csv(POINTS).sort_values("loss").iloc[:-5].sort_index()
    params = frame["Model Size"].to_numpy().round()
    tokens = (frame["Training FLOP"] / 6 / frame["Model Size"]).to_numpy().round()
    return params, tokens, frame["loss"].to_numpy()


@pytest.mark.slow
def test_larger_chinchilla_runs_are_covered(chinchilla, tmp_path):
    spec = write(tmp_path, *chinchilla, LADDER.read_text())
    scores = extrapolate(spec, largest=3e20).scores.iloc[0]
    assert scores["n"] == 63
    assert scores["runs_fitted"] == 177
    assert scores["rmse"] <= 0.026
    assert scores["coverage_95"] >= 0.9


@pytest.mark.slow
def test_heavy_tails_find_chinchillas_published_refit(chinchilla, tmp_path):
    text = without_scale(LADDER.read_text()).replace(
        'form = "power_law_irreducible"',
        'form = "power_law_irreducible"\nnoise = "student_t"\n[loss_law.noise_df]\n'
        'prior = { dist = "Gamma", alpha = 2.0, beta = 0.1 }\nreason = "Juarez and Steel 2010"\n',
    )
    spec = write(tmp_path, *chinchilla, text)
    posterior = db.fit_laws(spec, predictive=False, progress=False)["posterior"]
    # 95 % intervals of Besiroglu et al. 2024, arXiv 2404.10102
    published = {"alpha": (0.317, 0.373), "beta": (0.331, 0.415), "e": (1.769, 1.871)}
    for name, (low, high) in published.items():
        assert low < float(posterior[name].median()) < high, name
