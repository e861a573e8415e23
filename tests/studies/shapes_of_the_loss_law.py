"""Which assumptions remove the second shape of the loss law, and what evidence there is for them.

The loss law of the five benchmarks is fitted to the same 33 runs under six sets of assumptions.
Each is taken from the shipped specifications; what is changed is said in VARIANTS. Sequential
Monte Carlo gives the mass of the large-alpha shape of every benchmark and the log evidence.

    python tests/studies/shapes_of_the_loss_law.py --out tests/artefacts

Writes shapes.csv (a row a variant and benchmark) and shapes.json (evidence, commit, seed,
versions), and prints a table. About ten minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

import densing_bayes as db
from densing_bayes.fit import versions
from densing_bayes.sbc.provenance import commit
from densing_bayes.spec import Spec
from densing_bayes.survey import survey_shapes

SEED = 73
PARTICLES, POPULATIONS = 2000, 4


def variants() -> dict[str, tuple[str, Spec]]:
    """Return each variant's name, what it assumes, and its specification."""
    alone, pooled, tree = (
        _laws_only(db.load_spec(name)) for name in ("independent", "pooled", "loss_law")
    )
    run_sd = tree.loss_law.run_sd
    exponents = {key: getattr(tree.loss_law, key) for key in ("log_alpha", "log_beta")}
    return {
        "independent": ("every benchmark on its own", alone),
        "independent_run_effect": (
            "every benchmark on its own, and an effect of the run shared by all",
            _with(alone, run_sd=run_sd),
        ),
        "exponents_pooled": (
            "exponents partially pooled, nothing else shared",
            _with(alone, **exponents),
        ),
        "hierarchical_no_run_effect": (
            "all shapes and noises partially pooled, no effect of the run",
            _with(tree, run_sd=None),
        ),
        "hierarchical": ("all shapes and noises partially pooled, an effect of the run", tree),
        "pooled": ("one shape and one noise for all, an effect of the run", pooled),
    }


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("tests/artefacts"))
    parser.add_argument("--particles", type=int, default=PARTICLES)
    parser.add_argument("--populations", type=int, default=POPULATIONS)
    asked = parser.parse_args()
    tables, about = [], {}
    for name, (what, spec) in variants().items():
        started = time.perf_counter()
        survey = survey_shapes(
            spec, particles=asked.particles, populations=asked.populations, seed=SEED
        )
        tables.append(_large(survey.table).assign(variant=name))
        evidence = survey.log_evidence
        about[name] = {
            "assumes": what,
            "log_evidence": float(_log_mean_exp(evidence)),
            "log_evidence_by_population": evidence.tolist(),
            "gradient_evaluations": survey.gradients,
            "seconds": round(time.perf_counter() - started, 1),
        }
        print(f"{name}: {about[name]['log_evidence']:.1f} nats, {evidence.round(2)}", flush=True)
        print(tables[-1].to_string(index=False), flush=True)
    table = pd.concat(tables)[["variant", *[c for c in tables[0] if c != "variant"]]]
    asked.out.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(asked.out / "shapes.csv", index=False)
    record = {
        "what": "mass of the large-alpha shape, and log evidence (nats), of the same losses",
        "command": "python tests/studies/shapes_of_the_loss_law.py",
        **commit(),
        "seed": SEED,
        "particles": asked.particles,
        "populations": asked.populations,
        "versions": versions(),
        "variants": about,
    }
    (asked.out / "shapes.json").write_text(json.dumps(record, indent=2) + "\n")


def _laws_only(spec: Spec) -> Spec:
    return spec.model_copy(
        update={"score_law": None, "panel": None, "effective_size": None, "density": None}
    )


def _with(spec: Spec, **changes) -> Spec:
    return spec.model_copy(update={"loss_law": spec.loss_law.model_copy(update=changes)})


def _large(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a benchmark: mass of the large shape, and the median alpha of each."""
    wide = table.pivot(index="benchmark", columns="shape")
    return (
        pd.DataFrame(
            {
                "mass_large_alpha": wide["mass", "large alpha"],
                "mc_error": wide["mc_error", "large alpha"],
                "alpha_if_small": wide["alpha_q50", "small alpha"],
                "alpha_if_large": wide["alpha_q50", "large alpha"],
                "divide": wide["divide", "large alpha"],
                "valley_depth": wide["valley_depth", "large alpha"],
            }
        )
        .loc[table["benchmark"].unique()]
        .reset_index()
    )


def _log_mean_exp(values: np.ndarray) -> float:
    return values.max() + np.log(np.exp(values - values.max()).mean())


if __name__ == "__main__":
    main()
