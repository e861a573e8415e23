"""The coverage grid: targets where they should be, methods placed rightly, statuses decided."""

import dataclasses
import json

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from conftest import KNOWN_LAWS, LETTERS, NAMES
from test_latent import PRIOR

import densing_bayes as db
from densing_bayes import laws
from densing_bayes.sbc.grid import (
    ITEMS,
    POSITIONS,
    central_draw,
    grid_of,
    panel_of,
    simulated_reference,
    stretched_runs,
)
from densing_bayes.sbc.grid_methods import METHODS, _places, said_of
from densing_bayes.sbc.grid_status import decided_status, end_probabilities, status_of_scores
from densing_bayes.sbc.grid_study import coverage_grid, read_grid
from densing_bayes.sbc.grid_table import (
    LEVELS,
    SAID,
    cell_table,
    scores_decided,
    smallest,
    status_table,
    summary,
)
from densing_bayes.sbc.replicates import read_replicates

D0 = 5e12
SIGMA, RUN_SD = [0.01, 0.02, 0.015], 0.012


def truth_of():
    values = KNOWN_LAWS | {"sigma": SIGMA}
    return xr.Dataset(
        {name: ("benchmark", np.array(value, dtype=float)) for name, value in values.items()}
        | {"run_sd": RUN_SD},
        coords={"benchmark": NAMES},
    )


@pytest.fixture(scope="module")
def grid():
    return grid_of(truth_of(), tokens=D0)


def law_of(grid, name):
    return {letter: float(grid.truth[letter].sel(benchmark=name)) for letter in LETTERS}


