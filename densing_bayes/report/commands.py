"""The bodies of the commands 'explain' and 'compare'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from rich.table import Table

from densing_bayes.comparison import compare_specs
from densing_bayes.explanation import explain
from densing_bayes.finished import is_run, load_result, load_run
from densing_bayes.output import write_result
from densing_bayes.pipeline import run
from densing_bayes.report.explaining import write_comparison, write_explanation
from densing_bayes.spec import as_spec, load_spec
from densing_bayes.stacked import stacked_tables

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
    """Compare specifications by leave-one-out prediction, and mix their answers by weight.

    Parameters
    ----------
    specs
        Names or paths of specifications, which are fitted, or folders of finished runs, whose
        posteriors are taken. If all are finished runs, effective sizes and growth are mixed by
        the stacking weights too.
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
    runs = {name: load_run(name) for name in specs if is_run(name)}
    chosen = [
        runs[name][0] if name in runs else as_spec(name).with_sampler(draws=draws, tune=draws)
        for name in specs
    ]
    drawn = {spec.name: laws for spec, laws in runs.values()}
    comparison, scores = compare_specs(chosen, laws=drawn, say=say)
    folder = out or Path("results") / "compare"
    written = write_comparison(comparison, scores, folder)
    if len(runs) == len(specs):
        written += _write_stacked(comparison, list(specs), folder, say=say)
    return _as_rich(comparison), written


def _write_stacked(
    comparison: pd.DataFrame, folders: list[str], folder: Path, *, say: Say
) -> list[Path]:
    """Mix sizes and growth of finished runs by their stacking weights, and write the tables."""
    weights = comparison[comparison["unit"] == "all"].set_index("spec")["weight"]
    results = {}
    for name in folders:
        say(f"sizes and growth of {name}")
        result = load_result(name)
        results[result.spec.name] = result
    if any(result.sizes is None or not result.trends for result in results.values()):
        say("a run without models has no sizes to be mixed")
        return []
    tables = stacked_tables(results, weights.to_dict())
    written = []
    for name, table in tables.items():
        written.append(folder / f"{name}.csv")
        table.to_csv(written[-1], index=False)
    return written


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
