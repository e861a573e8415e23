"""The way of the data from tables to doubling time, stage by stage."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.data import (
    load_benchmarks,
    load_calibration,
    load_reference_losses,
)
from densing_bayes.density import density_of
from densing_bayes.diagnostics import (
    Check,
    check_convergence,
    check_derived,
    check_loo,
    check_misfit,
    check_modes,
    check_predictive,
)
from densing_bayes.effective_size import ALL, propagate
from densing_bayes.evidence import load_ceiling_evidence
from densing_bayes.fit import add_predictive, draw_posterior, versions
from densing_bayes.misfit import laws_with_misfit, leave_run_out
from densing_bayes.panel import load_panel
from densing_bayes.reference import build_reference_model, reference_data
from densing_bayes.result import Result
from densing_bayes.series import read_series
from densing_bayes.spec import Spec, as_spec, load_spec
from densing_bayes.trend import average, envelope

__all__ = ["fit_laws", "read_panel", "read_reference_data", "run"]

Say = Callable[[str], None]

#: Draws of the laws that get a draw of the average trend each; more add nothing to its interval.
_TREND_DRAWS = 2000
#: Fewest densities that a trend is fitted to.
_FEWEST = 4
_OBSERVED = ("loss_log", "correct")


def read_reference_data(spec: Spec) -> xr.Dataset:
    """Read the tables from which a specification's laws are learnt.

    Parameters
    ----------
    spec
        Specification with ``[loss_law]``.

    Returns
    -------
    Dataset
        As :func:`densing_bayes.reference_data` joins it.

    Raises
    ------
    TableError
        If a table does not fit its schema.
    """
    data, names = spec.data, list(spec.benchmarks)
    table = _own(data.benchmarks, "benchmarks")
    losses = load_reference_losses(
        _own(data.reference_losses, "reference_losses"), benchmarks=names, benchmark_table=table
    )
    if spec.score_law is None:
        return reference_data(losses)
    calibration = load_calibration(
        _own(data.loss_scores, "loss_score_points"),
        roles=data.calibration_roles,
        benchmarks=names,
        benchmark_table=table,
    )
    evidence = None
    if data.ceiling_evidence and spec.panel is not None:
        evidence = load_ceiling_evidence(
            benchmarks=names,
            metrics=spec.panel.metrics,
            exclude_flags=spec.panel.exclude_flags,
            llms=_own(data.llms, "llms"),
            scores=_own(data.llm_scores, "llm_scores"),
            benchmark_table=table,
        )
    return reference_data(
        losses,
        calibration=calibration,
        benchmarks=load_benchmarks(table),
        ceiling_evidence=evidence,
    )


def read_panel(spec: Spec) -> tuple[xr.Dataset, pd.DataFrame]:
    """Read the panel of models that a specification declares.

    Parameters
    ----------
    spec
        Specification with ``[panel]``.

    Returns
    -------
    panel : Dataset
        As :func:`densing_bayes.load_panel` makes it.
    excluded : pandas.DataFrame
        What was left out, with the reason.

    Raises
    ------
    ValueError
        If the specification has no ``[panel]``.
    TableError
        If a table does not fit its schema, or the panel would be empty.
    """
    if spec.panel is None:
        raise ValueError(f"the specification '{spec.name}' has no [panel]; nothing to read")
    part = spec.panel
    return load_panel(
        benchmarks=spec.benchmarks,
        metrics=part.metrics,
        evaluators=part.evaluators,
        exclude_flags=part.exclude_flags,
        stages=part.stages,
        domains=part.domains,
        min_benchmarks=part.min_benchmarks,
        llms=_own(spec.data.llms, "llms"),
        scores=_own(spec.data.llm_scores, "llm_scores"),
        benchmark_table=_own(spec.data.benchmarks, "benchmarks"),
    )


def fit_laws(
    spec: Spec | str | Path,
    *,
    predictive: bool = True,
    progress: bool = True,
    say: Say | None = None,
) -> xr.DataTree:
    """Fit the laws of a specification to its reference data.

    Parameters
    ----------
    spec
        Specification with ``[loss_law]``, or its name or path.
    predictive
        Whether to add prior, predictive and log-likelihood groups.
    progress
        Whether to show progress bars.
    say
        Is told, in a line each, what is being done; None is silent.

    Returns
    -------
    DataTree
        Groups of :func:`densing_bayes.fit.draw_posterior`, ``reference_data`` and, if asked for,
        those of :func:`densing_bayes.fit.add_predictive`. ``attrs``: the specification, hashes,
        seed and versions.
    """
    spec = as_spec(spec)
    data = read_reference_data(spec)
    model = build_reference_model(spec, data)
    tree = draw_posterior(model, spec.sampler, progress=progress, say=say)
    if predictive:
        tree = add_predictive(tree, model, seed=spec.sampler.seed, say=say)
    tree["reference_data"] = xr.DataTree(data)
    tree.attrs |= {
        "spec_name": spec.name,
        "spec_sha256": spec.digest,
        "spec_json": spec.model_dump_json(exclude_none=True),
        "seed": spec.sampler.seed,
        "data_sha256": hashlib.sha256(str(sorted(data.attrs.items())).encode()).hexdigest(),
        "versions": " ".join(f"{name}={number}" for name, number in versions().items()),
    }
    if predictive and spec.loss_law is not None and spec.loss_law.misfit is not None:
        # The misfit ties the runs together: what the model gives is one number for all of them.
        tree["log_likelihood"]["loss_log"] = leave_run_out(tree)
    return tree


def run(spec: Spec | str | Path, *, progress: bool = True, say: Say | None = None) -> Result:
    """Run all that a specification asks for: laws, sizes, densities, trends, checks.

    Parameters
    ----------
    spec
        The specification, or its name or path.
    progress
        Whether to show progress bars.
    say
        Is told, in a line each, what is being done; None is silent.

    Returns
    -------
    Result
        Everything, with draws kept.
    """
    spec = as_spec(spec)
    say = say or _silent
    seconds: dict[str, float] = {}
    laws = panel = excluded = sizes = densities = None
    hashes: dict[str, str] = {}
    if spec.panel is not None:
        with _timed(seconds, "panel"):
            panel, excluded = read_panel(spec)
        hashes |= {key: panel.attrs[f"{key}_sha256"] for key in ("llms", "scores")}
    if spec.loss_law is not None:
        with _timed(seconds, "laws"):
            laws = fit_laws(spec, progress=progress, say=say)
        data = laws["reference_data"]
        hashes |= {
            str(key).removeprefix("sha256_"): value for key, value in data.attrs.items() if value
        }
    if panel is not None and laws is not None and spec.effective_size and spec.density:
        say("effective sizes and densities, draw by draw")
        with _timed(seconds, "effective_size"):
            sizes = propagate(
                _laws_for(panel, laws, spec),
                panel,
                tokens=spec.effective_size.tokens,
                seed=spec.sampler.seed,
            )
            densities = density_of(
                sizes,
                panel,
                memory_weight=spec.density.memory_weight,
                compute_weight=spec.density.compute_weight,
            )
    with _timed(seconds, "trend"):
        trends, too_few = _trends(spec, densities, hashes, say)
    with _timed(seconds, "checks"):
        say("checks")
        checks = _checks(laws, sizes, trends, too_few)
    return Result(
        spec=spec,
        laws=laws,
        panel=panel,
        excluded=excluded,
        sizes=sizes,
        densities=densities,
        trends=trends,
        checks=checks,
        seconds=_with_sampler_stages(seconds, laws),
        hashes=hashes,
        compared=_compared(spec, progress=progress, say=say),
    )


def _laws_for(panel: xr.Dataset, laws: xr.DataTree, spec: Spec) -> xr.Dataset | xr.DataTree:
    """Return the laws, their misfit drawn at D0 and the panel's typical size, if they have one."""
    if spec.loss_law is None or spec.loss_law.misfit is None or spec.effective_size is None:
        return laws
    return laws_with_misfit(
        laws,
        tokens=spec.effective_size.tokens,
        params=float(np.exp(np.log(panel["params"].values).mean())),
        seed=spec.sampler.seed,
    )


