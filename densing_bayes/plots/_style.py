"""Colours, type and line weights of the figures, set only while one is being drawn."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from densing_bayes._human import size

__all__ = ["COLOURS", "STYLE", "panel_grid", "plain_log_axis", "size_axis", "styled"]

#: Okabe and Ito's palette; each role also differs in lightness or line, for print in grey.
COLOURS = {
    "ink": "#222222",
    "grey": "#8c8c8c",
    "pale": "#d9d9d9",
    "blue": "#0072B2",
    "sky": "#56B4E9",
    "vermilion": "#D55E00",
    "orange": "#E69F00",
    "green": "#009E73",
    "purple": "#CC79A7",
}

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": COLOURS["ink"],
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ececec",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": COLOURS["ink"],
    "ytick.labelcolor": COLOURS["ink"],
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "axes.formatter.use_mathtext": True,
}


def styled[**P, R](draw: Callable[P, R]) -> Callable[P, R]:
    """Draw under :data:`STYLE`, and leave the settings as they were."""

    @functools.wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return inside


def panel_grid(count: int, *, columns: int, size: tuple[float, float], spare: int = 0, **options):
    """Return a figure with a panel for each item, the flat array of its axes, and spare ones.

    Parameters
    ----------
    count
        Panels wanted.
    columns
        Most panels in a row.
    size
        Width and height of one, in inches.
    spare
        Cells to leave free at the end, as for a legend.
    **options
        Of ``plt.subplots``.

    Returns
    -------
    figure : Figure
        The figure, under constrained layout.
    axes : numpy.ndarray
        The panels.
    rest : list of Axes
        Cells left over, switched off.
    """
    import matplotlib.pyplot as plt

    columns = min(columns, count + spare)
    rows = -(-(count + spare) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(columns * size[0], rows * size[1]),
        layout="constrained",
        squeeze=False,
        **options,
    )
    axes = grid.ravel()
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count], list(axes[count:])


def plain_log_axis(ax: Axes, which: str, ticks: list[float]) -> None:
    """Give an axis a log scale with ticks in plain numbers (0.01, 1, 100).

    Parameters
    ----------
    ax
        The axes.
    which
        ``"x"`` or ``"y"``.
    ticks
        Where ticks stand.
    """
    _fixed_log_axis(ax, which, ticks, [_plain(tick) for tick in ticks])


def size_axis(ax: Axes, ticks: list[float]) -> None:
    """Give the x axis a log scale with ticks in sizes (10M, 1B).

    Parameters
    ----------
    ax
        The axes.
    ticks
        Where ticks stand, in parameters.
    """
    _fixed_log_axis(ax, "x", ticks, [size(tick, 2) for tick in ticks])


def _fixed_log_axis(ax: Axes, which: str, ticks: list[float], labels: list[str]) -> None:
    axis = ax.xaxis if which == "x" else ax.yaxis
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter(labels))
    axis.set_minor_locator(NullLocator())


def _plain(value: float) -> str:
    return f"{value:.6g}"
