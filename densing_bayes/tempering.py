"""A PyMC model as prior and likelihood of a batch of positions, with gradients. It knows no law."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.initial_point import make_initial_point_expression
from pymc.logprob.utils import local_check_parameter_to_ninf_switch
from pymc.pytensorf import compile as compile_function
from pymc.pytensorf import reseed_rngs
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.rewriting.basic import dfs_rewriter
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors

__all__ = ["Block", "Tempered", "temper", "variables_at"]


@dataclasses.dataclass(frozen=True)
class Block:
    """Free variables that share a term of the density with each other and with no others.

    Parameters
    ----------
    names
        The free variables.
    columns
        Where they stand in a position of the whole model.
    density
        Log prior, log likelihood and their gradients, for positions (particle, column). Prior is
        what the free variables contribute, with the Jacobians of their transforms; likelihood is
        what observed variables and potentials contribute.
    """

    names: tuple[str, ...]
    columns: np.ndarray
    density: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Tempered:
    """A model in the form in which populations are drawn from it.

    Parameters
    ----------
    model
        The model.
    blocks
        Its blocks, which are independent in the prior and in the posterior.
    prior
        Generators of random numbers, and the function that draws one value of every value
        variable with them.
    seconds_compile
        Time that compiling took.
    """

    model: pm.Model
    blocks: tuple[Block, ...]
    prior: tuple[list[Any], Callable[[], list[np.ndarray]]]
    seconds_compile: float

    @property
    def dimension(self) -> int:
        """Dimensions of the unconstrained space."""
        return sum(len(block.columns) for block in self.blocks)

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
            (count, dimension), in the unconstrained space: the value variables joined in the
            order of ``model.free_RVs``, as nutpie joins them.
        """
        rngs, draw = self.prior
        # as pm.draw does, which would compile anew at every call
        reseed_rngs(rngs, seed)
        draws = [np.concatenate([np.ravel(part) for part in draw()]) for _ in range(count)]
        return np.stack(draws)


def temper(model: pm.Model) -> Tempered:
    """Compile log prior and log likelihood of a model for batches of positions.

    Free variables that share no term of the density are independent, so that each block of them
    can be drawn on its own, in fewer dimensions.

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
    prior = model.logp(vars=model.free_RVs, sum=False)
    likelihood = model.logp(vars=[*model.observed_RVs, *model.potentials], sum=False)
    values = [model.rvs_to_values[free] for free in model.free_RVs]
    shapes = {name: value.shape for name, value in model.initial_point().items()}
    sizes = [int(np.prod(shapes[value.name])) for value in values]
    ends = np.cumsum(sizes)
    blocks = []
    for members, own_prior, own_likelihood in _split(values, prior, likelihood):
        places = [values.index(value) for value in members]
        columns = np.concatenate([np.arange(ends[k] - sizes[k], ends[k]) for k in places])
        density = _batched(members, shapes, own_prior, own_likelihood)
        names = tuple(model.free_RVs[place].name for place in places)
        blocks.append(Block(names, columns, density))
    return Tempered(model, tuple(blocks), _prior_of(model), time.perf_counter() - started)


def _prior_of(model: pm.Model) -> tuple[list[Any], Callable[[], list[np.ndarray]]]:
    """Compile a draw of all value variables from the prior."""
    expressions = make_initial_point_expression(
        free_rvs=model.free_RVs,
        rvs_to_transforms=model.rvs_to_transforms,
        initval_strategies={},
        default_strategy="prior",
        return_transformed=True,
    )
    draw, updates = compile_function([], expressions, random_seed=False, return_updates=True)
    return list(updates), draw


def variables_at(
    model: pm.Model, positions: np.ndarray, *, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Work out variables of a model at positions.

    Parameters
    ----------
    model
        The model.
    positions
        (particle, dimension), in the unconstrained space.
    names
        Free variables or Deterministics.

    Returns
    -------
    dict of str to numpy.ndarray
        Each with the particle as its first axis.

    Raises
    ------
    ValueError
        If the model has no such variables.
    """
    known = {value.name: value for value in model.unobserved_value_vars}
    missing = sorted(set(names) - set(known))
    if missing:
        raise ValueError(f"the model has no variables {missing}; it has {sorted(known)}")
    values = [model.rvs_to_values[free] for free in model.free_RVs]
    shapes = {name: value.shape for name, value in model.initial_point().items()}
    flat, pieces = _joined(values, shapes)
    wanted = graph_replace([known[name] for name in names], pieces, strict=False)
    batch = pt.matrix("positions", shape=(None, flat.type.shape[0]))
    work_out = pytensor.function(
        [batch], vectorize_graph(wanted, {flat: batch}), mode="NUMBA", on_unused_input="ignore"
    )
    return dict(zip(names, work_out(positions), strict=True))


def _split(
    values: list[Any], prior: list[Any], likelihood: list[Any]
) -> list[tuple[list[Any], list[Any], list[Any]]]:
    """Part the free variables into blocks, with the terms of each."""
    reads = {
        term: {value for value in ancestors([term]) if value in set(values)}
        for term in (*prior, *likelihood)
    }
    groups = [{value} for value in values]
    for read in reads.values():
        touched = [group for group in groups if group & read]
        if touched:
            groups = [group for group in groups if not group & read] + [set().union(*touched)]
    groups.sort(key=lambda group: min(values.index(value) for value in group))
    blocks = []
    for place, group in enumerate(groups):
        # a term that reads no free variable is a constant: the first block takes it
        mine = [read <= group if read else place == 0 for read in reads.values()]
        own = [term for term, is_mine in zip(reads, mine, strict=True) if is_mine]
        blocks.append(
            (
                [value for value in values if value in group],
                [term for term in own if any(term is other for other in prior)],
                [term for term in own if any(term is other for other in likelihood)],
            )
        )
    return blocks


def _batched(
    values: list[Any], shapes: dict[str, tuple[int, ...]], prior: list[Any], likelihood: list[Any]
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Compile the sums of the terms, and their gradients, for a batch."""
    flat, pieces = _joined(values, shapes)
    # + 0 flat: a sum that reads no variable must still have a value for every particle
    sums = [sum((term.sum() for term in terms), 0.0 * flat.sum()) for terms in (prior, likelihood)]
    # clones, so that the next step leaves the model as it is
    own: Any = graph_replace(sums, pieces, strict=False)
    # a parameter out of range makes a density zero: it must not stop the whole batch
    own = rewrite_graph(
        own, include=(), custom_rewrite=dfs_rewriter(local_check_parameter_to_ninf_switch)
    )
    batch = pt.matrix("positions", shape=(None, flat.type.shape[0]))
    many: Any = vectorize_graph(own, {flat: batch})
    gradients: list[Any] = [pt.grad(term.sum(), batch) for term in many]
    return pytensor.function([batch], [*many, *gradients], mode="NUMBA")


def _joined(values: list[Any], shapes: dict[str, tuple[int, ...]]) -> tuple[Any, dict[Any, Any]]:
    """Return a vector, and what of it each value variable is."""
    sizes = [int(np.prod(shapes[value.name])) for value in values]
    flat = pt.vector("position", shape=(sum(sizes),))
    pieces, at = {}, 0
    for value, size in zip(values, sizes, strict=True):
        piece = flat[at : at + size].reshape(shapes[value.name])
        pieces[value] = piece.astype(value.dtype)
        at += size
    return flat, pieces
