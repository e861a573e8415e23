"""Rows of log densities for tests, and the average trend drawn from them."""

import numpy as np

from densing_bayes.trend.designs import LINE
from densing_bayes.trend.linear import LinearPriors, draw_linear_trend
from densing_bayes.trend.rows import Rows


def rows(centre, target_sd, side, *, years, organisation, years_sd=None):
    """Rows of a matrix; dates are exact unless told otherwise."""
    years_sd = np.zeros(len(years)) if years_sd is None else years_sd
    return Rows(centre, target_sd, side, years, years_sd, organisation)


def draw_average_trend(centre, target_sd, side, *, years, organisation, prior, rng, years_sd=None):
    """One draw of the average trend a row, without the organisations' effects."""
    matrix = rows(
        centre, target_sd, side, years=years, organisation=organisation, years_sd=years_sd
    )
    priors = LinearPriors((prior.growth_rate, prior.level), prior.noise_sd, prior.organisation_sd)
    drawn = draw_linear_trend(matrix, LINE, priors, rng=rng)
    del drawn["organisation_effect"]
    return drawn
