r"""Exact draws of the average trend, one for each draw of the laws, all at once.

Given a draw of the laws the model is linear:

.. math::

    y_m = A t_m + B + o_{g(m)} + \epsilon_m + \eta_m, \quad
    \epsilon_m \sim \mathrm{Normal}(0, \sigma), \;
    \eta_m \sim \mathrm{Normal}(0, v_m), \; v_m\ \text{known}

A, B and the organisations' effects are integrated out in closed form; the marginal posterior of
the two scales is computed on a grid and drawn from; then A and B, then the effects, from their
Normal conditionals. Bounds are met by data augmentation: a censored y is drawn from its truncated
Normal given the rest, in a few sweeps. So every draw of the laws gets one draw of its own trend,
and the chains of the laws are the chains of the trend.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp
from scipy.stats import truncnorm

from densing_bayes.spec_parts import AverageTrendPart

__all__ = ["draw_average_trend"]

_SWEEPS = 8
_GRID = np.geomspace(0.002, 12.0, 14)
#: Cells of the grid from which scales are drawn, and the drop of the log density, along one scale
#: with the other at its best, from which on it is left out.
_CELLS = 24
_RULED_OUT = 12.0
_CHUNK = 500


def draw_average_trend(
    centre: np.ndarray,
    target_sd: np.ndarray,
    side: np.ndarray,
    *,
    years: np.ndarray,
    years_sd: np.ndarray | None = None,
    organisation: np.ndarray,
    prior: AverageTrendPart,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Draw trend parameters for every row of a draws-by-llm matrix.

    Parameters
    ----------
    centre
        Log density, or the bound where ``side`` is not 0, (sample, llm); NaN is left out.
    target_sd
        Known error sd of it, (sample, llm).
    side
        0; -1 where the log density lies below ``centre``, +1 where above.
    years
        Times, (llm).
    years_sd
        Sds of the times, (llm); None or 0: they are exact. The given time is the centre of what is
        believed of the true one, so its error adds (A sd)^2 to the variance of a density; A is
        that of the sweep before.
    organisation
        Labels, (llm).
    prior
        Priors of A, B and the two scales.
    rng
        Random generator.

    Returns
    -------
    dict of str to numpy.ndarray
        ``growth_rate``, ``level``, ``noise_sd``, ``organisation_sd``, each (sample).

    Raises
    ------
    ValueError
        If some row has fewer than three densities, or all are of one date.
    """
    known = np.isfinite(centre) & np.isfinite(target_sd)
    if known.sum(axis=-1).min() < 3 or len(np.unique(years)) < 2:
        raise ValueError(
            "a trend needs at least three densities of two dates in every draw, got "
            f"{int(known.sum(axis=-1).min())} densities of {len(np.unique(years))} dates"
        )
    _, group = np.unique(organisation, return_inverse=True)
    members = np.eye(group.max() + 1)[group]
    years_sd = np.zeros(len(years)) if years_sd is None else years_sd
    parts = []
    for start in range(0, len(centre), _CHUNK):
        rows = slice(start, start + _CHUNK)
        parts.append(
            _draw_rows(
                centre[rows], target_sd[rows], side[rows], known[rows],
                years=years, years_sd=years_sd, members=members, prior=prior, rng=rng,
            )
        )  # fmt: skip
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _draw_rows(
    centre: np.ndarray,
    target_sd: np.ndarray,
    side: np.ndarray,
    known: np.ndarray,
    *,
    years: np.ndarray,
    years_sd: np.ndarray,
    members: np.ndarray,
    prior: AverageTrendPart,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    own = variance = np.where(known, target_sd, 0.0) ** 2
    y = np.where(known, centre, 0.0)
    censored = known & (side != 0)
    inexact = bool((years_sd > 0).any())
    sweeps = _SWEEPS if censored.any() or inexact else 1
    for _ in range(sweeps):
        sigma, tau = _draw_scales(y, variance, known, years, members, prior, rng)
        a, b, effect = _draw_line(y, variance, known, years, members, prior, sigma, tau, rng)
        if inexact:
            variance = own + (a[:, None] * years_sd) ** 2
        if censored.any():
            mean = a[:, None] * years + b[:, None] + effect @ members.T
            sd = np.sqrt(sigma[:, None] ** 2 + variance)
            y = np.where(censored, _beyond(mean, sd, centre, side, censored, rng), y)
    return {"growth_rate": a, "level": b, "noise_sd": sigma, "organisation_sd": tau}


def _draw_scales(y, variance, known, years, members, prior, rng):
    """Draw noise and organisation sd from their joint marginal posterior on a grid.

    A coarse grid says where a row's mass lies; the fine one, from which is drawn, spans it.
    """
    coarse = np.broadcast_to(_GRID, (len(y), len(_GRID)))
    data = (y, variance, known, years, members, prior)
    log_posterior = _log_scales(coarse, coarse, *data)
    sigma, tau = (_zoomed(log_posterior.max(axis=axis)) for axis in (2, 1))
    flat = _log_scales(sigma, tau, *data).reshape(len(y), -1)
    chances = np.exp(flat - logsumexp(flat, axis=-1, keepdims=True)).cumsum(axis=-1)
    cell = (chances < rng.uniform(size=(len(y), 1)) * chances[:, -1:]).sum(axis=-1)
    places = np.divmod(cell, sigma.shape[1])
    return tuple(_within(grid, at, rng) for grid, at in zip((sigma, tau), places, strict=True))


def _log_scales(sigma, tau, y, variance, known, years, members, prior):
    """Return the log posterior of the logs of both scales, (sample, sigma, tau)."""
    log_prior_tau = prior.organisation_sd.frozen().logpdf(tau) + np.log(tau)
    out = np.empty((len(y), sigma.shape[1], tau.shape[1]))
    for i, scale in enumerate(sigma.T):
        weight = known / (scale[:, None] ** 2 + variance)
        moments = _group_moments(y, weight, years, members)
        log_weight = np.log(weight, where=known, out=np.zeros_like(weight)).sum(axis=-1)
        line = _Line(moments, tau, prior)
        out[:, i, :] = (
            0.5 * (log_weight[:, None] + line.log_shrink - np.log(line.det))
            - 0.5 * (line.square - line.explained)
            + (prior.noise_sd.frozen().logpdf(scale) + np.log(scale))[:, None]
            + log_prior_tau
        )
    return out


def _zoomed(log_profile):
    """Return a grid over the scales of a row that are not all but ruled out, (sample, point)."""
    possible = log_profile > log_profile.max(axis=1, keepdims=True) - _RULED_OUT
    last = len(_GRID) - 1
    first = np.maximum(possible.argmax(axis=1) - 1, 0)
    final = np.minimum(last - possible[:, ::-1].argmax(axis=1) + 1, last)
    low, high = np.log(_GRID[first])[:, None], np.log(_GRID[final])[:, None]
    # the middles of cells that fill the span
    return np.exp(low + (high - low) * (np.arange(_CELLS) + 0.5) / _CELLS)


def _within(grid, at, rng):
    """Draw within a cell of a grid even in logs, the density being taken as flat there."""
    width = np.log(grid[:, 1] / grid[:, 0])
    chosen = np.take_along_axis(grid, at[:, None], axis=1)[:, 0]
    return chosen * np.exp(width * rng.uniform(-0.5, 0.5, size=len(grid)))


def _group_moments(y, weight, years, members):
    """Return weighted sums of 1, t, t^2, y, ty, y^2 a group, each (sample, group)."""
    once = weight * years
    terms = (weight, once, once * years, weight * y, once * y, weight * y**2)
    return [term @ members for term in terms]


class _Line:
    """Normal equations of (A, B) with the organisations' effects integrated out.

    Every attribute is (sample, tau). With w the weight of a group, integrating its effect out
    takes ``shrink * left * right``, shrink = tau^2 / (1 + tau^2 w), from each product of sums.
    """

    def __init__(self, moments, tau, prior):
        w, wt, wtt, wy, wty, wyy = moments
        tau2 = tau[..., None] ** 2
        shrink = tau2 / (1.0 + tau2 * w[:, None, :])
        products = np.stack([wt * wt, wt * w, w * w, wt * wy, w * wy, wy * wy], axis=-1)
        taken = shrink @ products
        sums = [value.sum(axis=-1)[:, None] for value in (wtt, wt, w, wty, wy, wyy)]
        tt, t1, one, ty, y1, yy = (s - taken[..., k] for k, s in enumerate(sums))
        growth, level = prior.growth_rate.parameters, prior.level.parameters
        self.tt = tt + growth["sigma"] ** -2
        self.t1 = t1
        self.one = one + level["sigma"] ** -2
        self.ty = ty + growth["mu"] * growth["sigma"] ** -2
        self.y1 = y1 + level["mu"] * level["sigma"] ** -2
        self.square = yy
        self.log_shrink = -np.log1p(tau2 * w[:, None, :]).sum(axis=-1)
        self.det = self.tt * self.one - self.t1**2
        self.a = (self.one * self.ty - self.t1 * self.y1) / self.det
        self.b = (self.tt * self.y1 - self.t1 * self.ty) / self.det
        self.explained = self.a * self.ty + self.b * self.y1


def _draw_line(y, variance, known, years, members, prior, sigma, tau, rng):
    """Draw A and B, then the organisations' effects, from their Normal conditionals."""
    weight = known / (sigma[:, None] ** 2 + variance)
    moments = _group_moments(y, weight, years, members)
    line = _Line(moments, tau[:, None], prior)
    noise = rng.normal(size=(2, len(y)))
    t1, det = line.t1[:, 0], line.det[:, 0]
    # A first, from its marginal; then B given A.
    a = line.a[:, 0] + noise[0] * np.sqrt(line.one[:, 0] / det)
    b = line.b[:, 0] - (t1 / line.one[:, 0]) * (a - line.a[:, 0])
    b = b + noise[1] / np.sqrt(line.one[:, 0])
    w, wt, _, wy, _, _ = moments
    effect_precision = w + tau[:, None] ** -2
    effect_mean = (wy - a[:, None] * wt - b[:, None] * w) / effect_precision
    effect = effect_mean + rng.normal(size=w.shape) / np.sqrt(effect_precision)
    return a, b, effect


def _beyond(mean, sd, bound, side, censored, rng):
    """Draw censored values from their Normal, truncated at the bound."""
    out = np.zeros_like(mean)
    where = np.nonzero(censored)
    z = (bound[where] - mean[where]) / sd[where]
    low = np.where(side[where] > 0, z, -np.inf)
    high = np.where(side[where] < 0, z, np.inf)
    out[where] = mean[where] + sd[where] * truncnorm.rvs(low, high, random_state=rng)
    return out
