"""Reference posteriors: a name stands for one log density, and ordinary runs find the same."""

import json
import sys

import numpy as np
import pytest
import reference_posteriors as study
import reference_store as store
import xarray as xr
from scipy.stats import norm

import densing_bayes as db
from densing_bayes.diagnostics import RHAT_MOST
from densing_bayes.distributions import Distribution

FEWEST_DRAWS = 10_000
#: Shares of scalars of which mean and sd are compared. Of the others the reference itself is not
#: sure enough: sds of long tails, and what differs between the two shapes of 'pooled'.
LEAST_COMPARED = {"pooled": (0.65, 0.80), "paper_calibration": (0.90, 0.93), "misfit": (0.99, 0.90)}
LEAST_USUALLY = (1.0, 0.93)


def stored_of(name):
    paths = store.files_of(name)
    assert len(paths) == 1, (
        f"{name} has {len(paths)} reference files; there is one for every model with laws: "
        f"{store.COMMAND} {name}"
    )
    return store.read(paths[0])


def with_law(name, **changes):
    spec = db.load_spec(name)
    return spec.model_copy(update={"loss_law": spec.loss_law.model_copy(update=changes)})


def with_wider_prior(name="loss_law"):
    part = db.load_spec(name).loss_law.log_alpha
    mean = Distribution(dist="Normal", parameters={"mu": -1.4, "sigma": 0.81})
    return with_law(name, log_alpha=part.model_copy(update={"mean": mean}))


def test_every_model_with_laws_has_a_reference_and_nothing_else_has():
    assert len(study.MODELS) >= 11
    names = {path.stem.rsplit("-", 1)[0] for path in store.FOLDER.glob("*.json")}
    assert names == set(study.MODELS)


@pytest.mark.parametrize("name", study.MODELS)
def test_a_model_is_the_one_its_reference_was_drawn_from(name):
    store.require_unchanged(db.load_spec(name), stored_of(name))


@pytest.mark.parametrize("name", study.MODELS)
def test_a_reference_is_a_long_run_without_fault_or_says_why_not(name):
    stored = stored_of(name)
    table = store.as_table(stored)
    faultless = (
        stored["draws"] >= FEWEST_DRAWS
        and stored["divergences"] == 0
        and table["rhat"].max() < RHAT_MOST
    )
    assert stored["reference"] == faultless
    assert (stored["reason"] is None) == faultless
    assert len(stored["commit"]) == 40
    assert stored["versions"]["pymc"]
    if faultless:
        assert stored["rhat_max"] == pytest.approx(table["rhat"].max(), rel=1e-6)
        assert stored["seed"] != db.load_spec(name).sampler.seed


def test_references_know_nearly_all_of_their_scalars():
    for name in study.MODELS:
        stored = stored_of(name)
        if stored["reference"]:
            use = store.known(store.as_table(stored))
            laws = use[~use.index.str.startswith(store.SIZE)]
            means, sds = LEAST_COMPARED.get(name, LEAST_USUALLY)
            assert laws["mean"].mean() >= means, name
            assert laws["sd"].mean() >= sds, name


def test_a_changed_prior_is_another_model():
    with pytest.raises(store.ChangedModel) as error:
        store.require_unchanged(with_wider_prior(), stored_of("loss_law"))
    said = str(error.value)
    assert "log density of log_alpha_mean is" in said
    assert "log_beta" not in said
    assert "Give the changed model a new name" in said
    assert "python tests/studies/reference_posteriors.py NEW_NAME" in said


def test_a_changed_likelihood_is_another_model():
    part = db.load_spec("student_t").loss_law.noise_df
    heavy = with_law("loss_law", noise="student_t", noise_df=part, run_sd=None)
    with pytest.raises(store.ChangedModel, match=r"gone \['run_sd_log__'\], new \['noise_df_log__"):
        store.require_unchanged(heavy, stored_of("loss_law"))


