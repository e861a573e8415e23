"""Do the intervals hold the truth as often as they say? Every shipped model, and what must fail.

Simulation-based calibration of every model with laws, of the latent calibration and of the average
trend; of the main model from its posterior too; and of three errors made on purpose, which it must
find. Every replicate is a file: killed at any moment, the same command goes on where it was, and
ends the same.

    python tests/studies/calibration.py --jobs 2
    python tests/studies/calibration.py --only densing_law latent

Replicates are kept under results/calibration/.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from densing_bayes.sbc.run import numeric_sbc, posterior_sbc, prior_sbc

#: Variants are run on two benchmarks, of many items and of few: they differ from the main model in
#: the loss law or in the pooling, which two show, and cost half.
PAIR = ("MMLU", "HumanEval")
VARIANTS = (
    "loss_law",
    "pooled",
    "independent",
    "paper_calibration",
    "embeddings_counted",
    "irreducible",
    "student_t",
    "misfit",
    "loss_misfit",
    "joint",
)


@dataclasses.dataclass(frozen=True)
class Study:
    """One folder of replicates.

    Parameters
    ----------
    name
        Of the folder.
    replicates
        How many.
    run
        Called with ``replicates``, ``folder``, ``jobs`` and ``say``.
    """

    name: str
    replicates: int
    run: Callable[..., None]


LONG = {"draws": 400}
STUDIES = [
    Study("densing_law", 1000, partial(prior_sbc, "densing_law", sampler=LONG)),
    Study(
        "noise_sd_too_small",
        300,
        partial(prior_sbc, "densing_law", benchmarks=PAIR, control="noise_sd_too_small"),
    ),
    Study(
        "data_ignored",
        300,
        partial(prior_sbc, "densing_law", benchmarks=PAIR, control="data_ignored"),
    ),
    Study("latent", 1000, partial(numeric_sbc, "densing_law", part="latent")),
    Study("published_trend", 1000, partial(numeric_sbc, "published_trend", part="trend")),
    Study("densing_law_posterior", 500, partial(posterior_sbc, "densing_law")),
    *(Study(name, 500, partial(prior_sbc, name, benchmarks=PAIR)) for name in VARIANTS),
]


def main() -> None:
    """Run the studies, or go on with them."""
    logging.getLogger("pymc").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[study.name for study in STUDIES])
    parser.add_argument("--replicates", type=int, help="at most so many of each, for a look")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=Path("results/calibration"))
    asked = parser.parse_args()
    for study in STUDIES:
        if asked.only and study.name not in asked.only:
            continue
        count = min(study.replicates, asked.replicates or study.replicates)
        settings: dict[str, Any] = {"folder": asked.kept / study.name, "jobs": asked.jobs}
        say = partial(_say, study.name)
        study.run(replicates=count, say=say, **settings)


def _say(name: str, line: str) -> None:
    print(f"{name}: {line}", flush=True)


if __name__ == "__main__":
    main()
