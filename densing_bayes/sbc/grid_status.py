"""Where the truth decides the status of a size, from the true laws and the number of items alone.

An end (no size, infinite size) is excluded by a score whose likelihood there is 1.92 log units
below its largest. With the true laws known, the probability of that is a sum over the numbers of
right answers. The truth decides that an end is excluded where that probability is at least 0.999,
and that it is not where it is at most 0.1: a score there tells the size from the end hardly oftener
than the one in twenty (one in forty on one side) in which the test errs at the end itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats
from scipy.special import betaln

from densing_bayes.sbc.grid import ITEMS, Grid

__all__ = ["decided_status", "end_probabilities"]

#: Twice the log of the likelihood's ratio at which an end is excluded: chi-squared, one in twenty.
_EXCLUDED = -0.5 * float(scipy.stats.chi2.ppf(0.95, 1))
_SCORES = 400
_SURELY, _HARDLY = 0.999, 0.1


def end_probabilities(
    score: np.ndarray, *, floor: float, reachable: float, phi: float, n_items: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return how probably a score excludes no size, and infinite size, the laws being known.

    Parameters
    ----------
    score
        True scores, between floor and reachable score.
    floor, reachable
        Scores of no size and of infinite size.
    phi
        Beta-binomial concentration.
    n_items
        Items.

    Returns
    -------
    low, high : numpy.ndarray
        Probability that the lower, and the upper, end is excluded, for each score.
    """
    correct = np.arange(n_items + 1)[:, None]
    # equal steps of arcsin(sqrt(score)): the same sampling sd everywhere
    ends = np.arcsin(np.sqrt([floor, reachable]))
    tried = np.sin(np.linspace(*ends, _SCORES)) ** 2
    logs = betaln(correct + tried * phi, n_items - correct + (1.0 - tried) * phi)
    logs -= betaln(tried * phi, (1.0 - tried) * phi)
    ratio = logs[:, [0, -1]] - logs.max(axis=1, keepdims=True)
    true = np.asarray(score)[:, None]
    chance = scipy.stats.betabinom.pmf(correct[:, 0], n_items, true * phi, (1.0 - true) * phi)
    excluded = chance @ (ratio < _EXCLUDED)
    return excluded[:, 0], excluded[:, 1]


def decided_status(grid: Grid) -> pd.DataFrame:
    """Tell for every cell which status is the right one, where the truth decides it.

    Parameters
    ----------
    grid
        Targets with known sizes.

    Returns
    -------
    pandas.DataFrame
        A row a cell: ``benchmark``, ``position``, ``n_items``, ``excludes_low``,
        ``excludes_high`` (probabilities, the laws being known) and ``decided``: the status, or
        blank where the truth leaves it to chance.
    """
    rows = []
    for name in grid.cells["benchmark"].values:
        cell = grid.cells.sel(benchmark=name)
        for n_items in ITEMS:
            low, high = end_probabilities(
                cell["score"].values,
                floor=float(cell["floor"]),
                reachable=float(cell["reachable"]),
                phi=float(grid.truth["phi"].sel(benchmark=name)),
                n_items=n_items,
            )
            for place, position in enumerate(cell["position"].values):
                rows.append(
                    {
                        "benchmark": str(name),
                        "position": float(position),
                        "n_items": n_items,
                        "excludes_low": float(low[place]),
                        "excludes_high": float(high[place]),
                        "decided": _status(low[place], high[place]),
                    }
                )
    return pd.DataFrame(rows)


def _status(low: float, high: float) -> str:
    surely_low, surely_high = low >= _SURELY, high >= _SURELY
    if surely_low and surely_high:
        return "interior"
    if surely_high and low <= _HARDLY:
        return "left_censored"
    if surely_low and high <= _HARDLY:
        return "right_censored"
    if low <= _HARDLY and high <= _HARDLY:
        return "prior_dominated"
    return ""