def test_a_likelihood_with_the_same_parameters_is_another_model_too():
    found = store.changes(
        with_law("loss_misfit", misfit=changed_misfit()), stored_of("loss_misfit")
    )
    assert [line.split(" is ")[0] for line in found] == ["log density of loss_log"]


def changed_misfit():
    misfit = db.load_spec("loss_misfit").loss_law.misfit
    return misfit.model_copy(update={"exponent": misfit.exponent * 0.99})


def test_other_data_and_another_d0_are_another_model():
    spec = db.load_spec("densing_law")
    counted = spec.model_copy(
        update={"data": spec.data.model_copy(update={"embeddings": "counted"})}
    )
    assert any("loss_log" in line for line in store.changes(counted, stored_of("densing_law")))
    joint = db.load_spec("joint")
    assert any(
        "log_size" in line for line in store.changes(joint.with_tokens(4e12), stored_of("joint"))
    )
    # what the laws are not learnt from may change: it is worked out of the same posterior
    assert store.changes(spec.with_tokens(4e12), stored_of("densing_law")) == []


def test_sampler_settings_are_not_of_the_density():
    spec = db.load_spec("loss_law").with_sampler(draws=77, chains=3, seed=1, target_accept=0.8)
    assert store.changes(spec, stored_of("loss_law")) == []


def test_what_a_density_is_known_by_is_its_log_density():
    """Against scipy for priors; the whole against the model compiled for sampling elsewhere."""
    stored = stored_of("loss_law")["density"]
    at, terms = stored["points"], stored["terms"]
    assert terms["log_alpha_mean"] == pytest.approx(norm.logpdf(at["log_alpha_mean"], -1.4, 0.8))
    log_sd = np.array(at["run_sd_log__"])  # LogNormal(mu=-4.4, sigma=0.6), on its log
    assert terms["run_sd"] == pytest.approx(norm.logpdf(log_sd, -4.4, 0.6))
    model = db.build_reference_model(
        db.load_spec("loss_law"), db.read_reference_data(db.load_spec("loss_law"))
    )
    whole = model.compile_logp()
    for place in range(store.POINTS):
        point = {name: np.array(values[place]) for name, values in at.items()}
        total = sum(values[place] for values in terms.values())
        assert float(whole(point)) == pytest.approx(total, rel=1e-10)


