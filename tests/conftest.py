"""Small helpers: laws with known numbers, and one thin fit shared by the tests that need one."""

import numpy as np
import pytest
import xarray as xr

import densing_bayes as db

#: Laws of three made-up benchmarks, of the size of the real ones.
KNOWN_LAWS = {
    "a": [1.6, 3.0, 1.8],
    "alpha": [0.10, 0.16, 0.12],
    "b": [39.0, 190.0, 4250.0],
    "beta": [0.24, 0.32, 0.50],
    "c": [0.70, 0.68, 0.92],
    "gamma": [-25.0, -40.0, -40.0],
    "l": [0.20, 0.09, 0.12],
    "d": [0.25, 0.25, 0.004],
    "phi": [150.0, 120.0, 80.0],
}
NAMES = ["One", "Two", "Three"]
LETTERS = ("a", "alpha", "b", "beta", "c", "gamma", "l", "d")


@pytest.fixture
def known_law():
    """Arguments of the laws' functions, arrays over three benchmarks."""
    return {name: np.array(KNOWN_LAWS[name]) for name in LETTERS}


@pytest.fixture
def known_posterior():
    """A posterior that is certain of the known laws, 2 chains of 500 draws."""
    shape = (2, 500, len(NAMES))
    return xr.Dataset(
        {
            name: (("chain", "draw", "benchmark"), np.broadcast_to(values, shape).copy())
            for name, values in KNOWN_LAWS.items()
        },
        coords={"chain": [0, 1], "draw": np.arange(500), "benchmark": NAMES},
    )


def make_panel(score, n_items, **about):
    """Make a panel of models A, B, ... from an array of scores (llm, benchmark)."""
    score = np.atleast_2d(np.asarray(score, dtype=float))
    count = len(score)
    columns = {
        "params": np.full(count, 1e9),
        "params_active": np.full(count, np.nan),
        "moe": np.zeros(count, dtype=bool),
    } | {key: np.asarray(value) for key, value in about.items()}
    return xr.Dataset(
        {
            "score": (("llm", "benchmark"), score),
            "n_items": (("llm", "benchmark"), np.broadcast_to(n_items, score.shape).copy()),
        }
        | {key: ("llm", value) for key, value in columns.items()},
        coords={
            "llm": [chr(65 + i) if i < 26 else f"llm{i}" for i in range(count)],
            "benchmark": NAMES[: score.shape[1]],
            "release_date": ("llm", np.full(count, np.datetime64("2024-01-01", "ns"))),
            "organisation": ("llm", np.full(count, "Lab")),
        },
    )


@pytest.fixture(scope="session")
def thin_spec():
    """The main specification with few draws."""
    return db.load_spec("densing_law").with_sampler(
        draws=100, tune=200, chains=2, particles=200, target_accept=0.9
    )


@pytest.fixture(scope="session")
def thin_result(thin_spec):
    """A run of it from end to end; too few draws for its checks to pass."""
    return db.run(thin_spec, progress=False)
