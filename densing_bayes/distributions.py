"""Prior distributions as values: a name and its numbers, checked, with no sampler behind them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import scipy.stats
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from densing_bayes.errors import did_you_mean

__all__ = ["Distribution", "NormalDistribution", "PositiveDistribution"]

_POSITIVE, _REAL = "a positive number", "a number"

#: name -> (its parameters, support is the positive half-line)
_KNOWN: dict[str, tuple[dict[str, str], bool]] = {
    "Normal": ({"mu": _REAL, "sigma": _POSITIVE}, False),
    "LogNormal": ({"mu": _REAL, "sigma": _POSITIVE}, True),
    "HalfNormal": ({"sigma": _POSITIVE}, True),
    "Gamma": ({"alpha": _POSITIVE, "beta": _POSITIVE}, True),
    "InverseGamma": ({"alpha": _POSITIVE, "beta": _POSITIVE}, True),
    "Exponential": ({"lam": _POSITIVE}, True),
}


class Distribution(BaseModel):
    """A distribution by its PyMC name and its parameters.

    Parameters
    ----------
    dist
        One of Normal, LogNormal, HalfNormal, Gamma, InverseGamma, Exponential.
    parameters
        Its numbers under PyMC's names (``mu``, ``sigma``, ``alpha``, ``beta``, ``lam``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dist: str
    parameters: dict[str, float]

    @property
    def positive(self) -> bool:
        """Whether the support is the positive half-line."""
        return _KNOWN[self.dist][1]

    def frozen(self) -> Any:
        """Return the scipy.stats distribution of the same name and numbers."""
        p = self.parameters
        make = {
            "Normal": lambda: scipy.stats.norm(p["mu"], p["sigma"]),
            "LogNormal": lambda: scipy.stats.lognorm(p["sigma"], scale=np.exp(p["mu"])),
            "HalfNormal": lambda: scipy.stats.halfnorm(scale=p["sigma"]),
            "Gamma": lambda: scipy.stats.gamma(p["alpha"], scale=1 / p["beta"]),
            "InverseGamma": lambda: scipy.stats.invgamma(p["alpha"], scale=p["beta"]),
            "Exponential": lambda: scipy.stats.expon(scale=1 / p["lam"]),
        }
        return make[self.dist]()

    def __str__(self) -> str:
        numbers = ", ".join(f"{key}={value:g}" for key, value in self.parameters.items())
        return f"{self.dist}({numbers})"


def _parse(value: Any) -> Any:
    """Turn ``{dist = "Normal", mu = 0, sigma = 1}`` into fields, with all that is wrong told."""
    if isinstance(value, Distribution) or not isinstance(value, dict):
        return value
    if set(value) == {"dist", "parameters"}:  # the resolved form, as stored with a fit
        value = {"dist": value["dist"], **value["parameters"]}
    name = value.get("dist")
    if name not in _KNOWN:
        meant = did_you_mean(str(name), _KNOWN)
        raise ValueError(
            f"unknown distribution '{name}'; allowed: {', '.join(_KNOWN)}"
            + (f" ({meant})" if meant else "")
        )
    wanted = _KNOWN[name][0]
    numbers = {key: number for key, number in value.items() if key != "dist"}
    faults = [f"{name} has no parameter '{key}'" for key in numbers if key not in wanted]
    for key, kind in wanted.items():
        if key not in numbers:
            faults.append(f"{name} needs '{key}', {kind}")
        elif not _is_number(numbers[key]) or (kind is _POSITIVE and numbers[key] <= 0):
            faults.append(f"{name} needs '{key}' to be {kind}, got {numbers[key]!r}")
    if faults:
        raise ValueError("; ".join(faults))
    return {"dist": name, "parameters": {key: float(numbers[key]) for key in wanted}}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)


def _must_be_normal(value: Distribution) -> Distribution:
    if value.dist != "Normal":
        raise ValueError(f"got {value}; allowed here: Normal, since the group is Normal about it")
    return value


def _must_be_positive(value: Distribution) -> Distribution:
    if not value.positive:
        positive = [name for name, (_, is_positive) in _KNOWN.items() if is_positive]
        raise ValueError(f"got {value}; a spread is positive, allowed: {', '.join(positive)}")
    return value


NormalDistribution = Annotated[
    Distribution, BeforeValidator(_parse), AfterValidator(_must_be_normal)
]
PositiveDistribution = Annotated[
    Distribution, BeforeValidator(_parse), AfterValidator(_must_be_positive)
]
