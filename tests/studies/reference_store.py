"""Reference posteriors on file: what is stored, what a model's density is known by, what agrees.

A file holds the summary of one long run, and the log density of its model at a few fixed points,
term by term: a model whose terms differ there is another model, whatever its name.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytensor
import xarray as xr

import densing_bayes as db
from densing_bayes.fitting import laws_at_targets, laws_model

FOLDER = Path(__file__).parents[1] / "artefacts" / "reference_posteriors"
COMMAND = "python tests/studies/reference_posteriors.py"
#: Seed and number of the fixed points.
POINTS_SEED, POINTS = 97, 3
#: Terms of the log density agree to this share of themselves, or to this many nats if below 1.
DENSITY_TOLERANCE = 1e-9
#: What an ordinary run may differ by: means, in posterior sds, and the ratio of sds.
MEAN_APART, SD_RATIO = 0.05, (0.95, 1.05)
#: The same for a median, in shares of draws: what 0.05 sd from the middle is of a Normal.
MEDIAN_APART = 0.02
SIZE = "log_effective_size"
#: Positive by the model, not by chance of the draws; their logs are compared too, as those of
#: gamma, which is negative, and of sds. The exponents have their logs among the Deterministics.
POSITIVE = ("a", "b", "c", "ceiling", "d", "e", "l", "noise_df", "phi", "sigma")
#: Named before looking: a small, a middling and a strong model.
NAMED = ("Llama-2-7B", "Mistral-7B-v0.1", "Qwen2.5-7B")
COLUMNS = (
    "mean", "sd", "q05", "q50", "q95", "ess_bulk", "ess_tail", "rhat", "mcse_mean", "mcse_sd",
)  # fmt: skip


class ChangedModel(AssertionError):
    """A model that is not the one its stored reference is of."""


def digest(content: Any) -> str:
    """Return the SHA-256 of content in canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def density_of_spec(spec: db.Spec, points: dict[str, list] | None = None) -> dict[str, Any]:
    """Return the log density of a specification's model at points of its unconstrained space.

    Parameters
    ----------
    spec
        Specification with ``[loss_law]``.
    points
        A list of values by name of the value variable, a point each; None makes new ones, by a
        fixed seed about the point where PyMC would start.

    Returns
    -------
    dict
        ``points``; ``terms``: log density of each free and observed variable, Jacobian included,
        at every point; ``derived``: the sum of each Deterministic, at every point.

    Raises
    ------
    ChangedModel
        If the points are not of the model's variables or shapes.
    ValueError
        If the density is zero or infinite at a new point.
    """
    model, _ = laws_model(spec, db.read_reference_data(spec))
    start = model.initial_point()
    new = points is None
    if points is None:
        rng = np.random.default_rng(POINTS_SEED)
        points = {
            name: [
                np.round(value + 0.3 * rng.normal(size=np.shape(value)), 6).tolist()
                for _ in range(POINTS)
            ]
            for name, value in start.items()
        }
    shapes = {name: np.shape(value) for name, value in start.items()}
    stored = {name: np.shape(values)[1:] for name, values in points.items()}
    if shapes != stored:
        gone, added = sorted(set(stored) - set(shapes)), sorted(set(shapes) - set(stored))
        other = sorted(name for name in set(shapes) & set(stored) if shapes[name] != stored[name])
        raise ChangedModel(
            f"its free variables differ: gone {gone}, new {added}, of another shape {other}"
        )
    seen = [*model.free_RVs, *model.observed_RVs, *model.potentials]
    terms = [term.sum() for term in model.logp(vars=seen, sum=False)]
    derived = model.replace_rvs_by_values(model.deterministics)
    inputs = [model.rvs_to_values[free] for free in model.free_RVs]
    # the plainest way to evaluate: compiled in half a second, slow to run, run three times
    evaluate = pytensor.function(
        inputs,
        [*terms, *(value.sum() for value in derived)],
        mode="FAST_COMPILE",
        on_unused_input="ignore",
    )
    count = len(next(iter(points.values())))
    at_points = [
        evaluate(*(np.asarray(points[value.name][place], dtype=float) for value in inputs))
        for place in range(count)
    ]
    values = np.array(at_points, dtype=float).T
    names = [variable.name for variable in (*seen, *model.deterministics)]
    if new and not np.isfinite(values).all():
        raise ValueError(f"'{spec.name}' has no finite log density at the points; take other ones")
    rows = {name: [_rounded(x, 12) for x in row] for name, row in zip(names, values, strict=True)}
    return {
        "points": points,
        "terms": {name: rows[name] for name in names[: len(seen)]},
        "derived": {name: rows[name] for name in names[len(seen) :]},
    }


