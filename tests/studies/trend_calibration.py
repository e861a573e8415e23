"""Do trend models hold the truth as often as they say? Worlds drawn from each one's own priors.

Simulation-based calibration of every shipped trend model, on 24 models of 5 organisations with
known errors, a fifth of them seen through bounds; and of two that must fail, since they ignore the
data. Chunks of a hundred worlds share dates; each is a file: killed at any moment, the same command
goes on where it was.

    python tests/studies/trend_calibration.py

Writes tests/artefacts/trend_calibration.csv (a row a quantity) and trend_calibration.json.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from densing_bayes.fit import versions
from densing_bayes.sbc.bands import family
from densing_bayes.sbc.provenance import code_digest, commit
from densing_bayes.sbc.replicates import finished, read_replicates, run_replicates
from densing_bayes.sbc.summary import coverage, family_summary, read_identity
from densing_bayes.sbc.trends import trend_places
from densing_bayes.trend.files import list_trends, load_trend

SEED, WORLDS, CHUNK = 20261126, 1000, 100
#: Trends whose data are ignored on purpose; what draws from a prior is not of their posterior.
MUST_FAIL = ("average", "frontier")


def main() -> None:
    """Run the study, or go on with it, and tabulate what is finished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=WORLDS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--kept", type=Path, default=Path("results/trend_calibration"))
    parser.add_argument("--out", type=Path, default=Path("tests/artefacts"))
    parser.add_argument("--tabulate", action="store_true", help="tabulate what there is")
    asked = parser.parse_args()
    studies = {name: (name, False) for name in list_trends()}
    studies |= {f"{name}_data_ignored": (name, True) for name in MUST_FAIL}
    for study, (name, ignored) in studies.items():
        if asked.tabulate:
            continue
        run_replicates(
            partial(chunk_of, name, ignored),
            -(-asked.worlds // CHUNK),
            folder=asked.kept / study,
            identity={
                "trend": load_trend(name).model_dump(mode="json"),
                "data_ignored": ignored,
                "seed": SEED,
                "code_sha256": code_digest("densing_bayes.sbc.trends"),
                "versions": versions(),
            },
            made_by=commit(),
            jobs=asked.jobs,
            say=lambda line, study=study: print(f"{study}: {line}", flush=True),
        )
    _write({name: of for name, of in studies.items() if finished(asked.kept / name)}, asked)


def chunk_of(name: str, ignored: bool):
    """Return the function from the number of a chunk to the places of its truths."""

    def chunk(number: int) -> dict:
        places = trend_places(load_trend(name), CHUNK, seed=SEED + number, data_ignored=ignored)
        return {"places": {quantity: value.tolist() for quantity, value in places.items()}}

    return chunk


def _write(studies: dict[str, tuple[str, bool]], asked: argparse.Namespace) -> None:
    judged, tables = {}, []
    for study, (_, ignored) in studies.items():
        chunks = [one["places"] for one in read_replicates(asked.kept / study)]
        places = {name: np.concatenate([one[name] for one in chunks]) for name in chunks[0]}
        table = family(places)
        covered = coverage(places).query("level == 0.95").set_index("quantity")["covered"]
        tables.append(table.assign(study=study, covered_95=table["quantity"].map(covered)))
        identity = read_identity(asked.kept / study)
        judged[study] = {
            "worlds": len(next(iter(places.values()))),
            "must_fail": ignored,
            **family_summary(table),
            **{key: identity.get(key) for key in ("commit", "changed", "code_sha256")},
        }
    asked.out.mkdir(parents=True, exist_ok=True)
    columns = ["study", "quantity", "p", "p_family", "inside", "covered_95"]
    pd.concat(tables)[columns].to_csv(
        asked.out / "trend_calibration.csv", index=False, float_format="%.4g"
    )
    record = {
        "what": "simulation-based calibration of the trend models, from their own priors",
        "command": "python tests/studies/trend_calibration.py",
        "seed": SEED,
        "versions": versions(),
        "studies": judged,
    }
    text = json.dumps(record, indent=1)
    (asked.out / "trend_calibration.json").write_text(text + "\n")
    print(text, flush=True)


if __name__ == "__main__":
    main()
