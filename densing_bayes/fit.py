"""Drawing from a PyMC model: the only caller of samplers. It knows no law."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from densing_bayes.modes import Modes, find_modes
from densing_bayes.spec import SamplerPart

__all__ = ["add_predictive", "draw_posterior", "versions"]

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


def draw_posterior(
    model: pm.Model, sampler: SamplerPart, *, progress: bool = True, say: Say | None = None
) -> xr.DataTree:
    """Draw from the posterior of a model whose modes are first looked for.

    Interrupting (Ctrl-C) keeps the draws made so far; ``attrs["interrupted"]`` of the posterior
    tells.

    Parameters
    ----------
    model
        Any PyMC model with continuous free variables.
    sampler
        Which sampler, how many draws, which seed.
    progress
        Whether to show progress bars.
    say
        Is told, in a line each, what is being done; None is silent.

    Returns
    -------
    DataTree
        Groups ``posterior``, ``sample_stats`` and ``modes`` (dim ``mode``: pilot chains, mean log
        density, Gaussian log evidence, mass). ``posterior.attrs``: ``seconds_compile``,
        ``seconds_modes``, ``seconds_sampling``, ``gradient_evaluations``, ``interrupted``.
    """
    import nutpie

    say = say or _silent
    cores = sampler.cores or os.cpu_count() or 1
    started = time.perf_counter()
    say("compiling the log density")
    compiled = nutpie.compile_pymc_model(model, default_initialization_strategy="prior")
    compiled_at = time.perf_counter()
    say(f"looking for modes: {sampler.pilot_chains} short chains started over the prior")
    modes = find_modes(compiled, chains=sampler.pilot_chains, cores=cores, seed=sampler.seed)
    found_at = time.perf_counter()
    say(f"sampling: {sampler.chains} chains of {sampler.tune} + {sampler.draws} draws")
    run = _run_nutpie if sampler.sampler == "nutpie" else _run_pymc
    tree = run(model, compiled, modes, sampler, cores=cores, progress=progress)
    stats = tree["sample_stats"]
    tree["posterior"].attrs |= {
        "seconds_compile": compiled_at - started,
        "seconds_modes": found_at - compiled_at,
        "seconds_sampling": time.perf_counter() - found_at,
        "gradient_evaluations": int(stats["n_steps"].sum()),
        "interrupted": int(tree.posterior.sizes["draw"] < sampler.draws),
        "sampler": sampler.sampler,
    }
    tree["modes"] = xr.DataTree(modes.table.set_index("mode").to_xarray())
    return tree


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
    with model:
        say("prior predictive draws")
        prior = pm.sample_prior_predictive(draws=draws, random_seed=seed)
        say("posterior predictive draws")
        predictive = pm.sample_posterior_predictive(thinned, random_seed=seed, progressbar=False)
        say("pointwise log-likelihood")
        pm.compute_log_likelihood(tree, progressbar=False)
    for name in ("prior", "prior_predictive", "observed_data", "constant_data"):
        tree[name] = xr.DataTree(prior[name].to_dataset())
    tree["posterior_predictive"] = xr.DataTree(predictive["posterior_predictive"].to_dataset())
    return tree


def _run_nutpie(
    model: pm.Model,
    compiled: Any,
    modes: Modes,
    sampler: SamplerPart,
    *,
    cores: int,
    progress: bool,
) -> xr.DataTree:
    import nutpie

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


def _run_pymc(
    model: pm.Model,
    compiled: Any,
    modes: Modes,
    sampler: SamplerPart,
    *,
    cores: int,
    progress: bool,
) -> xr.DataTree:
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


def _silent(_: str) -> None:
    return None

