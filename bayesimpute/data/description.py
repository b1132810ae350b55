"""What is in a data set, before anything is imputed: its variables, their missing values, and what is odd about them.

The tables have everything; what is printed is bounded, and says what it leaves out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import Problem
from bayesimpute.base.phrases import counted
from bayesimpute.base.tables import cell, records
from bayesimpute.data.cluster_keys import parts
from bayesimpute.data.column_remarks import looks_ordered, not_normal, of_units, remarks, skewness
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete

VARIABLES, REMARKS, PATTERNS, WIDTH = 50, 12, 20, 12
"""Variables, remarks, patterns of missing values and columns of these that are printed unless all are asked for."""


@typed
@dataclass(frozen=True, kw_only=True, eq=False)
class Description:
    """What is in a data set; printed, it is at most a screen or two, unless all was asked for.

    Attributes
    ----------
    n_rows : int
        Its rows.
    clusters : mapping of str to int
        Cluster keys and their numbers of clusters.
    variables : DataFrame
        One row a variable: ``variable, type, level, observed, missing, share`` (that is missing), ``pattern, icc,
        lowest, highest, skewness, zeros`` (their share) and ``distinct`` (values). The level is ``1``, the key of a
        level-2 variable, or ``key`` for a cluster key that is not constant in another. Skewness and zeros of level-2
        variables count a cluster once.
    patterns : DataFrame
        The distinct patterns of missing cells: see :func:`patterns`.
    remarks : tuple of Problem
        Texts between numbers, codes that may mean missing, and what a normal model would draw that a variable never is.
    all : bool
        Whether everything is printed.
    """

    n_rows: int
    clusters: Mapping[str, int]
    variables: pd.DataFrame
    patterns: pd.DataFrame
    remarks: tuple[Problem, ...]
    all: bool

    @property
    def title(self) -> str:
        """``2000 rows, 100 clusters of school``."""
        return ", ".join(
            [counted(self.n_rows, "row"), *(f"{counted(n, 'cluster')} of {key}" for key, n in self.clusters.items())]
        )

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What is printed, by titles that say what is left out."""
        missing = [self._patterns()] if self.patterns.shape[1] > 1 else []
        return dict([self._variables(), *missing])

    @property
    def told(self) -> list[str]:
        """The remarks that are printed, a line each."""
        shown = self.remarks if self.all else self.remarks[:REMARKS]
        left = len(self.remarks) - len(shown)
        return [*map(str, shown), *([f"and {counted(left, 'remark')} more of this kind"] if left else [])]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``: everything."""
        found = [{**vars(p), "severity": str(p.severity)} for p in self.remarks]
        tables = {"variables": records(self.variables), "patterns": records(self.patterns.reset_index())}
        return {"rows": self.n_rows, "clusters": dict(self.clusters), **tables, "remarks": found}

    def __str__(self) -> str:
        lines = [self.title]
        for title, table in self.tables.items():
            lines += ["", title, table.to_string(index=False, float_format=cell, na_rep="")]
        return "\n".join([*lines, *([""] if self.remarks else []), *self.told])

    def _variables(self) -> tuple[str, pd.DataFrame]:
        """Incomplete ones first, if not all are shown."""
        table = self.variables
        if self.all or len(table) <= VARIABLES:
            return "Variables", table
        shown = table.iloc[np.sort(np.argsort(table["missing"].to_numpy() == 0, kind="stable")[:VARIABLES])]
        return f"{VARIABLES} of {len(table)} variables, those with missing values first", shown

    def _patterns(self) -> tuple[str, pd.DataFrame]:
        """The most frequent ones of the variables that miss most, if not all are shown."""
        table = self.patterns
        left = 0 if self.all else table.shape[1] - 1 - WIDTH
        title = "Patterns: n rows have 1 where a variable is observed and 0 where it is missing"
        kept = []
        if left > 0:
            kept.append(f"the {WIDTH} variables with the most missing values, {left} more are incomplete")
            table = _merged(table.iloc[:, left:-1])
        rows, last = table.iloc[:-1], table.iloc[-1:]
        if not self.all and len(rows) > PATTERNS:
            places = np.sort(np.argsort(-rows.index.to_numpy(dtype=np.int64), kind="stable")[:PATTERNS])
            share = rows.index[places].to_numpy(dtype=np.int64).sum() / self.n_rows
            kept.append(f"the {PATTERNS} most frequent of {len(rows)} patterns, {share:.0%} of all rows")
            rows = rows.iloc[places]
        return "; ".join([title, *kept]), pd.concat([rows, last]).reset_index()


def described(data: Incomplete, normal: Callable[[Column], bool], *, all: bool) -> Description:
    """What is in a data set, where `normal` says whether a column would have a normal model; `all` is to be printed."""
    return Description(
        n_rows=len(data.frame),
        clusters={key: data.n_clusters(key) for key in data.clusters},
        variables=_variables(data),
        patterns=patterns(data),
        remarks=_remarks(data, normal),
        all=all,
    )


def _keyed(data: Incomplete) -> frozenset[str]:
    return frozenset(part for key in data.clusters for part in parts(data.frame, key))


def _remarks(data: Incomplete, normal: Callable[[Column], bool]) -> tuple[Problem, ...]:
    """Of values first, then of the shapes of what is incomplete and would have a normal model."""
    names = [name for name in data.columns if name not in _keyed(data)]
    values = {name: remarks(data.columns[name]) for name in names}
    gaps = [name for name in names if data.variables[name].n_missing and not values[name]]
    shapes = [not_normal(data, name) for name in gaps if normal(data.columns[name])]
    orders = [looks_ordered(data.columns[name]) for name in gaps]
    return (*chain.from_iterable(values.values()), *(each for each in (*shapes, *orders) if each is not None))


def _variables(data: Incomplete) -> pd.DataFrame:
    keyed = _keyed(data)
    rows = []
    for v in data.variables.values():
        level = v.level or ("key" if v.name in keyed else "1")
        about = {"variable": v.name, "type": v.kind, "level": level, "observed": v.n_observed, "missing": v.n_missing}
        share = v.n_missing / len(data.frame)
        rows.append({**about, "share": share, "pattern": v.pattern, "icc": v.icc, **_values(data, v.name)})
    return pd.DataFrame(rows).astype({"icc": np.float64})


def _values(data: Incomplete, name: str) -> dict[str, float]:
    """Range, skewness, share of zeros and number of different values."""
    seen, distinct = of_units(data, name), {"distinct": 0}
    number = data.columns[name].kind == "number" and len(seen) > 0
    distinct["distinct"] = len(np.unique(seen))
    if not number:
        return {"lowest": np.nan, "highest": np.nan, "skewness": np.nan, "zeros": np.nan, **distinct}
    zeros = float((seen == 0).mean())
    return {"lowest": seen.min(), "highest": seen.max(), "skewness": skewness(seen), "zeros": zeros, **distinct}


def patterns(data: Incomplete) -> pd.DataFrame:
    """The distinct patterns of missing cells, as mice's ``md.pattern``.

    Returns
    -------
    DataFrame
        One row a pattern, indexed by the number of rows ``n`` that have it: 1 where a variable is observed, 0 where
        it is missing, and ``n_missing`` variables missing. Incomplete variables stand in the order of their missing
        cells, patterns by the number of missing variables, then the most frequent first. The last row, ``missing``, has
        the missing cells.
    """
    missing = data.missing
    missing = missing.loc[:, missing.any()]
    missing = missing[missing.sum().sort_values(kind="stable").index]
    cells = missing.to_numpy()
    codes = np.zeros(len(cells), dtype=np.int64)
    for column in cells.T:
        codes, _ = pd.factorize(2 * codes + column)
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    return _ordered(1 - cells[first].astype(np.int64), counts, cells.sum(axis=0), missing.columns)


def _merged(table: pd.DataFrame) -> pd.DataFrame:
    """A table of patterns some of whose columns were left out: equal rows become one."""
    rows = table.iloc[:-1]
    counts = rows.index.to_numpy(dtype=np.int64)
    distinct, codes = np.unique(rows.to_numpy(), axis=0, return_inverse=True)
    totals = np.bincount(codes.ravel(), weights=counts).astype(np.int64)
    return _ordered(distinct[::-1], totals[::-1], table.iloc[-1].to_numpy(), table.columns)


def _ordered(seen: np.ndarray, counts: np.ndarray, missing: np.ndarray, names: pd.Index) -> pd.DataFrame:
    """Patterns, shape (pattern, variable), as a table: see :func:`patterns`."""
    gaps = (1 - seen).sum(axis=1)
    order = np.lexsort((np.arange(len(seen)), -counts, gaps))
    index = pd.Index([*counts[order].tolist(), "missing"], dtype=object, name="n")
    table = pd.DataFrame(np.vstack([seen[order], missing]), index=index, columns=names)
    table.insert(len(table.columns), "n_missing", [*gaps[order].tolist(), int(missing.sum())], allow_duplicates=True)
    return table
