"""Draws of every model's log sizes, and the sums over draws from which summaries are made."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from densing_bayes._latent_cells import LawDraws, Rows, Table, kernel
from densing_bayes._latent_grid import SizeGrid
from densing_bayes._latent_spread import log_size_likelihood, tables_of

__all__ = ["WORKERS", "Sums", "draw_sizes", "model_log_likelihood"]

#: Threads; fixed, so that sums over draws are added in the same order on every machine.
WORKERS = 2
#: Models treated together: their arrays fit into a processor's cache.
_BLOCK = 512
#: Draws of the laws that set the scale of the mean likelihoods.
_SCALED_BY = 24
#: Largest log of a likelihood over its scale.
_MOST = 600.0
_BELOW_ONE = float(np.nextafter(1.0, 0.0))


@dataclass
class Sums:
    """Sums over draws of the laws.

    ``benchmarks``: for each benchmark the likelihood (row, point) at ``log_sizes``. ``models``:
    the likelihood (llm, point) at the grid's points with no size and infinite size about them;
    both over the exponential of a scale, which is the same for a whole row. ``posterior`` and
    ``doubled`` (llm, point): the posterior without its prior mass, also for the doubled prior.
    """

    benchmarks: list[np.ndarray]
    models: np.ndarray
    posterior: np.ndarray
    doubled: np.ndarray

    def add(self, other: Sums) -> None:
        """Add the sums of other draws."""
        for mine, theirs in zip(self.benchmarks, other.benchmarks, strict=True):
            mine += theirs
        for name in ("models", "posterior", "doubled"):
            getattr(self, name).__iadd__(getattr(other, name))


@dataclass(frozen=True)
class Task:
    """What all draws have in common."""

    laws: LawDraws
    rows: list[Rows]
    row_of: np.ndarray
    grid: SizeGrid
    log_sizes: list[np.ndarray]
    spread: np.ndarray
    seeds: list[np.random.SeedSequence]
    scale: list[np.ndarray]


def draw_sizes(
    laws: LawDraws,
    rows: list[Rows],
    row_of: np.ndarray,
    *,
    grid: SizeGrid,
    log_sizes: list[np.ndarray],
    spread: np.ndarray,
    seed: np.random.SeedSequence,
) -> tuple[np.ndarray, np.ndarray, Sums]:
    """Draw log sizes of every model for every draw of the laws.

    Parameters
    ----------
    laws, rows, row_of
        From :mod:`densing_bayes._latent_cells`.
    grid
        Of a model's log size.
    log_sizes
        For each benchmark, where its mean likelihood is wanted.
    spread
        The spread between benchmarks, (draw).
    seed
        One child of it goes to each draw.

    Returns
    -------
    log_size : numpy.ndarray
        (draw, llm, benchmark and all).
    log_weight : numpy.ndarray
        (draw, llm): log weight of a draw if the prior's sd were doubled.
    sums : Sums
        Over the draws.
    """
    task = Task(
        laws, rows, row_of, grid, log_sizes, spread, seed.spawn(laws.count), _scale(laws, rows)
    )
    shape = (laws.count, len(row_of), len(rows) + 1)
    log_size, log_weight = np.empty(shape), np.empty(shape[:2])
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = [
            pool.submit(_draws, task, range(first, laws.count, WORKERS), log_size, log_weight)
            for first in range(WORKERS)
        ]
        sums = [part.result() for part in parts]
    for other in sums[1:]:
        sums[0].add(other)
    return log_size, log_weight, sums[0]


def model_log_likelihood(
    tables: list[Table], row_of: np.ndarray, points: np.ndarray, between_sd: float
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield blocks of models and their log likelihood at log sizes, (llm, point).

    It is relative to the tables' ``log_scale``.
    """
    parts = [log_size_likelihood(table, points, between_sd) for table in tables]
    for first in range(0, len(row_of), _BLOCK):
        block = slice(first, min(first + _BLOCK, len(row_of)))
        total = parts[0][row_of[block, 0]]
        for k in range(1, len(parts)):
            total += parts[k][row_of[block, k]]
        yield block, total


def _scale(laws: LawDraws, rows: list[Rows]) -> list[np.ndarray]:
    """Return for each row the largest log likelihood in some draws of the laws."""
    picked = np.unique(np.linspace(0, laws.count - 1, _SCALED_BY).astype(int))
    found = [[table.log_scale for table in tables_of(laws, s, rows)] for s in picked]
    return [np.max([tables[k] for tables in found], axis=0) for k in range(len(rows))]


