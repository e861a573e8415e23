"""Fits of one compiled model to many data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import arviz as az
import numpy as np
import pymc as pm
import xarray as xr

from densing_bayes.fit import Starts, compile_model, draw_compiled
from densing_bayes.spec_parts import SamplerPart
from densing_bayes.tempering import temper

__all__ = ["SAMPLER", "Fit", "diagnostics", "fitter"]

#: Short runs: ranks need some hundred draws, and there are many replicates.
SAMPLER = {"chains": 2, "draws": 300, "tune": 300, "particles": 100, "populations": 1}

#: From values of the model's ``pm.Data`` and a seed to a posterior.
Fit = Callable[[dict[str, np.ndarray], int], xr.DataTree]


def _anywhere(_: dict[str, np.ndarray]) -> Starts:
    return Starts()


def fitter(
    model: pm.Model,
    sampler: SamplerPart,
    starts_of: Callable[[dict[str, np.ndarray]], Starts] = _anywhere,
) -> Fit:
    """Compile a model once, for fits to other values of its data.

    Parameters
    ----------
    model
        A PyMC model with ``pm.Data``.
    sampler
        How each data set is fitted, on one core.
    starts_of
        From values of the data to starts, as for :func:`densing_bayes.draw_posterior`.

    Returns
    -------
    callable
        From values of the model's data and a seed to groups as
        :func:`densing_bayes.fit.draw_compiled` returns them.
    """
    compiled = compile_model(model)
    part = starts_of({}).part
    tempered = temper(part or model) if sampler.populations else None

    def fit(values: dict[str, np.ndarray], seed: int) -> xr.DataTree:
        for one in (model, part):
            if one is not None:
                with one:
                    pm.set_data({name: values[name] for name in values if name in one.named_vars})
        return draw_compiled(
            model,
            compiled.with_data(**values),
            sampler.model_copy(update={"seed": seed, "cores": 1}),
            tempered=tempered,
            tail=starts_of(values).tail(model),
            progress=False,
        )

    return fit


def diagnostics(tree: xr.DataTree, names: Iterable[str]) -> dict[str, Any]:
    """Say how well a fit went, in a few numbers.

    Parameters
    ----------
    tree
        From a :func:`fitter`.
    names
        Variables that R-hat and ESS are looked at of.

    Returns
    -------
    dict
        ``divergences``, ``rhat`` (largest), ``ess_bulk`` (smallest), ``modes`` (masses, if they
        were looked for) and ``gradients``.
    """
    names = list(names)
    draws = tree["posterior"].to_dataset()[names]
    rhat, ess = az.rhat(draws), az.ess(draws)
    return {
        "divergences": int(tree["sample_stats"]["diverging"].sum()),
        "rhat": max(float(rhat[name].max()) for name in names),
        "ess_bulk": min(float(ess[name].min()) for name in names),
        "modes": np.asarray(tree["modes"]["mass"]).tolist() if "modes" in tree.children else [],
        "gradients": int(tree["posterior"].attrs["gradient_evaluations"]),
    }
