"""Effective sizes of a joint fit: read off its posterior, in the form of all effective sizes."""

from __future__ import annotations

import numpy as np
import xarray as xr

from densing_bayes.effective_size import ALL
from densing_bayes.spec_parts import LatentPart

__all__ = ["joint_sizes"]

_DIMS = ("chain", "draw", "llm", "benchmark")


def joint_sizes(
    laws: xr.Dataset | xr.DataTree, panel: xr.Dataset, *, prior: LatentPart, seed: int
) -> xr.Dataset:
    r"""Arrange the log sizes of a joint fit by model and benchmark, and draw those over benchmarks.

    The log size over benchmarks was integrated out of the fit; given a model's K log sizes x and
    the sd :math:`\tau` between benchmarks it is Normal with precision
    :math:`s_0^{-2} + K \tau^{-2}` and mean
    :math:`(m_0 s_0^{-2} + \tau^{-2} \sum x) / (s_0^{-2} + K \tau^{-2})`.

    Parameters
    ----------
    laws
        Posterior of a model that :func:`densing_bayes.add_targets` made: ``log_size`` over
        (chain, draw, cell) and ``between_sd``.
    panel
        The panel it was given.
    prior
        The priors it was given.
    seed
        Seed.

    Returns
    -------
    Dataset
        ``log_effective_size``, ``low`` and ``high`` (equal to it: every draw is finite),
        ``centre`` (equal to it), ``target_sd`` and ``side`` (0), as
        :func:`densing_bayes.propagate` gives them, NaN where a model was not measured; and
        ``between_sd`` over (chain, draw).
    """
    posterior = laws["posterior"].to_dataset() if isinstance(laws, xr.DataTree) else laws
    tau = posterior["between_sd"].transpose(*_DIMS[:2]).values[..., None]
    cells = posterior["log_size"].transpose(*_DIMS[:2], "cell").values
    llm, benchmark = np.nonzero(np.isfinite(panel["score"].values))
    shape = (*cells.shape[:2], panel.sizes["llm"], panel.sizes["benchmark"])
    alone = np.full(shape, np.nan)
    alone[..., llm, benchmark] = cells
    mean, sd = (prior.log_size.parameters[key] for key in ("mu", "sigma"))
    count = np.isfinite(panel["score"].values).sum(axis=-1)
    precision = sd**-2 + count * tau**-2
    centre = (mean * sd**-2 + np.nansum(alone, axis=-1) * tau**-2) / precision
    rng = np.random.default_rng([seed, 7])
    over = centre + rng.normal(size=centre.shape) / np.sqrt(precision)
    size = np.concatenate([alone, over[..., None]], axis=-1)
    zero = np.zeros_like(size)
    logs = {"units": "ln(parameters)"}
    return xr.Dataset(
        dict.fromkeys(("log_effective_size", "low", "high", "centre"), (_DIMS, size, logs))
        | {"target_sd": (_DIMS, zero, logs), "side": (_DIMS, zero.astype(int), {"units": "1"})}
        | {"between_sd": (_DIMS[:2], tau[..., 0], {"units": "1"})},
        coords={name: posterior[name].values for name in _DIMS[:2]}
        | {"llm": panel["llm"].values, "benchmark": [*panel["benchmark"].values.tolist(), ALL]}
        | {name: ("llm", panel[name].values) for name in ("release_date", "organisation")},
        attrs={"seed": seed, "method": "joint"},
    )
