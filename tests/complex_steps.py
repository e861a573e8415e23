r"""Numbers that carry their first-order change, for exact gradients of plain numpy code.

Complex steps: the change, times 1e-30, is the imaginary part, so a derivative is exact to
rounding. Arithmetic does that by itself; functions of which numpy has no good complex version
(:func:`known`) and the multivariate Normal are given their derivative. A leading axis holds the
directions of change, which all start from one place.
"""

import numpy as np
from scipy.special import digamma, expit, gammaln, log_expit, log_ndtr

STEP = 1e-30
LOG_2PI = np.log(2 * np.pi)


def known(z, function, derivative):
    """Return f(z) of a function of which the derivative is known: f(x) + i h f'(x)."""
    if np.isrealobj(z):
        return function(z)
    # All directions start from one place, so its value is needed once.
    x = z[:1].real
    return function(x) + 1j * z.imag * derivative(x)


def log_gamma(z):
    return known(z, gammaln, digamma)


def sigmoid(z):
    return known(z, expit, lambda x: expit(x) * expit(-x))


def log_sigmoid(z):
    return known(z, log_expit, lambda x: expit(-x))


def log_phi(z):
    """Log of the standard Normal distribution function."""
    return known(z, log_ndtr, lambda x: np.exp(-0.5 * x**2 - 0.5 * LOG_2PI - log_ndtr(x)))


def times(matrix, vector):
    return (matrix @ vector[..., None])[..., 0]


def normal_rows(rest, covariance, seen):
    """Log density of vectors (direction, row, k) that are Normal about 0, those seen alone.

    ln N = -(k ln 2 pi + ln |C| + r' C^-1 r) / 2, and its change with a = C^-1 r is
    -a' dr + (a' dC a - tr(C^-1 dC)) / 2. Where the noise is small against what is shared, C
    keeps few digits of it: a covariance in extended precision is solved to that precision.
    """
    both = seen[:, :, None] & seen[:, None, :]
    rest = np.where(seen, rest, 0.0)
    covariance = np.where(both, covariance, np.eye(seen.shape[1]))
    r, exact = rest[0].real, covariance[0].real
    c = exact.astype(float)
    lower = np.linalg.cholesky(c)
    inverse = np.linalg.inv(c)
    solved = times(inverse, r)
    for _ in range(3):
        left = r - times(exact, solved)
        solved = solved + times(inverse, left.astype(float))
    log_det = 2 * np.log(np.diagonal(lower, axis1=-2, axis2=-1)).sum(-1)
    value = -0.5 * (seen.sum(-1) * LOG_2PI + log_det + (r * solved).sum(-1))
    change = -(rest.imag * solved).sum(-1)
    if covariance.imag.any():
        by_shape = (solved * times(covariance.imag, solved)).sum(-1)
        by_size = np.einsum("rij,drij->dr", inverse, covariance.imag.astype(float), optimize=True)
        change = change + 0.5 * (by_shape - by_size)
    return value.astype(float) + 1j * change.astype(float)


def normal(x, mu, sigma):
    return -0.5 * ((x - mu) / sigma) ** 2 - np.log(sigma) - 0.5 * LOG_2PI


def beta_binomial(correct, n, mean, concentration):
    """Log of C(n, k) B(k + S phi, n - k + (1 - S) phi) / B(S phi, (1 - S) phi)."""
    right, wrong = mean * concentration, (1 - mean) * concentration
    ways = gammaln(n + 1) - gammaln(correct + 1) - gammaln(n - correct + 1)
    seen = log_gamma(correct + right) + log_gamma(n - correct + wrong)
    before = log_gamma(right) + log_gamma(wrong)
    return ways + seen - before + log_gamma(concentration) - log_gamma(n + concentration)
