"""Simulation-based calibration of trend models: worlds drawn from a trend file's own priors.

Worlds are rows of one matrix, so that hundreds are fitted in one call.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from densing_bayes.trend.files import TrendFile
from densing_bayes.trend.fitting import Draws, design_of, draw_trend, theta_prior
from densing_bayes.trend.rows import Rows
from densing_bayes.trend.shortfall import log_density

__all__ = ["trend_places"]

#: Models of a world, their organisations and years; draws of each posterior.
MODELS, ORGANISATIONS, SPAN, DRAWS = 24, 5, 2.5, 19
#: Known error sd of a log density; every so many models has a bound.
TARGET_SD, EVERY = 0.3, 5


def trend_places(
    trend: TrendFile,
    worlds: int,
    *,
    seed: int,
    draws: int = DRAWS,
    data_ignored: bool = False,
    bounds: bool = True,
) -> dict[str, np.ndarray]:
    """Draw worlds from a trend's priors, fit them, and rank their truths.

    Log densities are seen with a known error. A fifth of the models, named beforehand, is looked
    at through a bound that depends on the other models as they are seen: above it a model is only
    known to be above.

    Parameters
    ----------
    trend
        From :func:`densing_bayes.load_trend`.
    worlds
        How many; they share dates and organisations.
    seed
        Seed.
    draws
        Draws of each posterior.
    data_ignored
        Whether to give draws of the prior for the posterior, a control that must fail.
    bounds
        Whether there are bounds.

    Returns
    -------
    dict of str to numpy.ndarray
        By quantity: places of the truths among the draws, in (0, 1), over worlds. Quantities are
        the parameters, the effect of the first organisation if there are any, the growth rate at
        the last date, and the log likelihood given the effects.
    """
    rng = np.random.default_rng([seed, worlds])
    years = np.sort(rng.uniform(0.0, SPAN, MODELS))
    group = np.concatenate([np.arange(ORGANISATIONS)] * MODELS)[:MODELS]
    truth = _from_prior(trend, worlds, 1, rng)
    seen = _density(trend, truth, years, group, rng)[:, 0]
    error = TARGET_SD * np.exp(rng.normal(0.0, 0.4, MODELS))
    seen = seen + error * rng.normal(size=seen.shape)
    side = np.zeros(seen.shape, dtype=int)
    if bounds:
        bounded = np.arange(MODELS) % EVERY == 0
        bound = _about(seen[:, ~bounded], years[~bounded], years, rng)
        side = (bounded & (seen > bound)).astype(int)
        seen = np.where(side > 0, bound, seen)
    rows = Rows(seen, np.tile(error, (worlds, 1)), side, years, np.zeros(MODELS), group)
    if data_ignored:
        found = _from_prior(trend, worlds, draws, rng)
    else:
        found, _ = draw_trend(rows, trend, draws=draws, rng=rng)
    true, drawn = (_ranked(trend, one, rows, group) for one in (truth, found))
    lot = rng.uniform(size=worlds)
    return {name: ((drawn[name] < true[name]).sum(axis=1) + lot) / (draws + 1) for name in true}


def _from_prior(trend: TrendFile, worlds: int, draws: int, rng: np.random.Generator) -> Draws:
    """Draw parameters from their priors, (world, draw), effects (world, draw, organisation)."""
    shape = (worlds, draws)

    def drawn(prior) -> np.ndarray:
        return np.asarray(prior.rvs(shape, random_state=rng))

    design = design_of(trend)
    first = design.coefficients[0]
    out = {first: drawn(trend.growth_rate.frozen()), "level": drawn(trend.level.frozen())}
    for name in ("change", "noise_sd", "shortfall", "shortfall_drift", "organisation_sd"):
        if getattr(trend, name, None) is not None:
            out[name] = drawn(getattr(trend, name).frozen())
    theta = theta_prior(trend)
    if theta is not None:
        out[design.theta] = drawn(theta)
    if "organisation_sd" in out:
        z = rng.normal(size=(*shape, ORGANISATIONS))
        out["organisation_effect"] = out["organisation_sd"][..., None] * z
    return out


def _line(trend: TrendFile, draws: Draws, years: np.ndarray) -> np.ndarray:
    design = design_of(trend)
    theta = draws[design.theta][..., None] if design.theta else 0.0
    return design.level([draws[name][..., None] for name in design.coefficients], years, theta)


def _mean_shortfall(draws: Draws, years: np.ndarray, group: np.ndarray) -> np.ndarray:
    log_mean = np.log(draws["shortfall"])[..., None] + 0.0 * years
    if "shortfall_drift" in draws:
        log_mean = log_mean + draws["shortfall_drift"][..., None] * (years - years.mean())
    if "organisation_effect" in draws:
        log_mean = log_mean + draws["organisation_effect"][..., group]
    return np.exp(log_mean)


def _density(trend: TrendFile, draws: Draws, years, group, rng) -> np.ndarray:
    """Draw true log densities, (world, draw, llm)."""
    out = _line(trend, draws, years)
    out = out + draws["noise_sd"][..., None] * rng.normal(size=out.shape)
    if trend.kind == "frontier":
        return out - _mean_shortfall(draws, years, group) * rng.exponential(size=out.shape)
    return out + draws["organisation_effect"][..., group]


def _about(seen: np.ndarray, years: np.ndarray, all_years: np.ndarray, rng) -> np.ndarray:
    """Draw bounds about the least-squares line of models that have none."""
    time = years - years.mean()
    slope = (seen * time).sum(axis=1, keepdims=True) / (time**2).sum()
    line = seen.mean(axis=1, keepdims=True) + slope * (all_years - years.mean())
    return line + rng.normal(size=line.shape)


def _ranked(trend: TrendFile, draws: Draws, rows: Rows, group: np.ndarray) -> Draws:
    """Return what is ranked, (world, draw)."""
    years, side = rows.years, rows.side[:, None]
    line = _line(trend, draws, years)
    noise = np.hypot(draws["noise_sd"][..., None], rows.target_sd[:, None])
    below = line - rows.centre[:, None]
    if trend.kind == "frontier":
        mean = _mean_shortfall(draws, years, group)
        each = log_density(below, noise, mean, np.broadcast_to(side, below.shape)).value
    else:
        z = (below + draws["organisation_effect"][..., group]) / noise
        each = np.where(side == 0, norm.logpdf(z) - np.log(noise), norm.logcdf(z))
    out = {name: value for name, value in draws.items() if name != "organisation_effect"}
    if "organisation_effect" in draws:
        out["effect_of_the_first"] = draws["organisation_effect"][..., 0]
    if "growth_rate" not in out:
        design = design_of(trend)
        theta = draws[design.theta] if design.theta else 0.0
        coefficients = [draws[name] for name in design.coefficients]
        out["growth_rate"] = design.growth(coefficients, years.max(), theta)
    return out | {"log_likelihood": each.sum(axis=2)}
