"""Does the growth on all benchmarks cover? Two ways of combining benchmarks, the laws being known.

Each world: laws are one posterior draw of the main model, growth one draw of its average trend, the
panel's design the bundled one; scores are simulated and sizes found by the true laws, so that
nothing but the way from scores to growth is tested. ``mean`` is the mean of inversions that
propagation has for ``all``; ``likelihood`` is what trends take. Finished worlds are kept; the same
command goes on where it stopped.

    python tests/studies/growth_on_all.py --worlds 120 --out tests/artefacts

Reads the truths of ``make coverage`` (made once if they are not there). Writes growth_on_all.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from interval_coverage import SEED, draw_truths, read, simulate

import densing_bayes as db
from densing_bayes.combined_size import with_combined_sizes
from densing_bayes.effective_size import ALL
from densing_bayes.fit import versions
from densing_bayes.sbc.provenance import commit

DRAWS, REPEATS, LEVELS = 32, 6, (0.5, 0.9, 0.95)
_LETTERS = ("a", "alpha", "b", "beta", "c", "gamma", "l", "d", "phi")


def main() -> None:
    """Run the worlds that are lacking, then tabulate all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=120)
    parser.add_argument("--kept", type=Path, default=Path("results/growth_on_all"))
    parser.add_argument("--truths", type=Path, default=Path("results/coverage"))
    parser.add_argument("--out", type=Path, default=Path("tests/artefacts"))
    asked = parser.parse_args()
    for folder in (asked.kept, asked.truths, asked.out):
        folder.mkdir(parents=True, exist_ok=True)
    spec = db.load_spec("densing_law")
    panel, _ = db.read_panel(spec)
    truths = draw_truths(spec, asked.truths)
    found = []
    for number in range(asked.worlds):
        path = asked.kept / f"{number:04d}.json"
        if not path.exists():
            unfinished = path.with_suffix(".tmp")
            unfinished.write_text(json.dumps(_world(spec, panel, truths, number)))
            unfinished.replace(path)
            print(f"world {number + 1} of {asked.worlds}", flush=True)
        found.append(json.loads(path.read_text()))
    record = {
        "commit": commit(),
        "seed": SEED,
        "worlds": len(found),
        "versions": versions(),
        "ways": {way: _summary(found, way) for way in ("mean", "likelihood")},
    }
    (asked.out / "growth_on_all.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["ways"], indent=1))


def _world(spec, panel, truths, number) -> dict:
    """Simulate one world and find its growth both ways."""
    world = simulate(spec, panel, truths, number)
    with tempfile.TemporaryDirectory() as folder:
        _, seen = read(spec, world.write(Path(folder)))
    laws = world.laws[list(_LETTERS)].expand_dims(chain=[0], draw=np.arange(DRAWS))
    part = spec.effective_size
    sizes = db.propagate(laws, seen, tokens=part.tokens, seed=number)
    found = db.calibrate(laws, seen, tokens=part.tokens, prior=part.latent, seed=number, draws=None)
    combined = with_combined_sizes(
        sizes, laws, seen, prior=part.latent, between_sd=found["between_sd"]
    )
    truth = world.growth.growth_rate
    out = {"truth": truth}
    for way, one in (("mean", sizes), ("likelihood", combined)):
        density = db.density_of(one, seen, **spec.density.model_dump()).sel(benchmark=ALL)
        trend = db.load_trend("average")
        rates = [
            db.fit_trend(density, trend, seed=REPEATS * number + repeat)["growth_rate"].values
            for repeat in range(REPEATS)
        ]
        rate = np.ravel(rates)
        out[way] = {
            "rank": float((rate < truth).mean()),
            "median": float(np.median(rate)),
            "sd": float(rate.std()),
            "one_sided": float((one["side"].sel(benchmark=ALL) != 0).mean()),
        }
    return out


def _summary(found: list[dict], way: str) -> dict:
    truth = np.array([one["truth"] for one in found])
    table = {key: np.array([one[way][key] for one in found]) for key in found[0][way]}
    error = table["median"] - truth
    return {
        "coverage": {
            str(level): float((np.abs(table["rank"] - 0.5) <= level / 2).mean()) for level in LEVELS
        },
        "bias": float(error.mean()),
        "bias_se": float(error.std(ddof=1) / np.sqrt(len(error))),
        "mean_truth": float(truth.mean()),
        "one_sided": float(table["one_sided"].mean()),
    }


if __name__ == "__main__":
    main()
