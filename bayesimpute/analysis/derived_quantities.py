"""Quantities derived from the coefficients of an analysis, with delta-method covariances.

``"b[texp] + 5 * b[sex:texp]"``: ``b[…]`` is a coefficient by its name, the rest is arithmetic and the functions of
``SMOOTH``, in the language of :mod:`bayesimpute.formulas`, which cannot run code. Gradients are exact to rounding: the
derivative of f is Im f(b + ih) / h for a step h so small that it changes nothing else (Squire & Trapp 1998, SIAM
Review 40:110), which is why every function here must be one of a complex variable.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import AnalysisError, FormulaError, did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.formulas import evaluate_expression
from bayesimpute.formulas.algebra import term_name
from bayesimpute.formulas.syntax import Call, Name, Node, Number, Operation, read_expression, render, walk
from bayesimpute.formulas.terms import split

STEP = 1e-30
SMOOTH = ("exp", "log", "sqrt", "tanh", "expit", "logit")
OPERATORS = frozenset(("+", "-", "*", "/", "**"))
_COEFFICIENT = re.compile(r"\bb\[((?:[^\[\]]|\[[^\[\]]*\])+)\]")


def derive(estimate: Estimate, expressions: Mapping[str, str]) -> Estimate:
    """The same fit with other terms: functions of its coefficients.

    Parameters
    ----------
    estimate : Estimate
        A fit.
    expressions : mapping of str to str
        Expressions by the name of the new term.

    Returns
    -------
    Estimate
        Values g(b) with the covariance G U Gᵀ, G the gradients; variance components as they are. Complete-data degrees
        of freedom that differ between terms become the smallest of those used.

    Raises
    ------
    AnalysisError
        An expression that cannot be read, names what is no coefficient, or is not finite at the estimates.
    """
    if not expressions:
        raise AnalysisError("derived: no expression is given; write one like b[texp] + 5 * b[sex:texp]")
    read = {f"derived[{name}]": text for name, text in expressions.items()}
    plain, used = zip(*(_read(text, estimate.terms, place) for place, text in read.items()), strict=True)
    b = np.asarray(estimate.estimates, dtype=float)
    points = np.vstack([b, b + 1j * STEP * np.eye(len(b))])
    columns = {_column(term): points[:, place] for place, term in enumerate(estimate.terms)}
    found = np.array([evaluate_expression(text, columns) for text in plain])
    for place, value in zip(read, found[:, 0].tolist(), strict=True):
        if not np.isfinite(value) or abs(value.imag) > 1e-12 * max(abs(value.real), 1e-300):
            raise AnalysisError(f"{place}: it is not a finite number at the estimates; look at its expression")
    gradients, dfcom = np.imag(found[:, 1:]) / STEP, estimate.dfcom
    if np.shape(dfcom):
        each = dict(zip(estimate.terms, np.asarray(dfcom), strict=True))
        dfcom = np.array([min(each[term] for term in terms) for terms in used])
    return replace(
        estimate,
        terms=tuple(expressions),
        estimates=np.real(found[:, 0]),
        covariance=gradients @ np.asarray(estimate.covariance) @ gradients.T,
        dfcom=dfcom,
    )


def _column(term: str) -> str:
    return f"b[{term}]"


def _read(text: str, terms: Sequence[str], place: str) -> tuple[str, frozenset[str]]:
    """An expression of columns that are called ``b[term]``, all of it allowed, and the terms that it uses."""
    if not isinstance(text, str) or not text.strip():
        raise AnalysisError(f"{place}: an expression is needed; write one like b[texp] + 5 * b[sex:texp]")
    used = frozenset(_term(match[1], terms) for match in _COEFFICIENT.finditer(text))
    for term in used.difference(terms):
        remedy = did_you_mean(term, terms, f"name one of {listed(terms, 12)}")
        raise AnalysisError(f'{place}: there is no coefficient "{term}"; {remedy}')
    if not used:
        raise AnalysisError(f"{place}: {text} uses no coefficient; write b[…] with one of {listed(terms, 12)}")
    plain = _COEFFICIENT.sub(lambda match: f"`{_column(_term(match[1], terms))}`", text)
    try:
        tree = read_expression(plain, place)
    except FormulaError as error:
        raise AnalysisError(f"{error}; use b[term], numbers, + - * / **, and functions") from error
    columns = frozenset(map(_column, used))
    for node in () if tree is None else walk(tree):
        if not _allowed(node, columns):
            remedy = f"use b[term], numbers, + - * / ** and the functions {', '.join(SMOOTH)}"
            raise AnalysisError(f"{place}: {render(node)} is not allowed; {remedy}")
    return plain, used


def _term(written: str, terms: Sequence[str]) -> str:
    """The coefficient that is meant, whatever the spaces: ``log(x/2)`` is ``log(x / 2)``."""
    name = written.strip()
    if name in terms:
        return name
    try:
        normal = term_name(split(name))
    except FormulaError:
        return name
    return normal if normal in terms else name


def _allowed(node: Node, columns: frozenset[str]) -> bool:
    match node:
        case Name(name):
            return name in columns
        case Call(function, arguments, keywords):
            return function in SMOOTH and len(arguments) == 1 and not keywords
        case Operation(symbols):
            return OPERATORS.issuperset(symbols)
    return isinstance(node, Number)
