"""The largest differences between PyMC's log densities and those of a second implementation.

    python tests/density_differences.py            # every specification with laws
    python tests/density_differences.py joint      # some
"""

import sys
import time

import independent_density as second
import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from scipy.optimize import minimize
from scipy.special import logit

import densing_bayes as db

#: The rewrites that samplers' compiled functions get, without minutes of compiling machine code.
PLAIN = Mode(linker="py", optimizer="fast_run").excluding("fusion", "inplace")


def read(name):
    """Return a specification, its reference data, and its panel if that is data of the laws."""
    spec = db.load_spec(name)
    joint = spec.effective_size is not None and spec.effective_size.feedback == "joint"
    return spec, db.read_reference_data(spec), db.read_panel(spec)[0] if joint else None


def compiled(spec, data, panel=None, *, mode=PLAIN):
    """Return PyMC's log density and gradient as a function of a point, and their names."""
    model = db.build_reference_model(spec, data)
    if panel is not None:
        size = spec.effective_size
        model = db.add_targets(model, panel, tokens=size.tokens, prior=size.latent)
    values = model.value_vars
    # The terms are joined first: a sum of more than 30 operands needs a compiler.
    total = pt.concatenate([pt.flatten(term) for term in model.logp(sum=False)]).sum()
    gradient = pt.concatenate([pt.flatten(term) for term in pt.grad(total, values)])
    function = pytensor.function(values, [total, gradient], mode=mode)
    names = [value.name for value in values]

    def at(point):
        value, gradient = function(*(np.asarray(point[name], dtype=float) for name in names))
        return float(value), gradient

    return at, {value.name: value.type.ndim for value in values}


def prior_point(spec, data, panel, rng):
    """Draw a point of the unconstrained space from the priors."""
    count = data.sizes["benchmark"]
    point = {}

    def draw(distribution, size=None):
        return distribution.frozen().rvs(size=size, random_state=rng)

    for key, prior in second.pooled_priors(spec).items():
        if prior.pooling == "shared":
            point[f"{key}_shared"] = draw(prior.mean)
            continue
        each = draw(prior.mean, count)
        if prior.pooling == "partial":
            mean, sd = draw(prior.mean), draw(prior.sd)
            point |= {f"{key}_mean": mean, f"{key}_sd_log__": np.log(sd)}
            z = rng.normal(size=count)
            point[f"{key}_z"], each = z, mean + sd * z
        point[second.SLOPES.get(key, key)] = each
    at = second.with_steps(point, [])
    share = second.terms_at_centre(at)
    for key, slope in second.SLOPES.items():
        if slope in point:
            point[slope] = point[slope] + np.log(share[key][0])
    part = spec.loss_law
    for key in ("noise_size_slope", "noise_data_slope"):
        if getattr(part, key) is not None:
            point[key] = draw(getattr(part, key).prior)
    scales = {"run_sd": part.run_sd and part.run_sd.prior}
    scales |= {"noise_df": part.noise_df and part.noise_df.prior}
    scales |= {"misfit_sd": part.misfit and part.misfit.sd}
    point |= {f"{key}_log__": np.log(draw(prior)) for key, prior in scales.items() if prior}
    names = second.variables(spec, data, panel)
    for name in ("params_error", "tokens_error"):
        if name in names:
            point[name] = 0.1 * rng.normal(size=names[name])
    if panel is not None:
        mean = np.mean(second.theta(second.with_steps(point, []), "log_alpha", part.log_alpha, count))
        point["log_between_slope"] = np.log(draw(spec.effective_size.latent.between_sd)) + mean
        # Places of scores all over the reachable range, from 1e-3 of it to all but 1e-3.
        point["score_place"] = rng.normal(0.0, 3.0, size=names["score_place"])
    return {name: point[name] for name in names}
