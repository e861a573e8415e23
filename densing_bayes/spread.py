"""The spread between benchmarks that a run learnt, kept with its laws."""

from __future__ import annotations

import xarray as xr

from densing_bayes.latent import calibrate
from densing_bayes.spec import Spec

__all__ = ["spread_of"]


def spread_of(
    spec: Spec,
    laws: xr.DataTree,
    panel: xr.Dataset,
    *,
    far: xr.Dataset | xr.DataTree,
) -> xr.DataArray | None:
    """Return the spread as it is kept with the laws, or learn it if it is not.

    Parameters
    ----------
    spec
        With ``[effective_size]``.
    laws
        From :func:`densing_bayes.finished.load_run`; the group ``spread`` has what was learnt, at
        the D0 of its ``attrs["tokens"]``.
    panel
        The models.
    far
        The laws as the targets see them.

    Returns
    -------
    DataArray or None
        ``between_sd`` over (chain, draw) of some draws of the laws; None where the specification
        has no priors for it, or its models are data of the laws.
    """
    part = spec.effective_size
    if part is None or part.latent is None or part.feedback == "joint":
        return None
    if "spread" in laws and laws["spread"].attrs["tokens"] == part.tokens:
        return laws["spread"].to_dataset()["between_sd"]
    found = calibrate(far, panel, tokens=part.tokens, prior=part.latent, seed=spec.sampler.seed)
    return found["between_sd"]
