"""The design of the reference runs: its centre, and where each run lies from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from densing_bayes.misfit_basis import MisfitBasis, misfit_basis
from densing_bayes.spec_parts import MisfitPart

__all__ = ["ReferenceDesign", "reference_design"]


@dataclass(frozen=True)
class ReferenceDesign:
    """Sizes and data of reference runs, about the centre of those that were measured.

    Parameters
    ----------
    log_centre
        Means of ln N and ln D over the runs with a measured loss.
    relative_params, relative_tokens
        N and D of all runs over those at the centre, (run).
    basis
        Basis of the misfit for the runs with a measured loss; None without a misfit.
    features, remainder
        Its features at all runs, (run, feature), and the variance that they do not hold, (run);
        None without a misfit.
    """

    log_centre: np.ndarray
    relative_params: np.ndarray
    relative_tokens: np.ndarray
    basis: MisfitBasis | None = None
    features: np.ndarray | None = None
    remainder: np.ndarray | None = None

    def values(self) -> dict[str, np.ndarray]:
        """Return the arrays of the design by name, as a model takes them.

        Returns
        -------
        dict of str to numpy.ndarray
            ``log_centre``, ``relative_params``, ``relative_tokens`` and, with a misfit,
            ``misfit_features`` and ``misfit_remainder``.
        """
        found = {
            "log_centre": self.log_centre,
            "relative_params": self.relative_params,
            "relative_tokens": self.relative_tokens,
        }
        if self.features is not None and self.remainder is not None:
            found |= {"misfit_features": self.features, "misfit_remainder": self.remainder}
        return found


def reference_design(data: xr.Dataset, *, misfit: MisfitPart | None = None) -> ReferenceDesign:
    """Centre the design of a reference dataset.

    Runs without any measured loss have a place in the design but do not move its centre, nor the
    misfit's basis: a run that is kept out of a fit must not change the fit's priors.

    Parameters
    ----------
    data
        From :func:`densing_bayes.reference_data`.
    misfit
        Misfit of the specification; None for none.

    Returns
    -------
    ReferenceDesign
        The design.

    Raises
    ------
    ValueError
        If a misfit is asked for, and the runs are too few for one.
    """
    params, tokens = data["params"].values, data["tokens"].values
    seen = (data["measured"].values > 0).any(axis=1)
    log_n0, log_d0 = np.log(params[seen]).mean(), np.log(tokens[seen]).mean()
    basis = features = remainder = None
    if misfit is not None:
        basis = misfit_basis(
            params[seen], tokens[seen], exponent=misfit.exponent, features=misfit.features
        )
        features = basis.features(params, tokens)
        remainder = np.clip(np.diag(basis.remainder(params, tokens)), 0.0, None)
    return ReferenceDesign(
        np.array([log_n0, log_d0]),
        params / np.exp(log_n0),
        tokens / np.exp(log_d0),
        basis,
        features,
        remainder,
    )
