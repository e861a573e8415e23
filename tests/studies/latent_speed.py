"""How long does latent calibration take, and how much memory? Simulated laws and models.

    python tests/studies/latent_speed.py --llms 10000 --draws 1000

Prints seconds, processor seconds and peak memory (GNU: of this process) as JSON, also for one
model with the spread given and with it learnt.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
import xarray as xr

import densing_bayes as db
from densing_bayes.latent import calibrate
from densing_bayes.laws import score_from_size

D0 = 5e12
NAMES = ["MMLU", "BBH", "MATH", "HumanEval", "MBPP"]
ITEMS = np.array([14042, 6511, 5000, 164, 500])
#: Near the medians of the main model's posterior, and relative sds near its own.
LAWS = {
    "a": ([1.6, 3.0, 1.8, 1.7, 1.8], 0.1),
    "alpha": ([0.10, 0.13, 0.09, 0.10, 0.11], 0.03),
    "b": ([39.0, 190.0, 4250.0, 150.0, 200.0], 0.1),
    "beta": ([0.24, 0.32, 0.50, 0.33, 0.33], 0.01),
    "c": ([0.72, 0.69, 0.91, 0.91, 0.91], 0.02),
    "gamma": ([-25.0, -30.0, -40.0, -30.0, -25.0], 0.1),
    "l": ([0.20, 0.12, 0.20, 0.18, 0.20], 0.03),
    "d": ([0.22, 0.25, 0.009, 0.009, 0.009], 0.05),
    "phi": ([220.0, 300.0, 220.0, 180.0, 250.0], 0.4),
}
BETWEEN_SD = 1.5


def simulated_laws(draws: int, rng: np.random.Generator) -> xr.Dataset:
    """Draw laws about the values above."""
    shape = (2, -(-draws // 2), len(NAMES))
    return xr.Dataset(
        {
            name: (
                ("chain", "draw", "benchmark"),
                np.array(middle) * np.exp(sd * rng.normal(size=shape)),
            )
            for name, (middle, sd) in LAWS.items()
        },
        coords={"chain": [0, 1], "draw": np.arange(shape[1]), "benchmark": NAMES},
    )


def simulated_panel(llms: int, laws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Draw models by the first draw of the laws; a tenth of the scores is missing."""
    own = rng.normal(22.0, 2.5, size=(llms, 1))
    size = np.exp(own + rng.normal(0.0, BETWEEN_SD, size=(llms, len(NAMES))))
    first = {name: laws[name].values[0, 0] for name in LAWS}
    phi = first.pop("phi")
    expected = score_from_size(size, tokens=D0, **first)
    correct = rng.binomial(ITEMS, rng.beta(expected * phi, (1.0 - expected) * phi))
    score = np.where(rng.random(size.shape) < 0.1, np.nan, correct / ITEMS)
    by_llm = ("llm", "benchmark")
    return xr.Dataset(
        {"score": (by_llm, score), "n_items": (by_llm, np.broadcast_to(ITEMS, size.shape))},
        coords={"llm": [f"m{i}" for i in range(llms)], "benchmark": NAMES},
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--llms", type=int, default=10_000)
    parser.add_argument("--draws", type=int, default=1000)
    asked = parser.parse_args()
    rng = np.random.default_rng(7)
    laws = simulated_laws(asked.draws, rng)
    panel = simulated_panel(asked.llms, laws, rng)
    prior = db.load_spec("densing_law").effective_size.latent
    arguments = {"tokens": D0, "prior": prior, "seed": 1, "draws": asked.draws}
    found = {"llms": asked.llms, "draws": asked.draws}

    def timed(name, part, **more):
        wall, processor = time.perf_counter(), time.process_time()
        sizes = calibrate(laws, part, **arguments, **more)
        found[f"{name}.seconds"] = round(time.perf_counter() - wall, 1)
        found[f"{name}.processor_seconds"] = round(time.process_time() - processor, 1)
        return sizes

    sizes = timed("panel", panel)
    found["peak_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    found["finite"] = bool(np.isfinite(sizes["log_effective_size"]).all())
    found["between_sd"] = [
        round(float(q), 3) for q in sizes["between_sd"].quantile([0.05, 0.5, 0.95])
    ]
    spread = sizes["between_sd"]
    del sizes
    timed("one_model_spread_given", panel.isel(llm=[0]), between_sd=spread)
    timed("one_model_spread_learnt", panel.isel(llm=[0]))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
