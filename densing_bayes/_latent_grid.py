"""The grid of a model's log size: cells under the prior, narrow where scores tell sizes apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.special import log_ndtr, ndtr, ndtri

from densing_bayes._latent_cells import LawDraws, Rows
from densing_bayes.effective_size import effective_item_count

__all__ = ["Sharpness", "SizeGrid"]

#: Prior sds from the middle to the outermost finite edge.
_REACH = 5.5
_BASE = 1200
#: Draws of the laws in which the sharpest benchmark is looked for.
_LOOKED_AT = 40
#: Spreads within which a neighbouring place's sharpness counts.
_WINDOW = 3.0


@dataclass(frozen=True)
class SizeGrid:
    """Cells of a model's log size.

    ``edges`` (cell + 1) from minus to plus infinity, ``points`` (cell) at which the likelihood
    is taken; the prior is Normal(``middle``, ``spread``).
    """

    edges: np.ndarray
    points: np.ndarray
    middle: float
    spread: float

    def log_mass(self, times: float = 1.0) -> np.ndarray:
        """Return the log prior mass of each cell, the prior sd being multiplied."""
        z = (self.edges - self.middle) / (times * self.spread)
        low, high = np.where(z[:-1] > 0, -z[1:], z[:-1]), np.where(z[:-1] > 0, -z[:-1], z[1:])
        return log_ndtr(high) + np.log1p(-np.exp(log_ndtr(low) - log_ndtr(high)))

    def inside(self, cell: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Draw log sizes from the prior within cells, by the inverse distribution function."""
        z = (self.edges - self.middle) / self.spread
        upper = z[cell] > 0  # tails from their own side, to keep digits
        low = ndtr(np.where(upper, -z[cell + 1], z[cell]))
        high = ndtr(np.where(upper, -z[cell], z[cell + 1]))
        drawn = ndtri(low + uniform * (high - low))
        return self.middle + self.spread * np.where(upper, -drawn, drawn)


class Sharpness:
    """How narrowly scores can tell log size, over log size: the sampling sd of each benchmark.

    Parameters
    ----------
    laws
        Draws of the laws.
    rows
        The results on each benchmark.
    middle, spread
        Of the prior of log size.
    """

    def __init__(self, laws: LawDraws, rows: list[Rows], *, middle: float, spread: float):
        self.middle, self.spread = middle, spread
        self.base = middle + spread * np.linspace(-_REACH, _REACH, _BASE)
        some = laws.evenly(_LOOKED_AT)
        self.sd = np.full((len(rows), _BASE), np.inf)
        for k, row in enumerate(rows):
            if not len(row.correct):
                continue
            slope = np.gradient(some.angles(k, self.base), self.base, axis=1)
            count = effective_item_count(row.most_items, some.phi(k))
            with np.errstate(divide="ignore"):
                self.sd[k] = (0.5 / np.sqrt(count) / np.abs(slope)).min(axis=0)

    def grid(self, between_sd: float, *, per_sd: float) -> SizeGrid:
        """Return a grid with cells of a part of the narrowest posterior sd.

        Parameters
        ----------
        between_sd
            The smallest spread between benchmarks for which it is to do.
        per_sd
            Cells a posterior sd.
        """
        precision = (1.0 / (between_sd**2 + self.sd**2)).sum(axis=0)
        step = self.base[1] - self.base[0]
        window = 2 * int(np.ceil(_WINDOW * between_sd / step)) + 1
        precision = maximum_filter1d(precision, window, mode="nearest") + self.spread**-2
        density = per_sd * np.sqrt(precision)
        places = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * step)])
        count = int(np.ceil(places[-1]))
        half = np.interp(np.linspace(0.0, places[-1], 2 * count + 1), places, self.base)
        outer = 0.2 * self.spread
        return SizeGrid(
            edges=np.concatenate([[-np.inf], half[::2], [np.inf]]),
            points=np.concatenate([[half[0] - outer], half[1::2], [half[-1] + outer]]),
            middle=self.middle,
            spread=self.spread,
        )
