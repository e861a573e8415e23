"""What is ranked besides parameters: sizes, densities and growth that laws imply.

Each is a function of the laws alone, computed in the same way for the truth and for the posterior
draws, so its rank is exactly uniform: true scores are given, not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.density import density_of
from densing_bayes.effective_size import bounded_log_size, law_draws
from densing_bayes.trend.records import envelope

__all__ = ["FINITE", "POSITIONS", "finite_draws", "flattened", "law_quantities"]

#: Shares of the way from the chance level to 1 at which sizes are ranked.
POSITIONS = {"near_floor": 0.05, "inside": 0.5, "near_ceiling": 0.9}
#: Ending of quantities from which draws out of range are dropped: a control that must fail.
FINITE = " without draws out of range"

#: Invented models of one year each half, of 2 to 70 billion parameters, one of them a mixture.
_LADDER = pd.DataFrame(
    {
        "release_date": pd.to_datetime(
            ["2023-03-01", "2023-09-01", "2024-03-01", "2024-09-01", "2025-03-01"]
        ),
        "params": [7e9, 70e9, 13e9, 2e9, 40e9],
        "params_active": [np.nan, np.nan, np.nan, np.nan, 6e9],
        "moe": [False, False, False, False, True],
        "position": [0.15, 0.3, 0.4, 0.35, 0.6],
    },
    index=pd.Index([f"invented {number}" for number in range(1, 6)], name="llm"),
)


def law_quantities(laws: xr.Dataset, *, tokens: float, chance: xr.DataArray) -> xr.Dataset:
    """Return effective sizes at given true scores, and density and growth of invented models.

    Parameters
    ----------
    laws
        Draws of the laws' letters over (chain, draw, benchmark).
    tokens
        D0, in tokens.
    chance
        Chance level over benchmark.

    Returns
    -------
    Dataset
        Over (chain, draw, benchmark): ``log_effective_size_near_floor``, ``_inside`` and
        ``_near_ceiling`` (:data:`POSITIONS`; infinite out of range), ``log_density`` of the
        newest invented model, and ``growth_envelope`` over the invented models, per year (plus
        infinity where it is unknown).
    """
    law = law_draws(laws)
    chances = chance.sel(benchmark=laws["benchmark"].values).values
    dims = ("chain", "draw", "benchmark")
    found = {
        f"log_effective_size_{name}": (
            dims,
            bounded_log_size(chances + share * (1.0 - chances), law, tokens=tokens),
        )
        for name, share in POSITIONS.items()
    }
    panel = _LADDER.to_xarray()
    scores = chances + panel["position"].values[:, None] * (1.0 - chances)
    spread = {name: value[:, :, None, :] for name, value in law.items()}
    sizes = xr.Dataset(
        {
            "log_effective_size": (
                ("chain", "draw", "llm", "benchmark"),
                bounded_log_size(scores, spread, tokens=tokens),
            )
        },
        coords={name: laws[name].values for name in dims} | {"llm": panel["llm"].values},
    )
    density = density_of(sizes, panel, memory_weight=2.45, compute_weight=1.0)["log_density"]
    growth = envelope(density.transpose("chain", "draw", "benchmark", "llm"))["growth_rate"]
    found["log_density"] = (dims, density.isel(llm=-1).transpose(*dims).values)
    known = growth.transpose(*dims).values
    found["growth_envelope"] = (dims, np.where(np.isnan(known), np.inf, known))
    return xr.Dataset(found, coords={name: laws[name].values for name in dims})


def finite_draws(draws: np.ndarray) -> np.ndarray | None:
    """Drop the draws out of range, as is common practice and wrong: a control.

    Parameters
    ----------
    draws
        (chain, draw).

    Returns
    -------
    numpy.ndarray or None
        One chain of what is left; None if that is fewer than ten draws.
    """
    left = draws[np.isfinite(draws)]
    return left[None, :] if len(left) >= 10 else None


def flattened(draws: xr.Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every scalar of a Dataset with its name, as ``alpha[MMLU]``.

    Parameters
    ----------
    draws
        Variables over (chain, draw, ...).

    Yields
    ------
    tuple of str and numpy.ndarray
        Name and draws (chain, draw).
    """
    for name, variable in draws.items():
        rest = [dim for dim in variable.dims if dim not in ("chain", "draw")]
        if not rest:
            yield str(name), variable.transpose("chain", "draw").values
            continue
        flat = variable.stack(place=rest).transpose("place", "chain", "draw")
        for label, values in zip(flat["place"].values, flat.values, strict=True):
            yield f"{name}[{','.join(map(str, label))}]", values
