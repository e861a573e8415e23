"""Do intervals of effective size cover, cell by cell, from the floor to the reachable score?

The laws are fixed: the central draw of the main model's posterior on two bundled benchmarks. In
every world the losses of the reference runs and the right answers of the checkpoints are simulated
from them and fitted as real data are, with the runs as they are and with runs that reach past the
targets. Targets stand at eleven positions between floor and reachable score, with 164, 1,319 and
14,042 items. Every world is a file: killed at any moment, the same command goes on where it was.

    python tests/studies/coverage_grid.py --worlds 200 --jobs 2

Worlds are kept under results/coverage_grid/. Writes tests/artefacts/coverage_grid.csv (a row a
cell, method and level), coverage_grid_status.csv, coverage_grid.json, and docs/coverage_grid.png.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import densing_bayes as db
from densing_bayes.plots.coverage_grid import plot_coverage_grid
from densing_bayes.sbc.grid_study import coverage_grid, read_grid
from densing_bayes.sbc.grid_table import cell_table, status_table, summary
from densing_bayes.sbc.replicates import read_replicates
from densing_bayes.sbc.run import with_benchmarks
from densing_bayes.sbc.summary import read_identity

SEED = 20261123
#: A floor far above zero and a floor near it; two keep the pooling of the main model.
BENCHMARKS = ("MMLU", "HumanEval")


def main() -> None:
    """Run the study, or go on with it, and tabulate it."""
    logging.getLogger("pymc").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=Path("results/coverage_grid"))
    parser.add_argument("--out", type=Path, default=Path("tests/artefacts"))
    parser.add_argument("--figure", type=Path, default=Path("docs/coverage_grid.png"))
    asked = parser.parse_args()
    spec = with_benchmarks(db.load_spec("densing_law"), BENCHMARKS)
    coverage_grid(
        spec, replicates=asked.worlds, folder=asked.kept, seed=SEED, jobs=asked.jobs, say=_say
    )
    _write(spec, asked)


def _write(spec: db.Spec, asked: argparse.Namespace) -> None:
    worlds = read_replicates(asked.kept, asked.worlds)
    grid = read_grid(spec, asked.kept)
    table = cell_table(grid, worlds)
    asked.out.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(asked.out / "coverage_grid.csv", index=False)
    status_table(grid, worlds).round(4).to_csv(asked.out / "coverage_grid_status.csv", index=False)
    record = {
        "what": "how often intervals of effective size held the truth, the laws being fixed",
        "command": f"python tests/studies/coverage_grid.py --worlds {asked.worlds}",
        **read_identity(asked.kept),
        **summary(grid, worlds),
    }
    text = json.dumps(record, indent=2, default=float)
    (asked.out / "coverage_grid.json").write_text(text + "\n")
    asked.figure.parent.mkdir(parents=True, exist_ok=True)
    plot_coverage_grid(table).savefig(asked.figure, dpi=200)
    _say(text)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