def test_a_file_that_was_touched_is_refused(tmp_path):
    path = store.files_of("loss_law")[0]
    text = path.read_text(encoding="utf-8")
    record = json.loads(text)
    name = next(iter(record["scalars"]))
    record["scalars"][name][0] += 0.01
    (tmp_path / path.name).write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError, match="its numbers are not those"):
        store.read(tmp_path / path.name)
    (tmp_path / "loss_law-00000000.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="its name and its density do not go together"):
        store.read(tmp_path / "loss_law-00000000.json")
    assert store.write(store.read(path), tmp_path).read_text(encoding="utf-8") == text


def test_the_study_keeps_what_is_there_and_refuses_a_changed_model(monkeypatch, capsys):
    monkeypatch.setattr(study, "drawn", lambda *_, **__: pytest.fail("it draws"))
    monkeypatch.setattr(sys, "argv", ["study", "loss_law"])
    study.main()
    assert "loss_law: kept" in capsys.readouterr().out
    changed = with_wider_prior()
    monkeypatch.setattr(study.db, "load_spec", lambda name: changed)
    monkeypatch.setattr(sys, "argv", ["study", "loss_law", "--again"])
    with pytest.raises(store.ChangedModel, match="Give the changed model a new name"):
        study.main()


@pytest.fixture(scope="module")
def known_run():
    """A Normal, its exponential, which has a long tail, and a size that is infinite at times."""
    rng = np.random.default_rng(5)
    draws = {
        "x": rng.normal(3.0, 2.0, (4, 10_000)),
        "tail": np.exp(rng.normal(0, 2.5, (4, 10_000))),
    }
    size = rng.normal(20.0, 1.0, (4, 10_000))
    draws[f"{store.SIZE}[A]"] = np.where(size > 21.5, np.inf, size)
    rows = store.summarise(draws)
    return {"columns": list(store.COLUMNS), "scalars": rows}, draws


def test_scalars_have_names_that_do_not_hang_on_the_draws():
    """A logit may be negative in all draws of one run: its log must not be a scalar then."""
    shape = (("chain", "draw", "benchmark"), np.full((2, 5, 1), 2.0))
    names = {"logit_size_share": 1, "a": 1, "gamma": -1, "alpha": 1, "log_alpha": 1, "x_sd": 1}
    posterior = xr.Dataset(
        {name: (shape[0], sign * shape[1]) for name, sign in names.items()},
        coords={"benchmark": ["One"]},
    )
    laws = xr.DataTree.from_dict({"posterior": posterior})
    found = store.scalars(laws, db.load_spec("loss_law"))
    logs = ["ln -gamma[One]", "ln a[One]", "ln x_sd[One]"]
    assert sorted(found) == sorted([*(f"{name}[One]" for name in names), *logs])
    assert found["ln -gamma[One]"].shape == (2, 5)
    assert found["ln a[One]"][0, 0] == pytest.approx(np.log(2.0))


def test_what_is_stored_is_a_summary(known_run):
    stored, _ = known_run
    table = store.as_table(stored)
    assert table.loc["x", "mean"] == pytest.approx(3.0, abs=0.04)
    assert table.loc["x", "sd"] == pytest.approx(2.0, abs=0.03)
    assert table.loc["x", "q95"] == pytest.approx(3.0 + 2 * norm.ppf(0.95), abs=0.08)
    assert table.loc["x", "mcse_mean"] == pytest.approx(2.0 / 200, rel=0.1)
    assert table.loc["x", "mcse_sd"] == pytest.approx(2.0 / 200 / np.sqrt(2), rel=0.1)
    assert np.isnan(table.loc[f"{store.SIZE}[A]", "mean"])
    assert table.loc[f"{store.SIZE}[A]", "q50"] == pytest.approx(20.0, abs=0.04)


def test_a_run_is_compared_where_the_reference_knows(known_run):
    stored, draws = known_run
    use = store.known(store.as_table(stored))
    assert use.loc["x"].tolist() == [True, True, False]
    assert not use.loc["tail", "sd"]
    assert use.loc[f"{store.SIZE}[A]"].tolist() == [False, False, True]
    assert store.compare(stored, draws)["agrees"].all()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("x", lambda x: x + 0.06 * 2),
        ("x", lambda x: 3 + 0.94 * (x - 3)),
        ("x", lambda x: 3 + 1.06 * (x - 3)),
        (f"{store.SIZE}[A]", lambda x: x + 0.06),
    ],
)
def test_a_run_that_is_off_does_not_agree(known_run, name, change):
    stored, draws = known_run
    found = store.compare(stored, draws | {name: change(draws[name])})
    assert found.index[~found["agrees"]].tolist() == [name]


def test_a_run_of_other_scalars_is_not_compared(known_run):
    stored, draws = known_run
    with pytest.raises(store.ChangedModel, match="not in both, the reference and the run: x"):
        store.compare(stored, {name: draws[name] for name in draws if name != "x"})


@pytest.mark.slow
@pytest.mark.parametrize("name", study.MODELS)
def test_an_ordinary_run_agrees(name):
    """The model's own settings, and as many draws as the bounds ask for."""
    stored = stored_of(name)
    if not stored["reference"]:
        pytest.skip(f"no reference: {stored['reason']}")
    spec = db.load_spec(name)
    run = study.ordinary(spec, draws=study.ENOUGH.get(name, study.USUALLY_ENOUGH))
    found = store.compare(stored, store.scalars(run, spec))
    assert found["agrees"].all(), found[~found["agrees"]].to_string()
