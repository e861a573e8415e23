"""The report's side-by-side of two specifications."""

from __future__ import annotations

import numpy as np
import pandas as pd

from densing_bayes._human import number
from densing_bayes.effective_size import ALL
from densing_bayes.report.laws import range_table
from densing_bayes.report.models import growth_table
from densing_bayes.report.table import Cell, Table, quantile_cell
from densing_bayes.result import Result

__all__ = ["comparison_tables"]

_MODELS = 12


def comparison_tables(one: Result, other: Result, density: pd.DataFrame | None) -> list[Table]:
    """Set ceilings, ranges, densities and growth of two results side by side.

    Parameters
    ----------
    one
        The result of the report.
    other
        The result it is compared with.
    density
        ``one.density``; None where it has none.

    Returns
    -------
    list of Table
        Those that both results can fill.
    """
    names = (one.spec.name, other.spec.name)
    other_density = None if other.densities is None else other.density
    tables = []
    if all(r.laws is not None and "c" in r.laws["posterior"] for r in (one, other)):
        left, right = range_table(one, density), range_table(other, other_density)
        tables.append(_ranges(left, right, names))
    if one.laws is not None and other.laws is not None:
        tables.append(_laws(one, other, names))
    if density is not None and other_density is not None:
        tables.append(_densities(density, other_density, names))
    if one.trends and other.trends:
        tables.append(_growth(one, other, names))
    return tables


def _interleaved(titles: list[str], names: tuple[str, str]) -> list[str]:
    return [f"{title}: {name}" for title in titles for name in names]


def _ranges(left: Table, right: Table, names: tuple[str, str]) -> Table:
    wanted = [t for t in ("Ceiling (90 %)", "Draws below", "Draws above")
              if t in left.columns and t in right.columns]  # fmt: skip
    there = {row[0].text: row for row in right.rows}
    rows = []
    for row in left.rows:
        twin = there.get(row[0].text)
        cells = [row[0]]
        for title in wanted:
            cells.append(row[list(left.columns).index(title)])
            cells.append(Cell("–") if twin is None else twin[list(right.columns).index(title)])
        rows.append(cells)
    return Table(
        "Ceilings and shares of draws out of range",
        ("Benchmark", *_interleaved(wanted, names)),
        rows,
        numeric=range(1, 2 * len(wanted) + 1),
    )


def _laws(one: Result, other: Result, names: tuple[str, str]) -> Table:
    """Tabulate exponents and ceilings of both, and how far apart they are."""
    left, right = (r.laws["posterior"].to_dataset() for r in (one, other) if r.laws is not None)
    shared = [name for name in ("alpha", "beta", "ceiling") if name in left and name in right]
    benchmarks = [b for b in left["benchmark"].values if b in right["benchmark"].values]
    rows = []
    for name in shared:
        for benchmark in benchmarks:
            draws = [part[name].sel(benchmark=benchmark).values.ravel() for part in (left, right)]
            ends = [np.quantile(values, (0.05, 0.5, 0.95)) for values in draws]
            apart = (draws[0].mean() - draws[1].mean()) / draws[1].std()
            rows.append(
                [
                    Cell(name),
                    Cell(str(benchmark)),
                    *(quantile_cell(*e) for e in ends),
                    Cell(number(apart, 2), apart),
                ]
            )
    return Table(
        "Exponents and ceilings: median (90 %)",
        ("Parameter", "Benchmark", *names, f"Apart, in sds of {names[1]}"),
        rows,
        numeric=(2, 3, 4),
    )


def _densities(left: pd.DataFrame, right: pd.DataFrame, names: tuple[str, str]) -> Table:
    """Tabulate a dozen models of both, spread evenly over the time."""
    both = left[left["benchmark"] == ALL].merge(
        right[right["benchmark"] == ALL], on="llm", suffixes=("", "_other")
    )
    both = both.sort_values(["release_date", "llm"])
    step = max(1, len(both) / _MODELS)
    places = sorted({min(len(both) - 1, round(step * (k + 0.5) - 0.5)) for k in range(_MODELS)})
    rows = []
    for row in both.iloc[places].itertuples():
        cells = [Cell(row.llm)]
        for low, mid, high in (
            (row.q05, row.q50, row.q95),
            (row.q05_other, row.q50_other, row.q95_other),
        ):
            cells.append(quantile_cell(low, mid, high))
        rows.append(cells)
    return Table(
        f"Densities of {len(rows)} models, spread evenly over the release dates: median (90 %)",
        ("Model", *names),
        rows,
        numeric=(1, 2),
    )


def _growth(one: Result, other: Result, names: tuple[str, str]) -> Table:
    left, right = growth_table(one), growth_table(other)
    there = {(row[0].text, row[1].text): row for row in right.rows}
    rows = []
    for row in left.rows:
        twin = there.get((row[0].text, row[1].text))
        if twin is not None:
            words = [Cell(f"{r[2].text} ({r[3].text})", r[2].key) for r in (row, twin)]
            rows.append([row[0], row[1], *words])
    return Table(
        "Doubling time in days: median (90 %)", ("Trend of the", "on", *names), rows, numeric=(2, 3)
    )