def _trends(
    spec: Spec, densities: xr.Dataset | None, hashes: dict[str, str], say: Say
) -> tuple[dict[tuple[str, str], xr.Dataset], list[Check]]:
    """Fit every trend to every benchmark of the densities and to every published series.

    Returns the trends, and a finding for every source with too few densities for one.
    """
    trends: dict[tuple[str, str], xr.Dataset] = {}
    too_few: list[Check] = []
    if spec.trend is None:
        return trends, too_few
    sources: dict[str, tuple[xr.Dataset, str]] = {}
    if densities is not None:
        order = [ALL, *spec.benchmarks]
        sources |= {name: (densities.sel(benchmark=name), "max") for name in order}
    for series in spec.trend.series:
        values = read_series(series, draws=_TREND_DRAWS)
        hashes[series.table.rsplit("/", 1)[-1]] = values.attrs["sha256"]
        sources[series.name] = (values, series.record)
    for name, (source, record) in sources.items():
        found = int(xr.apply_ufunc(np.isfinite, source["centre"]).any(("chain", "draw")).sum())
        if found < _FEWEST:
            sentence = f"{found} densities are too few for a trend, which needs {_FEWEST}: left out"
            too_few.append(Check(f"growth_{name}", found, "", None, sentence, beware=True))
            continue
        say(f"growth on {name}")
        if "envelope" in spec.trend.kinds:
            trends["envelope", name] = envelope(source["log_density"], record=record)
        if "average" in spec.trend.kinds and spec.trend.average is not None:
            trends["average", name] = average(
                _thinned(source), spec.trend.average, seed=spec.sampler.seed
            )
    return trends, too_few


