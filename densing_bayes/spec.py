"""Specifications: one model variant is one TOML file, checked whole before anything runs.

Priors are values in the file. Unknown keys are errors. :func:`load_spec` returns a frozen
:class:`Spec`; its :attr:`Spec.digest` goes with every result made from it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from densing_bayes._spec_errors import (
    problems_from_toml,
    problems_from_validation,
    refused,
    table_problems,
    unmet_needs,
)
from densing_bayes.distributions import NormalDistribution, PositiveDistribution
from densing_bayes.errors import Problem, SpecError, did_you_mean
from densing_bayes.laws import LOSS_LAWS
from densing_bayes.tables import share_dir

__all__ = ["PooledPrior", "Spec", "list_specs", "load_spec", "spec_from_text"]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]

_TABLE_OF = {
    "reference_losses": "reference_losses",
    "loss_scores": "loss_score_points",
    "benchmarks": "benchmarks",
    "llms": "llms",
    "llm_scores": "llm_scores",
}
_SERIES_TABLES = (
    "published_density",
    "published_density_mmlu_cf",
    "published_density_mmlu",
    "published_prices",
)


class _Part(BaseModel):
    """A table of a specification: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Prior(_Part):
    """A prior for one number, with the reason for it."""

    prior: PositiveDistribution
    reason: str


class PooledPrior(_Part):
    """A prior for one number a benchmark, on the scale its key names.

    ``partial``: theta_k ~ Normal(m, s), m ~ ``mean``, s ~ ``sd``. ``none``: every theta_k ~
    ``mean`` on its own. ``shared``: one theta for all benchmarks, theta ~ ``mean``.
    """

    pooling: Literal["partial", "none", "shared"]
    mean: NormalDistribution
    sd: PositiveDistribution | None = None
    reason: str

    @model_validator(mode="after")
    def _sd_goes_with_partial(self) -> PooledPrior:
        if self.pooling == "partial" and self.sd is None:
            raise refused(
                "pooling 'partial' needs a prior for the spread of benchmarks, and it is missing",
                key="sd",
                hint="Add sd = { dist = ... }, or choose the pooling 'none' or 'shared'.",
            )
        if self.pooling != "partial" and self.sd is not None:
            raise refused(
                f"pooling '{self.pooling}' has no spread of benchmarks",
                key="sd",
                value=str(self.sd),
                allowed="only with pooling 'partial'",
                hint="Take the key 'sd' out.",
            )
        return self


class DataPart(_Part):
    """Which tables are read: the name of a bundled table, or a path (from the spec's folder)."""

    reference_losses: str | None = None
    loss_scores: str | None = None
    calibration_roles: tuple[Literal["fit", "heldout"], ...] = ("fit", "heldout")
    benchmarks: str = "benchmarks"
    llms: str = "llms"
    llm_scores: str = "llm_scores"
    ceiling_evidence: bool = False

    @model_validator(mode="after")
    def _tables_are_bundled_or_paths(self) -> DataPart:
        problems = [
            problem
            for key, table in _TABLE_OF.items()
            for problem in table_problems(key, getattr(self, key), bundled=(table,))
        ]
        if problems:
            raise SpecError(problems)
        return self


class LossLawPart(_Part):
    """Form and priors of the loss law; scales are those of the reference design's centre."""

    form: Literal["power_law", "power_law_irreducible"]
    log_loss_at_centre: PooledPrior
    logit_size_share: PooledPrior
    log_alpha: PooledPrior
    log_beta: PooledPrior
    logit_irreducible_share: PooledPrior | None = None
    log_noise_sd: PooledPrior
    run_sd: Prior | None = None

    @model_validator(mode="after")
    def _irreducible_goes_with_its_form(self) -> LossLawPart:
        has_e = "e" in LOSS_LAWS[self.form].parameters
        if has_e and self.logit_irreducible_share is None:
            raise refused(
                f"form '{self.form}' needs this prior, and it is missing",
                key="logit_irreducible_share",
                hint="Add the table, or choose the form 'power_law'.",
            )
        if not has_e and self.logit_irreducible_share is not None:
            raise refused(
                f"form '{self.form}' has no irreducible loss",
                key="logit_irreducible_share",
                hint="Take the table out, or choose the form 'power_law_irreducible'.",
            )
        return self


