"""Tables of finished studies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.sbc.bands import family
from densing_bayes.sbc.quantities import FINITE
from densing_bayes.sbc.replicates import MADE_BY

__all__ = [
    "LEVELS",
    "coverage",
    "family_summary",
    "gates",
    "places",
    "read_identity",
    "sbc_verdict",
]

#: Central intervals of which the coverage is told.
LEVELS = (0.5, 0.8, 0.95)
#: A replicate whose fit is worse is counted, and shown with and without.
LARGEST_RHAT = 1.05


def places(
    replicates: Sequence[Mapping[str, Any]], *, dropped: bool = False
) -> dict[str, np.ndarray]:
    """Return the places of the truths, by quantity.

    Parameters
    ----------
    replicates
        From :func:`densing_bayes.sbc.replicates.read_replicates`.
    dropped
        False: the quantities as they are. True: the sizes from which draws out of range were
        dropped, a control; replicates in which none was left are dropped too, as in practice.

    Returns
    -------
    dict of str to numpy.ndarray
        Over replicates.
    """
    names = [name for name in replicates[0]["places"] if name.endswith(FINITE) == dropped]
    found = {
        name: np.array([one["places"][name][0] for one in replicates if one["places"][name]])
        for name in names
    }
    return {name: values for name, values in found.items() if len(values) > 1}


def gates(replicates: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Tell which replicates' fits fail: divergences, or R-hat above 1.05 in any parameter.

    Parameters
    ----------
    replicates
        From :func:`densing_bayes.sbc.replicates.read_replicates`.

    Returns
    -------
    numpy.ndarray of bool
        Over replicates; all False where nothing was sampled by chains.
    """
    return np.array(
        [
            bool(one.get("divergences", 0)) or not one.get("rhat", 1.0) <= LARGEST_RHAT
            for one in replicates
        ]
    )


def coverage(by_quantity: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return how often central intervals held the truth.

    Parameters
    ----------
    by_quantity
        From :func:`places`.

    Returns
    -------
    pandas.DataFrame
        A row a quantity and level: ``quantity``, ``level``, ``covered`` (share), ``se`` (of the
        share, if the level is true) and ``within_3_se``.
    """
    rows = []
    for name, values in by_quantity.items():
        for level in LEVELS:
            covered = float((np.abs(values - 0.5) <= level / 2).mean())
            se = float(np.sqrt(level * (1 - level) / len(values)))
            rows.append(
                {
                    "quantity": name,
                    "level": level,
                    "covered": covered,
                    "se": se,
                    "within_3_se": bool(abs(covered - level) <= 3 * se),
                }
            )
    return pd.DataFrame(rows)


def read_identity(folder: Path) -> dict[str, Any]:
    """Read what the replicates of a folder depend on, and who made them.

    Parameters
    ----------
    folder
        Of a study.

    Returns
    -------
    dict
        Specification, seed, sampler, tables, code, versions; ``commit`` and ``changed``.
    """
    made_by = folder / MADE_BY
    return json.loads((folder / "identity.json").read_text()) | (
        json.loads(made_by.read_text()) if made_by.exists() else {}
    )


def sbc_verdict(
    replicates: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Judge a study.

    Parameters
    ----------
    replicates
        From :func:`densing_bayes.sbc.replicates.read_replicates`.

    Returns
    -------
    summary : dict
        ``replicates``, ``gated`` and why, ``quantities`` (different ones), ``inside`` (whether all
        are inside the familywise band), ``smallest_p``, ``worst``, the same without the gated
        replicates, and ``gradients``.
    table : pandas.DataFrame
        :func:`densing_bayes.sbc.bands.family` of all replicates.
    """
    gated = gates(replicates)
    table = family(places(replicates))
    summary = {
        "replicates": len(replicates),
        "gated": int(gated.sum()),
        "with_divergences": sum(bool(one.get("divergences", 0)) for one in replicates),
        "with_rhat_above_1.05": sum(not one.get("rhat", 1.0) <= LARGEST_RHAT for one in replicates),
        "with_several_modes": sum(len(one.get("modes", ())) > 1 for one in replicates),
        "not_finite": sum(one.get("not_finite", 0) for one in replicates),
        "gradients": sum(one.get("gradients", 0) for one in replicates),
    } | family_summary(table)
    kept = [one for one, bad in zip(replicates, gated, strict=True) if not bad]
    if gated.any() and len(kept) > 1:
        without = family_summary(family(places(kept)))
        summary |= {f"{key}_without_gated": value for key, value in without.items()}
    return summary, table


def family_summary(table: pd.DataFrame) -> dict[str, Any]:
    """Say in a few numbers what a family's table says.

    Parameters
    ----------
    table
        From :func:`densing_bayes.sbc.bands.family`.

    Returns
    -------
    dict
        ``quantities`` (different ones), ``inside``, ``outside``, ``smallest_p``, ``worst``.
    """
    different = table[table["same_as"] == ""]
    return {
        "quantities": len(different),
        "inside": bool(different["inside"].all()),
        "outside": int((~different["inside"]).sum()),
        "smallest_p": float(different["p"].min()),
        "worst": str(different["quantity"].iloc[0]),
    }
