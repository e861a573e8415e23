"""Figure of the places of truths among posterior draws, with the band that holds a whole family."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from densing_bayes.plots._style import COLOURS, styled
from densing_bayes.sbc.bands import FAMILYWISE, band, family

__all__ = ["plot_places"]


@styled
def plot_places(
    places: Mapping[str, np.ndarray], *, title: str = "", axes: Axes | None = None
) -> Axes:
    """Draw the empirical distribution of every quantity's places, less the uniform's.

    Parameters
    ----------
    places
        From :func:`densing_bayes.sbc.summary.places`: by quantity, over replicates.
    title
        Title of the axes.
    axes
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        With the band that all quantities stay inside with probability 0.95 if their places are
        uniform; those outside are drawn in another colour and named.
    """
    if axes is None:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(figsize=(3.6, 2.6), layout="constrained")
    table = family(places)
    different = table[table["same_as"] == ""]
    n = max(len(values) for values in places.values())
    lower, upper = band(n, 1.0 - (1.0 - FAMILYWISE) / len(different))
    z = np.arange(1, len(upper) + 1) / len(upper)
    axes.fill_between(
        z, lower / n - z, upper / n - z, color=COLOURS["pale"], lw=0, label="95 % of families"
    )
    for name, inside in zip(different["quantity"], different["inside"], strict=True):
        values = np.sort(places[name])
        height = np.arange(1, len(values) + 1) / len(values) - values
        colour = COLOURS["ink"] if inside else COLOURS["vermilion"]
        axes.plot(values, height, color=colour, lw=0.5, alpha=0.5 if inside else 1.0)
    outside = different.loc[~different["inside"], "quantity"]
    said = f"{len(different)} quantities, {len(outside)} outside"
    axes.set_title(f"{title}\n{said}" if title else said, fontsize=7)
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("place of the truth among the draws")
    axes.set_ylabel("distribution less uniform")
    return axes
