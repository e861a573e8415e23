r"""Shares of the width of a quantity that are owed to independent blocks of its inputs.

For a quantity f of independent blocks X, the first-order share of a block j is
:math:`\mathrm{Var}\, E[f \mid X_j] / \mathrm{Var} f`: the part of the variance that knowing the
block alone would take away. Its total share :math:`E\, \mathrm{Var}[f \mid X_{-j}] /
\mathrm{Var} f` is the part that would be left if all but the block were known; it also counts
what the block does together with others (Sobol 1993; Saltelli et al. 2010,
doi 10.1016/j.cpc.2009.09.018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

__all__ = ["block_evaluations", "shares_of"]

#: Of consecutive draws, for the errors.
_BATCHES = 20


def block_evaluations[T](
    evaluate: Callable[[Mapping[str, np.ndarray]], T],
    blocks: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> tuple[T, T, dict[str, T]]:
    """Evaluate a quantity on two samples, and on mixtures of both that differ in one block.

    Parameters
    ----------
    evaluate
        Takes, for each block, the places of the draws to use, (draws); returns the quantity.
    blocks
        Names of the blocks.
    draws
        How many draws each block has.
    seed
        Seed of the permutations.

    Returns
    -------
    first
        The quantity with all blocks in their order.
    second
        With every block in an order of its own.
    mixed : dict
        By block: as ``second``, but for this block, which is in the order of ``first``.
    """
    rng = np.random.default_rng(seed)
    same = {block: np.arange(draws) for block in blocks}
    other = {block: rng.permutation(draws) for block in blocks}
    mixed = {block: evaluate(other | {block: same[block]}) for block in blocks}
    return evaluate(same), evaluate(other), mixed


def shares_of(first: np.ndarray, second: np.ndarray, mixed: np.ndarray) -> dict[str, np.ndarray]:
    """Estimate the share of one block.

    Parameters
    ----------
    first, second, mixed
        From :func:`block_evaluations`, finite, (draw, ...).

    Returns
    -------
    dict of str to numpy.ndarray
        ``first_order``, ``total`` and their Monte Carlo errors ``first_order_se``, ``total_se``
        (jackknife over batches of consecutive draws, so that the chains' memory counts), each
        (...); NaN where the quantity does not vary.
    """
    centre = 0.5 * (first.mean(axis=0) + second.mean(axis=0))
    x, y, z = first - centre, second - centre, mixed - centre
    terms = np.stack([0.5 * (x**2 + y**2), x * z, 0.5 * (y - z) ** 2])
    edges = np.linspace(0, len(first), _BATCHES + 1).astype(int)[:-1]
    batches = np.add.reduceat(terms, edges, axis=1)
    whole = batches.sum(axis=1, keepdims=True)
    out = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for place, name in ((1, "first_order"), (2, "total")):
            left = (whole[place] - batches[place]) / (whole[0] - batches[0])
            estimate = whole[place, 0] / whole[0, 0]
            spread = ((left - left.mean(axis=0)) ** 2).sum(axis=0)
            out[name] = np.where(whole[0, 0] > 0, estimate, np.nan)
            out[f"{name}_se"] = np.sqrt((_BATCHES - 1) / _BATCHES * spread)
    return out
