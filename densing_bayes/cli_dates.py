"""Dates that are given on the command line."""

from __future__ import annotations

import datetime

from densing_bayes.errors import InputError, Problem

__all__ = ["date_of"]


def date_of(text: str, *, option: str) -> str:
    """Read a date.

    Parameters
    ----------
    text
        As it was given.
    option
        For what.

    Returns
    -------
    str
        Year-month-day.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        problem = Problem(
            message="this is no date",
            key=option,
            value=text,
            allowed="a date such as 2026-06-30",
            hint="Write year-month-day.",
        )
        raise InputError([problem]) from None
