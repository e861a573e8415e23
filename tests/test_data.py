"""Loaders: golden counts and values, units, order, missing cells."""

import numpy as np
import pytest
import xarray as xr

from densing_bayes import data
from densing_bayes.errors import TableError

FIVE = ["MMLU", "BBH", "MATH", "HumanEval", "MBPP"]

LOADERS = {
    "benchmarks": data.load_benchmarks,
    "reference": data.load_reference_losses,
    "calibration": data.load_calibration,
    "density": data.load_published_density,
    "density_mmlu_cf": lambda: data.load_published_density("mmlu_cf"),
    "density_mmlu": lambda: data.load_published_density("mmlu"),
    "prices": data.load_prices,
    "llm_prices": lambda: data.load_prices("llm"),
    "llms": data.load_llms,
    "scores": data.load_scores,
}


@pytest.mark.parametrize("name", LOADERS)
def test_variables_have_units_and_the_file_is_named(name):
    dataset = LOADERS[name]()
    for variable in dataset.data_vars.values():
        assert variable.attrs["units"], variable.name
        assert variable.dtype.kind in "fib"
    for key in ("table", "path", "sha256", "source"):
        assert dataset.attrs[key]
    assert "/" not in dataset.attrs["path"]


@pytest.mark.parametrize(
    ("name", "dim", "size"),
    [
        ("density", "llm", 51),
        ("density_mmlu_cf", "llm", 47),
        ("density_mmlu", "llm", 37),
        ("prices", "offer", 10),
        ("llm_prices", "offer", 77),
        ("llms", "llm", 276),
        ("scores", "measurement", 4655),
        ("calibration", "checkpoint", 60),
        ("reference", "run", 33),
    ],
)
def test_sizes(name, dim, size):
    assert LOADERS[name]().sizes[dim] == size


def test_benchmarks():
    benchmarks = data.load_benchmarks()
    assert benchmarks["benchmark"].values.tolist() == FIVE
    assert benchmarks["chance"].values.tolist() == [0.25, 0.25, 0.01, 0.01, 0.01]
    assert benchmarks["n_items"].values.tolist() == [14042, 6511, 5000, 164, 378]


def test_reference_losses_are_those_of_the_figure():
    runs = data.load_reference_losses()
    assert runs["benchmark"].values.tolist() == FIVE
    assert runs["loss"].dims == ("run", "benchmark")
    assert not runs["loss"].isnull().any()
    assert runs.attrs["missing"] == ""
    run = runs.sel(run="0.8B-60")
    assert float(run["params"]) == 828_225_024
    assert float(run["tokens"]) == 60 * 828_225_024
    assert run["loss"].values.tolist() == [0.2961, 0.1884, 0.3416, 0.1704, 0.3647]
    assert float(runs["loss"].sel(run="0.005B-30", benchmark="MBPP")) == 1.1425


def test_reference_losses_of_chosen_benchmarks_in_order():
    runs = data.load_reference_losses(benchmarks=["MATH", "MMLU"])
    assert runs["benchmark"].values.tolist() == ["MATH", "MMLU"]
    assert runs["loss"].sel(run="0.1B-20").values.tolist() == [0.5479, 0.4738]


