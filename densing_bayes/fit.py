"""Drawing from a PyMC model: the only caller of samplers. It knows no law."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from densing_bayes.modes import Modes, find_modes
from densing_bayes.spec_parts import SamplerPart
from densing_bayes.tempering import Tempered, temper

__all__ = ["add_predictive", "compile_model", "draw_compiled", "draw_posterior", "versions"]

Say = Callable[[str], None]

_PACKAGES = ("densing-bayes", "pymc", "pytensor", "nutpie", "arviz", "xarray", "numpy", "pandas")


def versions() -> dict[str, str]:
    """Return the versions of what a result was made with.

    Returns
    -------
    dict of str to str
        Package and version.
    """
    return {name: version(name) for name in _PACKAGES}


def compile_model(model: pm.Model) -> Any:
    """Compile the log density of a model once, for any number of fits.

    Parameters
    ----------
    model
        Any PyMC model with continuous free variables.

    Returns
    -------
    nutpie CompiledPyMCModel
        With starts from the prior. ``.with_data(name=values)`` gives the same density for other
        data, without compiling.
    """
    import nutpie

    return nutpie.compile_pymc_model(model, default_initialization_strategy="prior")


def draw_posterior(
    model: pm.Model,
    sampler: SamplerPart,
    *,
    keep: tuple[str, ...] = (),
    progress: bool = True,
    say: Say | None = None,
) -> xr.DataTree:
    """Compile a model and draw from its posterior.

    Interrupting (Ctrl-C) keeps the draws that the chains have in common so far;
    ``attrs["interrupted"]`` of the posterior tells.

    Parameters
    ----------
    model
        Any PyMC model with continuous free variables.
    sampler
        Which sampler, how many draws, which seed.
    keep
        Variables of which the populations' draws are kept.
    progress
        Whether to show progress bars.
    say
        Is told, in a line each, what is being done; None is silent.

    Returns
    -------
    DataTree
        As :func:`draw_compiled` returns it, with ``seconds_compile`` in ``posterior.attrs``.
    """
    say = say or _silent
    started = time.perf_counter()
    say("compiling the log density")
    compiled = compile_model(model)
    tempered = temper(model) if sampler.populations else None
    seconds = time.perf_counter() - started
    tree = draw_compiled(
        model, compiled, sampler, tempered=tempered, keep=keep, progress=progress, say=say
    )
    tree["posterior"].attrs["seconds_compile"] = seconds
    return tree


def draw_compiled(
    model: pm.Model,
    compiled: Any,
    sampler: SamplerPart,
    *,
    tempered: Tempered | None,
    keep: tuple[str, ...] = (),
    progress: bool = True,
    say: Say | None = None,
) -> xr.DataTree:
    """Look for the modes of a compiled model, then draw from its posterior.

    Parameters
    ----------
    model
        The PyMC model.
    compiled
        From :func:`compile_model`, perhaps with other data.
    sampler
        As in :func:`draw_posterior`.
    tempered
        From :func:`densing_bayes.tempering.temper`, of a model that holds the same data; None:
        modes are not looked for, and chains start from draws of the prior.
    keep, progress, say
        As in :func:`draw_posterior`.

    Returns
    -------
    DataTree
        Groups ``posterior``, ``sample_stats`` and, where modes were looked for, ``modes`` (dim
        ``mode``: mass, its Monte Carlo error, mean log density, log evidence) and ``particles``
        (what ``keep`` names, a chain being a population). ``posterior.attrs``: ``seconds_modes``,
        ``seconds_sampling``, ``gradient_evaluations``, ``interrupted``, ``sampler``;
        ``modes.attrs``: ``log_evidence``, ``gradient_evaluations``, ``steps``.
    """
    say = say or _silent
    cores = sampler.cores or os.cpu_count() or 1
    started = time.perf_counter()
    modes = None
    if tempered is not None:
        say(f"looking for modes: {sampler.populations} populations of {sampler.particles}")
        modes = find_modes(
            tempered,
            particles=sampler.particles,
            populations=sampler.populations,
            seed=sampler.seed,
        )
    found_at = time.perf_counter()
    say(f"sampling: {sampler.chains} chains of {sampler.tune} + {sampler.draws} draws")
    run = _run_nutpie if sampler.sampler == "nutpie" else _run_pymc
    tree = run(model, compiled, modes, sampler, cores=cores, progress=progress)
    if sampler.sampler == "nutpie":
        tree = _complete_draws(tree, say)
    tree["posterior"].attrs |= {
        "seconds_modes": found_at - started,
        "seconds_sampling": time.perf_counter() - found_at,
        "gradient_evaluations": int(tree["sample_stats"]["n_steps"].sum()),
        "interrupted": int(tree.posterior.sizes["draw"] < sampler.draws),
        "sampler": sampler.sampler,
    }
    if modes is not None:
        _add_modes(tree, modes, keep)
    return tree


def _add_modes(tree: xr.DataTree, modes: Modes, keep: tuple[str, ...]) -> None:
    table = modes.table.set_index("mode").to_xarray()
    table.attrs = {
        "log_evidence": float(modes.log_evidence.mean()),
        "gradient_evaluations": modes.gradients,
        "steps": modes.steps,
    }
    tree["modes"] = xr.DataTree(table)
    tree["particles"] = xr.DataTree(modes.draws(keep))


def add_predictive(
    tree: xr.DataTree, model: pm.Model, *, draws: int = 1000, seed: int, say: Say | None = None
) -> xr.DataTree:
    """Add prior, predictive, log-likelihood and data groups to a posterior, in place.

    Parameters
    ----------
    tree
        From :func:`draw_posterior`.
    model
        The model it was drawn from.
    draws
        How many prior draws, and about how many posterior predictive draws.
    seed
        Seed.
    say
        Is told what is being done; None is silent.

    Returns
    -------
    DataTree
        The same tree with ``prior``, ``prior_predictive``, ``posterior_predictive``,
        ``log_likelihood``, ``observed_data`` and ``constant_data``.
    """
    say = say or _silent
    posterior = tree["posterior"]
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    thinned = tree.isel(draw=slice(None, None, max(1, total // draws)))
    with model, _quiet():
        say("prior predictive draws")
        prior = pm.sample_prior_predictive(draws=draws, random_seed=seed)
        say("posterior predictive draws")
        predictive = pm.sample_posterior_predictive(thinned, random_seed=seed, progressbar=False)
        say("pointwise log-likelihood")
        pm.compute_log_likelihood(tree, progressbar=False)
    if not predictive["posterior_predictive"].data_vars:
        raise KeyboardInterrupt("interrupted while drawing predictions")
    for name in ("prior", "prior_predictive", "observed_data", "constant_data"):
        if name in prior.children:  # a model without pm.Data has no constant data
            tree[name] = xr.DataTree(prior[name].to_dataset())
    tree["posterior_predictive"] = xr.DataTree(predictive["posterior_predictive"].to_dataset())
    return tree


def _run_nutpie(
    model: pm.Model,
    compiled: Any,
    modes: Modes | None,
    sampler: SamplerPart,
    *,
    cores: int,
    progress: bool,
) -> xr.DataTree:
    import nutpie

    started = compiled
    if modes is not None:
        started = dataclasses.replace(compiled, initial_point_func=modes.start)
    tree = nutpie.sample(
        started,
        draws=sampler.draws,
        tune=sampler.tune,
        chains=sampler.chains,
        cores=cores,
        seed=sampler.seed,
        target_accept=sampler.target_accept,
        adaptation=sampler.adaptation,
        save_warmup=False,
        progress_bar=progress,
    )
    # A column of messages, all missing when nothing diverged, which netCDF cannot type.
    stats = tree["sample_stats"].to_dataset().drop_vars("divergence_message", errors="ignore")
    tree["sample_stats"] = xr.DataTree(stats)
    return tree


def _complete_draws(tree: xr.DataTree, say: Say) -> xr.DataTree:
    """Cut an interrupted run to the draws that its chains have in common.

    An interrupted chain is padded with NaN. Chains that got less than half as far as the longest
    (those still waiting for a core) are left out.
    """
    drawn = tree["sample_stats"]["logp"].notnull().sum("draw").values
    if (drawn == drawn.max()).all() and drawn.max() == tree["sample_stats"].sizes["draw"]:
        return tree
    kept = np.flatnonzero(drawn >= max(1, drawn.max() / 2))
    if not len(kept) or drawn[kept].min() < 2:
        raise KeyboardInterrupt("interrupted before any draw was made")
    fewest = int(drawn[kept].min())
    say(f"interrupted: going on with {len(kept)} chains of {fewest} draws")
    return tree.isel(chain=kept, draw=slice(0, fewest))


def _run_pymc(
    model: pm.Model,
    compiled: Any,
    modes: Modes | None,
    sampler: SamplerPart,
    *,
    cores: int,
    progress: bool,
) -> xr.DataTree:
    starts = None
    if modes is not None:
        starts = [
            _as_point(model, modes.start(sampler.seed + chain)) for chain in range(sampler.chains)
        ]
    with model:
        return pm.sample(
            draws=sampler.draws,
            tune=sampler.tune,
            chains=sampler.chains,
            cores=min(cores, sampler.chains),
            random_seed=sampler.seed,
            nuts_sampler="pymc",
            init="adapt_diag",
            initvals=starts,
            nuts={"target_accept": sampler.target_accept},
            progressbar=progress,
        )


def _as_point(model: pm.Model, position: np.ndarray) -> dict[str, np.ndarray]:
    """Turn a position in the unconstrained space into values of the free variables.

    nutpie joins the value variables in the order of ``model.free_RVs``.
    """
    shapes = {name: value.shape for name, value in model.initial_point().items()}
    point: dict[str, np.ndarray] = {}
    at = 0
    for free in model.free_RVs:
        shape = shapes[model.rvs_to_values[free].name]
        size = int(np.prod(shape))
        value = position[at : at + size].reshape(shape)
        at += size
        transform = model.rvs_to_transforms[free]
        if transform is not None:
            value = transform.backward(pt.as_tensor(value), *free.owner.inputs).eval()
        point[free.name] = value
    return point


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep PyMC's list of variables and numba's note on object mode off the screen.

    Object mode is meant: the random draws of our own likelihoods are plain numpy.
    """
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Numba will use object mode")
            yield
    finally:
        logger.setLevel(level)


def _silent(_: str) -> None:
    return None
