"""A PyMC model as prior and likelihood of a batch of positions, with gradients. It knows no law."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr
from pymc.initial_point import make_initial_point_expression
from pymc.logprob.utils import local_check_parameter_to_ninf_switch
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.rewriting.basic import dfs_rewriter
from pytensor.graph.rewriting.utils import rewrite_graph

from densing_bayes.smc import Population, draw_population

__all__ = ["Tempered", "temper"]


@dataclasses.dataclass(frozen=True)
class Tempered:
    """A model in the form in which a population is drawn from it.

    Parameters
    ----------
    model
        The model.
    density
        Log prior, log likelihood and their gradients, for positions (particle, dimension). Prior
        is what the free variables contribute, with the Jacobians of their transforms; likelihood
        is what observed variables and potentials contribute.
    dimension
        Dimensions of the unconstrained space: the value variables joined in the order of
        ``model.free_RVs``, as nutpie joins them.
    seconds_compile
        Time that compiling took.
    """

    model: pm.Model
    density: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]
    dimension: int
    seconds_compile: float

    def prior_draws(self, count: int, *, seed: int) -> np.ndarray:
        """Draw positions from the prior.

        Parameters
        ----------
        count
            How many.
        seed
            Seed.

        Returns
        -------
        numpy.ndarray
            (count, dimension), in the unconstrained space.
        """
        expressions = make_initial_point_expression(
            free_rvs=self.model.free_RVs,
            rvs_to_transforms=self.model.rvs_to_transforms,
            initval_strategies={},
            default_strategy="prior",
            return_transformed=True,
        )
        draws = pm.draw(expressions, draws=count, random_seed=seed)
        return np.concatenate([np.reshape(draw, (count, -1)) for draw in draws], axis=1)

    def populations(
        self, *, count: int, particles: int, seed: int, threshold: float = 0.5
    ) -> list[Population]:
        """Draw populations of the posterior, each on its own, so that they can be compared.

        Parameters
        ----------
        count
            How many populations.
        particles
            Particles of each.
        seed
            Seed.
        threshold
            As in :func:`densing_bayes.smc.draw_population`.

        Returns
        -------
        list of Population
            The populations.
        """
        start = self.prior_draws(count * particles, seed=seed)
        seeds = np.random.SeedSequence(seed).generate_state(count)
        return [
            draw_population(
                self.density,
                start[place * particles : (place + 1) * particles],
                seed=int(own),
                threshold=threshold,
            )
            for place, own in enumerate(seeds)
        ]

    def named(self, positions: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Work out variables of the model at positions.

        Parameters
        ----------
        positions
            (particle, dimension), in the unconstrained space.
        names
            Free variables or Deterministics.

        Returns
        -------
        dict of str to numpy.ndarray
            Each with the particle as its first axis.
        """
        wanted = [
            value
            for value in self.model.unobserved_value_vars
            if value.name in names
        ]
        missing = set(names) - {value.name for value in wanted}
        if missing:
            raise ValueError(f"the model has no variables {sorted(missing)}")
        flat, pieces = _flat_position(self.model)
        wanted = graph_replace(wanted, pieces, strict=False)
        batch = pt.matrix("positions", shape=(None, self.dimension))
        many = vectorize_graph(wanted, {flat: batch})
        work_out = pytensor.function([batch], many, mode="NUMBA")
        order = [v.name for v in self.model.unobserved_value_vars if v.name in names]
        return dict(zip(order, work_out(positions), strict=True))


def temper(model: pm.Model) -> Tempered:
    """Compile log prior and log likelihood of a model for batches of positions.

    Parameters
    ----------
    model
        Any PyMC model with continuous free variables.

    Returns
    -------
    Tempered
        The compiled model.
    """
    started = time.perf_counter()
    flat, pieces = _flat_position(model)
    # clones, so that the next line leaves the model as it is
    terms = graph_replace([model.varlogp, model.datalogp], pieces, strict=False)
    # a parameter out of range makes a density zero: it must not stop the whole batch
    log_prior, log_likelihood = rewrite_graph(
        terms, include=(), custom_rewrite=dfs_rewriter(local_check_parameter_to_ninf_switch)
    )
    dimension = flat.type.shape[0]
    batch = pt.matrix("positions", shape=(None, dimension))
    prior, likelihood = vectorize_graph([log_prior, log_likelihood], {flat: batch})
    gradients = [
        pt.grad(term.sum(), batch, disconnected_inputs="ignore") for term in (prior, likelihood)
    ]
    density = pytensor.function([batch], [prior, likelihood, *gradients], mode="NUMBA")
    return Tempered(model, density, dimension, time.perf_counter() - started)


def _flat_position(model: pm.Model) -> tuple[Any, dict[Any, Any]]:
    """Return a vector, and what each value variable is of it."""
    start = model.initial_point()
    flat = pt.vector("position", shape=(sum(value.size for value in start.values()),))
    pieces, at = {}, 0
    for free in model.free_RVs:
        value = model.rvs_to_values[free]
        shape = start[value.name].shape
        size = int(np.prod(shape))
        pieces[value] = flat[at : at + size].reshape(shape).astype(value.dtype)
        at += size
    return flat, pieces