def small_world(grid, seed, draws=60, spread=0.0, targets=2):
    """What a replicate keeps, from laws that scatter about the truth instead of a fit."""
    rng = np.random.default_rng(seed)
    shape = (2, draws // 2, len(NAMES))
    posterior = xr.Dataset(
        {
            name: (
                ("chain", "draw", "benchmark"),
                np.array(KNOWN_LAWS[name]) * np.exp(spread * rng.normal(size=shape)),
            )
            for name in (*LETTERS, "phi")
        },
        coords={"chain": [0, 1], "draw": np.arange(draws // 2), "benchmark": NAMES},
    )
    panel = panel_of(grid, targets=targets, rng=rng)
    said = said_of(posterior, panel, tokens=D0, prior=PRIOR, seed=seed)
    fit = {"divergences": 0, "rhat": 1.0, "modes": [1.0]}
    one = {name: value.tolist() for name, value in said.items()} | fit
    score = panel["score"].transpose("benchmark", "llm").values.tolist()
    return {"short": one, "past": one, "score": score}


@pytest.fixture(scope="module")
def worlds(grid):
    return [small_world(grid, seed) for seed in range(10)]


def test_targets_stand_where_the_grid_says(grid):
    for name in NAMES:
        cell = grid.cells.sel(benchmark=name)
        score = laws.score_from_size(
            np.exp(cell["log_size"].values), tokens=D0, **law_of(grid, name)
        )
        share = (score - float(cell["floor"])) / float(cell["reachable"] - cell["floor"])
        assert np.allclose(share, POSITIONS, rtol=1e-9)
        most = laws.score_from_size(1e300, tokens=D0, **law_of(grid, name))
        assert np.isclose(float(cell["reachable"]), most, atol=1e-12)


def test_the_central_draw_is_a_draw_and_central():
    rng = np.random.default_rng(0)
    shape = (2, 200, 3)
    names = (*LETTERS, "sigma", "phi")
    values = KNOWN_LAWS | {"sigma": SIGMA}
    posterior = xr.Dataset(
        {
            name: (
                ("chain", "draw", "benchmark"),
                np.array(values[name]) * np.exp(0.2 * rng.normal(size=shape)),
            )
            for name in names
        }
        | {"run_sd": (("chain", "draw"), RUN_SD * np.exp(0.2 * rng.normal(size=shape[:2])))},
        coords={"benchmark": NAMES},
    )
    found = central_draw(posterior)
    same = np.isclose(posterior["a"], found["a"]).all(axis=-1)
    assert same.sum() == 1  # a draw, not medians
    assert np.isclose(posterior["run_sd"].values[same], found["run_sd"])
    off = [
        np.abs(
            np.log(
                found[name]
                / np.abs(posterior[name]).median(("chain", "draw"))
                * np.sign(found[name])
            )
        ).max()
        for name in names
    ]
    assert max(map(float, off)) < 2.6 * 0.2  # far less than the worst of 28 normal numbers


def data_of(runs=2000, checkpoints=3000):
    rng = np.random.default_rng(1)
    measured = np.ones((runs, 3))
    measured[0, 0] = 0.0
    return xr.Dataset(
        {
            "params": ("run", np.exp(rng.uniform(15.0, 20.0, runs))),
            "tokens": ("run", np.exp(rng.uniform(19.0, 24.0, runs))),
            "measured": (("run", "benchmark"), measured),
            "checkpoint_loss": ("checkpoint", np.full(checkpoints, 0.12)),
            "checkpoint_benchmark": ("checkpoint", np.arange(checkpoints) % 3),
            "n_items": ("checkpoint", np.full(checkpoints, 500)),
        },
        coords={"benchmark": NAMES},
    )


def test_runs_reach_past_the_targets_and_the_smallest_stay():
    data = data_of()
    past = stretched_runs(data, params=1e15, tokens=D0)
    assert np.isclose(float(past["params"].max()), 2e15)
    assert np.isclose(float(past["tokens"].max()), 2 * D0)
    for name in ("params", "tokens"):
        assert np.isclose(float(past[name].min()), float(data[name].min()))
        logs = np.log(data[name]), np.log(past[name])
        assert np.isclose(np.corrcoef(*logs)[0, 1], 1.0)


def test_simulated_data_have_the_moments_of_the_model(grid):
    data = data_of()
    found = simulated_reference(grid, data, np.random.default_rng(3))
    size, tokens = data["params"].values[:, None], data["tokens"].values[:, None]
    law = {name: np.array(KNOWN_LAWS[name]) for name in ("a", "alpha", "b", "beta")}
    expected = law["a"] * size ** -law["alpha"] + law["b"] * tokens ** -law["beta"]
    left = (found["loss_log_data"] - np.log(expected))[1:]
    assert found["loss_log_data"][0, 0] == 0.0  # not measured
    wanted = RUN_SD**2 * np.ones((3, 3)) + np.diag(np.square(SIGMA))
    assert np.allclose(np.cov(left.T), wanted, rtol=0.15)
    score = found["correct_data"] / 500
    for k, name in enumerate(NAMES):
        law = law_of(grid, name)
        mean = laws.score_law(0.12, **{key: law[key] for key in ("c", "gamma", "l", "d")})
        phi = KNOWN_LAWS["phi"][k]
        sd = np.sqrt(mean * (1 - mean) * (500 + phi) / (500 * (phi + 1)))
        assert abs(score[k::3].mean() - mean) < 4 * sd / np.sqrt(1000)
        assert np.isclose(score[k::3].std(), sd, rtol=0.1)


def test_a_panel_has_every_cell_in_order(grid):
    panel = panel_of(grid, targets=200, rng=np.random.default_rng(2))
    shape = (len(POSITIONS), len(ITEMS), 200, len(NAMES))
    score, items, size = (
        panel[name].values.reshape(shape) for name in ("score", "n_items", "log_size")
    )
    assert (items == np.array(ITEMS)[None, :, None, None]).all()
    assert np.allclose(size, grid.cells["log_size"].T.values[:, None, None, :])
    expected = grid.cells["score"].T.values[:, None, :]
    phi = np.array(KNOWN_LAWS["phi"])
    n = np.array(ITEMS)[None, :, None]
    sd = np.sqrt(expected * (1 - expected) * (n + phi) / (n * (phi + 1)))
    z = (score.mean(axis=2) - expected) / (sd / np.sqrt(200))
    assert np.abs(z).max() < 4.5
    assert 0.8 < z.std() < 1.2


def test_places_leave_out_what_is_dropped_and_keep_bounds_open():
    low = np.array([[-np.inf, np.nan], [1.0, 1.0], [2.0, 2.0], [3.0, np.nan]] * 10)
    high = np.array([[0.5, np.nan], [1.0, 1.0], [2.0, 2.0], [np.inf, np.nan]] * 10)
    found = _places(low, high, np.array([0.2, 1.5]))
    assert np.allclose(found["below"], [0.5 / 41, 10.5 / 21])
    assert np.allclose(found["reach"], [10.5 / 41, 10.5 / 21])
    assert np.allclose(found["dropped"], [0.0, 0.5])
    assert found["width"].tolist() == [np.inf, 1.0]
    nothing = np.full((40, 1), np.nan)
    none = _places(nothing, nothing, np.array([1.0]))
    assert np.isnan([none["below"], none["width"]]).all()
    assert none["dropped"] == 1.0


def test_known_laws_are_covered_in_the_middle_and_say_so_at_the_ends(grid, worlds):
    """With the laws known, the middle of the grid has the coverage of a well-measured size."""
    table = cell_table(grid, worlds)
    middle = table["position"].between(0.3, 0.7)
    for level in LEVELS:
        for method in ("propagation", "latent"):
            part = table[middle & (table["method"] == method) & np.isclose(table["level"], level)]
            n = part["n"].sum() / 2  # both designs are the same here
            assert abs(part["covered"].mean() - level) < 4 * np.sqrt(level * (1 - level) / n)
    naive = table[middle & (table["method"] == "naive") & np.isclose(table["level"], 0.9)]
    assert naive["covered"].max() < 0.2  # known laws leave it no width at all
    said = table[table["method"] == SAID]
    assert (said["covered"] > 0.6).all()
    assert said["covered"].mean() > 0.88
    assert set(table["method"]) == {*METHODS, SAID}
    assert smallest(table, "naive")["covered"] == naive["covered"].min()


def test_ends_are_excluded_as_often_as_simulated_scores_exclude_them():
    floor, reachable, phi, n_items = 0.2, 0.8, 90.0, 200
    score = np.array([0.2, 0.3, 0.5, 0.75])
    low, high = end_probabilities(score, floor=floor, reachable=reachable, phi=phi, n_items=n_items)
    rng = np.random.default_rng(4)
    fine = np.linspace(floor, reachable, 3000)[:, None]
    seen = np.arange(n_items + 1)
    logs = scipy.stats.betabinom.logpmf(seen, n_items, fine * phi, (1 - fine) * phi)
    for k, true in enumerate(score):
        correct = rng.binomial(n_items, rng.beta(true * phi, (1 - true) * phi, 4000))
        for end, expected in ((0, low[k]), (-1, high[k])):
            out = 2 * (logs[end] - logs.max(axis=0)) < -3.841
            error = np.sqrt(max(expected * (1 - expected), 1e-3) / 4000)
            assert abs(out[correct].mean() - expected) < 4 * error
    assert 0.01 < low[0] < 0.05  # at the end itself: the level, on one side
    assert low[2] > 0.999
    assert high[2] > 0.99


def test_the_truth_decides_in_the_middle_alone(grid):
    decided = decided_status(grid).set_index(["benchmark", "n_items", "position"])["decided"]
    assert decided["One", 1319, 0.5] == "interior"
    assert decided["One", 164, 0.02] == decided["One", 1319, 0.9] == ""
    assert set(decided) == {"interior", ""}  # at an end the test itself errs in one of forty


def test_a_clear_score_decides_by_the_known_laws(grid):
    cell = grid.cells.sel(benchmark="One")
    floor, reachable = float(cell["floor"]), float(cell["reachable"])
    sd = np.sqrt(floor * (1 - floor) * (1319 + 150) / (1319 * 151))
    scores = [floor - 3 * sd, floor, floor + 0.4 * sd, floor + 2 * sd, floor + 5 * sd, reachable]
    found = status_of_scores(grid, np.array([scores]), "One", 1319)
    wanted = ["left_censored"] * 3 + ["", "interior", "right_censored"]
    assert found.tolist() == [wanted]


def test_statuses_are_counted_where_the_truth_decides(grid, worlds):
    table = status_table(grid, worlds)
    shares = table[["interior", "left_censored", "right_censored", "prior_dominated"]]
    assert np.allclose(shares.sum(axis=1), 1.0)
    known = table[table["decided"] != ""]
    assert known["right"].mean() > 0.995
    assert (table["right"].isna() == (table["decided"] == "")).all()
    by_score = scores_decided(grid, worlds)  # the laws being known, a clear score is never missed
    assert set(by_score) == {"interior", "left_censored", "right_censored"}
    assert all(one["right"] == 1.0 and one["targets"] > 20 for one in by_score.values())
    text = json.dumps(summary(grid, worlds), default=float)
    found = json.loads(text)
    assert found["latent_draws_not_finite"] == 0
    assert found["worlds"] == len(worlds)


def test_a_wrong_truth_is_seen(grid, worlds):
    """A control: hold the targets for e cubed times larger than they are."""
    moved = dataclasses.replace(
        grid, cells=grid.cells.assign(log_size=grid.cells["log_size"] + 3.0)
    )
    wrong = small_world(moved, 1)
    middle = "method == 'latent' and level == 0.9 and 0.3 < position < 0.7"
    assert cell_table(grid, worlds[:2]).query(middle)["covered"].mean() > 0.8
    assert cell_table(moved, [wrong, wrong]).query(middle)["covered"].mean() < 0.3


def test_the_figure_has_a_panel_for_every_benchmark_design_and_length(grid, worlds):
    from densing_bayes.plots.coverage_grid import plot_coverage_grid

    figure = plot_coverage_grid(cell_table(grid, worlds))
    assert len(figure.axes) == 2 * len(NAMES) * len(ITEMS)
    assert len(figure.axes[0].lines) == 1 + 4


@pytest.mark.slow
def test_a_study_is_fitted_kept_and_read_again(tmp_path):
    """One world of the shipped model on two benchmarks, the truth being made up."""
    spec = db.load_spec("densing_law").model_copy(update={"benchmarks": ("MMLU", "HumanEval")})
    truth = truth_of().isel(benchmark=[0, 2]).assign_coords(benchmark=list(spec.benchmarks))
    truth.to_netcdf(tmp_path / "truth.nc", engine="h5netcdf")
    short = {"draws": 50, "tune": 100}
    coverage_grid(spec, replicates=1, folder=tmp_path, seed=1, sampler=short, say=lambda _: None)
    worlds, grid = read_replicates(tmp_path), read_grid(spec, tmp_path)
    table = cell_table(grid, worlds)
    assert (table["worlds"] == 1).all()
    middle = table.query("method == 'latent' and level == 0.9 and position == 0.5")
    assert np.isfinite(middle["width"]).all()
    assert summary(grid, worlds)["latent_draws_not_finite"] == 0
    again = coverage_grid(
        spec, replicates=1, folder=tmp_path, seed=1, sampler=short, say=pytest.fail
    )  # nothing is left to do
    assert again is None
