"""Posterior of a trend's coefficients given its scales, organisations integrated out."""

from __future__ import annotations

import numpy as np

__all__ = ["GroupSums", "Solved"]


class GroupSums:
    """Weighted sums of products of the columns and of y, by organisation.

    With z = (columns, y) of a model and w its weight: the sums over an organisation of w, w z and
    w z z', from which everything follows for any sd of the organisations.

    Parameters
    ----------
    columns
        One (row, llm) array a coefficient, or what broadcasts with it.
    y
        Log density, (row, llm).
    weight
        Inverse variance, (row, llm); 0 leaves a model out.
    members
        Which organisation a model is of, 0 or 1, (llm, organisation).
    """

    def __init__(self, columns, y, weight, members):
        z = [*columns, y]
        weighted = [weight * one for one in z]
        self.size = len(z)
        self.weight = weight @ members
        self.first = [one @ members for one in weighted]
        self.second = {
            (i, j): (weighted[i] * z[j]).sum(axis=-1)
            for i in range(self.size)
            for j in range(i + 1)
        }

    def products(self) -> np.ndarray:
        """Return products of first sums, (row, organisation, pair of columns)."""
        return np.stack([self.first[i] * self.first[j] for i, j in self.second], axis=-1)


class Solved:
    """Normal equations of the coefficients, solved for several sds of the organisations at once.

    With w the weight of an organisation, integrating its effect out takes
    ``shrink * first * first'``, shrink = tau^2 / (1 + tau^2 w), from each sum of products.

    Parameters
    ----------
    sums
        From the data, given noise sd and design.
    tau
        Sds of the organisations, (row, tau).
    priors
        (mean, sd) of the Normal prior of each coefficient.

    Attributes
    ----------
    log_likelihood
        Log of the marginal likelihood but for the weights' own part, (row, tau).
    """

    def __init__(self, sums: GroupSums, tau: np.ndarray, priors: list[tuple[float, float]]):
        tau2 = tau[..., None] ** 2
        shrink = tau2 / (1.0 + tau2 * sums.weight[:, None, :])
        taken = shrink @ sums.products()
        left = {
            pair: total[:, None] - taken[..., place]
            for place, (pair, total) in enumerate(sums.second.items())
        }
        last = sums.size - 1
        self._solve(left, last, priors)
        log_shrink = -np.log1p(tau2 * sums.weight[:, None, :]).sum(axis=-1)
        explained = np.sum([half**2 for half in self.half], axis=0)
        self.log_likelihood = (
            0.5 * log_shrink
            - np.sum([np.log(self.root[i, i]) for i in range(last)], axis=0)
            - 0.5 * (left[last, last] - explained)
        )

    def _solve(self, left, count, priors) -> None:
        """Take the Cholesky root of the precision, and solve halfway for the mean."""
        root: dict[tuple[int, int], np.ndarray] = {}
        half: list[np.ndarray] = []
        for i in range(count):
            for j in range(i + 1):
                total = left[i, j] + (priors[i][1] ** -2 if i == j else 0.0)
                total = total - sum(root[i, k] * root[j, k] for k in range(j))
                root[i, j] = np.sqrt(total) if i == j else total / root[j, j]
            right = left[count, i] + priors[i][0] * priors[i][1] ** -2
            half.append((right - sum(root[i, k] * half[k] for k in range(i))) / root[i, i])
        self.root, self.half = root, half

    def draw(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Draw the coefficients from their Normal posterior.

        Parameters
        ----------
        rng
            Random generator.

        Returns
        -------
        list of numpy.ndarray
            One (row, tau) array a coefficient.
        """
        count = len(self.half)
        drawn: dict[int, np.ndarray] = {}
        for i in reversed(range(count)):
            total = self.half[i] + rng.normal(size=self.half[i].shape)
            total = total - sum(self.root[k, i] * drawn[k] for k in range(i + 1, count))
            drawn[i] = total / self.root[i, i]
        return [drawn[i] for i in range(count)]
