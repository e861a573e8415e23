"""Inputs that are not exact: drawn errors, counting rules, and errors in variables of the runs."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import densing_bayes as db
from densing_bayes.errors import TableError
from densing_bayes.tables import bundled_path

CHAINS, DRAWS = 2, 5000


def panel():
    return xr.Dataset(
        {
            "params": ("llm", [7e9, 7e9, 4e10]),
            "params_active": ("llm", [np.nan, np.nan, 1e10]),
            "moe": ("llm", [False, False, True]),
            "params_log_sd": ("llm", [0.0, 0.4, 0.0]),
            "release_days_sd": ("llm", [0.0, 20.0, 0.0]),
        },
        coords={
            "llm": ["exact", "rumoured", "month"],
            "release_date": (
                "llm",
                np.array(["2024-03-18", "2024-03-18", "2024-02-10"], dtype="datetime64[ns]"),
            ),
            "date_precision": ("llm", ["day", "month", "month"]),
        },
    )


def sizes():
    dims = ("chain", "draw", "llm", "benchmark")
    value = (dims, np.zeros((CHAINS, DRAWS, 3, 1)))
    names = ("log_effective_size", "low", "high", "centre", "target_sd", "side")
    return xr.Dataset(
        dict.fromkeys(names, value),
        coords={
            "chain": np.arange(CHAINS),
            "draw": np.arange(DRAWS),
            "llm": panel()["llm"].values,
            "benchmark": ["all"],
        },
    )


def test_errors_have_the_spread_that_the_table_says():
    drawn = db.draw_inputs(panel(), sizes=sizes(), seed=3)
    log_size, days = drawn["log_params_error"], drawn["release_days_sd"]
    assert (log_size.sel(llm=["exact", "month"]) == 0).all()
    assert float(log_size.sel(llm="rumoured").std()) == pytest.approx(0.4, rel=0.03)
    # An sd that is given counts, not the month; a day somewhere in a month has 30.4 / sqrt(12).
    assert days.values.tolist() == pytest.approx([0.0, 20.0, 8.787], abs=1e-3)
    assert db.inexact_llms(panel()) == ["rumoured", "month"]


def test_a_panel_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="other models"):
        db.draw_inputs(panel().isel(llm=[0]), sizes=sizes(), seed=3)
    with pytest.raises(ValueError, match="lacks date_precision"):
        db.draw_inputs(panel().drop_vars("date_precision"), sizes=sizes(), seed=3)


def test_an_uncertain_size_widens_the_density_and_a_date_goes_along():
    drawn = db.draw_inputs(panel(), sizes=sizes(), seed=3)
    kwargs = {"memory_weight": 1.0, "compute_weight": 1.0}
    exact = db.density_of(sizes(), panel(), **kwargs)
    inexact = db.density_of(sizes(), panel(), inputs=drawn, **kwargs)
    spread = inexact["log_density"].std(("chain", "draw")).sel(benchmark="all")
    assert float(spread.sel(llm="exact")) == pytest.approx(0.0, abs=1e-9)
    assert float(spread.sel(llm="rumoured")) == pytest.approx(0.4, rel=0.03)
    assert (inexact["centre"] == exact["centre"]).all()  # a trend takes the sd, not the draws
    assert inexact["params_log_sd"].values.tolist() == [0.0, 0.4, 0.0]
    assert "release_days_sd" not in exact


@pytest.mark.parametrize(("mixture", "size"), [("total", 4e10), ("active", 1e10)])
def test_a_mixture_is_divided_by_the_count_asked_for(mixture, size):
    log_size = db.log_actual_size(panel(), memory_weight=2.45, compute_weight=1.0, mixture=mixture)
    assert float(log_size.sel(llm="month")) == pytest.approx(np.log(size))
    assert float(log_size.sel(llm="exact")) == pytest.approx(np.log(7e9))


@pytest.mark.parametrize(("days_sd", "size_sd"), [(0.0, 0.0), (150.0, 0.0), (0.0, 0.7)])
def test_growth_is_covered_whatever_is_not_exact(days_sd, size_sd):
    """Worlds in which true dates and sizes scatter about those given: growth keeps its truth."""
    rng = np.random.default_rng(5)
    count, worlds, truth, origin = 60, 40, 2.5, np.datetime64("2023-02-24")
    prior = db.load_spec("densing_law").trend.average
    medians, covered, noise = [], [], []
    for world in range(worlds):
        given = rng.uniform(-365, 365, count)
        date = origin + np.round(given).astype("timedelta64[D]")
        actual = given + days_sd * rng.normal(size=count)
        log_density = truth * actual / 365.25 + rng.normal(0, 0.5, count)
        log_density += size_sd * rng.normal(size=count)
        dims, shape = ("chain", "draw", "llm"), (1, 200, count)
        seen = xr.Dataset(
            {
                "centre": (dims, np.broadcast_to(log_density, shape)),
                "target_sd": (dims, np.zeros(shape)),
                "side": (dims, np.zeros(shape, dtype=int)),
                "params_log_sd": ("llm", np.full(count, size_sd)),
                "release_days_sd": ("llm", np.full(count, days_sd)),
            },
            coords={
                "chain": [0],
                "draw": np.arange(200),
                "llm": [f"m{i}" for i in range(count)],
                "release_date": ("llm", date.astype("datetime64[ns]")),
                "organisation": ("llm", [f"o{i % 7}" for i in range(count)]),
            },
        )
        fit = db.average(seen, prior, seed=world)
        low, mid, high = np.quantile(fit["growth_rate"], (0.05, 0.5, 0.95))
        medians.append(mid)
        covered.append(low <= truth <= high)
        noise.append(float(fit["noise_sd"].median()))
    assert np.mean(medians) == pytest.approx(truth, abs=0.12)
    assert np.mean(covered) >= 0.78  # 0.9 less 2.5 standard errors of 40 worlds
    assert np.mean(noise) == pytest.approx(0.5, abs=0.15)


def test_embeddings_are_counted_when_asked_for():
    left_out = db.load_reference_losses()
    counted = db.load_reference_losses(embeddings="counted")
    extra = (counted["params"] - left_out["params"]).values
    width = {"0.005B": 256, "0.03B": 512, "0.1B": 768, "0.2B": 1024, "0.4B": 1280, "0.8B": 1536}
    expected = [73448 * width[str(run).split("-")[0]] for run in left_out["run"].values]
    np.testing.assert_array_equal(extra, expected)
    one, _ = db.read_panel(db.load_spec("densing_law"))
    two, _ = db.read_panel(db.load_spec("embeddings_counted"))
    np.testing.assert_array_equal(two["params"], two["params_total"])
    assert (one["params_rule"] == "nonembedding").any()
    assert (two["params_rule"] == "total").all()


def test_embeddings_that_nobody_knows_are_not_guessed(tmp_path):
    frame = pd.read_csv(bundled_path("reference_losses"))
    frame.loc[frame["run"] == "0.1B-20", "params_embedding"] = np.nan
    path = tmp_path / "runs.csv"
    frame.to_csv(path, index=False)
    db.load_reference_losses(path)
    with pytest.raises(TableError, match=r"(?s)runs\.csv.*params_embedding.*0\.1B-20"):
        db.load_reference_losses(path, embeddings="counted")


def runs_with_a_wrong_size(tmp_path, *, factor, log_sd):
    """Write the bundled runs with one size wrong by a factor, and said to be uncertain."""
    frame = pd.read_csv(bundled_path("reference_losses"))
    one = frame["run"] == "0.2B-20"
    frame["params"] = frame["params"].astype(float)
    frame.loc[one, "params"] *= factor
    frame.loc[one & (frame["benchmark"] == "MMLU"), "params_log_sd"] = log_sd
    path = tmp_path / "runs.csv"
    frame.to_csv(path, index=False)
    return path


def test_what_is_said_once_of_a_run_holds_for_the_run(tmp_path):
    runs = db.load_reference_losses(runs_with_a_wrong_size(tmp_path, factor=2.0, log_sd=0.5))
    assert float(runs["params_log_sd"].sel(run="0.2B-20")) == 0.5
    assert float(runs["params_log_sd"].sum()) == 0.5


def test_the_losses_tell_that_a_size_is_wrong(tmp_path):
    """The log density of the error, all else at a good fit, peaks where it undoes the mistake."""
    spec = db.load_spec("loss_law")
    names = list(spec.benchmarks)
    path = runs_with_a_wrong_size(tmp_path, factor=3.0, log_sd=1.0)
    wrong = db.reference_data(db.load_reference_losses(path, benchmarks=names))
    right = db.reference_data(db.load_reference_losses(benchmarks=names))
    model = db.build_reference_model(spec, wrong)
    exact = db.build_reference_model(spec, right)
    assert "params_error" not in exact.named_vars
    assert list(model.coords["inexact_params"]) == ["0.2B-20"]
    at = model.initial_point()
    n, d = (np.log(right[name].values) for name in ("params", "tokens"))
    shift = (np.log(wrong["params"].values) - n).mean()
    for k in range(len(names)):  # a plane through the log losses, size and data in equal shares
        plane = np.column_stack([np.ones_like(n), n - n.mean() - shift, d - d.mean()])
        level, by_size, by_data = np.linalg.lstsq(plane, right["loss_log"].values[:, k])[0]
        at["log_loss_at_centre"][k] = level
        at["log_size_slope"][k], at["log_data_slope"][k] = np.log([-by_size, -by_data])
    logp = model.compile_logp()
    grid = np.linspace(-2.5, 2.5, 101)
    values = [float(logp(at | {"params_error_z": np.array([z])})) for z in grid]
    assert grid[int(np.argmax(values))] == pytest.approx(-np.log(3.0), abs=0.35)


def test_the_switch_of_counting_is_part_of_the_specification():
    one, two = db.load_spec("densing_law"), db.load_spec("embeddings_counted")
    assert two.compare_with == "densing_law"
    same = two.model_copy(
        update={"name": one.name, "title": one.title, "compare_with": None, "data": one.data}
    )
    assert same == one
