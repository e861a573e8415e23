r"""What a trend says of single models: densities of what is seen, and draws of what will be.

Given a draw of a trend's parameters, a model of a linear kind is seen as

.. math:: y_m \sim \mathrm{Normal}\big(f(t_m) + o_{g(m)},\;
          \sigma^2 + v_m + (f'(t_m)\, s_m)^2\big)

with the known errors :math:`v_m` (variance) of its density and :math:`s_m` (sd) of its date; an
organisation that the trend has not seen adds :math:`\tau^2`. A model of a frontier falls short by
an exponential shortfall besides (:mod:`densing_bayes.trend.shortfall`); an organisation not seen
has the mean of its shortfall integrated out by quadrature. A bound counts by its probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.special import log_ndtr, logsumexp, ndtr

from densing_bayes.trend.files import FrontierFile, TrendFile
from densing_bayes.trend.fitting import design_of, draw_trend
from densing_bayes.trend.frontier import mean_shortfall
from densing_bayes.trend.rows import Rows
from densing_bayes.trend.shortfall import log_density

__all__ = ["FittedTrend", "Scored", "fit_rows", "fitted_of", "normal_scored", "predict", "score"]

#: Nodes and log weights by which the effect of an organisation not seen is integrated out.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_LOG_WEIGHTS = np.log(_WEIGHTS / _WEIGHTS.sum())
_LOG_ROOT_2PI = 0.5 * np.log(2.0 * np.pi)


@dataclass(frozen=True)
class FittedTrend:
    """Draws of a trend, and what is needed to predict with them.

    Parameters
    ----------
    trend
        What was fitted.
    draws
        Parameters by name, each (row, draw); ``organisation_effect`` (row, draw, organisation).
    organisations
        Those seen, in the order of the effects.
    middle
        Mean time of the models seen, at which a frontier's shortfall is meant.
    about
        What the sampler says of itself.
    """

    trend: TrendFile
    draws: dict[str, np.ndarray]
    organisations: np.ndarray
    middle: float
    about: dict[str, Any]

    @property
    def is_frontier(self) -> bool:
        """Whether models fall short of it."""
        return isinstance(self.trend, FrontierFile)

    def path(self, years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return level and growth rate at some times.

        Parameters
        ----------
        years
            Years since the origin, (time).

        Returns
        -------
        tuple of numpy.ndarray
            Log density, and growth a year, each (row, draw, time).
        """
        design = design_of(self.trend)
        coefficients = [self.draws[name][..., None] for name in design.coefficients]
        theta = self.draws[design.theta][..., None] if design.theta else 0.0
        shape = (*self.draws[design.coefficients[0]].shape, len(years))
        both = (what(coefficients, years, theta) for what in (design.level, design.growth))
        level, growth = (np.broadcast_to(value, shape) for value in both)
        return level, growth

    def effect(self, organisation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the drawn effects of organisations, 0 for those not seen, and which were seen.

        Parameters
        ----------
        organisation
            Labels, (llm).

        Returns
        -------
        tuple of numpy.ndarray
            (row, draw, llm), and truth (llm).
        """
        seen = np.isin(organisation, self.organisations)
        shape = (*self.draws["growth_rate" if self.is_frontier else "noise_sd"].shape, len(seen))
        out = np.zeros(shape)
        if "organisation_effect" in self.draws:
            places = np.searchsorted(self.organisations, organisation[seen])
            out[..., seen] = self.draws["organisation_effect"][..., places]
        return out, seen


class Scored(NamedTuple):
    """Log predictive density of what was seen, and the probability of less; unknown is NaN."""

    log_density: np.ndarray
    below: np.ndarray


def fit_rows(rows: Rows, trend: TrendFile, *, draws: int, rng: np.random.Generator) -> FittedTrend:
    """Draw a trend several times for every row, ready to predict with.

    Parameters
    ----------
    rows
        Densities or bounds.
    trend
        From :func:`densing_bayes.load_trend`.
    draws
        Draws of each row.
    rng
        Random generator.

    Returns
    -------
    FittedTrend
        Over (row, draw).
    """
    drawn, about = draw_trend(rows, trend, draws=draws, rng=rng)
    return FittedTrend(trend, drawn, np.unique(rows.organisation), float(rows.years.mean()), about)


def fitted_of(result: xr.Dataset, trend: TrendFile) -> FittedTrend:
    """Take a fitted trend as draws to predict with.

    Parameters
    ----------
    result
        From :func:`densing_bayes.fit_trend`.
    trend
        What was fitted.

    Returns
    -------
    FittedTrend
        A row for each draw of the laws, chain after chain.
    """
    draws = {}
    for name, value in result.data_vars.items():
        last = ("organisation",) if "organisation" in value.dims else ()
        values = value.transpose("chain", "draw", "trend_draw", *last).values
        draws[str(name)] = values.reshape(-1, *values.shape[2:])
    seen = result["organisation"].values if "organisation" in result.coords else np.array([])
    return FittedTrend(trend, draws, seen, float(result.attrs["middle"]), {})


def score(fitted: FittedTrend, given: Rows, *, new: np.ndarray | None = None) -> Scored:
    """Score densities or bounds under every draw of a trend.

    Parameters
    ----------
    fitted
        The trend's draws.
    given
        Models, with as many rows as the draws have: a model of a row is scored by the draws of
        that row.
    new
        Which of them to take as of organisations not seen, (llm); None: those that were not.

    Returns
    -------
    Scored
        Each (row, draw, llm).
    """
    level, growth = fitted.path(given.years)
    effect, seen = fitted.effect(given.organisation)
    new = ~seen if new is None else new | ~seen
    sigma = fitted.draws["noise_sd"][..., None]
    variance = sigma**2 + _by_row(given.target_sd) ** 2 + (growth * given.years_sd) ** 2
    if not fitted.is_frontier:
        tau = fitted.draws["organisation_sd"][..., None]
        mean = level + np.where(new, 0.0, effect)
        return normal_scored(mean, np.sqrt(variance + np.where(new, tau**2, 0.0)), given)
    shortfall = mean_shortfall(fitted.draws, given.years, fitted.middle)
    known = _shortfall_scored(level, np.sqrt(variance), shortfall * np.exp(effect), given)
    if "organisation_sd" not in fitted.draws or not new.any():
        return known
    tau = fitted.draws["organisation_sd"][..., None]
    parts = [
        _shortfall_scored(
            level[..., new], np.sqrt(variance[..., new]), shortfall[..., new] * np.exp(tau * z),
            given.models(new),
        )
        for z in _NODES
    ]  # fmt: skip
    log_weights = _LOG_WEIGHTS[:, None, None, None]
    known.log_density[..., new] = logsumexp([p.log_density for p in parts] + log_weights, axis=0)
    known.below[..., new] = (np.exp(log_weights) * [p.below for p in parts]).sum(axis=0)
    return known


def normal_scored(mean: np.ndarray, sd: np.ndarray, given: Rows) -> Scored:
    """Score what is seen with Normal errors.

    Parameters
    ----------
    mean, sd
        Of the predictive, (row, draw, llm).
    given
        Models of the same rows.

    Returns
    -------
    Scored
        Each (row, draw, llm).
    """
    z = (_by_row(given.centre) - mean) / sd
    side = np.where(_by_row(given.known), _by_row(given.side), 0)
    log_value = np.where(
        side == 0, -0.5 * z**2 - np.log(sd) - _LOG_ROOT_2PI, log_ndtr(np.where(side < 0, z, -z))
    )
    return _only_known(log_value, ndtr(z), given)


def _shortfall_scored(level, noise, shortfall, given: Rows) -> Scored:
    below = level - _by_row(np.where(given.known, given.centre, 0.0))
    noise = np.where(_by_row(given.known), noise, 1.0)
    side = np.broadcast_to(np.where(_by_row(given.known), _by_row(given.side), 0), level.shape)
    log_value = log_density(below, noise, shortfall, side).value
    less = np.exp(log_density(below, noise, shortfall, np.full(level.shape, -1)).value)
    return _only_known(log_value, np.minimum(less, 1.0), given)


def _only_known(log_value: np.ndarray, below: np.ndarray, given: Rows) -> Scored:
    known = _by_row(given.known)
    return Scored(np.where(known, log_value, np.nan), np.where(known, below, np.nan))


def _by_row(values: np.ndarray) -> np.ndarray:
    """Put (row, llm) beside the draws of the rows."""
    return values[:, None, :]


def predict(
    fitted: FittedTrend,
    *,
    years: np.ndarray,
    organisation: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw true log densities of models that are not there yet, without error of measurement.

    Models of one organisation that was not seen share its effect.

    Parameters
    ----------
    fitted
        The trend's draws.
    years
        When they come out, years since the origin, (llm).
    organisation
        Whose they are, (llm).
    rng
        Random generator.

    Returns
    -------
    numpy.ndarray
        Natural log of density, (row, draw, llm).
    """
    years, organisation = np.asarray(years, dtype=float), np.asarray(organisation)
    level, _ = fitted.path(years)
    effect, seen = fitted.effect(organisation)
    if "organisation_sd" in fitted.draws:
        tau = fitted.draws["organisation_sd"]
        for name in np.unique(organisation[~seen]):
            drawn = tau * rng.normal(size=tau.shape)
            effect[..., organisation == name] = drawn[..., None]
    scatter = fitted.draws["noise_sd"][..., None] * rng.normal(size=level.shape)
    if not fitted.is_frontier:
        return level + effect + scatter
    mean = mean_shortfall(fitted.draws, years, fitted.middle) * np.exp(effect)
    return level - mean * rng.exponential(size=level.shape) + scatter
