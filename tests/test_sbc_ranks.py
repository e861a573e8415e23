"""Places of truths: uniform for draws of the same distribution, whatever ties and memory."""

import numpy as np
import pytest
from scipy.stats import kstest

from densing_bayes.sbc.ranks import place_of, thinning


def chain(rng, memory, shape=(2, 400)):
    out = rng.normal(size=shape)
    for t in range(1, shape[1]):
        out[:, t] = memory * out[:, t - 1] + np.sqrt(1 - memory**2) * out[:, t]
    return out


@pytest.mark.parametrize(("memory", "least", "most"), [(0.0, 1, 1), (0.6, 2, 4), (0.9, 8, 18)])
def test_draws_are_thinned_by_their_memory(memory, least, most):
    steps = [thinning(chain(np.random.default_rng(seed), memory)) for seed in range(5)]
    assert least <= np.median(steps) <= most


def test_thinning_does_not_depend_on_the_scale_of_a_quantity():
    draws = chain(np.random.default_rng(1), 0.8)
    assert thinning(draws) == thinning(np.exp(5 * draws))


def test_places_are_uniform_and_ties_are_broken_evenly():
    rng = np.random.default_rng(2)
    normal = [place_of(rng.normal(), rng.normal(size=(2, 50)), rng=rng)[0] for _ in range(600)]
    assert kstest(normal, "uniform").pvalue > 0.01
    # half of all values are infinite
    ends = np.array([-np.inf, 0.0, 1.0, np.inf])
    tied = [place_of(rng.choice(ends), rng.choice(ends, (1, 30)), rng=rng)[0] for _ in range(600)]
    assert kstest(tied, "uniform").pvalue > 0.01


def test_a_truth_beyond_all_draws_is_at_an_end():
    place, count = place_of(np.inf, np.zeros((1, 20)), rng=np.random.default_rng(1))
    assert count == 20
    assert place > 20 / 21
