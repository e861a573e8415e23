"""Latent calibration: against numerical integration, against known truth, and open ends."""

import numpy as np
import pytest
import scipy.integrate
import scipy.signal
import scipy.stats
import xarray as xr
from conftest import KNOWN_LAWS, LETTERS, NAMES, make_panel
from scipy.interpolate import CubicSpline

from densing_bayes import laws
from densing_bayes.density import density_of
from densing_bayes.distributions import Distribution
from densing_bayes.effective_size import ALL
from densing_bayes.latent import calibrate, size_likelihood
from densing_bayes.latent_table import calibration_table, size_sentence
from densing_bayes.spec_parts import LatentPart

D0 = 5e12
SAMPLE = ("chain", "draw")


def part(middle=22.0, sd=5.0, log_spread=0.0):
    return LatentPart(
        log_size=Distribution(dist="Normal", parameters={"mu": middle, "sigma": sd}),
        between_sd=Distribution(dist="LogNormal", parameters={"mu": log_spread, "sigma": 0.7}),
        reason="for tests",
    )


PRIOR = part()


def law_of(name):
    place = NAMES.index(name)
    return {letter: KNOWN_LAWS[letter][place] for letter in LETTERS}


def ends_of(name):
    law = law_of(name)
    needed = ("b", "beta", "c", "gamma", "l", "d")
    return law["d"], laws.reachable_score(tokens=D0, **{key: law[key] for key in needed})


def score_of(log_size, name):
    return laws.score_from_size(np.exp(log_size), tokens=D0, **law_of(name))


