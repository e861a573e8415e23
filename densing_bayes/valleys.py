"""Valleys in the density of draws of one number: where one mode ends and another begins."""

from __future__ import annotations

import dataclasses

import numpy as np

__all__ = ["Valley", "find_valley"]

#: A dip shallower than this share of the lower peak, or than this many standard errors of the
#: peak's height, is taken for chance, and so is a side lighter than this mass.
_DEPTH_LEAST, _ERRORS_LEAST, _MASS_LEAST = 0.25, 3.0, 0.003
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


def find_valley(draws: np.ndarray, *, effective_share: float = 0.2) -> Valley | None:
    """Find the deepest valley in the density of draws.

    Parameters
    ----------
    draws
        Draws of one number, any shape.
    effective_share
        As how many independent ones the draws count, over their number.

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
    lower = np.minimum(peak_left, peak_right)
    depth = 1.0 - density / lower
    # so many independent draws lie under the kernel at the lower peak
    near = effective_share * len(values) * lower * 2.0 * np.sqrt(np.pi) * width
    depth[depth < np.maximum(_DEPTH_LEAST, _ERRORS_LEAST / np.sqrt(near))] = 0.0
    below = np.searchsorted(values, grid) / len(values)
    depth[(below < _MASS_LEAST) | (below > 1.0 - _MASS_LEAST)] = 0.0
    bottom = int(depth.argmax())
    if depth[bottom] == 0.0:
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
