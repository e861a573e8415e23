"""The field of size and data that a loss law leaves over, and how it goes on beyond the runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["MisfitBasis", "misfit_basis"]

#: Eigenvalues below this share of the largest are rounding.
_NOTHING = 1e-10


@dataclass(frozen=True)
class MisfitBasis:
    r"""A Gaussian field over (ln N, ln D), written as features with independent Normal weights.

    The field is :math:`\delta(s) = f(s) - h(s)' H^+ f(X)`: what is left of a field f with
    generalised covariance :math:`\pm |s - t|^{2H}` when its least-squares plane over the runs X is
    taken out, since the plane is what the law's own level and exponents say. It has no length
    scale, and beyond the runs its sd grows without bound: as the distance where H < 1 (it is the
    slope of the runs that goes on wrongly there), as the distance to the power H where H > 1.
    Over the runs its mean variance is 1.

    Parameters
    ----------
    exponent
        H, between 0 and 2 and not 1: below 1 the field is rough, above 1 it has a slope
        everywhere.
    centre
        ln N and ln D at the origin.
    runs
        Centred (ln N, ln D) of the runs it was made for, (run, 2).
    scale
        Factor that makes the mean variance over the runs 1.
    vectors
        Eigenvectors of the runs' covariance by the square roots of their eigenvalues,
        (run, feature); zero columns where there are fewer than asked for.
    """

    exponent: float
    centre: np.ndarray
    runs: np.ndarray
    scale: float
    vectors: np.ndarray

    def features(self, params: Any, tokens: Any) -> np.ndarray:
        r"""Features :math:`\phi` at sizes and data: the field is :math:`\phi' w` + remainder.

        Parameters
        ----------
        params
            Sizes N, in parameters, (place).
        tokens
            Data D, in tokens, (place).

        Returns
        -------
        numpy.ndarray
            (place, feature).
        """
        return self.covariance(self._places(params, tokens), self.runs) @ self.vectors

    def remainder(self, params: Any, tokens: Any) -> np.ndarray:
        """Covariance of the part of the field that the features do not hold.

        Parameters
        ----------
        params, tokens
            As in :meth:`features`.

        Returns
        -------
        numpy.ndarray
            (place, place).
        """
        places = self._places(params, tokens)
        phi = self.features(params, tokens)
        return self.covariance(places, places) - phi @ phi.T

    def covariance(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Covariance of the field between places.

        Parameters
        ----------
        s, t
            Centred (ln N, ln D), (place, 2).

        Returns
        -------
        numpy.ndarray
            (place of s, place of t).
        """
        runs, plane = self.runs, np.linalg.pinv(_plane(self.runs))
        of_s, of_t = _plane(s) @ plane, _plane(t) @ plane
        return self.scale * (
            self._power(s, t)
            - of_s @ self._power(runs, t)
            - self._power(s, runs) @ of_t.T
            + of_s @ self._power(runs, runs) @ of_t.T
        )

    def _power(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(s[:, None] - t[None], axis=-1)
        return (-1.0 if self.exponent < 1 else 1.0) * distance ** (2 * self.exponent)

    def _places(self, params: Any, tokens: Any) -> np.ndarray:
        both = np.broadcast_arrays(np.log(params), np.log(tokens))
        return np.column_stack([np.ravel(part) for part in both]) - self.centre


def misfit_basis(params: Any, tokens: Any, *, exponent: float, features: int) -> MisfitBasis:
    """Make the basis of a misfit for the runs of a design.

    Parameters
    ----------
    params
        Sizes N of the runs, in parameters, (run).
    tokens
        Data D of the runs, in tokens, (run).
    exponent
        H of :class:`MisfitBasis`.
    features
        How many features to keep: those of the largest variance over the runs.

    Returns
    -------
    MisfitBasis
        The basis.

    Raises
    ------
    ValueError
        If the exponent is not between 0 and 2, or is 1; or if a plane goes through any values at
        these runs, so that nothing is left for a misfit.
    """
    if not 0 < exponent < 2 or exponent == 1:
        raise ValueError(f"the exponent of a misfit is between 0 and 2 and not 1; got {exponent!r}")
    runs = np.column_stack([np.log(params), np.log(tokens)])
    centre = runs.mean(axis=0)
    runs = runs - centre
    raw = MisfitBasis(exponent, centre, runs, 1.0, np.zeros((len(runs), 0)))
    covariance = raw.covariance(runs, runs)
    mean_variance = np.trace(covariance) / len(runs)
    spread = np.linalg.norm(runs, axis=1).max() if len(runs) else 0.0
    if not mean_variance > _NOTHING * spread ** (2 * exponent):
        raise ValueError(
            f"the {len(runs)} runs lie at too few sizes and amounts of data for a misfit: a plane "
            "in ln N and ln D goes through any values there. Take [loss_law.misfit] out, or add "
            "runs"
        )
    values, vectors = np.linalg.eigh(covariance / mean_variance)
    values, vectors = values[::-1][:features], vectors[:, ::-1][:, :features]
    kept = values > _NOTHING * values[0]
    root = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    padded = np.zeros((len(runs), features))
    padded[:, : len(values)] = vectors * root
    return MisfitBasis(exponent, centre, runs, 1.0 / mean_variance, padded)


def _plane(places: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(places)), places])
