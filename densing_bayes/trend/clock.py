"""Dates as years since an origin."""

from __future__ import annotations

import numpy as np

__all__ = ["DAYS_PER_YEAR", "ORIGIN", "years_since_origin"]

#: Release of Llama-1, from which the article counts days.
ORIGIN = np.datetime64("2023-02-24")
DAYS_PER_YEAR = 365.25


def years_since_origin(dates) -> np.ndarray:
    """Turn dates into years since the release of Llama-1 (24 February 2023).

    Parameters
    ----------
    dates
        Dates, as numpy ``datetime64`` or what turns into it.

    Returns
    -------
    numpy.ndarray
        Years of 365.25 days.
    """
    days = (np.asarray(dates, dtype="datetime64[D]") - ORIGIN).astype(float)
    return days / DAYS_PER_YEAR
