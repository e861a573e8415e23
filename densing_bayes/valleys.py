"""Valleys in the density of draws of one number: where one mode ends and another begins."""

from __future__ import annotations

import dataclasses

import numpy as np

__all__ = ["Valley", "find_valley"]

#: A dip shallower than this share of the lower peak, or a side lighter than this mass, is taken
#: for chance.
_DEPTH_LEAST, _MASS_LEAST = 0.25, 0.003
_GRID = 512


@dataclasses.dataclass(frozen=True)
class Valley:
    """A valley between two peaks of a density.

    Parameters
    ----------
    at
        Where its bottom lies.
    depth
        By which share the density lies lower there than at the lower of the two peaks.
    mass_below
        Mass on its lower side.
    """

    at: float
    depth: float
    mass_below: float


def find_valley(draws: np.ndarray) -> Valley | None:
    """Find the deepest valley in the density of draws.

    Parameters
    ----------
    draws
        Draws of one number, any shape.

    Returns
    -------
    Valley or None
        The deepest valley between two peaks that hold mass; None if there is one peak.
    """
    values = np.sort(np.ravel(draws))
    spread = min(values.std(), (np.quantile(values, 0.75) - np.quantile(values, 0.25)) / 1.349)
    if not spread > 0:
        return None
    width = 0.9 * spread * len(values) ** -0.2
    grid = np.linspace(values[0] - 3 * width, values[-1] + 3 * width, _GRID)
    density = _smoothed(values, grid, width)
    peak_left = np.maximum.accumulate(density)
    peak_right = np.maximum.accumulate(density[::-1])[::-1]
    depth = 1.0 - density / np.minimum(peak_left, peak_right)
    below = np.searchsorted(values, grid) / len(values)
    depth[(below < _MASS_LEAST) | (below > 1.0 - _MASS_LEAST)] = 0.0
    bottom = int(depth.argmax())
    if depth[bottom] < _DEPTH_LEAST:
        return None
    return Valley(float(grid[bottom]), float(depth[bottom]), float(below[bottom]))


def _smoothed(values: np.ndarray, grid: np.ndarray, width: float) -> np.ndarray:
    """Return a Gaussian kernel density, from counts on a grid."""
    gap = grid[1] - grid[0]
    edges = np.append(grid - gap / 2, grid[-1] + gap / 2)
    counts, _ = np.histogram(values, edges)
    reach = int(np.ceil(4 * width / gap))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * gap / width) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="same") / (len(values) * gap)
