"""Log priors of positive numbers by their logs, with derivatives: what a sampler needs each step.

Freezing a scipy distribution anew for every gradient took four fifths of a frontier's time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from densing_bayes.distributions import Distribution

__all__ = ["log_prior_of_log"]

Pair = tuple[np.ndarray, np.ndarray]


def log_prior_of_log(prior: Distribution, log_value: np.ndarray) -> Pair:
    """Return the log density of the log of a positive number, but for a constant.

    Parameters
    ----------
    prior
        Of the number itself.
    log_value
        Its logs.

    Returns
    -------
    tuple of numpy.ndarray
        Log density and its derivative, with the shape of ``log_value``.
    """
    return _KNOWN[prior.dist](prior.parameters, log_value)


def _log_normal(p: dict[str, float], x: np.ndarray) -> Pair:
    z = (x - p["mu"]) / p["sigma"]
    return -0.5 * z**2, -z / p["sigma"]


def _half_normal(p: dict[str, float], x: np.ndarray) -> Pair:
    square = (np.exp(x) / p["sigma"]) ** 2
    return x - 0.5 * square, 1.0 - square


def _gamma(p: dict[str, float], x: np.ndarray) -> Pair:
    part = p["beta"] * np.exp(x)
    return p["alpha"] * x - part, p["alpha"] - part


def _inverse_gamma(p: dict[str, float], x: np.ndarray) -> Pair:
    part = p["beta"] * np.exp(-x)
    return -p["alpha"] * x - part, part - p["alpha"]


def _exponential(p: dict[str, float], x: np.ndarray) -> Pair:
    part = p["lam"] * np.exp(x)
    return x - part, 1.0 - part


_KNOWN: dict[str, Callable[[dict[str, float], np.ndarray], Pair]] = {
    "LogNormal": _log_normal,
    "HalfNormal": _half_normal,
    "Gamma": _gamma,
    "InverseGamma": _inverse_gamma,
    "Exponential": _exponential,
}
