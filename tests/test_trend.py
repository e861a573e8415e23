"""Trends: the article's lines to four digits, and the rules of records, ties and open ends."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import densing_bayes as db
from densing_bayes.trend.clock import DAYS_PER_YEAR, years_since_origin
from densing_bayes.trend.growth import doubling_time, growth_table
from densing_bayes.trend.records import envelope, fit_envelope


def published(table, **selected):
    if table == "price":
        data = db.load_prices("published")
        return np.log(data["usd_per_million_tokens"].values), data["date"].values
    data = db.load_published_density(table)
    for name, value in selected.items():
        data = data.isel(llm=data[name].values == value)
    return np.log(data["density"].values), data["release_date"].values


def significant(value, digits=4):
    return float(f"{value:.{digits - 1}e}")


@pytest.mark.parametrize(
    ("table", "selected", "record", "per_day", "count"),
    [
        ("five_benchmarks", {}, "max", 0.006529, 9),
        ("mmlu_cf", {}, "max", 0.006648, 9),
        ("mmlu", {"segment": "before"}, "max", 0.004797, 3),
        ("mmlu", {"segment": "after"}, "max", 0.007312, 6),
        ("price", {}, "min", -0.009128, 5),
    ],
)
def test_the_lines_of_the_article(table, selected, record, per_day, count):
    values, dates = published(table, **selected)
    fit = fit_envelope(values, years_since_origin(dates), record=record)
    assert significant(fit["slope"] / DAYS_PER_YEAR) == per_day
    assert fit["n_records"] == count


def test_the_main_line_of_the_article_in_full():
    values, dates = published("five_benchmarks")
    fit = fit_envelope(values, years_since_origin(dates), record="max")
    assert significant(fit["intercept"], 5) == -2.6113
    assert round(float(fit["r_squared"]), 4) == 0.9340
    drawn = db.load_published_density("five_benchmarks")["on_frontier"].values
    np.testing.assert_array_equal(fit["on_frontier"], drawn)
    assert round(float(np.log(2) / fit["slope"] * DAYS_PER_YEAR), 1) == 106.2


def test_a_line_without_scatter_is_found():
    years = np.array([0.0, 0.3, 1.0, 1.4, 2.0])
    fit = fit_envelope(0.5 + 2.0 * years, years, record="max")
    assert fit["slope"] == pytest.approx(2.0)
    assert fit["intercept"] == pytest.approx(0.5)
    assert fit["r_squared"] == pytest.approx(1.0)
    assert fit["n_records"] == 5
    assert fit_envelope(-years, years, record="min")["slope"] == pytest.approx(-1.0)


def test_of_one_date_only_the_best_is_a_record():
    years = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 2.0])
    values = np.array([0.0, 2.0, 1.0, 1.5, 3.0, 3.0])
    fit = fit_envelope(values, years, record="max")
    assert fit["on_frontier"].tolist() == [False, True, False, False, True, False]
    # nor does the order of the rows matter
    order = np.array([4, 2, 5, 0, 3, 1])
    turned = fit_envelope(values[order], years[order], record="max")
    assert turned["slope"] == pytest.approx(fit["slope"])
    np.testing.assert_array_equal(turned["on_frontier"], fit["on_frontier"][order])


def test_prices_go_by_their_minimum():
    years = np.arange(5.0)
    values = np.array([3.0, 4.0, 1.0, 2.0, -1.0])
    fit = fit_envelope(values, years, record="min")
    assert fit["on_frontier"].tolist() == [True, False, True, False, True]
    assert fit["slope"] == pytest.approx(np.polyfit([0, 2, 4], [3, 1, -1], 1)[0])
    mirrored = fit_envelope(-values, years, record="max")
    assert mirrored["slope"] == pytest.approx(-fit["slope"])


def test_records_need_a_direction():
    with pytest.raises(ValueError, match="'max' or 'min', got 'top'"):
        fit_envelope(np.zeros(3), np.arange(3.0), record="top")


def test_many_draws_are_many_fits():
    rng = np.random.default_rng(3)
    years, values = np.sort(rng.uniform(0, 2, 12)), rng.normal(size=(2, 5, 12))
    together = fit_envelope(values, years, record="max")
    for i in range(2):
        for j in range(5):
            best = np.maximum.accumulate(values[i, j])
            on = np.r_[True, best[1:] > best[:-1]]
            np.testing.assert_array_equal(together["on_frontier"][i, j], on)
            if on.sum() > 1:
                slope, level = np.polyfit(years[on], values[i, j][on], 1)
                assert together["slope"][i, j] == pytest.approx(slope)
                assert together["intercept"][i, j] == pytest.approx(level)


def test_infinite_records_make_the_growth_infinite():
    years = np.arange(4.0)
    endless = fit_envelope(np.array([0.0, 1.0, np.inf, 5.0]), years, record="max")
    assert endless["slope"] == np.inf
    assert endless["on_frontier"].tolist() == [True, True, True, False]
    assert fit_envelope(np.array([0.0, 1.0, -np.inf, 0.0]), years, record="min")["slope"] == -np.inf
    first = fit_envelope(np.array([np.inf, 1.0, 2.0, 3.0]), years, record="max")
    assert np.isnan(first["slope"]), "one record has no slope"
    below = fit_envelope(np.array([-np.inf, 1.0, np.nan, 3.0]), years, record="max")
    assert below["slope"] == pytest.approx(1.0), "below all, and unknown, are no records"
    assert np.isnan(fit_envelope(np.array([3.0, 1.0, 0.0, 0.0]), years, record="max")["slope"])


def densities(log_density, dates):
    array = xr.DataArray(
        np.asarray(log_density, dtype=float)[None],
        dims=("chain", "draw", "llm"),
        coords={"chain": [0], "llm": [f"m{i}" for i in range(np.shape(log_density)[-1])]},
    )
    return array.assign_coords(release_date=("llm", np.asarray(dates, dtype="datetime64[ns]")))


def test_the_envelope_of_draws_is_labelled():
    dates = ["2023-02-24", "2024-02-24", "2025-02-23"]
    result = envelope(densities([[0.0, 1.0, 2.0], [0.0, 1.0, 4.0]], dates))
    assert result["growth_rate"].dims == ("chain", "draw")
    assert result["growth_rate"].attrs["units"] == "1/year"
    years = np.array([0, 365, 730]) / 365.25
    slopes = [np.polyfit(years, y, 1)[0] for y in ([0, 1, 2], [0, 1, 4])]
    np.testing.assert_allclose(result["growth_rate"].squeeze(), slopes)
    assert result.attrs["trend"] == "envelope"
    assert "records drift" in result.attrs["bias"]
    assert result["on_frontier"].all()


def test_the_envelope_finds_growth_where_there_is_none():
    """The known bias, so that nobody takes the envelope for an estimate."""
    rng = np.random.default_rng(8)
    dates = np.datetime64("2023-02-24") + np.sort(rng.integers(0, 730, 60)).astype("timedelta64[D]")
    result = envelope(densities(rng.normal(size=(400, 60)), dates))
    assert float((result["growth_rate"] > 0).mean()) > 0.95


def test_doubling_times_by_hand():
    rate = xr.DataArray([np.log(2), 2 * np.log(2), 0.0, -1.0, np.inf, np.nan], dims="draw")
    days = doubling_time(rate)
    np.testing.assert_allclose(days, [365.25, 182.625, np.inf, np.inf, 0.0, np.nan])
    assert days.attrs["units"] == "days"


def test_the_table_of_growth():
    rate = xr.DataArray(
        np.linspace(-0.5, 9.5, 2001).reshape(1, -1), dims=("chain", "draw"), name="growth_rate"
    )
    table = growth_table({("average", "all"): rate.to_dataset()})
    assert list(table) == [
        "trend",
        "benchmark",
        "quantity",
        *("q025", "q05", "q50", "q95", "q975"),
        "p_not_positive",
    ]
    assert table["quantity"].tolist() == ["growth_rate_per_year", "doubling_time_days"]
    growth, doubling = (row for _, row in table.iterrows())
    np.testing.assert_allclose(
        growth[["q025", "q05", "q50", "q95", "q975"]].astype(float),
        [-0.25, 0.0, 4.5, 9.0, 9.25],
        atol=0.01,
    )
    assert growth["p_not_positive"] == pytest.approx(0.05, abs=0.001)
    # no growth in one draw of twenty: the doubling time is open above, and no draw is dropped
    assert np.isinf(doubling["q975"])
    assert doubling["q50"] == pytest.approx(np.log(2) / 4.5 * 365.25, rel=0.01)
    assert doubling["q05"] == pytest.approx(np.log(2) / 9.0 * 365.25, rel=0.01)


def test_an_unknown_growth_leaves_the_doubling_time_between_nothing_and_infinity():
    rate = xr.DataArray(np.r_[np.full(90, 2.0), np.full(10, np.nan)][None], dims=("chain", "draw"))
    table = growth_table({("envelope", "all"): rate.to_dataset(name="growth_rate")})
    growth, doubling = (row for _, row in table.iterrows())
    assert (growth["q05"], growth["q95"]) == (-np.inf, np.inf)
    assert (doubling["q05"], doubling["q95"]) == (0.0, np.inf)
    assert growth["p_not_positive"] == pytest.approx(0.1)


def test_the_shipped_specification_repeats_the_article():
    result = db.run(db.load_spec("published_trend"), progress=False)
    points = result.growth.query("trend == 'envelope' and quantity == 'growth_rate_per_year'")
    per_day = (points.set_index("benchmark")["q50"] / DAYS_PER_YEAR).map(significant)
    expected = {
        "five_benchmarks": 0.006529,
        "mmlu_cf": 0.006648,
        "mmlu_before_chatgpt": 0.004797,
        "mmlu_after_chatgpt": 0.007312,
        "price": -0.009128,
    }
    assert per_day.to_dict() == expected
    averages = result.growth.query("trend == 'average'")
    assert set(averages["benchmark"]) == set(expected)
    assert np.isfinite(averages["q50"].where(averages["benchmark"] != "price").dropna()).all()
    assert result.laws is None
    assert isinstance(result.diagnostics, pd.DataFrame)
