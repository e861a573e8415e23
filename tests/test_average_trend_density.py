"""The average trend's density by the full covariance of the log densities: no integration by hand.

The trend has no compiled density and no gradient: the two scales are drawn from a grid, A and B
from their Normal given the scales. Both are checked here at the points where they are used.
"""

import numpy as np
import pytest
from linear_trends import draw_average_trend
from scipy import stats

import densing_bayes as db
import densing_bayes.trend.linear as module
from densing_bayes.trend.clock import years_since_origin
from densing_bayes.trend.series import read_series

LIMIT = 1e-8
SPEC = db.load_spec("published_trend")


def covariance(years, organisation, variance, *, sigma, tau):
    """Cov(y_m, y_n) without A and B: tau^2 in one organisation, sigma^2 + v_m on the diagonal."""
    same = organisation[:, None] == organisation[None]
    return tau**2 * same + np.diag(sigma**2 + variance)


def log_scales(y, years, organisation, variance, *, sigma, tau, prior):
    """Log density of y and of the logs of the scales, A and B in the covariance of y as well."""
    growth, level = prior.growth_rate.parameters, prior.level.parameters
    total = covariance(years, organisation, variance, sigma=sigma, tau=tau)
    total = total + growth["sigma"] ** 2 * np.outer(years, years) + level["sigma"] ** 2
    mean = growth["mu"] * years + level["mu"]
    value = stats.multivariate_normal(mean, total).logpdf(y)
    for scale, part in ((sigma, prior.noise_sd), (tau, prior.organisation_sd)):
        # HalfNormal, and the Jacobian of its log
        width = part.parameters["sigma"]
        value += np.log(2) + stats.norm.logpdf(scale, 0.0, width) + np.log(scale)
    return value


def line(y, years, organisation, variance, *, sigma, tau, prior):
    """Return mean and covariance of (A, B) given y: of a linear model with Normal priors."""
    growth, level = prior.growth_rate.parameters, prior.level.parameters
    design = np.column_stack([years, np.ones(len(years))])
    inverse = np.linalg.inv(covariance(years, organisation, variance, sigma=sigma, tau=tau))
    before = np.diag([growth["sigma"] ** -2, level["sigma"] ** -2])
    spread = np.linalg.inv(before + design.T @ inverse @ design)
    return spread @ (before @ [growth["mu"], level["mu"]] + design.T @ inverse @ y), spread


class Fixed:
    """Random numbers that are told beforehand: uniform ones by one number, Normal ones of B, A."""

    def __init__(self, uniform, normal):
        self._uniform, self._normal = uniform, list(normal)

    def uniform(self, low=0.0, high=1.0, *, size):
        return np.full(size, low + (high - low) * self._uniform)

    def normal(self, *, size):
        return np.full(size, self._normal.pop() if self._normal else 0.0)


def worlds():
    """The published series, and one with errors of its own that leaves a model out."""
    out = {}
    for series in SPEC.trend.series:
        table = read_series(series, draws=1)
        out[series.name] = (
            table["centre"].values[0],
            np.zeros(table.sizes["llm"]),
            years_since_origin(table["release_date"].values),
            table["organisation"].values,
        )
    rng = np.random.default_rng(8)
    y, sd = rng.normal(0.0, 2.0, 40), rng.uniform(0.1, 1.5, 40)
    y[3] = np.nan
    out["with errors"] = (y[None], sd, np.sort(rng.uniform(0, 3, 40)), rng.integers(0, 9, 40))
    return out


@pytest.mark.parametrize("name", worlds())
def test_scales_and_line_have_the_density_of_the_full_covariance(monkeypatch, name):
    y, sd, years, organisation = worlds()[name]
    prior = SPEC.trend.average
    grids = []

    work_out = module._Sweeper._log_scales

    def seen(sweeper, sigma, tau):
        grids.append((sigma[0], tau[0], work_out(sweeper, sigma, tau)))
        return grids[-1][2]

    monkeypatch.setattr(module._Sweeper, "_log_scales", seen)
    side = np.zeros(y.shape, dtype=int)

    def draw(uniform, normal):
        return draw_average_trend(
            y, np.broadcast_to(sd, y.shape), side, years=years, organisation=organisation,
            prior=prior, rng=Fixed(uniform, normal),
        )  # fmt: skip

    known = np.isfinite(y[0])
    ours = (y[0, known], years[known], organisation[known], sd[known] ** 2)
    draw(0.5, [0.0, 0.0])
    for sigmas, taus, grid in grids:  # the coarse one, and the one drawn from
        points = [(sigma, tau) for sigma in sigmas for tau in taus]
        full = np.array([log_scales(*ours, sigma=s, tau=t, prior=prior) for s, t in points])
        # A constant is left out of the grid's density: differences to the largest are compared.
        full, flat = full - full.max(), grid.ravel() - grid.max()
        # Where scales of a thousandth put it a million nats down, rounding shows.
        near = full > -1e4
        assert near.sum() > 40
        assert (np.abs(full - flat) / np.maximum(np.abs(full), 1.0))[near].max() <= LIMIT
        assert np.abs(full / np.minimum(flat, -1e-9) - 1.0)[~near].max(initial=0.0) <= 1e-6

    for uniform in (0.02, 0.3, 0.5, 0.8, 0.99):
        for normal in ([0.0, 0.0], [1.0, 0.0], [-0.5, 2.0]):
            found = draw(uniform, normal)
            scales = {"sigma": found["noise_sd"][0], "tau": found["organisation_sd"][0]}
            mean, spread = line(*ours, **scales, prior=prior)
            root = np.linalg.cholesky(np.linalg.inv(spread))
            expected = mean + np.linalg.solve(root.T, normal)
            drawn = [found["growth_rate"][0], found["level"][0]]
            np.testing.assert_allclose(drawn, expected, rtol=LIMIT, atol=LIMIT)
