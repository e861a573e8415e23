"""The page on the article's claims, and the files that it is made from."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from densing_bayes._human import number, percent, span
from densing_bayes.fit import versions
from densing_bayes.sbc.provenance import commit
from densing_bayes.trend.claims import RULE, SURE, Claim, claims_table

__all__ = ["claims_page", "claims_record", "write_claims"]

#: How near to the edge of the rule a verdict is marked.
_NEAR = 0.02
#: Published findings of others, as context. They are cited, not tested.
CONTEXT = (
    "Knowledge of rare facts does not grow denser: at a fixed size its time coefficient is -0.0010 "
    "a month, 95 % interval -0.0031 to 0.0008, over 96 dated open-weight models, where a doubling "
    "in 3.5 months would give +0.0117 (arXiv 2604.24827).",
    "The price of a fixed performance falls by a factor of 5 to 10 a year for frontier models, and "
    "algorithms of open models, adjusted for hardware, gain about 3 a year (arXiv 2511.23455). A "
    "halving in 2.6 months would be about 25 a year, a doubling in 3.5 months about 11.",
    "The choice of regression alone moves the halving time of inference costs for hard coding "
    "tasks between 1.7 and 2.4 months on the same data (LessWrong, Inference costs for hard coding "
    "tasks halve roughly every two months).",
)


def claims_record(claims: Sequence[Claim], *, name: str, seed: int) -> dict[str, Any]:
    """Return claims as plain values, with what they were made by.

    Parameters
    ----------
    claims
        Claims.
    name
        Of the model whose run they are of.
    seed
        Seed.

    Returns
    -------
    dict
        ``what``, ``command``, ``model``, ``commit``, ``changed``, ``seed``, ``versions``, ``rule``,
        ``claims``.
    """
    return {
        "what": "the article's claims, with the probability of each",
        "command": f"densing-bayes claims results/{name} --seed {seed}",
        "model": name,
        **commit(),
        "seed": seed,
        "versions": versions(),
        "rule": RULE,
        "claims": [_plain(claim.as_dict()) for claim in claims],
    }


def _plain(value: Any) -> Any:
    """Return a value as strict JSON has it: no NaN, infinities as text."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def write_claims(
    claims: Sequence[Claim], folder: Path | str, *, name: str, seed: int
) -> list[Path]:
    """Write claims as a table, a page and an artefact.

    Parameters
    ----------
    claims
        Claims.
    folder
        Where; made if it is not there.
    name, seed
        As for :func:`claims_record`.

    Returns
    -------
    list of pathlib.Path
        ``claims.csv``, ``claims.md``, ``claims.json``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = claims_record(claims, name=name, seed=seed)
    paths = [folder / f"claims.{ending}" for ending in ("csv", "md", "json")]
    claims_table(claims).to_csv(paths[0], index=False)
    text = json.dumps(record, indent=2)
    paths[1].write_text(claims_page(json.loads(text)), encoding="utf-8")
    paths[2].write_text(text + "\n", encoding="utf-8")
    return paths


def claims_page(record: Mapping[str, Any]) -> str:
    """Return the page, every number of which is from the artefact.

    Parameters
    ----------
    record
        From :func:`claims_record`, or read from ``claims.json``.

    Returns
    -------
    str
        Markdown.
    """
    claims = record["claims"]
    lines = [
        "# What the data say",
        "",
        _wrapped(
            "The published claims of the Densing Law, each with the probability that it holds. "
            f"{record['rule']} Intervals hold 90 % of the draws."
        ),
        "",
        "| claim | verdict | probability that it holds | median over the fits |",
        "|---|---|---|---|",
        *(_summary(claim) for claim in claims),
    ]
    for claim in claims:
        lines += ["", f"## {claim['statement']}", "", *_section(claim)]
    lines += ["", "## What others found", ""]
    lines += [_wrapped(f"- {one}", "  ") for one in CONTEXT]
    lines += ["", "## How this page was made", "", _wrapped(_made_by(record)), ""]
    return "\n".join(lines)


def _made_by(record: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return (
        f"`{record['command']}`, at commit `{str(record['commit'])[:12]}`, seed {record['seed']}, "
        f"with {packages}. Numbers are read from `claims.json`, none is typed."
    )


def _summary(claim: Mapping[str, Any]) -> str:
    counted = [one for one in claim["evidence"] if one["counts"]]
    chances = sorted(one["probability"] for one in counted)
    middles = sorted(float(one["middle"]) for one in counted)
    chance = _to(_chance(chances[0]), _chance(chances[-1]))
    middle = _to(number(middles[0]), number(middles[-1]))
    return (
        f"| {claim['statement']} | **{claim['verdict']}**{_edge(claim)} | {chance} | "
        f"{claim['quantity']}: {middle} {claim['units']} |".replace("  |", " |")
    )


def _section(claim: Mapping[str, Any]) -> list[str]:
    published = claim["published"]
    claimed = f"{claim['claimed']} {claim['units']}".rstrip()
    value = (
        ""
        if published is None
        else f"Published: {number(published)} {claim['units']}".rstrip() + ". "
    )
    return [
        _wrapped(claim["sentence"] + _edge_sentence(claim)),
        "",
        _wrapped(f"{value}What counts as the claim: {claimed}. "
                 f"{claim['reason']} Source: {claim['source']}."),
        "",
        _wrapped(f"Rests on {claim['rests_on']}"),
        "",
        f"| trend | data | points | {claim['quantity']} (90 %) | P(claim) |",
        "|---|---|---|---|---|",
        *(_row(one) for one in sorted(claim["evidence"], key=lambda one: not one["counts"])),
        *([] if all(one["counts"] for one in claim["evidence"])
          else ["", "In brackets: shown beside, not counted in the verdict."]),
    ]  # fmt: skip


def _row(one: Mapping[str, Any]) -> str:
    ends = [float(end) for end in (one["low"], one["high"]) if end is not None]
    interval = f" ({_span(*ends)})" if len(ends) == 2 else ""
    middle = number(float("nan") if one["middle"] is None else float(one["middle"]))
    chance = "" if one["probability"] is None else _chance(one["probability"])
    trend = one["trend"] if one["counts"] else f"({one['trend']})"
    return f"| {trend} | {one['data']} | {one['points']} | {middle}{interval} | {chance} |"


def _edge(claim: Mapping[str, Any]) -> str:
    """Mark a verdict that another seed or prior might turn."""
    chances = [one["probability"] for one in claim["evidence"] if one["counts"]]
    near = abs(min(chances) - SURE) < _NEAR or abs(max(chances) - (1 - SURE)) < _NEAR
    return ", at the edge of the rule" if near else ""


def _edge_sentence(claim: Mapping[str, Any]) -> str:
    return " The verdict is at the edge of the rule: little would turn it." if _edge(claim) else ""


def _chance(share: float) -> str:
    return {0.0: "no draw", 1.0: "every draw"}.get(share) or percent(share)


def _span(low: float, high: float) -> str:
    return f"{number(low)} to {number(high)}" if low < 0 else span(low, high)


def _to(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _wrapped(text: str, indent: str = "") -> str:
    # a number and its per cent sign stay together
    return textwrap.fill(
        " ".join(text.split(" ")), 100, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
