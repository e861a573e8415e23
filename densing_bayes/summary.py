"""From draws to the numbers of a table: quantiles that keep open ends open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

__all__ = ["open_quantiles", "summarise_by_llm"]

_SAMPLE = ("chain", "draw")
#: Of the tables of effective sizes and densities.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def open_quantiles(draws: np.ndarray, quantiles: Sequence[float], *, axis: int = 0) -> np.ndarray:
    """Quantiles of draws that may be infinite, or unknown (NaN).

    An unknown draw could lie anywhere: it counts as minus infinity for the lower quantiles and as
    plus infinity for the upper ones. The median lies between the two readings of it: the middle of
    them is taken, and NaN if just one is infinite. Order statistics are taken without
    interpolation, since between a number and infinity there is none.

    Parameters
    ----------
    draws
        Draws along ``axis``.
    quantiles
        Probabilities.
    axis
        The axis of the draws.

    Returns
    -------
    numpy.ndarray
        Quantiles along a new first axis.
    """
    draws = np.asarray(draws, dtype=float)
    unknown = np.isnan(draws)
    low, high = np.where(unknown, -np.inf, draws), np.where(unknown, np.inf, draws)
    out = []
    for q in quantiles:
        from_low = np.quantile(low, q, axis=axis, method="inverted_cdf")
        from_high = np.quantile(high, q, axis=axis, method="inverted_cdf")
        if q < 0.5:
            out.append(from_low)
        elif q > 0.5:
            out.append(from_high)
        else:
            same = (from_low == from_high) | (np.isfinite(from_low) & np.isfinite(from_high))
            with np.errstate(invalid="ignore"):
                out.append(np.where(same, from_low / 2 + from_high / 2, np.nan))
    return np.stack(out)


def summarise_by_llm(log_quantity: xr.DataArray, *, about: Mapping[str, xr.DataArray]):
    """Tabulate a positive quantity of every model on every benchmark and on all together.

    Parameters
    ----------
    log_quantity
        Natural log of it over (chain, draw, llm, benchmark); may be infinite or NaN.
    about
        Columns over llm to put beside it.

    Returns
    -------
    pandas.DataFrame
        A row a model and benchmark: ``llm``, the columns of ``about``, ``benchmark``, ``q05`` to
        ``q95`` (0 and inf are open ends), ``share_below``, ``share_above`` (shares of draws out of
        range; a draw that is out on both sides counts in both), ``status``: ``interior``,
        ``open_below``, ``open_above``, ``open_both`` by the 90 % interval, or ``not_measured``.
    """
    draws = log_quantity.stack(sample=_SAMPLE).transpose("sample", "llm", "benchmark").values
    with np.errstate(over="ignore"):
        quantiles = np.exp(open_quantiles(draws, QUANTILES))
    unknown = np.isnan(draws)
    below = ((draws == -np.inf) | unknown).mean(axis=0)
    above = ((draws == np.inf) | unknown).mean(axis=0)
    names = [f"q{round(100 * q):02d}" for q in QUANTILES]
    rows = []
    for i, llm in enumerate(log_quantity["llm"].values):
        for k, benchmark in enumerate(log_quantity["benchmark"].values):
            all_unknown = bool(unknown[:, i, k].all())
            numbers = quantiles[:, i, k]
            rows.append(
                {"llm": str(llm)}
                | {name: values.sel(llm=llm).values[()] for name, values in about.items()}
                | {"benchmark": str(benchmark)}
                | dict(zip(names, numbers * (np.nan if all_unknown else 1.0), strict=True))
                | {"share_below": below[i, k], "share_above": above[i, k]}
                | {"status": "not_measured" if all_unknown else _status(numbers)}
            )
    return pd.DataFrame(rows)


def _status(quantiles: np.ndarray) -> str:
    open_below, open_above = quantiles[0] == 0, np.isinf(quantiles[-1])
    if open_below and open_above:
        return "open_both"
    if open_below:
        return "open_below"
    return "open_above" if open_above else "interior"
