"""Trend models as values: one TOML file each under ``models/trends/``, checked whole."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError, model_validator

from densing_bayes._spec_errors import problems_from_validation, refused
from densing_bayes.distributions import NormalDistribution, PositiveDistribution
from densing_bayes.errors import Problem, SpecError
from densing_bayes.spec_parts import Part
from densing_bayes.tables import share_dir
from densing_bayes.toml_files import find_file, must_be_named, parse_toml, read_text

__all__ = [
    "AverageFile",
    "BreakFile",
    "FrontierFile",
    "SaturatingFile",
    "TrendFile",
    "list_trends",
    "load_trend",
]


class _Common(Part):
    """What every trend has: its name, and priors of growth, level and scatter."""

    name: str
    title: str
    growth_rate: NormalDistribution
    level: NormalDistribution
    noise_sd: PositiveDistribution
    reason: str


class AverageFile(_Common):
    """Growth of the typical model: a line, with organisations and models scattered about it."""

    kind: Literal["average"]
    organisation_sd: PositiveDistribution


class BreakFile(_Common):
    """A line whose slope changes, at a given date or at one between two dates."""

    kind: Literal["break"]
    organisation_sd: PositiveDistribution
    change: NormalDistribution
    break_date: datetime.date | None = None
    earliest: datetime.date | None = None
    latest: datetime.date | None = None

    @model_validator(mode="after")
    def _one_date_or_two(self) -> BreakFile:
        between = self.earliest is not None and self.latest is not None
        either = self.earliest is not None or self.latest is not None
        if (self.break_date is None) == (not either) or either != between:
            raise refused(
                "a break is at one date, or unknown between two",
                key="break_date",
                allowed="'break_date', or both 'earliest' and 'latest'",
                hint="Give break_date = 2022-11-30, or earliest and latest.",
            )
        if between and self.earliest >= self.latest:  # type: ignore[operator]
            raise refused(
                "the earliest date of a break is not before the latest",
                key="earliest",
                value=str(self.earliest),
                allowed=f"before {self.latest}",
                hint="Exchange the two.",
            )
        return self


class SaturatingFile(_Common):
    """Growth that slows: from a rate at the origin, by a constant share a year."""

    kind: Literal["saturating"]
    organisation_sd: PositiveDistribution
    slowing: PositiveDistribution


class FrontierFile(_Common):
    """A stochastic frontier: growth of the best possible, models falling short of it."""

    kind: Literal["frontier"]
    shortfall: PositiveDistribution
    shortfall_drift: NormalDistribution | None = None
    organisation_sd: PositiveDistribution | None = None


TrendFile = AverageFile | BreakFile | SaturatingFile | FrontierFile
_KINDS: dict[str, type[AverageFile | BreakFile | SaturatingFile | FrontierFile]] = {
    "average": AverageFile,
    "break": BreakFile,
    "saturating": SaturatingFile,
    "frontier": FrontierFile,
}


def list_trends() -> dict[str, Path]:
    """Return the shipped trend models by name.

    Returns
    -------
    dict of str to pathlib.Path
        Name and file of each TOML under ``models/trends/``.
    """
    return {path.stem: path for path in sorted((share_dir() / "models" / "trends").glob("*.toml"))}


def load_trend(name_or_path: str | Path) -> TrendFile:
    """Read a trend model by the name of a shipped one, or by path.

    Parameters
    ----------
    name_or_path
        A name from :func:`list_trends`, or the path of a TOML file.

    Returns
    -------
    TrendFile
        The checked file: one class a kind.

    Raises
    ------
    SpecError
        With every problem of the file at once.
    """
    path = find_file(name_or_path, list_trends(), what="trend")
    raw = parse_toml(read_text(path), file=path.name)
    kind = raw.get("kind")
    if kind not in _KINDS:
        raise SpecError(
            [
                Problem(
                    message="no trend of that kind",
                    file=path.name,
                    key="kind",
                    value=None if kind is None else str(kind),
                    allowed=", ".join(_KINDS),
                    hint="Choose one of these.",
                )
            ]
        )
    try:
        trend = _KINDS[kind].model_validate(raw)
    except ValidationError as error:
        problems = problems_from_validation(error, root=_KINDS[kind], file=path.name)
        raise SpecError(problems) from error
    must_be_named(trend.name, path)
    return trend