def changes(spec: db.Spec, stored: dict[str, Any]) -> list[str]:
    """Say how a specification's model differs from that of a stored reference; empty if not."""
    density = stored["density"]
    try:
        now = density_of_spec(spec, density["points"])
    except ChangedModel as error:
        return [str(error)]
    found = []
    for kind, what in (("terms", "log density of"), ("derived", "Deterministic")):
        names = set(now[kind]) ^ set(density[kind])
        found += [f"{what} {name} is not in both" for name in sorted(names)]
        for name in [name for name in density[kind] if name in now[kind]]:
            old, new = (np.array(source[kind][name], dtype=float) for source in (density, now))
            if not np.allclose(new, old, rtol=DENSITY_TOLERANCE, atol=DENSITY_TOLERANCE):
                found.append(f"{what} {name} is {new[0]:.9g}, was {old[0]:.9g}")
    return found


def require_unchanged(spec: db.Spec, stored: dict[str, Any]) -> None:
    """Raise if a specification's model is not the one that a reference was drawn from.

    Raises
    ------
    ChangedModel
        With what differs and what to do.
    """
    found = changes(spec, stored)
    if not found:
        return
    tables = tables_of(spec)
    moved = [name for name, sha in tables.items() if stored["tables"].get(name) != sha]
    if moved:
        found.append(f"other tables: {', '.join(moved)}")
    more = f"\n  and {len(found) - 8} more" if len(found) > 8 else ""
    raise ChangedModel(
        f"'{spec.name}' is not the model that {file_name(stored)} was drawn from:\n  "
        + "\n  ".join(found[:8])
        + more
        + "\nA name stands for one log density. Give the changed model a new name (a copy of "
        f"models/{spec.name}.toml, with name = and file name changed) and draw its reference:\n"
        f"  {COMMAND} NEW_NAME\n"
        "If the old density is given up for good (a mended table, a mended law), remove "
        f"{FOLDER.name}/{file_name(stored)} and draw anew: the file will have another name."
    )


def tables_of(spec: db.Spec) -> dict[str, str]:
    """Return the SHA-256 of every table that the laws of a specification are learnt from."""
    data = db.read_reference_data(spec)
    found = {
        str(key).removeprefix("sha256_"): str(value) for key, value in data.attrs.items() if value
    }
    if spec.effective_size is not None and spec.effective_size.feedback == "joint":
        panel, _ = db.read_panel(spec)
        found |= {key: panel.attrs[f"{key}_sha256"] for key in ("llms", "scores")}
    return found


def scalars(laws: xr.DataTree, spec: db.Spec) -> dict[str, np.ndarray]:
    """Return the draws of every scalar of a posterior, by name, over (chain, draw).

    Free variables, Deterministics, logs (``ln x``) of those that are positive by the model, and
    log effective sizes of a few language models where the specification has a panel.
    """
    posterior = laws["posterior"].to_dataset()
    found = {}
    for name in posterior.data_vars:
        draws = posterior[name]
        found |= _cells(str(name), draws)
        if str(name).startswith("log_") or f"log_{name}" in posterior:
            continue  # is a log or the sd of one, or has its log among the Deterministics
        if name == "gamma":
            found |= _cells("ln -gamma", np.log(-draws))
        elif name in POSITIVE or str(name).endswith("_sd"):
            found |= _cells(f"ln {name}", np.log(draws))
    if spec.panel is not None and spec.effective_size is not None and "gamma" in posterior:
        panel, _ = db.read_panel(spec)
        part = spec.effective_size
        sizes = db.propagate(
            laws_at_targets(laws, panel, spec),
            panel.sel(llm=list(NAMED)),
            tokens=part.tokens,
            seed=spec.sampler.seed,
        )
        found |= _cells(SIZE, sizes[SIZE].drop_sel(benchmark="all"))
    return found


