"""Where the status of a size is decided by the true laws, the score and the number of items.

An end (no size, infinite size) is excluded by a score whose likelihood there is 1.92 log units
below its largest: a test that errs in one of twenty. With the true laws known there are two ways
to say which status is right.

By the cell: the probability of each status is a sum over the numbers of right answers, and the
truth decides where one of them has at least 0.999. That is so for sizes well inside. At the ends
it cannot be: the test itself errs there in one of forty.

By the score: the one that a target happened to show decides where it excludes an end at one in a
thousand, or is no further from it than half of the scores of a model at the end.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats
from scipy.special import betaln

from densing_bayes.sbc.grid import ITEMS, Grid

__all__ = ["decided_status", "end_probabilities", "status_of_scores"]

#: Twice the log of the likelihood's ratio at which an end is excluded: chi-squared, one in twenty.
_EXCLUDED = -0.5 * float(scipy.stats.chi2.ppf(0.95, 1))
_SCORES = 400
_SURELY = 0.999
#: Log likelihood ratios beyond which a score decides: levels of one in a thousand and one in two.
_CLEARLY_OUT = -0.5 * float(scipy.stats.chi2.ppf(0.999, 1))
_CLEARLY_IN = -0.5 * float(scipy.stats.chi2.ppf(0.5, 1))


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
    correct = np.arange(n_items + 1)
    ratio = _ratios(correct, floor=floor, reachable=reachable, phi=phi, n_items=n_items)
    true = np.asarray(score)[:, None]
    chance = scipy.stats.betabinom.pmf(correct, n_items, true * phi, (1.0 - true) * phi)
    excluded = chance @ (ratio < _EXCLUDED)
    return excluded[:, 0], excluded[:, 1]


def _ratios(
    correct: np.ndarray, *, floor: float, reachable: float, phi: float, n_items: int
) -> np.ndarray:
    """Return log likelihoods of both ends less the largest, (result, end)."""
    correct = correct[:, None]
    # equal steps of arcsin(sqrt(score)): the same sampling sd everywhere
    low, high = np.arcsin(np.sqrt([floor, reachable]))
    tried = np.sin(np.linspace(float(low), float(high), _SCORES)) ** 2
    logs = betaln(correct + tried * phi, n_items - correct + (1.0 - tried) * phi)
    logs -= betaln(tried * phi, (1.0 - tried) * phi)
    return logs[:, [0, -1]] - logs.max(axis=1, keepdims=True)


def status_of_scores(grid: Grid, scores: np.ndarray, benchmark: str, n_items: int) -> np.ndarray:
    """Return the status that the true laws give to scores, where they give a clear one.

    Parameters
    ----------
    grid
        The truth.
    scores
        Observed scores, fractions; any shape.
    benchmark
        On which they were shown.
    n_items
        Of how many items.

    Returns
    -------
    numpy.ndarray of str
        As ``scores``; blank where the score is between clear cases.
    """
    correct, place = np.unique(np.round(scores * n_items), return_inverse=True)
    ratio = _ratios(correct, n_items=n_items, **_ends_of(grid, benchmark))
    out, within = ratio < _CLEARLY_OUT, ratio > _CLEARLY_IN
    return np.select(
        [out.all(axis=1), within[:, 0] & out[:, 1], out[:, 0] & within[:, 1], within.all(axis=1)],
        ["interior", "left_censored", "right_censored", "prior_dominated"],
        "",
    )[place.reshape(scores.shape)]


def _ends_of(grid: Grid, benchmark: str) -> dict[str, float]:
    cell = grid.cells.sel(benchmark=benchmark)
    return {
        "floor": float(cell["floor"]),
        "reachable": float(cell["reachable"]),
        "phi": float(grid.truth["phi"].sel(benchmark=benchmark)),
    }


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
        ``excludes_high`` (probabilities, the laws being known) and ``decided``: the status that
        has a probability of at least 0.999, or blank.
    """
    rows = []
    for name in grid.cells["benchmark"].values:
        cell = grid.cells.sel(benchmark=name)
        for n_items in ITEMS:
            low, high = end_probabilities(
                cell["score"].values, n_items=n_items, **_ends_of(grid, name)
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
    """Name the status that has at least the probability, given how often each end is excluded."""
    sure = [
        ("interior", low + high - 1.0),
        ("left_censored", high - low),
        ("right_censored", low - high),
        ("prior_dominated", 1.0 - low - high),
    ]
    return next((name for name, at_least in sure if at_least >= _SURELY), "")
