r"""The article's densities with the spread that our posterior gives them.

The article draws 51 densities without error and a line through their records. Each gets here the
deviations of a model of our panel from its own median, draw by draw of the laws:

.. math:: \ln\rho_{rp} = \ln\rho_p + (c_{r m(p)} - \mathrm{median}_r\, c_{r m(p)}) + \eta_{rp},
          \quad \eta_{rp} \sim \mathrm{Normal}(0, v_{r m(p)})

with c the ``centre`` of a density and v its ``target_sd``. A row r is one draw of the laws for all
models, so that what the laws' error does to all alike stays alike; v is the error of one model
given the laws, drawn anew for each. Trends of the rows take v as a known error of what was seen and
do not have it drawn: a published density is an estimate already. Only the line through the records,
which knows no errors, is put through drawn values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.optimize
import scipy.stats
import xarray as xr

from densing_bayes._human import number
from densing_bayes.data import load_published_density
from densing_bayes.trend.clock import DAYS_PER_YEAR, years_since_origin
from densing_bayes.trend.files import load_trend
from densing_bayes.trend.records import fit_envelope
from densing_bayes.trend.shifts import draw_growth

__all__ = [
    "PublishedSpread",
    "line_quantiles",
    "match_published",
    "spread_of_published",
    "with_posterior_spread",
]

#: Published labels of models that the panel calls otherwise; quantised copies go by their original.
ALIASES = {
    "Phi-2-2B": "Phi-2",
    "TinyLlama-1.1B": "TinyLlama-1.1B-3T",
    "Gemma2-9B-GPTQ": "Gemma-2-9B",
    "Llama3.1-8B-GPTQ": "Llama-3.1-8B",
    "Llama3.1-8B-gguf": "Llama-3.1-8B",
    "Llama4-Scout-17B-16E": "Llama-4-Scout",
}
#: What of the posterior's spread is put in.
SPREADS = ("none", "laws", "laws and models")
_LEVELS = {"q025": 0.025, "q05": 0.05, "q50": 0.5, "q95": 0.95, "q975": 0.975}
_WIDEST = 1e6
#: Draws of the models' own errors for every row: the far ends of the envelope need them.
_ENVELOPE_DRAWS = 20


@dataclass(frozen=True)
class PublishedSpread:
    """Growth of the published densities, with and without the posterior's spread.

    Parameters
    ----------
    table
        A row a trend and spread: ``trend`` (``envelope``, ``average``, ``frontier``), ``spread``
        (of :data:`SPREADS`), ``n_models``, and quantiles of growth (per year) and doubling time
        (days).
    matches
        From :func:`match_published`.
    """

    table: pd.DataFrame
    matches: pd.DataFrame

    def sentences(self) -> list[str]:
        """Return what was found, a sentence each."""
        rows = self.table.set_index(["trend", "spread"])
        said = []
        for trend in ("envelope", "average", "frontier"):
            parts = []
            for spread in SPREADS:
                row = rows.loc[(trend, spread)]
                ends = (_days(row[f"doubling_days_{q}"]) for q in ("q025", "q975"))
                middle = _days(row["doubling_days_q50"])
                parts.append(f"{middle} days (95 %: {' to '.join(ends)}) with {_WORDS[spread]}")
            count = int(rows.loc[(trend, SPREADS[0]), "n_models"])
            said.append(f"{count} published densities, {trend}: {'; '.join(parts)}.")
        said.append(
            "The envelope knows no errors: those of single models are drawn about published values "
            "that have them already, so they count twice and make records of their own. Beside the "
            "article's interval stands the one with the spread of the laws; average and frontier "
            "take all of it as a known error."
        )
        how = self.matches["how"].value_counts()
        said.append(
            "Spread of a published density: that of the panel's model of the same name ("
            f"{int(how.get('name', 0) + how.get('alias', 0))}) or of the one nearest in published "
            f"effective size ({int(how.get('nearest', 0))}); see published_matches.csv."
        )
        return said


_WORDS = {
    "none": "no spread, as the article takes them",
    "laws": "the spread of the laws",
    "laws and models": "the spread of laws and models",
}


def _days(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else number(value)


def spread_of_published(densities: xr.Dataset, panel: xr.Dataset, *, seed: int) -> PublishedSpread:
    """Fit envelope, average and frontier to the published densities with our spread put in.

    Parameters
    ----------
    densities
        From :func:`densing_bayes.density_of`, of all benchmarks together.
    panel
        Its models: ``moe`` over llm.
    seed
        Seed.

    Returns
    -------
    PublishedSpread
        Table, matches and sentences. With no spread the envelope is the article's own fit.
    """
    published = load_published_density("five_benchmarks")
    dense = panel["llm"].values[~panel["moe"].values.astype(bool)]
    matches = match_published(
        published, [str(llm) for llm in panel["llm"].values], donors=[str(llm) for llm in dense]
    )
    rows: list[dict[str, object]] = []
    years = years_since_origin(published["release_date"].values)
    for spread in SPREADS:
        spreaded = with_posterior_spread(published, densities, matches, spread=spread)
        values = _drawn(spreaded, densities, matches, seed=seed)
        about = {"spread": spread, "n_models": published.sizes["llm"]}
        rows.append({"trend": "envelope"} | about | _numbers(line_quantiles(values, years)))
        for kind in ("average", "frontier"):
            rate = draw_growth(spreaded, load_trend(kind), seed=seed).values.ravel()
            quantiles = np.quantile(rate, list(_LEVELS.values()))
            rows.append({"trend": kind} | about | _numbers(quantiles))
    table = pd.DataFrame(rows).sort_values("trend", kind="stable", key=lambda column: column.map(
        {"envelope": 0, "average": 1, "frontier": 2}
    ))  # fmt: skip
    return PublishedSpread(table.reset_index(drop=True), matches)


def match_published(published: xr.Dataset, llms: list[str], *, donors: list[str]) -> pd.DataFrame:
    """Say whose spread each published density gets.

    A model of the panel of the same name (case, hyphens and spaces apart), or by :data:`ALIASES`.
    Where there is none: the model nearest in published log effective size, density x params,
    among those donors that are published under their own name. Both sizes are then the article's:
    ours differ from them in level.

    Parameters
    ----------
    published
        From :func:`densing_bayes.load_published_density`: ``density``, ``params`` over llm.
    llms
        Models of the panel.
    donors
        Those whose published density times parameters is an effective size: the dense ones.

    Returns
    -------
    pandas.DataFrame
        ``llm`` (published label), ``panel_llm``, ``how`` (``name``, ``alias``, ``nearest``),
        ``log_effective_size`` (published), ``distance`` (to that of the match, natural log; 0 by
        name).

    Raises
    ------
    ValueError
        If no donor is published.
    """
    known = {_plain(llm): llm for llm in llms}
    labels = [str(llm) for llm in published["llm"].values]
    sizes = np.log((published["density"] * published["params"]).values)
    named: dict[str, tuple[str, str]] = {}
    for label in labels:
        if _plain(label) in known:
            named[label] = known[_plain(label)], "name"
        elif ALIASES.get(label) in llms:
            named[label] = ALIASES[label], "alias"
    fit = [
        place
        for place, label in enumerate(labels)
        if label in named and named[label][0] in donors and named[label][1] == "name"
    ]
    if not fit:
        raise ValueError(
            "no dense model of the panel is among the published ones, so there is no spread for "
            "the others; take a panel with some of them"
        )
    rows = []
    for place, label in enumerate(labels):
        match, how, distance = *named.get(label, ("", "nearest")), 0.0
        if how == "nearest":
            apart = np.abs(sizes[np.array(fit)] - sizes[place])
            match, distance = named[labels[fit[int(apart.argmin())]]][0], float(apart.min())
        rows.append(
            {
                "llm": label,
                "panel_llm": match,
                "how": how,
                "log_effective_size": float(sizes[place]),
                "distance": distance,
            }
        )
    return pd.DataFrame(rows)


def _plain(label: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", label.lower())


def with_posterior_spread(
    published: xr.Dataset, densities: xr.Dataset, matches: pd.DataFrame, *, spread: str
) -> xr.Dataset:
    """Give published densities the deviations of their matches from their own medians.

    Parameters
    ----------
    published
        ``density`` over llm, with ``release_date`` and ``organisation``.
    densities
        Of one benchmark or of all: ``centre``, ``target_sd``, ``side`` over (chain, draw, llm).
    matches
        From :func:`match_published`.
    spread
        ``"none"``: the densities as published; ``"laws"``: deviations of ``centre`` alone, bounds
        taken as they stand; ``"laws and models"``: ``target_sd`` and ``side`` too, so that
        where a match is out of range the published value is a bound.

    Returns
    -------
    Dataset
        As :func:`densing_bayes.trend.rows.rows_of` takes it.

    Raises
    ------
    ValueError
        If ``spread`` is none of these.
    """
    if spread not in SPREADS:
        raise ValueError(f"spread is one of {', '.join(SPREADS)}; got {spread!r}")
    dims = ("chain", "draw", "llm")
    donor = densities[["centre", "target_sd", "side"]].sel(llm=matches["panel_llm"].tolist())
    donor = donor.transpose(*dims)
    centre = donor["centre"].values
    deviation = centre - np.nanmedian(centre, axis=(0, 1))
    whole = spread == "laws and models"
    log_density = np.log(published["density"].values) + deviation * (spread != "none")
    return xr.Dataset(
        {
            "centre": (dims, log_density, {"units": "1"}),
            "target_sd": (dims, donor["target_sd"].values * whole, {"units": "1"}),
            "side": (dims, donor["side"].values * whole, {"units": "1"}),
        },
        coords={
            "chain": densities["chain"].values,
            "draw": densities["draw"].values,
            "llm": published["llm"].values,
            "release_date": ("llm", published["release_date"].values),
            "organisation": ("llm", published["organisation"].values),
        },
        attrs={"spread": spread},
    )


def _drawn(
    spreaded: xr.Dataset, densities: xr.Dataset, matches: pd.DataFrame, *, seed: int
) -> np.ndarray:
    """Draw values of every published log density, several for every row, (drawn, llm).

    Where the match is out of range in a row its own draw decides, which may be infinite.
    """
    centre, sd, side = (
        spreaded[name].values.reshape(-1, spreaded.sizes["llm"])
        for name in ("centre", "target_sd", "side")
    )
    donor = densities[["log_density", "centre"]].sel(llm=matches["panel_llm"].tolist())
    donor = donor.transpose("chain", "draw", "llm")
    deviation = donor["log_density"].values - np.nanmedian(donor["centre"].values, axis=(0, 1))
    beyond = np.median(centre, axis=0) + deviation.reshape(centre.shape)
    rng = np.random.default_rng([seed, 7])
    times = _ENVELOPE_DRAWS if sd.any() else 1
    return np.concatenate(
        [
            np.where(side == 0, centre + sd * rng.normal(size=centre.shape), beyond)
            for _ in range(times)
        ]
    )


def line_quantiles(values: np.ndarray, years: np.ndarray) -> np.ndarray:
    r"""Quantiles of the article's slope over rows, each with its own least-squares error.

    The mixture over rows of :math:`\hat A_r + \mathrm{se}_r t_{n_r - 2}`, with n the records of a
    row; its quantiles are solved for, not drawn. A row whose records are two, or end at infinity,
    has an unknown slope or an infinite one: unknown ones count as open on both sides.

    Parameters
    ----------
    values
        Log densities, (row, llm).
    years
        Times, (llm).

    Returns
    -------
    numpy.ndarray
        At 2.5, 5, 50, 95 and 97.5 %, per year.
    """
    fit = fit_envelope(values, years, record="max")
    slope, count = fit["slope"], fit["n_records"]
    df = np.maximum(count - 2, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(slope) * np.sqrt((1.0 - fit["r_squared"]) / (fit["r_squared"] * df))
    endless = np.isposinf(slope)
    usable = (count > 2) & np.isfinite(slope) & (error > 0)
    unknown = ~(usable | endless)
    at, scale, free = slope[usable], error[usable], df[usable]

    def below(x: float, extra: float) -> float:
        inside = scipy.stats.t.cdf((x - at) / scale, free).sum()
        return float(inside + extra * unknown.sum()) / len(slope)

    found = []
    for level in _LEVELS.values():
        ends = [_solved(below, level, extra) for extra in (1.0, 0.0)]
        found.append(ends[0] if level < 0.5 else ends[1] if level > 0.5 else np.mean(ends))
    return np.array(found)


def _solved(below, level: float, extra: float) -> float:
    if below(-_WIDEST, extra) >= level:
        return -np.inf
    if below(_WIDEST, extra) <= level:
        return np.inf
    return scipy.optimize.brentq(lambda x: below(x, extra) - level, -_WIDEST, _WIDEST, xtol=1e-10)


def _numbers(growth: np.ndarray) -> dict[str, float]:
    """Return quantiles of growth, and of the doubling time, which runs the other way."""
    with np.errstate(divide="ignore"):
        days = np.where(growth > 0, np.log(2.0) / growth * DAYS_PER_YEAR, np.inf)[::-1]
    numbers = dict(zip((f"growth_{q}" for q in _LEVELS), growth.tolist(), strict=True))
    return numbers | dict(zip((f"doubling_days_{q}" for q in _LEVELS), days.tolist(), strict=True))