def posterior_of(phi, draws=4000):
    """A posterior that is certain of the known laws."""
    shape = (2, draws // 2, len(NAMES))
    values = KNOWN_LAWS | {"phi": phi}
    return xr.Dataset(
        {
            name: (("chain", "draw", "benchmark"), np.broadcast_to(value, shape).copy())
            for name, value in values.items()
        },
        coords={"chain": [0, 1], "draw": np.arange(shape[1]), "benchmark": NAMES},
    )


def by_integration(score, n_items, phi, between_sd, prior=(22.0, 5.0)):
    """Posterior of mu and of each x_k on a fine grid of x: plain sums, nothing shared."""
    x = np.linspace(-60.0, 110.0, 34001)
    step = x[1] - x[0]
    likelihood = []
    for k, name in enumerate(NAMES):
        if np.isnan(score[k]):
            likelihood.append(np.ones_like(x))
            continue
        expected = np.clip(score_of(x, name), 1e-12, 1 - 1e-12)
        logs = scipy.stats.betabinom.logpmf(
            round(score[k] * n_items[k]),
            n_items[k],
            expected * phi[k],
            (1 - expected) * phi[k],
        )
        likelihood.append(np.exp(logs - logs.max()))
    # x = mu + Normal(0, sd): a convolution on the grid
    reach = int(9 * between_sd / step)
    bell = scipy.stats.norm.pdf(np.arange(-reach, reach + 1) * step, 0, between_sd) * step

    def smooth(values):
        ends = np.pad(values, reach, mode="edge")
        return scipy.signal.fftconvolve(ends, bell, mode="valid")

    of_mu = [np.maximum(smooth(one), 0.0) for one in likelihood]
    own = scipy.stats.norm.pdf(x, *prior)
    densities = []
    for k in range(len(NAMES)):
        others = own * np.prod([one for j, one in enumerate(of_mu) if j != k], axis=0)
        densities.append(likelihood[k] * smooth(others))
    densities.append(own * np.prod(of_mu, axis=0))
    cdfs = [scipy.integrate.cumulative_trapezoid(one, x, initial=0.0) for one in densities]
    return x, [cdf / cdf[-1] for cdf in cdfs]


CLOSE = [1e5, 3e5, 2e5]
CELLS = {
    "usual": ([0.55, 0.6, 0.4], [14042, 164, 500], [150.0, 120.0, 80.0], 1.0),
    "tight": ([0.55, 0.6, 0.4], [14042, 6511, 5000], CLOSE, 1.0),
    "tight, small spread": (
        [float(score_of(22.5, name)) for name in NAMES],
        [14042, 6511, 5000],
        CLOSE,
        0.05,
    ),
    "small spread": ([0.55, 0.6, 0.4], [14042, 164, 500], [150.0, 120.0, 80.0], 0.1),
    "large spread": ([0.55, 0.6, 0.4], [14042, 164, 500], [150.0, 120.0, 80.0], 4.0),
    "open above": ([0.96, 0.93, 0.9], [1319, 164, 500], [150.0, 120.0, 80.0], 1.0),
    "open above, tight": ([0.9, np.nan, np.nan], [14042, 1, 1], [2e4, 1.0, 1.0], 0.5),
    "open below": ([0.24, 0.2, 0.0], [14042, 164, 500], [150.0, 120.0, 80.0], 1.0),
    "disagreeing": ([0.24, 0.93, 0.4], [1319, 164, 500], [150.0, 120.0, 80.0], 1.0),
    "one of three": ([np.nan, 0.6, np.nan], [1, 164, 1], [150.0, 120.0, 80.0], 1.0),
    "nothing": ([np.nan, np.nan, np.nan], [1, 1, 1], [150.0, 120.0, 80.0], 1.0),
}


@pytest.mark.parametrize("name", CELLS)
def test_draws_have_the_posterior_that_numerical_integration_gives(name):
    """Kolmogorov's distance to the exact posterior is that of as many exact draws."""
    score, n_items, phi, between_sd = CELLS[name]
    copies, count = 1000, 20_000
    found = calibrate(
        posterior_of(phi, count // copies),
        make_panel([score] * copies, [n_items]),
        tokens=D0,
        prior=PRIOR,
        seed=4,
        between_sd=between_sd,
        draws=None,
    )
    x, cdfs = by_integration(score, n_items, phi, between_sd)
    draws = found["log_effective_size"].stack(sample=(*SAMPLE, "llm"))
    for k, cdf in enumerate(cdfs):
        place = np.sort(np.interp(draws.isel(benchmark=k).values, x, cdf))
        distance = np.abs(place - (np.arange(count) + 0.5) / count).max()
        # 1.63 once in a hundred; then what cells cost: more where a score and the other
        # benchmarks contradict each other, so that all is in the tail of the likelihood
        cost = 0.03 if name == "disagreeing" else 0.012
        assert distance < 1.63 / np.sqrt(count) + cost, (name, k)


def simulate(rng, between_sd, count, n_items, phi, size=None):
    """Sizes from the prior, or given, and the scores they lead to."""
    own = rng.normal(22.0, 5.0, size=count) if size is None else size
    apart = own[:, None] + rng.normal(size=(count, len(NAMES))) * np.reshape(between_sd, (-1, 1))
    expected = np.stack([score_of(apart[:, k], name) for k, name in enumerate(NAMES)], axis=1)
    share = rng.beta(np.maximum(expected * phi, 1e-9), (1 - expected) * phi)
    return np.column_stack([apart, own]), rng.binomial(n_items, share) / n_items


PHI, ITEMS = np.array([150.0, 120.0, 80.0]), np.array([14042, 164, 500])


def ranks_of(posterior, between_sd, seed, count=2000):
    """Places of the truths among their posterior draws, (llm, benchmark and all), even."""
    rng = np.random.default_rng(seed)
    truth, score = simulate(rng, between_sd, count, ITEMS, PHI)
    found = calibrate(
        posterior,
        make_panel(score, ITEMS),
        tokens=D0,
        prior=PRIOR,
        seed=seed,
        between_sd=between_sd,
    )
    draws = found["log_effective_size"].stack(sample=SAMPLE)
    draws = draws.transpose("sample", "llm", "benchmark").values
    return (np.sum(draws < truth, axis=0) + rng.random(truth.shape)) / (len(draws) + 1)


@pytest.fixture(scope="module")
def right_ranks():
    return ranks_of(posterior_of(PHI, 60), 1.0, seed=11)


def test_ranks_of_the_truth_are_uniform(right_ranks):
    """Sizes from the prior, scores from the model: simulation-based calibration."""
    for k in range(right_ranks.shape[1]):
        assert scipy.stats.kstest(right_ranks[:, k], "uniform").pvalue > 0.005, k
        for level in (0.5, 0.8, 0.95):
            inside = np.mean(np.abs(right_ranks[:, k] - 0.5) < level / 2)
            error = np.sqrt(level * (1 - level) / len(right_ranks))
            assert abs(inside - level) < 3.5 * error, (k, level)


@pytest.mark.parametrize("wrong", [{"phi": PHI * 4}, {"between_sd": 0.5}, {"tokens": 1e12}])
def test_a_wrong_model_fails_that_check(wrong):
    """The check must see scores taken for too exact, a spread too small, another D0."""
    posterior = posterior_of(wrong.get("phi", PHI), 50)
    rng = np.random.default_rng(11)
    truth, score = simulate(rng, 1.0, 1000, ITEMS, PHI)
    found = calibrate(
        posterior,
        make_panel(score, ITEMS),
        tokens=wrong.get("tokens", D0),
        prior=PRIOR,
        seed=11,
        between_sd=wrong.get("between_sd", 1.0),
    )
    draws = found["log_effective_size"].stack(sample=SAMPLE)
    draws = draws.transpose("sample", "llm", "benchmark").values
    ranks = (np.sum(draws < truth, axis=0) + 0.5) / (len(draws) + 1)
    seen = min(scipy.stats.kstest(ranks[:, k], "uniform").pvalue for k in range(ranks.shape[1]))
    assert seen < 1e-6


@pytest.mark.slow
def test_the_spread_is_learnt():
    """Its ranks are uniform over worlds, each with a spread from the prior."""
    rng = np.random.default_rng(5)
    posterior, ranks = posterior_of(PHI, 80), []
    for world in range(40):
        truth = rng.lognormal(0.0, 0.7)
        _, score = simulate(rng, truth, 25, ITEMS, PHI)
        found = calibrate(posterior, make_panel(score, ITEMS), tokens=D0, prior=PRIOR, seed=world)
        ranks.append((np.sum(found["between_sd"].values < truth) + rng.random()) / 81)
    assert scipy.stats.kstest(ranks, "uniform").pvalue > 0.01


def test_the_spread_has_the_posterior_that_numerical_integration_gives():
    rng = np.random.default_rng(3)
    _, score = simulate(rng, 1.3, 5, ITEMS, PHI)
    found = calibrate(
        posterior_of(PHI, 600), make_panel(score, ITEMS), tokens=D0, prior=PRIOR, seed=2, draws=None
    )
    log_spread = np.linspace(np.log(0.05), np.log(12.0), 30)
    logs = [
        scipy.stats.norm.logpdf(one, 0.0, 0.7)
        + sum(np.log(evidence_by_integration(row, np.exp(one))) for row in score)
        for one in log_spread
    ]
    fine = np.linspace(log_spread[0], log_spread[-1], 2000)
    density = np.exp(CubicSpline(log_spread, logs)(fine) - np.max(logs))
    cdf = np.cumsum(density) / density.sum()
    place = np.interp(np.log(found["between_sd"].values.ravel()), fine, cdf)
    assert scipy.stats.kstest(place, "uniform").pvalue > 0.005
    assert 0.3 < np.median(found["between_sd"]) < 4.0


def evidence_by_integration(score, between_sd):
    """Probability of one model's scores by sums over mu and over x, nothing shared."""
    own = np.linspace(-3.0, 47.0, 161)
    z = np.linspace(-6.0, 6.0, 61)
    total = scipy.stats.norm.pdf(own, 22.0, 5.0)
    for k, name in enumerate(NAMES):
        expected = score_of(own[:, None] + between_sd * z, name)
        expected = np.clip(expected, 1e-12, 1 - 1e-12)
        found = scipy.stats.betabinom.pmf(
            round(score[k] * ITEMS[k]), ITEMS[k], expected * PHI[k], (1 - expected) * PHI[k]
        )
        total = total * (found @ scipy.stats.norm.pdf(z)) * (z[1] - z[0])
    return total.sum() * (own[1] - own[0])


@pytest.mark.parametrize("n_items", [164, 1319, 14042])
def test_one_benchmark_covers_and_says_what_is_open(n_items):
    """Fixed truths from near the floor to near the reachable score, one benchmark, exact laws."""
    name, copies = "One", 400
    floor, reachable = ends_of(name)
    places = np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
    truth = laws.log_size_from_score(
        floor + places * (reachable - floor), tokens=D0, **law_of(name)
    )
    rng = np.random.default_rng(n_items)
    expected = np.repeat(floor + places * (reachable - floor), copies)
    score = rng.binomial(n_items, rng.beta(expected * 150, (1 - expected) * 150)) / n_items
    panel = make_panel(np.column_stack([score]), n_items)
    found = calibrate(
        posterior_of(PHI, 40), panel, tokens=D0, prior=PRIOR, seed=1, between_sd=0.7
    ).sel(benchmark=name)
    assert np.isfinite(found["log_effective_size"]).all()
    by_place, exact = (len(places), copies), np.repeat(truth, copies)
    draws = found["log_effective_size"].stack(sample=SAMPLE).transpose("sample", "llm").values
    rank = ((draws < exact).sum(axis=0) + rng.random(len(exact))) / (len(draws) + 1)
    inside = (np.abs(rank - 0.5) < 0.45).reshape(by_place).mean(axis=1)
    assert (np.abs(inside[2:5] - 0.9) < 0.06).all(), inside  # a fixed truth, not one of the prior
    status = found["status"].values.reshape(by_place)
    share = {code: (status == code).mean(axis=1) for code in np.unique(status)}
    assert (share["interior"][2:5] > 0.95).all()
    assert share["left_censored"][0] > 0.9
    assert share["right_censored"][-1] > 0.9
    # a bound is false no oftener than it says, whatever the truth
    false = (found["bound_low"].values > exact) | (found["bound_high"].values < exact)
    assert (false.reshape(by_place).mean(axis=1) < 0.05 + 3.5 * np.sqrt(0.0475 / copies)).all()


def uncertain_posterior(draws=60):
    """Laws that differ from draw to draw about as much as fitted ones do."""
    rng = np.random.default_rng(8)
    exact = posterior_of(PHI, draws)
    sds = {"a": 0.1, "b": 0.1, "c": 0.02, "gamma": 0.1, "l": 0.03, "d": 0.05, "phi": 0.4}
    return exact.assign(
        {
            name: exact[name] * np.exp(sd * rng.normal(size=exact[name].shape))
            for name, sd in sds.items()
        }
    )


def test_ends_and_bounds_are_as_sure_as_they_say_when_the_laws_are_not():
    """Exactly: for every truth, the probability of each result by the mean over the laws."""
    posterior, n_items, name = uncertain_posterior(), 300, "One"
    panel = make_panel(np.arange(n_items + 1.0)[:, None] / n_items, n_items)
    found = calibrate(
        posterior, panel, tokens=D0, prior=PRIOR, seed=1, between_sd=1.0, draws=None
    ).sel(benchmark=name)
    law = posterior.sel(benchmark=name).stack(sample=SAMPLE)
    phi = law["phi"].values[:, None]
    below, above = (found[bound].values for bound in ("bound_low", "bound_high"))
    for truth in [0.0, *np.arange(12.0, 45.0, 1.5), 200.0]:
        expected = laws.score_from_size(
            np.exp(truth), tokens=D0, **{key: law[key].values[:, None] for key in LETTERS}
        )
        chance = scipy.stats.betabinom.pmf(
            np.arange(n_items + 1), n_items, expected * phi, (1 - expected) * phi
        ).mean(axis=0)
        false = (below > truth) | (above < truth)
        assert chance[false].sum() < 0.08, truth
        if truth in (0.0, 200.0):  # one of the ends, as good as
            end = "left_censored" if truth == 0.0 else "right_censored"
            open_ = np.isin(found["status"].values, [end, "prior_dominated"])
            assert 0.015 < chance[~open_].sum() < 0.04


def test_a_contradiction_beyond_all_digits_still_gives_sizes():
    """Exact laws, a spread of nothing, and benchmarks that disagree by many of either."""
    score = [score_of(18.0, "One"), score_of(30.0, "Two"), score_of(18.0, "Three")]
    found = calibrate(
        posterior_of([1e5] * 3, 10),
        make_panel([score], 14042),
        tokens=D0,
        prior=PRIOR,
        seed=1,
        between_sd=0.01,
    )
    assert np.isfinite(found["log_effective_size"]).all()


def test_missing_scores_and_a_panel_without_any():
    score = [[0.5, np.nan, 0.4], [np.nan] * 3]
    found = calibrate(
        posterior_of(PHI, 200),
        make_panel(score, ITEMS),
        tokens=D0,
        prior=PRIOR,
        seed=1,
        between_sd=1.0,
        draws=None,
        reference_params=(5e7, 4e9),
    )
    size = found["log_effective_size"]
    assert np.isfinite(size).all()
    assert found["status"].sel(llm="A").values.tolist()[1] == "not_measured"
    assert (found["status"].sel(llm="B") == "not_measured").all()
    share = found["prior_share"].sel(llm="B").values
    np.testing.assert_allclose(share, 1.0, atol=0.15)
    moved = found["shift_if_prior_doubles"]
    assert abs(float(moved.sel(llm="A", benchmark=ALL))) < 0.1
    above = float(found["share_above_reference"].sel(llm="B", benchmark=ALL))
    assert above == pytest.approx(scipy.stats.norm.sf(np.log(4e9), 22.0, 5.0), abs=0.1)


def test_a_new_model_is_calibrated_with_the_panels_spread():
    rng = np.random.default_rng(1)
    _, score = simulate(rng, 1.0, 6, ITEMS, PHI)
    posterior = uncertain_posterior(200)
    both = {"tokens": D0, "prior": PRIOR}
    panel = make_panel(score, ITEMS)
    whole = calibrate(posterior, panel, seed=1, draws=100, **both)
    assert whole.sizes["draw"] == 50
    one = calibrate(posterior, panel.isel(llm=[2]), seed=9, between_sd=whole["between_sd"], **both)
    assert one["draw"].equals(whole["draw"])
    assert one["between_sd"].equals(whole["between_sd"])
    middle, sd = (
        getattr(whole["log_effective_size"].isel(llm=2), f)(SAMPLE) for f in ("mean", "std")
    )
    gap = (one["log_effective_size"].isel(llm=0).mean(SAMPLE) - middle) / sd
    assert (abs(gap) < 4 * np.sqrt(2 / 100)).all()
    with pytest.raises(ValueError, match="between_sd has draws that the laws have not"):
        calibrate(
            posterior.isel(draw=slice(0, 9)), panel, seed=1, between_sd=whole["between_sd"], **both
        )


def test_the_likelihood_of_sizes_is_that_of_the_posterior():
    """Times the prior it is the posterior of the model's own size."""
    rng = np.random.default_rng(2)
    _, score = simulate(rng, 1.0, 3, ITEMS, PHI)
    logs = size_likelihood(
        posterior_of(PHI, 4), make_panel(score, ITEMS), tokens=D0, prior=PRIOR, between_sd=1.0
    )
    assert logs.dims == ("chain", "draw", "llm", "log_size")
    own = logs["log_size"].values
    for i, row in enumerate(score):
        x, cdfs = by_integration(row, ITEMS, PHI, 1.0)
        value = logs.isel(chain=0, draw=0, llm=i).values + scipy.stats.norm.logpdf(own, 22.0, 5.0)
        mass = np.exp(value - value.max()) * np.gradient(own)
        mean = np.sum(own * mass) / mass.sum()
        assert mean == pytest.approx(np.trapezoid(1 - cdfs[-1], x) + x[0], abs=0.05)


def test_densities_and_tables_take_calibrated_sizes():
    panel = make_panel([[0.5, 0.5, 0.4], [0.96, 0.95, 0.93]], ITEMS)
    found = calibrate(
        posterior_of(PHI, 200), panel, tokens=D0, prior=PRIOR, seed=1, between_sd=1.0, draws=None
    )
    density = density_of(found, panel, memory_weight=3.0, compute_weight=1.0)
    gap = found["log_effective_size"] - density["log_density"]
    np.testing.assert_allclose(gap, np.log(1e9))
    table = calibration_table(found, about={"params": panel["params"]})
    assert len(table) == 8
    assert table["sentence"].str.contains("no upper limit").sum() >= 2
    assert table.iloc[0]["q05"] < table.iloc[0]["q50"] < table.iloc[0]["q95"] < np.inf
    assert calibrate(
        posterior_of(PHI, 200), panel, tokens=D0, prior=PRIOR, seed=1, between_sd=1.0, draws=None
    ).identical(found)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("interior", "12B [4B, 35B]"),
        ("right_censored", "≥ 190B (95 %), no upper limit from these benchmarks"),
        ("left_censored", "≤ 300M (95 %), no lower limit from these benchmarks"),
        ("prior_dominated", "not decided by these benchmarks"),
        ("not_measured", "not measured"),
    ],
)
def test_a_sentence_says_no_more_than_the_scores(status, sentence):
    numbers = {"median": 1.2e10, "low": 4e9, "high": 3.5e10}
    said = size_sentence(status, **numbers, bound_low=1.9e11, bound_high=3e8)
    assert said == sentence
    with pytest.raises(ValueError, match="status is one of interior, "):
        size_sentence("open", **numbers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": 5.0}, "tokens is D0"),
        ({"between_sd": -1.0}, "between_sd is the sd"),
        ({"draws": 1}, "draws is at least one for each of 2 chains"),
        ({"learn_from": 0}, "learn_from is a number of models"),
        ({"reference_params": (4e9, 1e7)}, "reference_params"),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    panel = make_panel([[0.5, 0.5, 0.4]], ITEMS)
    right = {"tokens": D0, "prior": PRIOR, "seed": 1}
    with pytest.raises(ValueError, match=message):
        calibrate(posterior_of(PHI, 20), panel, **(right | change))


def test_a_score_without_items_is_refused():
    panel = make_panel([[0.5, 0.5, 0.4]], [164.0, np.nan, 10.0])
    with pytest.raises(ValueError, match=r"A on Two has the score 0\.5 of nan items"):
        calibrate(posterior_of(PHI, 20), panel, tokens=D0, prior=PRIOR, seed=1)


@pytest.mark.slow
def test_nuts_finds_the_same_posterior():
    """The same model in PyMC, the laws fixed: sizes and spread agree within Monte Carlo error."""
    import pymc as pm

    rng = np.random.default_rng(6)
    _, score = simulate(rng, 1.2, 8, ITEMS, PHI, size=np.linspace(17.0, 27.0, 8))
    found = calibrate(
        posterior_of(PHI, 4000),
        make_panel(score, ITEMS),
        tokens=D0,
        prior=PRIOR,
        seed=3,
        draws=None,
    )
    law = {key: np.array(KNOWN_LAWS[key]) for key in LETTERS}
    with pm.Model(coords={"llm": found["llm"].values, "benchmark": NAMES}):
        spread = pm.LogNormal("between_sd", 0.0, 0.7)
        own = pm.Normal("own", 22.0, 5.0, dims="llm")
        apart = pm.Normal("apart", 0.0, 1.0, dims=("llm", "benchmark"))
        size = pm.Deterministic("size", own[:, None] + spread * apart, dims=("llm", "benchmark"))
        expected = laws.score_from_size(pm.math.exp(size), tokens=D0, **law)
        expected = pm.math.clip(expected, 1e-12, 1 - 1e-12)
        pm.BetaBinomial(
            "correct",
            n=ITEMS,
            alpha=expected * PHI,
            beta=(1 - expected) * PHI,
            observed=np.round(score * ITEMS).astype(int),
        )
        tree = pm.sample(
            2000,
            tune=1500,
            chains=2,
            random_seed=1,
            nuts_sampler="nutpie",
            target_accept=0.95,
            progressbar=False,
            quiet=True,
        )
    nuts = tree["posterior"].to_dataset()
    ours = found["log_effective_size"]
    pairs = [("between_sd", np.log(found["between_sd"]), np.log(nuts["between_sd"]))]
    for llm in found["llm"].values:
        pairs.append((llm, ours.sel(llm=llm, benchmark=ALL), nuts["own"].sel(llm=llm)))
        for name in NAMES:
            cell = {"llm": llm, "benchmark": name}
            pairs.append((cell, ours.sel(cell), nuts["size"].sel(cell)))
    for name, mine, theirs in pairs:
        sd = float(theirs.std())
        assert abs(float(mine.mean() - theirs.mean())) / sd < 0.12, name
        assert 0.9 < float(mine.std()) / sd < 1.1, name
        for q in (0.1, 0.9):
            gap = float(mine.quantile(q, SAMPLE) - theirs.quantile(q, SAMPLE))
            assert abs(gap) / sd < 0.2, (name, q)
