"""Sizes and release dates of models that are not exact, drawn from what is known of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

__all__ = ["draw_inputs", "inexact_llms"]

#: Sd, in days, of a day that may lie anywhere in a month.
_MONTH_SD = 365.25 / 12 / np.sqrt(12)


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
    r"""Draw the errors of actual sizes, one for each draw of the sizes, and say those of dates.

    .. math:: \ln N = \ln N_\mathrm{given} + \epsilon, \quad
              \epsilon \sim \mathrm{Normal}(0, \mathrm{params\_log\_sd})

    The draws belong into the interval of one model's density. A trend must not be fitted to them:
    what is drawn about a given value is no further evidence, and counts twice, and a date that is
    jittered flattens growth. It takes the sds instead.

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
        ``log_params_error`` (natural log) over (chain, draw, llm), 0 where a size is exact;
        ``params_log_sd`` (natural log) and ``release_days_sd`` (days) over llm. A date known to
        the month, with no sd of its own, has that of a day anywhere in a month.

    Raises
    ------
    ValueError
        If the panel has not the models of the sizes, or does not say how exact they are.
    """
    names = [str(name) for name in panel["llm"].values]
    if names != [str(name) for name in sizes["llm"].values]:
        raise ValueError("panel and sizes have other models; take the panel of these sizes")
    needed = {"params_log_sd", "release_days_sd", "date_precision"}
    lacking = sorted(needed - {str(name) for name in panel.variables})
    if lacking:
        raise ValueError(
            f"the panel lacks {', '.join(lacking)}; read it with load_panel, or add them over llm"
        )
    rng = np.random.default_rng([seed, 5])
    shape = (sizes.sizes["chain"], sizes.sizes["draw"], panel.sizes["llm"])
    dims = ("chain", "draw", "llm")
    size_sd = panel["params_log_sd"].values
    days_sd = np.where(_month_only(panel).values, _MONTH_SD, panel["release_days_sd"].values)
    return xr.Dataset(
        {
            "log_params_error": (dims, rng.normal(size=shape) * size_sd, {"units": "1"}),
            "params_log_sd": ("llm", size_sd, {"units": "1"}),
            "release_days_sd": ("llm", days_sd, {"units": "days"}),
        },
        coords={name: sizes[name].values for name in dims[:2]} | {"llm": panel["llm"].values},
        attrs={"seed": seed},
    )


def _month_only(panel: xr.Dataset) -> xr.DataArray:
    """Tell where a date is known to the month and nothing else is said of it."""
    return (panel["date_precision"] == "month") & ~(panel["release_days_sd"] > 0)
