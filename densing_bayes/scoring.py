"""Scores of predictions: how far off, how wide, how often right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["central_interval", "crps", "interval_score", "score_predictions"]

LEVELS = (0.5, 0.8, 0.9, 0.95)


def central_interval(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the central interval of draws.

    Parameters
    ----------
    draws
        Predictive draws, (draw, ...).
    level
        Its nominal probability.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper end.
    """
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def crps(draws: np.ndarray, seen: np.ndarray) -> np.ndarray:
    r"""Return the continuous ranked probability score of draws, in the unit of the value.

    .. math:: \mathrm{CRPS} = E|X - y| - \tfrac12 E|X - X'|

    (Gneiting and Raftery 2007, doi 10.1198/016214506000001437), the second mean over all pairs of
    different draws.

    Parameters
    ----------
    draws
        Predictive draws, (draw, ...).
    seen
        What was seen.

    Returns
    -------
    numpy.ndarray
        Score; the smaller the better.
    """
    ordered = np.sort(draws, axis=0)
    count = len(ordered)
    weight = 2.0 * np.arange(1, count + 1) - count - 1.0
    spread = np.tensordot(weight, ordered, axes=(0, 0)) / (count * (count - 1.0))
    return np.abs(draws - seen).mean(axis=0) - spread


def interval_score(draws: np.ndarray, seen: np.ndarray, level: float) -> np.ndarray:
    r"""Score the central interval: its width, and a penalty for what it misses.

    .. math:: (u - l) + \tfrac{2}{1 - p} \left[ (l - y)_+ + (y - u)_+ \right]

    Parameters
    ----------
    draws
        Predictive draws, (draw, ...).
    seen
        What was seen.
    level
        Nominal probability p of the interval.

    Returns
    -------
    numpy.ndarray
        Score; the smaller the better.
    """
    low, high = central_interval(draws, level)
    missed = np.maximum(low - seen, 0.0) + np.maximum(seen - high, 0.0)
    return high - low + 2.0 / (1.0 - level) * missed


def score_predictions(
    log_draws: np.ndarray, log_seen: np.ndarray, *, levels: Sequence[float] = LEVELS
) -> dict[str, float]:
    """Score predictions of losses, over all of them together.

    Parameters
    ----------
    log_draws
        Predictive draws of the log loss, (draw, run).
    log_seen
        Log losses seen, (run).
    levels
        Nominal probabilities of the intervals.

    Returns
    -------
    dict of str to float
        ``n``; ``rmse`` (of the median, nats per token), ``rmse_log``, ``bias_log`` (mean of seen
        minus median); ``coverage_50`` and so on (shares inside); ``crps`` (nats per token),
        ``crps_log``; ``width_95`` and ``interval_score_95`` and so on (log loss, means).
    """
    draws, seen = np.exp(log_draws), np.exp(log_seen)
    off_log = log_seen - np.median(log_draws, axis=0)
    found = {
        "n": float(len(seen)),
        "rmse": float(np.sqrt(np.mean((seen - np.median(draws, axis=0)) ** 2))),
        "rmse_log": float(np.sqrt(np.mean(off_log**2))),
        "bias_log": float(off_log.mean()),
        "crps": float(crps(draws, seen).mean()),
        "crps_log": float(crps(log_draws, log_seen).mean()),
    }
    for level in levels:
        low, high = central_interval(log_draws, level)
        label = f"{100 * level:g}"
        found |= {
            f"coverage_{label}": float(np.mean((low <= log_seen) & (log_seen <= high))),
            f"width_{label}": float(np.mean(high - low)),
            f"interval_score_{label}": float(interval_score(log_draws, log_seen, level).mean()),
        }
    return found
