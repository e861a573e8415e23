"""The article's claims put to the test: one small function each, from draws to a claim.

Claims are those of Xiao et al., Densing Law of LLMs: arXiv 2412.04315v2 and Nature Machine
Intelligence 7, 1823 (2025), doi 10.1038/s42256-025-01137-0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from densing_bayes.trend.claim import CLAIM_DAYS, CLAIM_MONTHS, DAYS_PER_MONTH
from densing_bayes.trend.claims import Claim, Evidence, evidence_of
from densing_bayes.trend.clock import years_since_origin
from densing_bayes.trend.files import SaturatingFile, TrendFile
from densing_bayes.trend.fitting import level_at
from densing_bayes.trend.growth import doubling_time

__all__ = [
    "ARTICLE",
    "ARTICLE_DATES",
    "HARDWARE_YEARS",
    "Fitted",
    "doubling_claim",
    "hardware_claim",
    "mean_growth",
    "price_claim",
    "saturation_claim",
    "with_hardware",
]

ARTICLE = "Xiao et al. 2025, doi 10.1038/s42256-025-01137-0"
#: Releases of the first and last model of the article's Fig. 1.
ARTICLE_DATES = ("2023-02-24", "2025-04-05")
#: Chip compute per price doubles in that time (Hobbhahn et al. 2023,
#: epoch.ai/blog/trends-in-machine-learning-hardware, as the article cites it): no interval is given
#: there, so it is taken as exact.
HARDWARE_YEARS = 2.1
_SIXTH = (
    "The published value give or take a sixth: nearly twice the tenth by which the article's own "
    "two versions differ (95 and 106 days)."
)
#: Share of the prior, next to no slowing, from whose two halves the density at none is taken.
_NEAR_NONE = 1 / 12


@dataclass(frozen=True)
class Fitted:
    """A trend fitted to some data.

    Parameters
    ----------
    trend
        The model.
    result
        From :func:`densing_bayes.fit_trend`.
    data
        What the data are, in words.
    points
        How many.
    counts
        Whether verdicts rest on it.
    """

    trend: TrendFile
    result: xr.Dataset
    data: str
    points: int
    counts: bool = True

    def evidence(self, draws, between: tuple[float, float]) -> Evidence:
        """Summarise draws of a quantity that follows from this trend.

        Parameters
        ----------
        draws
            As for :func:`densing_bayes.trend.claims.evidence_of`.
        between
            The claim's range.

        Returns
        -------
        Evidence
            Of this trend.
        """
        return evidence_of(
            np.asarray(draws), trend=self.trend.name, data=self.data, points=self.points,
            between=between, counts=self.counts,
        )  # fmt: skip


def mean_growth(fitted: Fitted, dates: Sequence[str] = ARTICLE_DATES) -> xr.DataArray:
    """Return growth a year between two dates: of a line its slope, of a curve the mean.

    Parameters
    ----------
    fitted
        A trend.
    dates
        First and last.

    Returns
    -------
    DataArray
        Per year, over the dims of the trend.
    """
    years = years_since_origin(np.array(dates, dtype="datetime64[D]"))
    level = level_at(fitted.result, years, fitted.trend)
    return (level.isel(time=1, drop=True) - level.isel(time=0, drop=True)) / np.diff(years)[0]


def with_hardware(growth: xr.DataArray, years: float = HARDWARE_YEARS) -> xr.DataArray:
    r"""Add the growth of chip compute per price to that of density.

    .. math:: A + \ln 2 / T_2, \quad \text{so} \quad 1 / T = 1 / T_1 + 1 / T_2

    Parameters
    ----------
    growth
        A, per year; not positive ones too.
    years
        Doubling time of the hardware.

    Returns
    -------
    DataArray
        Per year.
    """
    return growth + np.log(2.0) / years


def doubling_claim(fits: Sequence[Fitted], beside: Sequence[Evidence] = ()) -> Claim:
    """Test that density doubles every 3.5 months.

    Parameters
    ----------
    fits
        Trends of density.
    beside
        Evidence to show without counting it.

    Returns
    -------
    Claim
        Of the doubling time, days.
    """
    between = CLAIM_DAYS
    return Claim(
        name="doubling",
        statement="The largest density doubles every 3.5 months",
        source=ARTICLE,
        quantity="doubling time",
        units="days",
        published=3.5 * DAYS_PER_MONTH,
        range_low=between[0],
        range_high=between[1],
        reason=f"{CLAIM_MONTHS[0]} to {CLAIM_MONTHS[1]} months. {_SIXTH}",
        rests_on=f"{_points(fits)} Growth is the mean from {ARTICLE_DATES[0]} to "
        f"{ARTICLE_DATES[1]}, the article's window, so that straight and bent trends say the same. "
        "'average' and the bent trends follow the typical model, 'frontier' the best possible.",
        evidence=(*_evidence(fits, lambda f: doubling_time(mean_growth(f)), between), *beside),
    )


def hardware_claim(fits: Sequence[Fitted]) -> Claim:
    """Test that the largest effective size on a chip of one price doubles every 88 days.

    Parameters
    ----------
    fits
        Trends of density.

    Returns
    -------
    Claim
        Of the doubling time of both together, days.
    """
    published = 88.0
    between = (published * 5 / 6, published * 7 / 6)
    first = next(one for one in fits if one.counts)
    middle = {
        years: float(doubling_time(with_hardware(mean_growth(first), years)).median())
        for years in (1.5, HARDWARE_YEARS, 3.0)
    }
    return Claim(
        name="density_and_hardware",
        statement="The largest effective size on a chip of one price doubles every 88 days",
        source=ARTICLE,
        quantity="doubling time",
        units="days",
        published=published,
        range_low=between[0],
        range_high=between[1],
        reason=_SIXTH,
        rests_on=f"{_points(fits)} Rates of growth are added draw by draw. The hardware's own, a "
        f"doubling in {HARDWARE_YEARS} years (Epoch AI, as the article cites it), is taken as "
        "exact, since no interval goes with it: with 1.5 or 3 years instead the median under "
        f"'{first.trend.name}' is {middle[1.5]:.0f} or {middle[3.0]:.0f} days, not "
        f"{middle[HARDWARE_YEARS]:.0f}.",
        evidence=_evidence(fits, lambda f: doubling_time(with_hardware(mean_growth(f))), between),
        facts={f"median_days_hardware_{years:g}_years": days for years, days in middle.items()},
    )


def price_claim(fits: Sequence[Fitted], beside: Sequence[Evidence], facts: dict) -> Claim:
    """Test that the price of GPT-3.5's level halves every 2.6 months.

    Parameters
    ----------
    fits
        Trends of minus the log of prices.
    beside
        Evidence to show without counting it.
    facts
        Falls of price by kind of token.

    Returns
    -------
    Claim
        Of the halving time, days.
    """
    between = (2.6 * DAYS_PER_MONTH * 5 / 6, 2.6 * DAYS_PER_MONTH * 7 / 6)
    falls = ", ".join(f"{fall:.0f} ({name})" for name, fall in facts.items())
    return Claim(
        name="price",
        statement="The price of the level of GPT-3.5 halves every 2.6 months",
        source=ARTICLE,
        quantity="halving time",
        units="days",
        published=2.6 * DAYS_PER_MONTH,
        range_low=between[0],
        range_high=between[1],
        reason="Give or take a sixth, as for the doubling of density.",
        rests_on=f"{_points(fits)} The published fall is that of two offers, from $20 to $0.075: "
        f"by which tokens, it is a factor of {falls}. Prices carry no error, fall by steps that "
        "providers choose, and some are dated by when they were first seen. 'frontier' is the "
        "cheapest possible offer, 'average' the typical one of that level.",
        evidence=(
            *_evidence(fits, lambda f: doubling_time(f.result["growth_rate"]), between),
            *beside,
        ),
        facts=facts,
    )


def saturation_claim(slowing: Fitted, bent: Fitted | None = None) -> Claim:
    r"""Test that growth has begun to slow.

    Slowing cannot be negative, so its posterior is above zero whatever the data. What is asked is
    the Bayes factor of slowing against none, by Savage and Dickey: the density at none, posterior
    over prior, the prior being uniform in its own cumulative probability (and the posterior an
    average over the draws of the laws). With even odds before,

    .. math:: P(\text{slowing}) = 1 / (1 + B_{01})

    Parameters
    ----------
    slowing
        A saturating trend.
    bent
        A trend that breaks at an unknown date, whose change has either sign; None leaves it out.

    Returns
    -------
    Claim
        Of growth at the last date over growth at the first.

    Raises
    ------
    ValueError
        If the first is no saturating trend.
    """
    if not isinstance(slowing.trend, SaturatingFile):
        raise ValueError(f"a saturating trend is needed, got '{slowing.trend.kind}'")
    prior = slowing.trend.slowing.frozen()
    theta = slowing.result["slowing"].values.ravel()
    factor = _density_at_none(prior.cdf(theta))
    last = slowing.result.attrs["growth_at"]
    left = np.exp(-theta * last)
    low, middle, high = (float(q) for q in np.quantile(left, (0.05, 0.5, 0.95)))
    found = [
        Evidence(
            trend=slowing.trend.name, data=slowing.data, points=slowing.points,
            low=low, middle=middle, high=high, probability=1 / (1 + factor),
            counts=slowing.counts,
        )
    ]  # fmt: skip
    if bent is not None:
        before, change = bent.result["growth_before"], bent.result["change"]
        ratio = ((before + change) / before).where(before > 0).values
        slower = float((change < 0).mean())
        summary = bent.evidence(ratio, (0.0, 1.0))
        found.append(Evidence(**(vars(summary) | {"probability": slower})))
    before_data = np.exp(-prior.ppf([0.95, 0.5, 0.05]) * last)
    return Claim(
        name="saturation",
        statement="Growth slows (the article expects it to, and gives no date): it has begun to",
        source=ARTICLE,
        quantity="growth at the last release over growth at the first",
        units="",
        published=None,
        range_low=0.0,
        range_high=1.0,
        reason="Any slowing. The probability is that of slowing against none with even odds "
        "(Savage-Dickey at no slowing), and of a change to slower growth at an unknown date.",
        rests_on=f"{_points([slowing])} Slowing is not negative by its prior, under which that "
        f"ratio has a median of {before_data[1]:.2f} (90 %: {before_data[0]:.2f} to "
        f"{before_data[2]:.2f}); after the data {middle:.2f} ({low:.2f} to {high:.2f}). The Bayes "
        f"factor of slowing against none is {1 / factor if factor else np.inf:.2g}. Strong models "
        "near the benchmarks' ceilings make growth look slower than it is.",
        evidence=tuple(found),
        facts={"bayes_factor_none_over_slowing": factor, "draws": float(theta.size)},
    )


def _density_at_none(cumulative: np.ndarray) -> float:
    """Return the density at 0 of what is uniform under the prior.

    Its log is drawn on from two cells next to 0 as a straight line; 0 if the nearer one is empty.
    """
    edges = np.array([0.0, 0.5, 1.0]) * _NEAR_NONE
    near, far = np.histogram(cumulative, bins=edges)[0] / len(cumulative) / (_NEAR_NONE / 2)
    return float(near * np.sqrt(near / far)) if near > 0 and far > 0 else float(near)


def _evidence(fits: Sequence[Fitted], quantity, between) -> tuple[Evidence, ...]:
    return tuple(one.evidence(quantity(one), between) for one in fits)


def _points(fits: Sequence[Fitted]) -> str:
    counted: dict[str, int] = {one.data: one.points for one in fits if one.counts}
    return "; ".join(f"{points} points ({data})" for data, points in counted.items()) + "."
