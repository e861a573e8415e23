r"""Does a trend's picture of the scatter fit? Warnings that the data themselves can give.

A trend is a line and what scatters about it. Growth is misjudged where the scatter is not what it
is taken for: where only good models are published, where the shortfall drifts, where some models
are far off. Each check compares what is left of the densities about their own least-squares line
with what is left of densities simulated from the fitted average trend: draw by draw, with the same
dates, organisations and known errors (posterior predictive checks, Gelman, Meng & Stern 1996).
Where only a bound is known the density is drawn beyond it, given the trend, in every draw.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import ndtr, ndtri

from densing_bayes.diagnostics import Check
from densing_bayes.trend.rows import Rows, rows_of

__all__ = ["TAIL", "check_trend", "predictive_tails"]

#: A two-sided tail probability below which a check warns.
TAIL = 0.05

#: What a check says where there is more of it than expected, less, and as much.
_SAYS = {
    "skewness": (
        "the scatter has a tail upwards, as where weak models are not published: growth may be "
        "that of what is published",
        "the scatter has a tail downwards, as where models fall short of a frontier: see whether "
        "the frontier grows at another rate",
        "the scatter is as even as the average trend takes it to be",
    ),
    "tail_weight": (
        "some models lie further off than Normal scatter would put them: see whether a few of "
        "them carry the growth",
        "fewer models lie far off than Normal scatter would put there",
        "as many models lie far off as Normal scatter would put there",
    ),
    "spread_over_time": (
        "models scatter more the later they are: the best may grow faster than the typical",
        "models scatter less the later they are, as where more and more of the weak go "
        "unpublished: growth may be that of what is published",
        "models scatter as much early as late",
    ),
    "shortfall_drift": (
        "the shortfall grows: the best grow faster than the typical; quote both",
        "the shortfall shrinks, as where more and more of the weak go unpublished: the best grow "
        "less than the typical; quote both",
        "no drift of the shortfall is seen",
    ),
}


def check_trend(
    densities: xr.Dataset, average: xr.Dataset, *, drift: xr.Dataset | None = None, seed: int
) -> list[Check]:
    """Check the scatter about a trend for what would mislead it.

    Parameters
    ----------
    densities
        Of one benchmark, as for :func:`densing_bayes.trend.rows.rows_of`.
    average
        From :func:`densing_bayes.fit_trend`, of kind ``average``, on the same densities.
    drift
        The same of a frontier with a drift of its shortfall; None leaves that check out.
    seed
        Seed of the simulated densities.

    Returns
    -------
    list of Check
        ``value`` is the two-sided tail probability, small where something is amiss; checks pass
        from 0.05 on. How often they warn of nothing, and of what: see
        ``tests/artefacts/growth_study.csv``.
    """
    names = ("growth_rate", "level", "noise_sd", "organisation_sd", "organisation_effect")
    drawn = {}
    for name in names:
        value = average[name]
        dims = [d for d in value.dims if d == "organisation"]
        shape = (-1, value.sizes["trend_draw"], *(value.sizes[d] for d in dims))
        drawn[name] = value.transpose("chain", "draw", "trend_draw", *dims).values.reshape(shape)
    rng = np.random.default_rng(seed)
    tails = predictive_tails(rows_of(densities), drawn, rng=rng)
    checks = [_check(name, float(value.mean())) for name, value in tails.items()]
    if drift is not None:
        checks.append(_check("shortfall_drift", float((drift["shortfall_drift"] <= 0).mean())))
    return checks


def _check(name: str, less: float) -> Check:
    """Judge the probability that as much as was found, or more, comes from nothing."""
    tail = 2.0 * min(less, 1.0 - less)
    more, fewer, fine = _SAYS[name]
    says = fine if tail >= TAIL else more if less < 0.5 else fewer
    return Check(name, tail, f">= {TAIL:g}", tail >= TAIL, says, beware=tail < TAIL)


def predictive_tails(
    rows: Rows, drawn: dict[str, np.ndarray], *, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return how probable simulated scatter is to exceed that of the densities, in three ways.

    Parameters
    ----------
    rows
        What was fitted.
    drawn
        Of the average trend: ``growth_rate``, ``level``, ``noise_sd`` (row, draw) and
        ``organisation_effect`` (row, draw, organisation).
    rng
        Random generator.

    Returns
    -------
    dict of str to numpy.ndarray
        ``skewness``, ``tail_weight``, ``spread_over_time``: the share of simulations with more of
        it, (row); near 0 if the densities have more than expected, near 1 if less.
    """
    known = rows.known
    _, group = np.unique(rows.organisation, return_inverse=True)
    centre = np.where(known, rows.centre, 0.0)
    bounded = known & (rows.side != 0)
    own = _shape(centre, known, rows.years)
    above = {name: np.zeros(rows.count) for name in own}
    draws = drawn["growth_rate"].shape[1]
    for at in range(draws):
        line = drawn["growth_rate"][:, at, None] * rows.years + drawn["level"][:, at, None]
        line = line + drawn["organisation_effect"][:, at][:, group]
        sd = np.hypot(drawn["noise_sd"][:, at, None], np.where(known, rows.target_sd, 0.0))
        sd = np.hypot(sd, drawn["growth_rate"][:, at, None] * rows.years_sd)
        simulated = _shape(line + sd * rng.normal(size=line.shape), known, rows.years)
        if bounded.any():
            own = _shape(_beyond(centre, bounded, rows.side, line, sd, rng), known, rows.years)
        for name, value in simulated.items():
            above[name] += (value > own[name]) + 0.5 * (value == own[name])
    return {name: value / draws for name, value in above.items()}


def _beyond(centre, bounded, side, line, sd, rng: np.random.Generator) -> np.ndarray:
    """Draw what lies beyond bounds from the trend's Normal, truncated there."""
    sign = np.where(side[bounded] > 0, 1.0, -1.0)
    mean, spread = line[bounded], sd[bounded]
    # Turned round, each lies above its bound: by the upper tail, which has digits far out.
    tail = ndtr(-sign * (centre[bounded] - mean) / spread) * rng.uniform(size=sign.shape)
    out = centre.copy()
    out[bounded] = mean - sign * spread * ndtri(np.maximum(tail, 1e-300))
    return out


def _shape(values: np.ndarray, seen: np.ndarray, years: np.ndarray) -> dict[str, np.ndarray]:
    """Return the shape of what is left about the least-squares line of each row."""
    weight = seen.astype(float)
    count = np.maximum(weight.sum(axis=1, keepdims=True), 1.0)
    time = weight * (years - (weight * years).sum(axis=1, keepdims=True) / count)
    left = weight * (values - (weight * values).sum(axis=1, keepdims=True) / count)
    square = np.maximum((time**2).sum(axis=1, keepdims=True), 1e-12)
    left = left - time * (time * left).sum(axis=1, keepdims=True) / square
    size = np.abs(left)
    variance = np.maximum((left**2).sum(axis=1) / count[:, 0], 1e-300)
    size = weight * (size - size.sum(axis=1, keepdims=True) / count)
    spread = np.sqrt(np.maximum((size**2).sum(axis=1), 1e-300) * square[:, 0])
    return {
        "skewness": (left**3).sum(axis=1) / count[:, 0] / variance**1.5,
        "tail_weight": (left**4).sum(axis=1) / count[:, 0] / variance**2,
        "spread_over_time": (size * time).sum(axis=1) / spread,
    }