class ScoreLawPart(_Part):
    """Form and priors of the score law."""

    form: Literal["sigmoid"]
    log_mid_loss: PooledPrior
    log_steepness: PooledPrior
    floor_offset: PooledPrior
    logit_ceiling: PooledPrior
    log_concentration: PooledPrior


class PanelPart(_Part):
    """Which scores of which language models make the panel."""

    metrics: dict[str, tuple[str, ...]]
    evaluators: tuple[str, ...]
    exclude_flags: tuple[str, ...] = ()
    stages: tuple[str, ...] = ("base",)
    domains: tuple[str, ...] | None = None
    min_benchmarks: Annotated[int, Field(ge=1)] | None = None


class EffectiveSizePart(_Part):
    """At which training data D0 (tokens) the reference model's size is asked for."""

    tokens: Positive


class DensityPart(_Part):
    """Weights of memory (k1) and computation (k2) in the inference-time form of density."""

    memory_weight: Positive
    compute_weight: Positive


class SeriesPart(_Part):
    """A published series whose records are fitted by a trend."""

    name: str
    table: str
    value: Literal["density", "usd_per_million_tokens"]
    record: Literal["max", "min"]
    segment: Literal["before", "after"] | None = None

    @model_validator(mode="after")
    def _table_is_bundled_or_path(self) -> SeriesPart:
        problems = table_problems("table", self.table, bundled=_SERIES_TABLES)
        if problems:
            raise SpecError(problems)
        return self


class AverageTrendPart(_Part):
    """Priors of the average trend, per year and in log density."""

    growth_rate: NormalDistribution
    level: NormalDistribution
    noise_sd: PositiveDistribution
    organisation_sd: PositiveDistribution
    reason: str


class TrendPart(_Part):
    """Which trends are fitted, to what, and with which priors."""

    kinds: tuple[Literal["envelope", "average"], ...]
    average: AverageTrendPart | None = None
    series: tuple[SeriesPart, ...] = ()

    @model_validator(mode="after")
    def _average_has_priors(self) -> TrendPart:
        if "average" in self.kinds and self.average is None:
            raise refused(
                "the kind 'average' needs its priors, and they are missing",
                key="average",
                hint="Add the table [trend.average], or take 'average' out of 'kinds'.",
            )
        return self


class SamplerPart(_Part):
    """How the posterior is drawn."""

    sampler: Literal["nutpie", "pymc"] = "nutpie"
    draws: Annotated[int, Field(ge=10)] = 1000
    tune: Annotated[int, Field(ge=50)] = 1000
    chains: Annotated[int, Field(ge=2)] = 4
    seed: Annotated[int, Field(ge=0)] = 20251106
    target_accept: Annotated[float, Field(gt=0.5, lt=1)] = 0.97
    adaptation: Literal["diag", "low_rank"] = "low_rank"
    pilot_chains: Annotated[int, Field(ge=4)] = 16
    cores: Annotated[int, Field(ge=1)] | None = None


