"""Tables of the report: texts for people, and keys to sort them by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes._human import number, percent, size, span
from densing_bayes._report_words import Days, falling_series
from densing_bayes.effective_size import ALL
from densing_bayes.laws import reachable_score
from densing_bayes.pipeline import Result

__all__ = [
    "Cell",
    "Table",
    "by_benchmark_table",
    "check_table",
    "density_table",
    "excluded_tables",
    "growth_rows",
    "heldout_table",
    "law_table",
    "mode_table",
    "prior_table",
    "range_table",
    "release_day",
]

_TRENDS = {"average": "typical model", "envelope": "record holders (biased)"}
_STATUS = {
    "interior": "bounded",
    "open_below": "open below",
    "open_above": "open above",
    "open_both": "open both ways",
    "not_measured": "not measured",
}


@dataclass(frozen=True)
class Cell:
    """A cell: what is read, and what it is sorted by.

    Parameters
    ----------
    text
        What is read.
    key
        Number to sort by; None sorts by the text.
    mark
        A class for its look: ``"good"``, ``"bad"``, ``"beware"`` or blank.
    """

    text: str
    key: float | None = None
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table ready to print.

    Parameters
    ----------
    caption
        What it shows.
    columns
        Headings.
    rows
        Cells; the first of a row names it.
    numeric
        Places of the columns that are set flush right.
    sortable
        Whether a reader may sort it.
    """

    caption: str
    columns: Sequence[str]
    rows: list[list[Cell]] = field(default_factory=list)
    numeric: Sequence[int] = ()
    sortable: bool = False


def _quantile_cell(low: float, mid: float, high: float, write=number) -> Cell:
    """Return ``median (low to high)``, or only the interval where the median is out of range."""
    ends = span(low, high, write)
    if not math.isfinite(mid) or mid == 0:
        return Cell(ends, mid)
    return Cell(f"{write(mid)} ({ends})", mid)


def _interval(draws: xr.DataArray, write=number) -> Cell:
    low, mid, high = (float(q) for q in np.quantile(draws.values, (0.05, 0.5, 0.95)))
    return _quantile_cell(low, mid, high, write)


def growth_rows(result: Result) -> Table:
    """Tabulate growth rates and doubling times.

    Parameters
    ----------
    result
        The result.

    Returns
    -------
    Table
        A row a trend and benchmark or series.
    """
    falling = falling_series(result)
    rows = []
    order = {trend: place for place, trend in enumerate(_TRENDS)}
    for (trend, name), fit in sorted(
        result.trends.items(), key=lambda item: order.get(item[0][0], 9)
    ):
        days = Days(fit["growth_rate"], falling=name in falling)
        rows.append(
            [
                Cell(_TRENDS.get(trend, trend)),
                Cell(name + (" (halving)" if name in falling else "")),
                Cell(days.median, days.centre),
                Cell(days.interval),
                Cell(days.growth),
                Cell(days.none or "–"),
                Cell(days.odd or "–"),
            ]
        )
    return Table(
        "Doubling time and growth rate by trend and benchmark",
        ("Trend of the", "on", "Doubling time (days)", "90 % interval (days)",
         "Growth of ln density a year (90 %)", "P(no growth)", "Unusual growth"),
        rows, numeric=(2, 3, 4, 5),
    )  # fmt: skip


def density_table(result: Result) -> Table:
    """Tabulate sizes and densities of all models on all benchmarks together.

    Parameters
    ----------
    result
        A result with densities.

    Returns
    -------
    Table
        A row a model, newest first.
    """
    dense, sizes = (t[t["benchmark"] == ALL] for t in (result.density, result.effective_size))
    organisations = dict(zip(*_names_of(result, "organisation"), strict=True))
    both = dense.merge(sizes[["llm", "q05", "q50", "q95"]], on="llm", suffixes=("", "_size"))
    both = both.sort_values(["release_date", "llm"], ascending=[False, True])
    rows = []
    for row in both.itertuples():
        out = [
            f"{percent(share)} {side}"
            for share, side in ((row.share_below, "below"), (row.share_above, "above"))
            if share > 0
        ]
        rows.append(
            [
                Cell(row.llm),
                _date(row.release_date),
                Cell(organisations.get(row.llm, "")),
                Cell(size(row.params), row.params),
                _quantile_cell(row.q05_size, row.q50_size, row.q95_size, size),
                _quantile_cell(row.q05, row.q50, row.q95),
                Cell(", ".join(out) or "–", row.share_below + row.share_above),
                Cell(_STATUS[row.status], mark="" if row.status == "interior" else "beware"),
            ]
        )
    return Table(
        "Effective size and density of every model, all benchmarks together: median (90 % "
        "interval). An open end is written with ≤ or ≥.",
        ("Model", "Released", "Developer", "Size", "Effective size", "Density",
         "Draws out of range", "90 % interval"),
        rows, numeric=(3, 4, 5, 6), sortable=True,
    )  # fmt: skip


