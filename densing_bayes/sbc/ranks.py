"""Places of truths among posterior draws."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

__all__ = ["LARGEST_AUTOCORRELATION", "place_of", "thinning"]

#: Draws are thinned until neighbours are correlated by less.
LARGEST_AUTOCORRELATION = 0.3


def thinning(draws: np.ndarray) -> int:
    """Return the smallest step at which thinned draws are all but independent.

    Parameters
    ----------
    draws
        (chain, draw).

    Returns
    -------
    int
        Step t such that the lag-1 autocorrelation of every t-th draw, by ranks and averaged over
        the chains, is below 0.3; the step that leaves ten draws a chain, if no smaller one does.
    """
    ranks = rankdata(draws).reshape(draws.shape)
    longest = max(1, draws.shape[1] // 10)
    for step in range(1, longest):
        if _lag_one(ranks[:, ::step]) < LARGEST_AUTOCORRELATION:
            return step
    return longest


def _lag_one(draws: np.ndarray) -> float:
    centred = draws - draws.mean()
    variance = float((centred**2).mean())
    if variance == 0.0:
        return 0.0
    return float((centred[:, 1:] * centred[:, :-1]).mean()) / variance


def place_of(truth: float, draws: np.ndarray, *, rng: np.random.Generator) -> tuple[float, int]:
    r"""Return the place of a truth among draws, uniform in (0, 1) if it is one of them.

    .. math:: u = \frac{\#\{x_l < x^*\} + T + U}{L + 1},
              \quad T \sim \mathrm{Uniform}\{0, \dots, \#\{x_l = x^*\}\},
              \; U \sim \mathrm{Uniform}(0, 1)

    Ties are broken by chance, so that quantities may be infinite or constant; U makes places of
    different L comparable.

    Parameters
    ----------
    truth
        The truth; infinities are values like others.
    draws
        Posterior draws, (chain, draw), thinned here.
    rng
        For ties and U.

    Returns
    -------
    place : float
        u.
    count : int
        L, the draws that were left after thinning.

    Raises
    ------
    ValueError
        If the truth or a draw is NaN.
    """
    if np.isnan(truth) or np.isnan(draws).any():
        raise ValueError("NaN has no place: say what an unknown quantity counts as before ranking")
    thin = draws[:, :: thinning(draws)].ravel()
    ties, spread = rng.uniform(size=2)
    equal = int((thin == truth).sum())
    rank = int((thin < truth).sum()) + int(ties * (equal + 1))
    return (rank + spread) / (len(thin) + 1), len(thin)