def _thinned(densities: xr.Dataset) -> xr.Dataset:
    draws = densities.sizes["chain"] * densities.sizes["draw"]
    return densities.isel(draw=slice(None, None, max(1, draws // _TREND_DRAWS)))


def _checks(
    laws: xr.DataTree | None,
    sizes: xr.Dataset | None,
    trends: dict[tuple[str, str], xr.Dataset],
    too_few: list[Check],
) -> tuple[Check, ...]:
    """Check every stage that was run."""
    checks: list[Check] = list(too_few)
    if laws is not None:
        checks += [*check_convergence(laws), *check_modes(laws)]
    derived = {} if sizes is None else {"effective_size": sizes["log_effective_size"]}
    derived |= {
        f"growth_{trend}_{name}": result["growth_rate"]
        for (trend, name), result in trends.items()
        if laws is not None
    }
    checks += check_derived(derived)
    if laws is not None and "log_likelihood" in laws:
        names = [name for name in _OBSERVED if name in laws["observed_data"]]
        checks += check_predictive(laws, names=names) + check_misfit(laws)
        checks += check_loo(laws, names=names)
    return tuple(checks)


def _compared(spec: Spec, *, progress: bool, say: Say) -> Result | None:
    """Run the specification that this one is to be compared with, if it names one."""
    if spec.compare_with is None:
        return None
    say(f"for comparison: {spec.compare_with}")
    other = load_spec(spec.compare_with).model_copy(
        update={
            "sampler": spec.sampler,
            "effective_size": spec.effective_size,
            "compare_with": None,
        }
    )
    return run(other, progress=progress, say=say)


def _with_sampler_stages(seconds: dict[str, float], laws: xr.DataTree | None) -> dict[str, float]:
    """Split the time of the laws into the sampler's stages."""
    if laws is None:
        return seconds
    stages = ("seconds_compile", "seconds_modes", "seconds_sampling")
    attrs = laws["posterior"].attrs
    return seconds | {f"laws.{key.removeprefix('seconds_')}": attrs[key] for key in stages}


def _own(value: str | None, table: str) -> str | None:
    """Return the path of a user's table, or None where the bundled one is meant."""
    return None if value in (None, table) else value


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - started


def _silent(_: str) -> None:
    return None
