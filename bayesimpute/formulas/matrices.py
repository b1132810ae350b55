"""The common terms of a formula as a matrix, on the data it was built on and on any other: the only import of formulae.

formulae codes the categories, finds the parameters of ``scale``, ``poly`` and ``bs``, and names the columns, so all
of it is what bambi does. It is handed terms that have been read and written out by :mod:`.language`, a frame of only
the columns that they name, and a namespace of only the functions that they may call: no Python scope is captured.

New data do not go through formulae's own evaluation where a term is made of plain columns, since it compares labels
one by one; a matrix of 2000 rows and 4 columns takes a fraction of a millisecond. A matrix that is kept is refreshed
term by term (:meth:`Matrix.refresh`): what reads nothing that has changed is left alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache, cached_property, reduce
from typing import Any, cast

import numpy as np
import pandas as pd

from bayesimpute.base.errors import FormulaError, Problem, did_you_mean, one
from bayesimpute.base.phrases import counted, listed
from bayesimpute.formulas.algebra import Term, bambi_name, keyed
from bayesimpute.formulas.excerpts import AsSeries, Excerpt, Table, as_formulae_takes, used
from bayesimpute.formulas.functions import FUNCTIONS
from bayesimpute.formulas.language import Formula, parse, usage_of
from bayesimpute.formulas.syntax import Call, Constant, Name, Node, Number, Text, render, walk
from bayesimpute.formulas.usage import labelled

_CODING = ("C", "T", "S")

Given = Mapping[str, Callable[..., np.ndarray]]
Put = Callable[[np.ndarray, int, np.ndarray, np.ndarray, float, float], None]
"""Writes into a matrix, at a place, of a column at some rows what is left without a centre, over a scale."""


@dataclass(frozen=True, eq=False)
class About:
    """What is subtracted from the columns of a factor of a term; of a power from the column that is raised to it."""

    means: np.ndarray
    base: str | None = None
    power: int = 1


@dataclass(frozen=True, eq=False)
class Matrix:
    """Terms with their coding and transforms frozen; see :func:`build`.

    Attributes
    ----------
    names : tuple of str
        The columns as bambi prints them: ``Intercept``, ``sex``, ``marital[single]``, ``sex:texp``.
    terms : tuple of (str, slice)
        The name of each term and its columns.
    columns : tuple of str
        The columns of the data that it is computed from.
    path : str
        Where the formula stands, for messages.
    by_name : bool
        Whether its functions ask for the names of columns.
    abouts : tuple of tuple of About or None
        By term and factor, where products and powers are about means: see :mod:`.centring`.
    to_zero, constant : ndarray, shape (column, column) and (column,), or None
        The columns are ``X @ to_zero + constant`` of those X that the formula names; None: they are these.
    """

    names: tuple[str, ...]
    terms: tuple[tuple[str, slice], ...]
    columns: tuple[str, ...]
    path: str
    _terms: tuple[Any, ...]
    _atoms: Mapping[str, Name | Call]
    _reads: tuple[frozenset[str], ...]
    by_name: bool
    abouts: tuple[tuple[About | None, ...], ...] = ()
    to_zero: np.ndarray | None = None
    constant: np.ndarray | None = None

    @property
    def parts(self) -> list[list[tuple[Any, Node]]]:
        """Of each term its factors, as formulae has them and as they are written."""
        return [[(factor, self._atoms[factor.name]) for factor in _factors(term)] for term in self._terms]

    def evaluate(self, frame: "pd.DataFrame | Table") -> np.ndarray:
        """The matrix on other data, with labels and transforms as on the first.

        Parameters
        ----------
        frame : DataFrame
            Completed data, with `columns` and any others.

        Returns
        -------
        ndarray, shape (unit, column)
            Float64.

        Raises
        ------
        FormulaError
            If a column is not there, or holds a label that it did not hold before, or a category is missing.
        """
        _require(self.columns, frame, self.path)
        result = np.empty((len(frame), len(self.names)))
        self.refresh(result, frame)
        return result

    def refresh(
        self,
        out: np.ndarray,
        frame: "pd.DataFrame | Table",
        rows: np.ndarray | slice | None = None,
        changed: Set[str] | None = None,
        *,
        centre: np.ndarray | None = None,
        scale: np.ndarray | None = None,
        put: Put | None = None,
    ) -> None:
        """Put the columns of those terms that read what has changed into `out`.

        Parameters
        ----------
        out : ndarray, shape (row, column)
            Is written to.
        frame : DataFrame
            Completed data.
        rows : ndarray of int or slice, optional
            Which rows of the data; all by default.
        changed : set of str, optional
            Columns of the data; all by default.
        centre, scale : ndarray, shape (column,), optional
            What is subtracted from the columns, and what they are divided by then.
        put : callable, optional
            A quick way to write columns of numbers.

        Raises
        ------
        FormulaError
            As :meth:`evaluate`.
        """
        data = Excerpt(frame, rows, len(out), by_name=self.by_name)
        quick = put is not None and centre is not None and scale is not None and isinstance(rows, np.ndarray)
        known = getattr(frame, "numbers", {}) if quick else {}
        with np.errstate(all="ignore"):
            for term, about, plain, reads, (name, place) in zip(
                self._terms, self._about_each, self._plain, self._reads, self.terms, strict=True
            ):
                if changed is not None and reads.isdisjoint(changed):
                    continue
                if plain in known:
                    k = place.start
                    put(out, k, known[plain], rows, centre[k], scale[k])  # type: ignore[misc, index]
                    continue
                try:
                    values = _term(term, data, about)
                except Exception as error:
                    raise _failed(name, error, self.path) from error
                values = values if centre is None else values - centre[place]
                out[:, place] = values if scale is None else values / scale[place]

    @property
    def _about_each(self) -> Sequence[tuple[About | None, ...]]:
        return self.abouts or [()] * len(self._terms)

    @cached_property
    def _plain(self) -> tuple[str | None, ...]:
        """Of each term the column of numbers that it is, as it stands; None of others."""
        return tuple(_plain_number(*of) for of in zip(self._terms, self._about_each, strict=True))

    def reads(self, k: int) -> frozenset[str]:
        """The columns of the data that one of its own is computed from."""
        terms = zip(self._reads, self.terms, strict=True)
        return next(names for names, (_, place) in terms if place.start <= k < place.stop)

    @property
    def bambis(self) -> tuple[str, ...]:
        """What bambi calls each term: as we do, but without parentheses inside of calls."""
        atoms = ([self._atoms[factor.name] for factor in _factors(term)] for term in self._terms)
        return tuple(bambi_name(tuple(of)) if of else name for of, (name, _) in zip(atoms, self.terms, strict=True))

    def without_intercept(self) -> "Matrix":
        """The same coding without the column of ones, which is the first."""
        if "Intercept" not in self.names:
            return self
        terms = tuple((name, slice(place.start - 1, place.stop - 1)) for name, place in self.terms[1:])
        return replace(self, names=self.names[1:], terms=terms, _terms=self._terms[1:], _reads=self._reads[1:])


def build(
    common: str | Sequence[Term], frame: pd.DataFrame, extra: Given | None = None, *, path: str = "formula"
) -> Matrix:
    """Code the common terms of a formula on data.

    Parameters
    ----------
    common : str or sequence of Term
        The terms, without a left side and without random effects: ``Formula.trees`` or ``Group.trees``, or a text.
    frame : DataFrame
        Completed data: numbers, yes/no values, categories or texts. Labels and transforms are taken from here.
    extra : mapping of str to callable, optional
        ``cluster_mean(values, key)``, ``observed(name)`` and ``systematic(name, key)``, as for
        :func:`.expressions.evaluate_expression`. They are called anew by every :meth:`Matrix.evaluate`.
    path : str
        Where the formula stands, for messages.

    Returns
    -------
    Matrix
        ``0`` makes a matrix without columns.

    Raises
    ------
    FormulaError
        If the formula is not allowed, or names a column that the frame does not have, or cannot be computed on it.
    """
    formula = (
        parse(common, response="forbidden", path=path) if isinstance(common, str) else Formula.of("", None, common, ())
    )
    if formula.groups:
        raise one(FormulaError, path, f"{formula.groups[0]} is a random effect", "give the common terms only")
    names = tuple(sorted(formula.names))
    _check(formula, frame, extra or {}, path)
    coded, whole = _coded_only(formula), labelled(_nodes(formula.trees))
    columns = {
        name: frame[name] if name in coded else as_formulae_takes(cast(pd.Series, frame[name])) for name in names
    }
    columns = {name: column if name in whole else used(column) for name, column in columns.items()}
    data = pd.DataFrame(columns, index=frame.index)
    try:
        with np.errstate(all="ignore"):
            terms, atoms = _design(formula, data, namespace(extra or {}))
    except Exception as error:
        raise _failed(formula.common, error, path) from error
    return _matrix(terms, atoms, names, path, by_name=bool(extra))


def namespace(extra: Given) -> dict[str, Callable[..., Any]]:
    """Every function that a formula may call and formulae does not have, for formulae's or bambi's ``extra_namespace``.

    formulae hands a function the columns themselves; those in `extra` get the name of a key or a column instead.
    """
    _mend_calls()
    functions = {name: f.apply for name, f in FUNCTIONS.items() if f.formula and f.apply is not None}
    del functions["I"]
    if "cluster_mean" in extra:
        functions["cluster_mean"] = lambda x, key: extra["cluster_mean"](np.asarray(x, dtype=np.float64), _key(key))
    if "observed" in extra:
        functions["observed"] = lambda column: np.asarray(extra["observed"](column.name), dtype=np.float64)
    if "systematic" in extra:
        functions["systematic"] = lambda column, key: np.asarray(extra["systematic"](column.name, _key(key)), float)
    return functions


def _key(key: pd.Series | str) -> str:
    return key if isinstance(key, str) else str(key.name)


def _check(formula: Formula, frame: pd.DataFrame, extra: Given, path: str) -> None:
    _require(sorted(formula.names), frame, path)
    used = [("cluster_mean", formula.cluster_means), ("observed", formula.observed), ("systematic", formula.systematic)]
    problems = [
        Problem(path=path, finding=f"{name} cannot be computed here", remedy="use it in a formula of a plan")
        for name, uses in used
        if uses and name not in extra
    ]
    for name in sorted(formula.whole):
        if missing := int(np.sum(np.asarray(frame[name].isna()))):
            finding = f'column "{name}" has {counted(missing, "missing value")}'
            problems.append(Problem(path=path, finding=finding, remedy="build the matrix on completed data"))
    problems += _references(formula, frame, path)
    if problems:
        raise FormulaError(problems)


def _require(names: Any, frame: "pd.DataFrame | Table", path: str) -> None:
    absent = [name for name in names if name not in frame]
    if absent:
        known = list(map(str, frame))
        findings = [
            (f'column "{n}" is not in the data', did_you_mean(n, known, "use a column of the data")) for n in absent
        ]
        raise FormulaError([Problem(path=path, finding=finding, remedy=remedy) for finding, remedy in findings])


def coded_columns(formula: Formula) -> frozenset[str]:
    """The columns that ``C``, ``T`` or ``S`` make categories of, anywhere in a formula."""
    nodes = _nodes((*formula.trees, *(term for group in formula.groups for term in group.trees)))
    calls = [node for node in nodes if isinstance(node, Call) and node.function in _CODING]
    return frozenset(node.name for call in calls for node in walk(call) if isinstance(node, Name))


def _nodes(terms: Iterable[Term]) -> Iterator[Node]:
    return (node for term in terms for atom in term for node in walk(atom))


def _calls(formula: Formula) -> list[Call]:
    """The calls that code a category: ``C``, ``T`` and ``S``."""
    return [node for node in _nodes(formula.trees) if isinstance(node, Call) and node.function in _CODING]


def _coded_only(formula: Formula) -> set[str]:
    """Columns that are only coded, never calculated with: they keep whole numbers, ``C(region)[2]`` not ``[2.0]``."""
    coded = [name for call in _calls(formula) if (name := getattr(call.arguments[0], "name", None)) is not None]
    used = [node.name for node in _nodes(formula.trees) if isinstance(node, Name)]
    return {name for name in coded if used.count(name) == coded.count(name)}


def _references(formula: Formula, frame: pd.DataFrame, path: str) -> list[Problem]:
    """References of ``C(x, Treatment("a"))``, ``T(x, "a")`` and ``S(x, "a")`` that are not labels of their column."""
    problems = []
    for call in _calls(formula):
        column = getattr(call.arguments[0], "name", None)
        labels = set(frame[column].unique()) if column is not None else set()
        for reference in _values(call) if column is not None else ():
            if reference not in labels:
                finding = f'"{reference}" is not a label of column "{column}"'
                known = sorted(map(str, labels))
                remedy = did_you_mean(str(reference), known, f"its labels are {listed(known, 12)}")
                problems.append(Problem(path=path, finding=finding, remedy=remedy))
    return problems


def _values(call: Call) -> list[Any]:
    settings: list[Node] = [*call.arguments[1:], *(value for _, value in call.keywords)]
    values = [
        part.value for setting in settings for part in walk(setting) if isinstance(part, Text | Number | Constant)
    ]
    return [value for value in values if value is not None]


@cache
def _mend_calls() -> None:
    """Calls of formulae 0.6 compare to calls only: ``log(1 + f(x))`` beside ``log(1 + y / 2)`` ends in a traceback."""
    from formulae.terms.call_resolver import LazyCall

    compare = LazyCall.__eq__

    def equal(one: Any, other: object) -> bool:
        return isinstance(other, LazyCall) and bool(compare(one, other))

    setattr(LazyCall, "__eq__", equal)  # noqa: B010


def _design(
    formula: Formula, data: pd.DataFrame, functions: dict[str, Callable[..., Any]]
) -> tuple[list[Any], dict[str, Name | Call]]:
    """The terms as formulae has them, evaluated on the data, and what is written for each factor, by formulae's name.

    formulae adds terms where a product of categories needs them: ``d`` to ``c:d``. Their factors are written ones.

    They are resolved one at a time: its resolver would go as deep as there are terms, and compares them by a hash that
    texts and numbers in calls do not have.
    """
    from formulae.environment import Environment
    from formulae.parser import Parser
    from formulae.resolver import Resolver
    from formulae.scanner import Scanner
    from formulae.terms import Intercept, Model

    texts = [text for text in formula.common_terms if text != "1"]
    intercept = [Intercept()] if "1" in formula.common_terms else []
    scanned = [Scanner(text).scan(add_intercept=False) for text in texts]
    terms = [Resolver(Parser(tokens).parse()).resolve() for tokens in scanned]
    trees = [tree for tree in formula.trees if tree]
    for term, tree in zip(terms, trees, strict=True):
        _name(term, tree)
    pairs = [zip(term.components, tree, strict=True) for term, tree in zip(terms, trees, strict=True)]
    atoms = {factor.name: atom for of in pairs for factor, atom in of}
    model = Model(*intercept, *terms)
    model.eval(data, Environment([functions]))
    return model.common_terms, atoms


def _name(term: Any, tree: Term) -> None:
    """Give calls the names under which we print them: formulae's lack parentheses, and what is called alike is one."""
    for component, atom in zip(term.components, tree, strict=True):
        if isinstance(atom, Call):
            component.name = render(keyed(atom), faithful=False)
    term.name = ":".join(str(component.name) for component in term.components)


