"""Sizes and data of reference runs that are not exact, as variables of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

__all__ = ["with_error"]


def with_error(given: Any, name: str, data: xr.Dataset) -> Any:
    r"""Return a quantity of the runs: as given where it is exact, else a variable of the model.

    .. math:: \ln N_i \sim \mathrm{Normal}(\ln N_{i,\mathrm{given}}, s_i)

    for the runs with an sd :math:`s_i > 0`. The given value is taken as the centre of what is
    believed of the true one (a rounded or disclosed figure, Berkson's kind of error), so a loss
    out of line can move it.

    Parameters
    ----------
    given
        The values given, over run, in any unit.
    name
        ``"params"`` or ``"tokens"``.
    data
        From :func:`densing_bayes.reference_data`: ``<name>_log_sd`` over run.

    Returns
    -------
    array-like
        Over run: ``given`` itself if all are exact, else a tensor of the surrounding model, to
        which ``<name>_error`` (natural log, over the dim ``inexact_<name>``) is added.
    """
    sd = data[f"{name}_log_sd"].values
    inexact = np.flatnonzero(sd > 0)
    if not len(inexact):
        return given
    model = pm.modelcontext(None)
    dim = f"inexact_{name}"
    model.add_coord(dim, data["run"].values[inexact])
    score = pm.Normal(f"{name}_error_z", 0.0, 1.0, dims=dim)
    error = pm.Deterministic(f"{name}_error", sd[inexact] * score, dims=dim)
    return given * pt.exp(pt.set_subtensor(pt.zeros(len(sd))[inexact], error))
