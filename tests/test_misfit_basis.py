"""The misfit's field: what it holds, what it leaves to the law, and how it widens."""

import numpy as np
import pytest

from densing_bayes.misfit_basis import misfit_basis

RNG = np.random.default_rng(2)
PARAMS = np.exp(RNG.uniform(np.log(5e6), np.log(1e9), 30))
TOKENS = PARAMS * np.exp(RNG.uniform(np.log(10), np.log(60), 30))
EXPONENTS = (0.25, 0.5, 0.9, 1.2, 1.5, 1.8)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_over_the_runs_it_is_a_covariance_of_mean_variance_one_without_a_plane(exponent):
    basis = misfit_basis(PARAMS, TOKENS, exponent=exponent, features=30)
    phi = basis.features(PARAMS, TOKENS)
    covariance = basis.covariance(basis.runs, basis.runs)
    np.testing.assert_allclose(phi @ phi.T, covariance, atol=1e-8)
    assert np.trace(covariance) / 30 == pytest.approx(1.0)
    assert np.linalg.eigvalsh(covariance).min() > -1e-8
    plane = np.column_stack([np.ones(30), np.log(PARAMS), np.log(TOKENS)])
    np.testing.assert_allclose(plane.T @ phi, 0.0, atol=1e-6)


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_beyond_the_runs_it_widens_without_end(exponent):
    basis = misfit_basis(PARAMS, TOKENS, exponent=exponent, features=8)
    far = np.exp(np.linspace(np.log(1e9), np.log(1e14), 6))
    sd = np.sqrt(np.diag(basis.remainder(far, 20 * far) + _inner(basis, far, 20 * far)))
    assert (np.diff(sd) > 0).all()
    assert sd[0] > 0.9
    # very far off its sd is a power of the distance
    step = np.array([[40.0, 40.0], [80.0, 80.0]])
    very_far = np.exp(step + basis.centre)
    variance = np.diag(basis.remainder(very_far[:, 0], very_far[:, 1]) + _inner(basis, *very_far.T))
    assert np.log2(variance[1] / variance[0]) / 2 == pytest.approx(max(exponent, 1.0), abs=0.1)


def _inner(basis, params, tokens):
    phi = basis.features(params, tokens)
    return phi @ phi.T


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_features_and_remainder_make_up_the_field_anywhere(exponent):
    basis = misfit_basis(PARAMS, TOKENS, exponent=exponent, features=6)
    places = RNG.uniform([np.log(1e7), np.log(1e9)], [np.log(1e12), np.log(1e13)], (9, 2))
    params, tokens = np.exp(places).T
    rest = basis.remainder(params, tokens)
    assert np.linalg.eigvalsh(rest).min() > -1e-6 * np.trace(rest)
    whole = basis.covariance(places - basis.centre, places - basis.centre)
    np.testing.assert_allclose(rest + _inner(basis, params, tokens), whole, rtol=1e-9)


def test_units_of_size_and_data_do_not_matter():
    here = misfit_basis(PARAMS, TOKENS, exponent=1.5, features=6)
    there = misfit_basis(PARAMS / 1e9, TOKENS / 1e9, exponent=1.5, features=6)
    np.testing.assert_allclose(
        here.remainder([1e11], [5e12]), there.remainder([1e2], [5e3]), rtol=1e-8
    )


def test_runs_on_a_line_have_a_misfit_too():
    basis = misfit_basis(PARAMS, 20 * PARAMS, exponent=1.5, features=6)
    assert np.isfinite(basis.features(PARAMS, 20 * PARAMS)).all()


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, -1.0, np.nan])
def test_other_exponents_are_refused(exponent):
    with pytest.raises(ValueError, match="between 0 and 2 and not 1"):
        misfit_basis(PARAMS, TOKENS, exponent=exponent, features=6)


def test_three_runs_leave_nothing_for_a_misfit():
    with pytest.raises(ValueError, match="a plane in ln N and ln D goes through"):
        misfit_basis([1e7, 1e8, 1e8], [1e9, 1e9, 1e10], exponent=1.5, features=3)
