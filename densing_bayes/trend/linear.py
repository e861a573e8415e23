r"""Exact draws of trends that are linear in their coefficients, one for each row, all at once.

Given a draw of the laws (a row) the model is

.. math::

    y_m = \sum_j \beta_j x_j(t_m; \theta) + o_{g(m)} + \epsilon_m + \eta_m, \quad
    \epsilon_m \sim \mathrm{Normal}(0, \sigma), \;
    o_g \sim \mathrm{Normal}(0, \tau), \;
    \eta_m \sim \mathrm{Normal}(0, v_m), \; v_m\ \text{known}

Coefficients and the organisations' effects are integrated out in closed form; the marginal
posterior of the two scales is computed on a grid and drawn from; then coefficients, then effects,
from their Normal conditionals. Where the design has a number :math:`\theta` of its own it is drawn
given the scales, likewise with all else integrated out. Bounds are met by data augmentation: a
censored y is drawn from its truncated Normal given the rest, in a few sweeps. So every draw of the
laws gets one draw of its own trend, and the chains of the laws are the chains of the trend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import truncnorm

from densing_bayes.distributions import Distribution
from densing_bayes.trend.designs import Design
from densing_bayes.trend.normal_equations import GroupSums, Solved
from densing_bayes.trend.rows import Rows

__all__ = ["LinearPriors", "draw_linear_trend"]

_SWEEPS = 8
_GRID = np.geomspace(0.002, 12.0, 14)
#: Cells of the grid from which scales are drawn, and the drop of the log density, along one scale
#: with the other at its best, from which on it is left out.
_CELLS = 24
_RULED_OUT = 12.0
#: Cells of equal prior probability from which theta is drawn.
_THETA_CELLS = 48
_CHUNK = 500


@dataclass(frozen=True)
class LinearPriors:
    """Priors of a linear trend.

    Parameters
    ----------
    coefficients
        Normal priors, in the order of the design's coefficients.
    noise_sd, organisation_sd
        Of the scatter of models and of organisations.
    theta
        scipy.stats distribution of the design's own number; None if it has none.
    """

    coefficients: tuple[Distribution, ...]
    noise_sd: Distribution
    organisation_sd: Distribution
    theta: Any = None

    @property
    def normals(self) -> list[tuple[float, float]]:
        """Mean and sd of each coefficient."""
        return [(p.parameters["mu"], p.parameters["sigma"]) for p in self.coefficients]


def draw_linear_trend(
    rows: Rows,
    design: Design,
    priors: LinearPriors,
    *,
    rng: np.random.Generator,
    draws: int = 1,
) -> dict[str, np.ndarray]:
    """Draw a trend's parameters for every row, once or several times.

    Parameters
    ----------
    rows
        Densities or bounds.
    design
        How the level goes with time.
    priors
        Of its coefficients, scales, and own number.
    rng
        Random generator.
    draws
        Draws of each row, one after the other. They cost little more than one where the scales'
        posterior needs no sweeps: no bounds, exact dates, a design without a number of its own.

    Returns
    -------
    dict of str to numpy.ndarray
        The design's coefficients and own number, ``noise_sd``, ``organisation_sd``, each
        (row times draws), and ``organisation_effect`` (row times draws, organisation),
        organisations being sorted.

    Raises
    ------
    ValueError
        If some row has fewer than three densities, or all are of one date.
    """
    rows.must_suffice()
    swept = rows.side.any() or (rows.years_sd > 0).any() or priors.theta is not None
    if swept:
        rows, draws = rows.repeated(draws), 1
    chunk = max(1, _CHUNK // draws)
    parts = [
        _Sweeper(rows.some(slice(start, start + chunk)), design, priors, rng).draw(draws)
        for start in range(0, rows.count, chunk)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class _Sweeper:
    """Draws for some rows: scales, own number, coefficients, effects, censored values in turn."""

    def __init__(self, rows: Rows, design: Design, priors: LinearPriors, rng: np.random.Generator):
        self.rows, self.design, self.priors, self.rng = rows, design, priors, rng
        self.known = rows.known
        self.variance = self.own = np.where(self.known, rows.target_sd, 0.0) ** 2
        self.y = np.where(self.known, rows.centre, 0.0)
        self.censored = self.known & (rows.side != 0)
        _, group = np.unique(rows.organisation, return_inverse=True)
        self.members = np.eye(group.max() + 1)[group]
        self.inexact = bool((rows.years_sd > 0).any())
        has_theta = priors.theta is not None
        self.theta = np.full(rows.count, priors.theta.median() if has_theta else 0.0)

    def draw(self, draws: int = 1) -> dict[str, np.ndarray]:
        """Draw each row once after sweeps, or several times if none are needed."""
        if draws > 1:
            sigma, tau = self._draw_scales(draws)
            each = _Sweeper(self.rows.repeated(draws), self.design, self.priors, self.rng)
            return each._named(sigma, tau, *each._draw_line(sigma, tau))
        has_theta = self.priors.theta is not None
        again = self.censored.any() or self.inexact or has_theta
        for _ in range(_SWEEPS if again else 1):
            sigma, tau = self._draw_scales()
            if has_theta:
                self.theta = self._draw_theta(sigma, tau)
            coefficients, effect = self._draw_line(sigma, tau)
            if self.inexact:
                growth = self.design.growth(_column(coefficients), *self._at())
                self.variance = self.own + (growth * self.rows.years_sd) ** 2
            if self.censored.any():
                mean = self.design.level(_column(coefficients), *self._at())
                mean = mean + effect @ self.members.T
                self.y = self._beyond(mean, np.sqrt(sigma[:, None] ** 2 + self.variance))
        return self._named(sigma, tau, coefficients, effect)

    def _named(self, sigma, tau, coefficients, effect) -> dict[str, np.ndarray]:
        named = dict(zip(self.design.coefficients, coefficients, strict=True))
        if self.priors.theta is not None:
            named[self.design.theta] = self.theta
        scales = {"noise_sd": sigma, "organisation_sd": tau}
        return named | scales | {"organisation_effect": effect}

    def _at(self, theta: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        theta = self.theta if theta is None else theta
        return self.rows.years, theta[:, None]

    def _sums(self, sigma: np.ndarray, theta: np.ndarray | None = None):
        """Return sums of products at a noise sd, and the weights' part of the log likelihood."""
        weight = self.known / (sigma[:, None] ** 2 + self.variance)
        columns = self.design.columns(*self._at(theta))
        sums = GroupSums(columns, self.y, weight, self.members)
        log_weight = np.log(weight, where=self.known, out=np.zeros_like(weight)).sum(axis=-1)
        return sums, 0.5 * log_weight

    def _draw_scales(self, draws: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draw noise and organisation sd from their joint marginal posterior on a grid.

        A coarse grid says where a row's mass lies; the fine one, from which is drawn, spans it.
        """
        coarse = np.broadcast_to(_GRID, (len(self.y), len(_GRID)))
        log_posterior = self._log_scales(coarse, coarse)
        sigma, tau = (_zoomed(log_posterior.max(axis=axis)) for axis in (2, 1))
        flat = self._log_scales(sigma, tau).reshape(len(self.y), -1)
        sigma, tau, flat = (np.repeat(one, draws, axis=0) for one in (sigma, tau, flat))
        places = np.divmod(_drawn_cell(flat, self.rng), sigma.shape[1])
        grids = zip((sigma, tau), places, strict=True)
        sigma, tau = (_within(grid, at, self.rng) for grid, at in grids)
        return sigma, tau

    def _log_scales(self, sigma: np.ndarray, tau: np.ndarray) -> np.ndarray:
        """Return the log posterior of the logs of both scales, (row, sigma, tau)."""
        log_prior_tau = self.priors.organisation_sd.frozen().logpdf(tau) + np.log(tau)
        log_prior_sigma = self.priors.noise_sd.frozen().logpdf(sigma) + np.log(sigma)
        out = np.empty((len(self.y), sigma.shape[1], tau.shape[1]))
        for i, scale in enumerate(sigma.T):
            sums, log_weight = self._sums(scale)
            line = Solved(sums, tau, self.priors.normals)
            out[:, i, :] = line.log_likelihood + log_weight[:, None] + log_prior_tau
            out[:, i, :] += log_prior_sigma[:, i, None]
        return out

    def _draw_theta(self, sigma: np.ndarray, tau: np.ndarray) -> np.ndarray:
        """Draw the design's own number given the scales, from cells of equal prior probability."""
        middles = (np.arange(_THETA_CELLS) + 0.5) / _THETA_CELLS
        log_likelihood = np.empty((len(self.y), _THETA_CELLS))
        for k, theta in enumerate(self.priors.theta.ppf(middles)):
            sums, _ = self._sums(sigma, np.full(len(self.y), theta))
            line = Solved(sums, tau[:, None], self.priors.normals)
            log_likelihood[:, k] = line.log_likelihood[:, 0]
        cell = _drawn_cell(log_likelihood, self.rng)
        within = self.rng.uniform(size=len(cell))
        return self.priors.theta.ppf((cell + within) / _THETA_CELLS)

    def _draw_line(self, sigma: np.ndarray, tau: np.ndarray):
        """Draw coefficients, then the organisations' effects, from their Normal conditionals."""
        sums, _ = self._sums(sigma)
        line = Solved(sums, tau[:, None], self.priors.normals)
        coefficients = [one[:, 0] for one in line.draw(self.rng)]
        precision = sums.weight + tau[:, None] ** -2
        fitted = sum(b[:, None] * x for b, x in zip(coefficients, sums.first[:-1], strict=True))
        mean = (sums.first[-1] - fitted) / precision
        effect = mean + self.rng.normal(size=mean.shape) / np.sqrt(precision)
        return coefficients, effect

    def _beyond(self, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
        """Draw censored values from their Normal, truncated at the bound."""
        out = self.y.copy()
        where = np.nonzero(self.censored)
        side = self.rows.side[where]
        z = (self.rows.centre[where] - mean[where]) / sd[where]
        low, high = np.where(side > 0, z, -np.inf), np.where(side < 0, z, np.inf)
        drawn = truncnorm.rvs(low, high, random_state=self.rng)
        out[where] = mean[where] + sd[where] * drawn
        return out


def _column(coefficients: list[np.ndarray]) -> list[np.ndarray]:
    return [one[:, None] for one in coefficients]


def _drawn_cell(log_posterior: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a cell of each row by its posterior probability."""
    log_total = logsumexp(log_posterior, axis=-1, keepdims=True)
    chances = np.exp(log_posterior - log_total).cumsum(axis=-1)
    level = rng.uniform(size=(len(chances), 1)) * chances[:, -1:]
    return (chances < level).sum(axis=-1)


def _zoomed(log_profile: np.ndarray) -> np.ndarray:
    """Return a grid over the scales of a row that are not all but ruled out, (row, point)."""
    possible = log_profile > log_profile.max(axis=1, keepdims=True) - _RULED_OUT
    last = len(_GRID) - 1
    first = np.maximum(possible.argmax(axis=1) - 1, 0)
    final = np.minimum(last - possible[:, ::-1].argmax(axis=1) + 1, last)
    low, high = np.log(_GRID[first])[:, None], np.log(_GRID[final])[:, None]
    # the middles of cells that fill the span
    return np.exp(low + (high - low) * (np.arange(_CELLS) + 0.5) / _CELLS)


def _within(grid: np.ndarray, at: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw within a cell of a grid even in logs, the density being taken as flat there."""
    width = np.log(grid[:, 1] / grid[:, 0])
    chosen = np.take_along_axis(grid, at[:, None], axis=1)[:, 0]
    return chosen * np.exp(width * rng.uniform(-0.5, 0.5, size=len(grid)))
