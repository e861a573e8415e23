"""Numbers as people read them: three significant digits, sizes in billions, open ends named."""

from __future__ import annotations

import math

import numpy as np

from densing_bayes.summary import open_quantiles

__all__ = [
    "duration",
    "middle",
    "number",
    "number_or_range",
    "percent",
    "probability",
    "size",
    "span",
]

_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
#: The two readings of a median with unknown draws count as one number when this close.
_CLOSE = 0.005


def number(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, without an exponent where that is short.

    Parameters
    ----------
    value
        The number.
    digits
        Significant digits.

    Returns
    -------
    str
        ``"unknown"`` for NaN, ``"0"`` for zero, ``"unbounded"`` for infinity.
    """
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "unbounded" if value > 0 else "-unbounded"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - exponent)
    exponent = math.floor(math.log10(abs(rounded)))
    if exponent >= 6 or exponent < -4:
        return (
            f"{rounded:.{digits - 1}e}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
        )
    return f"{rounded:,.{max(0, digits - 1 - exponent)}f}"


def size(value: float, digits: int = 3) -> str:
    """Write a number of parameters or tokens as 7.1B, 350M or 5T.

    Parameters
    ----------
    value
        Parameters or tokens.
    digits
        Significant digits.

    Returns
    -------
    str
        As text; beyond a quadrillion as a power of ten.
    """
    if not math.isfinite(value) or value == 0:
        return number(value)
    if value >= 1e15:
        return f"{value:.0e}".replace("e+", "e")
    for scale, letter in _SCALES:
        if value >= scale * (1 - 0.5 * 10.0**-digits):
            text = number(value / scale, digits)
            return (text.rstrip("0").rstrip(".") if "." in text else text) + letter
    return number(value, digits)


def percent(share: float) -> str:
    """Write a share in per cent: ``"0.13 %"``, ``"12 %"``.

    Parameters
    ----------
    share
        Between 0 and 1.

    Returns
    -------
    str
        As text.
    """
    hundred = 100 * share
    if hundred == 0 or hundred == 100:
        return f"{hundred:.0f}\u00a0%"
    return f"{number(hundred, 2 if hundred < 99 else 3)}\u00a0%"


def probability(share: float, draws: int) -> str:
    """Write a probability estimated by a share of draws, which cannot be told from 0 or 1.

    Parameters
    ----------
    share
        Share of draws.
    draws
        How many there were.

    Returns
    -------
    str
        As text.
    """
    if share == 0:
        return f"below {100 / draws:.3g}\u00a0%" if draws > 1 else percent(0.0)
    if share == 1:
        return f"above {100 - 100 / draws:.6g}\u00a0%" if draws > 1 else percent(1.0)
    return percent(share)


def span(low: float, high: float, write=number) -> str:
    """Write an interval whose ends may be open (0 or infinite).

    Parameters
    ----------
    low, high
        The ends of an interval of a positive quantity.
    write
        How to write one end.

    Returns
    -------
    str
        ``"2 to 5"``, ``">= 2"``, ``"<= 5"`` or ``"not bounded"``.
    """
    open_low = math.isnan(low) or low <= 0
    open_high = math.isnan(high) or math.isinf(high)
    if open_low and open_high:
        return "not bounded"
    if open_low:
        return f"≤ {write(high)}" if high > 0 else "out of range (below)"
    if open_high:
        return f"≥ {write(low)}" if math.isfinite(low) else "out of range (above)"
    return f"{write(low)} to {write(high)}"


def middle(draws: np.ndarray) -> tuple[float, float]:
    """Return the median under the two readings of unknown draws, as least and as greatest.

    Parameters
    ----------
    draws
        Draws; infinite and NaN ones count.

    Returns
    -------
    tuple of float
        The lower and the upper reading; both the same where no draw is NaN.
    """
    flat = np.asarray(draws, dtype=float).ravel()
    unknown = np.isnan(flat)
    readings = [
        float(open_quantiles(np.where(unknown, side, flat), (0.5,))[0])
        for side in (-np.inf, np.inf)
    ]
    return readings[0], readings[1]


def duration(low: float, high: float) -> str:
    """Write a median doubling time, whose two ends of the scale have names.

    Parameters
    ----------
    low, high
        From :func:`middle`, in days.

    Returns
    -------
    str
        A number, ``"endless growth"`` for no time at all, ``"no growth"`` for an infinite one.
    """
    if low == high == 0:
        return "endless growth"
    return "no growth" if low == high == math.inf else number_or_range(low, high)


def number_or_range(low: float, high: float) -> str:
    """Write the two readings of a median, as one number where they hardly differ.

    Parameters
    ----------
    low, high
        From :func:`middle`.

    Returns
    -------
    str
        As text.
    """
    if low == high:
        return number(low)
    if math.isfinite(low) and math.isfinite(high) and high - low <= _CLOSE * abs(low):
        return number(0.5 * (low + high))
    return span(low, high)
