"""Sizes and release dates of models that are not exact, drawn from what is known of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["draw_inputs", "inexact_llms"]


def inexact_llms(panel: xr.Dataset) -> list[str]:
    """Name the models whose size or release date is not exact.

    Parameters
    ----------
    panel
        From :func:`densing_bayes.load_panel`.

    Returns
    -------
    list of str
        Names, in the order of the panel.
    """
    inexact = (panel["params_log_sd"] > 0) | (panel["release_days_sd"] > 0) | _month_only(panel)
    return [str(name) for name in panel["llm"].values[inexact.values]]


def draw_inputs(panel: xr.Dataset, *, sizes: xr.Dataset, seed: int) -> xr.Dataset:
    r"""Draw the errors of actual sizes and release dates, one for each draw of the sizes.

    .. math:: \ln N = \ln N_\mathrm{given} + \epsilon, \quad
              \epsilon \sim \mathrm{Normal}(0, \mathrm{params\_log\_sd})

    and the same for the date with ``release_days_sd``. A date known to the month, with no sd of
    its own, lies anywhere in that month.

    Parameters
    ----------
    panel
        From :func:`densing_bayes.load_panel`.
    sizes
        Effective sizes, whose (chain, draw) the errors get.
    seed
        Seed.

    Returns
    -------
    Dataset
        ``log_params_error`` (natural log) and ``release_days_error`` (days) over
        (chain, draw, llm); 0 where an input is exact.
    """
    rng = np.random.default_rng([seed, 5])
    shape = (sizes.sizes["chain"], sizes.sizes["draw"], panel.sizes["llm"])
    days = rng.normal(size=shape) * panel["release_days_sd"].values
    low, high = _days_to_ends_of_month(panel["release_date"].values)
    month = _month_only(panel).values
    days[..., month] = (low + (high - low) * rng.uniform(size=shape))[..., month]
    dims = ("chain", "draw", "llm")
    size = rng.normal(size=shape) * panel["params_log_sd"].values
    return xr.Dataset(
        {
            "log_params_error": (dims, size, {"units": "1"}),
            "release_days_error": (dims, days, {"units": "days"}),
        },
        coords={name: sizes[name].values for name in dims[:2]} | {"llm": panel["llm"].values},
        attrs={"seed": seed},
    )


def _month_only(panel: xr.Dataset) -> xr.DataArray:
    """Tell where a date is known to the month and nothing else is said of it."""
    return (panel["date_precision"] == "month") & ~(panel["release_days_sd"] > 0)


def _days_to_ends_of_month(dates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the days from a date to the first of its month, and to the first of the next."""
    day = dates.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    first = month.astype("datetime64[D]")
    next_first = (month + np.timedelta64(1, "M")).astype("datetime64[D]")
    return (first - day).astype(float), (next_first - day).astype(float)
