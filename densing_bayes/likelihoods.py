"""Two likelihoods that PyMC does not have, as densities with their random draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import scipy.stats

__all__ = ["run_effect_normal", "score_below_ceiling"]

_LOG_2PI = float(np.log(2.0 * np.pi))


def run_effect_normal(
    name: str, mu: Any, *, sigma: Any, run_sd: Any, measured: Any, observed: Any, dims: Any
) -> Any:
    r"""Observe Normal noise a benchmark, with an effect that a run shares over its benchmarks.

    .. math:: y_{ik} = \mu_{ik} + r_i + \epsilon_{ik}, \quad
              r_i \sim \mathrm{Normal}(0, \tau), \;
              \epsilon_{ik} \sim \mathrm{Normal}(0, \sigma_k)

    The run effect is integrated out: a run's vector is multivariate Normal with covariance
    :math:`\tau^2 1 1' + \mathrm{diag}(\sigma^2)`, whose inverse and determinant are known in closed
    form (Sherman and Morrison). One value of the log density belongs to one run.

    Parameters
    ----------
    name
        Name of the observed variable.
    mu
        Expectation, (run, benchmark).
    sigma
        Noise sd, (benchmark).
    run_sd
        Sd of the run effect; the constant 0 takes the effect out.
    measured
        1.0 where a benchmark was measured on a run, else 0.0, (run, benchmark).
    observed
        Values, (run, benchmark); those not measured are ignored.
    dims
        The names of the two dims.

    Returns
    -------
    TensorVariable
        The observed variable.
    """
    return pm.CustomDist(
        name,
        mu,
        sigma,
        run_sd,
        measured,
        logp=_run_effect_logp,
        random=_run_effect_random,
        signature="(k),(k),(),(k)->(k)",
        observed=observed,
        dims=dims,
    )


def _run_effect_logp(value: Any, mu: Any, sigma: Any, run_sd: Any, measured: Any) -> Any:
    precision = measured * sigma**-2.0
    residual = value - mu
    total = pt.sum(precision, axis=-1)
    quadratic = pt.sum(precision * residual**2, axis=-1)
    # (sum p r)^2 / (1/tau^2 + sum p), written so that tau = 0 is allowed.
    shared = run_sd**2 * pt.sum(precision * residual, axis=-1) ** 2 / (1.0 + run_sd**2 * total)
    log_det = 2.0 * pt.sum(measured * pt.log(sigma), axis=-1) + pt.log1p(run_sd**2 * total)
    count = pt.sum(measured + 0.0 * residual, axis=-1)
    return -0.5 * (quadratic - shared + log_det + count * _LOG_2PI)


def _run_effect_random(
    mu: Any, sigma: Any, run_sd: Any, measured: Any, rng: Any = None, size: Any = None
) -> np.ndarray:
    shape = np.broadcast_shapes(np.shape(mu), np.shape(sigma), np.shape(measured))
    if size is not None:
        shape = (*tuple(np.atleast_1d(size)), shape[-1])
    run = rng.normal(size=shape[:-1]) * run_sd
    return mu + run[..., None] + rng.normal(size=shape) * sigma


def score_below_ceiling(
    name: str, ceiling: Any, *, best: Any, sd: Any, observed: Any, dims: Any
) -> Any:
    r"""Observe one-sided evidence of a ceiling: a score was seen that it must allow.

    .. math:: P(\text{allowed}) = \Phi\left( \frac{\text{ceiling} - \text{best}}{sd} \right)

    The observation is 1, "the best score seen is allowed by the ceiling"; a score seen above the
    ceiling by more than its sampling error makes it improbable, and nothing pulls the ceiling
    down. It is a Bernoulli variable, written in logs since the probability can underflow.

    Parameters
    ----------
    name
        Name of the observed variable.
    ceiling
        Ceiling of the score law, (benchmark).
    best
        Highest score seen, (benchmark).
    sd
        Sampling sd of a score at the ceiling, (benchmark).
    observed
        1 where such a score was seen (always, outside a simulation), (benchmark).
    dims
        Name of the dim.

    Returns
    -------
    TensorVariable
        The observed variable.
    """
    return pm.CustomDist(
        name,
        (ceiling - best) / sd,
        logp=_allowed_logp,
        random=_allowed_random,
        observed=observed,
        dims=dims,
        dtype="int64",
    )


def _allowed_logp(value: Any, z: Any) -> Any:
    standard = pm.Normal.dist(0.0, 1.0)
    return pt.switch(pt.eq(value, 1), pm.logcdf(standard, z), pm.logcdf(standard, -z))


def _allowed_random(z: Any, rng: Any = None, size: Any = None) -> np.ndarray:
    return (rng.uniform(size=size) < scipy.stats.norm.cdf(z)).astype("int64")
