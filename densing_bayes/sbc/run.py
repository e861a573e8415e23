"""Simulation-based calibration of a specification, from the prior or from its posterior."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from densing_bayes.errors import InputError, Problem
from densing_bayes.fitting import fit_laws
from densing_bayes.sbc.fits import SAMPLER
from densing_bayes.sbc.identity import identity_of, keep_once, numbers_sha256
from densing_bayes.sbc.numeric import latent_replicate, trend_replicate
from densing_bayes.sbc.provenance import commit
from densing_bayes.sbc.replicates import run_replicates
from densing_bayes.sbc.setups import JOINT_LLMS, posterior_setup, prior_setup
from densing_bayes.sbc.study import Control, prepare
from densing_bayes.spec import Spec, as_spec

__all__ = ["MAKERS", "SEED", "numeric_sbc", "posterior_sbc", "prior_sbc", "with_benchmarks"]

SEED = 20261122
#: Modules whose code a replicate depends on, with all that they import.
MAKERS = ("densing_bayes.sbc.setups", "densing_bayes.sbc.study", "densing_bayes.sbc.numeric")


def prior_sbc(
    spec: Spec | str | Path,
    *,
    replicates: int,
    folder: Path,
    benchmarks: Sequence[str] | None = None,
    control: Control = "none",
    sampler: Mapping[str, Any] | None = None,
    seed: int = SEED,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Fit worlds drawn from the prior of a specification, and rank their truths.

    Killed or interrupted, it goes on where it stopped when it is called again, and ends the same.

    Parameters
    ----------
    spec
        Specification with laws, or its name or path.
    replicates
        Worlds.
    folder
        Where replicates are kept; see :func:`densing_bayes.sbc.replicates.read_replicates`.
    benchmarks
        Some of the specification's, for a quicker study; None takes all.
    control
        What to do wrong on purpose: such a study must fail.
    sampler
        Changes to :data:`densing_bayes.sbc.fits.SAMPLER`.
    seed
        Seed.
    jobs
        Processes.
    say
        Is told, in a line each, how far it is.

    Raises
    ------
    InputError
        If the folder holds another study, or a benchmark is not the specification's.
    """
    spec = with_benchmarks(as_spec(spec), benchmarks)
    sampler = dict(sampler or {})
    # a prior that stands for a posterior is made of the other worlds' truths
    pool = {"replicates": replicates} if control == "data_ignored" else {}
    run_replicates(
        partial(_from_prior, spec, replicates, control, sampler, seed),
        replicates,
        folder=folder,
        identity=_identity(spec, "prior", seed, sampler, {"control": control, **pool}),
        made_by=commit(),
        jobs=jobs,
        say=say,
    )


def posterior_sbc(
    spec: Spec | str | Path,
    *,
    replicates: int,
    folder: Path,
    sampler: Mapping[str, Any] | None = None,
    seed: int = SEED,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Fit worlds drawn from the posterior of a specification, together with its own data.

    Parameters
    ----------
    spec
        Specification with laws, or its name or path.
    replicates, folder, sampler, seed, jobs, say
        As in :func:`prior_sbc`.

    Raises
    ------
    InputError
        If the folder holds another study.
    """
    spec = as_spec(spec)
    sampler = dict(sampler or {})
    folder.mkdir(parents=True, exist_ok=True)
    truths = folder / f"posterior-{spec.digest[:12]}.nc"

    def fitted() -> xr.Dataset:
        say("fitting the data at hand, for truths to draw from")
        return fit_laws(spec, predictive=False, progress=False)["posterior"].to_dataset()

    keep_once(truths, fitted)
    run_replicates(
        partial(_from_posterior, spec, truths, replicates, sampler, seed),
        replicates,
        folder=folder,
        identity=_identity(
            spec,
            "posterior",
            seed,
            sampler,
            {"replicates": replicates, "truths_sha256": numbers_sha256(truths)},
        ),
        made_by=commit(),
        jobs=jobs,
        say=say,
    )


def numeric_sbc(
    spec: Spec | str | Path,
    *,
    part: Literal["latent", "trend"],
    data_ignored: bool = False,
    replicates: int,
    folder: Path,
    seed: int = SEED,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Calibrate what is drawn without chains, given the truth of all else.

    Parameters
    ----------
    spec
        Specification with that part, or its name or path.
    part
        The latent calibration of sizes, or the average trend of densities.
    data_ignored
        Whether to give draws of the prior for the posterior: such a study must fail.
    replicates, folder, seed, jobs, say
        As in :func:`prior_sbc`.

    Raises
    ------
    InputError
        If the folder holds another study.
    """
    spec = as_spec(spec)
    setup = (
        partial(latent_replicate, spec, replicates, seed=seed, data_ignored=data_ignored)
        if part == "latent"
        else partial(trend_replicate, spec, seed=seed, data_ignored=data_ignored)
    )
    run_replicates(
        setup,
        replicates,
        folder=folder,
        identity=_identity(spec, part, seed, {}, {"data_ignored": data_ignored}),
        made_by=commit(),
        jobs=jobs,
        say=say,
    )


def _from_prior(
    spec: Spec, count: int, control: Control, sampler: dict[str, Any], seed: int
) -> Callable[[int], dict[str, Any]]:
    setup = prior_setup(spec, count, seed=seed, control=control, sampler=sampler)
    return prepare(setup, seed=seed)


def _from_posterior(
    spec: Spec, truths: Path, count: int, sampler: dict[str, Any], seed: int
) -> Callable[[int], dict[str, Any]]:
    with xr.open_dataset(truths, engine="h5netcdf") as posterior:
        setup = posterior_setup(spec, posterior.load(), count, seed=seed, sampler=sampler)
    return prepare(setup, seed=seed)


def _identity(
    spec: Spec, worlds: str, seed: int, sampler: dict[str, Any], more: Mapping[str, Any]
) -> dict[str, Any]:
    used = spec.sampler.model_copy(update=SAMPLER | sampler)
    own = {"worlds": worlds, "joint_llms": JOINT_LLMS, **more}
    return identity_of(spec, used, seed=seed, makers=MAKERS, more=own)


def with_benchmarks(spec: Spec, benchmarks: Sequence[str] | None) -> Spec:
    """Return a specification of some of its benchmarks.

    Parameters
    ----------
    spec
        Specification.
    benchmarks
        Some of its benchmarks; None takes all.

    Returns
    -------
    Spec
        Its panel, if it has one, with the metrics of those only.

    Raises
    ------
    InputError
        If one is not the specification's.
    """
    if benchmarks is None:
        return spec
    unknown = sorted(set(benchmarks) - set(spec.benchmarks))
    if unknown:
        raise InputError(
            [
                Problem(
                    message=f"'{spec.name}' has no such benchmark",
                    key="benchmarks",
                    value=", ".join(unknown),
                    allowed=", ".join(spec.benchmarks),
                )
            ]
        )
    update: dict[str, Any] = {"benchmarks": tuple(benchmarks)}
    if spec.panel is not None:
        metrics = {name: spec.panel.metrics[name] for name in benchmarks}
        update["panel"] = spec.panel.model_copy(update={"metrics": metrics})
    return spec.model_copy(update=update)
