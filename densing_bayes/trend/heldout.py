r"""Trends scored by models that they have not seen: later ones, or each one left out.

Scores are made within a draw of the laws (a row): the trend is fitted to the densities of that
draw, and the left-out density is that of the same draw, so that the error which the laws share
over models is neither punished nor rewarded.

.. math:: \mathrm{elpd}_m = \frac1S \sum_s \log p(y_m^s \mid y_{\text{seen}}^s)

Left out one at a time: Pareto-smoothed importance sampling within a row (Vehtari, Gelman and Gabry
2017, doi 10.1007/s11222-016-9696-4), the organisation's own effect integrated out given its other
models, so that a lone model of an organisation needs no special care; and a fit without the model
where the Pareto k says that the draws do not reach that far.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats
from scipy.special import logsumexp

from densing_bayes.trend.clock import years_since_origin
from densing_bayes.trend.files import TrendFile
from densing_bayes.trend.predictive import FittedTrend, Scored, fit_rows, normal_scored, score
from densing_bayes.trend.rows import Rows, rows_of

__all__ = ["coverage", "inside", "leave_future_out", "leave_one_out"]

#: Pareto k from which importance sampling is not to be trusted with any number of draws.
_LARGE_K = 0.7
#: Draws of the laws that are scored, and draws of the trend for each.
_ROWS, _DRAWS = 30, 100


def leave_future_out(
    densities: xr.Dataset,
    trend: TrendFile,
    *,
    cutoff: str | np.datetime64,
    seed: int,
    rows: int = _ROWS,
    draws: int = _DRAWS,
) -> xr.Dataset:
    """Fit a trend to the models released up to a date, and score the later ones.

    Parameters
    ----------
    densities
        As for :func:`densing_bayes.fit_trend`.
    trend
        From :func:`densing_bayes.load_trend`.
    cutoff
        Last date of the models that are seen.
    seed
        Seed.
    rows
        Draws of the laws, evenly chosen: the same for every trend.
    draws
        Draws of the trend for each of them.

    Returns
    -------
    Dataset
        Over (row, llm), the later models: ``log_score`` (nats), ``pit_low`` and ``pit_high``
        (probability of less; between the two if only a bound is seen). ``attrs``: ``cutoff``,
        ``seen`` (models fitted).

    Raises
    ------
    ValueError
        If there is no model on one side of the date, or too few before it.
    """
    chosen = _evenly(rows_of(densities), rows)
    late = chosen.years > float(years_since_origin(cutoff))
    if late.all() or not late.any():
        first, last = (f"{date:.10}" for date in _ends(densities))
        raise ValueError(
            f"no model {'up to' if late.all() else 'after'} {cutoff}: take a date from {first} "
            f"to before {last}"
        )
    fitted = fit_rows(chosen.models(~late), trend, draws=draws, rng=np.random.default_rng(seed))
    later = chosen.models(late)
    scored = score(fitted, later)
    out = _dataset(densities.isel(llm=late), later, _log_mean(scored), scored.below.mean(axis=1))
    return out.assign_attrs(cutoff=str(cutoff), seen=int((~late).sum()), trend=trend.name)


def leave_one_out(
    densities: xr.Dataset,
    trend: TrendFile,
    *,
    seed: int,
    rows: int = _ROWS,
    draws: int = _DRAWS,
    largest_k: float | None = None,
) -> xr.Dataset:
    """Score every model by a trend fitted to all the others.

    Parameters
    ----------
    densities, trend, seed, rows, draws
        As for :func:`leave_future_out`.
    largest_k
        Pareto k, on average over rows, above which the trend is fitted again without the model;
        minus infinity fits all again, infinity none. None takes what the number of draws allows,
        the lesser of 0.7 and 1 - 1 / log10(draws), 0.5 for 100 (Vehtari et al. 2024,
        arXiv 1507.02646).

    Returns
    -------
    Dataset
        Over (row, llm): as :func:`leave_future_out`, and ``pareto_k``; ``refitted`` over llm.
    """
    chosen = _evenly(rows_of(densities), rows)
    rng = np.random.default_rng(seed)
    fitted = fit_rows(chosen, trend, draws=draws, rng=rng)
    scored = _given_others(fitted, chosen)
    log_density = np.moveaxis(scored.log_density, 1, -1)
    known = chosen.known
    log_weights, k = array_stats.psislw(np.where(known[..., None], log_density, 0.0), axis=-1)
    log_score = logsumexp(log_weights + log_density, axis=-1)
    pit = (np.exp(log_weights) * np.moveaxis(scored.below, 1, -1)).sum(axis=-1)
    k = np.where(known, k, np.nan)
    if largest_k is None:
        largest_k = min(_LARGE_K, 1.0 - 1.0 / np.log10(log_density.shape[-1]))
    again = np.nanmean(k, axis=0) > largest_k
    for place in np.flatnonzero(again):
        without = fit_rows(
            chosen.models(np.arange(known.shape[1]) != place), trend, draws=draws, rng=rng
        )
        left_out = score(without, chosen.models(np.array([place])))
        log_score[:, place] = _log_mean(left_out)[:, 0]
        pit[:, place] = left_out.below.mean(axis=1)[:, 0]
    out = _dataset(densities, chosen, log_score, pit)
    out["pareto_k"] = (("row", "llm"), k)
    out["refitted"] = ("llm", again)
    return out.assign_attrs(trend=trend.name)


def _given_others(fitted: FittedTrend, rows: Rows) -> Scored:
    """Score each model given the draw's parameters and the other models of its organisation.

    The effect of the organisation is integrated out given its other models where those are all
    seen; where one of them is a bound, or effects are not Normal in y, the drawn effect is taken,
    which is as right, with more uneven weights. Alone, a model has no others: then the prior of
    its organisation's effect is what is integrated over.
    """
    _, group, size = np.unique(rows.organisation, return_inverse=True, return_counts=True)
    alone = size[group] == 1
    if fitted.is_frontier:
        return score(fitted, rows, new=alone)
    level, growth = fitted.path(rows.years)
    own = rows.target_sd[:, None] ** 2 + (growth * rows.years_sd) ** 2
    variance = fitted.draws["noise_sd"][..., None] ** 2 + own
    known = rows.known[:, None]
    weight = np.where(known, 1.0 / variance, 0.0)
    members = np.eye(len(size))[group]
    off = weight * np.where(known, rows.centre[:, None] - level, 0.0)
    others_weight = (weight @ members)[..., group] - weight
    others_off = (off @ members)[..., group] - off
    precision = others_weight + fitted.draws["organisation_sd"][..., None] ** -2
    effect, _ = fitted.effect(rows.organisation)
    censored = rows.known & (rows.side != 0)
    exact = ((censored @ members)[:, group] - censored == 0)[:, None]
    mean = level + np.where(exact, others_off / precision, effect)
    variance = variance + np.where(exact, 1.0 / precision, 0.0)
    return normal_scored(mean, np.sqrt(variance), rows)


def _log_mean(scored: Scored) -> np.ndarray:
    """Return the log of the mean density over draws, (row, llm).

    The log of a mean of few draws is too low on average, by half its relative variance: that is
    added.
    """
    log_density = scored.log_density
    count = log_density.shape[1]
    log_mean = logsumexp(log_density, axis=1) - np.log(count)
    relative = np.exp(log_density - log_mean[:, None])
    return log_mean + 0.5 * relative.var(axis=1, ddof=1) / count


def _ends(densities: xr.Dataset) -> tuple[str, str]:
    dates = densities["release_date"].values.astype("datetime64[D]")
    return str(dates.min()), str(dates.max())


def _evenly(rows: Rows, count: int) -> Rows:
    return rows.some(np.unique(np.linspace(0, rows.count - 1, count).round().astype(int)))


def _dataset(about: xr.Dataset, rows: Rows, log_score, below) -> xr.Dataset:
    """Label scores; a bound leaves the place of the density open on one side."""
    dims = ("row", "llm")
    return xr.Dataset(
        {
            "log_score": (dims, log_score, {"units": "nats"}),
            "pit_low": (dims, np.where(rows.side < 0, 0.0, below), {"units": "1"}),
            "pit_high": (dims, np.where(rows.side > 0, 1.0, below), {"units": "1"}),
        },
        coords={
            "llm": about["llm"].values,
            "release_date": ("llm", about["release_date"].values),
            "organisation": ("llm", about["organisation"].values),
        },
    )


def inside(scores: xr.Dataset, *, level: float = 0.9) -> xr.DataArray:
    """Tell how surely each density lay in the central predictive interval.

    Parameters
    ----------
    scores
        From :func:`leave_future_out` or :func:`leave_one_out`.
    level
        Probability of the interval.

    Returns
    -------
    DataArray
        Share of rows in which it lay inside, (llm). A bound counts by the share of what it leaves
        open that is inside.
    """
    low, high = scores["pit_low"], scores["pit_high"]
    left, right = (1.0 - level) / 2.0, (1.0 + level) / 2.0
    overlap = np.maximum(np.minimum(high, right) - np.maximum(low, left), 0.0)
    width = high - low
    within = ((low >= left) & (low <= right)).astype(float)
    share = xr.where(width > 0, overlap / width.where(width > 0, 1.0), within)
    return share.where(low.notnull()).mean("row")


def coverage(scores: xr.Dataset, *, level: float = 0.9) -> float:
    """Return the share of densities inside their central predictive intervals.

    Parameters
    ----------
    scores, level
        As for :func:`inside`.

    Returns
    -------
    float
        Mean over models, each averaged over rows.
    """
    return float(inside(scores, level=level).mean())
