"""The targets: what each work is to take, what it took, and whether that is enough.

A goal finds its figure in what was measured (:mod:`figures`) and gives None where that is not there. Times of visits
are those of the CPU clock, which other processes disturb least; whole runs are timed by the wall clock.

To add a goal, add it to :data:`GOALS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import works
from visits import MORE

Figures = Mapping[str, Any]
LARGE_NAME = f"n={works.LARGE}"
FULL_ROWS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One line of the table.

    Parameters
    ----------
    work : str
        The name of the work by ``--only``, under which its figures are.
    label : str
        What is counted.
    limit : float
        What it shall not exceed.
    unit : str
        Of the limit and the figure: "ms", "s", or "x" for multiples.
    find : callable
        The figure, from those of the work; an error of look-up means that there is none.
    rivals : sequence of (str, str)
        Work and method of the times in R to set beside it.
    rows : int, optional
        The goal is for this number of rows alone, and for the binary target too.
    """

    work: str
    label: str
    limit: float
    unit: str
    find: Callable[[Any], float | None]
    rivals: Sequence[tuple[str, str]] = ()
    rows: int | None = None

    def figure(self, found: Figures) -> float | None:
        """What was measured, or None."""
        try:
            return self.find(found["works"][self.work])
        except (KeyError, IndexError):
            return None

    def unlike(self, found: Figures) -> str:
        """How what was run differs from what the goal is for; empty if it does not."""
        work = found["works"].get(self.work, {})
        if self.rows is None or (work.get("rows"), work.get("binary")) == (self.rows, True):
            return ""
        return f"({work.get('rows'):,} rows{'' if work.get('binary') else ', b complete'})"

    def verdict(self, found: Figures) -> str:
        """Met or missed, and by how much."""
        value = self.figure(found)
        if value is None:
            return "-"
        return self.unlike(found) or judged(value, self.limit)

    def target(self) -> str:
        """The limit in words."""
        return f"≤ {amount(self.limit, self.unit)}"

    def of_r(self, found: Figures) -> str:
        """What R's methods took on this machine."""
        times = [(method, found["rivals"].get(work, {}).get(method)) for work, method in self.rivals]
        return ", ".join(f"{method} {milliseconds(time)}" for method, time in times if time is not None)


def judged(value: float, limit: float) -> str:
    """Met or missed, with the share of the limit that was taken."""
    share = value / limit
    return f"met, {share:.0%} of it" if share <= 1 else f"missed, {share:.2f} times it"


def amount(value: float, unit: str) -> str:
    """A figure with its unit, three digits."""
    return f"{digits(value)}{unit if unit == 'x' else ' ' + unit}"


def digits(value: float) -> str:
    """Three significant digits, never an exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def milliseconds(time: float) -> str:
    """A time in milliseconds, or in seconds from one on."""
    return amount(time / 1000, "s") if time >= 1000 else amount(time, "ms")


def mean_forgetting(family: str) -> Callable[[Any], float | None]:
    """CPU milliseconds of a visit that forgets, the mean over the targets of a family."""

    def find(work: Any) -> float | None:
        times = [t["forgets"]["cpu"] for t in work["targets"].values() if t["family"] == family]
        return float(np.mean(times)) if times else None

    return find


def sum_of_sweeps(work: Any) -> float:
    """CPU milliseconds of one inner sweep for each gaussian target, together."""
    return sum(t["sweep"] for t in work["targets"].values() if t["family"] == "gaussian")


def grown(family: str, rows: int) -> Callable[[Any], float]:
    """Time of a visit a row, relative to that at the smallest size."""
    return lambda work: work[family][str(rows)][str(MORE)] / work[family][str(works.GROWTH[0])][str(MORE)]


def _visit_rivals(work: str, *methods: str) -> list[tuple[str, str]]:
    return [(work, method) for method in methods]


def _growth(family: str) -> list[Goal]:
    return [
        Goal(
            work="growth",
            label=f"time a row at n = {rows:,} / n = {works.GROWTH[0]:,}, {family} visit",
            limit=1.2,
            unit="x",
            find=grown(family, rows),
        )
        for rows in works.GROWTH[1:]
    ]


GOALS = (
    Goal(
        work="popmis",
        label=f"popmis, visit of {MORE} inner sweeps",
        limit=0.6,
        unit="ms",
        find=lambda work: work["targets"]["popular"]["more"]["cpu"],
        rivals=_visit_rivals("popmis", "2l.pan", "2l.lmer", "2l.norm", "pan"),
    ),
    Goal(
        work="whole-popncr",
        label="popNCR, 5 targets, m = 5, whole process",
        limit=2.4,
        unit="s",
        find=lambda work: work["wall"],
        rivals=_visit_rivals("popncr", "mice whole", "jomo whole"),
    ),
    Goal(
        work="curve",
        label="sensitivity over 50 shifts with tips, m = 100, n = 2,000, linear mixed analysis",
        limit=20,
        unit="s",
        find=lambda work: work["wall"],
    ),
    Goal(
        work="columns",
        label="100 columns x 20,000 rows, 60 incomplete, plan from the data alone, whole process",
        limit=900,
        unit="s",
        find=lambda work: work["wall"],
    ),
    Goal(
        work="columns",
        label="the same, memory",
        limit=4.0,
        unit="GB",
        find=lambda work: work["peak_bytes"] / 1e9,
    ),
    Goal(
        work="brandsma",
        label="brandsma, visit (mean of 3 targets)",
        limit=1.2,
        unit="ms",
        find=mean_forgetting("gaussian"),
        rivals=_visit_rivals("brandsma", "2l.pan", "2l.lmer", "2l.norm", "pan", "jomo"),
    ),
    Goal(
        work="large",
        label="n = 100,000, gaussian visit (mean of 3 targets)",
        limit=40,
        unit="ms",
        find=mean_forgetting("gaussian"),
        rivals=_visit_rivals(LARGE_NAME, "2l.pan", "2l.lmer", "2l.norm"),
    ),
    Goal(
        work="large",
        label="the same, one inner sweep for each of 3 targets",
        limit=15,
        unit="ms",
        find=sum_of_sweeps,
        rivals=_visit_rivals(LARGE_NAME, "pan", "jomo"),
    ),
    Goal(
        work="large",
        label="n = 100,000, binary visit",
        limit=150,
        unit="ms",
        find=mean_forgetting("bernoulli"),
        rivals=_visit_rivals(LARGE_NAME, "2l.bin"),
    ),
    Goal(
        work="million",
        label="n = 1,000,000, 4 targets, m = 5, whole process",
        limit=300,
        unit="s",
        find=lambda work: work["wall"],
        rows=FULL_ROWS,
    ),
    Goal(
        work="million",
        label="the same, memory in multiples of the data",
        limit=6,
        unit="x",
        find=lambda work: work["times_data"],
        rows=FULL_ROWS,
    ),
    *_growth("gaussian"),
    *_growth("bernoulli"),
)
