"""Latent calibration: against numerical integration, against known truth, and open ends."""

import numpy as np
import pytest
import scipy.integrate
import scipy.signal
import scipy.stats
import xarray as xr
from conftest import KNOWN_LAWS, LETTERS, NAMES, make_panel

from densing_bayes import laws
from densing_bayes.density import density_of
from densing_bayes.distributions import Distribution
from densing_bayes.effective_size import ALL
from densing_bayes.latent import calibrate, size_likelihood
from densing_bayes.spec_parts import LatentPart
from densing_bayes.summary import summarise_by_llm

D0 = 5e12
SAMPLE = ("chain", "draw")


def part(middle=22.0, sd=5.0, log_spread=0.0):
    return LatentPart(
        log_size=Distribution(dist="Normal", parameters={"mu": middle, "sigma": sd}),
        between_sd=Distribution(dist="LogNormal", parameters={"mu": log_spread, "sigma": 0.7}),
        reason="for tests",
    )


PRIOR = part()


def law_of(name):
    place = NAMES.index(name)
    return {letter: KNOWN_LAWS[letter][place] for letter in LETTERS}


def ends_of(name):
    law = law_of(name)
    needed = ("b", "beta", "c", "gamma", "l", "d")
    return law["d"], laws.reachable_score(tokens=D0, **{key: law[key] for key in needed})


def score_of(log_size, name):
    return laws.score_from_size(np.exp(log_size), tokens=D0, **law_of(name))


def posterior_of(phi, draws=4000):
    """A posterior that is certain of the known laws."""
    shape = (2, draws // 2, len(NAMES))
    values = KNOWN_LAWS | {"phi": phi}
    return xr.Dataset(
        {
            name: (("chain", "draw", "benchmark"), np.broadcast_to(value, shape).copy())
            for name, value in values.items()
        },
        coords={"chain": [0, 1], "draw": np.arange(shape[1]), "benchmark": NAMES},
    )


def by_integration(score, n_items, phi, between_sd, prior=(22.0, 5.0)):
    """Posterior of mu and of each x_k on a fine grid of x: plain sums, nothing shared."""
    x = np.linspace(-60.0, 110.0, 34001)
    step = x[1] - x[0]
    likelihood = []
    for k, name in enumerate(NAMES):
        if np.isnan(score[k]):
            likelihood.append(np.ones_like(x))
            continue
        expected = np.clip(score_of(x, name), 1e-12, 1 - 1e-12)
        logs = scipy.stats.betabinom.logpmf(
            round(score[k] * n_items[k]),
            n_items[k],
            expected * phi[k],
            (1 - expected) * phi[k],
        )
        likelihood.append(np.exp(logs - logs.max()))
    # x = mu + Normal(0, sd): a convolution on the grid
    reach = int(9 * between_sd / step)
    bell = scipy.stats.norm.pdf(np.arange(-reach, reach + 1) * step, 0, between_sd) * step

    def smooth(values):
        ends = np.pad(values, reach, mode="edge")
        return scipy.signal.fftconvolve(ends, bell, mode="valid")

    of_mu = [np.maximum(smooth(one), 0.0) for one in likelihood]
    own = scipy.stats.norm.pdf(x, *prior)
    densities = []
    for k in range(len(NAMES)):
        others = own * np.prod([one for j, one in enumerate(of_mu) if j != k], axis=0)
        densities.append(likelihood[k] * smooth(others))
    densities.append(own * np.prod(of_mu, axis=0))
    cdfs = [scipy.integrate.cumulative_trapezoid(one, x, initial=0.0) for one in densities]
    return x, [cdf / cdf[-1] for cdf in cdfs]


CLOSE = [1e5, 3e5, 2e5]
CELLS = {
    "usual": ([0.55, 0.6, 0.4], [14042, 164, 500], [150.0, 120.0, 80.0], 1.0),
    "tight": ([0.55, 0.6, 0.4], [14042, 6511, 5000], CLOSE, 1.0),
    "tight, small spread": (
        [float(score_of(22.5, name)) for name in NAMES],
        [14042, 6511, 5000],
        CLOSE,
        0.05,
    ),
    "small spread": ([0.55, 0.6, 0.4], [14042, 164, 500], [150.0, 120.0, 80.0], 0.1),
    "large spread": ([0.55, 0.6, 0.4], [14042, 164, 500], [150.0, 120.0, 80.0], 4.0),
    "open above": ([0.96, 0.93, 0.9], [1319, 164, 500], [150.0, 120.0, 80.0], 1.0),
    "open above, tight": ([0.9, np.nan, np.nan], [14042, 1, 1], [2e4, 1.0, 1.0], 0.5),
    "open below": ([0.24, 0.2, 0.0], [14042, 164, 500], [150.0, 120.0, 80.0], 1.0),
    "disagreeing": ([0.24, 0.93, 0.4], [1319, 164, 500], [150.0, 120.0, 80.0], 1.0),
    "one of three": ([np.nan, 0.6, np.nan], [1, 164, 1], [150.0, 120.0, 80.0], 1.0),
    "nothing": ([np.nan, np.nan, np.nan], [1, 1, 1], [150.0, 120.0, 80.0], 1.0),
}


@pytest.mark.parametrize("name", CELLS)
def test_draws_have_the_posterior_that_numerical_integration_gives(name):
    """Kolmogorov's distance to the exact posterior is that of as many exact draws."""
    score, n_items, phi, between_sd = CELLS[name]
    copies, count = 1000, 20_000
    found = calibrate(
        posterior_of(phi, count // copies),
        make_panel([score] * copies, [n_items]),
        tokens=D0,
        prior=PRIOR,
        seed=4,
        between_sd=between_sd,
        draws=None,
    )
    x, cdfs = by_integration(score, n_items, phi, between_sd)
    draws = found["log_effective_size"].stack(sample=(*SAMPLE, "llm"))
    for k, cdf in enumerate(cdfs):
        place = np.sort(np.interp(draws.isel(benchmark=k).values, x, cdf))
        distance = np.abs(place - (np.arange(count) + 0.5) / count).max()
        assert distance < 1.63 / np.sqrt(count) + 0.004, (name, k)  # 1.63: 1 in 100