def test_a_loss_not_measured_is_listed(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(
        "benchmark,run,params,tokens,loss,source\n"
        "MMLU,a,5e6,1e8,0.7,me\nBBH,a,5e6,1e8,0.6,me\nMMLU,b,1e7,2e8,0.5,me\n"
    )
    runs = data.load_reference_losses(path)
    assert np.isnan(runs["loss"].sel(run="b", benchmark="BBH"))
    assert runs.attrs["missing"] == "b / BBH"


def test_calibration_points():
    points = data.load_calibration()
    assert points["checkpoint"].values[0] == "MMLU c01"
    assert (points["role"] == "fit").sum() == 50
    assert (points["role"] == "heldout").sum() == 10
    last = points.sel(checkpoint="HumanEval c12")
    assert (float(last["loss"]), float(last["score"])) == (0.0886, 0.7683)
    assert (int(last["correct"]), int(last["n_items"])) == (126, 164)
    assert points["correct"].dtype == points["n_items"].dtype == np.dtype("int64")
    for _, group in points.groupby("benchmark"):
        assert (np.diff(group["loss"]) < 0).all()


def test_whole_counts_lie_behind_the_scores():
    points = data.load_calibration()
    gap = abs(points["correct"] / points["n_items"] - points["score"])
    # scores are printed to 0.01 percent and read off a figure
    assert float(gap.max()) < 1e-4
    mbpp = points.sel(checkpoint=points["benchmark"] == "MBPP")
    small, large = 257, 378
    expected = [small, small, small, large, large, large, small, large, small, small, large, large]
    assert mbpp["n_items"].values.tolist() == expected


def test_calibration_of_one_role_and_two_benchmarks():
    points = data.load_calibration(roles=["heldout"], benchmarks=["MBPP", "BBH"])
    assert points["benchmark"].values.tolist() == ["MBPP", "MBPP", "BBH", "BBH"]


def test_published_density():
    density = data.load_published_density()
    assert int(density["on_frontier"].sum()) == 9
    best = density.sel(llm="Mistral-Small-24B")
    assert float(best["density"]) == pytest.approx(4.8101, abs=5e-4)
    assert float(best["params"]) == 22.22e9
    assert best["release_date"].values == np.datetime64("2025-01-23")
    assert int(data.load_published_density("mmlu_cf")["on_frontier"].sum()) == 9
    mmlu = data.load_published_density("mmlu")
    assert int((mmlu["segment"] == "before").sum()) == 8
    assert (density["organisation"] != "").all()
    assert np.isnan(mmlu["params"]).all()


@pytest.mark.parametrize(
    ("which", "days"),
    [("five_benchmarks", 106.2), ("mmlu_cf", 104.3)],
)
def test_the_published_doubling_time_comes_back(which, days):
    density = data.load_published_density(which)
    line = density.sel(llm=density["on_frontier"])
    day = (line["release_date"] - np.datetime64("2023-02-24")) / np.timedelta64(1, "D")
    slope = np.polyfit(day, np.log(line["density"]), 1)[0]
    assert np.log(2) / slope == pytest.approx(days, abs=0.2)


def test_published_prices():
    prices = data.load_prices()
    cheap = prices.sel(offer=prices["on_cheapest_line"])
    assert cheap["usd_per_million_tokens"].values.tolist() == [20, 8, 0.25, 0.15, 0.075]


def test_llms():
    llms = data.load_llms()
    assert int(llms["moe"].sum()) == 39
    assert int(llms["distilled_or_pruned"].sum()) == 23
    assert int((llms["stage"] == "post-trained").sum()) == 8
    assert float(llms["params_total"].sel(llm="GPT-J-6B")) == 6_053_000_000
    assert not (llms["params_active"] > llms["params_total"]).any()


def test_scores_need_a_known_model(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text(
        "llm,benchmark,metric,score,n_items,evaluator,evaluator_type,source\n"
        "Llama-2-7b,MMLU,acc,0.45,14042,me,own-report,me\n"
    )
    with pytest.raises(TableError, match=r"row 2, column 'llm': unknown llm.*Llama-2-7B"):
        data.load_scores(path)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: data.load_reference_losses(benchmarks=["MAHT"]), "did you mean 'MATH'"),
        (lambda: data.load_reference_losses(benchmarks="MATH"), "in a list"),
        (lambda: data.load_reference_losses(benchmarks=["BBH", "BBH"]), "named twice"),
        (lambda: data.load_calibration(roles=["fitted"]), "unknown role"),
        (lambda: data.load_calibration(roles=[]), "at least one"),
        (lambda: data.load_published_density("fig1"), "five_benchmarks"),
        (lambda: data.load_prices("paper"), "published"),
    ],
)
def test_arguments_that_name_nothing_are_refused(call, words):
    with pytest.raises(TableError, match=words):
        call()


@pytest.mark.parametrize("name", LOADERS)
def test_datasets_can_be_written_and_read_back(name, tmp_path):
    dataset = LOADERS[name]()
    dataset.to_netcdf(tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc") as again:
        assert again.sizes == dataset.sizes
