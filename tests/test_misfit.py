"""Misfit drawn, left out and carried to far targets, against plain multivariate Normal algebra."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from densing_bayes.design import reference_design
from densing_bayes.laws import loss_law
from densing_bayes.misfit import (
    draw_misfit,
    laws_with_misfit,
    leave_run_out,
    predict_log_loss,
)
from densing_bayes.spec import spec_from_text

NAMES = ["one", "two"]
RNG = np.random.default_rng(6)
PARAMS = np.exp(RNG.uniform(np.log(5e6), np.log(8e8), 9))
TOKENS = PARAMS * np.exp(RNG.uniform(np.log(10), np.log(60), 9))
LAW = {
    "a": np.array([8.0, 20.0]),
    "alpha": np.array([0.2, 0.25]),
    "b": np.array([30.0, 9.0]),
    "beta": np.array([0.22, 0.2]),
    "e": np.array([0.3, 0.1]),
}
SIGMA, SLOPES, TAU, SCALE = np.array([0.006, 0.01]), (-0.2, 0.3), 0.004, 0.02
FAR_PARAMS, FAR_TOKENS = np.array([1e9, 1e11, 1e13]), np.full(3, 5e12)

PRIOR = """
[loss_law.{name}]
pooling = "none"
mean = {{ dist = "Normal", mu = 0.0, sigma = 1.0 }}
reason = "for a test"
"""
POOLED = (
    *("log_loss_at_centre", "logit_size_share", "logit_irreducible_share"),
    *("log_alpha", "log_beta", "log_noise_sd"),
)
SLOPE = """
[loss_law.{name}]
prior = {{ dist = "Normal", mu = 0.0, sigma = 0.3 }}
reason = "for a test"
"""
MISFIT = """
[loss_law.misfit]
exponent = {exponent}
features = {features}
sd = {{ dist = "HalfNormal", sigma = 0.02 }}
reason = "for a test"
"""
RUN = """
[loss_law.run_sd]
prior = { dist = "HalfNormal", sigma = 0.02 }
reason = "for a test"
"""


def spec_text(*, exponent=1.5, features=5, misfit=True):
    text = """
