"""Quantiles that keep open ends open."""

import numpy as np
import pytest
import xarray as xr

from densing_bayes.summary import open_quantiles, summarise_by_llm


def test_finite_draws_have_numpys_quantiles():
    draws = np.random.default_rng(1).normal(size=(1001, 3))
    q = (0.05, 0.25, 0.5, 0.75, 0.95)
    expected = np.quantile(draws, q, axis=0, method="inverted_cdf")
    np.testing.assert_array_equal(open_quantiles(draws, q), expected)
    np.testing.assert_array_equal(open_quantiles(draws.T, q, axis=1), expected)
    close = np.quantile(draws, q, axis=0)
    np.testing.assert_allclose(open_quantiles(draws, q), close, atol=0.02)


def test_infinite_draws_are_ranked_not_averaged():
    draws = np.array([-np.inf] * 10 + [1.0] * 80 + [np.inf] * 10)
    low, mid, high = open_quantiles(draws, (0.05, 0.5, 0.95))
    assert (low, mid, high) == (-np.inf, 1.0, np.inf)
    assert open_quantiles(draws, (0.11, 0.89)).tolist() == [1.0, 1.0]


def test_unknown_draws_open_both_ends():
    draws = np.array([1.0] * 80 + [np.nan] * 20)
    assert open_quantiles(draws, (0.05, 0.25, 0.5, 0.75, 0.95)).tolist() == [
        -np.inf,
        1.0,
        1.0,
        1.0,
        np.inf,
    ]
    undecided = np.array([1.0] * 40 + [np.nan] * 60)
    assert np.isnan(open_quantiles(undecided, (0.5,))).all()


@pytest.mark.parametrize(
    ("draws", "status", "below", "above"),
    [
        ([0.0] * 100, "interior", 0.0, 0.0),
        ([-np.inf] * 10 + [0.0] * 90, "open_below", 0.1, 0.0),
        ([-np.inf] * 4 + [0.0] * 96, "interior", 0.04, 0.0),
        ([np.inf] * 10 + [0.0] * 90, "open_above", 0.0, 0.1),
        ([np.nan] * 10 + [0.0] * 90, "open_both", 0.1, 0.1),
        ([np.nan] * 100, "not_measured", np.nan, np.nan),
    ],
)
def test_the_status_says_which_end_is_open(draws, status, below, above):
    array = xr.DataArray(
        np.reshape(draws, (2, 50, 1, 1)),
        dims=("chain", "draw", "llm", "benchmark"),
        coords={"llm": ["A"], "benchmark": ["One"]},
    )
    params = xr.DataArray([7e9], dims="llm", coords={"llm": ["A"]})
    table = summarise_by_llm(array, about={"params": params})
    row = table.iloc[0]
    assert row["status"] == status
    shares = [row["share_below"], row["share_above"]]
    assert shares == pytest.approx([below, above], nan_ok=True)
    assert row["params"] == 7e9
    if status == "not_measured":
        assert table[["q05", "q50", "q95"]].isna().all(axis=None)
    elif status == "open_below":
        assert (row["q05"], row["q50"]) == (0.0, 1.0)


def test_the_table_has_its_columns_in_order():
    rng = np.random.default_rng(2)
    array = xr.DataArray(
        rng.normal(3.0, 0.5, size=(2, 500, 2, 3)),
        dims=("chain", "draw", "llm", "benchmark"),
        coords={"llm": ["A", "B"], "benchmark": ["One", "Two", "all"]},
    )
    table = summarise_by_llm(array, about={})
    quantiles = ["q05", "q25", "q50", "q75", "q95"]
    assert list(table) == ["llm", "benchmark", *quantiles, "share_below", "share_above", "status"]
    assert len(table) == 6
    expected = np.exp(np.quantile(array.values[:, :, 1, 2].ravel(), [0.05, 0.5, 0.95]))
    np.testing.assert_allclose(
        table.iloc[5][["q05", "q50", "q95"]].astype(float), expected, rtol=0.02
    )
