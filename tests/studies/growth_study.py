"""Is growth found where it is, and only there? Trend models on simulated worlds of known growth.

A base world of 60 models over two and a half years, and one change at a time; three true growth
rates; scatter that is Normal (what `average` assumes) or an exponential shortfall with noise (what
`frontier` assumes); and worlds that are not what any trend assumes: weak models unpublished, a
shortfall that drifts, outliers. Beside the trend models stands the article's way: least squares on
running maxima, with its t-interval. Every chunk of worlds is a file: killed at any moment, the
same command goes on where it was.

    python tests/studies/growth_study.py
    python tests/studies/growth_study.py --others 100    # fewer worlds where nothing is judged

Writes tests/artefacts/growth_study.csv (a row a cell, trend and truth), growth_study.json, and
docs/growth_study.png.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
from growth_tables import tabulate, verdict
from growth_worlds import CELLS, TRUTHS, Cell, moved, simulate
from scipy.stats import norm, t

from densing_bayes.fit import versions
from densing_bayes.plots.growth_study import plot_growth_study
from densing_bayes.sbc.provenance import code_digest, commit
from densing_bayes.sbc.replicates import finished, read_replicates, run_replicates
from densing_bayes.sbc.summary import read_identity
from densing_bayes.trend.checks import predictive_tails
from densing_bayes.trend.files import load_trend
from densing_bayes.trend.fitting import design_of, draw_trend
from densing_bayes.trend.records import fit_envelope
from densing_bayes.trend.rows import Rows

SEED = 20261125
#: Draws of each world's trend. The k-th of D draws has the probability k / (D + 1) below it, so
#: intervals between draws hold the truth as often as they should, however few the draws are.
DRAWS, DRAWS_SWEPT = 79, 39
MAKERS = (
    "densing_bayes.trend.fitting",
    "densing_bayes.trend.checks",
    "densing_bayes.trend.records",
)


def main() -> None:
    """Run the study, or go on with it, and tabulate what is finished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=10000, help="at most so many a cell")
    parser.add_argument(
        "--others", type=int, default=400, help="at most so many for trends that are not judged"
    )
    parser.add_argument("--only", nargs="+", help="keys of cells")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--kept", type=Path, default=Path("results/growth_study"))
    parser.add_argument("--out", type=Path, default=Path("tests/artefacts"))
    parser.add_argument("--figure", type=Path, default=Path("docs/growth_study.png"))
    parser.add_argument("--tabulate", action="store_true", help="tabulate what there is")
    asked = parser.parse_args()
    for cell in CELLS:
        if asked.tabulate or (asked.only and cell.key not in asked.only):
            continue
        run_replicates(
            partial(chunk_of, cell, asked.others),
            cell.chunks(asked.worlds, asked.others),
            folder=asked.kept / cell.key,
            identity=_identity(cell) | {"others": asked.others},
            made_by=commit(),
            jobs=asked.jobs,
            say=partial(_say, cell.key),
        )
    _write([cell for cell in CELLS if finished(asked.kept / cell.key)], asked)


def _identity(cell: Cell) -> dict:
    here = Path(__file__).parent
    own = "".join((here / f"growth_{name}.py").read_text() for name in ("study", "worlds"))
    trends = [
        load_trend(name).model_dump(mode="json") for name in cell.trends if name != "envelope"
    ]
    return {
        "cell": dataclasses.asdict(cell),
        "seed": SEED,
        "trends": trends,
        "code_sha256": code_digest(*MAKERS),
        "study_sha256": hashlib.sha256(own.encode()).hexdigest(),
        "versions": versions(),
    }


def chunk_of(cell: Cell, others: int):
    """Return the function from the number of a chunk to what was found in its worlds."""

    def chunk(number: int) -> dict:
        # the same worlds for the same cell, whatever is fitted to them
        kind = {"normal": 0, "shortfall": 1}[cell.kind]
        seed = [SEED, kind, cell.models, number] + [cell.again] * bool(cell.again)
        if cell.selected:  # depends on the growth: the worlds of each truth are worlds of their own
            many = {
                truth: simulate(cell, growth, np.random.default_rng(seed))
                for truth, growth in TRUTHS.items()
            }
        else:
            many = {"none": simulate(cell, 0.0, np.random.default_rng(seed))}
        found: dict = {"trends": {}, "checks": {}, "sampler": {}}
        for trend in cell.fitted(number, others):
            found["trends"][trend] = {}
            for place, (truth, rows) in enumerate(many.items()):
                rng = np.random.default_rng([*seed, sum(trend.encode()), place])
                if trend == "envelope":
                    part = _envelope(rows, [truth] if cell.selected else list(TRUTHS))
                else:
                    part = _fitted(cell, rows, trend, truth, rng, found)
                found["trends"][trend] |= part
        return found

    return chunk


