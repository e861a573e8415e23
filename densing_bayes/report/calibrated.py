"""The report's part on effective sizes as parameters, beside those by propagation."""

from __future__ import annotations

import numpy as np

from densing_bayes._human import number, percent, size
from densing_bayes.effective_size import ALL
from densing_bayes.report.table import Cell, Table, quantile_cell
from densing_bayes.result import Result

__all__ = ["calibrated_table", "calibrated_words"]

_STATUS = {
    "interior": "decided on both sides",
    "left_censored": "no lower limit",
    "right_censored": "no upper limit",
    "prior_dominated": "not decided",
    "not_measured": "not measured",
}


def calibrated_table(result: Result) -> Table:
    """Tabulate calibrated sizes over all benchmarks beside propagated ones.

    Parameters
    ----------
    result
        A result with ``calibrated``.

    Returns
    -------
    Table
        A row a model, newest first.
    """
    ours, theirs = (
        table[table["benchmark"] == ALL]
        for table in (result.calibrated_size, result.effective_size)
    )
    both = ours.merge(theirs[["llm", "q05", "q50", "q95"]], on="llm", suffixes=("", "_other"))
    both = both.sort_values(["release_date", "llm"], ascending=[False, True])
    above = "share_above_reference"
    rows = [
        [
            Cell(row.llm),
            Cell(row.sentence, row.q50),
            quantile_cell(row.q05_other, row.q50_other, row.q95_other, size),
            Cell(_STATUS[row.status]),
            Cell(percent(row.prior_share), row.prior_share),
            Cell(number(row.shift_if_prior_doubles, 2), row.shift_if_prior_doubles),
            Cell(percent(getattr(row, above)), getattr(row, above)),
        ]
        for row in both.itertuples()
    ]
    return Table(
        "Effective size as a parameter, and by inverting draws; all benchmarks together",
        ("Model", "As a parameter: median [90 %], or a bound", "By inversion: median (90 %)",
         "The scores", "sd, of the prior's", "Shift if the prior's sd doubles (sds)",
         "Beyond the largest reference run"),
        rows, numeric=(1, 2, 4, 5, 6),
    )  # fmt: skip


def calibrated_words(result: Result) -> str:
    """Say how far benchmarks disagree, and where scores decide nothing.

    Parameters
    ----------
    result
        A result with ``calibrated``.

    Returns
    -------
    str
        Sentences.
    """
    assert result.calibrated is not None, "asked by the caller"
    low, mid, high = np.exp(result.calibrated["between_sd"].quantile([0.05, 0.5, 0.95]).values)
    status = result.calibrated["status"]
    alone = status.sel(benchmark=status["benchmark"] != ALL)
    open_cells = int((~alone.isin(["interior", "not_measured"])).sum())
    measured = int((alone != "not_measured").sum())
    return (
        f"Benchmarks put one model's size a factor of {number(mid, 2)} apart (one sd; 90 %: "
        f"{number(low, 2)} to {number(high, 2)}), errors of the laws on single benchmarks "
        f"included. In {open_cells} of {measured} cells of model and benchmark the scores leave a "
        "side without a limit; the table gives a bound where they do so on all benchmarks together."
    )
