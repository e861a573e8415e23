"""The loss law of one benchmark on its own, integrated on a grid: no sampler, no PyMC.

For each share w of the size term the two exponents are integrated on a grid about their optimum,
the noise on another; the loss at the centre is Normal given the rest, and integrated exactly.
"""

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit, logsumexp
from scipy.stats import norm

_WIDE, _POINTS = 6.0, 31


def grid_posterior(loss, params, tokens, *, priors, shares=241, sigmas=81):
    """Return log alpha and the log weight of every grid cell, and the log evidence.

    ``priors``: (mean, sd) of ``total``, ``share``, ``alpha``, ``beta``, ``sigma``, on the scales
    of the specification.
    """
    y = np.log(loss)
    x, z = (np.log(v) - np.log(v).mean() for v in (params, tokens))
    share_axis = np.linspace(-6.0, 6.0, shares)
    log_sigma = np.linspace(-6.5, -2.5, sigmas)
    log_alpha, log_weight = [], []
    at = np.array([-1.4, -1.4])
    for share in share_axis:
        w = expit(share)

        def bend(exponents, w=w):
            alpha, beta = (np.exp(e)[..., None] for e in np.moveaxis(exponents, -1, 0))
            return np.log(w * np.exp(-alpha * x) + (1 - w) * np.exp(-beta * z))

        def misfit(exponents, bend=bend):
            rest = y - bend(exponents)
            # the priors, weighed as at one per cent noise, keep a term without weight in place
            pull = 0.01 * (exponents - priors["alpha"][0]) / priors["alpha"][1]
            return np.append(rest - rest.mean(), pull)

        best = min(
            (least_squares(misfit, begin) for begin in (at, [-0.8, -2.0], [-2.2, -1.2])),
            key=lambda found: found.cost,
        )
        at = best.x
        noise = max(np.sqrt(2 * best.cost / (len(y) - 3)), 0.003)
        _, singular, directions = np.linalg.svd(best.jac)
        steps = np.linspace(-_WIDE, _WIDE, _POINTS)
        first, second = np.meshgrid(steps, steps, indexing="ij")
        cells = np.stack([first * noise / singular[0], second * noise / singular[1]], axis=-1)
        cells = (at + cells @ directions).reshape(-1, 2)
        area = (steps[1] - steps[0]) ** 2 * noise**2 / singular.prod()
        rest = y - bend(cells)
        log_prior = (
            norm.logpdf(share, *priors["share"])
            + norm.logpdf(cells[:, 0], *priors["alpha"])
            + norm.logpdf(cells[:, 1], *priors["beta"])
        )
        inner = _log_marginal(rest, log_sigma, priors)
        log_alpha.append(cells[:, 0])
        log_weight.append(log_prior + inner + np.log(area))
    log_weight = np.concatenate(log_weight) + np.log(share_axis[1] - share_axis[0])
    return np.concatenate(log_alpha), log_weight, float(logsumexp(log_weight))


def _log_marginal(rest, log_sigma, priors):
    """Log likelihood of residuals (cell, run) with their mean and the noise integrated out."""
    count, mean = rest.shape[1], rest.mean(axis=1)
    scatter = ((rest - mean[:, None]) ** 2).sum(axis=1)
    at, sd = priors["total"]
    variance = np.exp(2 * log_sigma)
    of_mean = norm.logpdf(mean[:, None], at, np.sqrt(sd**2 + variance / count))
    log = (
        of_mean
        - 0.5 * (count - 1) * (np.log(2 * np.pi) + np.log(variance))
        - 0.5 * np.log(count)
        - 0.5 * scatter[:, None] / variance
        + norm.logpdf(log_sigma, *priors["sigma"])
    )
    return logsumexp(log, axis=1) + np.log(log_sigma[1] - log_sigma[0])
