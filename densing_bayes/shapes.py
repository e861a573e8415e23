"""Shapes of the loss law in the draws of its size exponent: where they part, what each weighs.

A valley in the density of log alpha parts two shapes. Where there is none, the draws are of one
shape, small or large by the side of :data:`DIVIDE` on which their median lies.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.valleys import find_valley

__all__ = ["DIVIDE", "effective_size_by_shape", "joint_shape_table", "shape_table"]

#: Between the exponents of the published curves (0.08 to 0.16) and those of the second optimum of
#: the same data (0.34 to 0.5): the middle of the gap, in logs.
DIVIDE = 0.23


def shape_table(log_alpha: xr.DataArray) -> pd.DataFrame:
    """Tabulate the shapes of every benchmark's loss law.

    Parameters
    ----------
    log_alpha
        Natural log of the size exponent over (chain, draw, benchmark), a chain being a population
        or a chain of its own: their spread gives the Monte Carlo error.

    Returns
    -------
    pandas.DataFrame
        Two rows a benchmark: ``benchmark``, ``shape`` (``small alpha``, ``large alpha``),
        ``alpha_q05``, ``alpha_q50``, ``alpha_q95`` within the shape (NaN if it has no draws),
        ``mass``, ``mc_error`` (standard error of the mass over chains; NaN for one chain),
        ``divide`` (the alpha at which the shapes part) and ``valley_depth`` (0: no valley, the
        divide is the usual one).
    """
    rows = []
    for benchmark in log_alpha["benchmark"].values:
        draws = log_alpha.sel(benchmark=benchmark).transpose("chain", "draw").values
        valley = find_valley(draws)
        divide = np.log(DIVIDE) if valley is None else valley.at
        large = draws > divide
        for shape, inside in (("small alpha", ~large), ("large alpha", large)):
            masses = inside.mean(axis=1)
            some = draws[inside] if inside.any() else np.array([np.nan])
            low, middle, high = np.exp(np.quantile(some, [0.05, 0.5, 0.95]))
            count = len(masses)
            rows.append(
                {
                    "benchmark": str(benchmark),
                    "shape": shape,
                    "alpha_q05": low,
                    "alpha_q50": middle,
                    "alpha_q95": high,
                    "mass": masses.mean(),
                    "mc_error": masses.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan,
                    "divide": float(np.exp(divide)),
                    "valley_depth": 0.0 if valley is None else valley.depth,
                }
            )
    return pd.DataFrame(rows)


def effective_size_by_shape(
    log_alpha: xr.DataArray, log_effective_size: xr.DataArray, table: pd.DataFrame
) -> pd.DataFrame:
    """Say how much larger models come out under the large-alpha shape than under the small one.

    Parameters
    ----------
    log_alpha
        As in :func:`shape_table`.
    log_effective_size
        Over (chain, draw, llm, benchmark), of the same draws; may be infinite.
    table
        From :func:`shape_table`.

    Returns
    -------
    pandas.DataFrame
        The table with ``median_effective_size``: the median over models of their median effective
        size within the shape, in parameters; infinite where it lies beyond what the law inverts,
        NaN with fewer than 10 draws in the shape.
    """
    sizes = []
    for row in table.itertuples():
        alpha = log_alpha.sel(benchmark=row.benchmark)
        inside = alpha > np.log(row.divide)
        inside = inside if row.shape == "large alpha" else ~inside
        chosen = log_effective_size.sel(benchmark=row.benchmark).transpose("chain", "draw", "llm")
        values = chosen.values[inside.transpose("chain", "draw").values]
        values = values[:, ~np.isnan(chosen.values).all(axis=(0, 1))]
        if len(values) < 10:
            sizes.append(np.nan)
            continue
        middle = np.quantile(values, 0.5, axis=0, method="inverted_cdf")
        sizes.append(float(np.exp(np.quantile(middle, 0.5, method="inverted_cdf"))))
    return table.assign(median_effective_size=sizes)


def joint_shape_table(log_alpha: xr.DataArray, table: pd.DataFrame) -> pd.DataFrame:
    """Weigh the combinations of shapes over all benchmarks.

    Parameters
    ----------
    log_alpha
        As in :func:`shape_table`.
    table
        From :func:`shape_table`.

    Returns
    -------
    pandas.DataFrame
        A row a combination, heaviest first: ``large_alpha`` (the benchmarks of that shape, joined
        by ``+``; ``none``), ``mass``, ``mc_error``.
    """
    names = [str(name) for name in log_alpha["benchmark"].values]
    divides = table.drop_duplicates("benchmark").set_index("benchmark")["divide"]
    values = log_alpha.transpose("chain", "draw", "benchmark").values
    large = values > np.log(divides[names].to_numpy())
    patterns, which = np.unique(large.reshape(-1, len(names)), axis=0, return_inverse=True)
    which = which.reshape(large.shape[:2])
    rows = []
    for number, pattern in enumerate(patterns):
        masses = (which == number).mean(axis=1)
        count = len(masses)
        chosen = "+".join(name for name, is_large in zip(names, pattern, strict=True) if is_large)
        rows.append(
            {
                "large_alpha": chosen or "none",
                "mass": masses.mean(),
                "mc_error": masses.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan,
            }
        )
    return pd.DataFrame(rows).sort_values("mass", ascending=False, ignore_index=True)
