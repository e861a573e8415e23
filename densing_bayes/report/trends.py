"""The body of the command 'trends': all trend models side by side, shown and written."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from rich.table import Table

from densing_bayes.comparison import compare_scores, leave_one_out
from densing_bayes.errors import InputError, Problem
from densing_bayes.finished import load_densities, load_run
from densing_bayes.fit import versions
from densing_bayes.report.commands import Say
from densing_bayes.report.explaining import write_tables_and_figures
from densing_bayes.spec import Spec
from densing_bayes.spec_parts import SeriesPart
from densing_bayes.trend.claim import CLAIM_MONTHS
from densing_bayes.trend.files import FrontierFile, TrendFile
from densing_bayes.trend.growth import growth_numbers
from densing_bayes.trend.membership import frontier_members
from densing_bayes.trend.predictive import fitted_of
from densing_bayes.trend.rows import rows_of
from densing_bayes.trend.series import read_series
from densing_bayes.trend.side_by_side import SideBySide, Source, compare_trends
from densing_bayes.trend.tables import (
    claim_table,
    growth_over_time,
    held_out_table,
    side_by_side_table,
    stack_across_laws,
    stacks,
    trend_scores,
)

__all__ = ["trends_command"]

PUBLISHED = "published"
_SERIES = {
    "five_benchmarks": "published_density",
    "mmlu_cf": "published_density_mmlu_cf",
    "mmlu": "published_density_mmlu",
}
#: Equal draws of a published series, which has no error of its own.
_SERIES_DRAWS = 500
_ACROSS = "laws x trends"


@dataclass(frozen=True)
class _Runs:
    """Finished runs: specifications and densities by name, and weights of their laws."""

    specs: dict[str, Spec]
    densities: dict[str, xr.Dataset]
    hashes: dict[str, str]
    weights: dict[str, float]


def trends_command(
    folders: Sequence[str],
    *,
    benchmarks: Sequence[str],
    cutoffs: Sequence[str],
    trends: Sequence[TrendFile],
    out: Path | None,
    tokens: float | None,
    weights: Path | None,
    seed: int,
    jobs: int,
    say: Say,
) -> tuple[list[Table], list[str], list[Path]]:
    """Fit all trend models to finished runs, compare and stack them, and write what was found.

    Parameters
    ----------
    folders
        Of finished runs.
    benchmarks
        On which trends are scored and stacked; they are fitted to all.
    cutoffs
        Dates after which models are predicted from those before.
    trends
        Trend models.
    out
        Folder; None takes that of the first run.
    tokens
        Training data D0; None takes that of the runs.
    weights
        ``comparison.csv`` of the command 'compare' with the weights of several runs; None
        estimates them by importance sampling.
    seed
        Seed.
    jobs
        Processes.
    say
        Is told what is being done.

    Returns
    -------
    tables : list of rich.table.Table
        To be shown.
    notes : list of str
        What to know when reading them.
    written : list of pathlib.Path
        The files written.

    Raises
    ------
    InputError
        If a folder has no densities, a benchmark is not among theirs, a cutoff does not divide
        the models, or weights are lacking.
    """
    runs = _load(folders, tokens=tokens, weights=weights, say=say)
    sources: dict[Source, xr.Dataset] = {}
    for run, densities in runs.densities.items():
        _must_have(benchmarks, run, densities)
        _must_divide(cutoffs, run, densities)
        names = [*benchmarks, *(b for b in densities["benchmark"].values if b not in benchmarks)]
        sources |= {(run, str(name)): densities.sel(benchmark=name, drop=True) for name in names}
    for name, table in _SERIES.items():
        part = SeriesPart(name=name, table=table, value="density", record="max")
        sources[PUBLISHED, name] = read_series(part, draws=_SERIES_DRAWS)
    scored = [(run, name) for run in runs.densities for name in benchmarks]
    found = compare_trends(
        sources, trends, scored=scored, cutoffs=cutoffs, seed=seed, jobs=jobs, say=say
    )
    scores = trend_scores(found)
    stacked = stacks(found, scores)
    tables = {
        "trends": side_by_side_table(found, scores, stacked),
        "trends_scores": scores,
        "trends_heldout": held_out_table(found),
        "trends_claim": claim_table(found, stacked),
        "trends_growth_over_time": growth_over_time(found, _dates(sources)),
        "frontier_members": _members(found, sources),
    }
    if len(runs.specs) > 1:
        across = stack_across_laws(stacked, runs.weights, seed=seed)
        tables["trends"] = pd.concat([tables["trends"], _across_rows(across)], ignore_index=True)
    say("writing tables and the figure")
    folder = out or Path(folders[0])
    written = _write(tables, folder)
    path = folder / "trends.json"
    record = _record(runs, found, cutoffs=cutoffs, tokens=tokens)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    shown = [_growth_shown(tables["trends"]), _scores_shown(scores), _claim_shown(tables)]
    return shown, _notes(found), [*written, path]


def _load(folders: Sequence[str], *, tokens: float | None, weights: Path | None, say: Say) -> _Runs:
    specs: dict[str, Spec] = {}
    densities: dict[str, xr.Dataset] = {}
    hashes: dict[str, str] = {}
    by_folder: dict[str, str] = {}
    for folder in folders:
        say(f"densities of {folder}")
        spec, panel, found = load_densities(folder, tokens=tokens)
        if spec.name in specs:
            raise InputError(
                [
                    Problem(
                        message=f"two runs of '{spec.name}'",
                        value=str(folder),
                        allowed="runs of different models",
                        hint="Name each run once.",
                    )
                ]
            )
        specs[spec.name], densities[spec.name], by_folder[spec.name] = spec, found, folder
        hashes |= {key: str(panel.attrs[f"{key}_sha256"]) for key in ("llms", "scores")}
    laws = dict.fromkeys(specs, 1.0)
    if len(specs) > 1 and weights is None:
        laws = _estimated_weights(by_folder, say)
    elif len(specs) > 1 and weights is not None:
        laws = _given_weights(weights, list(specs))
    return _Runs(specs, densities, hashes, laws)


def _estimated_weights(by_folder: Mapping[str, str], say: Say) -> dict[str, float]:
    """Stack laws by importance sampling alone: exact refits take minutes each."""
    scores = {}
    for name, folder in by_folder.items():
        spec, laws = load_run(folder)
        scores[name] = leave_one_out(spec, laws=laws, exact=False)
        doubted = int((~scores[name]["trusted"]).sum())
        say(f"weight of {name}: {doubted} of {len(scores[name])} scores not to be trusted")
    table = compare_scores(scores)
    return table[table["unit"] == "all"].set_index("spec")["weight"].to_dict()


def _given_weights(path: Path, names: list[str]) -> dict[str, float]:
    table = pd.read_csv(path)
    have = table[table["unit"] == "all"].set_index("spec")["weight"].to_dict()
    lacking = [name for name in names if name not in have]
    if lacking or not sum(have.get(name, 0.0) for name in names) > 0:
        raise InputError(
            [
                Problem(
                    message=f"no weight for {', '.join(lacking) or 'any of the runs'}",
                    file=str(path),
                    allowed=f"weights of {', '.join(names)}",
                    hint="Compare these runs first: densing-bayes compare FOLDER FOLDER.",
                )
            ]
        )
    return {name: have[name] for name in names}


def _must_have(benchmarks: Sequence[str], run: str, densities: xr.Dataset) -> None:
    have = [str(name) for name in densities["benchmark"].values]
    for name in benchmarks:
        if name not in have:
            raise InputError(
                [
                    Problem(
                        message=f"'{run}' has no densities on this benchmark",
                        value=name,
                        allowed=", ".join(have),
                        hint="Choose one of these with --benchmark.",
                    )
                ]
            )


def _must_divide(cutoffs: Sequence[str], run: str, densities: xr.Dataset) -> None:
    dates = densities["release_date"].values.astype("datetime64[D]")
    for cutoff in cutoffs:
        if not dates.min() <= np.datetime64(cutoff) < dates.max():
            raise InputError(
                [
                    Problem(
                        message=f"'{run}' has no models on both sides of this cutoff",
                        value=cutoff,
                        allowed=f"a date from {dates.min()} to before {dates.max()}",
                        hint="Choose another with --cutoff.",
                    )
                ]
            )


def _dates(sources: Mapping[Source, xr.Dataset]) -> np.ndarray:
    """Return the first days of quarters between the first and the last release."""
    every = np.concatenate([one["release_date"].values for one in sources.values()])
    first, last = every.min(), every.max()
    quarters = pd.date_range(first, last, freq="QS").values
    return np.unique(np.concatenate([quarters, [last]]).astype("datetime64[D]"))


def _members(found: SideBySide, sources: Mapping[Source, xr.Dataset]) -> pd.DataFrame:
    tables = []
    for source in found.left_out:
        densities, frontiers = sources[source], {}
        for name, trend in found.trends.items():
            if isinstance(trend, FrontierFile):
                fit = found.fits[source][name]
                same = densities.sel(chain=fit["chain"], draw=fit["draw"])
                frontiers[name] = (fitted_of(fit, trend), rows_of(same))
        table = frontier_members(densities, frontiers)
        table.insert(0, "benchmark", source[1])
        table.insert(0, "run", source[0])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _across_rows(across: Mapping[str, Mapping[str, xr.Dataset]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"run": _ACROSS, "benchmark": benchmark, "trend": label, "growth_on": ""}
            | growth_numbers(one["growth_rate"].values)
            for benchmark, by_label in across.items()
            for label, one in by_label.items()
        ]
    )


def _write(tables: Mapping[str, pd.DataFrame], folder: Path) -> list[Path]:
    from densing_bayes import plots

    drawers = {"trends": lambda: plots.plot_trend_comparison(tables["trends"])}
    return write_tables_and_figures(tables, drawers, folder)


def _record(
    runs: _Runs, found: SideBySide, *, cutoffs: Sequence[str], tokens: float | None
) -> dict[str, Any]:
    return {
        "runs": {name: {"spec_sha256": spec.digest} for name, spec in runs.specs.items()},
        "weights_of_laws": runs.weights,
        "trends": {
            name: trend.model_dump(mode="json", exclude_none=True)
            for name, trend in found.trends.items()
        },
        "data_sha256": runs.hashes,
        "cutoffs": list(cutoffs),
        "tokens": tokens,
        "claim_months": list(CLAIM_MONTHS),
        "left_aside": found.left_aside,
        "seed": found.seed,
        "versions": versions() | {"python": platform.python_version()},
    }


def _growth_shown(table: pd.DataFrame) -> Table:
    months = f"P({CLAIM_MONTHS[0]:g} to {CLAIM_MONTHS[1]:g} months)"
    shown = Table("run", "on", "trend", "growth a year", "doubling, days", "P(no growth)", months)
    for _, row in table.iterrows():
        shown.add_row(
            row["run"], row["benchmark"], row["trend"],
            f"{row['growth_q50']:.2f}  [{row['growth_q05']:.2f}, {row['growth_q95']:.2f}]",
            _days(row), f"{row['p_no_growth']:.3f}", f"{row['p_claim']:.2f}",
        )  # fmt: skip
    return shown


def _scores_shown(scores: pd.DataFrame) -> Table:
    shown = Table(
        "run", "on", "scored by", "trend", "log score", "less the best's", "MC error", "in 90 %",
        "stacking", "pseudo-BMA+", "Pareto k", "refits",
    )  # fmt: skip
    for _, row in scores.iterrows():
        shown.add_row(
            row["run"], row["benchmark"], f"{row['by']} ({row['models']})", row["trend"],
            f"{row['elpd']:.1f} ± {row['se']:.1f}",
            f"{row['elpd_diff']:.1f} ± {row['dse']:.1f}", f"{row['mc_se']:.1f}",
            f"{row['coverage_90']:.0%}", f"{row['stacking']:.2f}", f"{row['pseudo_bma']:.2f}",
            "" if np.isnan(row["largest_k"]) else f"{row['largest_k']:.2f}", str(row["refits"]),
        )  # fmt: skip
    return shown


def _claim_shown(tables: Mapping[str, pd.DataFrame]) -> Table:
    """Show the probability of the claim: sources down, trends across."""
    claim = tables["trends_claim"]
    wide = claim.pivot_table(
        index=["run", "benchmark"], columns="trend", values="p_claim", sort=False
    )
    months = f"P({CLAIM_MONTHS[0]:g} <= doubling <= {CLAIM_MONTHS[1]:g} months)"
    shown = Table("run", "on", *wide.columns, title=months)
    for (run, benchmark), row in wide.iterrows():
        shown.add_row(run, benchmark, *("" if np.isnan(p) else f"{p:.2f}" for p in row))
    return shown


def _days(row: pd.Series) -> str:
    return f"{row['doubling_q50']:.0f}  [{row['doubling_q05']:.0f}, {row['doubling_q95']:.0f}]"


def _notes(found: SideBySide) -> list[str]:
    return [
        "median and 90 % interval; of trends that change, growth at the last release",
        "Pareto k: of the worst model, averaged over draws of the laws; refitted if too large",
        "'envelope' is the article's method: it has no likelihood, hence no score and no weight",
        *(f"left aside: {sentence}" for sentence in found.left_aside),
    ]
