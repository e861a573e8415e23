r"""Density of what lies an exponential shortfall below a frontier, seen with Normal noise.

.. math:: y = \mu - u + \epsilon, \quad u \sim \mathrm{Exponential}(\text{mean } \lambda), \;
          \epsilon \sim \mathrm{Normal}(0, s)

With :math:`e = \mu - y` and :math:`z = e / s - s / \lambda` (Aigner, Lovell & Schmidt 1977,
doi 10.1016/0304-4076(77)90052-5; Meeusen & van den Broeck 1977, doi 10.2307/2525757):

.. math::

    f(e) &= \tfrac1\lambda \exp(s^2 / 2\lambda^2 - e / \lambda)\,\Phi(z) \\
    P(y > c) &= \Phi(e / s) - \lambda f(e), \quad e = \mu - c
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import erfcx, log_ndtr

__all__ = ["LogDensity", "log_density"]

_ROOT2 = np.sqrt(2.0)
#: Least share of a probability that a difference of two must leave, for its log to be finite.
_TINY = 1e-14


class LogDensity(NamedTuple):
    """Log density, or log probability of a bound, and its derivatives."""

    value: np.ndarray
    by_frontier: np.ndarray
    by_noise: np.ndarray
    by_shortfall: np.ndarray


def log_density(
    below: np.ndarray, noise: np.ndarray, shortfall: np.ndarray, side: np.ndarray
) -> LogDensity:
    """Return the log density of what is seen, elementwise.

    Parameters
    ----------
    below
        How far it lies below the frontier, :math:`e`; negative above it.
    noise
        Sd of the noise, positive.
    shortfall
        Mean shortfall, positive.
    side
        0: seen; -1: known to be below, +1: known to be above.

    Returns
    -------
    LogDensity
        With derivatives by the frontier (and so by ``below``), ``noise`` and ``shortfall``.
    """
    seen = _seen(below, noise, shortfall)
    if not side.any():
        return seen
    bound = _bound(below, noise, shortfall, side, seen)
    return LogDensity(*(np.where(side == 0, a, b) for a, b in zip(seen, bound, strict=True)))


def _seen(e, s, lam) -> LogDensity:
    ratio = s / lam
    z = e / s - ratio
    with np.errstate(over="ignore"):
        scaled = erfcx(-z / _ROOT2)
    # Two forms of one number: each is exact where the other loses its digits.
    low = -0.5 * (e / s) ** 2 + np.log(np.where(z < 0, scaled, 1.0) / 2.0)
    high = 0.5 * ratio**2 - e / lam + log_ndtr(np.maximum(z, 0.0))
    value = np.where(z < 0, low, high) - np.log(lam)
    hazard = np.sqrt(2.0 / np.pi) / scaled
    by_frontier = hazard / s - 1.0 / lam
    by_noise = s / lam**2 - hazard * (e / s**2 + 1.0 / lam)
    by_shortfall = (-1.0 - ratio**2 + e / lam + hazard * ratio) / lam
    return LogDensity(value, by_frontier, by_noise, by_shortfall)


def _bound(e, s, lam, side, seen) -> LogDensity:
    """Return the log probability of lying on the side of the bound."""
    x = e / s
    log_part = np.log(lam) + seen.value
    above = side > 0
    log_normal = log_ndtr(np.where(above, x, -x))
    left = np.maximum(-np.expm1(np.minimum(log_part - log_normal, 0.0)), _TINY)
    value = np.where(above, log_normal + np.log(left), np.logaddexp(log_normal, log_part))
    over = np.where(above, 1.0, -1.0)
    log_phi = -0.5 * x**2 - 0.5 * np.log(2.0 * np.pi)
    phi, part = np.exp(log_phi - value), np.exp(log_part - value)
    by_noise = -phi * x / s - part * seen.by_noise
    by_shortfall = -part * (1.0 / lam + seen.by_shortfall)
    return LogDensity(value, over * part / lam, over * by_noise, over * by_shortfall)
