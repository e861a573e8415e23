"""Shares of the width against sums whose shares are known."""

import numpy as np
import pytest
import xarray as xr
from conftest import KNOWN_LAWS, NAMES, make_panel

from densing_bayes.conclusions import PANEL
from densing_bayes.decomposition import _split, growth_shares, shares_table, size_shares
from densing_bayes.laws import log_size_from_score
from densing_bayes.variance_shares import block_evaluations, shares_of

DRAWS = 4000


def toy_shares(quantity):
    """Return shares of a function of three standard Normal blocks."""
    tables = np.random.default_rng(1).normal(size=(3, DRAWS))
    names = ("x", "y", "z")
    first, second, mixed = block_evaluations(
        lambda places: quantity(*(tables[i][places[n]] for i, n in enumerate(names))),
        names, draws=DRAWS, seed=2,
    )  # fmt: skip
    return {name: shares_of(first, second, mixed[name]) for name in names}


def close(share, wanted, which="first_order"):
    assert float(share[which]) == pytest.approx(wanted, abs=4 * float(share[f"{which}_se"]) + 0.002)
    assert float(share[f"{which}_se"]) < 0.04


def test_shares_of_a_sum_are_those_of_the_variances():
    shares = toy_shares(lambda x, y, z: 3 * x + 4 * y)
    for name, wanted in (("x", 9 / 25), ("y", 16 / 25), ("z", 0.0)):
        close(shares[name], wanted)
        close(shares[name], wanted, "total")


def test_a_product_has_total_shares_only():
    shares = toy_shares(lambda x, y, z: x * y + z)
    for name, first, total in (("x", 0, 0.5), ("y", 0, 0.5), ("z", 0.5, 0.5)):
        close(shares[name], first)
        close(shares[name], total, "total")


def test_what_does_not_vary_has_no_shares():
    assert np.isnan(toy_shares(lambda x, y, z: 0 * x)["x"]["first_order"])


def certain_laws(draws=DRAWS, **spread):
    """Laws of three benchmarks, some of them spread: an array over (draw) times the known ones."""
    law = {}
    for name, values in KNOWN_LAWS.items():
        factor = np.asarray(spread.get(name, np.ones(draws)))[:, None]
        law[name] = (("chain", "draw", "benchmark"), (factor * np.array(values))[None])
    law["b"] = (law["b"][0], 1e-9 + 0 * law["b"][1])  # no data term: log size is linear in log a
    law["phi"] = (law["phi"][0], 1e12 + 0 * law["phi"][1])
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                law, coords={"chain": [0], "draw": np.arange(draws), "benchmark": NAMES}
            )
        }
    )


def test_sizes_share_their_width_as_the_laws_say():
    """log N = (log a - log L) / alpha: the variances of log a and log L add."""
    rng = np.random.default_rng(3)
    log_a, log_l = rng.normal(0, 0.03, DRAWS), rng.normal(0, 0.02, DRAWS)
    laws = certain_laws(a=np.exp(log_a), l=np.exp(log_l))
    panel = make_panel([[0.5, 0.5, 0.5]], 10**12)
    known = {name: np.array(values)[:1] for name, values in KNOWN_LAWS.items() if name != "phi"}
    known["b"] = 1e-9
    sizes = [
        log_size_from_score(0.5, tokens=5e12, **(known | {key: known[key][0] * np.exp(value)}))
        for key, value in (("a", log_a), ("l", log_l))
    ]
    wanted = sizes[0].var() / (sizes[0].var() + sizes[1].var())
    assert 0.2 < wanted < 0.9
    shares = size_shares(laws, panel, tokens=5e12, draws=DRAWS, seed=1)
    one = shares.sel(llm="A", benchmark="One")
    assert float(one["variance_share"].sel(block="loss law")) == pytest.approx(wanted, abs=0.07)
    # of ranks of a Normal sum the share r becomes Spearman's (6 / pi) asin(r / 2)
    by_rank = 6 / np.pi * np.arcsin(wanted / 2)
    for block, share in (
        ("loss law", by_rank),
        ("score law", 6 / np.pi * np.arcsin((1 - wanted) / 2)),
    ):
        mine = one.sel(block=block)
        assert float(mine["first_order"]) == pytest.approx(
            share, abs=4 * float(mine["first_order_se"])
        )
    assert float(one["first_order"].sel(block="score noise")) == pytest.approx(0, abs=0.08)
    assert float(one["total"].sel(block="score noise")) == pytest.approx(0, abs=0.01)
    assert float(one["out_of_range"]) == 0


def test_certain_laws_leave_the_noise_and_the_benchmarks():
    panel = make_panel([[0.5, 0.6, 0.7], [0.4, 0.5, 0.6]], 400)
    shares = size_shares(certain_laws(1000), panel, tokens=5e12, draws=1000, seed=1)
    one = shares.sel(benchmark="Two")
    assert (one["first_order"].sel(block="score noise", llm=["A", "B"]) > 0.95).all()
    np.testing.assert_allclose(one["total"].sel(block=["loss law", "score law"]), 0, atol=1e-12)
    assert (one["items_share"].sel(llm=["A", "B"]) > 0.999).all()  # phi is endless
    every = shares.sel(benchmark="all", llm="A")
    assert float(every["total"].sel(block="between benchmarks")) > 0.8
    table = shares_table(shares, llms=["A"])
    assert set(table["of"]) == {"typical model", PANEL, "A"}
    assert "score noise: items" in set(table["block"])


def test_draws_out_of_range_are_kept():
    panel = make_panel([[0.94, 0.5, 0.5]], 200)  # near the first benchmark's ceiling of 0.95
    shares = size_shares(certain_laws(1000), panel, tokens=5e12, draws=1000, seed=1)
    one = shares.sel(llm="A", benchmark="One")
    assert 0.05 < float(one["out_of_range"]) < 0.95
    assert np.isfinite(one["first_order"]).all()
    assert np.isnan(one["variance_share"]).all()


def test_growth_is_split_into_laws_and_trend():
    rng = np.random.default_rng(4)
    loss, score = rng.normal(size=(2, 20000)) * np.array([[2.0], [1.0]])
    noise = rng.normal(size=(4, 20000)) * 2.0
    values = np.stack([loss + score, loss + score, loss + rng.permutation(score),
                       rng.permutation(loss) + score]) + noise  # fmt: skip
    found = _split(values)
    for block, wanted in (("loss law", 4 / 9), ("score law", 1 / 9), ("both laws together", 0),
                          ("trend", 4 / 9)):  # fmt: skip
        share, se = found[block]
        assert share == pytest.approx(wanted, abs=4 * se)
        assert se < 0.03


def test_shares_of_growth_add_up(thin_result):
    table = growth_shares(thin_result, seed=1)
    np.testing.assert_allclose(table.groupby(["trend", "benchmark"])["share"].sum(), 1.0)
    assert set(table["trend"]) == {"average", "envelope"}
    with pytest.raises(ValueError, match="no laws or no trend"):
        growth_shares(type(thin_result)(spec=thin_result.spec), seed=1)
