"""The average trend's own sampler against PyMC on the same model, and against known truth."""

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from linear_trends import draw_average_trend

from densing_bayes.spec_parts import AverageTrendPart
from densing_bayes.trend.clock import ORIGIN
from densing_bayes.trend.fitting import average

PRIOR = AverageTrendPart(
    growth_rate={"dist": "Normal", "mu": 0.0, "sigma": 3.0},
    level={"dist": "Normal", "mu": 0.0, "sigma": 5.0},
    noise_sd={"dist": "HalfNormal", "sigma": 1.5},
    organisation_sd={"dist": "HalfNormal", "sigma": 1.0},
    reason="for tests",
)
NAMES = {"A": "growth_rate", "B": "level", "sigma": "noise_sd", "tau": "organisation_sd"}


def world(*, seed, count=40, growth=2.0, level=-1.0, sigma=0.6, tau=0.5, organisations=8):
    rng = np.random.default_rng(seed)
    years = np.sort(rng.uniform(0.0, 2.5, count))
    group = rng.integers(0, organisations, count)
    target_sd = rng.uniform(0.1, 0.8, count)
    truth = growth * years + level + rng.normal(0, tau, organisations)[group]
    truth = truth + rng.normal(0, sigma, count)
    return {
        "years": years,
        "organisation": np.array([f"lab {g}" for g in group]),
        "target_sd": target_sd,
        "centre": truth + rng.normal(0, target_sd),
    }


def by_pymc(data, side):
    """The same posterior from PyMC; what lies beyond a bound counts by its probability."""
    _, group = np.unique(data["organisation"], return_inverse=True)
    with pm.Model():
        rate, level = pm.Normal("A", 0.0, 3.0), pm.Normal("B", 0.0, 5.0)
        sigma, tau = pm.HalfNormal("sigma", 1.5), pm.HalfNormal("tau", 1.0)
        effect = tau * pm.Normal("z", 0.0, 1.0, shape=int(group.max()) + 1)
        mean = rate * data["years"] + level + effect[group]
        sd = pm.math.sqrt(sigma**2 + data["target_sd"] ** 2)
        standard = (data["centre"] - mean) / sd
        seen = side == 0
        pm.Potential("seen", pm.logp(pm.Normal.dist(mean, sd), data["centre"])[seen].sum())
        for sign in (-1, 1):
            beyond = side == sign
            if beyond.any():
                tail = pm.logcdf(pm.Normal.dist(), -sign * standard[beyond])
                pm.Potential(f"beyond {sign}", tail.sum())
        tree = pm.sample(
            draws=3000,
            tune=1000,
            chains=4,
            random_seed=4,
            nuts_sampler="nutpie",
            target_accept=0.95,
            progressbar=False,
        )
    return {ours: tree["posterior"][theirs].values.ravel() for theirs, ours in NAMES.items()}


def by_ours(data, side, *, draws=4000, seed=1, prior=PRIOR):
    repeated = (np.tile(data[name], (draws, 1)) for name in ("centre", "target_sd"))
    return draw_average_trend(
        *repeated,
        np.tile(side, (draws, 1)),
        years=data["years"],
        organisation=data["organisation"],
        prior=prior,
        rng=np.random.default_rng(seed),
    )


def assert_same(ours, theirs):
    for name, reference in theirs.items():
        sd = reference.std()
        assert ours[name].mean() == pytest.approx(reference.mean(), abs=0.1 * sd), name
        assert ours[name].std() == pytest.approx(sd, rel=0.1), name
    pair = ("growth_rate", "level")
    ours, theirs = (np.corrcoef(*(draws[key] for key in pair))[0, 1] for draws in (ours, theirs))
    assert ours == pytest.approx(theirs, abs=0.05)


def test_it_is_the_posterior_of_the_model():
    data = world(seed=21)
    side = np.zeros(40, dtype=int)
    assert_same(by_ours(data, side), by_pymc(data, side))


def test_bounds_are_met_by_their_probability():
    data = world(seed=22)
    side = np.zeros(40, dtype=int)
    # the early and weak lie below a bound, the late and strong above one
    low, high = np.quantile(data["centre"], [0.15, 0.9])
    side[data["centre"] < low], side[data["centre"] > high] = -1, 1
    data["centre"] = np.clip(data["centre"], low, high)
    assert_same(by_ours(data, side), by_pymc(data, side))


@pytest.mark.parametrize("censored", [False, True])
def test_known_growth_is_covered(censored):
    """Of 40 worlds 90 % intervals hold the truth in 30 or more (binomial, all but 1 in 1000)."""
    held = 0
    for seed in range(40):
        data = world(seed=100 + seed)
        side = np.zeros(40, dtype=int)
        if censored:
            high = np.quantile(data["centre"], 0.85)
            side[data["centre"] > high] = 1
            data["centre"] = np.minimum(data["centre"], high)
        rate = by_ours(data, side, draws=100, seed=seed)["growth_rate"]
        low, high = np.quantile(rate, [0.05, 0.95])
        held += low <= 2.0 <= high
    assert held >= 30


