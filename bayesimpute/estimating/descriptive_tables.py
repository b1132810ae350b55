"""The tables, and the function that makes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import pandas as pd

from bayesimpute.base.arguments import typed_after
from bayesimpute.base.tables import short, shown
from bayesimpute.estimating.correlation import CORRELATION
from bayesimpute.estimating.cross_table import CROSS_TABLE, CrossTable
from bayesimpute.estimating.grouped_run import GroupedRun, counted, group_column, usable
from bayesimpute.estimating.mean import MEAN, PROPORTION
from bayesimpute.estimating.quantile import QUANTILE
from bayesimpute.estimating.request import read_request
from bayesimpute.estimating.standard_deviation import STANDARD_DEVIATION
from bayesimpute.estimating.statistic import Line, Statistic
from bayesimpute.estimating.variables import Variables
from bayesimpute.result.result import Result

QUARTILES = (0.25, 0.5, 0.75)
COUNTS = ("n_observed", "n_missing")


@typed_after
@dataclass(frozen=True, kw_only=True, eq=False)
class Descriptives:
    """Tables that describe the completed variables, pooled over the datasets.

    Every table has a column for each variable of `by` ("all rows" where a row is not split by it; called ``by_value``
    where the tables have a column ``value`` of their own), and ``n_observed`` and ``n_missing``: the rows in which all
    its variables were observed, and the others (means over the datasets, where groups are imputed). Pooled figures are
    ``estimate, std_error, df, conf_low, conf_high, riv, fmi, method``. What does not exist is NaN; `messages` say why.

    Parameters
    ----------
    m : int
        Number of completed datasets.
    conf_level : float
        Level of the intervals.
    by : tuple of str
        The grouping variables.
    weights : str or None
        The column of weights.
    means : DataFrame
        ``variable``; one row a variable and group, in its units. Of a binary variable it is the proportion of ones.
    sds : DataFrame
        ``variable``; standard deviations of numbers, in their units.
    quantiles : DataFrame
        ``variable, probability``; quantiles of numbers, in their units.
    correlations : DataFrame
        ``variable, other``; one row a pair and group.
    frequencies : DataFrame
        ``variable, value``; one row a value of a binary variable or category and group, with ``count``, the rows that
        have it (a mean over the datasets, without weights), and its proportion as the estimate.
    cross : DataFrame
        ``variable, other, value, other_value``; one row a cell and group, with ``count`` as above, and
        ``row_proportion`` and ``total_proportion``, its shares of the rows with this value and of all (means over the
        datasets, with weights).
    messages : tuple of str
        What the reader should know.
    """

    m: int
    conf_level: float
    by: tuple[str, ...]
    weights: str | None
    means: pd.DataFrame = field(metadata={"of": MEAN})
    sds: pd.DataFrame = field(metadata={"of": STANDARD_DEVIATION})
    quantiles: pd.DataFrame = field(metadata={"of": QUANTILE})
    correlations: pd.DataFrame = field(metadata={"of": CORRELATION})
    frequencies: pd.DataFrame = field(metadata={"of": PROPORTION})
    cross: pd.DataFrame = field(metadata={"of": CROSS_TABLE})
    messages: tuple[str, ...] = ()

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that have rows, by their titles."""
        found = {statistic.title: getattr(self, name) for name, statistic in TABLES.items()}
        return {title: table for title, table in found.items() if len(table)}

    @property
    def title(self) -> str:
        """A line on what the tables are."""
        by = f" by {' and '.join(self.by)}" if self.by else ""
        weights = f"; weights {self.weights}" if self.weights is not None else ""
        return f"Descriptives of m = {self.m} completed datasets{by} ({100 * self.conf_level:g} % intervals{weights})"

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; what is infinite or does not exist is None."""
        from bayesimpute.base.tables import records

        first = {"m": self.m, "conf_level": self.conf_level, "by": list(self.by), "weights": self.weights}
        return first | {name: records(getattr(self, name)) for name in TABLES} | {"messages": list(self.messages)}

    def __str__(self) -> str:
        parts = [self.title]
        for title, table in self.tables.items():
            parts += ["", title, shown(table).to_string(index=False, float_format=short, na_rep="")]
        return "\n".join([*parts, *([""] if self.messages else []), *self.messages])


TABLES: dict[str, Statistic | CrossTable] = {f.name: f.metadata["of"] for f in fields(Descriptives) if f.metadata}
"""The statistics by the names of their tables, in the order of these."""


@typed_after
def descriptives(
    imputed: Result,
    variables: str | Sequence[str] | None = None,
    *,
    by: str | Sequence[str] = (),
    weights: str | None = None,
    quantiles: float | Sequence[float] = QUARTILES,
    correlations: bool = True,
    cross: Sequence[tuple[str, str]] = (),
    conf_level: float = 0.95,
) -> Descriptives:
    """Means, standard deviations, quantiles, correlations, frequencies and cross tables of the completed variables.

    Everything is pooled by Rubin's rules, with the degrees of freedom of Barnard & Rubin (1999), where dfcom is n − 1:

    * **means** with the complete-data variance s²/n; with weights the linearised one of
      :mod:`bayesimpute.estimating.survey`;
    * **standard deviations** on the log scale, on which their interval is transformed back. The complete-data variance
      of log s is (m₄ / m₂² − 1) / (4 (n − 1)) with the central moments m₂ and m₄ (delta method; it holds for any
      distribution, but is rough in small samples with long tails). The estimate is the arithmetic mean of the m
      standard deviations, and its standard error that of log s times the estimate;
    * **quantiles** with the variance of Woodruff (1952), as described there;
    * **correlations** as Fisher's z = artanh r with the variance 1 / (n − 3), transformed back, the estimate too; its
      variance is known, so that dfcom is infinite and complete data give the interval of R's ``cor.test``. With weights
      the variance is linearised, and dfcom is n − 1;
    * **proportions** (of binary variables and of categories) are arithmetic means with an interval on the logit scale,
      as :func:`bayesimpute.estimating.estimands.estimate` gives it. A proportion of 0 or 1 in all datasets has the
      exact interval of Clopper & Pearson (1934) if none of its rows is imputed; if some are, a proportion of 0 or 1 in
      any dataset has no interval, for its variance there is not known to be zero.

    A variable is binary if its completed values are all 0 or 1, yes or no. Numbers have means, standard deviations,
    quantiles and correlations; binary variables means, frequencies and correlations; categories have frequencies, and
    correlations if they have two labels (the second is 1). Rows are taken as drawn one by one, also in clusters: see
    ``estimate`` for strata and sampling units.

    Parameters
    ----------
    imputed : MultiplyImputed
        A finished run.
    variables : str or sequence of str, optional
        Columns of the data and derived variables; by default all that can be described, without cluster keys and
        without `by` and `weights`. An empty list leaves the cross tables alone.
    by : str or sequence of str
        The variables whose combinations of values are the groups, beside all rows.
    weights : str, optional
        The column with the weight of each row; only their proportions matter.
    quantiles : float or sequence of float
        The probabilities, between 0 and 1; none for an empty list.
    correlations : bool
        Whether to correlate each pair of variables.
    cross : sequence of (str, str)
        The pairs of variables that are cross-tabulated: rows, columns.
    conf_level : float
        Level of the intervals, between 0 and 1.

    Returns
    -------
    Descriptives

    Raises
    ------
    PlanError
        With every problem of the variables with the data: names that are not there, incomplete variables that were not
        imputed, kinds that cannot be described, weights that are missing or negative.
    AnalysisError
        Fewer than two datasets, or `conf_level` out of range.
    BayesimputeError
        If the run was stopped before its end.
    """
    usable(imputed, conf_level)
    asked = {"by": by, "weights": weights, "quantiles": quantiles, "cross": cross}
    request, messages = read_request(imputed, variables, **asked)
    run = GroupedRun(variables=Variables(imputed), by=request.by, weights=request.weights, level=conf_level)
    wanted = {name: correlations or name != "correlations" for name in TABLES}
    lines = {name: each.lines(run, request) if wanted[name] else () for name, each in TABLES.items()}
    tables = {name: _table(name, each, run, messages) for name, each in lines.items()}
    return Descriptives(
        m=imputed.m,
        conf_level=conf_level,
        by=request.by,
        weights=request.weights,
        messages=tuple(dict.fromkeys(messages)),
        **tables,
    )


def _table(name: str, lines: Iterable[Line], run: GroupedRun, messages: list[str]) -> pd.DataFrame:
    """The table of a statistic; why a figure does not exist is added to the messages."""
    statistic, rows = TABLES[name], []
    taken = {*COUNTS, *(column for each in TABLES.values() for column in (*each.columns, *each.figures))}
    groups = [group_column(variable, taken) for variable in run.by]
    for line in lines:
        label, seen = run.groups.labels[line.group], run.observed(line.names)
        counts = run.counts(line.group, seen, ~seen)
        own = dict(zip([*statistic.columns, *groups, *COUNTS], [*line.what, *label, *counts], strict=True))
        rows.append({**own, **line.figures})
        if line.note:
            where = f" ({run.where(label)})" if run.where(label) else ""
            messages.append(f"{name}[{', '.join(map(str, line.about or line.what))}]{where}: {line.note}")
    columns = pd.Index([*statistic.columns, *groups, *COUNTS, *statistic.figures])
    return counted(pd.DataFrame(rows, columns=columns), *COUNTS, "count")
