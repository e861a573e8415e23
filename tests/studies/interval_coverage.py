"""Do the 90 % intervals cover? Simulated worlds with known truth, fitted as real data are.

Each world: laws are one posterior draw of the main model on the bundled data, growth one draw of
its average trend; every table is simulated on the bundled designs, written as CSV, read by the
loaders, fitted, inverted and trended. Finished worlds are kept in a file a world, so that an
interrupted study goes on where it stopped (run the same command again) and ends the same.

    python tests/studies/interval_coverage.py --worlds 100 --out tests/artefacts

Writes coverage.csv (a row a quantity) and coverage.json (commit, seeds, versions, gated fits).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

import densing_bayes as db
from densing_bayes.diagnostics import check_convergence
from densing_bayes.fit import compile_model, draw_compiled, versions
from densing_bayes.sbc.provenance import commit
from densing_bayes.simulate import GrowthTruth, Simulated
from densing_bayes.tempering import temper

SEED = 41
SAMPLER = {"draws": 500, "tune": 600, "chains": 4, "particles": 500, "populations": 1, "cores": 1}
#: Named before looking: a small, a middling and a strong model.
NAMED = ("Llama-2-7B", "Mistral-7B-v0.1", "Qwen2.5-7B")
LAW = ("alpha", "beta", "ceiling")
LEVEL = 0.9


def main() -> None:
    """Run the study, or go on with it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("tests/artefacts"))
    parser.add_argument("--kept", type=Path, default=Path("results/coverage"))
    parser.add_argument("--part", default="0/1", help="'0/2' and '1/2' share the work of two")
    asked = parser.parse_args()
    asked.kept.mkdir(parents=True, exist_ok=True)
    spec = db.load_spec("densing_law")
    part, parts = (int(number) for number in asked.part.split("/"))
    todo = [
        number
        for number in range(part, asked.worlds, parts)
        if not (asked.kept / f"{number:04d}.json").exists()
    ]
    print(f"{len(todo)} worlds to do; finished ones are kept in {asked.kept}")
    if todo:
        _do(spec, todo, asked.kept)
    kept = [asked.kept / f"{number:04d}.json" for number in range(asked.worlds)]
    lacking = [path for path in kept if not path.exists()]
    if lacking:
        print(f"{len(lacking)} worlds are still to come; run again without --part to tabulate")
        return
    _write([json.loads(path.read_text()) for path in kept], asked.out)


def _do(spec: db.Spec, todo: list[int], kept: Path) -> None:
    panel, _ = db.read_panel(spec)
    truths = draw_truths(spec, kept)
    data = db.read_reference_data(spec)
    model = db.build_reference_model(spec, data)
    compiled, tempered = compile_model(model), temper(model)
    started = time.perf_counter()
    for done, number in enumerate(todo):
        world = simulate(spec, panel, truths, number)
        found = _one_world(spec, world, panel, (model, compiled, tempered), number)
        unfinished = kept / f"{number:04d}.tmp"
        unfinished.write_text(json.dumps(found))
        unfinished.replace(kept / f"{number:04d}.json")
        left = (time.perf_counter() - started) / (done + 1) * (len(todo) - done - 1)
        print(f"world {number}: {left / 60:.0f} minutes left", flush=True)


def draw_truths(spec: db.Spec, kept: Path) -> tuple[xr.Dataset, xr.Dataset, float]:
    """Fit the bundled data once, for truths to draw from; kept, so that a restart has the same."""
    path = kept / "truths.nc"
    if not path.exists():
        laws = db.fit_laws(spec, predictive=False, progress=False)
        panel, _ = db.read_panel(spec)
        sizes = db.propagate(laws, panel, tokens=spec.effective_size.tokens, seed=SEED)
        density = (
            db.density_of(sizes, panel, **spec.density.model_dump())
            .isel(draw=slice(None, None, 4))
            .sel(benchmark="all")
        )
        trend = db.average(density, spec.trend.average, seed=SEED)
        apart = sizes["centre"].drop_sel(benchmark="all")
        between = float(apart.where(np.isfinite(apart)).std("benchmark", ddof=1).median())
        keep = laws["posterior"].to_dataset().isel(draw=slice(None, None, 4))
        xr.merge(
            [keep, trend.assign_attrs(between=between)], combine_attrs="override"
        ).assign_attrs(between=between).to_netcdf(path, engine="h5netcdf")
    both = xr.open_dataset(path, engine="h5netcdf").load()
    return both, both, float(both.attrs["between"])


def simulate(spec, panel, truths, number) -> Simulated:
    laws, trend, between = truths
    rng = np.random.default_rng([SEED, number])
    pick = {"chain": rng.integers(laws.sizes["chain"]), "draw": rng.integers(laws.sizes["draw"])}
    line = trend.isel(pick)
    growth = GrowthTruth(
        growth_rate=float(line["growth_rate"]),
        level=float(line["level"]),
        noise_sd=float(line["noise_sd"]),
        organisation_sd=float(line["organisation_sd"]),
        between_sd=between,
    )
    return db.simulate_tables(
        laws.isel(pick),
        growth,
        reference=db.load_reference_losses(benchmarks=spec.benchmarks),
        calibration=db.load_calibration(benchmarks=spec.benchmarks),
        panel=panel,
        tokens=spec.effective_size.tokens,
        seed=int(rng.integers(2**31)),
        **spec.density.model_dump(),
    )


