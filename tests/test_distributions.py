"""Priors as values: the same density in scipy and in PyMC, and nothing wrong gets by."""

import numpy as np
import pymc as pm
import pytest
from pydantic import TypeAdapter, ValidationError

from densing_bayes.distributions import Distribution, NormalDistribution, PositiveDistribution

EXAMPLES = [
    {"dist": "Normal", "mu": 0.3, "sigma": 2.0},
    {"dist": "LogNormal", "mu": -0.5, "sigma": 0.7},
    {"dist": "HalfNormal", "sigma": 1.5},
    {"dist": "Gamma", "alpha": 4.0, "beta": 10.0},
    {"dist": "InverseGamma", "alpha": 3.0, "beta": 2.0},
    {"dist": "Exponential", "lam": 2.5},
]


def read(value):
    kind = NormalDistribution if value["dist"] == "Normal" else PositiveDistribution
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: value["dist"])
def test_scipy_and_pymc_mean_the_same(value):
    prior = read(value)
    x = np.array([0.05, 0.4, 1.0, 3.0])
    ours = prior.frozen().logpdf(x)
    variable = getattr(pm, prior.dist).dist(**prior.parameters)
    # PyMC keeps a short number such as 2.0 in single precision, and so its logarithm.
    np.testing.assert_allclose(ours, pm.logp(variable, x).eval(), atol=1e-6)


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: value["dist"])
def test_the_support_is_told(value):
    prior = read(value)
    assert prior.positive == (prior.frozen().support()[0] == 0)


def test_a_distribution_prints_as_it_is_written():
    assert str(read(EXAMPLES[3])) == "Gamma(alpha=4, beta=10)"


def test_the_resolved_form_reads_back():
    prior = read(EXAMPLES[0])
    again = TypeAdapter(NormalDistribution).validate_python(prior.model_dump())
    assert isinstance(again, Distribution)
    assert again == prior


@pytest.mark.parametrize(
    "value",
    [
        {"dist": "Gamma", "alpha": 0.0, "beta": 1.0},
        {"dist": "Gamma", "alpha": True, "beta": 1.0},
        {"dist": "Gamma", "alpha": float("nan"), "beta": 1.0},
        {"dist": "Gamma", "alpha": 1.0},
        {"dist": "Gamma", "alpha": 1.0, "beta": 1.0, "scale": 2.0},
        {"dist": "Beta", "alpha": 1.0, "beta": 1.0},
        {"dist": "Normal", "mu": 1.0, "sigma": 1.0},
        {"alpha": 1.0, "beta": 1.0},
        "Gamma",
        3.0,
    ],
)
def test_what_is_no_positive_distribution_is_refused(value):
    with pytest.raises(ValidationError):
        TypeAdapter(PositiveDistribution).validate_python(value)
