"""Growth of log density over time, from the whole draws-by-llm matrix.

The densities of different models share the error of the laws, so a trend is taken draw by draw
and averaged last. Time is in years since :data:`ORIGIN`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.average_trend import draw_average_trend
from densing_bayes.envelope_trend import fit_envelope
from densing_bayes.spec_parts import AverageTrendPart
from densing_bayes.summary import open_quantiles

__all__ = [
    "DAYS_PER_YEAR",
    "ORIGIN",
    "average",
    "doubling_time",
    "envelope",
    "growth_table",
    "years_since_origin",
]

#: Release of Llama-1, from which the article counts days.
ORIGIN = np.datetime64("2023-02-24")
DAYS_PER_YEAR = 365.25
GROWTH_QUANTILES = (0.025, 0.05, 0.5, 0.95, 0.975)

ENVELOPE_BIAS = (
    "least squares on running maxima: records drift upwards with the number of models looked at "
    "and with their noise, so growth is found where there is none and the interval is too short"
)


def years_since_origin(dates) -> np.ndarray:
    """Turn dates into years since the release of Llama-1 (24 February 2023).

    Parameters
    ----------
    dates
        Dates, as numpy ``datetime64`` or what turns into it.

    Returns
    -------
    numpy.ndarray
        Years of 365.25 days.
    """
    days = (np.asarray(dates, dtype="datetime64[D]") - ORIGIN).astype(float)
    return days / DAYS_PER_YEAR


def envelope(log_density: xr.DataArray, *, record: str = "max") -> xr.Dataset:
    """Fit the article's trend to every draw: least squares on the running records.

    For comparison with the article. Its bias is known and goes with the result: records drift
    with the number of models looked at and with their noise.

    Parameters
    ----------
    log_density
        Natural log over (..., llm), with the coordinate ``release_date``. Plus infinity is the
        last of all records and makes the growth infinite.
    record
        ``"max"``, or ``"min"`` for prices.

    Returns
    -------
    Dataset
        ``growth_rate`` (per year; negative for falling prices), ``level`` (at the origin),
        ``r_squared`` and ``n_records``, over the dims of the draws; ``on_frontier`` over
        (..., llm). ``attrs["trend"]`` is ``"envelope"``, ``attrs["bias"]`` says what to beware of.
    """
    values = log_density.transpose(..., "llm")
    years = years_since_origin(values["release_date"].values)
    fit = fit_envelope(values.values, years, record=record)
    dims = values.dims[:-1]
    coords = {name: values[name] for name in dims if name in values.coords}
    return xr.Dataset(
        {
            "growth_rate": (dims, fit["slope"], {"units": "1/year"}),
            "level": (dims, fit["intercept"], {"units": "1"}),
            "r_squared": (dims, fit["r_squared"], {"units": "1"}),
            "n_records": (dims, fit["n_records"], {"units": "models"}),
            "on_frontier": (values.dims, fit["on_frontier"], {"units": "1"}),
        },
        coords=coords | {"llm": values["llm"].values},
        attrs={"trend": "envelope", "bias": ENVELOPE_BIAS},
    )


def average(densities: xr.Dataset, prior: AverageTrendPart, *, seed: int) -> xr.Dataset:
    r"""Draw the growth of the typical model, for every draw of the laws.

    .. math:: \ln\rho_m = A t_m + B + o_{g(m)} + \epsilon_m, \quad
              o_g \sim \mathrm{Normal}(0, \tau), \; \epsilon_m \sim \mathrm{Normal}(0, \sigma)

    seen with the target's own error ``target_sd``, which is not scatter of models. Given a draw of
    the laws a model's error is its own; what the laws' error does to all models alike stays
    between draws, and the trend does not feed back on the laws. Open-ended densities enter as
    one-sided bounds, those out on both sides not at all. See :mod:`densing_bayes.average_trend`.

    Parameters
    ----------
    densities
        From :func:`densing_bayes.density_of`, one benchmark selected: ``centre``, ``target_sd``,
        ``side`` over (chain, draw, llm), with ``release_date`` and ``organisation``; and, where
        inputs are not exact, ``params_log_sd`` (ln) and ``release_days_sd`` (days) over llm. An
        error of a date is one of :math:`A` times as much in log density.
    prior
        Priors, per year.
    seed
        Seed.

    Returns
    -------
    Dataset
        ``growth_rate`` (per year), ``level`` (at the origin), ``noise_sd``, ``organisation_sd``
        over (chain, draw); ``attrs["trend"]`` is ``"average"``.
    """
    dims = ("chain", "draw", "llm")
    matrix = {name: densities[name].transpose(*dims).values for name in ("centre", "target_sd")}
    side = densities["side"].transpose(*dims).values
    shape = side.shape[:2]
    flat = {name: value.reshape(-1, value.shape[-1]) for name, value in matrix.items()}
    drawn = draw_average_trend(
        flat["centre"],
        np.hypot(flat["target_sd"], _sd_of(densities, "params_log_sd")),
        side.reshape(-1, side.shape[-1]),
        years=years_since_origin(densities["release_date"].values),
        years_sd=_sd_of(densities, "release_days_sd") / DAYS_PER_YEAR,
        organisation=densities["organisation"].values,
        prior=prior,
        rng=np.random.default_rng(seed),
    )
    units = {"growth_rate": "1/year"}
    return xr.Dataset(
        {
            name: (dims[:2], value.reshape(shape), {"units": units.get(name, "1")})
            for name, value in drawn.items()
        },
        coords={"chain": densities["chain"].values, "draw": densities["draw"].values},
        attrs={"trend": "average"},
    )


def _sd_of(densities: xr.Dataset, name: str) -> np.ndarray:
    """Return the sd of an input, (llm); 0 where nothing is said."""
    if name not in densities:
        return np.zeros(densities.sizes["llm"])
    return densities[name].values


def doubling_time(growth_rate: xr.DataArray) -> xr.DataArray:
    r"""Turn growth rates into doubling times, infinite where there is no growth.

    .. math:: T = \ln 2 / A \ \text{if}\ A > 0,\ \text{else}\ \infty

    Parameters
    ----------
    growth_rate
        A, per year.

    Returns
    -------
    DataArray
        Days. Take quantiles, never a mean; NaN where the growth is unknown.
    """
    growing = growth_rate > 0
    with np.errstate(divide="ignore"):
        days = np.log(2.0) / growth_rate.where(growing | growth_rate.isnull(), 0.0) * DAYS_PER_YEAR
    return days.rename("doubling_time").assign_attrs(units="days")


def growth_table(trends: dict[tuple[str, str], xr.Dataset]) -> pd.DataFrame:
    """Tabulate growth rates and doubling times.

    Parameters
    ----------
    trends
        By (trend, benchmark or series): results of :func:`envelope` and :func:`average`.

    Returns
    -------
    pandas.DataFrame
        ``trend``, ``benchmark``, ``quantity`` (``growth_rate_per_year``,
        ``doubling_time_days``), ``q025``, ``q05``, ``q50``, ``q95``, ``q975``,
        ``p_not_positive`` (probability that the growth rate is not positive).
    """
    names = [f"q{str(q)[2:].ljust(2, '0')}" for q in GROWTH_QUANTILES]
    rows = []
    for (trend, benchmark), result in trends.items():
        rate = result["growth_rate"]
        flat = rate.values.ravel()
        p_not_positive = float(np.mean(~(flat > 0)))
        for quantity, draws in (
            ("growth_rate_per_year", flat),
            ("doubling_time_days", doubling_time(rate).values.ravel()),
        ):
            numbers = open_quantiles(draws, GROWTH_QUANTILES)
            if quantity == "doubling_time_days":
                numbers = np.maximum(numbers, 0.0)  # an unknown one is no less than nothing
            rows.append(
                {"trend": trend, "benchmark": benchmark, "quantity": quantity}
                | dict(zip(names, numbers, strict=True))
                | {"p_not_positive": p_not_positive}
            )
    return pd.DataFrame(rows)