def summarise(draws: dict[str, np.ndarray]) -> dict[str, list[float | None]]:
    """Return a row of COLUMNS for every scalar; null where a draw is infinite.

    Quantiles are there all the same: an infinite draw has its place in the order.
    """
    names = list(draws)
    finite = [name for name in names if np.isfinite(draws[name]).all()]
    rows: dict[str, list[float | None]] = {}
    whole = xr.DataArray(
        np.stack([draws[name] for name in finite], axis=-1), dims=("chain", "draw", "scalar")
    ).to_dataset(name="x")
    found = {
        "mean": whole.mean(("chain", "draw")),
        "sd": whole.std(("chain", "draw"), ddof=1),
        "ess_bulk": az.ess(whole, method="bulk"),
        "ess_tail": az.ess(whole, method="tail"),
        "rhat": az.rhat(whole),
        "mcse_mean": az.mcse(whole, method="mean"),
        "mcse_sd": az.mcse(whole, method="sd"),
    }
    columns = {
        key: dict(zip(finite, value["x"].values, strict=True)) for key, value in found.items()
    }
    for name in names:
        cell = np.where(np.isnan(draws[name]), np.inf, draws[name])
        middle = np.quantile(cell, (0.05, 0.5, 0.95), method="closest_observation")
        columns_q = dict(zip(("q05", "q50", "q95"), middle, strict=True))
        rows[name] = [
            _rounded(columns_q[key] if key in columns_q else columns[key].get(name, np.nan), 7)
            for key in COLUMNS
        ]
    return rows


def as_table(stored: dict[str, Any]) -> pd.DataFrame:
    """Return the stored numbers, a row a scalar."""
    return pd.DataFrame.from_dict(
        stored["scalars"], orient="index", columns=stored["columns"], dtype=float
    )


def known(table: pd.DataFrame) -> pd.DataFrame:
    """Tell of which scalars a reference knows the mean and the sd well enough to compare them.

    Where three standard errors of its own are within the bound: MEAN_APART for the mean, the
    narrower side of SD_RATIO for the sd. The sd of what has a long tail is ruled by its few
    largest draws, and may be known of its log alone. Effective sizes, which may be infinite, are
    compared by their median.

    Parameters
    ----------
    table
        From :func:`as_table`.

    Returns
    -------
    pandas.DataFrame
        Columns ``mean``, ``sd`` and ``median``, True where it is compared.
    """
    size = table.index.str.startswith(SIZE)
    return pd.DataFrame(
        {
            "mean": (3 * table["mcse_mean"] <= MEAN_APART * table["sd"]) & ~size,
            "sd": (3 * table["mcse_sd"] <= (1 - SD_RATIO[0]) * table["sd"]) & ~size,
            "median": size & table["q50"].notna(),
        }
    )


