"""The reference model against a log density written anew with numpy and scipy.

Nothing here is taken from the model's code: the density is spelled out from its description, on
the exponents themselves, and moved to the sampled quantities by the change of variables.
"""

from functools import cache

import numpy as np
import pytest
from scipy import special, stats

import densing_bayes as db
from densing_bayes import laws
from densing_bayes.spec import spec_from_text

SPECS = (
    "densing_law",
    "pooled",
    "independent",
    "loss_law",
    "irreducible",
    "many_ways",
    "misfit",
    "heavy",
)

#: Compiles in no time; a few evaluations need no speed.
PLAIN = "FAST_COMPILE"

IRREDUCIBLE = """
[loss_law.logit_irreducible_share]
pooling = "partial"
mean = { dist = "Normal", mu = -2.0, sigma = 1.0 }
sd = { dist = "Gamma", alpha = 4.0, beta = 8.0 }
reason = "for a test"
"""


HEAVY = """
[loss_law.noise_data_slope]
prior = { dist = "Normal", mu = 0.1, sigma = 0.2 }
reason = "for a test"

[loss_law.noise_df]
prior = { dist = "Gamma", alpha = 2.0, beta = 0.1 }
reason = "for a test"
"""


def get_spec(name):
    text = db.list_specs()["densing_law"].read_text(encoding="utf-8")
    if name == "irreducible":
        text = text.replace('form = "power_law"', 'form = "power_law_irreducible"')
        return spec_from_text(
            text.replace("[loss_law.log_alpha]", IRREDUCIBLE + "[loss_law.log_alpha]")
        )
    if name == "heavy":  # Student-t, without what runs share
        run_sd = text[text.index("[loss_law.run_sd]") : text.index("[score_law]")]
        text = text.replace('form = "power_law"', 'form = "power_law"\nnoise = "student_t"')
        return spec_from_text(text.replace(run_sd, HEAVY + "\n"))
    if name == "many_ways":  # poolings mixed, other families of priors
        text = text.replace(
            'prior = { dist = "LogNormal", mu = -4.4, sigma = 0.6 }',
            'prior = { dist = "HalfNormal", sigma = 0.02 }',
        )
        start = text.index("[loss_law.log_alpha]")
        part = text[start:].replace('"partial"', '"shared"', 1)
        part = part.replace('sd = { dist = "Gamma", alpha = 4.0, beta = 10.0 }\n', "", 1)
        text = text[:start] + part
        return spec_from_text(text.replace("alpha = 4.0, beta = 8.0", "alpha = 3.0, beta = 6.0"))
    return db.load_spec(name)


@cache
def built(name):
    spec = get_spec(name)
    data = db.read_reference_data(spec)
    return spec, data, db.build_reference_model(spec, data)


class Reading:
    """Values of a point of the model, each counted as read, with the prior summed up."""

    def __init__(self, point, size):
        self.point, self.size, self.read, self.log_prior = point, size, set(), 0.0

    def take(self, name):
        """Return a value on the model's own scale; positive ones are held as logs."""
        self.read.add(name if name in self.point else f"{name}_log__")
        if name in self.point:
            return np.asarray(self.point[name])
        return np.exp(self.point[f"{name}_log__"])

    def __call__(self, name, prior, *, sampled=None, moved=0.0, scored=False, chance_offset=0.0):
        """Return theta over benchmarks, adding its prior; ``moved``: sampled is theta + moved."""
        if prior.pooling == "shared":
            value = self.take(f"{name}_shared")
            self.log_prior += stats.norm(*prior.mean.parameters.values()).logpdf(value)
            return np.full(self.size, value)
        if prior.pooling == "none":
            mean, sd = prior.mean.parameters["mu"], prior.mean.parameters["sigma"]
        else:
            mean, sd = self.take(f"{name}_mean"), self.take(f"{name}_sd")
            self.log_prior += stats.norm(*prior.mean.parameters.values()).logpdf(mean)
            self.log_prior += prior.sd.frozen().logpdf(sd)
            if scored:
                score = self.take(f"{name}_z")
                self.log_prior += stats.norm.logpdf(score).sum()
                return mean + sd * score
        theta = self.take(sampled or name) - moved
        self.log_prior += stats.norm(mean, sd).logpdf(theta).sum()
        return theta


def misfit_covariance(x, y, part):
    """Covariance of the misfit at the runs: distances cubed, without their plane, cut in rank."""
    assert part.exponent == 1.5
    place = np.log(np.column_stack([x, y]))
    plane = np.column_stack([np.ones(len(x)), place])
    rest = np.eye(len(x)) - plane @ np.linalg.solve(plane.T @ plane, plane.T)
    distance = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
    whole = rest @ distance**3 @ rest
    whole /= np.trace(whole) / len(x)
    values, vectors = np.linalg.eigh(whole)
    large = vectors[:, -part.features :] * np.sqrt(values[-part.features :])
    kept = large @ large.T
    return kept + np.diag(np.diag(whole - kept))


