"""Effective sizes and other draws of several results, mixed in proportion to their weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

__all__ = ["stack_draws"]


def stack_draws(
    parts: Mapping[str, xr.Dataset], weights: Mapping[str, float], *, draws: int, seed: int
) -> xr.Dataset:
    """Mix draws of several results, each in proportion to its weight.

    A draw is taken whole, with all its models and benchmarks, so that what varies together stays
    together. Numbers of draws follow the weights to within one (largest remainder), without
    replacement as long as a result has enough.

    Parameters
    ----------
    parts
        By name: effective sizes, densities or trends over (chain, draw, ...), with the same
        variables and the same labels of all other dims, and the same D0.
    weights
        By name, not negative, with a positive sum; from
        :func:`densing_bayes.comparison.compare_scores`. Results of weight 0 may be left out of
        ``parts``.
    draws
        How many draws the mixture gets.
    seed
        Seed.

    Returns
    -------
    Dataset
        Over (chain = 1, draw, ...), with the coordinate ``source`` over draw. It has no chains to
        be compared: take quantiles, not R-hat.

    Raises
    ------
    ValueError
        If weights are negative or all zero, a weighted result is missing, or the results do not
        have the same labels or D0.
    """
    given = {name: float(weight) for name, weight in weights.items()}
    total = sum(given.values())
    if not total > 0 or min(given.values()) < 0:
        raise ValueError(f"weights must not be negative, and not all zero; got {given}")
    lacking = sorted(name for name, weight in given.items() if weight > 0 and name not in parts)
    if lacking:
        raise ValueError(
            f"there is a weight but no result for {', '.join(lacking)}; have {', '.join(parts)}"
        )
    used = [name for name, weight in given.items() if name in parts]
    for name in used[1:]:
        _must_match(used[0], parts[used[0]], name, parts[name])
    exact = np.array([given[name] / total * draws for name in used])
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: draws - counts.sum()]] += 1
    rng = np.random.default_rng(seed)
    mixed, source = [], []
    for name, count in zip(used, counts, strict=True):
        flat = parts[name].stack(sample=("chain", "draw"))
        have = flat.sizes["sample"]
        places = rng.choice(have, size=count, replace=bool(count > have))
        mixed.append(flat.isel(sample=np.sort(places)).drop_vars(["sample", "chain", "draw"]))
        source += [name] * int(count)
    whole = xr.concat(mixed, dim="sample", join="exact", combine_attrs="drop_conflicts")
    order = rng.permutation(draws)
    whole = whole.isel(sample=order).rename(sample="draw").expand_dims(chain=[0])
    return whole.transpose("chain", "draw", ...).assign_coords(
        draw=np.arange(draws), source=("draw", np.array(source)[order])
    )


def _must_match(first: str, one: xr.Dataset, name: str, other: xr.Dataset) -> None:
    mine, theirs = set(one.data_vars), set(other.data_vars)
    if mine != theirs:
        raise ValueError(
            f"'{first}' and '{name}' differ in variables: {sorted(map(str, mine ^ theirs))}"
        )
    for dim in set(one.dims) | set(other.dims):
        if dim in ("chain", "draw"):
            continue
        if (
            dim not in one.dims
            or dim not in other.dims
            or not (np.array_equal(one[dim].values, other[dim].values))
        ):
            raise ValueError(
                f"'{first}' and '{name}' do not have the same labels of '{dim}': compute both for "
                "the same panel and benchmarks"
            )
    if one.attrs.get("tokens") != other.attrs.get("tokens"):
        raise ValueError(
            f"'{first}' is at D0 = {one.attrs.get('tokens')} tokens, '{name}' at "
            f"{other.attrs.get('tokens')}: compute both at the same"
        )
