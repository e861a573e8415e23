"""Likelihood of a score over cells of log size, for one draw of the laws and one benchmark.

The likelihood is taken as constant within a cell, which makes the integral over a Normal
distribution of the log size a sum of differences of Normal distribution functions: exact for any
spread, also for the cells that reach to no size at all and to infinite size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import gammaln, ndtr

from densing_bayes.effective_size import effective_item_count
from densing_bayes.laws import log_size_from_score, reachable_score, score_from_size

__all__ = [
    "LawDraws",
    "Rows",
    "Table",
    "angle",
    "kernel",
    "likelihood_table",
    "unique_scores",
    "used",
]

_LAW = ("a", "alpha", "b", "beta", "c", "gamma", "l", "d", "e")
_REACHABLE = ("b", "beta", "c", "gamma", "l", "d", "e")
#: Width of a cell in sampling sds of the score; half an sd widens a posterior by one per cent.
_WIDTH = 0.5
_FEWEST, _MOST = 24, 512
#: The outermost cells are split at these parts of their width: what lies beyond the last edge is
#: taken to have the score of floor or infinite size, so it must be close to that.
_SPLIT = np.array([1.0 / 27.0, 1.0 / 9.0, 1.0 / 3.0])
_TINY = 1e-12


@dataclass(frozen=True)
class LawDraws:
    """Draws of the laws as arrays (draw, benchmark), and D0."""

    values: dict[str, np.ndarray]
    tokens: float

    @classmethod
    def of(cls, posterior: xr.Dataset, names: list[str], tokens: float) -> LawDraws:
        """Take the parameters of some benchmarks, chains one after another."""
        flat = posterior.sel(benchmark=names)
        return cls(
            {
                name: flat[name]
                .transpose("chain", "draw", "benchmark")
                .values.reshape(-1, len(names))
                for name in (*_LAW, "phi")
                if name in flat
            },
            tokens,
        )

    @property
    def count(self) -> int:
        """Number of draws."""
        return len(self.values["phi"])

    def one(self, draw: int, benchmark: int) -> dict[str, float]:
        """Return the laws' parameters and phi of one draw and benchmark."""
        return {name: float(value[draw, benchmark]) for name, value in self.values.items()}

    def angles(self, draw: int, benchmark: int, log_size: np.ndarray) -> np.ndarray:
        """Return arcsin(sqrt(score)) at log sizes, which may be infinite."""
        law = self.one(draw, benchmark)
        low, high = _ends(law, self.tokens)
        law.pop("phi")
        with np.errstate(over="ignore", divide="ignore"):
            inside = _angle(score_from_size(np.exp(log_size), tokens=self.tokens, **law))
        return np.where(log_size == -np.inf, low, np.where(log_size == np.inf, high, inside))


@dataclass(frozen=True)
class Rows:
    """The different results on one benchmark; the last row stands for a missing score."""

    n_items: np.ndarray
    correct: np.ndarray

    @property
    def most_items(self) -> float:
        """Items of the longest version of the benchmark."""
        return float(self.n_items.max(initial=1.0))


@dataclass(frozen=True)
class Table:
    """Likelihood of every row over the cells of one draw and benchmark.

    ``edges`` (cell + 1) of log size, from minus to plus infinity. ``angles`` (cell + 2):
    arcsin(sqrt(score)) at no size, in the middle of each cell, and at infinite size.
    ``likelihood`` (row, cell + 2) at these, the largest of a row being 1; its log was
    ``log_scale`` (row).
    """

    edges: np.ndarray
    angles: np.ndarray
    likelihood: np.ndarray
    log_scale: np.ndarray


def _angle(score: np.ndarray | float) -> np.ndarray:
    """Return arcsin(sqrt(score)), in which a share has the same sampling sd everywhere."""
    return np.arcsin(np.sqrt(np.clip(score, 0.0, 1.0)))


