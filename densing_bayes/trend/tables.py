"""Tables of trend models side by side, and their stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.stacking import stack_draws
from densing_bayes.trend.clock import DAYS_PER_YEAR, ORIGIN, years_since_origin
from densing_bayes.trend.fitting import growth_at
from densing_bayes.trend.growth import growth_numbers
from densing_bayes.trend.heldout import coverage, inside
from densing_bayes.trend.side_by_side import ENVELOPE, SideBySide, Source
from densing_bayes.trend.weights import compare_held_out

__all__ = [
    "claim_table",
    "growth_over_time",
    "held_out_table",
    "side_by_side_table",
    "stack_across_laws",
    "stacks",
    "trend_scores",
]

#: Draws of a stack.
_STACK = 4000
LEFT_OUT = "left out"


def trend_scores(found: SideBySide) -> pd.DataFrame:
    """Tabulate how trends predict what they have not seen.

    Parameters
    ----------
    found
        From :func:`densing_bayes.trend.side_by_side.compare_trends`.

    Returns
    -------
    pandas.DataFrame
        A row a source, way and trend: ``run``, ``benchmark``, ``by`` (``left out``, or ``after``
        and the date), ``trend``, the columns of
        :func:`densing_bayes.trend.weights.compare_held_out`, ``models`` (scored), ``coverage_90``,
        ``largest_k`` (mean Pareto k over rows, of the worst model), ``refits``.
    """
    tables = []
    for source, by, scores in _ways(found):
        table = compare_held_out(scores)
        table.insert(0, "trend", table.index)
        table.insert(0, "by", by)
        table.insert(0, "benchmark", source[1])
        table.insert(0, "run", source[0])
        table["models"] = [scores[name].sizes["llm"] for name in table["trend"]]
        table["coverage_90"] = [coverage(scores[name]) for name in table["trend"]]
        table["largest_k"] = [_largest_k(scores[name]) for name in table["trend"]]
        table["refits"] = [_refits(scores[name]) for name in table["trend"]]
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _ways(found: SideBySide) -> Iterator[tuple[Source, str, dict[str, xr.Dataset]]]:
    """Give every source and way in which its trends were scored, with the scores by trend."""
    for source, left_out in found.left_out.items():
        ways = {LEFT_OUT: left_out}
        ways |= {f"after {cutoff}": scores for cutoff, scores in found.later[source].items()}
        for by, scores in ways.items():
            if scores:
                yield source, by, scores


def _largest_k(scores: xr.Dataset) -> float:
    return float(scores["pareto_k"].mean("row").max()) if "pareto_k" in scores else np.nan


def _refits(scores: xr.Dataset) -> int:
    return int(scores["refitted"].sum()) if "refitted" in scores else 0


def held_out_table(found: SideBySide) -> pd.DataFrame:
    """Tabulate the score of every model under every trend.

    Parameters
    ----------
    found
        From :func:`densing_bayes.trend.side_by_side.compare_trends`.

    Returns
    -------
    pandas.DataFrame
        ``run``, ``benchmark``, ``by``, ``trend``, ``llm``, ``release_date``, ``elpd`` (nats),
        ``inside_90`` (share of the laws' draws), ``pareto_k``, ``refitted``.
    """
    tables = []
    for source, by, scores in _ways(found):
        for name, one in scores.items():
            columns = {
                "run": source[0], "benchmark": source[1], "by": by, "trend": name,
                "llm": one["llm"].values,
                "release_date": one["release_date"].values.astype("datetime64[D]").astype(str),
                "elpd": one["log_score"].mean("row").values,
                "inside_90": inside(one).values,
                "pareto_k": one["pareto_k"].mean("row").values if "pareto_k" in one else np.nan,
                "refitted": one["refitted"].values if "refitted" in one else False,
            }  # fmt: skip
            tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def stacks(found: SideBySide, scores: pd.DataFrame) -> dict[Source, dict[str, xr.Dataset]]:
    """Mix the growth of trends by their weights.

    Parameters
    ----------
    found
        From :func:`densing_bayes.trend.side_by_side.compare_trends`.
    scores
        Their :func:`trend_scores`.

    Returns
    -------
    dict
        By source: ``stack (left out)``, ``stack (after ...)`` and ``pseudo-BMA+ (left out)``;
        each ``growth_rate`` over (chain, draw), with the trend that each draw is of.
    """
    out: dict[Source, dict[str, xr.Dataset]] = {}
    for source in found.left_out:
        out[source] = {}
        mine = scores[(scores["run"] == source[0]) & (scores["benchmark"] == source[1])]
        for by, table in mine.groupby("by", sort=False):
            ways = {f"stack ({by})": "stacking"}
            if by == LEFT_OUT:
                ways |= {f"pseudo-BMA+ ({by})": "pseudo_bma"}
            for label, column in ways.items():
                weights = dict(zip(table["trend"], table[column], strict=True))
                parts = {name: _growth_draws(found.fits[source][name]) for name in weights}
                out[source][label] = stack_draws(parts, weights, draws=_STACK, seed=found.seed)
    return out


def stack_across_laws(
    stacked: Mapping[Source, Mapping[str, xr.Dataset]],
    laws_weights: Mapping[str, float],
    *,
    seed: int,
) -> dict[str, dict[str, xr.Dataset]]:
    """Mix the stacks of several runs by the weights of their laws.

    Parameters
    ----------
    stacked
        From :func:`stacks`.
    laws_weights
        By run, from :func:`densing_bayes.comparison.compare_scores`.
    seed
        Seed.

    Returns
    -------
    dict
        By benchmark and kind of stack: ``growth_rate`` over (chain, draw), with ``source`` (run).
    """
    out: dict[str, dict[str, xr.Dataset]] = {}
    for benchmark in dict.fromkeys(source[1] for source in stacked):
        of_run = {run: one for (run, name), one in stacked.items() if name == benchmark}
        for label in next(iter(of_run.values())):
            parts = {run: one[label].drop_vars("source") for run, one in of_run.items()}
            weights = {run: laws_weights[run] for run in parts}
            mixed = stack_draws(parts, weights, draws=_STACK, seed=seed)
            out.setdefault(benchmark, {})[label] = mixed
    return out


def _growth_draws(fit: xr.Dataset) -> xr.Dataset:
    """Return growth rates as draws of one chain."""
    rate = fit["growth_rate"].values.ravel()
    return xr.Dataset({"growth_rate": (("chain", "draw"), rate[None], {"units": "1/year"})})


def side_by_side_table(
    found: SideBySide,
    scores: pd.DataFrame,
    stacked: Mapping[Source, Mapping[str, xr.Dataset]],
) -> pd.DataFrame:
    """Tabulate trends of the scored sources: growth, doubling time, claim, scores, weights.

    Parameters
    ----------
    found
        From :func:`densing_bayes.trend.side_by_side.compare_trends`.
    scores, stacked
        Its :func:`trend_scores` and :func:`stacks`.

    Returns
    -------
    pandas.DataFrame
        A row a source and trend or stack: ``run``, ``benchmark``, ``trend``, ``growth_on`` (date;
        none for what is the same at all), growth, doubling time and probabilities as in
        :func:`growth_numbers`; for ``loo`` (left out) and ``lfo`` (after the first cutoff)
        ``elpd_``, ``elpd_diff_``, ``dse_``, ``mc_se_``, ``coverage_90_``, ``stacking_`` and
        ``pseudo_bma_``; empty where there is no likelihood.
    """
    rows = []
    for source in found.left_out:
        fits = found.fits[source]
        for name in [*(n for n in fits if n != ENVELOPE), ENVELOPE]:
            rows.append(_row(source, name, fits[name]) | _scores_of(scores, source, name))
        rows += [_row(source, name, one) for name, one in stacked[source].items()]
    return pd.DataFrame(rows)


def _row(source: Source, name: str, fit: xr.Dataset) -> dict:
    at = fit.attrs.get("growth_at")
    days = None if at is None else np.timedelta64(round(at * DAYS_PER_YEAR), "D")
    when = {"growth_on": "" if days is None else str(ORIGIN + days)}
    about = {"run": source[0], "benchmark": source[1], "trend": name}
    return about | when | growth_numbers(fit["growth_rate"].values)


def _scores_of(scores: pd.DataFrame, source: Source, name: str) -> dict:
    out: dict[str, float] = {}
    if scores.empty:
        return out
    mine = scores[
        (scores["run"] == source[0])
        & (scores["benchmark"] == source[1])
        & (scores["trend"] == name)
    ]
    ways = [by for by in scores["by"].unique() if by != LEFT_OUT]
    for short, by in (("loo", LEFT_OUT), ("lfo", ways[0] if ways else "")):
        for _, row in mine[mine["by"] == by].iterrows():
            for column in (
                *("elpd", "elpd_diff", "dse", "mc_se", "coverage_90", "stacking", "pseudo_bma"),
                "largest_k",
            ):
                out[f"{column}_{short}"] = float(row[column])
    out.pop("largest_k_lfo", None)
    return out


def claim_table(
    found: SideBySide, stacked: Mapping[Source, Mapping[str, xr.Dataset]]
) -> pd.DataFrame:
    """Tabulate the probability of the published doubling time, for every source and trend.

    Parameters
    ----------
    found
        From :func:`densing_bayes.trend.side_by_side.compare_trends`.
    stacked
        Its :func:`stacks`.

    Returns
    -------
    pandas.DataFrame
        ``run``, ``benchmark``, ``trend``, ``doubling_q05``, ``q50``, ``q95`` (days),
        ``p_no_growth``, ``p_claim``, and ``draws``, from which its Monte Carlo error follows.
    """
    rows = []
    for source, fits in found.fits.items():
        for name, fit in {**fits, **stacked.get(source, {})}.items():
            numbers = growth_numbers(fit["growth_rate"].values)
            kept = {k: v for k, v in numbers.items() if not k.startswith("growth")}
            about = {"run": source[0], "benchmark": source[1], "trend": name}
            rows.append(about | kept | {"draws": fit["growth_rate"].size})
    return pd.DataFrame(rows)


def growth_over_time(found: SideBySide, dates: np.ndarray) -> pd.DataFrame:
    """Tabulate growth at some dates, as each trend has it.

    Parameters
    ----------
    found
        From :func:`densing_bayes.trend.side_by_side.compare_trends`.
    dates
        ``datetime64``.

    Returns
    -------
    pandas.DataFrame
        ``run``, ``benchmark``, ``trend``, ``date``, and the columns of :func:`growth_numbers`.
        A line has the same at all dates; the envelope, a line, is left out.
    """
    rows = []
    years = years_since_origin(dates)
    for source, fits in found.fits.items():
        for name, fit in fits.items():
            if name == ENVELOPE:
                continue
            growth = growth_at(fit, years, found.trends[name])
            for place, date in enumerate(np.asarray(dates, dtype="datetime64[D]")):
                about = {"run": source[0], "benchmark": source[1], "trend": name}
                numbers = growth_numbers(growth.isel(time=place).values)
                rows.append(about | {"date": str(date)} | numbers)
    return pd.DataFrame(rows)
