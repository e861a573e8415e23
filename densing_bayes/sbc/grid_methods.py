"""What each method says of targets with known sizes: where the truth stands in its draws."""

from __future__ import annotations

import numpy as np
import xarray as xr

from densing_bayes.effective_size import bounded_log_size, law_draws, propagate
from densing_bayes.latent import calibrate
from densing_bayes.spec_parts import LatentPart

__all__ = ["METHODS", "said_of"]

#: ``naive``: the raw score inverted with every draw of the laws, draws that are no finite number
#: dropped, as is common practice. ``dropped``: the score's own error is in, draws are dropped all
#: the same. ``propagation`` and ``latent``: the package's two ways.
METHODS = ("naive", "dropped", "propagation", "latent")

#: Draws of the laws that each method gets; fewer finite ones make no interval.
DRAWS, _FEWEST = 200, 10
#: Spread between benchmarks for the calibration, the median of its prior: given, so that nothing
#: is learnt from one cell for another. It adds to the prior's sd of one size, 5, a tenth.
_BETWEEN = 1.0
_TAILS = (0.05, 0.95)


def said_of(
    laws: xr.Dataset, panel: xr.Dataset, *, tokens: float, prior: LatentPart, seed: int
) -> dict[str, np.ndarray]:
    """Ask every method for the size of every target.

    Parameters
    ----------
    laws
        A posterior of the laws, over (chain, draw, benchmark).
    panel
        From :func:`densing_bayes.sbc.grid.panel_of`.
    tokens
        D0, in tokens.
    prior
        Of the latent calibration.
    seed
        Seed.

    Returns
    -------
    dict of str to numpy.ndarray
        Over (method, benchmark, llm): ``below``, the share of draws that are surely below the
        truth, and ``reach``, the share that may be below it (they differ where a draw is a bound);
        both NaN where a method has no draws left; ``width`` of the 90 % interval of the log size
        (infinite if open); ``dropped``, the share of draws that are no finite number. Over
        (benchmark, llm) of the latent calibration: ``status``, ``bound_low``, ``bound_high``, and
        ``not_finite``, the number of draws that are no finite number.
    """
    step = max(1, laws.sizes["chain"] * laws.sizes["draw"] // DRAWS)
    laws = laws.isel(draw=slice(None, None, step))
    sizes = propagate(laws, panel, tokens=tokens, seed=seed, inner=2)
    sizes = sizes.sel(benchmark=panel["benchmark"].values)
    drawn, low, high = (_by_sample(sizes[name]) for name in ("log_effective_size", "low", "high"))
    found = [_finite(_inverted(laws, panel, tokens)), _finite(drawn), (low, high)]
    latent = [
        _latent(laws, panel[["score", "n_items"]].sel(benchmark=[name]), tokens, prior, seed)
        for name in panel["benchmark"].values
    ]
    calibrated = xr.concat(latent, "benchmark", data_vars="all")
    draws = _by_sample(calibrated["log_effective_size"])
    found.append((draws, draws))
    truth = panel["log_size"].transpose("benchmark", "llm").values
    each = [_places(low, high, truth) for low, high in found]
    about = {
        name: calibrated[name].transpose("benchmark", "llm").values
        for name in ("status", "bound_low", "bound_high")
    }
    not_finite = (~np.isfinite(draws)).sum(axis=0)
    return (
        {name: np.stack([one[name] for one in each]) for name in each[0]}
        | about
        | {"not_finite": not_finite}
    )


_Readings = tuple[np.ndarray, np.ndarray]


def _inverted(laws: xr.Dataset, panel: xr.Dataset, tokens: float) -> np.ndarray:
    """Invert every raw score with every draw of the laws, (sample, benchmark, llm)."""
    law = {name: value.reshape(-1, value.shape[-1], 1) for name, value in law_draws(laws).items()}
    score = panel["score"].transpose("benchmark", "llm").values
    return bounded_log_size(score, law, tokens=tokens)


def _latent(laws, panel, tokens, prior, seed) -> xr.Dataset:
    return calibrate(
        laws, panel, tokens=tokens, prior=prior, seed=seed, between_sd=_BETWEEN, draws=None
    ).sel(benchmark=panel["benchmark"].values)


def _by_sample(draws: xr.DataArray) -> np.ndarray:
    stacked = draws.stack(sample=("chain", "draw"))
    return stacked.transpose("sample", "benchmark", "llm").values


def _finite(draws: np.ndarray) -> _Readings:
    """Mark what is dropped by NaN."""
    kept = np.where(np.isfinite(draws), draws, np.nan)
    return kept, kept


def _places(low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Place truths among draws along the first axis; draws whose readings are NaN are left out."""
    left = ~np.isnan(low)
    count = left.sum(axis=0)
    blank = np.where(count >= _FEWEST, 0.0, np.nan)
    with np.errstate(invalid="ignore"):
        first, last = _ends(low, high)
        return {
            "below": ((high < truth).sum(axis=0) + 0.5) / (count + 1.0) + blank,
            "reach": ((low < truth).sum(axis=0) + 0.5) / (count + 1.0) + blank,
            "width": last - first + blank,
            "dropped": 1.0 - count / len(low),
        }


def _ends(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the 90 % intervals of what is left along the first axis."""
    count = (~np.isnan(low)).sum(axis=0)
    places = [np.minimum((tail * count).astype(int), np.maximum(count - 1, 0)) for tail in _TAILS]
    # NaN are sorted to the end
    sides = [np.sort(side, axis=0) for side in (low, high)]
    first, last = (
        np.take_along_axis(side, place[None], axis=0)[0]
        for side, place in zip(sides, places, strict=True)
    )
    return first, last