def unique_scores(panel: xr.Dataset, names: list[str]) -> tuple[list[Rows], np.ndarray]:
    """Find the different results on each benchmark.

    Returns
    -------
    rows : list of Rows
        One a benchmark.
    row_of : numpy.ndarray
        (llm, benchmark): the row of each score; the last row where it is missing.

    Raises
    ------
    ValueError
        If a score has no number of items.
    """
    part = panel.sel(benchmark=names).transpose("llm", "benchmark", ...)
    score, items = part["score"].values, part["n_items"].values.astype(float)
    measured = np.isfinite(score)
    lacking = measured & ~(items > 0)
    if lacking.any():
        llm, benchmark = np.argwhere(lacking)[0]
        raise ValueError(
            f"{panel['llm'].values[llm]} has a score on {names[benchmark]} but n_items is "
            f"{items[llm, benchmark]}; give the number of items, at least 1"
        )
    rows, row_of = [], np.empty(score.shape, dtype=np.intp)
    for k in range(len(names)):
        there = measured[:, k]
        pairs = np.stack([items[there, k], np.round(score[there, k] * items[there, k])], axis=1)
        found, place = np.unique(pairs, axis=0, return_inverse=True)
        rows.append(Rows(found[:, 0], found[:, 1]))
        row_of[:, k] = len(found)
        row_of[there, k] = place.ravel()
    return rows, row_of


def used(rows: list[Rows], row_of: np.ndarray) -> tuple[list[Rows], np.ndarray]:
    """Leave out the rows that no model of (llm, benchmark) has."""
    fewer, places = [], np.empty_like(row_of)
    for k, row in enumerate(rows):
        found = np.union1d(row_of[:, k], [len(row.correct)])
        places[:, k] = np.searchsorted(found, row_of[:, k])
        kept = found[:-1]
        fewer.append(Rows(row.n_items[kept], row.correct[kept]))
    return fewer, places


def likelihood_table(laws: LawDraws, draw: int, benchmark: int, rows: Rows) -> Table:
    """Compute the Beta-binomial likelihood of every row over the cells of one draw."""
    law = laws.one(draw, benchmark)
    phi = law.pop("phi")
    low, high = _ends(law, laws.tokens)
    sd = 0.5 / np.sqrt(effective_item_count(rows.most_items, phi))
    count = int(np.clip(np.ceil((high - low) / (_WIDTH * sd)), _FEWEST, _MOST))
    shares = np.linspace(0.0, 1.0, count + 1)
    split = _SPLIT / count
    shares = np.concatenate([[0.0], split, shares[1:-1], 1.0 - split[::-1], [1.0]])
    cuts = low + (high - low) * shares
    inner = np.sin(cuts[1:-1]) ** 2
    if high - low > _TINY:
        with np.errstate(invalid="ignore", divide="ignore"):
            edges = log_size_from_score(inner, tokens=laws.tokens, **law)
    else:  # every size has the same score: any cells will do
        edges = np.linspace(0.0, 1.0, len(inner))
    edges = np.concatenate([[-np.inf], edges, [np.inf]])
    angles = np.concatenate([[low], 0.5 * (cuts[1:] + cuts[:-1]), [high]])
    log_likelihood = _beta_binomial(rows, np.sin(angles) ** 2, phi)
    log_scale = log_likelihood.max(axis=1)
    likelihood = np.exp(log_likelihood - log_scale[:, None])
    missing = np.ones((1, len(angles)))
    return Table(
        edges, angles, np.concatenate([likelihood, missing]), np.concatenate([log_scale, [0.0]])
    )


def kernel(edges: np.ndarray, centres: np.ndarray, sd: float) -> np.ndarray:
    """Return the probability of each cell under Normal(centre, sd), (cell, centre).

    Tails are taken from their own side, so that a probability keeps its digits down to 1e-300.
    """
    z = (edges[:, None] - centres[None, :]) / sd
    tail = ndtr(-np.abs(z))
    low, high = z[:-1], z[1:]
    there = np.where(low > 0, tail[:-1] - tail[1:], tail[1:] - tail[:-1])
    straddles = (low <= 0) & (high > 0)
    return np.where(straddles, 1.0 - tail[:-1] - tail[1:], there)


def _ends(law: dict[str, float], tokens: float) -> tuple[float, float]:
    """Return arcsin(sqrt(score)) of no size and of infinite size."""
    reachable = reachable_score(
        tokens=tokens, **{name: law[name] for name in _REACHABLE if name in law}
    )
    return float(_angle(law["d"])), float(_angle(reachable))


def _beta_binomial(rows: Rows, score: np.ndarray, phi: float) -> np.ndarray:
    """Log probability (row, score), without the binomial coefficient, which no law changes."""
    score = np.clip(score, _TINY, 1.0 - _TINY)
    right, wrong = score * phi, (1.0 - score) * phi
    correct, items = rows.correct[:, None], rows.n_items[:, None]
    return (
        gammaln(correct + right)
        + gammaln(items - correct + wrong)
        - (gammaln(right) + gammaln(wrong))
        - (gammaln(items + phi) - gammaln(phi))
    )
