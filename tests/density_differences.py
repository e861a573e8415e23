"""The largest differences between PyMC's log densities and those of a second implementation.

    python tests/density_differences.py            # every specification with laws
    python tests/density_differences.py joint      # some

Differences are relative: of a value |a - b| / max(|a|, |b|, 1), after taking out the constant by
which the densities differ at the first point, which is told on its own; of each component of a
gradient |a - b| / max(|a|, |b|, |value| / 1000, 1). A norm of the gradient would let its largest
component cover for all others. But a component is a difference of terms as large as the value:
near a posterior (values below 1000) the third number plays no part, and where a draw of the prior
has a log density of -1e8 it leaves rounding its due.
"""

import functools
import sys
import time
from typing import NamedTuple

import independent_density as second
import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.graph.traversal import ancestors
from scipy.optimize import minimize
from scipy.special import logit
from threadpoolctl import threadpool_limits

import densing_bayes as db

#: The rewrites that samplers' compiled functions get, without minutes of compiling machine code.
PLAIN = Mode(linker="py", optimizer="fast_run").excluding("fusion", "inplace")


def read(name):
    """Return a specification, its reference data, and its panel if that is data of the laws."""
    spec = db.load_spec(name)
    joint = spec.effective_size is not None and spec.effective_size.feedback == "joint"
    return spec, db.read_reference_data(spec), db.read_panel(spec)[0] if joint else None


def build(spec, data, panel=None):
    """Return the PyMC model."""
    model = db.build_reference_model(spec, data)
    if panel is not None:
        size = spec.effective_size
        model = db.add_targets(model, panel, tokens=size.tokens, prior=size.latent)
    return model


def compiled(model, *, mode=PLAIN):
    """Return PyMC's log density and gradient as one function of a point, and the names."""
    values = model.value_vars
    # The terms are joined first: a sum of more than 30 operands needs a compiler.
    total = pt.concatenate([pt.flatten(term) for term in model.logp(sum=False)]).sum()
    gradient = pt.concatenate([pt.flatten(term) for term in pt.grad(total, values)])
    function = pytensor.function(values, [total, gradient], mode=mode)
    names = [value.name for value in values]

    def at(point):
        value, gradient = function(*(np.asarray(point[name], dtype=float) for name in names))
        return float(value), gradient

    return at, names


def root_of_two(model):
    """Return the root of 2 with which PyMC computes a Normal distribution function.

    PyMC writes ``erfc(z / pt.sqrt(2.0))``, and PyTensor stores 2.0, and so takes its root, in
    single precision: 1.41421354, one part in 6e7 too small.
    """
    roots = [v for v in ancestors(model.logp(sum=False)) if v.owner and str(v.owner.op) == "Sqrt"]
    single = any(root.dtype == "float32" for root in roots)
    return float(np.sqrt(np.float32(2.0))) if single else second.ROOT_TWO


def as_compiled(spec, model):
    """Return the specification with the rates of its Gamma priors as PyMC takes them.

    PyTensor stores a Python number in single precision where that is exact, as 10.0 is, and takes
    the scale of a Gamma from it in single precision: 1 / 10 becomes 0.1000000015, and the rate
    9.99999985. That is one part in 7e7, and no more than that is forgiven here.
    """
    gammas = [rv for rv in model.free_RVs if rv.owner.op.name == "gamma"]
    scales = [rv.owner.op.dist_params(rv.owner)[1] for rv in gammas]
    if not any(scale.dtype == "float32" for scale in scales):
        return spec

    def rounded(value):
        if not isinstance(value, dict):
            return value
        if value.get("dist") != "Gamma":
            return {key: rounded(inner) for key, inner in value.items()}
        numbers = dict(value["parameters"])
        if np.float32(numbers["beta"]) == numbers["beta"]:
            numbers["beta"] = 1.0 / float(np.float32(1.0) / np.float32(numbers["beta"]))
        return value | {"parameters": numbers}

    return type(spec).model_validate(rounded(spec.resolved()))


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
        mean = np.mean(
            second.theta(second.with_steps(point, []), "log_alpha", part.log_alpha, count)
        )
        point["log_between_slope"] = np.log(draw(spec.effective_size.latent.between_sd)) + mean
        # Places of scores all over the reachable range, from 1e-3 of it to all but 1e-3.
        point["score_place"] = rng.normal(0.0, 3.0, size=names["score_place"])
    return {name: point[name] for name in names}


