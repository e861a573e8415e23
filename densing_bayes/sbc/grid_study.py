"""One replicate of the coverage grid: a world with the fixed laws, fitted, its targets asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.design import reference_design
from densing_bayes.fitting import fit_laws
from densing_bayes.reading import read_reference_data
from densing_bayes.reference import build_reference_model
from densing_bayes.sbc.fits import SAMPLER, diagnostics, fitter
from densing_bayes.sbc.grid import (
    DESIGNS,
    ITEMS,
    POSITIONS,
    Grid,
    central_draw,
    grid_of,
    panel_of,
    simulated_reference,
    stretched_runs,
)
from densing_bayes.sbc.grid_methods import DRAWS, METHODS, said_of
from densing_bayes.sbc.identity import identity_of, keep_once, numbers_sha256
from densing_bayes.sbc.provenance import commit
from densing_bayes.sbc.replicates import run_replicates
from densing_bayes.spec import Spec
from densing_bayes.spec_parts import EffectiveSizePart, LatentPart, SamplerPart

__all__ = ["TARGETS", "coverage_grid", "read_grid"]

#: Targets a cell in every world; they share its laws, so worlds count more than targets.
TARGETS = 4
_TRUTH = "truth.nc"
_DIGITS = 5


def coverage_grid(
    spec: Spec,
    *,
    replicates: int,
    folder: Path,
    seed: int,
    sampler: Mapping[str, Any] | None = None,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Fit worlds that have the same laws, and ask every method for sizes of known targets.

    The laws are the central draw of the specification's posterior on its own data, kept in the
    folder. Killed or interrupted, it goes on where it stopped when it is called again.

    Parameters
    ----------
    spec
        Specification with ``[effective_size.latent]``; its benchmarks are those of the grid.
    replicates
        Worlds; each is fitted under both designs of reference runs.
    folder
        Where replicates and the truth are kept.
    seed
        Seed.
    sampler
        Changes to :data:`densing_bayes.sbc.fits.SAMPLER`.
    jobs
        Processes.
    say
        Is told, in a line each, how far it is.

    Raises
    ------
    InputError
        If the folder holds another study.
    """
    _parts(spec)
    sampler = dict(sampler or {})
    folder.mkdir(parents=True, exist_ok=True)

    def fitted() -> xr.Dataset:
        say("fitting the data at hand, for the laws that are to be found again")
        laws = fit_laws(spec, predictive=False, progress=False)
        return central_draw(laws["posterior"].to_dataset())

    keep_once(folder / _TRUTH, fitted)
    used = spec.sampler.model_copy(update=SAMPLER | sampler)
    run_replicates(
        partial(_setup, spec, folder, used, seed),
        replicates,
        folder=folder,
        identity=identity_of(
            spec,
            used,
            seed=seed,
            makers=(__name__,),
            more={
                "truth_sha256": numbers_sha256(folder / _TRUTH),
                "positions": list(POSITIONS),
                "items": list(ITEMS),
                "targets": TARGETS,
                "draws": DRAWS,
                "designs": list(DESIGNS),
                "methods": list(METHODS),
            },
        ),
        made_by=commit(),
        jobs=jobs,
        say=say,
    )


def read_grid(spec: Spec, folder: Path) -> Grid:
    """Read the truth of a study.

    Parameters
    ----------
    spec
        Its specification.
    folder
        Where it is kept.

    Returns
    -------
    Grid
        Laws and targets.
    """
    with xr.open_dataset(folder / _TRUTH, engine="h5netcdf") as truth:
        return grid_of(truth.load(), tokens=_parts(spec)[0].tokens)


def _parts(spec: Spec) -> tuple[EffectiveSizePart, LatentPart]:
    part = spec.effective_size
    if part is None or part.latent is None:
        raise ValueError(f"'{spec.name}' has no [effective_size.latent], so no sizes to ask for")
    return part, part.latent


def _setup(
    spec: Spec, folder: Path, sampler: SamplerPart, seed: int
) -> Callable[[int], dict[str, Any]]:
    """Compile one model for both designs; return the function from a number to its result."""
    grid, latent = read_grid(spec, folder), _parts(spec)[1]
    short = read_reference_data(spec)
    largest = float(np.exp(grid.cells["log_size"].max()))
    past = stretched_runs(short, params=largest, tokens=grid.tokens)
    data_of = dict(zip(DESIGNS, (short, past), strict=True))
    fit = fitter(build_reference_model(spec, short, refit=True), sampler)

    def replicate(number: int) -> dict[str, Any]:
        panel = panel_of(grid, targets=TARGETS, rng=np.random.default_rng([seed, number, 0]))
        score = panel["score"].transpose("benchmark", "llm").values
        found: dict[str, Any] = {"score": score.tolist()}
        for design, data in data_of.items():
            # the same luck under both designs, so that their difference is not luck
            rng = np.random.default_rng([seed, number, 1])
            values = simulated_reference(grid, data, rng) | reference_design(data).values()
            tree = fit(values, int(rng.integers(2**31)))
            said = said_of(
                tree["posterior"].to_dataset(),
                panel,
                tokens=grid.tokens,
                prior=latent,
                seed=int(rng.integers(2**31)),
            )
            found[design] = {name: _listed(value) for name, value in said.items()}
            found[design] |= diagnostics(tree, map(str, tree["posterior"].data_vars))
        return found

    return replicate


def _listed(value: Any) -> list[Any]:
    return (np.round(value, _DIGITS) if value.dtype.kind == "f" else value).tolist()
