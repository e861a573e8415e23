"""Evidence on the ceilings that needs no size to be known: the best scores seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import xarray as xr

from densing_bayes.data import PathLike, read_scores, texts
from densing_bayes.errors import Problem, TableError
from densing_bayes.panel import known_benchmarks
from densing_bayes.tables import read_table

__all__ = ["load_ceiling_evidence"]


def load_ceiling_evidence(
    *,
    benchmarks: Sequence[str],
    metrics: Mapping[str, Sequence[str]],
    exclude_flags: Sequence[str],
    llms: PathLike | None = None,
    scores: PathLike | None = None,
    benchmark_table: PathLike | None = None,
) -> xr.Dataset:
    """Find the highest score seen on each benchmark, by any model and any evaluator.

    A ceiling below it is improbable, whatever the model's size: so these scores may speak to the
    score law although the targets must not (see the cut in the documentation).

    Parameters
    ----------
    benchmarks
        Which benchmarks, in this order.
    metrics
        For each benchmark the metrics that count; other families have other ceilings.
    exclude_flags
        Scores whose flag contains one of these texts are passed over.
    llms, scores
        CSVs in the schemas ``llms`` and ``llm_scores``; None takes the bundled ones.
    benchmark_table
        CSV in the schema ``benchmarks`` that names the benchmarks; None takes the bundled one.

    Returns
    -------
    Dataset
        Dim ``benchmark``; ``best_score`` (fraction), ``best_n_items`` (items); coordinates
        ``best_llm``, ``best_evaluator``.

    Raises
    ------
    TableError
        If a table does not fit its schema, or a benchmark has no score with a known item count.
    """
    names = None if scores is None else [*known_benchmarks(benchmark_table), *benchmarks]
    frame = read_scores(scores, llms=read_table("llms", llms), benchmarks=names)
    flags = frame["flag"].fillna("").astype(str)
    flagged = flags.map(lambda flag: any(text in flag for text in exclude_flags)).astype(bool)
    usable = frame[~flagged & frame["n_items"].notna()]
    best, lacking = [], []
    for name in benchmarks:
        rows = usable[(usable["benchmark"] == name) & usable["metric"].isin(metrics[name])]
        if rows.empty:
            lacking.append(name)
        else:
            best.append(rows.sort_values("score", kind="stable").iloc[-1])
    if lacking:
        raise TableError(
            Problem(
                message="no score with a known item count to bound the ceiling with",
                file=frame.attrs["path"],
                value=name,
                hint="Add such a score, or set data.ceiling_evidence = false.",
            )
            for name in lacking
        )
    return xr.Dataset(
        {
            "best_score": ("benchmark", [float(row["score"]) for row in best], {"units": "1"}),
            "best_n_items": (
                "benchmark",
                [int(row["n_items"]) for row in best],
                {"units": "items"},
            ),
        },
        coords={
            "benchmark": texts(list(benchmarks)),
            "best_llm": ("benchmark", texts([row["llm"] for row in best])),
            "best_evaluator": ("benchmark", texts([row["evaluator"] for row in best])),
        },
        attrs={key: frame.attrs[key] for key in ("table", "path", "sha256")},
    )
