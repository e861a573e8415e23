"""What could have been decided otherwise about a finished run, one change each, as a list.

Nothing is fitted here and the laws stay as they are: a variation changes what is asked of them (D0,
which benchmarks, models and scores, what a model's size is).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from densing_bayes._human import size
from densing_bayes.effective_size import ALL
from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.spec import Spec

__all__ = ["Variation", "list_variations", "without_llms"]

TOKENS = (1e12, 2e12, 5e12, 1e13, 1e14)
#: First and last release dates (inclusive, exclusive) that a panel is cut at.
STARTS, ENDS = ("2023-09-01", "2024-01-01"), ("2025-01-01", "2024-09-01")
#: An organisation with fewer models is no matter of its own.
FEWEST_OF_ORGANISATION = 3
_RULES = {"counted": "embeddings counted", "left_out": "embeddings left out where known"}
_MIXTURES = {
    "inference": "the inference-time form",
    "total": "all its parameters",
    "active": "its active parameters",
}


@dataclass(frozen=True)
class Variation:
    """One decision taken otherwise.

    Parameters
    ----------
    family
        What kind of decision it is.
    name
        What was decided instead, in a few words.
    note
        What to know of it, a sentence.
    spec
        The specification with the change; the laws are not fitted anew.
    benchmarks
        Benchmarks of the panel that count.
    llms
        Models of the panel as specified that count; None takes all of the panel that ``spec``
        declares.
    label
        The benchmark whose densities are meant: one, or ``all``.
    """

    family: str
    name: str
    note: str
    spec: Spec
    benchmarks: tuple[str, ...]
    llms: tuple[str, ...] | None = None
    label: str = ALL


def list_variations(
    spec: Spec, panel: xr.Dataset, *, metrics: Mapping[str, Sequence[str]], notes: Mapping[str, str]
) -> list[Variation]:
    """List what a finished run could have decided otherwise; the first entry is the run itself.

    Parameters
    ----------
    spec
        With ``[panel]``, ``[effective_size]`` and ``[density]``.
    panel
        The models of the run, from :func:`densing_bayes.read_panel`.
    metrics
        For each benchmark the metrics that the table of scores holds.
    notes
        By model the remarks of the table of models.

    Returns
    -------
    list of Variation
        By families: D0, benchmarks, metrics, evaluators, organisations, dates, training stages,
        counting rule of sizes, mixtures of experts.

    Raises
    ------
    ValueError
        If the specification has no densities.
    """
    if spec.panel is None or spec.effective_size is None or spec.density is None:
        raise ValueError(f"'{spec.name}' has no [panel], [effective_size] and [density] to vary")
    base = Variation("as specified", "as specified", "", spec, _benchmarks(panel))
    return [
        base,
        *_of_tokens(base),
        *_of_benchmarks(base),
        *_of_metrics(base, metrics),
        *_of_evaluators(base),
        *_of_organisations(base, panel),
        *_of_dates(base, panel),
        *_of_stages(base, panel, notes),
        *_of_sizes(base, panel),
        *_of_mixtures(base, panel),
    ]


def without_llms(spec: Spec, panel: xr.Dataset, *, name: str, left_out: Iterable[str]) -> Variation:
    """Leave chosen models out.

    Parameters
    ----------
    spec, panel
        As for :func:`list_variations`.
    name
        What these models are called together.
    left_out
        Labels of the panel.

    Returns
    -------
    Variation
        Of the family ``models left out``.

    Raises
    ------
    InputError
        If the panel has not one of the models.
    """
    known, asked = [str(llm) for llm in panel["llm"].values], list(left_out)
    problems = [
        Problem(
            message="the panel has no such model",
            value=llm,
            allowed=f"models of the panel, as {', '.join(known[:5])}",
            hint=did_you_mean(llm, known) or "See density.csv of the run for the labels.",
        )
        for llm in asked
        if llm not in known
    ]
    if problems:
        raise InputError(problems)
    base = Variation("as specified", "as specified", "", spec, _benchmarks(panel))
    keep = ~panel["llm"].isin(asked).values
    return _kept(base, panel, keep, "models left out", f"without {name}", "")


def _benchmarks(panel: xr.Dataset) -> tuple[str, ...]:
    return tuple(str(name) for name in panel["benchmark"].values)


def _changed(base: Variation, family: str, name: str, note: str, **parts: object) -> Variation:
    """Return the base with other parts of its specification."""
    return Variation(family, name, note, base.spec.model_copy(update=parts), base.benchmarks)


def _with_panel(base: Variation, family: str, name: str, note: str, **keys: object) -> Variation:
    assert base.spec.panel is not None, "asked for by the caller"
    return _changed(base, family, name, note, panel=base.spec.panel.model_copy(update=keys))


def _kept(
    base: Variation, panel: xr.Dataset, keep: np.ndarray, family: str, name: str, note: str
) -> Variation:
    llms = tuple(str(llm) for llm in panel["llm"].values[keep])
    return Variation(family, name, note, base.spec, base.benchmarks, llms)


def _of_tokens(base: Variation) -> list[Variation]:
    assert base.spec.effective_size is not None, "asked for by the caller"
    now = base.spec.effective_size.tokens
    note = "sizes that the same scores stand for with other training data; laws as they are"
    return [
        Variation(
            "training data D0", f"D0 = {size(tokens)}", note, base.spec.with_tokens(tokens),
            base.benchmarks,
        )
        for tokens in TOKENS
        if not np.isclose(tokens, now)
    ]  # fmt: skip


def _of_benchmarks(base: Variation) -> list[Variation]:
    note = "the laws keep what they learnt of it: the ruler is the same, the mean has one less"
    found = []
    if len(base.benchmarks) > 2:
        for name in base.benchmarks:
            rest = tuple(other for other in base.benchmarks if other != name)
            found.append(Variation("benchmark left out", f"no {name}", note, base.spec, rest))
    alone = "densities of this benchmark, no spread between benchmarks in their error"
    for name in base.benchmarks:
        found.append(
            Variation(
                "one benchmark alone", name, alone, base.spec, base.benchmarks, label=name
            )
        )  # fmt: skip
    return found


def _of_metrics(base: Variation, metrics: Mapping[str, Sequence[str]]) -> list[Variation]:
    """Put every metric that the run did not ask for alone in the place of those it did."""
    assert base.spec.panel is not None, "asked for by the caller"
    now = dict(base.spec.panel.metrics)
    family = "metric"
    other = "another measurement than the one that the score law was learnt on; other models too"
    found = [
        _with_panel(base, family, f"{name}: {metric}", other, metrics=now | {name: (metric,)})
        for name in base.benchmarks
        for metric in metrics[name]
        if metric not in now[name]
    ]
    narrow = "scores by the other metrics of the run left out"
    found += [
        _with_panel(base, family, f"{name}: {metric} only", narrow,
                    metrics=now | {name: (metric,)})
        for name in base.benchmarks
        if len(now[name]) > 1
        for metric in now[name]
    ]  # fmt: skip
    return found


def _of_evaluators(base: Variation) -> list[Variation]:
    assert base.spec.panel is not None, "asked for by the caller"
    now = base.spec.panel.evaluators
    found = [
        _with_panel(
            base, "evaluator", f"{name} first", "whose number is taken where several are",
            evaluators=(name, *(other for other in now if other != name)),
        )
        for name in now[1:]
    ]  # fmt: skip
    found += [
        _with_panel(
            base, "evaluator", f"no {name}", "models whose scores come from no one else go",
            evaluators=tuple(other for other in now if other != name),
        )
        for name in now
        if len(now) > 1
    ]  # fmt: skip
    count = len(base.benchmarks)
    least = base.spec.panel.min_benchmarks or count
    found += [
        _with_panel(
            base, "evaluator", f"{fewer} benchmarks will do",
            "more models, each measured on fewer benchmarks", min_benchmarks=fewer,
        )
        for fewer in range(least - 1, max(2, least - 3), -1)
    ]  # fmt: skip
    return found


def _of_organisations(base: Variation, panel: xr.Dataset) -> list[Variation]:
    names, counts = np.unique(panel["organisation"].values.astype(str), return_counts=True)
    return [
        _kept(
            base, panel, panel["organisation"].values != name, "organisation left out",
            f"no {name}", f"{count} models less",
        )
        for name, count in sorted(zip(names, counts, strict=True), key=lambda pair: -pair[1])
        if count >= FEWEST_OF_ORGANISATION
    ]  # fmt: skip


def _of_dates(base: Variation, panel: xr.Dataset) -> list[Variation]:
    dates = panel["release_date"].values

    def cut(keep: np.ndarray, name: str) -> Variation:
        return _kept(base, panel, keep, "release dates", name, "")

    found = [cut(dates >= np.datetime64(day), f"since {day[:7]}") for day in STARTS]
    return found + [cut(dates < np.datetime64(day), f"before {day[:7]}") for day in ENDS]


def _of_stages(base: Variation, panel: xr.Dataset, notes: Mapping[str, str]) -> list[Variation]:
    family = "training stage"
    assert base.spec.panel is not None, "asked for by the caller"
    found = []
    if base.spec.panel.stages == ("base",):
        note = "the table of models tells base from post-trained, and nothing of mid-training"
        found.append(
            _with_panel(
                base, family, "post-trained too", note, stages=("base", "post-trained")
            )
        )  # fmt: skip

    def noted(*words: str) -> np.ndarray:
        texts = [notes.get(str(llm), "").lower() for llm in panel["llm"].values]
        return np.array([any(word in text for word in words) for text in texts])

    marked: dict[str, tuple[np.ndarray, str]] = {
        "no synthetic or instruction data": (
            noted("synthetic", "instruct", "sft"),
            "models whose remark in the table names such data; most tables of others are silent",
        ),
        "no continued pre-training": (
            noted("continued pre-training", "upcycled", "depth-up"),
            "models whose remark in the table says so",
        ),
        "no distilled or pruned": (
            panel["distilled_or_pruned"].values.astype(bool),
            "models that the table marks so",
        ),
    }
    for name, (mark, note) in marked.items():
        said = ", ".join(map(str, panel["llm"].values[mark]))
        found.append(_kept(base, panel, ~mark, family, name, f"{note}: {said or 'none'}"))
    return found


def _of_sizes(base: Variation, panel: xr.Dataset) -> list[Variation]:
    family, data = "counting rule of sizes", base.spec.data
    other = "counted" if data.embeddings == "left_out" else "left_out"
    same = "laws as they are: their own sizes are counted by the rule of the run"
    found = [
        _changed(base, family, f"models: {_RULES[other]}", same,
                 data=data.model_copy(update={"embeddings": other}))
    ]  # fmt: skip
    by_total = panel["params_rule"].values == "total"
    if data.embeddings == "left_out" and by_total.any():
        unknown = ", ".join(map(str, panel["llm"].values[by_total]))
        note = f"count without embeddings not in the table: {unknown}"
        found.append(_kept(base, panel, ~by_total, family, "without embeddings, known only", note))
    return found


def _of_mixtures(base: Variation, panel: xr.Dataset) -> list[Variation]:
    part, family = base.spec.density, "mixtures of experts"
    assert part is not None, "asked for by the caller"
    moe = panel["moe"].values.astype(bool)
    if not moe.any():
        return []
    found = [
        _changed(base, family, f"divided by {words}", "dense models as they are",
                 density=part.model_copy(update={"mixture": mixture}))
        for mixture, words in _MIXTURES.items()
        if mixture != part.mixture
    ]  # fmt: skip
    swapped = {"memory_weight": part.compute_weight, "compute_weight": part.memory_weight}
    if part.mixture == "inference" and part.memory_weight != part.compute_weight:
        weights = f"{part.compute_weight:g}:{part.memory_weight:g}"
        found.append(
            _changed(base, family, f"memory to computation {weights}", "dense models as they are",
                     density=part.model_copy(update=swapped))
        )  # fmt: skip
    names = ", ".join(map(str, panel["llm"].values[moe]))
    return [*found, _kept(base, panel, ~moe, family, "dense models only", f"without {names}")]
