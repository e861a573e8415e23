"""Size of a model by all its benchmarks together, as trends take it: a value and its own error."""

from __future__ import annotations

import numpy as np
import xarray as xr

from densing_bayes.effective_size import ALL
from densing_bayes.latent import size_likelihood
from densing_bayes.spec_parts import LatentPart

__all__ = ["read_likelihood", "with_combined_sizes"]

#: Log likelihood below its maximum from which on an end of the grid is ruled out: one per cent.
_RULED_OUT = float(np.log(100.0))


def with_combined_sizes(
    sizes: xr.Dataset,
    laws: xr.Dataset | xr.DataTree,
    panel: xr.Dataset,
    *,
    prior: LatentPart,
    between_sd: xr.DataArray,
) -> xr.Dataset:
    """Let trends on ``all`` have the likelihood of all scores, not the mean of inversions.

    Propagation has no likelihood with which to combine benchmarks: the spread of a model's few
    log sizes is all that it has for their error, and one benchmark out of range makes the mean
    one-sided. The likelihood of the scores has one spread for all models, and a benchmark out of
    range takes part in it.

    Parameters
    ----------
    sizes
        From :func:`densing_bayes.propagate`.
    laws, panel
        What they were computed from.
    prior
        As for :func:`densing_bayes.size_likelihood`.
    between_sd
        Spread of benchmarks, from :func:`densing_bayes.calibrate` at the same D0, over (chain,
        draw) of some of the draws of ``sizes``.

    Returns
    -------
    Dataset
        The sizes at those draws, with ``centre``, ``target_sd`` and ``side`` of ``all`` replaced.

    Raises
    ------
    ValueError
        As for :func:`densing_bayes.size_likelihood`.
    """
    kept = sizes.sel(chain=between_sd["chain"].values, draw=between_sd["draw"].values)
    likelihood = size_likelihood(
        laws, panel, tokens=sizes.attrs["tokens"], prior=prior, between_sd=between_sd, draws=None
    )
    reading = read_likelihood(likelihood)
    at = {"benchmark": ALL}
    # One benchmark says nothing of a model's size on all of them, as in propagation.
    told = kept["centre"].drop_sel(at).notnull().any(("chain", "draw")).sum("benchmark") > 1
    out = kept.copy(deep=True)
    for name in ("centre", "target_sd", "side"):
        value = reading[name].where(told, np.nan if name != "side" else 0)
        place = out[name].sel(at)
        out[name].loc[at] = value.transpose(*place.dims).values
    return out


def read_likelihood(log_likelihood: xr.DataArray) -> xr.Dataset:
    r"""Read a likelihood of log sizes as a value with an error, or as a bound.

    .. math:: m = \frac{\int x L(x)\,dx}{\int L(x)\,dx}, \quad
              v^2 = \frac{\int (x - m)^2 L(x)\,dx}{\int L(x)\,dx}

    where L falls below one per cent of its maximum at both ends of the grid. Else the likelihood
    leaves that side open, and the bound is where L has half the height that it keeps there.

    Parameters
    ----------
    log_likelihood
        From :func:`densing_bayes.size_likelihood`, (chain, draw, llm, log_size).

    Returns
    -------
    Dataset
        ``centre`` (natural log of parameters; NaN where both sides are open), ``target_sd``,
        ``side`` (-1: below ``centre``; +1: above), as :func:`densing_bayes.propagate` has them.
    """
    order = ("chain", "draw", "llm", "log_size")
    logs = log_likelihood.transpose(*order)
    grid = logs["log_size"].values
    values = logs.values - logs.values.max(axis=-1, keepdims=True)
    weight = np.exp(values) * np.gradient(grid)
    weight /= weight.sum(axis=-1, keepdims=True)
    mean = weight @ grid
    sd = np.sqrt(np.maximum(weight @ grid**2 - mean**2, 0.0))
    below, above = values[..., 0] > -_RULED_OUT, values[..., -1] > -_RULED_OUT
    bound = np.where(above, _rise(values, grid), _rise(values[..., ::-1], grid[::-1]))
    centre = np.where(below & above, np.nan, np.where(below | above, bound, mean))
    side = np.where(below == above, 0, np.where(above, 1, -1))
    variables = {"centre": centre, "target_sd": np.where(side == 0, sd, 0.0), "side": side}
    coords = {name: logs[name].values for name in order[:-1]}
    return xr.Dataset({k: (order[:-1], v) for k, v in variables.items()}, coords=coords)


def _rise(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return where the likelihood first has half the height of its last point."""
    high = values > values[..., -1:] - np.log(2.0)
    return grid[high.argmax(axis=-1)]
