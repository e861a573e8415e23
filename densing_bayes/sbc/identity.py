"""What the replicates of a study depend on, and what is fitted once for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from densing_bayes.fit import versions
from densing_bayes.reading import read_reference_data
from densing_bayes.sbc.provenance import code_digest
from densing_bayes.spec import Spec
from densing_bayes.spec_parts import SamplerPart
from densing_bayes.trend.series import read_series

__all__ = ["identity_of", "keep_once", "numbers_sha256"]


def identity_of(
    spec: Spec,
    sampler: SamplerPart,
    *,
    seed: int,
    makers: tuple[str, ...],
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the replicates of a study depend on besides their number.

    Parameters
    ----------
    spec
        Specification.
    sampler
        How each world is fitted.
    seed
        Of the study.
    makers
        Modules whose code makes a replicate, with all that they import.
    more
        What else it depends on.

    Returns
    -------
    dict
        For :func:`densing_bayes.sbc.replicates.run_replicates`.
    """
    return {
        "spec": spec.name,
        "spec_sha256": spec.digest,
        "benchmarks": list(spec.benchmarks),
        "seed": seed,
        "sampler": sampler.model_dump(mode="json", exclude={"seed", "cores"}),
        "tables": _tables(spec),
        "code_sha256": code_digest(*makers),
        "versions": versions(),
    } | dict(more)


def keep_once(path: Path, make: Callable[[], xr.Dataset]) -> None:
    """Make a dataset and write it whole, unless it is there.

    Parameters
    ----------
    path
        A netCDF file.
    make
        Is called if there is none.
    """
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.tmp")
        make().drop_attrs().to_netcdf(unfinished, engine="h5netcdf")
        unfinished.replace(path)


def numbers_sha256(path: Path) -> str:
    """Hash the numbers of a netCDF file; its bytes differ from writing to writing.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        SHA-256.
    """
    with xr.open_dataset(path, engine="h5netcdf") as kept:
        text = str(sorted((str(name), kept[name].values.tolist()) for name in kept))
    return hashlib.sha256(text.encode()).hexdigest()


def _tables(spec: Spec) -> dict[str, str]:
    """Return the hashes of the tables that replicates are made on."""
    if spec.loss_law is not None:
        data = read_reference_data(spec)
        return {name: str(value) for name, value in data.attrs.items()}
    assert spec.trend is not None, "it has laws or trends, or there was nothing to run"
    series = read_series(spec.trend.series[0], draws=1)
    values = [series[name].values.astype(str) for name in ("release_date", "organisation")]
    return {"series": hashlib.sha256("".join(map("".join, values)).encode()).hexdigest()}