def compare(stored: dict[str, Any], draws: dict[str, np.ndarray]) -> pd.DataFrame:
    """Compare a run with a reference, a row a scalar.

    Parameters
    ----------
    stored
        From :func:`read`.
    draws
        From :func:`scalars`, of the run.

    Returns
    -------
    pandas.DataFrame
        ``mean_apart`` (|mean difference| / sd), ``sd_ratio`` and ``share_below`` (of draws, the
        reference's median), NaN where not compared; ``agrees``; ``ess`` of the run's mean.

    Raises
    ------
    ChangedModel
        If the run has other scalars.
    """
    table = as_table(stored)
    odd = sorted(set(table.index) ^ set(draws))
    if odd:
        raise ChangedModel(f"not in both, the reference and the run: {', '.join(odd)}")
    use = known(table)
    rows = {}
    for name, about in table.iterrows():
        cell = draws[name]
        if use.loc[name, "median"]:
            share = float(np.mean(np.where(np.isnan(cell), np.inf, cell) <= about["q50"]))
            rows[name] = [np.nan, np.nan, share, np.nan]
            continue
        rows[name] = [
            abs(cell.mean() - about["mean"]) / about["sd"] if use.loc[name, "mean"] else np.nan,
            cell.std(ddof=1) / about["sd"] if use.loc[name, "sd"] else np.nan,
            np.nan,
            float(az.ess(cell, method="mean")) if use.loc[name, "mean"] else np.nan,
        ]
    found = pd.DataFrame.from_dict(
        rows, orient="index", columns=["mean_apart", "sd_ratio", "share_below", "ess"]
    )
    out = (found["mean_apart"] > MEAN_APART) | (found["sd_ratio"] < SD_RATIO[0])
    out |= (found["sd_ratio"] > SD_RATIO[1]) | ((found["share_below"] - 0.5).abs() > MEDIAN_APART)
    return found.assign(agrees=~out)


def file_name(record: dict[str, Any]) -> str:
    """Return the name of a record's file: the specification and its density."""
    return f"{record['spec']}-{digest(record['density'])[:8]}.json"


def files_of(name: str, folder: Path = FOLDER) -> list[Path]:
    """Return the stored references of a name; there should be one."""
    return sorted(
        path for path in folder.glob(f"{name}-*.json") if path.stem.rsplit("-", 1)[0] == name
    )


def read(path: Path) -> dict[str, Any]:
    """Read a reference, and check that nobody changed it.

    Raises
    ------
    ValueError
        If its numbers are not those of its hash, or its density not that of its name.
    """
    record = json.loads(path.read_text(encoding="utf-8"))
    if digest([record["columns"], record["scalars"]]) != record["numbers_sha256"]:
        raise ValueError(f"{path.name}: its numbers are not those that its numbers_sha256 is of")
    if file_name(record) != path.name:
        raise ValueError(
            f"{path.name}: its name and its density do not go together; by that it is "
            f"{file_name(record)}. Do not edit or rename: draw anew by {COMMAND} {record['spec']}"
        )
    return record


def write(record: dict[str, Any], folder: Path) -> Path:
    """Write a reference, a line a scalar, and return where."""
    folder.mkdir(parents=True, exist_ok=True)
    record = record | {"numbers_sha256": digest([record["columns"], record["scalars"]])}
    blocks = []
    for key, value in record.items():
        if isinstance(value, dict) and key in ("scalars", "density"):
            inner = ",\n".join(
                f"  {json.dumps(name)}: {json.dumps(row, separators=(',', ':'))}"
                for name, row in value.items()
            )
            blocks.append(f"{json.dumps(key)}: {{\n{inner}\n}}")
        else:
            blocks.append(f"{json.dumps(key)}: {json.dumps(value)}")
    path = folder / file_name(record)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text("{\n" + ",\n".join(blocks) + "\n}\n", encoding="utf-8")
    unfinished.replace(path)
    return path


def _cells(name: str, draws: xr.DataArray) -> dict[str, np.ndarray]:
    """Split a variable into scalars, named by their labels."""
    dims = [dim for dim in draws.dims if dim not in ("chain", "draw")]
    ordered = draws.transpose("chain", "draw", *dims)
    if not dims:
        return {name: ordered.values}
    found = {}
    for place in np.ndindex(*ordered.shape[2:]):
        labels = [str(ordered[dim].values[at]) for dim, at in zip(dims, place, strict=True)]
        found[f"{name}[{', '.join(labels)}]"] = ordered.values[(slice(None), slice(None), *place)]
    return found


def _rounded(value: float, digits: int) -> float | None:
    """Round to significant digits; null where there is no finite number."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None