def by_benchmark_table(result: Result) -> Table:
    """Tabulate the densities benchmark by benchmark.

    Parameters
    ----------
    result
        A result with densities.

    Returns
    -------
    Table
        A row a model, a column a benchmark.
    """
    table = result.density
    names = [name for name in table["benchmark"].unique() if name != ALL]
    rows = []
    for llm, part in table.groupby("llm", sort=False):
        cells = {
            row.benchmark: Cell("–")
            if row.status == "not_measured"
            else _quantile_cell(row.q05, row.q50, row.q95)
            for row in part.itertuples()
        }
        rows.append((part["release_date"].iloc[0], [Cell(str(llm)), *(cells[n] for n in names)]))
    rows.sort(key=lambda item: (-pd.Timestamp(item[0]).value, item[1][0].text))
    return Table(
        "Density on each benchmark: median (90 % interval)",
        ("Model", *names),
        [cells for _, cells in rows],
        numeric=range(1, len(names) + 1),
        sortable=True,
    )


def release_day(value) -> str:
    """Write a date as 2024-03-18, or a dash where it is unknown.

    Parameters
    ----------
    value
        What pandas takes for a date.

    Returns
    -------
    str
        As text.
    """
    return "–" if pd.isna(value) else f"{pd.Timestamp(value):%Y-%m-%d}"


def _date(value) -> Cell:
    return Cell(release_day(value), math.nan if pd.isna(value) else pd.Timestamp(value).value)


def _names_of(result: Result, coord: str) -> tuple[list[str], list[str]]:
    panel = result.panel
    if panel is None or coord not in panel.coords:
        return [], []
    return [str(v) for v in panel["llm"].values], [str(v) for v in panel[coord].values]


def excluded_tables(excluded: pd.DataFrame) -> list[Table]:
    """Count what the panel left out, by reason: models, and scores of models.

    Parameters
    ----------
    excluded
        From :func:`densing_bayes.load_panel`.

    Returns
    -------
    list of Table
        One of models, one of scores; those without rows are left out.
    """
    whole = excluded["row"].isna()
    reason = excluded["reason"].str.replace(
        r"^row \d+ preferred: .*", "another measurement of the same score was preferred", regex=True
    )
    tables = []
    for chosen, what in ((whole, "models"), (~whole, "scores")):
        counts = reason[chosen].value_counts(sort=False)
        counts = counts.sort_values(ascending=False, kind="stable")
        rows = [[Cell(str(why)), Cell(f"{n:,}", float(n))] for why, n in counts.items()]
        if rows:
            caption = f"{int(chosen.sum()):,} {what} left out of the panel, by reason"
            tables.append(Table(caption, ("Reason", what.capitalize()), rows, numeric=(1,)))
    return tables


def range_table(result: Result) -> Table:
    """Tabulate floors, ceilings, reachable scores and the shares of draws out of range.

    Parameters
    ----------
    result
        A result whose laws have a score law.

    Returns
    -------
    Table
        A row a benchmark.
    """
    assert result.laws is not None
    posterior = result.laws["posterior"].to_dataset()
    data = result.laws["reference_data"].to_dataset()
    part = result.spec.effective_size
    shares = _shares(result)
    columns = ["Benchmark", "Floor (90 %)", "Ceiling (90 %)", "Best score seen"]
    columns += [f"Score of infinite size at {size(part.tokens)} tokens"] if part else []
    columns += ["Draws below", "Draws above"] if shares else []
    rows = []
    for name in map(str, posterior["benchmark"].values):
        law = {
            k: posterior[k].sel(benchmark=name)
            for k in posterior
            if "benchmark" in posterior[k].dims
        }
        best = data["best_score"].sel(benchmark=name).item() if "best_score" in data else math.nan
        row = [Cell(name), _interval(law["d"]), _interval(law["ceiling"])]
        row.append(Cell("–" if math.isnan(best) else number(best), best))
        if part:
            keys = [k for k in ("b", "beta", "c", "gamma", "l", "d", "e") if k in law]
            row.append(_interval(reachable_score(tokens=part.tokens, **{k: law[k] for k in keys})))
        row += [Cell(percent(share), share) for share in shares.get(name, ())]
        rows.append(row)
    return Table(
        "Where scores stop to tell sizes apart, and how often models' draws fall outside",
        columns, rows, numeric=range(1, len(columns)),
    )  # fmt: skip


def _shares(result: Result) -> dict[str, tuple[float, float]]:
    """Return the mean shares of draws below and above, over the models, by benchmark."""
    if result.densities is None:
        return {}
    table = result.density[result.density["status"] != "not_measured"]
    means = table.groupby("benchmark")[["share_below", "share_above"]].mean()
    return {str(k): (float(v["share_below"]), float(v["share_above"])) for k, v in means.iterrows()}


