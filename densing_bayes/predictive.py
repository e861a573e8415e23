"""What a model says at the draws of a fit: predictions, and log densities term by term."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pymc as pm
import xarray as xr

__all__ = ["add_log_density", "add_predictive"]

Say = Callable[[str], None]


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
        ``log_likelihood``, ``log_prior``, ``observed_data`` and ``constant_data``.
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
    say("pointwise log-likelihood, log prior")
    for of in ("likelihood", "prior"):
        add_log_density(tree, model, of=of)
    if not predictive["posterior_predictive"].data_vars:
        raise KeyboardInterrupt("interrupted while drawing predictions")
    for name in ("prior", "prior_predictive", "observed_data", "constant_data"):
        if name in prior.children:  # a model without pm.Data has no constant data
            tree[name] = xr.DataTree(prior[name].to_dataset())
    tree["posterior_predictive"] = xr.DataTree(predictive["posterior_predictive"].to_dataset())
    return tree


def add_log_density(tree: xr.DataTree, model: pm.Model, *, of: str) -> xr.DataTree:
    """Add the log density of every prior, or of every observation, at every draw, in place.

    Parameters
    ----------
    tree
        With the group ``posterior``.
    model
        The model it was drawn from.
    of
        ``"prior"`` (group ``log_prior``, a variable for each free one) or ``"likelihood"`` (group
        ``log_likelihood``, a variable for each observed one).

    Returns
    -------
    DataTree
        The same tree.

    Raises
    ------
    ValueError
        If ``of`` is neither.
    """
    compute = {"prior": pm.stats.compute_log_prior, "likelihood": pm.compute_log_likelihood}
    if of not in compute:
        raise ValueError(f"of is 'prior' or 'likelihood', got {of!r}")
    with model, _quiet():
        compute[of](tree, progressbar=False)
    return tree


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