def _one_world(spec, world, real_panel, prepared, number) -> dict:
    """Fit one world, and say of every quantity where the truth lies in its posterior."""
    with tempfile.TemporaryDirectory() as folder:
        paths = world.write(Path(folder))
        data, panel = read(spec, paths)
    model, compiled, tempered = prepared
    values = {
        "loss_log_data": data["loss_log"].values,
        "measured": data["measured"].values,
        "correct_data": data["correct_items"].values,
        "best_score": data["best_score"].values,
        "best_n_items": data["best_n_items"].values.astype(float),
    }
    with model:
        pm.set_data(values)
    sampler = spec.sampler.model_copy(update=SAMPLER | {"seed": 1000 + number})
    laws = draw_compiled(
        model, compiled.with_data(**values), sampler, tempered=tempered, progress=False
    )
    sizes = db.propagate(laws, panel, tokens=spec.effective_size.tokens, seed=number)
    densities = db.density_of(sizes, panel, **spec.density.model_dump())
    levels = {}
    for name in LAW:
        draws = laws["posterior"][name]
        for benchmark in draws["benchmark"].values:
            truth = float(world.laws[name].sel(benchmark=benchmark))
            levels[f"{name}[{benchmark}]"] = _level(draws.sel(benchmark=benchmark), truth)
    size = sizes["log_effective_size"]
    for llm in size["llm"].values:
        for benchmark in size["benchmark"].values:
            cell = {"llm": llm, "benchmark": benchmark}
            truth = float(world.log_effective_size.sel(cell))
            readings = (sizes["low"].sel(cell), sizes["high"].sel(cell))
            levels[f"effective_size[{llm},{benchmark}]"] = _level(size.sel(cell), truth, readings)
    for benchmark in ("all", *spec.benchmarks):
        one = densities.sel(benchmark=benchmark)
        rate = db.average(one.isel(draw=slice(None, None, 2)), spec.trend.average, seed=number)[
            "growth_rate"
        ]
        levels[f"growth_average[{benchmark}]"] = _level(rate, world.growth.growth_rate)
        rate = db.envelope(one["log_density"])["growth_rate"]
        levels[f"growth_envelope[{benchmark}]"] = _level(rate, world.growth.growth_rate)
    failed = [check.name for check in check_convergence(laws) if check.passed is False]
    return {
        "levels": levels,
        "failed": failed,
        "divergences": int(laws["sample_stats"]["diverging"].sum()),
        "modes": laws["modes"]["mass"].values.tolist(),
    }


def read(spec: db.Spec, paths: dict[str, Path]) -> tuple[xr.Dataset, xr.Dataset]:
    own = spec.data.model_copy(
        update={
            "reference_losses": str(paths["reference_losses"]),
            "loss_scores": str(paths["loss_score_points"]),
            "llms": str(paths["llms"]),
            "llm_scores": str(paths["llm_scores"]),
        }
    )
    plain = spec.panel.model_copy(update={"exclude_flags": ()})
    spec = spec.model_copy(update={"data": own, "panel": plain})
    return db.read_reference_data(spec), db.read_panel(spec)[0]


def _level(
    draws: xr.DataArray,
    truth: float,
    readings: tuple[xr.DataArray, xr.DataArray] | None = None,
) -> list[float]:
    """Return the shares of draws surely below and possibly below the truth.

    They differ by the draws that are unknown (NaN) or out of range. The truth is inside a central
    interval that keeps open ends open when the first share is not too high and the second not too
    low.
    """
    low, high = (part.values.ravel() for part in readings or (draws, draws))
    return [float(np.mean(high < truth)), float(np.mean((low < truth) | np.isnan(low)))]


def _inside(level: list[float]) -> bool:
    tail = (1 - LEVEL) / 2
    return level[0] <= 1 - tail and level[1] >= tail


def _write(worlds: list[dict], out: Path) -> None:
    names = list(worlds[0]["levels"])
    inside = pd.DataFrame(
        [[_inside(world["levels"][name]) for name in names] for world in worlds], columns=names
    )
    rows = [
        {"quantity": name, "covered": int(inside[name].sum()), "worlds": len(worlds)}
        for name in names
        if not name.startswith("effective_size") or any(f"[{llm}," in name for llm in NAMED)
    ]
    for benchmark in sorted(
        {name.split(",")[1][:-1] for name in names if "effective_size" in name}
    ):
        cells = inside[
            [n for n in names if n.startswith("effective_size") and n.endswith(f",{benchmark}]")]
        ]
        rows.append(
            {
                "quantity": f"effective_size[mean over models,{benchmark}]",
                "covered": round(float(100 * cells.to_numpy().mean()), 1),
                "worlds": len(worlds),
            }
        )
    out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    table.to_csv(out / "coverage.csv", index=False)
    record = {
        "what": f"covered: in how many of the worlds the {LEVEL:.0%} interval held the truth",
        "command": "make coverage",
        **commit(),
        "seed": SEED,
        "sampler": SAMPLER,
        "versions": versions(),
        "spec_sha256": db.load_spec("densing_law").digest,
        "worlds": len(worlds),
        "worlds_with_divergences": sum(world["divergences"] > 0 for world in worlds),
        "worlds_failing_convergence": sum(bool(world["failed"]) for world in worlds),
        "worlds_with_a_second_mode_over_1_percent": sum(
            sorted(world["modes"])[-1] < 0.99 for world in worlds
        ),
    }
    (out / "coverage.json").write_text(json.dumps(record, indent=2) + "\n")
    print(table.to_string(index=False))
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