def law_table(laws: xr.DataTree) -> Table:
    """Tabulate the parameters of the laws.

    Parameters
    ----------
    laws
        The laws.

    Returns
    -------
    Table
        A row a benchmark.
    """
    posterior = laws["posterior"].to_dataset()
    wanted = ("a", "alpha", "b", "beta", "e", "c", "gamma", "l", "d", "phi", "sigma")
    names = [name for name in wanted if name in posterior]
    rows = [
        [Cell(str(b)), *(_interval(posterior[n].sel(benchmark=b)) for n in names)]
        for b in posterior["benchmark"].values
    ]
    return Table(
        "Parameters of the laws under the field's letters: median (90 % interval); loss in nats "
        "per token",
        ("Benchmark", *names), rows, numeric=range(1, len(names) + 1),
    )  # fmt: skip


def mode_table(modes: xr.Dataset) -> Table:
    """Tabulate the modes of the posterior.

    Parameters
    ----------
    modes
        The group ``modes`` of the laws.

    Returns
    -------
    Table
        A row a mode.
    """
    rows = []
    for k in range(modes.sizes["mode"]):
        one = {name: float(modes[name].values[k]) for name in modes.data_vars}
        weighed = math.isfinite(one["log_evidence"])
        rows.append(
            [
                Cell(str(k + 1)),
                Cell(f"{one['chains']:.0f}"),
                Cell(number(one["log_density"])),
                Cell(number(one["log_evidence"]) if weighed else "too poor to weigh"),
                Cell(percent(one["mass"]) if weighed else "0 %"),
            ]
        )
    return Table(
        "Modes found by chains started over the prior",
        ("Mode", "Chains that ended there", "Mean log density (nats)", "Log evidence (nats)",
         "Share of the mass"),
        rows, numeric=(1, 2, 3, 4),
    )  # fmt: skip


def check_table(checks: pd.DataFrame) -> Table:
    """Tabulate the diagnostics.

    Parameters
    ----------
    checks
        ``Result.diagnostics``.

    Returns
    -------
    Table
        A row a check, failed ones first.
    """
    looks = {True: ("passed", "good"), False: ("FAILED", "bad"), "beware": ("beware", "beware")}
    rows = []
    for row in checks.itertuples():
        word, mark = looks.get(row.passed, ("not judged", ""))
        cells = [
            Cell(row.check.replace("_", " ")),
            Cell(number(row.value)),
            Cell(row.threshold or "–"),
            Cell(word, mark=mark),
            Cell(row.sentence),
        ]
        rows.append((("bad", "beware", "good", "").index(mark) // 2, cells))
    rows.sort(key=lambda item: item[0])
    return Table(
        "Diagnostics: what was found, against what",
        ("Check", "Value", "Wanted", "Outcome", "What it says"),
        [cells for _, cells in rows],
        numeric=(1, 2),
    )


def prior_table(spec: dict) -> Table:
    """Tabulate the priors with their reasons.

    Parameters
    ----------
    spec
        The resolved specification.

    Returns
    -------
    Table
        A row a prior.
    """
    rows = []
    for part in ("loss_law", "score_law"):
        for name, value in spec.get(part, {}).items():
            if isinstance(value, dict):
                words = [
                    f"{key} {_distribution(value[key])}" for key in ("mean", "sd") if key in value
                ]
                text = ", ".join(words) or _distribution(value["prior"])
                rows.append([Cell(name.replace("_", " ")), Cell(value.get("pooling", "one number")),
                             Cell(text), Cell(value.get("reason", ""))])  # fmt: skip
    trend = spec.get("trend", {}).get("average", {})
    rows += [
        [Cell(f"trend: {name.replace('_', ' ')}"), Cell("one number"), Cell(_distribution(value)),
         Cell(trend["reason"])]
        for name, value in trend.items() if isinstance(value, dict)
    ]  # fmt: skip
    return Table(
        "Priors, and why", ("Parameter", "Pooling over benchmarks", "Prior", "Reason"), rows
    )


def _distribution(value: dict) -> str:
    """Write a distribution as ``Normal(mu=0, sigma=1)``."""
    numbers = value.get("parameters", {k: v for k, v in value.items() if k != "dist"})
    return f"{value['dist']}({', '.join(f'{k}={v:g}' for k, v in numbers.items())})"


def heldout_table(predicted: pd.DataFrame) -> Table:
    """Tabulate predicted and observed scores of points that the fit did not see.

    Parameters
    ----------
    predicted
        From :func:`densing_bayes.heldout.predict_heldout`.

    Returns
    -------
    Table
        A row a point.
    """
    rows = [
        [
            Cell(row.checkpoint),
            Cell(number(row.loss)),
            Cell(f"{number(row.q50)} ({span(row.q05, row.q95)})"),
            Cell(number(row.score)),
            Cell("inside" if row.inside else "outside", mark="good" if row.inside else "bad"),
            Cell(percent(row.p_above)),
        ]
        for row in predicted.itertuples()
    ]
    return Table(
        "Calibration points that the fit did not see: predicted and observed score",
        ("Point", "Loss (nats per token)", "Predicted (90 % interval)", "Observed", "Interval",
         "P(higher than observed)"),
        rows, numeric=(1, 2, 3, 5),
    )  # fmt: skip
