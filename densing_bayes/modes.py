"""Which modes a posterior has, and what each weighs, before the chains that count are started.

A law of two terms can fit one ladder of runs in two shapes. Chains started over the prior find
both, and stay where they are: their R-hat is then bad, or, worse, all sit in the same wrong one.
Here short chains are started from draws of the prior, grouped by whether their draws overlap, and
every group that could matter is weighed by its Gaussian evidence. The chains of the run proper
are started from the groups in proportion.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp, multigammaln

__all__ = ["Modes", "find_modes"]

_EXPLORE = {"tune": 400, "draws": 200}
_REFINE = {"chains": 4, "tune": 300, "draws": 400}
#: Groups whose mean log density is this far (nats) below the best are not worth weighing.
_HOPELESS = 100.0
#: Two chains are of one mode when their means differ by less than this many joint sds everywhere.
_APART = 2.5


@dataclasses.dataclass(frozen=True)
class Modes:
    """Modes of a posterior.

    Parameters
    ----------
    table
        A row a mode: ``mode``, ``chains`` (pilot chains that ended there), ``log_density`` (mean
        over its draws), ``log_evidence`` (Gaussian, nats; NaN if hopeless) and ``mass``.
    starts
        For each mode with a mass, draws to start from, (draw, unconstrained dimension).
    """

    table: pd.DataFrame
    starts: dict[int, np.ndarray]

    def start(self, seed: int) -> np.ndarray:
        """Return a point of the posterior to start a chain from, its mode drawn by mass.

        Parameters
        ----------
        seed
            Seed of the chain.

        Returns
        -------
        numpy.ndarray
            Position in the unconstrained space.
        """
        rng = np.random.default_rng(seed)
        mass = self.table.set_index("mode")["mass"]
        mode = int(rng.choice(list(self.starts), p=[mass[key] for key in self.starts]))
        return rng.choice(self.starts[mode])


def find_modes(compiled: Any, *, chains: int, cores: int, seed: int) -> Modes:
    """Look for the modes of a compiled model, and weigh them.

    Parameters
    ----------
    compiled
        A model compiled by nutpie with starts from the prior.
    chains
        How many dispersed chains to start.
    cores
        How many run at a time.
    seed
        Seed.

    Returns
    -------
    Modes
        Modes, best first.
    """
    draws, log_density, _ = _sample(compiled, chains=chains, cores=cores, seed=seed, **_EXPLORE)
    groups = _groups(draws)
    groups.sort(key=lambda group: -log_density[group].mean())
    best = log_density[groups[0]].mean()
    rows: list[dict[str, float]] = []
    starts: dict[int, np.ndarray] = {}
    refined: list[np.ndarray] = []
    for place, group in enumerate(groups):
        mode, level, evidence = len(rows), log_density[group].mean(), np.nan
        if level > best - _HOPELESS:
            pool = draws[group].reshape(-1, draws.shape[-1])
            from_pool = dataclasses.replace(
                compiled,
                initial_point_func=lambda s, pool=pool: np.random.default_rng(s).choice(pool),
            )
            found, density, count = _sample(
                from_pool, cores=cores, seed=seed + 1 + place, **_REFINE
            )
            same = _same_place(found, refined)
            if (
                same is not None
            ):  # a pilot chain too short to reach its neighbours: no mode of its own
                rows[same]["chains"] += len(group)
                continue
            flat = found.reshape(-1, found.shape[-1])
            evidence = _gaussian_log_evidence(flat, density.ravel(), effective=count)
            starts[mode], level = flat, density.mean()
            refined.append(found)
        rows.append(
            {
                "mode": mode,
                "chains": len(group),
                "log_density": level,
                "log_evidence": evidence,
            }
        )
    table = pd.DataFrame(rows)
    weight = table["log_evidence"].fillna(-np.inf)
    table["mass"] = np.exp(weight - logsumexp(weight))
    return Modes(table, starts)


def _sample(
    compiled: Any, *, chains: int, cores: int, seed: int, tune: int, draws: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return unconstrained draws, their log density, and about how many independent ones."""
    import nutpie

    tree = nutpie.sample(
        compiled,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=cores,
        seed=seed,
        progress_bar=False,
        save_warmup=False,
        adaptation="low_rank",
        maxdepth=7,
        target_accept=0.9,
        store_unconstrained=True,
    )
    stats = tree["sample_stats"]
    if stats.sizes["draw"] < draws or bool(stats["logp"].isnull().any()):
        raise KeyboardInterrupt("interrupted while looking for modes")
    density = stats["logp"].values
    # One effective draw in two is what the low-rank sampler gives on these models.
    return stats["unconstrained_draw"].values, density, 0.5 * chains * draws


def _groups(draws: np.ndarray) -> list[list[int]]:
    """Group chains whose draws overlap in every direction; overlap is passed on by neighbours."""
    mean, sd = draws.mean(axis=1), draws.std(axis=1)
    todo, groups = set(range(len(draws))), []
    while todo:
        group, front = [], [min(todo)]
        while front:
            chain = front.pop()
            if chain not in todo:
                continue
            todo.remove(chain)
            group.append(chain)
            rest = sorted(todo)
            gap = np.abs(mean[rest] - mean[chain]) / np.hypot(sd[rest], sd[chain])
            front += [
                other for other, far in zip(rest, gap.max(axis=-1), strict=True) if far < _APART
            ]
        groups.append(sorted(group))
    return groups


def _same_place(found: np.ndarray, refined: list[np.ndarray]) -> int | None:
    """Return the mode, of those refined before, in which the chains lie; None for a new one."""
    for mode, known in enumerate(refined):
        if len(_groups(np.concatenate([known, found]))) == 1:
            return mode
    return None


def _gaussian_log_evidence(draws: np.ndarray, density: np.ndarray, *, effective: float) -> float:
    r"""Return the log of the mass under a mode, were it Gaussian.

    For a Gaussian of dimension p the mean log density is :math:`\log Z - \frac p2 (1 + \log 2\pi)
    - \frac12 \log |\Sigma|`. The log determinant of an estimated covariance is too small in the
    mean; its expectation under a Wishart distribution is known and taken out.
    """
    p = draws.shape[1]
    _, log_det = np.linalg.slogdet(np.atleast_2d(np.cov(draws.T)))
    step = 1e-4
    half = (effective - 1) / 2
    digammas = (multigammaln(half + step, p) - multigammaln(half - step, p)) / (2 * step)
    bias = digammas + p * np.log(2.0) - p * np.log(effective - 1)
    return float(density.mean() + 0.5 * p * (1 + np.log(2 * np.pi)) + 0.5 * (log_det - bias))
