"""Whether density grows faster since the release of ChatGPT, as the article claims, and by half."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from densing_bayes.trend.claim_tests import ARTICLE
from densing_bayes.trend.claims import Claim, evidence_of
from densing_bayes.trend.clock import years_since_origin
from densing_bayes.trend.records import fit_envelope

__all__ = ["faster_claim", "half_faster_claim", "record_slope"]


def faster_claim(draws: Mapping[str, tuple], *, points: tuple[int, int], facts: dict) -> Claim:
    """Test that density grows faster since the release of ChatGPT.

    Parameters
    ----------
    draws
        Growth (before, after), per year, by the way in which they were found.
    points
        How many densities there are before and after.
    facts
        Of the article's own fit: ``before_slope``, ``before_slope_sd``, ``before_records``.

    Returns
    -------
    Claim
        Of the difference of growth, per year.
    """
    return _faster(
        draws, points, facts,
        name="faster", statement="Density grows faster since the release of ChatGPT",
        quantity="growth after less growth before", units="a year", published=None,
        between=(0.0, np.inf), reason="Any growth that is faster.",
        of=lambda before, after: after - before,
    )  # fmt: skip


def half_faster_claim(draws: Mapping[str, tuple], *, points: tuple[int, int], facts: dict) -> Claim:
    """Test that density grows faster by half since the release of ChatGPT.

    Parameters
    ----------
    draws, points, facts
        As for :func:`faster_claim`.

    Returns
    -------
    Claim
        Of the ratio of growth; infinite where only what came after grows, unknown where neither
        does.
    """

    def ratio(before, after):
        with np.errstate(divide="ignore", invalid="ignore"):
            both = after / np.where(before > 0, before, np.nan)
        return np.where((before <= 0) & (after > 0), np.inf, both)

    return _faster(
        draws, points, facts,
        name="half_faster", statement="It grows faster by 50 %",
        quantity="growth after over growth before", units="", published=1.5,
        between=(1.25, 1.75), reason="Half faster, give or take half of that.",
        of=ratio,
    )  # fmt: skip


def _faster(draws, points, facts, *, between, of, **about) -> Claim:
    t = stats.t.ppf(0.975, facts["before_records"] - 2)
    ends = [facts["before_slope"] + side * t * facts["before_slope_sd"] for side in (-1, 1)]
    records = of(*(_slope_draws(facts, side) for side in ("before", "after")))
    beside = evidence_of(
        records, trend="least squares on records, with its error", data="published MMLU",
        points=facts["before_records"] + facts["after_records"], between=between, counts=False,
    )  # fmt: skip
    return Claim(
        source=ARTICLE,
        range_low=between[0],
        range_high=between[1],
        rests_on=f"{points[0]} densities on MMLU before and {points[1]} after, measured from the "
        "article's figure and taken without error (the laws that made them have one, which all "
        "share); no model of the panel is older than Llama-1. "
        f"The article's own slope before rests on {facts['before_records']:.0f} records: "
        f"{facts['before_slope']:.2f} a year, 95 % interval {ends[0]:.0f} to {ends[1]:.0f}.",
        evidence=(
            *(
                evidence_of(
                    of(*two), trend=name, data="published MMLU", points=sum(points), between=between
                )
                for name, two in draws.items()
            ),
            beside,
        ),
        facts=dict(facts),
        **about,
    )


def _slope_draws(facts: Mapping[str, float], side: str) -> np.ndarray:
    """Return evenly spread quantiles of a least-squares slope, in an order of their own."""
    rng = np.random.default_rng(len(side))
    level = (rng.permutation(20_000) + 0.5) / 20_000
    t = stats.t.ppf(level, facts[f"{side}_records"] - 2)
    return facts[f"{side}_slope"] + t * facts[f"{side}_slope_sd"]


def record_slope(values: np.ndarray, dates: np.ndarray, *, record: str = "max") -> dict:
    """Return the article's line through records, with the standard error that it leaves out.

    Parameters
    ----------
    values
        Log quantity, (llm).
    dates
        Dates, (llm).
    record
        ``"max"`` or ``"min"``.

    Returns
    -------
    dict
        ``slope`` and ``slope_sd`` (a year), ``records``. Records depend on one another, so the
        error is too small.
    """
    years = years_since_origin(dates)
    on = fit_envelope(values, years, record=record)["on_frontier"]
    line = stats.linregress(years[on], values[on])
    return {"slope": float(line.slope), "slope_sd": float(line.stderr), "records": int(on.sum())}