def _matrix(
    terms: list[Any], atoms: Mapping[str, Name | Call], names: tuple[str, ...], path: str, *, by_name: bool
) -> Matrix:
    labels: list[str] = []
    places = []
    for term in terms:
        places.append((str(term.name), slice(len(labels), len(labels) + len(term.labels))))
        labels += map(str, term.labels)
    reads = [usage_of([tuple(atoms[f.name] for f in _factors(term))]).names for term in terms]
    return Matrix(tuple(labels), tuple(places), names, path, tuple(terms), atoms, tuple(reads), by_name)


def _factors(term: Any) -> list[Any]:
    return [] if term.kind == "intercept" else term.components


def _term(term: Any, data: Excerpt, about: Sequence[About | None]) -> np.ndarray:
    if term.kind == "intercept":
        return np.ones((data.shape[0], 1))
    factors = zip(_factors(term), about or [None] * len(_factors(term)), strict=True)
    return reduce(_products, (_moved(component, data, where) for component, where in factors))


def _plain_number(term: Any, about: Sequence[About | None]) -> str | None:
    factors = _factors(term)
    if len(factors) != 1 or any(about) or factors[0].kind != "numeric" or getattr(factors[0], "call", None) is not None:
        return None
    return factors[0].name


def _moved(component: Any, data: Excerpt, about: About | None) -> np.ndarray:
    if about is None:
        return component_values(component, data)
    if about.base is None:
        return component_values(component, data) - about.means
    return ((data.numbers(about.base) - about.means) ** about.power)[:, None]