def _fitted(cell: Cell, rows: Rows, trend: str, truth: str, rng, found: dict) -> dict:
    """Return intervals of every truth that these worlds stand for."""
    file = load_trend(trend)
    if trend == "saturating":  # growth added to a world is no change of its parameters
        truths = {name: growth - TRUTHS[truth] for name, growth in TRUTHS.items()}
        out = {}
        for name, added in truths.items():
            drawn, _ = draw_trend(moved(rows, added), file, draws=DRAWS_SWEPT, rng=rng)
            out[name] = _interval(_growth(drawn, file, rows), TRUTHS[name], np.zeros(DRAWS_SWEPT))
        return out
    swept = file.kind != "frontier" and (rows.side.any() or trend == "break_unknown")
    drawn, sampler = draw_trend(rows, file, draws=DRAWS_SWEPT if swept else DRAWS, rng=rng)
    if sampler:
        found["sampler"].setdefault(trend, []).append(sampler)
    checks = found["checks"].setdefault(truth, {})
    if trend == "average":
        tails = predictive_tails(rows, drawn, rng=rng)
        checks |= {name: value.tolist() for name, value in tails.items()}
    if trend == "frontier_drift":
        checks["shortfall_drift"] = (drawn["shortfall_drift"] > 0).mean(axis=1).tolist()
    growth = _growth(drawn, file, rows)
    prior = file.growth_rate.frozen()
    anchor = drawn.get("growth_rate", drawn.get("growth_before"))
    out = {}
    for name in [truth] if cell.selected else TRUTHS:
        # Growth added to a world moves its likelihood by as much and nothing else: only the
        # prior of the growth rate sees the difference.
        added = TRUTHS[name] - TRUTHS[truth]
        log_weight = prior.logpdf(anchor + added) - prior.logpdf(anchor)
        out[name] = _interval(growth + added, TRUTHS[name], log_weight)
    return out


def _growth(drawn: dict, file, rows: Rows) -> np.ndarray:
    """Return the growth rate at the last date, (row, draw)."""
    if "growth_rate" in drawn:
        return drawn["growth_rate"]
    design = design_of(file)
    theta = drawn[design.theta] if design.theta else 0.0
    return design.growth([drawn[name] for name in design.coefficients], rows.years.max(), theta)


def _interval(growth: np.ndarray, truth: float, log_weight: np.ndarray) -> dict:
    """Return quantiles of the weighted draws of each world, and the place of the truth."""
    weight = np.exp(log_weight - np.max(log_weight)) * np.ones_like(growth)
    order = growth.argsort(axis=1)
    growth = np.take_along_axis(growth, order, axis=1)
    weight = np.take_along_axis(weight, order, axis=1)
    draws = growth.shape[1]
    below = weight.cumsum(axis=1) / weight.sum(axis=1, keepdims=True) * draws / (draws + 1)
    names = {"low": 0.025, "median": 0.5, "high": 0.975}
    out = {
        name: [float(np.interp(q, p, g)) for p, g in zip(below, growth, strict=True)]
        for name, q in names.items()
    }
    place = np.where(growth < truth, weight, 0.0).sum(axis=1) / weight.sum(axis=1)
    return out | {"place": place.tolist()}


def _envelope(rows: Rows, truths: list[str]) -> dict:
    """Fit the article's way, with the interval of least squares that a reader would compute."""
    out = {}
    for name in truths:
        # worlds that depend on the growth have it already
        centre = rows.centre if len(truths) == 1 else moved(rows, TRUTHS[name]).centre
        fit = fit_envelope(centre, rows.years, record="max")
        slope, on = fit["slope"], fit["on_frontier"]
        count = on.sum(axis=1)
        mean = np.where(on, rows.years, 0.0).sum(axis=1) / count
        spread = np.where(on, (rows.years - mean[:, None]) ** 2, 0.0).sum(axis=1)
        left = centre - fit["intercept"][:, None] - slope[:, None] * rows.years
        square = np.where(on, left**2, 0.0).sum(axis=1)
        enough = count > 2
        free = np.where(enough, count - 2, 1)
        error = np.where(enough, np.sqrt(square / free / np.where(enough, spread, 1.0)), np.nan)
        half = t.ppf(0.975, free) * error
        out[name] = {
            "low": (slope - half).tolist(),
            "median": slope.tolist(),
            "high": (slope + half).tolist(),
            "place": norm.cdf((TRUTHS[name] - slope) / np.where(error > 0, error, np.nan)).tolist(),
            "records": count.tolist(),
        }
    return out


def _write(cells: list[Cell], asked: argparse.Namespace) -> None:
    chunks = {cell: read_replicates(asked.kept / cell.key) for cell in cells}
    table = tabulate(chunks)
    asked.out.mkdir(parents=True, exist_ok=True)
    table.round(5).to_csv(asked.out / "growth_study.csv", index=False)
    identity = read_identity(asked.kept / cells[0].key)
    record = {
        "what": "growth found in simulated worlds of known growth, by every trend model",
        "command": f"python tests/studies/growth_study.py --others {identity['others']}",
        **{name: identity.get(name) for name in ("commit", "changed", "seed", "code_sha256")},
        "versions": identity["versions"],
        "draws": {"a world": DRAWS, "a world with bounds or a bent trend": DRAWS_SWEPT},
        **verdict(table, chunks),
    }
    text = json.dumps(record, indent=1, default=float)
    (asked.out / "growth_study.json").write_text(text + "\n")
    asked.figure.parent.mkdir(parents=True, exist_ok=True)
    plot_growth_study(table).savefig(asked.figure, dpi=200)
    _say("verdict", text)


def _say(name: str, line: str) -> None:
    print(f"{name}: {line}", flush=True)


if __name__ == "__main__":
    main()
