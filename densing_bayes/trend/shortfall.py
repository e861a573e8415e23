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
#: From here on, in sds, a series is more exact than a difference.
_FAR = 100.0


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
    # With scaled = erfcx(|z| / sqrt 2) nothing over- or underflows: below 0 log Phi(z) is
    # log(scaled / 2) - z^2 / 2, and above 0 Phi(z) is 1 - scaled exp(-z^2 / 2) / 2.
    negative = z < 0
    scaled = erfcx(np.abs(z) / _ROOT2)
    half_gauss = 0.5 * np.exp(-0.5 * z**2)
    above = 1.0 - scaled * half_gauss
    low = -0.5 * (e / s) ** 2
    high = 0.5 * ratio**2 - e / lam
    value = np.where(negative, low, high) + np.log(np.where(negative, 0.5 * scaled, above) / lam)
    hazard = np.sqrt(2.0 / np.pi) * np.where(negative, 1.0 / scaled, half_gauss / above)
    excess = _excess(hazard, z)
    # Differences of large numbers are taken by hand: e / s + ratio = z + 2 ratio and so on.
    by_frontier = np.where(negative, excess - e / s, hazard - ratio) / s
    by_noise = np.where(negative, (e / s) ** 2, ratio**2)
    by_noise = (by_noise - np.where(negative, excess, hazard) * (e / s + ratio)) / s
    by_shortfall = (ratio * excess - 1.0) / lam
    return LogDensity(value, by_frontier, by_noise, by_shortfall)


def _excess(hazard: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return phi(z) / Phi(z) + z, far below 0 by its asymptotic series, where digits are lost."""
    far = z < -_FAR
    inverse = 1.0 / np.where(far, -z, _FAR)
    series = inverse * (1.0 - inverse**2 * (2.0 - 10.0 * inverse**2))
    return np.where(far, series, hazard + z)


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
