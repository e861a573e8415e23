"""Tables of a finished coverage grid: a row a cell, and the numbers that sum it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes._latent_status import STATUS
from densing_bayes.sbc.grid import DESIGNS, ITEMS, POSITIONS, Grid
from densing_bayes.sbc.grid_methods import METHODS
from densing_bayes.sbc.grid_status import decided_status, status_of_scores
from densing_bayes.sbc.summary import gates

__all__ = [
    "LEVELS",
    "SAID",
    "cell_table",
    "scores_decided",
    "smallest",
    "status_table",
    "summary",
]

#: Central intervals of which the coverage is told.
LEVELS = (0.5, 0.8, 0.9, 0.95)
#: The latent calibration as its tables say it: the 90 % interval where a size is interior, the
#: one-sided bound where it is censored, nothing where the prior dominates.
SAID = "latent_said"
_CELL = ["design", "benchmark", "n_items", "position"]
_GRID = (len(POSITIONS), len(ITEMS), -1)


def cell_table(grid: Grid, replicates: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Count how often intervals held the true size.

    Parameters
    ----------
    grid
        The truth.
    replicates
        Of :func:`densing_bayes.sbc.grid_study.coverage_grid`.

    Returns
    -------
    pandas.DataFrame
        A row a cell, method and level: ``covered`` (share of the targets that got an interval),
        ``se`` (between worlds, whose targets share their laws), ``n`` (targets with an interval),
        ``without`` (share of targets without), ``width`` (median of the 90 % interval, log size),
        ``dropped`` (mean share of draws that are no finite number), ``worlds``.
    """
    rows = []
    names = grid.cells["benchmark"].values
    for design in DESIGNS:
        every = {
            name: np.array([one[design][name] for one in replicates], dtype=float)
            for name in ("below", "reach", "width", "dropped")
        }
        for method, method_name in enumerate(METHODS):
            for place, benchmark in enumerate(names):
                part = {name: value[:, method, place] for name, value in every.items()}
                cell: dict[str, Any] = {"design": design, "benchmark": str(benchmark)}
                cell["method"] = method_name
                for level in LEVELS:
                    rows += _rows(cell | {"level": level}, _held(part, level), part)
        for place, benchmark in enumerate(names):
            said = _said(grid, replicates, design, place)
            part = {"width": np.full(said.shape, np.nan), "dropped": np.zeros(said.shape)}
            cell = {"design": design, "benchmark": str(benchmark), "method": SAID, "level": 0.9}
            rows += _rows(cell, said, part)
    return pd.DataFrame(rows)


def _held(part: Mapping[str, np.ndarray], level: float) -> np.ndarray:
    """Tell which intervals of a level hold the truth; NaN where there is none."""
    tail = (1.0 - level) / 2.0
    inside = (part["below"] <= 1.0 - tail) & (part["reach"] >= tail)
    return np.where(np.isnan(part["below"]), np.nan, inside)


def _said(grid: Grid, replicates, design: str, place: int) -> np.ndarray:
    """Tell where what the calibration's tables say is true."""
    latent = METHODS.index("latent")
    reach = np.array([one[design]["reach"][latent][place] for one in replicates])
    status = np.array([one[design]["status"][place] for one in replicates])
    low, high = (
        np.array([one[design][name][place] for one in replicates], dtype=float)
        for name in ("bound_low", "bound_high")
    )
    per_position = reach.shape[1] // len(POSITIONS)
    truth = np.repeat(grid.cells["log_size"].values[place], per_position)
    held = {
        "interior": np.abs(reach - 0.5) <= 0.45,
        "left_censored": truth <= high,
        "right_censored": truth >= low,
    }
    return np.select([status == name for name in held], list(held.values()), True).astype(float)


def _rows(cell: dict[str, Any], held: np.ndarray, part: Mapping[str, np.ndarray]) -> list[dict]:
    worlds = len(held)
    shape = (worlds, *_GRID)
    held, width, dropped = (
        value.reshape(shape) for value in (held, part["width"], part["dropped"])
    )
    rows = []
    for i, position in enumerate(POSITIONS):
        for j, n_items in enumerate(ITEMS):
            one = held[:, i, j]
            given = ~np.isnan(one)
            inside = np.where(given, one, 0.0)
            share, error = _clustered(inside.sum(axis=1), given.sum(axis=1))
            finite = width[:, i, j][~np.isnan(width[:, i, j])]
            rows.append(
                {key: cell[key] for key in ("design", "benchmark")}
                | {"n_items": n_items, "position": position}
                | {"method": cell["method"], "level": cell["level"]}
                | {"covered": share, "se": error, "n": int(given.sum())}
                | {"without": float(1.0 - given.mean())}
                | {"width": float(np.median(finite)) if len(finite) else np.nan}
                | {"dropped": float(dropped[:, i, j].mean()), "worlds": worlds}
            )
    return rows


