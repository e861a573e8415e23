r"""Who was on the frontier, as probabilities: records when released, and shortfalls.

Given a frontier's parameters the shortfall of a model that is seen is a truncated Normal (Jondrow
et al. 1982, doi 10.1016/0304-4076(82)90004-5),

.. math:: u_m \mid y_m \sim \mathrm{Normal}_{\ge 0}(e - s^2 / \lambda,\; s), \quad
          E[u_m \mid y_m] = s\,\big(z + \phi(z) / \Phi(z)\big), \; z = e / s - s / \lambda

with e, s and lambda as in :mod:`densing_bayes.trend.shortfall`; of one of which only a bound
:math:`c` is known, with f the density there and P the probability of the bound's side,

.. math:: E[u_m \mid y_m < c] = \lambda\,(1 + f E[u_m \mid y_m = c] / P(y_m < c)), \quad
          E[u_m \mid y_m > c] = \lambda\,(1 - f E[u_m \mid y_m = c] / P(y_m > c))
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import erfcx

from densing_bayes.trend.frontier import mean_shortfall
from densing_bayes.trend.predictive import FittedTrend
from densing_bayes.trend.records import envelope
from densing_bayes.trend.rows import Rows
from densing_bayes.trend.shortfall import log_density

__all__ = ["expected_shortfall", "frontier_members"]


def expected_shortfall(fitted: FittedTrend, rows: Rows) -> np.ndarray:
    """Return how far each model is expected to lie below the frontier.

    Parameters
    ----------
    fitted
        A frontier's draws.
    rows
        The densities that it was fitted to, row by row.

    Returns
    -------
    numpy.ndarray
        In log density, (row, draw, llm); NaN where there is no density.
    """
    level, growth = fitted.path(rows.years)
    effect, _ = fitted.effect(rows.organisation)
    mean = mean_shortfall(fitted.draws, rows.years, fitted.middle) * np.exp(effect)
    known = np.broadcast_to(rows.known[:, None], level.shape)
    own = np.where(rows.known, rows.target_sd, 1.0)[:, None]
    noise = np.sqrt(
        fitted.draws["noise_sd"][..., None] ** 2 + own**2 + (growth * rows.years_sd) ** 2
    )
    below = level - np.where(rows.known, rows.centre, 0.0)[:, None]
    z = below / noise - noise / mean
    hazard = np.sqrt(2.0 / np.pi) / erfcx(-z / np.sqrt(2.0))
    # far above the frontier z + hazard loses its digits; -1 / z is its limit
    seen = noise * np.where(z > -1e4, np.maximum(z + hazard, 0.0), -1.0 / np.minimum(z, -1.0))
    side = np.broadcast_to(np.where(rows.known, rows.side, 0)[:, None], level.shape)
    if side.any():
        at = log_density(below, noise, mean, np.zeros_like(side)).value
        chance = log_density(below, noise, mean, side).value
        bounded = mean * (1.0 - side * np.exp(at - chance) * seen)
        seen = np.where(side == 0, seen, bounded)
    return np.where(known, seen, np.nan)


def frontier_members(
    densities: xr.Dataset, frontiers: Mapping[str, tuple[FittedTrend, Rows]]
) -> pd.DataFrame:
    """Tabulate for every model how probably it was on the frontier when it came out.

    Parameters
    ----------
    densities
        Of one benchmark, with ``log_density`` over (chain, draw, llm).
    frontiers
        By name: draws of a frontier, and the rows that they belong to.

    Returns
    -------
    pandas.DataFrame
        A row a model, by date: ``llm``, ``release_date``, ``organisation``, ``p_record`` (share
        of draws in which it bettered all before it and of its date), and for each frontier
        ``shortfall_<name>``: its posterior mean, in log density.
    """
    records = envelope(densities["log_density"])["on_frontier"]
    table = pd.DataFrame(
        {
            "llm": densities["llm"].values,
            "release_date": densities["release_date"].values.astype("datetime64[D]").astype(str),
            "organisation": densities["organisation"].values,
            "p_record": records.mean([dim for dim in records.dims if dim != "llm"]).values,
        }
    )
    for name, (fitted, rows) in frontiers.items():
        table[f"shortfall_{name}"] = np.nanmean(expected_shortfall(fitted, rows), axis=(0, 1))
    return table.sort_values("release_date", kind="stable").reset_index(drop=True)
