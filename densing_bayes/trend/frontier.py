r"""Draws of the stochastic frontier: growth of the best possible, not of the typical model.

.. math::

    y_m &= A t_m + B - u_m + \epsilon_m + \eta_m, \quad
    u_m \sim \mathrm{Exponential}(\text{mean } \lambda_m), \;
    \epsilon_m \sim \mathrm{Normal}(0, \sigma) \\
    \ln\lambda_m &= \ln\lambda + \kappa (t_m - \bar t) + \tau z_{g(m)}, \quad
    z_g \sim \mathrm{Normal}(0, 1)

with the known error :math:`\eta_m` of each density. A drift :math:`\kappa` of the shortfall and
differences :math:`\tau` of organisations are there if they have priors. Shortfalls are integrated
out in closed form (:mod:`densing_bayes.trend.shortfall`); bounds count by their probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from densing_bayes.distributions import Distribution
from densing_bayes.trend.hmc import Drawn, draw_many
from densing_bayes.trend.log_priors import log_prior_of_log
from densing_bayes.trend.rows import Rows
from densing_bayes.trend.shortfall import log_density

__all__ = ["FrontierPriors", "draw_frontier", "mean_shortfall"]


@dataclass(frozen=True)
class FrontierPriors:
    """Priors of the stochastic frontier.

    Parameters
    ----------
    growth_rate, level
        Normal, of A (a year) and B (at the origin).
    noise_sd, shortfall
        Of the noise's sd and of the mean shortfall.
    shortfall_drift
        Normal, of the drift of its log (a year); None: none.
    organisation_sd
        Of the sd of its log between organisations; None: they do not differ.
    """

    growth_rate: Distribution
    level: Distribution
    noise_sd: Distribution
    shortfall: Distribution
    shortfall_drift: Distribution | None = None
    organisation_sd: Distribution | None = None


def draw_frontier(
    rows: Rows,
    priors: FrontierPriors,
    *,
    draws: int,
    rng: np.random.Generator,
    thin: int = 10,
) -> tuple[dict[str, np.ndarray], Drawn]:
    """Draw a frontier's parameters several times for every row.

    Parameters
    ----------
    rows
        Densities or bounds.
    priors
        Of the parameters.
    draws
        Draws of each row.
    rng
        Random generator.
    thin
        Iterations of the sampler a draw.

    Returns
    -------
    tuple of dict and Drawn
        ``growth_rate``, ``level``, ``noise_sd``, ``shortfall``, and if they have priors
        ``shortfall_drift`` and ``organisation_sd``, each (row, draw), with
        ``organisation_effect`` (row, draw, organisation), that of the log shortfall; and what the
        sampler says of itself.

    Raises
    ------
    ValueError
        If some row has fewer than three densities, or all are of one date.
    """
    rows.must_suffice()
    posterior = _Posterior(rows, priors)
    drawn = draw_many(posterior, posterior.start(rng), draws=draws, thin=thin, rng=rng)
    return posterior.named(drawn.position), drawn


def mean_shortfall(draws: dict[str, np.ndarray], years: np.ndarray, middle: float) -> np.ndarray:
    """Return the mean shortfall of an organisation like the average one.

    Parameters
    ----------
    draws
        ``shortfall``, and if there is one ``shortfall_drift``, over any dims.
    years
        Times, (time).
    middle
        Mean time of the models, at which ``shortfall`` is meant.

    Returns
    -------
    numpy.ndarray
        Over the dims of the draws and (time).
    """
    drift = draws.get("shortfall_drift", 0.0 * draws["shortfall"])
    return draws["shortfall"][..., None] * np.exp(drift[..., None] * (years - middle))


class _Posterior:
    """Log density of every row, over positions on the whole line, with its gradient.

    Positions are A, the level at the middle of the times, ln sigma, ln lambda, and kappa, ln tau,
    z where they are.
    """

    def __init__(self, rows: Rows, priors: FrontierPriors):
        self.rows, self.priors = rows, priors
        self.known = rows.known
        self.centre = np.where(self.known, rows.centre, 0.0)
        self.own = np.where(self.known, rows.target_sd, 1.0) ** 2
        self.side = np.where(self.known, rows.side, 0)
        self.middle = float(rows.years.mean())
        self.time = rows.years - self.middle
        names, self.group = np.unique(rows.organisation, return_inverse=True)
        self.members = np.eye(len(names))[self.group]
        self.drift_at = 4 if priors.shortfall_drift is not None else None
        self.tau_at = None
        self.size = 4 + (priors.shortfall_drift is not None)
        if priors.organisation_sd is not None:
            self.tau_at, self.size = self.size, self.size + 1 + len(names)

    def __call__(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        growth, middle, log_sigma, log_shortfall = position[:, :4].T
        log_mean = np.repeat(log_shortfall[:, None], len(self.time), axis=1)
        if self.drift_at is not None:
            log_mean = log_mean + position[:, self.drift_at, None] * self.time
        if self.tau_at is not None:
            tau, z = np.exp(position[:, self.tau_at]), position[:, self.tau_at + 1 :]
            log_mean = log_mean + tau[:, None] * z[:, self.group]
        mean = np.exp(log_mean)
        date_variance = self.rows.years_sd**2
        noise = np.sqrt(
            np.exp(2.0 * log_sigma)[:, None] + self.own + growth[:, None] ** 2 * date_variance
        )
        below = growth[:, None] * self.time + middle[:, None] - self.centre
        seen = log_density(below, noise, mean, self.side)
        value, by_frontier, by_noise, by_mean = (np.where(self.known, one, 0.0) for one in seen)
        by_log_mean = by_mean * mean
        gradient = np.zeros_like(position)
        gradient[:, 0] = (by_frontier * self.time).sum(axis=1)
        gradient[:, 0] += growth * (by_noise / noise * date_variance).sum(axis=1)
        gradient[:, 1] = by_frontier.sum(axis=1)
        gradient[:, 2] = np.exp(2.0 * log_sigma) * (by_noise / noise).sum(axis=1)
        gradient[:, 3] = by_log_mean.sum(axis=1)
        if self.drift_at is not None:
            gradient[:, self.drift_at] = (by_log_mean * self.time).sum(axis=1)
        if self.tau_at is not None:
            by_effect = by_log_mean @ self.members
            gradient[:, self.tau_at] = tau * (by_effect * z).sum(axis=1)
            gradient[:, self.tau_at + 1 :] = tau[:, None] * by_effect
        return self._with_prior(position, value.sum(axis=1), gradient)

    def _with_prior(self, position, value, gradient):
        """Add the log prior; the level's is that of the level at the origin."""
        p = self.priors
        for at, prior in ((0, p.growth_rate), (self.drift_at, p.shortfall_drift)):
            if at is not None and prior is not None:
                value = value + _add_normal(prior, position[:, at], gradient, at)
        mu, sd = p.level.parameters["mu"], p.level.parameters["sigma"]
        z = (position[:, 1] - position[:, 0] * self.middle - mu) / sd
        value = value - 0.5 * z**2
        gradient[:, 1] -= z / sd
        gradient[:, 0] += z / sd * self.middle
        for at, prior in ((2, p.noise_sd), (3, p.shortfall), (self.tau_at, p.organisation_sd)):
            if at is not None and prior is not None:
                value = value + _add_positive(prior, position[:, at], gradient, at)
        if self.tau_at is not None:
            z = position[:, self.tau_at + 1 :]
            value = value - 0.5 * (z**2).sum(axis=1)
            gradient[:, self.tau_at + 1 :] -= z
        return value, gradient

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Start each row at its least-squares line, moved up, and at scales about the scatter."""
        weight = self.known.astype(float)
        count = weight.sum(axis=1)
        mean_t = (weight * self.time).sum(axis=1) / count
        mean_y = (weight * self.centre).sum(axis=1) / count
        dt = weight * (self.time - mean_t[:, None])
        spread = np.maximum((dt**2).sum(axis=1), 1e-3)
        slope = (dt * self.centre).sum(axis=1) / spread
        left = self.centre - mean_y[:, None] - slope[:, None] * dt
        scatter = np.sqrt((weight * left**2).sum(axis=1) / count) + 0.05
        jitter = rng.normal(size=(self.rows.count, self.size))
        out = 0.3 * jitter
        out[:, 0] += slope
        out[:, 1] += mean_y - slope * mean_t + 0.7 * scatter
        out[:, 2] += np.log(0.5 * scatter)
        out[:, 3] += np.log(0.7 * scatter)
        if self.tau_at is not None:
            out[:, self.tau_at] += np.log(0.3)
        return out

    def named(self, position: np.ndarray) -> dict[str, np.ndarray]:
        """Turn positions (row, draw, dim) into parameters."""
        out = {
            "growth_rate": position[..., 0],
            "level": position[..., 1] - position[..., 0] * self.middle,
            "noise_sd": np.exp(position[..., 2]),
            "shortfall": np.exp(position[..., 3]),
        }
        if self.drift_at is not None:
            out["shortfall_drift"] = position[..., self.drift_at]
        if self.tau_at is not None:
            out["organisation_sd"] = np.exp(position[..., self.tau_at])
            z = position[..., self.tau_at + 1 :]
            out["organisation_effect"] = out["organisation_sd"][..., None] * z
        return out


def _add_normal(prior: Distribution, value: np.ndarray, gradient: np.ndarray, at: int):
    mu, sd = prior.parameters["mu"], prior.parameters["sigma"]
    z = (value - mu) / sd
    gradient[:, at] -= z / sd
    return -0.5 * z**2


def _add_positive(prior: Distribution, log_value: np.ndarray, gradient: np.ndarray, at: int):
    """Add the prior of a positive number, by its log."""
    value, slope = log_prior_of_log(prior, log_value)
    gradient[:, at] += slope
    return value