def _draws(task: Task, mine: range, log_size: np.ndarray, log_weight: np.ndarray) -> Sums:
    """Fill in the draws of some draws of the laws, and return their sums."""
    llms, points = len(task.row_of), len(task.grid.points)
    sums = Sums(
        [
            np.zeros((len(row.correct) + 1, len(x)))
            for row, x in zip(task.rows, task.log_sizes, strict=True)
        ],
        np.zeros((llms, points + 2)),
        np.zeros((llms, points)),
        np.zeros((llms, points)),
    )
    for s in mine:
        rng = np.random.default_rng(task.seeds[s])
        tables = tables_of(task.laws, s, task.rows)
        excess = [
            np.minimum(table.log_scale - scale, _MOST)
            for table, scale in zip(tables, task.scale, strict=True)
        ]
        for k, table in enumerate(tables):
            weights = _interpolation(table.angles, task.laws.angles(s, k, task.log_sizes[k]))
            sums.benchmarks[k] += (table.likelihood @ weights) * np.exp(excess[k])[:, None]
        cell = _draw_models(task, s, tables, excess, rng, log_size, log_weight, sums)
        for k, table in enumerate(tables):
            log_size[s, :, k] = _draw_benchmark(
                table, task.row_of[:, k], cell, log_size[s, :, -1], task.grid, task.spread[s], rng
            )
    return sums


def _draw_models(
    task: Task,
    s: int,
    tables: list[Table],
    excess: list[np.ndarray],
    rng: np.random.Generator,
    log_size: np.ndarray,
    log_weight: np.ndarray,
    sums: Sums,
) -> np.ndarray:
    """Draw the models' own log sizes; return the grid cells they are in."""
    grid = task.grid
    mass, doubled = np.exp(grid.log_mass()), np.exp(grid.log_mass(2.0))
    cell = np.empty(len(task.row_of), dtype=np.intp)
    total_of = np.empty((2, len(cell)))
    for block, log_likelihood in model_log_likelihood(
        tables, task.row_of, grid.points, task.spread[s]
    ):
        rows = task.row_of[block]
        top = log_likelihood.max(axis=1)
        likelihood = np.exp(log_likelihood - top[:, None])
        total_of[0, block], total_of[1, block] = likelihood @ mass, likelihood @ doubled
        sums.posterior[block] += likelihood / total_of[0, block, None]
        sums.doubled[block] += likelihood / total_of[1, block, None]
        scale = sum(part[rows[:, k]] for k, part in enumerate(excess))
        shift = np.exp(np.clip(top + scale, -_MOST, _MOST))
        sums.models[block, 1:-1] += likelihood * shift[:, None]
        for end in (0, -1):
            product = np.prod(
                [table.likelihood[rows[:, k], end] for k, table in enumerate(tables)], axis=0
            )
            sums.models[block, end] += product * np.exp(np.clip(scale, -_MOST, _MOST))
        cumulative = np.cumsum(likelihood * mass, axis=1)
        wanted = rng.random(len(rows)) * cumulative[:, -1]
        cell[block] = np.minimum((cumulative <= wanted[:, None]).sum(axis=1), len(grid.points) - 1)
    log_size[s, :, -1] = grid.inside(cell, rng.random(len(cell)))
    z = (log_size[s, :, -1] - grid.middle) / grid.spread
    log_weight[s] = np.log(total_of[0] / total_of[1]) + 0.375 * z**2 - np.log(2.0)
    return cell


def _interpolation(angles: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return weights (angle, wanted) that interpolate linearly between angles."""
    place = np.interp(wanted, angles, np.arange(len(angles)))
    left = np.minimum(place.astype(np.intp), len(angles) - 2)
    weights = np.zeros((len(angles), len(wanted)))
    columns = np.arange(len(wanted))
    weights[left, columns] = 1.0 - (place - left)
    weights[left + 1, columns] = place - left
    return weights


def _draw_benchmark(
    table: Table,
    row: np.ndarray,
    cell: np.ndarray,
    log_size: np.ndarray,
    grid: SizeGrid,
    between_sd: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw the log size on one benchmark given the model's own."""
    likelihood = table.likelihood[:, 1:-1]
    share = np.ascontiguousarray(kernel(table.edges, grid.points, between_sd).T)
    drawn = np.empty(len(row))
    for first in range(0, len(row), _BLOCK):
        block = slice(first, min(first + _BLOCK, len(row)))
        weight = likelihood[row[block]]
        weight *= share[cell[block]]
        cumulative = np.cumsum(weight, axis=1)
        nothing = cumulative[:, -1] == 0.0
        if nothing.any():  # score and size contradict each other beyond all digits
            cumulative[nothing] = np.cumsum(share[cell[block][nothing]], axis=1)
        wanted = rng.random(len(weight)) * cumulative[:, -1]
        chosen = np.minimum((cumulative <= wanted[:, None]).sum(axis=1), likelihood.shape[1] - 1)
        drawn[block] = _within(
            log_size[block], between_sd, table.edges[chosen], table.edges[chosen + 1], rng
        )
    return drawn


def _within(
    centre: np.ndarray,
    sd: float,
    low: np.ndarray,
    high: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw from Normal(centre, sd) between two ends, tails from their own side."""
    below, above = (low - centre) / sd, (high - centre) / sd
    flip = below > 0
    left, right = np.where(flip, -above, below), np.where(flip, -below, above)
    from_, to = ndtr(left), ndtr(right)
    uniform = rng.random(len(centre))
    with np.errstate(divide="ignore"):
        z = ndtri(np.minimum(from_ + uniform * (to - from_), _BELOW_ONE))
    # so far out that nothing is left of the tail: the edge nearest to the centre
    z = np.where(np.isfinite(z), np.clip(z, left, right), right)
    return centre + sd * np.where(flip, -z, z)
