"""Posteriors of trends hold truths from their priors; those that ignore the data do not."""

import numpy as np
import pytest

from densing_bayes.sbc.bands import family
from densing_bayes.sbc.trends import trend_places
from densing_bayes.trend.files import list_trends, load_trend


@pytest.mark.parametrize("name", ["average", "frontier"])
def test_truths_lie_anywhere_among_the_draws(name):
    """A false alarm in one of a thousand: see tests/artefacts/trend_calibration.csv for more."""
    places = trend_places(load_trend(name), 200, seed=1)
    assert {"growth_rate", "level", "noise_sd", "log_likelihood"} <= set(places)
    assert family(places)["p_family"].min() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(list_trends()))
def test_every_shipped_trend_is_calibrated(name):
    places = trend_places(load_trend(name), 400, seed=2)
    assert family(places)["p_family"].min() > 1e-3


@pytest.mark.parametrize("name", ["average", "frontier"])
def test_a_posterior_that_ignores_the_data_is_found_out(name):
    table = family(trend_places(load_trend(name), 200, seed=1, data_ignored=True))
    by_name = table.set_index("quantity")
    assert by_name["p"]["log_likelihood"] < 1e-9
    assert by_name["p"]["growth_rate"] > 1e-3  # a prior is calibrated, and so says nothing


def test_without_bounds_all_is_seen():
    places = trend_places(load_trend("average"), 100, seed=3, bounds=False)
    for value in places.values():
        assert value.shape == (100,)
        assert ((value > 0) & (value < 1)).all()
        assert np.std(value) > 0.2
