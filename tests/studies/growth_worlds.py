"""Worlds of known growth: log densities of models over time, as rows of one matrix.

Worlds of the same chunk share dates, organisations and known errors; chunks differ. A world has a
true line ``A t + B`` and scatter about it: Normal with effects of organisations (kind ``normal``:
what the trend ``average`` assumes), or Normal less an exponential shortfall (kind ``shortfall``:
what ``frontier`` assumes; its line is the frontier). Where the shortfall does not drift, both
lines and the mean of the models grow by the same A.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from densing_bayes.trend.rows import Rows

#: True growth rates per year, by doubling time: 3.5 months, 12 months, none.
TRUTHS = {"3.5 months": np.log(2) * 12 / 3.5, "12 months": np.log(2), "none": 0.0}
LEVEL, SPAN, TARGET_SD = -1.0, 2.5, 0.3
#: A model is published if it comes within a factor e of the best there is; where none of so many
#: does (one measured far too well has set the bar), the last one is.
WITHIN, TRIES = 1.0, 200
ALL = ("envelope", "average", "frontier", "frontier_drift")
QUICK = ALL[:3]
BENT = ("break_chatgpt", "break_unknown", "saturating")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One kind of world.

    Parameters
    ----------
    name
        What differs from the base.
    kind
        ``"normal"`` or ``"shortfall"``.
    models
        How many.
    scatter
        Normal sd (kind ``normal``) or mean shortfall.
    noise
        Normal sd about what falls short (kind ``shortfall``).
    drift
        Of the log of the mean shortfall, per year.
    outliers
        Share of models with an error of sd 2.5 on top.
    censored
        Whether models above a line that falls behind the trend are only known to be above.
    selected
        Whether only models within a factor e of the best so far are published.
    again
        Makes other worlds of the same kind.
    worlds
        How many, in chunks that share dates.
    chunk
        Worlds a chunk.
    trends
        Which are fitted.
    """

    name: str
    kind: str
    models: int = 60
    scatter: float = 0.8
    noise: float = 0.2
    drift: float = 0.0
    outliers: float = 0.0
    censored: bool = False
    selected: bool = False
    again: int = 0
    worlds: int = 400
    chunk: int = 50
    trends: tuple[str, ...] = ALL

    @property
    def key(self) -> str:
        """Name of its folder."""
        return f"{self.kind} {self.name}".replace(",", "").replace(" ", "_").replace(".", "p")

    def well_specified(self, trend: str) -> bool:
        """Tell whether a trend assumes how these worlds are made."""
        if self.outliers or self.selected or trend in ("envelope", "saturating"):
            return False  # that growth does not slow at all is the edge of what the last assumes
        if self.drift:
            return trend == "frontier_drift"
        return trend.startswith("frontier") == (self.kind == "shortfall")

    def fitted(self, number: int, others: int) -> tuple[str, ...]:
        """Return what is fitted to a chunk: the trends that are judged, others to some chunks."""
        if number * self.chunk < others:
            return self.trends
        judged = ("average", "frontier")
        return tuple(one for one in self.trends if one in judged and self.well_specified(one))

    def chunks(self, worlds: int, others: int) -> int:
        """Return how many chunks there is something to fit to."""
        wanted = -(-min(self.worlds, worlds) // self.chunk)
        return sum(bool(self.fitted(number, others)) for number in range(wanted))


def _both(name: str, **changes) -> list[Cell]:
    return [Cell(name, kind, **changes) for kind in ("normal", "shortfall")]


CELLS = [
    *_both("base"),
    *_both("30 models", models=30),
    Cell("shortfall drifts", "shortfall", drift=0.3),
    *_both("selected", selected=True),
    *_both("outliers", outliers=0.05),
    *_both("censored", censored=True),
    *_both("10 models", models=10, trends=QUICK),
    *_both("200 models", models=200, trends=QUICK),
    *_both("scatter 1.6", scatter=1.6, trends=QUICK),
    Cell("noise 0.6", "shortfall", noise=0.6, trends=QUICK),
    *_both("1000 models", models=1000, worlds=64, chunk=32, trends=QUICK),
    Cell("base, bent trends", "normal", worlds=200, trends=BENT),
    # Named when 19 of the 400 worlds of "censored" had declared growth, and before it was run.
    Cell("censored, again", "normal", censored=True, again=1, worlds=1200, trends=("average",)),
]


def simulate(cell: Cell, growth: float, rng: np.random.Generator) -> Rows:
    """Simulate a chunk of worlds."""
    n, worlds = cell.models, cell.chunk
    years = np.sort(rng.uniform(0.0, SPAN, n))
    organisation = rng.integers(0, min(max(n // 4, 3), 40), n)
    error = TARGET_SD * np.exp(0.4 * rng.normal(size=n))
    effect = rng.normal(size=(worlds, organisation.max() + 1))[:, organisation]
    line = growth * years + LEVEL
    if cell.selected:
        seen = np.empty((worlds, n))
        best = np.full(worlds, -np.inf)
        for m in range(n):
            seen[:, m] = _published(cell, line[m], error[m], years[m], effect[:, m], best, rng)
            best = np.maximum(best, seen[:, m])
    else:
        seen = line + _scatter(cell, years, effect, rng) + error * rng.normal(size=(worlds, n))
    side = np.zeros((worlds, n), dtype=int)
    if cell.censored:
        # The bound has nothing to do with a model's density but by the line and the date.
        bound = line + 1.6 - 0.8 * years + 0.3 * rng.normal(size=(worlds, n))
        side = (seen > bound).astype(int)
        seen = np.minimum(seen, bound)
    return Rows(seen, np.tile(error, (worlds, 1)), side, years, np.zeros(n), organisation)


def _scatter(cell: Cell, years, effect, rng: np.random.Generator) -> np.ndarray:
    """Draw how far models lie from the line, (world, llm)."""
    normal = rng.normal(size=effect.shape)
    if cell.kind == "normal":
        out = cell.scatter * (0.5 * effect + np.sqrt(0.75) * normal)
    else:
        mean = cell.scatter * np.exp(cell.drift * (years - SPAN / 2))
        out = cell.noise * normal - mean * rng.exponential(size=effect.shape)
    wild = rng.uniform(size=effect.shape) < cell.outliers
    return out + wild * 2.5 * rng.normal(size=effect.shape)


def _published(cell: Cell, line, error, year, effect, best, rng) -> np.ndarray:
    """Draw models of one date, in every world anew until one is published."""
    out, left = np.full(len(best), np.nan), TRIES
    while np.isnan(out).any():
        left -= 1
        todo = np.flatnonzero(np.isnan(out))
        own = _scatter(cell, year, effect[todo, None], rng)[:, 0]
        drawn = line + own + error * rng.normal(size=len(todo))
        good = (drawn > best[todo] - WITHIN) | (left == 0)
        out[todo[good]] = drawn[good]
        # Who has nothing to publish leaves the date to another organisation.
        effect = np.where(np.isnan(out), rng.normal(size=len(out)), effect)
    return out


def moved(rows: Rows, growth: float) -> Rows:
    """Add growth to every world: the same worlds under another truth."""
    return dataclasses.replace(rows, centre=rows.centre + growth * rows.years)
