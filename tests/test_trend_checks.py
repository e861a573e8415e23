"""Warnings of the trend: silent where the scatter is as assumed, loud where it is not."""

import numpy as np
import pytest
import xarray as xr

import densing_bayes as db
from densing_bayes.trend.checks import TAIL, check_trend, predictive_tails
from densing_bayes.trend.clock import ORIGIN
from densing_bayes.trend.files import load_trend
from densing_bayes.trend.fitting import draw_trend
from densing_bayes.trend.rows import Rows

MODELS, WORLDS = 80, 60
YEARS = np.linspace(0.0, 2.5, MODELS)


def rows_with(scatter):
    return Rows(
        1.5 * YEARS + scatter,
        np.full(scatter.shape, 0.2),
        np.zeros(scatter.shape, dtype=int),
        YEARS,
        np.zeros(MODELS),
        np.arange(MODELS) % 20,
    )


def tails_of(scatter):
    rows, rng = rows_with(scatter), np.random.default_rng(1)
    drawn, _ = draw_trend(rows, load_trend("average"), draws=100, rng=rng)
    return predictive_tails(rows, drawn, rng=rng)


def noise(seed=0):
    return np.random.default_rng(seed).normal(0.0, 0.8, (WORLDS, MODELS))


def test_normal_scatter_is_let_pass():
    tails = tails_of(noise())
    assert set(tails) == {"skewness", "tail_weight", "spread_over_time"}
    for name, value in tails.items():
        assert value.shape == (WORLDS,)
        assert ((value >= 0) & (value <= 1)).all()
        # 5 % of 60 worlds, and no more than 9 but in one study of a thousand
        assert (2 * np.minimum(value, 1 - value) < TAIL).sum() <= 9, name
        assert value.mean() == pytest.approx(0.5, abs=0.13), name


def test_each_fault_is_seen_in_its_direction():
    rng = np.random.default_rng(2)
    exponential = rng.exponential(0.8, (WORLDS, MODELS))
    assert (tails_of(exponential)["skewness"] < TAIL / 2).mean() > 0.9
    assert (tails_of(-exponential)["skewness"] > 1 - TAIL / 2).mean() > 0.9
    wild = noise() + (rng.uniform(size=(WORLDS, MODELS)) < 0.05) * 4.0 * noise(3)
    assert (tails_of(wild)["tail_weight"] < TAIL / 2).mean() > 0.8
    wider = noise() * np.linspace(0.4, 1.6, MODELS)
    assert (tails_of(wider)["spread_over_time"] < TAIL / 2).mean() > 0.9
    assert (tails_of(wider[:, ::-1])["spread_over_time"] > 1 - TAIL / 2).mean() > 0.9


def test_bounds_give_no_false_alarm_and_the_unknown_is_left_out():
    rows = rows_with(noise(5))
    line = 1.5 * YEARS + 1.2 - 0.7 * YEARS  # ever more of the late lie beyond
    side = (rows.centre > line).astype(int)
    assert 0.1 < side.mean() < 0.5
    centre = np.minimum(rows.centre, line)
    centre[:, 5] = np.nan
    beyond = Rows(centre, rows.target_sd, side, YEARS, rows.years_sd, rows.organisation)
    rng = np.random.default_rng(1)
    drawn, _ = draw_trend(beyond, load_trend("average"), draws=20, rng=rng)
    for name, value in predictive_tails(beyond, drawn, rng=rng).items():
        assert value.mean() == pytest.approx(0.5, abs=0.13), name
        assert (2 * np.minimum(value, 1 - value) < TAIL).sum() <= 9, name


def densities(scatter):
    dims, shape = ("chain", "draw", "llm"), (2, WORLDS // 2, MODELS)
    rows = rows_with(scatter)
    dates = ORIGIN + np.round(YEARS * 365.25).astype("timedelta64[D]")
    return xr.Dataset(
        {
            name: (dims, getattr(rows, name).reshape(shape))
            for name in ("centre", "target_sd", "side")
        },
        coords={
            "chain": [0, 1],
            "draw": np.arange(WORLDS // 2),
            "release_date": ("llm", dates.astype("datetime64[ns]")),
            "organisation": ("llm", rows.organisation),
        },
    )


def test_checks_say_what_was_found():
    # every draw of the laws sees the same models
    even = densities(np.repeat(noise()[:1], WORLDS, axis=0))
    skewed = np.random.default_rng(4).exponential(0.8, (1, MODELS))
    skewed = densities(np.repeat(-skewed, WORLDS, axis=0))
    drift = xr.Dataset({"shortfall_drift": (("chain", "draw", "trend_draw"), np.ones((2, 3, 4)))})
    for data, name, found in ((even, "", ""), (skewed, "skewness", "tail downwards")):
        average = db.fit_trend(data, db.load_trend("average"), seed=1)
        checks = {check.name: check for check in check_trend(data, average, drift=drift, seed=2)}
        assert list(checks)[:3] == ["skewness", "tail_weight", "spread_over_time"]
        assert checks["shortfall_drift"].value == 0.0
        assert "the shortfall grows" in checks["shortfall_drift"].sentence
        assert checks["shortfall_drift"].beware
        failed = {one for one, check in checks.items() if not check.passed}
        assert (name in failed) if name else failed == {"shortfall_drift"}
        if name:
            assert found in checks[name].sentence
        assert all(0.0 <= check.value <= 1.0 for check in checks.values())
    assert len(check_trend(even, db.fit_trend(even, db.load_trend("average"), seed=1), seed=2)) == 3
