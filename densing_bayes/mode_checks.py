"""Checks that chains are where the mass is: none stuck, every shape in its share."""

from __future__ import annotations

import arviz as az
import numpy as np
import xarray as xr

from densing_bayes.diagnostics import Check
from densing_bayes.shapes import shape_table

__all__ = ["check_shapes", "check_stuck_chains"]

#: A chain's mean log density may lie this many sds (of the draws of the others) below theirs...
STUCK_SDS = 1.0
#: ...and what chance alone may do to a mean: this many standard errors are taken off first.
_ERRORS = 4.0
#: The share of draws in a shape may differ by this much from the mass of the populations.
SHARE_APART = 0.1


def check_stuck_chains(tree: xr.DataTree) -> list[Check]:
    """Check that no chain stays where the density is far lower than where the others are.

    Parameters
    ----------
    tree
        With ``sample_stats``: the log density, ``logp`` or ``lp``, over (chain, draw).

    Returns
    -------
    list of Check
        One check: by how many sds the mean log density of the lowest chain lies below the median
        chain's, less four standard errors.
    """
    stats = tree["sample_stats"].to_dataset()
    log_density = stats["logp" if "logp" in stats else "lp"].transpose("chain", "draw")
    mean = log_density.mean("draw").values
    sd = float(np.median(log_density.std("draw", ddof=1).values))
    counts = [float(az.ess(log_density.values[[chain]])) for chain in range(len(mean))]
    count = np.nanmedian(counts) if np.isfinite(counts).any() else 1.0
    lowest = int(mean.argmin())
    below = float(np.median(mean) - mean[lowest])
    gap = max(0.0, below / sd - _ERRORS / np.sqrt(max(count, 1.0))) if sd > 0 else 0.0
    chain = log_density["chain"].values[lowest]
    sentence = f"the mean log density of chain {chain} lies {below:.3g} nats below the others'"
    if gap > STUCK_SDS:
        sentence += (
            ": it is stuck, or alone in a mode; leave its draws out, or run with another seed, "
            "more tuning or adaptation = 'diag'"
        )
    return [Check("stuck_chains", gap, f"<= {STUCK_SDS:g}", bool(gap <= STUCK_SDS), sentence)]


def check_shapes(tree: xr.DataTree) -> list[Check]:
    """Check that the chains hold both shapes of the loss law in proportion to their mass.

    Parameters
    ----------
    tree
        With ``alpha`` over (chain, draw, benchmark) in ``posterior`` and, from the populations, in
        ``particles``.

    Returns
    -------
    list of Check
        One check: the largest difference, over benchmarks, between the share of draws in the
        large-alpha shape and its mass; none if modes were not looked for.
    """
    if "particles" not in tree or "alpha" not in tree["particles"]:
        return []
    table = shape_table(xr.DataArray(np.log(tree["particles"].to_dataset()["alpha"])))
    table = table[table["shape"] == "large alpha"].set_index("benchmark")
    alpha = tree["posterior"].to_dataset()["alpha"]
    shares = {
        name: float((alpha.sel(benchmark=name) > row["divide"]).mean())
        for name, row in table.iterrows()
    }
    apart = {name: abs(share - table.loc[name, "mass"]) for name, share in shares.items()}
    worst = max(apart, key=lambda name: apart[name])
    sentence = (
        f"{worst}: {shares[worst]:.0%} of the draws are of the large-alpha shape, "
        f"{table.loc[worst, 'mass']:.0%} of the mass is, give or take "
        f"{table.loc[worst, 'mc_error']:.2g}"
    )
    if apart[worst] > SHARE_APART:
        sentence += (
            "; chains do not cross between shapes: run more chains, which start in them by mass, "
            "or read the shapes one by one (densing-bayes modes)"
        )
    return [
        Check(
            "shapes_agree",
            apart[worst],
            f"<= {SHARE_APART:g}",
            bool(apart[worst] <= SHARE_APART),
            sentence,
        )
    ]
