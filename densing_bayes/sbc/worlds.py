"""Truths and the data simulated from them, one world a replicate."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import xarray as xr
from pytensor.graph.basic import Variable
from pytensor.graph.replace import graph_replace

__all__ = ["Worlds", "log_likelihood_of", "posterior_worlds", "prior_worlds"]

_BLOCK = 2000
_MOST_BLOCKS = 50


@dataclasses.dataclass(frozen=True)
class Worlds:
    """Truths, and data simulated from each.

    Parameters
    ----------
    truths
        Free variables and Deterministics, over ``replicate``.
    simulated
        Observed variables, over ``replicate``.
    """

    truths: xr.Dataset
    simulated: xr.Dataset


def simulated_data(model: pm.Model) -> dict[str, str]:
    """Return which observed variables can be simulated, and the data that hold them.

    Parameters
    ----------
    model
        A PyMC model whose observations to be simulated are ``pm.Data``. Others are conditions:
        facts that a simulated world shares with the real one.

    Returns
    -------
    dict of str to str
        From the observed variable to its ``pm.Data``.
    """
    found = {}
    for observed in model.observed_RVs:
        value: Variable = model.rvs_to_values[observed]
        shared = [name for name, node in model.named_vars.items() if node is value]
        shared = shared or [
            node.name
            for node in model.data_vars
            if node in {value, *(value.owner.inputs if value.owner else ())}
        ]
        if shared:
            found[observed.name] = shared[0]
    return found


def prior_worlds(model: pm.Model, count: int, *, seed: int) -> Worlds:
    """Draw truths from the prior, and simulate data from each.

    Observations that are no ``pm.Data`` (the evidence on ceilings) are conditions: truths under
    which they come out otherwise are left out, so that truths follow the prior given them.

    Parameters
    ----------
    model
        A PyMC model, holding the conditions.
    count
        Worlds.
    seed
        World i depends on it and on i, not on ``count``.

    Returns
    -------
    Worlds
        ``count`` of them.

    Raises
    ------
    ValueError
        If fewer than one draw of the prior in a hundred meets the conditions.
    """
    simulated = list(simulated_data(model))
    conditions = {o.name: model.rvs_to_values[o] for o in model.observed_RVs}
    truths, data, kept = [], [], 0
    for block in range(_MOST_BLOCKS):
        with model, _quiet():
            tree = pm.sample_prior_predictive(_BLOCK, random_seed=_seed(seed, block))
        prior = tree["prior"].to_dataset().isel(chain=0)
        drawn = tree["prior_predictive"].to_dataset().isel(chain=0)
        met = np.ones(_BLOCK, dtype=bool)
        for name in set(conditions) - set(simulated):
            same = drawn[name].values == np.asarray(conditions[name].eval())
            met &= same.reshape(_BLOCK, -1).all(axis=1)
        truths.append(prior.isel(draw=met))
        data.append(drawn[simulated].isel(draw=met, missing_dims="ignore"))
        kept += int(met.sum())
        if kept < 0.01 * _BLOCK * (block + 1):
            raise ValueError(
                f"{kept} of {_BLOCK * (block + 1)} draws of the prior agree with the conditions "
                f"{sorted(set(conditions) - set(simulated))}; the prior all but rules them out"
            )
        if kept >= count:
            break
    return Worlds(_first(truths, count), _first(data, count))


def posterior_worlds(model: pm.Model, posterior: xr.Dataset, count: int, *, seed: int) -> Worlds:
    """Take truths from a posterior, and simulate further data from each.

    Parameters
    ----------
    model
        The PyMC model that the posterior is of.
    posterior
        Draws over (chain, draw), of which ``count`` are taken evenly.
    count
        Worlds.
    seed
        Seed of the simulation.

    Returns
    -------
    Worlds
        ``count`` of them.
    """
    flat = posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    at = np.linspace(0, flat.sizes["sample"] - 1, count).round().astype(int)
    # the order of a chain is no order of worlds: a study cut short must not see one chain alone
    at = np.random.default_rng(seed).permutation(at)
    taken = flat.isel(sample=at).reset_index("sample", drop=True).rename(sample="draw")
    taken = taken.drop_vars(["chain", "draw"], errors="ignore").expand_dims(chain=[0])
    with model, _quiet():
        tree = pm.sample_posterior_predictive(
            xr.DataTree.from_dict({"posterior": taken.assign_coords(draw=np.arange(count))}),
            random_seed=seed,
            progressbar=False,
        )
    drawn = tree["posterior_predictive"].to_dataset().isel(chain=0)[list(simulated_data(model))]
    return Worlds(
        taken.isel(chain=0, drop=True).rename(draw="replicate"),
        drawn.drop_vars(["chain", "draw"], errors="ignore").rename(draw="replicate"),
    )


def log_likelihood_of(model: pm.Model) -> Callable[[xr.Dataset], np.ndarray]:
    """Compile the joint log likelihood of all observations, at values of the free variables.

    Parameters
    ----------
    model
        A PyMC model; the data that it holds when the function is called are used.

    Returns
    -------
    callable
        From a Dataset of the free variables over (chain, draw) to an array (chain, draw).
    """
    value_of = {model.rvs_to_values[free]: free for free in model.free_RVs}
    inputs = [free.type(name=free.name) for free in model.free_RVs]
    total = model.logp(vars=model.observed_RVs, sum=True)
    transformed = {}
    for (value, free), given in zip(value_of.items(), inputs, strict=True):
        transform = model.rvs_to_transforms[free]
        transformed[value] = (
            given if transform is None else transform.forward(given, *free.owner.inputs)
        )
    at: Any = graph_replace([total], transformed, strict=False)[0]
    names = [free.name for free in model.free_RVs]
    work_out = pytensor.function(inputs, at, on_unused_input="ignore")

    def log_likelihood(draws: xr.Dataset) -> np.ndarray:
        flat = draws[names].stack(sample=("chain", "draw")).transpose("sample", ...)
        columns = [flat[name].values for name in names]
        found = [float(work_out(*point)) for point in zip(*columns, strict=True)]
        return np.reshape(found, (draws.sizes["chain"], draws.sizes["draw"]))

    return log_likelihood


def _seed(seed: int, block: int) -> int:
    return int(np.random.SeedSequence([seed, block]).generate_state(1)[0])


def _first(parts: list[xr.Dataset], count: int) -> xr.Dataset:
    joined = xr.concat(parts, "draw").isel(draw=slice(count)).drop_vars(["draw", "chain"])
    return joined.rename(draw="replicate").drop_attrs()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep PyMC's list of sampled variables, which each block would repeat, out of the way."""
    log = logging.getLogger("pymc")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)
