"""Hamiltonian Monte Carlo for many small posteriors at once.

A trend has a posterior of its own for every draw of the laws: thousands, of a few parameters each.
Samplers for one posterior pay their overhead for each of them; here all take their steps together,
as rows of arrays. Rows share the metric (they differ little in shape), not the step size, and no
row feels another's rejections. See Neal (2011), arXiv 1206.1901.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Drawn", "draw_many"]

LogDensity = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

_TARGET_ACCEPT = 0.8
#: Leapfrog steps of an iteration, drawn anew each time so that no orbit closes.
_FEWEST, _MOST = 2, 7
#: Iterations of warm-up: with no metric; with the first metric; with the second.
_STAGES = (100, 100, 100)
#: Error of the energy from which a trajectory counts as divergent.
_DIVERGENT = 1000.0


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Parameters
    ----------
    position
        (row, draw, dim).
    accepted
        Mean acceptance probability of each row.
    divergences
        How many trajectories of each row diverged after warm-up.
    gradients
        Evaluations of the gradient of a row.
    """

    position: np.ndarray
    accepted: np.ndarray
    divergences: np.ndarray
    gradients: int


def draw_many(
    log_density: LogDensity,
    start: np.ndarray,
    *,
    draws: int,
    thin: int,
    rng: np.random.Generator,
) -> Drawn:
    """Draw from the posterior of every row.

    Parameters
    ----------
    log_density
        From positions (row, dim) to log densities (row) and their gradients (row, dim).
    start
        Where each row starts, (row, dim), at positive density.
    draws
        Draws kept of each row.
    thin
        Iterations a kept draw.
    rng
        Random generator.

    Returns
    -------
    Drawn
        With the rows of ``start``.
    """
    chain = _Chains(log_density, np.array(start, dtype=float), rng)
    for stage, length in enumerate(_STAGES):
        chain.restart_steps()
        visited = []
        for _ in range(length):
            chain.step(adapt=True)
            visited.append(chain.position.copy())
        if stage < len(_STAGES) - 1:
            chain.learn_metric(np.stack(visited[length // 2 :], axis=1))
    chain.freeze()
    kept = []
    for _ in range(draws):
        for _ in range(thin):
            chain.step(adapt=False)
        kept.append(chain.position.copy())
    accepted = chain.accepted / (draws * thin)
    return Drawn(np.stack(kept, axis=1), accepted, chain.divergences, chain.gradients)


class _Chains:
    """One chain a row, in step."""

    def __init__(self, log_density: LogDensity, position: np.ndarray, rng: np.random.Generator):
        self.log_density, self.position, self.rng = log_density, position, rng
        self.value, self.gradient = log_density(position)
        self.root = np.eye(position.shape[1])
        rows = len(position)
        self.log_step = np.full(rows, np.log(0.1))
        self.accepted, self.divergences = np.zeros(rows), np.zeros(rows, dtype=int)
        self.gradients = 1

    def restart_steps(self) -> None:
        """Begin dual averaging of the step sizes anew (Hoffman & Gelman 2014, section 3.2)."""
        self.anchor = self.log_step + np.log(3.0)
        self.error, self.log_mean = np.zeros_like(self.log_step), self.log_step.copy()
        self.count = 0

    def learn_metric(self, visited: np.ndarray) -> None:
        """Take the covariance within rows, pooled over them, as the inverse of the metric."""
        within = (visited - visited.mean(axis=1, keepdims=True)).reshape(-1, visited.shape[-1])
        covariance = within.T @ within / len(within)
        variances = np.diag(covariance)
        self.root = np.linalg.cholesky(0.98 * covariance + 0.02 * np.diag(variances + 1e-10))
        self.log_step = np.full_like(self.log_step, np.log(0.5))

    def freeze(self) -> None:
        """Keep the averaged step sizes; count from here on."""
        self.log_step = self.log_mean
        self.accepted[:], self.divergences[:] = 0.0, 0

    def step(self, *, adapt: bool) -> None:
        """Move every row along one trajectory, and accept or stay."""
        momentum = self.rng.normal(size=self.position.shape)
        energy = self.value - 0.5 * (momentum**2).sum(axis=1)
        position, value, gradient, momentum = self._trajectory(momentum)
        # A trajectory that left the numbers has no energy either: it is refused below.
        with np.errstate(over="ignore", invalid="ignore"):
            change = value - 0.5 * (momentum**2).sum(axis=1) - energy
        change = np.where(np.isnan(change), -np.inf, change)
        accept = np.exp(np.minimum(change, 0.0))
        moved = self.rng.uniform(size=len(accept)) < accept
        self.position = np.where(moved[:, None], position, self.position)
        self.gradient = np.where(moved[:, None], gradient, self.gradient)
        self.value = np.where(moved, value, self.value)
        self.accepted += accept
        self.divergences += change < -_DIVERGENT
        if adapt:
            self._adapt(accept)

    def _trajectory(self, momentum: np.ndarray):
        step = np.exp(self.log_step)[:, None]
        position, value, gradient = self.position, self.value, self.gradient
        # A row that leaves the numbers is refused at the end; it must not warn on its way.
        with np.errstate(all="ignore"):
            for _ in range(self.rng.integers(_FEWEST, _MOST + 1)):
                momentum = momentum + 0.5 * step * (gradient @ self.root)
                position = position + step * (momentum @ self.root.T)
                value, gradient = self.log_density(position)
                self.gradients += 1
                momentum = momentum + 0.5 * step * (gradient @ self.root)
        return position, value, gradient, momentum

    def _adapt(self, accept: np.ndarray) -> None:
        self.count += 1
        weight = 1.0 / (self.count + 10.0)
        self.error = (1.0 - weight) * self.error + weight * (_TARGET_ACCEPT - accept)
        self.log_step = self.anchor - np.sqrt(self.count) / 0.05 * self.error
        share = self.count**-0.75
        self.log_mean = share * self.log_step + (1.0 - share) * self.log_mean
