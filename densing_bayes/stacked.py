"""What several models say together: sizes and growth mixed by their stacking weights."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from densing_bayes.result import Result
from densing_bayes.stacking import stack_draws
from densing_bayes.summary import summarise_by_llm
from densing_bayes.trend.growth import growth_table

__all__ = ["stacked_tables"]

_DRAWS = 4000


def stacked_tables(
    results: Mapping[str, Result], weights: Mapping[str, float], *, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Mix effective sizes, densities and growth of results by weight, and tabulate them.

    Parameters
    ----------
    results
        By name, of the same panel, D0 and trends.
    weights
        By name, as :func:`densing_bayes.comparison.compare_scores` finds them.
    seed
        Seed of the mixture.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``stacked_effective_size``, ``stacked_density`` (as the tables of a result) and
        ``stacked_growth`` (as :func:`densing_bayes.growth_table`).
    """
    first = next(iter(results.values()))
    assert first.panel is not None, "the caller has sizes"
    about = {name: first.panel[name] for name in ("release_date", "params")}
    tables = {}
    for table, name, of in (
        ("effective_size", "log_effective_size", "sizes"),
        ("density", "log_density", "densities"),
    ):
        parts = {key: _draws(getattr(result, of), name) for key, result in results.items()}
        mixed = stack_draws(parts, weights, draws=_DRAWS, seed=seed)
        tables[f"stacked_{table}"] = summarise_by_llm(
            mixed[name], about=about, readings=(mixed["low"], mixed["high"])
        )
    shared = [key for key in first.trends if all(key in r.trends for r in results.values())]
    trends = {}
    for key in shared:
        parts = {
            name: result.trends[key][["growth_rate"]].reset_coords(drop=True)
            for name, result in results.items()
        }
        if all(part["growth_rate"].size > 1 for part in parts.values()):
            trends[key] = stack_draws(parts, weights, draws=_DRAWS, seed=seed)
    tables["stacked_growth"] = growth_table(trends)
    return tables


def _draws(source: xr.Dataset, name: str) -> xr.Dataset:
    return source[[name, "low", "high"]].reset_coords(drop=True)