def log_density(spec, data, point):
    """Log density by hand, without the Jacobians of the sampler's own transforms."""
    count = data.sizes["benchmark"]
    get = Reading(point, count)
    part = spec.loss_law
    total = get("log_loss_at_centre", part.log_loss_at_centre)
    w = special.expit(get("logit_size_share", part.logit_size_share))
    e_share = np.zeros(count)
    if part.logit_irreducible_share is not None:
        e_share = special.expit(get("logit_irreducible_share", part.logit_irreducible_share))
    size_term, data_term = w * (1 - e_share), (1 - w) * (1 - e_share)
    alpha = np.exp(
        get("log_alpha", part.log_alpha, sampled="log_size_slope", moved=np.log(size_term))
    )
    beta = np.exp(get("log_beta", part.log_beta, sampled="log_data_slope", moved=np.log(data_term)))
    sigma = np.exp(get("log_noise_sd", part.log_noise_sd))
    tau = 0.0
    if part.run_sd is not None:
        tau = get.take("run_sd")
        get.log_prior += part.run_sd.prior.frozen().logpdf(tau)

    size, tokens = data["params"].values, data["tokens"].values
    size0, tokens0 = stats.gmean(size), stats.gmean(tokens)
    at_centre = np.exp(total)
    a, b = at_centre * size_term * size0**alpha, at_centre * data_term * tokens0**beta
    e = at_centre * e_share
    expected = e + a * size[:, None] ** -alpha + b * tokens[:, None] ** -beta
    measured = data["measured"].values.astype(bool)
    scale = np.tile(sigma, (len(size), 1))
    for name, prior, at in (
        ("noise_size_slope", part.noise_size_slope, np.log(size / size0)),
        ("noise_data_slope", part.noise_data_slope, np.log(tokens / tokens0)),
    ):
        if prior is not None:
            slope = get.take(name)
            get.log_prior += stats.norm(*prior.prior.parameters.values()).logpdf(slope)
            scale *= np.exp(slope * at)[:, None]
    of_runs = tau**2 * np.eye(len(size))
    if part.misfit is not None:
        sd = get.take("misfit_sd")
        get.log_prior += part.misfit.sd.frozen().logpdf(sd)
        of_runs += sd**2 * misfit_covariance(size / size0, tokens / tokens0, part.misfit)
    if part.noise == "student_t":
        df = get.take("noise_df")
        get.log_prior += part.noise_df.prior.frozen().logpdf(df)
        each = stats.t(df, np.log(expected), scale).logpdf(data["loss_log"].values)
        result = each[measured].sum()
    else:
        covariance = np.kron(of_runs, np.ones((count, count))) + np.diag(scale.ravel() ** 2)
        seen = measured.ravel()
        result = stats.multivariate_normal(
            np.log(expected).ravel()[seen], covariance[np.ix_(seen, seen)]
        ).logpdf(data["loss_log"].values.ravel()[seen])
    letters = {"a": a, "alpha": alpha, "b": b, "beta": beta, "e": e, "sigma": sigma}

    if spec.score_law is not None:
        part = spec.score_law
        middle = np.exp(get("log_mid_loss", part.log_mid_loss))
        gamma = -np.exp(get("log_steepness", part.log_steepness)) / middle
        offset = get("floor_offset", part.floor_offset, scored=True)
        share = special.expit(get("logit_ceiling", part.logit_ceiling, scored=True))
        phi = np.exp(get("log_concentration", part.log_concentration, scored=True))
        d = special.expit(special.logit(data["chance"].values) + offset)
        ceiling = d + share * (1 - d)
        c = ceiling - d
        k = data["checkpoint_benchmark"].values
        loss = data["checkpoint_loss"].values
        score = c[k] / (1 + np.exp(-gamma[k] * (loss - middle[k]))) + d[k]
        result += stats.betabinom(
            data["n_items"].values, score * phi[k], (1 - score) * phi[k]
        ).logpmf(data["correct_items"].values).sum()  # fmt: skip
        if spec.data.ceiling_evidence:
            n = data["best_n_items"].values
            sd = np.sqrt(ceiling * (1 - ceiling) * (n + phi) / (n * (phi + 1)))
            result += stats.norm.logcdf((ceiling - data["best_score"].values) / sd).sum()
        letters |= {"c": c, "gamma": gamma, "l": middle, "d": d, "ceiling": ceiling, "phi": phi}
    assert get.read == set(point), "every value of the model is in this density"
    return result + get.log_prior, letters


def points(model, *, count, seed):
    """Random points about the model's own start, as dicts of the sampled values."""
    rng = np.random.default_rng(seed)
    start = model.initial_point(random_seed=seed)
    for _ in range(count):
        yield {
            name: np.asarray(value + rng.normal(0, 0.3, size=np.shape(value)))
            for name, value in start.items()
        }


