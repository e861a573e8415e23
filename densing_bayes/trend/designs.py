r"""How the level goes with time: linear in its coefficients, given at most one number more.

.. math:: \ln\rho(t) = \sum_j \beta_j x_j(t; \theta)

so that coefficients can be integrated out in closed form for every :math:`\theta`. Times are in
years since :data:`densing_bayes.trend.clock.ORIGIN`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["BREAK", "LINE", "SATURATING", "Design"]

Columns = Callable[[np.ndarray, np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Design:
    r"""Columns of a trend and their slopes.

    Parameters
    ----------
    coefficients
        Names of the coefficients, the level last.
    columns
        From years and :math:`\theta`, which broadcast, to one array a coefficient.
    slopes
        The same for the derivatives by time.
    theta
        Name of :math:`\theta`; empty if there is none.
    """

    coefficients: tuple[str, ...]
    columns: Columns
    slopes: Columns
    theta: str = ""

    def level(self, coefficients: list[np.ndarray], years: np.ndarray, theta) -> np.ndarray:
        """Return the level at some time.

        Parameters
        ----------
        coefficients
            In the order of the names; they broadcast with the columns.
        years, theta
            As for the columns.

        Returns
        -------
        numpy.ndarray
            Log of density.
        """
        return _sum(coefficients, self.columns(years, theta))

    def growth(self, coefficients: list[np.ndarray], years: np.ndarray, theta) -> np.ndarray:
        """Return the growth rate at some time.

        Parameters
        ----------
        coefficients, years, theta
            As for :meth:`level`.

        Returns
        -------
        numpy.ndarray
            Growth of log density a year.
        """
        return _sum(coefficients, self.slopes(years, theta))


def _sum(coefficients: list[np.ndarray], columns: list[np.ndarray]) -> np.ndarray:
    parts = [beta * x for beta, x in zip(coefficients, columns, strict=True)]
    return np.asarray(sum(parts))


def _line(years, theta) -> list[np.ndarray]:
    return [years + 0.0 * theta, np.ones_like(years + 0.0 * theta)]


def _line_slopes(years, theta) -> list[np.ndarray]:
    one = np.ones_like(years + 0.0 * theta)
    return [one, 0.0 * one]


def _break(years, theta) -> list[np.ndarray]:
    return [years + 0.0 * theta, np.maximum(years - theta, 0.0), np.ones_like(years - theta)]


def _break_slopes(years, theta) -> list[np.ndarray]:
    after = (years > theta).astype(float)
    return [np.ones_like(after), after, np.zeros_like(after)]


def _saturating(years, theta) -> list[np.ndarray]:
    return [-np.expm1(-theta * years) / theta, np.ones_like(theta * years)]


def _saturating_slopes(years, theta) -> list[np.ndarray]:
    slowed = np.exp(-theta * years)
    return [slowed, np.zeros_like(slowed)]


#: ln rho = A t + B.
LINE = Design(("growth_rate", "level"), _line, _line_slopes)
#: ln rho = A t + D (t - theta)_+ + B: the growth rate changes by D at the time theta.
BREAK = Design(("growth_before", "change", "level"), _break, _break_slopes, "break_years")
#: ln rho = A (1 - exp(-theta t)) / theta + B: growth slows from A at the origin at the rate theta.
SATURATING = Design(("growth_at_origin", "level"), _saturating, _saturating_slopes, "slowing")