def _clustered(inside: np.ndarray, given: np.ndarray) -> tuple[float, float]:
    """Return a share and its standard error, worlds being the independent units."""
    if not given.any():
        return np.nan, np.nan
    share = inside.sum() / given.sum()
    if len(given) < 2:
        return float(share), np.nan
    residual = (inside - share * given) / given.mean()
    return float(share), float(residual.std(ddof=1) / np.sqrt(len(given)))


def smallest(table: pd.DataFrame, method: str, *, level: float = 0.9) -> dict[str, Any]:
    """Return the cell in which a method covers least.

    Parameters
    ----------
    table
        From :func:`cell_table`.
    method
        One of its methods.
    level
        Of the interval.

    Returns
    -------
    dict
        Cell, ``covered`` and ``se``.
    """
    part = table[(table["method"] == method) & np.isclose(table["level"], level)]
    row = part.loc[part["covered"].idxmin()]
    numbers = {key: float(row[key]) for key in ("position", "covered", "se")}
    return {key: row[key] for key in _CELL[:2]} | {"n_items": int(row["n_items"])} | numbers


def status_table(grid: Grid, replicates: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Count the statuses that the calibration gave, and how often the decided one.

    Parameters
    ----------
    grid, replicates
        As for :func:`cell_table`.

    Returns
    -------
    pandas.DataFrame
        A row a design and cell: the share of each status, ``decided`` and the probabilities of
        :func:`densing_bayes.sbc.grid_status.decided_status`, and ``right``, the share of targets
        with the decided status (NaN where none is).
    """
    decided = decided_status(grid)
    parts = []
    for design in DESIGNS:
        given = np.array([one[design]["status"] for one in replicates])
        rows = []
        for place, benchmark in enumerate(grid.cells["benchmark"].values):
            by_cell = given[:, place].reshape(len(given), *_GRID)
            for i, position in enumerate(POSITIONS):
                for j, n_items in enumerate(ITEMS):
                    shares = {name: float((by_cell[:, i, j] == name).mean()) for name in STATUS}
                    cell = dict(
                        zip(_CELL, (design, str(benchmark), n_items, position), strict=True)
                    )
                    rows.append(cell | shares)
        parts.append(pd.DataFrame(rows))
    both = pd.concat(parts, ignore_index=True).drop(columns="not_measured")
    both = both.merge(decided, on=_CELL[1:], how="left", validate="many_to_one")
    both["right"] = [
        row[row["decided"]] if row["decided"] else np.nan for _, row in both.iterrows()
    ]
    return both


def scores_decided(
    grid: Grid, replicates: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Compare the statuses given with those that the true laws give to the same scores.

    Parameters
    ----------
    grid, replicates
        As for :func:`cell_table`.

    Returns
    -------
    dict
        By the clear status: ``targets`` (of both designs) and ``right``, the share given it.
    """
    names = [str(name) for name in grid.cells["benchmark"].values]
    score = np.array([one["score"] for one in replicates])
    score = score.reshape(len(replicates), len(names), *_GRID)
    clear = np.full(score.shape, "", dtype="<U15")
    for place, name in enumerate(names):
        for j, n_items in enumerate(ITEMS):
            shown = score[:, place, :, j]
            clear[:, place, :, j] = status_of_scores(grid, shown, name, n_items)
    given = np.stack(
        [np.array([one[design]["status"] for one in replicates]) for design in DESIGNS]
    ).reshape(len(DESIGNS), *score.shape)
    found = {}
    for name in np.unique(clear[clear != ""]):
        of = clear == name
        right = float((given[:, of] == name).mean())
        found[str(name)] = {"targets": int(len(DESIGNS) * of.sum()), "right": right}
    return found


def summary(grid: Grid, replicates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum a study up.

    Parameters
    ----------
    grid, replicates
        As for :func:`cell_table`.

    Returns
    -------
    dict
        Worlds, gated fits a design, draws that are no finite number, the share of right statuses
        where the truth decides, by the cell and by the score (see
        :mod:`densing_bayes.sbc.grid_status`), and for each method the cell it covers least.
    """
    table, status = cell_table(grid, replicates), status_table(grid, replicates)
    known = status["decided"] != ""
    by_score = scores_decided(grid, replicates)
    return {
        "worlds": len(replicates),
        "gated_fits": {
            design: int(gates([one[design] for one in replicates]).sum()) for design in DESIGNS
        },
        "latent_draws_not_finite": int(
            sum(np.sum(one[design]["not_finite"]) for one in replicates for design in DESIGNS)
        ),
        "status_cells_decided": int(known.sum()),
        "status_right_by_cell": float(status.loc[known, "right"].mean()),
        "status_right_by_score": by_score,
        "smallest_90": {name: smallest(table, name) for name in (*METHODS, SAID)},
    }
