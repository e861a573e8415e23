"""Published series of densities or prices, in the form in which trends take densities."""

from __future__ import annotations

import numpy as np
import xarray as xr

from densing_bayes.data import load_prices, load_published_density
from densing_bayes.spec_parts import SeriesPart

__all__ = ["read_series"]


def read_series(series: SeriesPart, *, draws: int) -> xr.Dataset:
    """Read a published series in the form of densities without error.

    Parameters
    ----------
    series
        Which table, which value, which part of it.
    draws
        How many equal draws to make of it, so that each gets a draw of the average trend.

    Returns
    -------
    Dataset
        As :func:`densing_bayes.density_of` returns it, but ``log_density`` is one draw wide.

    Raises
    ------
    TableError
        If the table does not fit its schema.
    """
    which = {
        "published_density": "five_benchmarks",
        "published_density_mmlu_cf": "mmlu_cf",
        "published_density_mmlu": "mmlu",
    }
    if series.value == "density":
        table = load_published_density(
            which.get(series.table, "five_benchmarks"),  # type: ignore[arg-type]
            None if series.table in which else series.table,
        )
    else:
        table = load_prices(
            "published", None if series.table == "published_prices" else series.table
        )
        table = table.drop_vars("llm").rename(offer="llm", date="release_date")
    if series.segment is not None:
        table = table.isel(llm=np.flatnonzero(table["segment"].values == series.segment))
    log_value = xr.apply_ufunc(np.log, table[series.value])
    log_value = log_value.expand_dims(chain=1, draw=draws)
    organisation = (
        table["organisation"].values if "organisation" in table.coords else table["llm"].values
    )
    nothing = xr.zeros_like(log_value)
    return xr.Dataset(
        {
            "log_density": log_value.isel(draw=[0]).rename(draw="point"),
            "centre": log_value,
            "target_sd": nothing,
            "side": nothing.astype(int),
        },
        coords={"release_date": table["release_date"], "organisation": ("llm", organisation)},
        attrs=table.attrs,
    )