def density_of(model):
    """Compile the model's log density, without the Jacobians of its transforms."""
    terms = model.compile_logp(jacobian=False, sum=False, mode=PLAIN)
    return lambda point: sum(float(term.sum()) for term in terms(point))


def evaluator(model, variables):
    """Compile variables of a model as a function of a point."""
    return model.compile_fn(
        model.replace_rvs_by_values(variables),
        inputs=model.value_vars,
        mode=PLAIN,
        on_unused_input="ignore",
        point_fn=True,
    )


@pytest.mark.parametrize("name", SPECS)
def test_the_density_is_the_one_described(name):
    spec, data, model = built(name)
    logp = density_of(model)
    theirs, ours = [], []
    for point in points(model, count=20, seed=11):
        theirs.append(float(logp(point)))
        ours.append(log_density(spec, data, point)[0])
    theirs, ours = np.array(theirs), np.array(ours)
    assert np.ptp(ours) > 100, "the points must differ for their agreement to mean anything"
    # up to a constant
    np.testing.assert_allclose(theirs - theirs[0], ours - ours[0], rtol=1e-8, atol=1e-6)


@pytest.mark.parametrize("name", SPECS)
def test_letters_are_those_of_the_laws(name):
    spec, data, model = built(name)
    letters = [var for var in model.deterministics if var.name in ("a", "alpha", "b", "beta", "e")]
    letters += [var for var in model.deterministics if var.name in ("c", "gamma", "l", "d")]
    letters += [var for var in model.deterministics if var.name in ("sigma", "phi", "ceiling")]
    inside = evaluator(model, letters)
    for point in points(model, count=3, seed=12):
        _, by_hand = log_density(spec, data, point)
        found = dict(zip([var.name for var in letters], inside(point), strict=True))
        for letter, value in found.items():
            np.testing.assert_allclose(value, by_hand[letter], rtol=1e-10, err_msg=letter)
        assert ("e" in found) == (name == "irreducible")


@pytest.mark.parametrize("name", ["densing_law", "pooled", "irreducible"])
def test_the_expected_loss_is_the_loss_law(name):
    _, data, model = built(name)
    # the expectation is the first matrix that the likelihood is given
    given = model["loss_log"].owner.inputs
    mu = next(var for var in given if getattr(var.type, "ndim", 0) == 2)
    names = [n for n in ("a", "alpha", "b", "beta", "e") if n in model.named_vars]
    inside = evaluator(model, [mu, *(model[n] for n in names)])
    for point in points(model, count=3, seed=13):
        log_loss, *values = inside(point)
        loss = laws.loss_law(
            data["params"].values[:, None],
            data["tokens"].values[:, None],
            **dict(zip(names, values, strict=True)),
        )
        np.testing.assert_allclose(np.exp(log_loss), loss, rtol=1e-10)


def test_data_are_joined_by_name_not_by_place():
    losses = db.load_reference_losses(benchmarks=["MATH", "MMLU"])
    calibration = db.load_calibration(benchmarks=["MMLU", "MATH"])
    data = db.reference_data(losses, calibration=calibration, benchmarks=db.load_benchmarks())
    assert data["benchmark"].values.tolist() == ["MATH", "MMLU"]
    which = data["checkpoint_benchmark"].values
    labels = [str(label).split()[0] for label in data["checkpoint"].values]
    assert [data["benchmark"].values[k] for k in which] == labels
    assert float(data["chance"].sel(benchmark="MMLU")) == 0.25
    one = losses["loss"].sel(benchmark="MMLU").values
    np.testing.assert_allclose(np.exp(data["loss_log"].sel(benchmark="MMLU")), one)


def test_losses_not_measured_say_nothing():
    losses = db.load_reference_losses(benchmarks=["MMLU", "BBH"])
    losses["loss"] = losses["loss"].where(losses["loss"] != losses["loss"][3, 1])
    spec = spec_from_text(
        db.list_specs()["loss_law"].read_text().replace(
            '["MMLU", "BBH", "MATH", "HumanEval", "MBPP"]', '["MMLU", "BBH"]'
        )
    )  # fmt: skip
    data = db.reference_data(losses)
    assert data["loss_log"].values[3, 1] == 0
    model = db.build_reference_model(spec, data)
    point = next(points(model, count=1, seed=1))
    whole = density_of(model)(point)
    by_hand, _ = log_density(spec, data, point)
    data["loss_log"][3, 1] = 7.0
    other = density_of(db.build_reference_model(spec, data))(point)
    assert whole == pytest.approx(by_hand, rel=1e-8)
    assert other == pytest.approx(whole, rel=1e-12)


def test_a_calibration_needs_chance_levels():
    with pytest.raises(ValueError, match="chance level"):
        db.reference_data(db.load_reference_losses(), calibration=db.load_calibration())


def test_without_a_loss_law_there_is_nothing_to_build():
    with pytest.raises(ValueError, match=r"'published_trend' has no \[loss_law\]"):
        db.build_reference_model(db.load_spec("published_trend"), None)
