"""The laws and their exact inverses: arithmetic, and nothing but arithmetic.

Every function here takes numpy arrays, xarray objects or PyTensor variables and returns the same
kind, broadcasting as that kind does. One definition therefore serves the fit, the prediction and
the inversion. They are written without branches; a value outside the domain of an inverse is told
by :func:`score_domain`, which must be asked first (:mod:`densing_bayes.effective_size` does).

The formulas are equations 2 to 4 of Xiao et al., "Densing Law of LLMs", Nature Machine
Intelligence 7, 1823-1833 (2025), doi 10.1038/s42256-025-01137-0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "ABOVE",
    "BELOW",
    "LOSS_LAWS",
    "SCORE_LAWS",
    "WITHIN",
    "Law",
    "log_size_from_loss",
    "log_size_from_place",
    "log_size_from_score",
    "loss_from_score",
    "loss_law",
    "place_from_log_size",
    "reach_gap",
    "reachable_score",
    "score_domain",
    "score_from_size",
    "score_law",
]

#: Codes of :func:`score_domain`.
BELOW, WITHIN, ABOVE = -1, 0, 1


def loss_law(params: Any, tokens: Any, *, a: Any, alpha: Any, b: Any, beta: Any, e: Any = 0.0):
    r"""Conditional loss of a reference model of a size trained on a number of tokens.

    .. math:: L(N, D) = e + a N^{-\alpha} + b D^{-\beta}

    Parameters
    ----------
    params
        Size N, in parameters (or relative to a design centre, with ``a`` to match).
    tokens
        Training data D, in tokens (or relative, with ``b`` to match).
    a, alpha
        Scale and exponent of the size term, both positive.
    b, beta
        Scale and exponent of the data term, both positive.
    e
        Irreducible loss, nats per token; the paper's law has none.

    Returns
    -------
    array-like
        Loss, nats per token, broadcast over all arguments.
    """
    return e + a * params ** (-alpha) + b * tokens ** (-beta)


def log_size_from_loss(
    loss: Any, tokens: Any, *, a: Any, alpha: Any, b: Any, beta: Any, e: Any = 0.0
):
    r"""Log of the size at which :func:`loss_law` gives a loss: its exact inverse in N.

    .. math:: \ln N(L, D) = -\frac{1}{\alpha} \ln \frac{L - e - b D^{-\beta}}{a}

    The log is returned since a small exponent takes sizes past what a float can hold.

    Parameters
    ----------
    loss
        Loss L, nats per token; must exceed ``e + b * tokens ** -beta``.
    tokens
        Training data D, in tokens.
    a, alpha, b, beta, e
        As in :func:`loss_law`.

    Returns
    -------
    array-like
        Natural log of the size in parameters. Outside the domain numpy gives NaN: ask
        :func:`score_domain` first.
    """
    return -np.log((loss - e - b * tokens ** (-beta)) / a) / alpha


def score_law(loss: Any, *, c: Any, gamma: Any, l: Any, d: Any):  # noqa: E741
    r"""Benchmark score at a conditional loss.

    .. math:: S(L) = \frac{c}{1 + e^{-\gamma (L - l)}} + d

    It is computed as ``d + c (1 + tanh(gamma (L - l) / 2)) / 2``, which is the same number and
    never overflows.

    Parameters
    ----------
    loss
        Loss L, nats per token.
    c
        Height of the curve: ceiling minus floor.
    gamma
        Steepness, per nat; negative, since the score falls as the loss grows.
    l
        Loss at mid-height, nats per token.
    d
        Floor: score at infinite loss.

    Returns
    -------
    array-like
        Score, a fraction.
    """
    return d + 0.5 * c * (1.0 + np.tanh(0.5 * gamma * (loss - l)))


def loss_from_score(score: Any, *, c: Any, gamma: Any, l: Any, d: Any):  # noqa: E741
    r"""Loss at which :func:`score_law` gives a score: its exact inverse.

    .. math:: L(S) = l - \frac{1}{\gamma} \ln\left( \frac{c}{S - d} - 1 \right)

    Parameters
    ----------
    score
        Score S, a fraction strictly between ``d`` and ``c + d``.
    c, gamma, l, d
        As in :func:`score_law`.

    Returns
    -------
    array-like
        Loss, nats per token. Outside the domain numpy gives NaN or infinity.
    """
    return l - np.log(c / (score - d) - 1.0) / gamma


def score_from_size(
    params: Any,
    *,
    tokens: Any,
    a: Any,
    alpha: Any,
    b: Any,
    beta: Any,
    c: Any,
    gamma: Any,
    l: Any,  # noqa: E741
    d: Any,
    e: Any = 0.0,
):
    """Score of a reference model of a size: :func:`loss_law`, then :func:`score_law`.

    Parameters
    ----------
    params
        Size N, in parameters.
    tokens
        Training data D, in tokens.
    a, alpha, b, beta, e
        As in :func:`loss_law`.
    c, gamma, l, d
        As in :func:`score_law`.

    Returns
    -------
    array-like
        Score, a fraction.
    """
    loss = loss_law(params, tokens, a=a, alpha=alpha, b=b, beta=beta, e=e)
    return score_law(loss, c=c, gamma=gamma, l=l, d=d)


def log_size_from_score(
    score: Any,
    *,
    tokens: Any,
    a: Any,
    alpha: Any,
    b: Any,
    beta: Any,
    c: Any,
    gamma: Any,
    l: Any,  # noqa: E741
    d: Any,
    e: Any = 0.0,
):
    """Log effective size of a score: the exact inverse of :func:`score_from_size`.

    Parameters
    ----------
    score
        Score S, a fraction for which :func:`score_domain` is ``WITHIN``.
    tokens
        Training data of the reference model, in tokens (D0).
    a, alpha, b, beta, e
        As in :func:`loss_law`.
    c, gamma, l, d
        As in :func:`score_law`.

    Returns
    -------
    array-like
        Natural log of the size in parameters. Outside the domain numpy gives NaN: ask
        :func:`score_domain` first.
    """
    loss = loss_from_score(score, c=c, gamma=gamma, l=l, d=d)
    return log_size_from_loss(loss, tokens, a=a, alpha=alpha, b=b, beta=beta, e=e)


def reachable_score(
    *,
    tokens: Any,
    b: Any,
    beta: Any,
    c: Any,
    gamma: Any,
    l: Any,  # noqa: E741
    d: Any,
    e: Any = 0.0,
):
    r"""Score that a reference model approaches at ``tokens`` as its size grows without bound.

    .. math:: S(e + b D^{-\beta})

    It lies below the ceiling ``c + d``, because the data term of the loss stays. A score between
    the two has no finite effective size either.

    Parameters
    ----------
    tokens
        Training data of the reference model, in tokens (D0).
    b, beta, e
        As in :func:`loss_law`.
    c, gamma, l, d
        As in :func:`score_law`.

    Returns
    -------
    array-like
        Score, a fraction.
    """
    return score_law(e + b * tokens ** (-beta), c=c, gamma=gamma, l=l, d=d)


def reach_gap(*, tokens: Any, b: Any, beta: Any, gamma: Any, l: Any, e: Any = 0.0):  # noqa: E741
    r"""Logit of the share of the score law's height that a size without bound reaches.

    .. math:: g = -\gamma (l - e - b D^{-\beta}), \qquad R = d + c / (1 + e^{-g})

    with R the :func:`reachable_score`.

    Parameters
    ----------
    tokens
        Training data of the reference model, in tokens (D0).
    b, beta, e
        As in :func:`loss_law`.
    gamma, l
        As in :func:`score_law`.

    Returns
    -------
    array-like
        Without unit.
    """
    return -gamma * (l - e - b * tokens ** (-beta))


def log_size_from_place(place: Any, *, gap: Any, a: Any, alpha: Any, gamma: Any):
    r"""Log size of a reference model whose score has a place between floor and reachable score.

    The place is the logit of :math:`(S - d) / (R - d)`. It takes every real value, and every one
    has a finite size, so this is the inverse of the two laws without a domain to mind:

    .. math:: \ln N(u) = -\frac{1}{\alpha} \ln \frac{\ln(1 + q)}{-\gamma a},
              \quad q = e^{-u} (1 + e^{g})

    Parameters
    ----------
    place
        u, without unit.
    gap
        g, from :func:`reach_gap`.
    a, alpha
        As in :func:`loss_law`.
    gamma
        As in :func:`score_law`.

    Returns
    -------
    array-like
        Natural log of the size in parameters.
    """
    return -np.log(_softplus(_softplus(gap) - place) / (-gamma * a)) / alpha


def place_from_log_size(log_size: Any, *, gap: Any, a: Any, alpha: Any, gamma: Any):
    """Place of the score of a reference model: the exact inverse of :func:`log_size_from_place`.

    Parameters
    ----------
    log_size
        Natural log of the size in parameters.
    gap, a, alpha, gamma
        As in :func:`log_size_from_place`.

    Returns
    -------
    array-like
        u, without unit.
    """
    lost = -gamma * a * np.exp(-alpha * log_size)
    return _softplus(gap) - lost - np.log(-np.expm1(-lost))


def _softplus(t: Any):
    """Return ln(1 + e^t), without overflow and without a branch."""
    return 0.5 * (t + np.abs(t)) + np.log1p(np.exp(-np.abs(t)))


def score_domain(score: Any, *, reachable: Any, d: Any):
    """Tell where a score lies with respect to the scores that a finite size can have.

    Parameters
    ----------
    score
        Score, a fraction.
    reachable
        The score of infinite size, from :func:`reachable_score`.
    d
        Floor of the score law.

    Returns
    -------
    array-like of int
        ``BELOW`` (-1) at or below the floor, ``ABOVE`` (+1) at or above ``reachable``, else
        ``WITHIN`` (0). NaN counts as ``WITHIN`` and stays NaN through the inversion.
    """
    return 1 * (score >= reachable) - 1 * (score <= d)


@dataclass(frozen=True)
class Law:
    """A law under the name by which a specification chooses it.

    Parameters
    ----------
    name
        The name in the specification.
    parameters
        The field's letters for its parameters.
    formula
        The law in words a person can read.
    reference
        Where it comes from.
    """

    name: str
    parameters: tuple[str, ...]
    formula: str
    reference: str


_XIAO = "Xiao et al. 2025, doi 10.1038/s42256-025-01137-0"

LOSS_LAWS = {
    law.name: law
    for law in (
        Law("power_law", ("a", "alpha", "b", "beta"), "L = a N^-alpha + b D^-beta", _XIAO),
        Law(
            "power_law_irreducible",
            ("a", "alpha", "b", "beta", "e"),
            "L = e + a N^-alpha + b D^-beta",
            "Hoffmann et al. 2022, arXiv 2203.15556",
        ),
    )
}

SCORE_LAWS = {
    law.name: law
    for law in (
        Law("sigmoid", ("c", "gamma", "l", "d"), "S = c / (1 + exp(-gamma (L - l))) + d", _XIAO),
    )
}