class Spec(_Part):
    """One model variant: which data, which laws, which priors, which outputs."""

    name: str
    title: str
    compare_with: str | None = None
    benchmarks: tuple[str, ...] = ()
    data: DataPart = DataPart()
    loss_law: LossLawPart | None = None
    score_law: ScoreLawPart | None = None
    panel: PanelPart | None = None
    effective_size: EffectiveSizePart | None = None
    density: DensityPart | None = None
    trend: TrendPart | None = None
    sampler: SamplerPart = SamplerPart()

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Spec:
        problems = unmet_needs(self.model_dump(exclude_none=True))
        if problems:
            raise SpecError(problems)
        return self

    def resolved(self) -> dict[str, Any]:
        """Return every setting, defaults included, as plain JSON-ready values."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def digest(self) -> str:
        """SHA-256 of the resolved specification, in canonical JSON."""
        text = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def with_sampler(self, **changes: Any) -> Spec:
        """Return a copy with changed sampler settings; None leaves a setting as it is.

        Parameters
        ----------
        **changes
            Fields of the table ``[sampler]``.

        Returns
        -------
        Spec
            The changed copy, checked like a file.
        """
        changed = {key: value for key, value in changes.items() if value is not None}
        return _validated({**self.resolved(), "sampler": {**self.resolved()["sampler"], **changed}})

    def with_tokens(self, tokens: float) -> Spec:
        """Return a copy that asks for effective sizes at another D0.

        Parameters
        ----------
        tokens
            Training data of the reference model, in tokens.

        Returns
        -------
        Spec
            The changed copy, checked like a file.
        """
        return _validated({**self.resolved(), "effective_size": {"tokens": tokens}})


def list_specs() -> dict[str, Path]:
    """Return the shipped specifications by name.

    Returns
    -------
    dict of str to pathlib.Path
        Name and file of each TOML under ``models/``.
    """
    return {path.stem: path for path in sorted((share_dir() / "models").glob("*.toml"))}


def load_spec(name_or_path: str | Path) -> Spec:
    """Read a specification by the name of a shipped one, or by path.

    Parameters
    ----------
    name_or_path
        A name from :func:`list_specs`, or the path of a TOML file.

    Returns
    -------
    Spec
        The checked specification. Relative table paths in it are made absolute.

    Raises
    ------
    SpecError
        With every problem of the file at once: key, value, what is allowed, the way out.
    """
    path = _spec_path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(
            [
                Problem(
                    message=f"the file is not UTF-8 text (byte {error.start})",
                    file=path.name,
                    hint="Save it as UTF-8.",
                )
            ]
        ) from error
    spec = spec_from_text(text, file=path.name, folder=path.parent)
    if spec.name != path.stem:
        raise SpecError(
            [
                Problem(
                    message="the name is not that of the file",
                    file=path.name,
                    key="name",
                    value=spec.name,
                    allowed=f"'{path.stem}'",
                    hint="A name stands for one log density: rename the key or the file.",
                )
            ]
        )
    return spec


def spec_from_text(text: str, *, file: str = "<text>", folder: Path | None = None) -> Spec:
    """Check the text of a TOML specification.

    Parameters
    ----------
    text
        The TOML text.
    file
        Its name, for messages.
    folder
        Folder against which relative table paths are resolved; None leaves them.

    Returns
    -------
    Spec
        The checked specification.

    Raises
    ------
    SpecError
        With every problem at once.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(problems_from_toml(error, text=text, file=file)) from error
    if folder is not None:
        raw = _absolute_tables(raw, folder)
    return _validated(raw, file=file)


def _validated(raw: dict[str, Any], *, file: str | None = None) -> Spec:
    try:
        return Spec.model_validate(raw)
    except ValidationError as error:
        problems = problems_from_validation(error, root=Spec, file=file)
        if all(item["loc"] for item in error.errors()):  # the needs were not asked for yet
            known = {problem.key for problem in problems}
            unmet = [need for need in unmet_needs(raw) if need.key not in known]
            problems += [dataclasses.replace(need, file=file) for need in unmet]
        raise SpecError(problems) from error


def _spec_path(name_or_path: str | Path) -> Path:
    """Return the file meant, or say what there is."""
    known = list_specs()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    path = Path(name_or_path)
    if path.is_file():
        return path
    meant = did_you_mean(path.stem, known)
    raise SpecError(
        [
            Problem(
                message="no specification of that name or path",
                value=str(name_or_path),
                allowed=f"a path, or one of: {', '.join(known)}",
                hint=meant[0].upper() + meant[1:] if meant else "List them: densing-bayes list.",
            )
        ]
    )


def _absolute_tables(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Resolve values of [data] and [[trend.series]] that are paths against the spec's folder."""

    def resolve(value: Any) -> Any:
        is_path = isinstance(value, str) and value.lower().endswith(".csv")
        return str((folder / value).resolve()) if is_path else value

    out = dict(raw)
    if isinstance(raw.get("data"), dict):
        out["data"] = {key: resolve(value) for key, value in raw["data"].items()}
    trend = raw.get("trend")
    if isinstance(trend, dict) and isinstance(trend.get("series"), list):
        series = [
            item | {"table": resolve(item.get("table"))} if isinstance(item, dict) else item
            for item in trend["series"]
        ]
        out["trend"] = trend | {"series": series}
    return out