def component_values(component: Any, data: Excerpt) -> np.ndarray:
    """The columns of a factor of a term, shape (row, column)."""
    name = _plain_column(component)
    if name is None:
        known = data if component.kind == "numeric" else AsSeries(data)
        values = np.asarray(component.eval_new_data(known), dtype=np.float64)
    elif component.kind == "numeric":
        values = data.numbers(name)
    else:
        values = _coded(component, data.series(name))
    return values[:, None] if values.ndim == 1 else values


def _plain_column(component: Any) -> str | None:
    """The column that a part of a term is, or codes; None if it is computed."""
    call = getattr(component, "call", None)
    if call is None:
        return component.name
    coded = call.callee in _CODING and type(call.args[0]).__name__ == "LazyVariable"
    return call.args[0].name if coded else None


def _coded(component: Any, column: pd.Series) -> np.ndarray:
    # By equality of the labels, not by dtype: imputed whole numbers and yes/no values may have become floats.
    place = {level: code for code, level in enumerate(component.levels)}
    labelled = isinstance(column.dtype, pd.CategoricalDtype)
    found, values = (column.cat.codes.to_numpy(), column.cat.categories) if labelled else pd.factorize(column)
    codes = np.array([*(place.get(value, -1) for value in values), -1])[found]
    if (codes < 0).any():
        unknown = found[codes < 0].max()
        finding = "it has missing values" if unknown < 0 else f'the label "{values[unknown]}" is new'
        raise ValueError(f'column "{column.name}": {finding}')
    return component.contrast_matrix.matrix[codes]


def _products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Each column of one times each of the other, those of the first changing slowest."""
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), left.shape[1] * right.shape[1])


def _failed(what: str, error: Exception, path: str) -> Exception:
    if isinstance(error, FormulaError):
        return error
    finding = f"{what} cannot be computed on these data: {str(error) or type(error).__name__}"
    return one(FormulaError, path, finding, "check the types of its columns and the settings of its functions")
