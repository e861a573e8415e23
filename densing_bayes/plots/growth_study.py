"""Figure of the growth study: bias, coverage and false growth, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from densing_bayes.plots._style import COLOURS, styled

__all__ = ["plot_growth_study"]

_LOOKS = {
    "envelope": ("records, least squares (the article)", "vermilion", "v"),
    "average": ("average", "blue", "o"),
    "frontier": ("frontier", "green", "s"),
    "frontier_drift": ("frontier, drifting shortfall", "grey", "d"),
}
_TRUTHS = ("3.5 months", "12 months", "none")
_HOLLOW = 3.5
_LIMITS = {"bias_share": (-0.65, 1.3), "covered_95": (0.0, 1.03), "growth_declared": (0.0, 1.03)}


@styled
def plot_growth_study(table: pd.DataFrame) -> Figure:
    """Draw bias, coverage and declared growth of every trend, a line a kind of world.

    Parameters
    ----------
    table
        From ``tests/studies/growth_study.py``.

    Returns
    -------
    matplotlib.figure.Figure
        Bias as a share of the true rate (of that of twelve months where there is no growth), at
        the truths of twelve months and none; coverage of 95 % intervals, at the other two; how
        often growth is declared where there is none. Filled: the trend assumes how the worlds are
        made; open: it does not. Grey bands: what is aimed for. Arrows: outside of the panel.
    """
    import matplotlib.pyplot as plt

    table = table[table["trend"].isin(list(_LOOKS))]
    names = list(table[["scatter", "cell"]].drop_duplicates().itertuples(index=False, name=None))
    names.sort(key=lambda name: name[0])
    panels = [
        ("bias_share", "12 months", "bias of growth, %\ntruth: 12 months"),
        ("bias_share", "none", "bias of growth, %\ntruth: none"),
        ("covered_95", "3.5 months", "95 % cover, %\ntruth: 3.5 months"),
        ("covered_95", "12 months", "95 % cover, %\ntruth: 12 months"),
        ("growth_declared", "none", "growth declared, %\ntruth: none"),
    ]
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(7.2, 0.27 * len(names) + 1.1),
        sharey=True,
        layout="constrained",
    )
    for ax, (what, truth, title) in zip(axes, panels, strict=True):
        _panel(ax, table[table["truth"] == truth], names, what)
        ax.set_title(title, fontsize=7)
    axes[0].set_yticks(range(len(names)), [_label(*name) for name in names], fontsize=6.5)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
    return figure


def _label(kind: str, cell: str) -> str:
    return f"{'Normal' if kind == 'normal' else 'Shortfall'}: {cell.removeprefix('shortfall ')}"


def _panel(ax: Axes, table: pd.DataFrame, names: list[tuple[str, str]], what: str) -> None:
    low, high = _LIMITS[what]
    aim = {"bias_share": (-0.05, 0.05), "covered_95": (0.92, 1.03), "growth_declared": (0, 0.04)}
    ax.axvspan(*aim[what], color="0.88", linewidth=0)
    for line in range(1, len(names)):
        if names[line][0] != names[line - 1][0]:
            ax.axhline(line - 0.5, color="0.5", linewidth=0.6)
    shifts = np.linspace(-0.27, 0.27, len(_LOOKS))
    for shift, (trend, (label, colour, marker)) in zip(shifts, _LOOKS.items(), strict=True):
        part = table[table["trend"] == trend]
        at = [names.index(name) + shift for name in zip(part["scatter"], part["cell"], strict=True)]
        for filled in (True, False):
            which = (part["well_specified"].to_numpy() | (trend == "envelope")) == filled
            value, place = part[what].to_numpy()[which], np.array(at)[which]
            face = COLOURS[colour] if filled else "white"
            outside = (value < low) | (value > high)
            style: dict[str, Any] = {
                "color": COLOURS[colour],
                "linestyle": "",
                "markeredgewidth": 0.7,
            }
            ax.plot(
                value[~outside], place[~outside], marker=marker, markersize=_HOLLOW,
                markerfacecolor=face, label=label if filled else None, **style,
            )  # fmt: skip
            end = np.where(value > high, high - 0.02 * (high - low), low + 0.02 * (high - low))
            for mark, side in ((">", value > high), ("<", value < low)):
                ax.plot(end[side], place[side], marker=mark, markersize=_HOLLOW, **style)
    ax.set_xlim(low, high)
    ticks = [-0.5, 0, 0.5, 1] if what == "bias_share" else [0, 0.5, 1]
    ax.set_xticks(ticks, [f"{100 * tick:.0f}" for tick in ticks], fontsize=6.5)
