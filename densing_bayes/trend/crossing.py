"""When a trend first reaches a level, draw by draw and in closed form."""

from __future__ import annotations

import numpy as np
import xarray as xr

from densing_bayes.trend.clock import years_since_origin
from densing_bayes.trend.files import BreakFile, SaturatingFile, TrendFile

__all__ = ["first_time"]


def first_time(
    result: xr.Dataset, trend: TrendFile, target: xr.DataArray, *, start: float
) -> xr.DataArray:
    r"""Return when the level of a trend first stands at a target.

    .. math:: t^* = \inf\{t \ge t_0 : B(t) \ge y\}

    A target below the level at :math:`t_0` was reached before: the crossing is then sought
    backwards, and is minus infinity where the trend did not grow up to there. Plus infinity is
    never: no growth, or a plateau below the target.

    Parameters
    ----------
    result
        From :func:`densing_bayes.fit_trend`.
    trend
        What was fitted.
    target
        Log density, over dims that broadcast with those of the result; may be infinite or NaN.
    start
        :math:`t_0`, years since the origin.

    Returns
    -------
    DataArray
        Years since the origin, over the dims of both; NaN where the target is.
    """
    solve = _saturating if isinstance(trend, SaturatingFile) else _pieces
    time = solve(result, trend, target, start)
    time = time.where(target < np.inf, np.inf).where(target > -np.inf, -np.inf)
    return time.where(target.notnull()).assign_attrs(units="years since 2023-02-24")


def _pieces(result: xr.Dataset, trend: TrendFile, target: xr.DataArray, start: float):
    """Solve a line, or two that meet at a break."""
    level = result["level"]
    if not isinstance(trend, BreakFile):
        return _line(level, result["growth_rate"], target, start)
    if trend.break_date is not None:
        at = xr.full_like(level, float(years_since_origin(np.datetime64(trend.break_date))))
    else:
        at = result["break_years"]
    before = result["growth_before"]
    after = before + result["change"]
    level_after = level - result["change"] * at  # of the second line, at the origin
    first = _line(level, before, target, xr.where(at < start, at, start))
    second = _line(level_after, after, target, xr.where(at > start, at, start))
    # Each line holds on its own side of the break only.
    forwards = xr.where(first <= at, first, second)
    return xr.where(at > start, forwards, xr.where(second >= at, second, first))


def _line(level, growth, target, start):
    """Solve one line; where it does not grow the answer is an infinity."""
    growing = growth > 0
    time = (target - level) / growth.where(growing, 1.0)
    above = level + growth * start >= target
    return xr.where(growing, time, xr.where(above, -np.inf, np.inf))


def _saturating(result: xr.Dataset, trend: TrendFile, target: xr.DataArray, start: float):
    growth, slowing = result["growth_at_origin"], result["slowing"]
    growing = growth > 0
    share = (target - result["level"]) * slowing / growth.where(growing, 1.0)
    time = -np.log1p(-share.where(share < 1, 0.0)) / slowing
    above = result["level"] - growth * np.expm1(-slowing * start) / slowing >= target
    return xr.where(growing, xr.where(share < 1, time, np.inf), xr.where(above, -np.inf, np.inf))
