"""What a statistic is: how it is estimated in one table, on which scale it is pooled, how it is asked for and named.

To add one, write a file such as ``mean.py`` and give :class:`.descriptive_tables.Descriptives` a field. A line in
:data:`bayesimpute.checking.estimand_problems.STATISTICS` lets plans and ``estimate`` ask for it too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from bayesimpute.estimating.group_estimates import FIGURES, Answer, Seen
from bayesimpute.estimating.grouped_run import GroupedRun
from bayesimpute.estimating.request import Request
from bayesimpute.estimating.survey import Estimated

Pool = Callable[[Sequence[Estimated], float, Seen], Answer]
"""The answer from the estimates of a group in m tables, at a level; and what of these rows was observed."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of a table: the group by its place, the variables, what it is about, its figures, and what is to be said.

    What is said may be `about` less than the row.
    """

    group: int
    names: tuple[str, ...]
    what: tuple[Any, ...]
    figures: Mapping[str, float]
    note: str = ""
    about: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """A statistic.

    Parameters
    ----------
    name : str
        By which an estimand asks for it.
    title : str
        Of its table.
    columns : tuple of str
        Those of its table that say what a row is about: one or two variables, then what it reads.
    kinds : tuple of str
        The kinds of variables that have it, as :meth:`.variables.Variables.kind` calls them.
    reads : {"value", "probability"}, optional
        What it is told beside the values: one of those that a variable has, or of the probabilities that are wanted.
    of : callable
        The estimate from one table: of values, what it reads, ``design`` and ``domain``.
    pool : callable
        The answer from the estimates.
    binary : callable, optional
        The same for a variable whose values are all 0 or 1, where it differs.
    count : callable, optional
        The rows that it counts in one table, of the same arguments as `of`.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    reads: Literal["value", "probability"] | None = None
    of: Callable[..., Estimated]
    pool: Pool
    binary: Pool | None = None
    count: Callable[..., int] | None = None

    @property
    def figures(self) -> tuple[str, ...]:
        """The other columns of its table."""
        return FIGURES if self.count is None else ("count", *FIGURES)

    def lines(self, run: GroupedRun, request: Request) -> Iterator[Line]:
        """The rows of its table."""
        known = run.variables
        able = [name for name in request.variables if known.kind(name) in self.kinds]
        for names in combinations(able, 2 if "other" in self.columns else 1):
            read = {None: [()], "probability": [(p,) for p in request.quantiles]}.get(self.reads)
            options = [(x,) for x in known.levels(names[0])] if read is None else read
            pool = self.binary if self.binary and known.kind(names[0]) == "binary" else self.pool
            for group in run.places:
                for option in options:
                    found = run.each(group, names, self.of, *option)
                    answer = pool(found, run.level, run.seen(group, names))
                    figures = {name: getattr(answer, name) for name in FIGURES}
                    if self.count is not None:
                        figures["count"] = float(np.mean(run.each(group, names, self.count, *option)))
                    shown = [known.label(names[0], x) if self.reads == "value" else x for x in option]
                    yield Line(group=group, names=names, what=(*names, *shown), figures=figures, note=answer.note)