def typical_point(spec, data, panel, rng):
    """Return a point where a posterior would be: the mode of the laws, places at the scores."""
    plain = spec.resolved()
    for key in ("misfit", "noise_size_slope", "noise_data_slope"):
        plain["loss_law"].pop(key, None)
    plain = type(spec).model_validate(plain)
    names = second.variables(plain, data)
    start = np.zeros(sum(size or 1 for size in names.values()))
    point = named(start, names)
    for key, prior in second.pooled_priors(spec).items():
        for name in (f"{key}_shared", f"{key}_mean", second.SLOPES.get(key, key)):
            if name in point:
                point[name] = point[name] + prior.mean.parameters["mu"]
    start = np.concatenate([np.ravel(point[name]) for name in names])

    def minus(flat):
        value, gradient = second.value_and_gradient(plain, data, named(flat, names))
        return -value, -np.concatenate([gradient[name] for name in names])

    found = minimize(minus, start, jac=True, method="L-BFGS-B", options={"maxiter": 150})
    point = prior_point(spec, data, panel, rng) | named(found.x, names)
    for key in ("noise_size_slope", "noise_data_slope"):
        if key in point:
            point[key] = 0.0
    if panel is not None:
        at = second.with_steps(point, [])
        law = {name: value[0] for name, value in second.score_letters(spec, data, at).items()}
        row, column = second.cells(panel)
        share = (panel["score"].values[row, column] - law["d"][column]) / law["c"][column]
        alpha = second.loss_terms(spec, data, at)["alpha"]
        point["log_between_slope"] = np.mean(np.log(alpha))
        point["score_place"] = logit(np.clip(share, 0.02, 0.98))
    return point


def named(flat, names):
    """Cut a flat array into the variables of a point."""
    sizes = [size or 1 for size in names.values()]
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return {
        name: part if size else part[0]
        for (name, size), part in zip(names.items(), parts, strict=True)
    }


def random_points(spec, data, panel, *, points, seed):
    """Return points: by turns about a posterior, from far to near, and from the priors."""
    rng = np.random.default_rng(seed)
    typical = typical_point(spec, data, panel, rng)
    out = []
    for number in range(points):
        if number % 2:
            out.append(prior_point(spec, data, panel, rng))
            continue
        # from a thousandth to a third, in logs, logits and standard scores alike
        width = np.exp(rng.uniform(np.log(0.001), np.log(0.3)))
        out.append(
            {name: at + width * rng.normal(size=np.shape(at)) for name, at in typical.items()}
        )
    return out


class Differences(NamedTuple):
    """Largest relative differences of one specification, and how long it took."""

    value_difference: float
    gradient_difference: float
    n_dims: int
    constant: float
    points: int
    seconds: float


@functools.cache
def prepared(name):
    """Return a shipped specification with its data and compiled density."""
    spec, data, panel = read(name)
    return with_density(spec, data, panel)


def with_density(spec, data, panel=None, *, mode=PLAIN):
    """Return a specification as PyMC rounds it, its data, its density, names, and root of 2."""
    model = build(spec, data, panel)
    density, names = compiled(model, mode=mode)
    return as_compiled(spec, model), data, panel, density, names, root_of_two(model)


def largest_differences(name, *, points=200, seed=20251106):
    """Return the largest differences between the two densities of a shipped specification.

    Returns
    -------
    Differences
        ``value_difference``, ``gradient_difference`` (both relative, see above), ``n_dims``,
        ``constant`` (PyMC's log density minus the second one, at the first point).
    """
    return compare(*prepared(name), points=points, seed=seed)


def compare(spec, data, panel, density, names, root_two, *, points, seed):
    began = time.perf_counter()
    values, gradients = np.empty((2, points)), []
    with threadpool_limits(1):  # many small matrices
        for number, point in enumerate(random_points(spec, data, panel, points=points, seed=seed)):
            values[0, number], first = density(point)
            values[1, number], by_name = second.value_and_gradient(
                spec, data, point, panel, root_two=root_two
            )
            gradients.append([first, np.concatenate([by_name[name] for name in names])])
    gradients = np.stack(gradients, axis=1)
    if not (np.isfinite(values).all() and np.isfinite(gradients).all()):
        raise FloatingPointError("a log density or its gradient is not finite")
    constant = values[0, 0] - values[1, 0]
    apart = np.abs(values[0] - values[1] - constant)
    size = np.maximum(np.abs(values).max(axis=0), 1.0)
    floor = np.maximum(np.abs(gradients).max(axis=0), np.maximum(size / 1000, 1.0)[:, None])
    return Differences(
        value_difference=float((apart / size).max()),
        gradient_difference=float((np.abs(gradients[0] - gradients[1]) / floor).max()),
        n_dims=gradients.shape[-1],
        constant=float(constant),
        points=points,
        seconds=time.perf_counter() - began,
    )


def shipped_with_laws():
    """Name the shipped specifications that have laws, and so a log density."""
    return [name for name in db.list_specs() if db.load_spec(name).loss_law is not None]


def main():
    print(f"{'specification':20} dims  value    gradient constant points seconds")
    for name in sys.argv[1:] or shipped_with_laws():
        d = largest_differences(name)
        print(
            f"{name:20} {d.n_dims:4d}  {d.value_difference:.1e}  {d.gradient_difference:.1e}  "
            f"{d.constant:8.1e} {d.points:4d} {d.seconds:6.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
