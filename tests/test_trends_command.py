"""All trend models side by side: tables that hang together, from one command."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import densing_bayes as db
from densing_bayes.cli import main
from densing_bayes.plots import plot_trend_comparison
from densing_bayes.report import trends as command
from densing_bayes.stacking import stack_draws
from densing_bayes.trend.claim import CLAIM_DAYS, claim_probability
from densing_bayes.trend.side_by_side import compare_trends
from densing_bayes.trend.tables import growth_numbers, stack_across_laws

MONTH = 365.25 / 12


def tiny_densities(seed=1, llms=12):
    """Densities of a run on two benchmarks that double in 100 days."""
    rng = np.random.default_rng(seed)
    days = np.linspace(0, 900, llms).round().astype(int)
    dates = np.datetime64("2023-02-24", "ns") + days * np.timedelta64(1, "D")
    truth = np.log(2) / 100 * days - 3.0 + rng.normal(0, 0.4, llms)
    values = truth[:, None] + rng.normal(0, 0.3, (2, 2, llms, 2))
    dims = ("chain", "draw", "llm", "benchmark")
    return xr.Dataset(
        {
            "log_density": (dims, values),
            "centre": (dims, values),
            "target_sd": (dims, np.full(values.shape, 0.3)),
            "side": (dims, np.zeros(values.shape, int)),
        },
        coords={
            "chain": [0, 1],
            "draw": [0, 1],
            "llm": [f"m{i}" for i in range(llms)],
            "benchmark": ["MMLU", "all"],
            "release_date": ("llm", dates),
            "organisation": ("llm", [f"o{i % 4}" for i in range(llms)]),
        },
    )


@pytest.fixture
def patched(monkeypatch):
    panel = xr.Dataset(attrs={"llms_sha256": "a", "scores_sha256": "b"})

    def load(folder, *, tokens=None):
        name = str(folder).rsplit("/", 1)[-1]
        spec = db.load_spec(name)
        return spec, panel, tiny_densities(seed=len(name))

    monkeypatch.setattr(command, "load_densities", load)
    monkeypatch.setattr(command, "_SERIES_DRAWS", 4)


CHOSEN = ["--trend", "average", "--trend", "break_chatgpt", "--jobs", "1"]


def test_the_command_writes_all_trends_side_by_side(patched, tmp_path, capsys):
    assert main(["trends", "densing_law", *CHOSEN, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "break_chatgpt on densing_law all: no model before 2022-11-30" in said
    names = {path.name for path in tmp_path.iterdir()}
    tables = ("trends", "trends_scores", "trends_heldout", "trends_claim")
    others = ("trends_growth_over_time", "frontier_members")
    assert names == {
        *(f"{name}.csv" for name in (*tables, *others)),
        *("trends.json", "trends.png", "trends.pdf"),
    }
    table = pd.read_csv(tmp_path / "trends.csv")
    stacks = ["stack (left out)", "pseudo-BMA+ (left out)", "stack (after 2024-06-30)"]
    assert list(table["trend"]) == ["average", "envelope", *stacks]
    average = table.iloc[0]
    assert average["stacking_loo"] == 1.0
    assert average["doubling_q05"] < 100 < average["doubling_q95"]
    assert table.iloc[1][["elpd_loo", "stacking_loo", "elpd_lfo"]].isna().all()
    scores = pd.read_csv(tmp_path / "trends_scores.csv")
    one_by_one = pd.read_csv(tmp_path / "trends_heldout.csv")
    sums = one_by_one.groupby("by")["elpd"].sum()
    np.testing.assert_allclose(scores.set_index("by")["elpd"], sums[scores["by"]])
    assert average["elpd_lfo"] == pytest.approx(sums["after 2024-06-30"])
    claim = pd.read_csv(tmp_path / "trends_claim.csv")
    fitted = claim[claim["trend"] == "break_chatgpt"]["benchmark"]
    assert list(fitted) == ["mmlu"], "only there are models before"
    assert {"all", "MMLU", "five_benchmarks", "mmlu_cf", "mmlu"} == set(claim["benchmark"])
    assert claim["p_claim"].between(0, 1).all()
    record = json.loads((tmp_path / "trends.json").read_text())
    assert record["seed"] == 20251106
    assert record["claim_months"] == [2.9, 4.1]


def test_two_runs_are_mixed_by_the_weights_of_their_laws(patched, tmp_path):
    weights = tmp_path / "comparison.csv"
    pd.DataFrame(
        {"spec": ["densing_law", "irreducible"], "unit": "all", "weight": [0.0, 1.0]}
    ).to_csv(weights, index=False)
    asked = ["trends", "densing_law", "irreducible", "--trend", "average", "--jobs", "1"]
    assert main([*asked, "--out", str(tmp_path), "--weights", str(weights)]) == 0
    table = pd.read_csv(tmp_path / "trends.csv").set_index(["run", "trend"])
    columns = ["growth_q05", "growth_q50", "growth_q95", "p_claim"]
    np.testing.assert_allclose(
        table.loc["laws x trends", "stack (left out)"][columns].astype(float),
        table.loc["irreducible", "stack (left out)"][columns].astype(float),
    )
    refused = [*asked, "--out", str(tmp_path), "--weights", str(tmp_path / "trends_short.csv")]
    pd.DataFrame({"spec": ["densing_law"], "unit": "all", "weight": 1.0}).to_csv(
        tmp_path / "trends_short.csv", index=False
    )
    assert main(refused) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["--benchmark", "GSM8K"],
        ["--cutoff", "2024"],
        ["--cutoff", "2031-01-01"],
        ["--trend", "no_trend"],
    ],
)
def test_wrong_questions_are_refused(patched, tmp_path, wrong):
    assert main(["trends", "densing_law", *wrong, "--out", str(tmp_path)]) == 2


def test_the_claim_is_counted():
    days = np.array([2.8, 2.95, 3.5, 4.05, 4.2, np.inf]) * MONTH
    rate = np.append(np.log(2) / days * 365.25, [-1.0, np.nan, np.inf])
    assert claim_probability(rate) == pytest.approx(3 / 9)
    numbers = growth_numbers(rate)
    assert numbers["p_claim"] == pytest.approx(3 / 9)
    assert numbers["p_no_growth"] == pytest.approx(3 / 9), "infinitely long, negative, unknown"
    np.testing.assert_allclose(CLAIM_DAYS, (88.27, 124.79), atol=0.01)


def test_laws_and_trends_mix_in_proportion():
    def constant(value):
        return xr.Dataset({"growth_rate": (("chain", "draw"), np.full((1, 500), value))})

    def stacked(values, weights):
        parts = {name: constant(value) for name, value in values.items()}
        return stack_draws(parts, weights, draws=1000, seed=1)

    one = stacked({"a": 1.0, "b": 2.0}, {"a": 0.5, "b": 0.5})
    two = stacked({"a": 3.0, "b": 4.0}, {"a": 0.2, "b": 0.8})
    sources = {("x", "all"): {"stack": one}, ("y", "all"): {"stack": two}}
    mixed = stack_across_laws(sources, {"x": 0.25, "y": 0.75}, seed=1)["all"]["stack"]
    shares = [float((mixed["growth_rate"] == value).mean()) for value in (1, 2, 3, 4)]
    np.testing.assert_allclose(shares, [0.125, 0.125, 0.15, 0.6], atol=0.02)


def test_results_do_not_depend_on_the_number_of_processes():
    sources = {("run", "all"): tiny_densities().sel(benchmark="all")}
    trends = [db.load_trend("average")]
    one, two = (
        compare_trends(sources, trends, scored=list(sources), seed=1, jobs=jobs) for jobs in (1, 2)
    )
    xr.testing.assert_identical(
        one.fits["run", "all"]["average"], two.fits["run", "all"]["average"]
    )


def test_trends_need_names_of_their_own():
    trend = db.load_trend("average")
    with pytest.raises(ValueError, match="names of their own"):
        compare_trends({}, [trend, trend], scored=[], seed=1)


def test_the_figure_marks_the_published_time_and_open_ends():
    rows = [
        {"run": "r", "benchmark": "all", "trend": name}
        | {"doubling_q05": low, "doubling_q50": middle, "doubling_q95": high}
        for name, low, middle, high in [
            ("average", 84, 105, 129),
            ("break_unknown", 56, 124, np.inf),
            ("envelope", 70, 80, 90),
            ("stack (left out)", 70, 110, 300),
        ]
    ]
    ax = plot_trend_comparison(pd.DataFrame(rows))
    assert [label.get_text() for label in ax.get_yticklabels()] == [row["trend"] for row in rows]
    assert "published: 106" in {text.get_text() for text in ax.texts}
    heads = [line for line in ax.lines if line.get_marker() == ">"]
    assert len(heads) == 1
    ax.figure.savefig("/dev/null", format="png")
    with pytest.raises(ValueError, match="no trend to draw"):
        plot_trend_comparison(pd.DataFrame())