name = "test"
title = "For a test"
benchmarks = ["one", "two"]
[data]
reference_losses = "reference_losses"
[loss_law]
form = "power_law_irreducible"
"""
    text += "".join(PRIOR.format(name=name) for name in POOLED) + RUN
    text += "".join(SLOPE.format(name=name) for name in ("noise_size_slope", "noise_data_slope"))
    return text + (MISFIT.format(exponent=exponent, features=features) if misfit else "")


def tree_of(*, draws=1, seed=1, gaps=False, **asked):
    """A posterior whose draws are all alike, with data simulated from it."""
    spec = spec_from_text(spec_text(**asked))
    rng = np.random.default_rng(seed)
    expected = np.log(loss_law(PARAMS[:, None], TOKENS[:, None], **LAW))
    measured = np.ones((9, 2))
    if gaps:
        measured[2, 0] = measured[5] = 0.0
    data = xr.Dataset(
        {
            "loss_log": (("run", "benchmark"), expected + rng.normal(0, 0.03, (9, 2))),
            "measured": (("run", "benchmark"), measured),
            "params": ("run", PARAMS),
            "tokens": ("run", TOKENS),
        },
        coords={"run": [f"r{i}" for i in range(9)], "benchmark": NAMES},
    )
    by_name = {**LAW, "sigma": SIGMA}
    one = {
        "noise_size_slope": SLOPES[0],
        "noise_data_slope": SLOPES[1],
        "run_sd": TAU,
        "misfit_sd": SCALE,
    }
    posterior = xr.Dataset(
        {
            name: (("chain", "draw", "benchmark"), np.broadcast_to(value, (2, draws, 2)))
            for name, value in by_name.items()
        }
        | {name: (("chain", "draw"), np.full((2, draws), value)) for name, value in one.items()},
        coords={"chain": [0, 1], "draw": range(draws), "benchmark": NAMES},
    )
    tree = xr.DataTree.from_dict({"posterior": posterior, "reference_data": data})
    tree.attrs |= {"spec_json": spec.model_dump_json(exclude_none=True), "spec_name": "test"}
    return tree, spec


def joint(tree, spec, params, tokens):
    """Covariance of the measured cells and of the misfit at places; residuals of the cells."""
    data = tree["reference_data"].to_dataset()
    design = reference_design(data, misfit=spec.loss_law.misfit)
    places = design.basis.features(params, tokens)
    of_runs = SCALE**2 * (design.features @ design.features.T + np.diag(design.remainder))
    of_runs += TAU**2 * np.eye(9)
    seen = data["measured"].values > 0
    centre = [np.log(value[seen.any(axis=1)]).mean() for value in (PARAMS, TOKENS)]
    sigma = SIGMA * np.exp(
        SLOPES[0] * (np.log(PARAMS) - centre[0]) + SLOPES[1] * (np.log(TOKENS) - centre[1])
    ).reshape(-1, 1)
    cells = np.kron(of_runs, np.ones((2, 2))) + np.diag(sigma.ravel() ** 2)
    across = SCALE**2 * np.kron(places @ design.features.T, np.ones((1, 2)))
    far = SCALE**2 * (places @ places.T + design.basis.remainder(params, tokens))
    residual = (data["loss_log"].values - np.log(
        loss_law(PARAMS[:, None], TOKENS[:, None], **LAW)
    )).ravel()  # fmt: skip
    keep = seen.ravel()
    return cells[np.ix_(keep, keep)], across[:, keep], far, residual[keep], keep


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("asked", [{"exponent": 1.5, "features": 5}, {"exponent": 0.5}])
def test_the_misfit_is_drawn_from_its_conditional_distribution(gaps, asked):
    tree, spec = tree_of(draws=10_000, gaps=gaps, **asked)
    cells, across, far, residual, _ = joint(tree, spec, FAR_PARAMS, FAR_TOKENS)
    mean = across @ np.linalg.solve(cells, residual)
    covariance = far - across @ np.linalg.solve(cells, across.T)
    drawn = draw_misfit(tree, params=FAR_PARAMS, tokens=FAR_TOKENS, seed=3)
    assert drawn.dims == ("chain", "draw", "place")
    flat = drawn.values.reshape(-1, 3)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((flat.mean(axis=0) - mean) / sd, 0.0, atol=0.04)
    scaled = np.cov(flat.T) / np.outer(sd, sd)
    np.testing.assert_allclose(scaled, covariance / np.outer(sd, sd), atol=0.05)
    assert (np.diff(sd) > 0).all()


@pytest.mark.parametrize("gaps", [False, True])
def test_a_run_left_out_is_told_by_the_others(gaps):
    tree, spec = tree_of(gaps=gaps)
    cells, _, _, residual, keep = joint(tree, spec, FAR_PARAMS, FAR_TOKENS)
    run = np.repeat(np.arange(9), 2)[keep]
    found = leave_run_out(tree)
    assert found.dims == ("chain", "draw", "run")
    for i in range(9):
        out, rest = np.flatnonzero(run == i), np.flatnonzero(run != i)
        expected = 0.0
        if len(out):
            gain = np.linalg.solve(cells[np.ix_(rest, rest)], cells[np.ix_(rest, out)]).T
            expected = stats.multivariate_normal(
                gain @ residual[rest],
                cells[np.ix_(out, out)] - gain @ cells[np.ix_(rest, out)],
            ).logpdf(residual[out])
        assert float(found[0, 0, i]) == pytest.approx(expected, abs=1e-8)


def test_losses_are_predicted_with_all_that_moves_them():
    tree, spec = tree_of(draws=10_000)
    cells, across, far, residual, _ = joint(tree, spec, FAR_PARAMS, FAR_TOKENS)
    misfit = far - across @ np.linalg.solve(cells, across.T)
    drawn = predict_log_loss(tree, params=FAR_PARAMS, tokens=FAR_TOKENS, seed=5)
    assert drawn.dims == ("chain", "draw", "run", "benchmark")
    flat = drawn.values.reshape(-1, 3, 2)
    law = np.log(loss_law(FAR_PARAMS[:, None], FAR_TOKENS[:, None], **LAW))
    shift = across @ np.linalg.solve(cells, residual)
    sigma = SIGMA * np.exp(
        SLOPES[0] * (np.log(FAR_PARAMS) - np.log(PARAMS).mean())
        + SLOPES[1] * (np.log(FAR_TOKENS) - np.log(TOKENS).mean())
    ).reshape(-1, 1)
    sd = np.sqrt(np.diag(misfit)[:, None] + TAU**2 + sigma**2)
    np.testing.assert_allclose(flat.std(axis=0), sd, rtol=0.03)
    np.testing.assert_allclose((flat.mean(axis=0) - law - shift[:, None]) / sd, 0.0, atol=0.04)
    shared = np.cov(flat[:, 1].T)[0, 1]
    assert shared == pytest.approx(misfit[1, 1] + TAU**2, rel=0.05)


def test_targets_get_laws_moved_by_one_misfit_a_draw():
    tree, _ = tree_of(draws=50)
    laws = laws_with_misfit(tree, tokens=5e12, params=1e11, seed=2)
    plain = tree["posterior"].to_dataset()
    moved = np.exp(laws["misfit"].values)[..., None]
    assert moved.std() > 0
    for name in ("a", "b", "e"):
        np.testing.assert_allclose(laws[name].values, plain[name].values * moved)
        assert laws[name].dims == plain[name].dims
    for name in ("alpha", "beta", "sigma"):
        assert laws[name].equals(plain[name])
    again = laws_with_misfit(tree, tokens=5e12, params=1e11, seed=2)
    assert again.identical(laws)


def test_without_a_misfit_there_is_none_to_draw():
    tree, _ = tree_of(misfit=False)
    with pytest.raises(ValueError, match="has no"):
        laws_with_misfit(tree, tokens=5e12, params=1e11, seed=2)
    with pytest.raises(ValueError, match=r"'test' has no \[loss_law.misfit\]"):
        draw_misfit(tree, params=1e9, tokens=1e12, seed=1)
    with pytest.raises(ValueError, match="has no"):
        leave_run_out(tree)
    del tree.attrs["spec_json"]
    with pytest.raises(ValueError, match="carry no specification"):
        predict_log_loss(tree, params=1e9, tokens=1e12, seed=1)


def test_one_misfit_for_all_sizes_comes_near_each_draws_own_field():
    """The width of log sizes by one shift a draw, against the inversion of the whole field.

    Only fields under which the loss still falls with size have an inverse; both ways are compared
    on those.
    """
    tree, _ = tree_of(draws=300)
    tree["posterior"]["misfit_sd"] *= 0.2
    grid = np.exp(np.linspace(np.log(1e9), np.log(1e13), 60))
    field = draw_misfit(tree, params=grid, tokens=5e12, seed=4)
    field = field.values.reshape(-1, 60)
    law = {key: value[0] for key, value in LAW.items()}
    target = np.log(loss_law(1e11, 5e12, **law))
    own, shifted = [], []
    for path in field:
        whole = np.log(loss_law(grid, 5e12, **law)) + path
        if (np.diff(whole) >= 0).any() or not whole[-1] < target < whole[0]:
            continue
        one = np.log(loss_law(grid, 5e12, **law)) + path[np.argmin(np.abs(grid - 1e11))]
        own.append(np.interp(-target, -whole, np.log(grid)))
        shifted.append(np.interp(-target, -one, np.log(grid)))
    assert len(own) > 200
    assert abs(np.median(shifted) - np.median(own)) < 0.15 * np.std(own)
    assert np.std(shifted) / np.std(own) == pytest.approx(1.0, abs=0.25)
