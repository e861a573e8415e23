r"""Prices of model interfaces as a trend: what a level costs, and when it halves.

A price of one US dollar per million tokens is to a buyer what density is to a developer: minus the
log of it grows. So every trend model takes ``-ln(price)``: ``average`` is the typical offer,
``frontier`` the cheapest possible, which other offers fall short of.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from densing_bayes.errors import InputError, Problem
from densing_bayes.trend.answers import Forecast
from densing_bayes.trend.forecast import Outlook

__all__ = ["cost_at", "offers_at_level", "price_rows"]

Price = Literal["input", "output", "blended"]

#: Begin of the basis of dates on which a price is not that of its date.
_LATER_PRICE = "MODEL RELEASE"


def offers_at_level(
    prices: xr.Dataset, *, score: float, width: float = np.inf, price: Price = "blended"
) -> xr.Dataset:
    """Choose the offers that reach a score, at prices asked on their dates.

    Parameters
    ----------
    prices
        From ``load_prices("llm")``.
    score
        Least score, a fraction.
    width
        Scores from ``score + width`` on are left out, so that "typical" is not that of far better
        models; infinity leaves none out.
    price
        Of input tokens, of output tokens, or of three to one. Only offers that give both are
        taken, so that the three are of the same offers.

    Returns
    -------
    Dataset
        ``usd_per_million_tokens`` over ``llm``, with ``release_date`` (the date of the price),
        ``organisation`` (the provider) and ``score``.

    Raises
    ------
    InputError
        If fewer than three offers of two dates remain.
    """
    basis = prices["date_basis"].values.astype(str)
    both = np.isfinite(prices["usd_per_million_input"].values)
    both &= np.isfinite(prices["usd_per_million_output"].values)
    scores = prices["score"].values
    kept = both & (scores >= score) & (scores < score + width)
    kept &= ~np.char.startswith(basis, _LATER_PRICE)
    dates = prices["date"].values[kept]
    if kept.sum() < 3 or len(np.unique(dates)) < 2:
        raise InputError(
            [
                Problem(
                    message="too few offers of that level",
                    value=f"{kept.sum()} from a score of {score:g} on",
                    allowed="three of two dates",
                    hint="Ask a lower score, or a wider range of scores.",
                )
            ]
        )
    chosen = prices[f"usd_per_million_{price}"].values[kept]
    return xr.Dataset(
        {"usd_per_million_tokens": ("llm", chosen, {"units": "US dollars per million tokens"})},
        coords={
            "llm": prices["llm"].values[kept],
            "release_date": ("llm", dates),
            "organisation": ("llm", prices["provider"].values[kept]),
            "score": ("llm", scores[kept]),
        },
        attrs={"score": score, "width": width, "price": price},
    )


def price_rows(offers: xr.Dataset, *, draws: int) -> xr.Dataset:
    """Put prices into the form in which trends take densities: minus the log, without error.

    Parameters
    ----------
    offers
        ``usd_per_million_tokens`` over llm, with ``release_date`` and ``organisation``.
    draws
        How many equal draws to make, each of which gets a draw of the trend.

    Returns
    -------
    Dataset
        ``centre``, ``target_sd`` (0) and ``side`` (0) over (chain, draw, llm).
    """
    value = -xr.apply_ufunc(np.log, offers["usd_per_million_tokens"])
    value = value.expand_dims(chain=[0], draw=np.arange(draws)).assign_attrs(units="1")
    nothing = xr.zeros_like(value)
    return xr.Dataset({"centre": value, "target_sd": nothing, "side": nothing.astype(int)})


def cost_at(prices: Outlook, *, date, individual: bool = False) -> Forecast:
    """Return what a level costs at a date.

    Parameters
    ----------
    prices
        A trend of prices: ``outlook(price_rows(offers, draws=1000), "average", seed=1)``.
    date
        Any date.
    individual
        Whether one new offer of a new provider is meant, with the scatter of offers.

    Returns
    -------
    Forecast
        Of a price, natural log of US dollars per million tokens.
    """
    unit = prices.size_at(level=1.0, date=date, individual=individual)  # -B(t), the log price
    whose = "One new" if individual else f"The {prices.whose}".replace("best possible", "lowest")
    asked = f"{whose} price per million tokens on {unit.date} (trend '{prices.trend.name}')"
    draws = unit.draws.map(lambda one: one.assign_attrs(units="ln(US dollars per million tokens)"))
    return Forecast(draws, "price", asked, unit.first, unit.last, date=unit.date)
