"""Worlds of what is drawn without chains: the latent calibration and the average trend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.effective_size import ALL
from densing_bayes.latent import calibrate
from densing_bayes.laws import score_from_size
from densing_bayes.reading import read_reference_data
from densing_bayes.reference import build_reference_model
from densing_bayes.sbc.study import places_of
from densing_bayes.sbc.worlds import prior_worlds
from densing_bayes.series import read_series
from densing_bayes.spec import Spec
from densing_bayes.trend import average, years_since_origin

__all__ = ["latent_replicate", "trend_replicate"]

#: Models of a latent world, and draws of each posterior.
LLMS, DRAWS = 4, 63
#: Draws of each trend; known error sd of a log density; every so many models has a bound.
TREND_DRAWS, TARGET_SD, EVERY = 199, 0.3, 5
_SCALARS = ("growth_rate", "level", "noise_sd", "organisation_sd")
_LAW = ("a", "alpha", "b", "beta", "c", "gamma", "l", "d", "e")


def latent_replicate(spec: Spec, count: int, *, seed: int) -> Callable[[int], dict[str, Any]]:
    """Return a replicate of the latent calibration, laws, spread and sizes being drawn anew.

    The laws are a draw of their prior and known to the calibration: given laws, its posterior is
    exact. (Over uncertain laws it is a cut posterior, which no calibration is promised for.)

    Parameters
    ----------
    spec
        Specification with ``[effective_size.latent]``.
    count
        Replicates.
    seed
        Seed.

    Returns
    -------
    callable
        From the number of a replicate to ``places`` of the spread between benchmarks and of the
        sizes of the first model (scored on all benchmarks) and the second (not on the last), and
        ``not_finite``, the number of draws that are no finite number.
    """
    part = spec.effective_size
    prior = part.latent if part else None
    if part is None or prior is None:
        raise ValueError(f"'{spec.name}' has no [effective_size.latent]")
    data = read_reference_data(spec)
    truths = prior_worlds(build_reference_model(spec, data), count, seed=seed).truths
    items = _items(data)

    def replicate(number: int) -> dict[str, Any]:
        rng = np.random.default_rng([seed, number])
        law = truths.isel(replicate=number)
        truth, panel = _latent_world(law, part, items, rng)
        found = calibrate(
            law.expand_dims(chain=[0], draw=np.arange(DRAWS)),
            panel,
            tokens=part.tokens,
            prior=prior,
            seed=int(rng.integers(2**31)),
            draws=None,
        )
        sizes = found["log_effective_size"].isel(llm=slice(2))
        draws = xr.Dataset({"between_sd": found["between_sd"], "log_effective_size": sizes})
        bad = sum(int((~np.isfinite(draws[name])).sum()) for name in draws)
        return {"places": places_of(truth, draws, rng=rng), "not_finite": bad}

    return replicate


def _items(data: xr.Dataset) -> np.ndarray:
    """Return the most items that a checkpoint was scored on, a benchmark."""
    which = data["checkpoint_benchmark"].values
    items = data["n_items"].values
    return np.array([items[which == place].max() for place in range(data.sizes["benchmark"])])


def _latent_world(law, part, items, rng) -> tuple[xr.Dataset, xr.Dataset]:
    """Draw spread, sizes and scores of a few models."""
    names = law["benchmark"].values
    tau = part.latent.between_sd.frozen().rvs(random_state=rng)
    centre = part.latent.log_size.frozen().rvs(LLMS, random_state=rng)
    size = centre[:, None] + tau * rng.normal(size=(LLMS, len(names)))
    letters = {name: law[name].values for name in _LAW if name in law}
    expected = score_from_size(np.exp(size), tokens=part.tokens, **letters)
    phi = law["phi"].values
    correct = rng.binomial(items, rng.beta(expected * phi, (1.0 - expected) * phi)).astype(float)
    correct[1, -1] = np.nan
    llms = [f"simulated {place}" for place in range(LLMS)]
    coords = {"llm": llms, "benchmark": names}
    dims = ("llm", "benchmark")
    counted = np.where(np.isnan(correct), 0.0, items.astype(float))
    panel = xr.Dataset(
        {"score": (dims, correct / items), "correct": (dims, correct), "n_items": (dims, counted)},
        coords=coords,
    )
    both = np.column_stack([size, centre])[None, None]
    truth = xr.Dataset(
        {
            "between_sd": (("chain", "draw"), [[tau]]),
            "log_effective_size": (("chain", "draw", *dims), both),
        },
        coords={"llm": llms, "benchmark": [*names, ALL]},
    )
    return truth.isel(llm=slice(2)), panel


def trend_replicate(spec: Spec, *, seed: int) -> Callable[[int], dict[str, Any]]:
    """Return a replicate of the average trend, on dates and organisations of a published series.

    Every model's log density is seen with a known error. Some models are looked at through a
    bound, named beforehand: above it only that is known.

    Parameters
    ----------
    spec
        Specification with ``[trend.average]`` and a series.
    seed
        Seed.

    Returns
    -------
    callable
        From the number of a replicate to ``places`` of growth rate, level and the two scales.
    """
    if spec.trend is None or spec.trend.average is None or not spec.trend.series:
        raise ValueError(f"'{spec.name}' has no [trend.average] with a [[trend.series]]")
    prior = spec.trend.average
    series = read_series(spec.trend.series[0], draws=1)
    years = years_since_origin(series["release_date"].values)
    _, group = np.unique(series["organisation"].values, return_inverse=True)

    def replicate(number: int) -> dict[str, Any]:
        rng = np.random.default_rng([seed, number])
        true = {
            name: float(getattr(prior, name).frozen().rvs(random_state=rng)) for name in _SCALARS
        }
        line = true["growth_rate"] * years + true["level"]
        density = line + rng.normal(0.0, true["organisation_sd"], group.max() + 1)[group]
        density = density + rng.normal(0.0, true["noise_sd"], len(years))
        seen = density + rng.normal(0.0, TARGET_SD, len(years))
        bound = line + rng.normal(0.0, 1.0, len(years))
        beyond = (np.arange(len(years)) % EVERY == 0) & (density > bound)
        drawn = average(
            _equal_draws(series, np.where(beyond, bound, seen), np.where(beyond, 1, 0)),
            prior,
            seed=int(rng.integers(2**31)),
        )
        truth = xr.Dataset({name: (("chain", "draw"), [[true[name]]]) for name in _SCALARS})
        return {"places": places_of(truth, drawn[list(_SCALARS)], rng=rng)}

    return replicate


def _equal_draws(series: xr.Dataset, centre: np.ndarray, side: np.ndarray) -> xr.Dataset:
    """Return densities that every draw of the laws puts at the same place."""
    dims = ("chain", "draw", "llm")
    shape = (1, TREND_DRAWS, len(centre))
    error = np.where(side == 0, TARGET_SD, 0.0)
    variables = {"centre": centre, "side": side, "target_sd": error}
    return xr.Dataset(
        {name: (dims, np.broadcast_to(value, shape)) for name, value in variables.items()},
        coords={"chain": [0], "draw": np.arange(TREND_DRAWS), "llm": np.arange(len(centre))}
        | {name: ("llm", series[name].values) for name in ("release_date", "organisation")},
    )