def test_dropping_what_is_out_of_range_would_have_been_wrong():
    """The strongest are censored: leaving them out flattens the line, bounds do not."""
    kept, dropped = [], []
    for seed in range(12):
        data = world(seed=300 + seed, sigma=0.3, tau=0.2)
        bound = 2.0  # the truth passes it after 1.5 of 2.5 years
        side = (data["centre"] > bound).astype(int)
        data["centre"] = np.minimum(data["centre"], bound)
        kept.append(by_ours(data, side, draws=200)["growth_rate"].mean())
        without = data | {"centre": np.where(side == 0, data["centre"], np.nan)}
        dropped.append(by_ours(without, side * 0, draws=200)["growth_rate"].mean())
    assert np.mean(kept) == pytest.approx(2.0, abs=0.15)
    assert np.mean(dropped) < 1.8


def test_a_shift_of_dates_moves_the_level_only():
    flat = AverageTrendPart.model_validate(
        PRIOR.model_dump() | {"level": {"dist": "Normal", "mu": 0.0, "sigma": 100.0}}
    )
    data = world(seed=23)
    side = np.zeros(40, dtype=int)
    here = by_ours(data, side, prior=flat)
    later = by_ours(data | {"years": data["years"] + 3.0}, side, prior=flat)
    sd = here["growth_rate"].std()
    assert later["growth_rate"].mean() == pytest.approx(here["growth_rate"].mean(), abs=0.06 * sd)
    assert later["growth_rate"].std() == pytest.approx(sd, rel=0.06)
    moved = later["level"] + 3.0 * later["growth_rate"]
    assert moved.mean() == pytest.approx(here["level"].mean(), abs=0.06 * here["level"].std())


def test_rows_of_the_matrix_are_trends_of_their_own():
    data = world(seed=24)
    shifts = np.repeat([0.0, 5.0], 2000)
    drawn = draw_average_trend(
        data["centre"] + shifts[:, None],
        np.tile(data["target_sd"], (4000, 1)),
        np.zeros((4000, 40), dtype=int),
        years=data["years"],
        organisation=data["organisation"],
        prior=PRIOR,
        rng=np.random.default_rng(1),
    )
    first, second = (drawn["level"][shifts == shift].mean() for shift in (0.0, 5.0))
    assert second - first == pytest.approx(5.0, abs=0.2)


def test_densities_that_are_not_known_are_left_out():
    data = world(seed=25)
    side = np.zeros(40, dtype=int)
    gaps = np.arange(40) % 4 == 0
    with_gaps = data | {"centre": np.where(gaps, np.nan, data["centre"])}
    fewer = {key: value[~gaps] for key, value in data.items()}
    full, short = by_ours(with_gaps, side), by_ours(fewer, side[~gaps])
    sd = short["growth_rate"].std()
    assert full["growth_rate"].mean() == pytest.approx(short["growth_rate"].mean(), abs=0.06 * sd)


def test_too_little_for_a_trend_is_refused():
    data = world(seed=26)
    data["centre"][:38] = np.nan
    with pytest.raises(ValueError, match=r"at least three densities of two dates.*got 2"):
        by_ours(data, np.zeros(40, dtype=int), draws=2)


def test_the_labelled_form_keeps_chains_and_draws():
    data = world(seed=27)
    dates = ORIGIN + np.round(data["years"] * 365.25).astype("timedelta64[D]")
    shape = (2, 50, 40)
    dims = ("chain", "draw", "llm")
    densities = xr.Dataset(
        {
            "centre": (dims, np.broadcast_to(data["centre"], shape)),
            "target_sd": (dims, np.broadcast_to(data["target_sd"], shape)),
            "side": (dims, np.zeros(shape, dtype=int)),
        },
        coords={
            "chain": [0, 1],
            "draw": np.arange(50),
            "release_date": ("llm", dates.astype("datetime64[ns]")),
            "organisation": ("llm", data["organisation"]),
        },
    )
    result = average(densities, PRIOR, seed=3)
    assert result["growth_rate"].dims == ("chain", "draw")
    assert result["growth_rate"].shape == (2, 50)
    assert result["growth_rate"].attrs["units"] == "1/year"
    assert result.attrs["trend"] == "average"
    assert result.identical(average(densities, PRIOR, seed=3))
    turned = densities.transpose("llm", "draw", "chain")
    assert result.identical(average(turned, PRIOR, seed=3)), "dims are known by name"
