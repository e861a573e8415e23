"""One replicate: fit a simulated world as real data are fitted, and rank its truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pymc as pm
import xarray as xr

from densing_bayes.fit import Starts
from densing_bayes.sbc.fits import Fit, diagnostics, fitter
from densing_bayes.sbc.quantities import FINITE, finite_draws, flattened, law_quantities
from densing_bayes.sbc.ranks import place_of
from densing_bayes.sbc.worlds import Worlds, log_likelihood_of
from densing_bayes.spec_parts import SamplerPart

__all__ = ["Control", "Setup", "noisier", "places_of", "prepare"]

#: What is done wrong on purpose: nothing; the likelihood's noise sd is a fifth too small; the
#: posterior is the prior.
Control = Literal["none", "noise_sd_too_small", "data_ignored"]

#: Noise this much wider than the likelihood takes it to be makes its sd 20 % too small.
_TOO_SMALL = 0.8


@dataclasses.dataclass(frozen=True)
class Setup:
    """A model with worlds to be fitted by it.

    Parameters
    ----------
    model
        The PyMC model, with ``pm.Data`` for what is simulated.
    worlds
        Truths and simulated data.
    data_of
        From a replicate's simulated data to values of the model's ``pm.Data``.
    sampler
        How each world is fitted.
    starts_of
        From values of the model's data to starts, as for :func:`densing_bayes.draw_posterior`.
    tokens
        D0, in tokens; None where there is no score law.
    chance
        Chance level over benchmark; None likewise.
    control
        What is done wrong on purpose.
    """

    model: pm.Model
    worlds: Worlds
    data_of: Callable[[xr.Dataset], dict[str, np.ndarray]]
    sampler: SamplerPart
    starts_of: Callable[[dict[str, np.ndarray]], Starts]
    tokens: float | None
    chance: xr.DataArray | None
    control: Control = "none"


def prepare(setup: Setup, *, seed: int) -> Callable[[int], dict[str, Any]]:
    """Compile what all replicates share.

    Parameters
    ----------
    setup
        Model and worlds.
    seed
        Replicate i depends on it and on i only.

    Returns
    -------
    callable
        From the number of a replicate to ``places`` (by quantity: place of the truth and number of
        draws it was ranked among), ``divergences``, ``rhat``, ``ess_bulk``, ``modes`` (masses) and
        ``gradients``.
    """
    model = setup.model
    log_likelihood = log_likelihood_of(model)
    if setup.control == "data_ignored":
        fit = _prior_instead(setup)
    else:
        fit = fitter(model, setup.sampler, setup.starts_of)
    free = [variable.name for variable in model.free_RVs]

    def replicate(number: int) -> dict[str, Any]:
        rng = np.random.default_rng([seed, number])
        truth = setup.worlds.truths.isel(replicate=number)
        truth = truth.expand_dims(chain=[0], draw=[0])
        seen = setup.worlds.simulated.isel(replicate=number)
        if setup.control == "noise_sd_too_small":
            seen = noisier(seen, truth, rng)
        values = setup.data_of(seen)
        with model:
            pm.set_data(values)
        tree = fit(values, int(rng.integers(2**31)))
        draws = tree["posterior"].to_dataset()
        both = [
            _ranked(part, setup).assign(log_likelihood=(("chain", "draw"), log_likelihood(part)))
            for part in (truth, draws)
        ]
        return {"places": places_of(*both, rng=rng)} | diagnostics(tree, free)

    return replicate


def _prior_instead(setup: Setup) -> Fit:
    """Return draws of the prior for a posterior: truths of other worlds."""
    truths = setup.worlds.truths
    taken = min(setup.sampler.draws, truths.sizes["replicate"] // 2)

    def fit(values: dict[str, np.ndarray], seed: int) -> xr.DataTree:
        at = np.random.default_rng(seed).choice(truths.sizes["replicate"], (2, taken))
        index = xr.DataArray(at, dims=("chain", "draw"))
        draws = truths.isel(replicate=index).assign_coords(chain=[0, 1], draw=np.arange(taken))
        stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, taken), dtype=bool))})
        draws.attrs["gradient_evaluations"] = 0
        return xr.DataTree.from_dict({"posterior": draws, "sample_stats": stats})

    return fit


def noisier(seen: xr.Dataset, truth: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Widen the noise of the losses, so that the likelihood's sd is too small.

    Parameters
    ----------
    seen
        Simulated data of one world, with ``loss_log`` (run, benchmark).
    truth
        Its truth, with ``sigma``.
    rng
        Random generator.

    Returns
    -------
    Dataset
        The data, with noise of sd sigma / 0.8.
    """
    extra = np.sqrt(_TOO_SMALL**-2.0 - 1.0) * truth["sigma"].isel(chain=0, draw=0, drop=True)
    noise = xr.DataArray(rng.normal(size=seen["loss_log"].shape), dims=seen["loss_log"].dims)
    return seen.assign(loss_log=seen["loss_log"] + extra * noise)


def _ranked(draws: xr.Dataset, setup: Setup) -> xr.Dataset:
    """Return parameters and what the laws imply."""
    if setup.tokens is None or setup.chance is None:
        return draws
    return draws.merge(
        law_quantities(draws, tokens=setup.tokens, chance=setup.chance), join="exact"
    )


def places_of(
    truth: xr.Dataset, draws: xr.Dataset, *, rng: np.random.Generator
) -> dict[str, tuple[float, int] | None]:
    """Rank every scalar, and sizes near the ends also by their draws in range alone.

    Parameters
    ----------
    truth
        One draw, over (chain, draw, ...).
    draws
        The same variables.
    rng
        For ties.

    Returns
    -------
    dict
        By quantity: :func:`densing_bayes.sbc.ranks.place_of`; None where no draw is in range.
    """
    true = {name: float(values[0, 0]) for name, values in flattened(truth)}
    seed = int(rng.integers(2**31))
    places: dict[str, tuple[float, int] | None] = {}
    for name, values in flattened(draws):
        # one seed for all: quantities that grow with each other then get the same place
        places[name] = place_of(true[name], values, rng=np.random.default_rng(seed))
        if name.startswith("log_effective_size_near"):
            left = finite_draws(values)
            places[name + FINITE] = (
                left
                if left is None
                else place_of(true[name], left, rng=np.random.default_rng(seed))
            )
    return places
