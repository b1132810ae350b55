"""Expressions of derived variables: ``sex * texp``, ``wgt / (hgt / 100)**2``, ``cluster_mean(x, g)``, ``age > 50``.

They are evaluated here, on arrays, without formulae or Python's ``eval``. Everything is a float: yes/no values are 0
and 1, a comparison gives 0 or 1, and whatever follows from a missing value is missing (also a comparison, as in R).
Division by zero and overflow give infinity or NaN, silently: what that means for the data is for the caller to say.

A category can only be compared with a text or another category; where more is needed, derive one indicator a label.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.errors import FormulaError, did_you_mean, one
from bayesimpute.data.dates import is_date
from bayesimpute.formulas.functions import FUNCTIONS, GIVEN
from bayesimpute.formulas.syntax import Call, Constant, Name, Node, Number, Operation, Text, read_expression, render
from bayesimpute.formulas.usage import Usage, mean_key

Value = np.ndarray | float | pd.Categorical | str

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CALCULATE: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "//": np.floor_divide,
    "%": np.mod,
    "**": np.power,
}


@dataclass(frozen=True)
class Expression:
    """An expression that has been read and found harmless.

    Attributes
    ----------
    source : str
        As written.
    names : frozenset of str
        All columns in it.
    needs : frozenset of str
        Those whose values are used, cluster keys among them; not those that are only ``observed()``.
    cluster_means : frozenset of (str, str)
        Columns and keys of every ``cluster_mean``.
    observed : frozenset of str
        Columns whose missingness indicator is used.
    systematic : frozenset of (str, str)
        Columns and keys of every ``systematic``.
    timed : frozenset of (str, str)
        Functions of a subject's visits, with the columns.
    tree : Node
        What was read.
    path : str
        Where it stands, for messages.
    """

    source: str
    names: frozenset[str]
    needs: frozenset[str]
    cluster_means: frozenset[tuple[str, str]]
    observed: frozenset[str]
    systematic: frozenset[tuple[str, str]]
    timed: frozenset[tuple[str, str]]
    tree: Node
    path: str

    @classmethod
    def of(cls, source: str, tree: Node, path: str) -> "Expression":
        """An expression from a tree that is known to be harmless."""
        usage = Usage(path, "expression")
        usage.visit(tree)
        calls = frozenset(usage.cluster_means), frozenset(usage.observed), frozenset(usage.systematic)
        calls += (frozenset(usage.timed),)
        return cls(source, usage.names, frozenset(usage.needs), *calls, tree, path)

    def __str__(self) -> str:
        return render(self.tree)

    @property
    def keys(self) -> frozenset[str]:
        """The cluster keys inside calls."""
        return frozenset(key for _, key in self.cluster_means | self.systematic)

    @property
    def masks(self) -> frozenset[str]:
        """The columns of whose cells it is used which are observed."""
        timed = (name for function, name in self.timed if function != "lag")
        return self.observed.union((name for name, _ in self.systematic), timed)

    @property
    def plain_mean(self) -> tuple[str, str] | None:
        """Column and key of an expression that is ``cluster_mean(column, key)`` and no more."""
        if not isinstance(self.tree, Call) or self.tree.function != "cluster_mean":
            return None
        column, key = self.tree.arguments
        return (column.name, ":".join(mean_key(key) or ())) if isinstance(column, Name) else None


def parse_expression(source: str, path: str = "expression", *, number: bool = False) -> Expression:
    """Read an expression.

    Parameters
    ----------
    source : str
        ``"wgt / (hgt / 100)**2"``.
    path : str
        Where it stands in the plan, for messages.
    number : bool
        Whether it may be a number, without any column.

    Returns
    -------
    Expression

    Raises
    ------
    FormulaError
        If it cannot be read, contains something that is not allowed, or no column.
    """
    if not isinstance(source, str):  # what cannot be kept in the memory of texts that were read
        return _parse.__wrapped__(source, path, number)
    return _parse(source, path, number)


@lru_cache(maxsize=4096)
def _parse(source: str, path: str, number: bool) -> Expression:
    tree = read_expression(source, path)
    usage = Usage(path, "expression")
    if tree is None:
        raise one(FormulaError, path, "the expression is empty", "write a calculation with columns: sex * texp")
    usage.visit(tree)
    if isinstance(tree, Text | Constant):
        usage.add(f"{render(tree)} is not a calculation", "write a calculation with columns: sex * texp")
    elif not usage.names and not usage.problems and not number:
        usage.add(f"{render(tree)} contains no column", "write a calculation with columns: sex * texp")
    if usage.problems:
        raise FormulaError(usage.problems)
    return Expression.of(source, tree, path)


def evaluate_expression(
    expression: Expression | str,
    columns: Mapping[str, np.ndarray | pd.Series],
    extra: Mapping[str, Callable[..., np.ndarray]] | None = None,
) -> np.ndarray:
    """The values of an expression.

    Parameters
    ----------
    expression : Expression or str
        As read by :func:`parse_expression`, or the text.
    columns : mapping of str to array or Series, shape (unit,)
        The columns by name: numbers (also complex ones), yes/no values, categories or texts. A data frame will do.
    extra : mapping of str to callable, optional
        ``cluster_mean(values, key)``, of an array of shape (unit,) and the name of a key (``school`` or ``a:b``),
        ``observed(name)``, ``systematic(name, key)``, ``lag(values)``, ``since_dropout(name)``, ``dropout(name)``;
        each returns an array of shape (unit,).

    Returns
    -------
    ndarray, shape (unit,)
        Float64 (complex of complex columns), NaN where an operand is missing.

    Raises
    ------
    FormulaError
        If a column is not there, or text is calculated with.
    """
    if isinstance(expression, str):
        expression = parse_expression(expression)
    for name in sorted(expression.names):
        if name not in columns:
            remedy = did_you_mean(name, columns, "use a column of the data")
            raise one(FormulaError, expression.path, f'column "{name}" is not in the data', remedy)
    evaluator = _Evaluator(expression.path, columns, extra or {})
    with np.errstate(all="ignore"):
        result = evaluator.number(expression.tree)
    length = len(columns[min(expression.names or columns)])
    return np.broadcast_to(np.asarray(result, dtype=np.result_type(result, np.float64)), (length,)).copy()


@dataclass(frozen=True)
class _Evaluator:
    """Walks a tree that :class:`.usage.Usage` has let through."""

    path: str
    columns: Mapping[str, np.ndarray | pd.Series]
    extra: Mapping[str, Callable[..., np.ndarray]]

    def value(self, node: Node) -> Value:
        match node:
            case Name(name):
                return _column(self.columns[name])
            case Number(value):
                return float(value)
            case Text(value):
                return value
            case Constant(value):
                return float(value) if value is not None else float("nan")
            case Call():
                return self.call(node)
            case Operation():
                return self.operation(node)

    def number(self, node: Node) -> np.ndarray | float:
        value = self.value(node)
        if isinstance(value, pd.Categorical | str):
            finding = f"{render(node)} is text, which cannot be calculated with"
            same = f'{render(node)} == "a"'
            raise one(FormulaError, self.path, finding, f"compare it with a label: ({same}), or I({same}) as a term")
        return value

    def call(self, node: Call) -> np.ndarray | float:
        if node.function in GIVEN:
            return self.given(node)
        function = FUNCTIONS[node.function]
        if function.labels:
            return self.of_labels(node)
        dated = function.dates
        values: list[Any] = [a.value if dated and isinstance(a, Text) else self.number(a) for a in node.arguments]
        if node.function == "round" and len(values) == 2:
            values[1] = int(values[1])
        assert function.apply is not None
        return function.apply(*values)

    def of_labels(self, node: Call) -> np.ndarray:
        function, value = FUNCTIONS[node.function], self.value(node.arguments[0])
        text = render(node.arguments[0])
        if not isinstance(value, pd.Categorical):
            raise one(FormulaError, self.path, f"{text} is a number, and has no labels", "use it as it is")
        if not value.ordered:
            remedy = f'say it: columns.{text} = "a < b", or use {text} itself'
            raise one(FormulaError, self.path, f"the labels of {text} have no order", remedy)
        assert function.apply is not None
        return function.apply(value)

    def given(self, node: Call) -> np.ndarray:
        if node.function not in self.extra:
            finding = f"{node.function} cannot be computed here"
            raise one(FormulaError, self.path, finding, "use it in a formula or a derived variable of a plan")
        function = self.extra[node.function]
        values = node.function in ("cluster_mean", "lag")
        first = self.number(node.arguments[0]) if values else render(node.arguments[0], faithful=False)
        keys = [":".join(mean_key(key) or ()) for key in node.arguments[1:]]
        return np.asarray(function(first, *keys), dtype=np.float64)

    def operation(self, node: Operation) -> np.ndarray | float:
        symbol = node.symbols[0]
        if symbol in _COMPARE:
            return self.compare(node)
        values = [self.number(operand) for operand in node.operands]
        if node.unary:
            return _not(values[0]) if symbol == "not" else np.multiply(-1.0 if symbol == "-" else 1.0, values[0])
        if symbol in ("or", "|"):
            return _not(reduce(_and, map(_not, values)))
        if symbol in ("and", "&"):
            return reduce(_and, values)
        result = values[0]
        for step, value in zip(node.symbols, values[1:], strict=True):
            result = _CALCULATE[step](result, value)
        return result

    def compare(self, node: Operation) -> np.ndarray | float:
        symbol = node.symbols[0]
        left, right = (self.value(operand) for operand in node.operands)
        texts = [isinstance(value, pd.Categorical | str) for value in (left, right)]
        if any(texts) and (not all(texts) or symbol not in ("==", "!=")):
            date = next((value for value in (left, right) if isinstance(value, str) and is_date(value)), None)
            remedy = f'write days("{date}") if you mean the date' if date else "compare text with text, by == or !="
            raise one(FormulaError, self.path, f"{render(node)} compares text with a number or by size", remedy)
        missing = _missing(left) | _missing(right)
        result = _COMPARE[symbol](_plain(left), _plain(right))
        return np.where(missing, np.nan, np.asarray(result, dtype=np.float64))


def _column(column: np.ndarray | pd.Series) -> np.ndarray | pd.Categorical:
    series = pd.Series(column) if not isinstance(column, pd.Series) else column
    if isinstance(series.dtype, pd.CategoricalDtype):
        return pd.Categorical(series)
    if pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
        kind = np.complex128 if pd.api.types.is_complex_dtype(series) else np.float64
        return series.to_numpy(dtype=kind, na_value=np.nan)
    return pd.Categorical(series)


def _plain(value: Value) -> Any:
    return np.asarray(value, dtype=object) if isinstance(value, pd.Categorical) else value


def _missing(value: Value) -> Any:
    if isinstance(value, str):
        return np.False_
    return value.isna() if isinstance(value, pd.Categorical) else np.isnan(value)


def _not(value: np.ndarray | float) -> np.ndarray:
    return np.where(np.isnan(value), np.nan, np.equal(value, 0))


def _and(left: np.ndarray | float, right: np.ndarray | float) -> np.ndarray:
    """False if either is false, whatever is missing; missing if the answer depends on what is missing."""
    false = np.equal(left, 0) | np.equal(right, 0)
    return np.where(false, 0.0, np.where(np.isnan(left) | np.isnan(right), np.nan, 1.0))
