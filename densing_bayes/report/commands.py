"""The bodies of the commands 'explain' and 'compare'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from rich.table import Table

from densing_bayes.comparison import compare_specs
from densing_bayes.explanation import explain
from densing_bayes.finished import load_result
from densing_bayes.output import write_result
from densing_bayes.pipeline import run
from densing_bayes.report.explaining import write_comparison, write_explanation
from densing_bayes.spec import as_spec, load_spec

__all__ = ["compare_command", "explain_command"]

Say = Callable[[str], None]


def explain_command(
    target: str, *, out: Path | None, llms: Sequence[str] | None, refit: bool, say: Say
) -> tuple[list[str], list[Path]]:
    """Explain a finished run, or a specification, which is run first.

    Parameters
    ----------
    target
        Folder of a finished run, or name or path of a specification.
    out
        Folder of the run; its subfolder ``explain`` is written. None takes the folder given, or
        ``results/<name>``.
    llms
        Models to name.
    refit
        Whether to fit again where reweighting cannot be trusted.
    say
        Is told what is being done.

    Returns
    -------
    sentences : list of str
        What was found.
    written : list of pathlib.Path
        The files written.
    """
    if Path(target).is_dir():
        folder = out or Path(target)
        result = load_result(target, say=say)
    else:
        spec = load_spec(target)
        folder = out or Path("results") / spec.name
        result = run(spec, progress=False, say=say)
        write_result(result, folder, figures=False)
    found = explain(result, llms=llms, refit=refit, say=say)
    say("writing tables and figures")
    return found.sentences(), write_explanation(found, folder / "explain")


def compare_command(
    specs: Sequence[str], *, out: Path | None, draws: int | None, say: Say
) -> tuple[Table, list[Path]]:
    """Compare specifications by leave-one-out prediction.

    Parameters
    ----------
    specs
        Names or paths of specifications.
    out
        Folder; None takes ``results/compare``.
    draws
        Draws a chain of the full fits, after as many tuning steps; None as specified.
    say
        Is told what is being done.

    Returns
    -------
    table : rich.table.Table
        To be shown.
    written : list of pathlib.Path
        The files written.
    """
    chosen = [as_spec(name).with_sampler(draws=draws, tune=draws) for name in specs]
    comparison, scores = compare_specs(chosen, say=say)
    written = write_comparison(comparison, scores, out or Path("results") / "compare")
    return _as_rich(comparison), written


def _as_rich(comparison: pd.DataFrame) -> Table:
    table = Table("model", "on", "log score", "less the best's", "weight", "refits", "untrusted")
    for _, row in comparison.iterrows():
        table.add_row(
            row["spec"],
            {"all": "runs and checkpoints", "run": "runs", "checkpoint": "checkpoints"}[
                row["unit"]
            ],
            f"{row['elpd']:.1f} ± {row['se']:.1f}",
            f"{row['elpd_diff']:.1f} ± {row['dse']:.1f}",
            f"{row['weight']:.2f}",
            str(row["refits"]),
            str(row["untrusted"]),
        )
    return table
