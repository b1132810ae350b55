"""Products and powers about the means of their variables, so that what is said of them holds there.

The column of ``x:z`` becomes (x - m)(z - k), that of ``I(x ** 2)`` (x - m)^2, with the means m and k in a first frame.
It is the same model, but its coefficients say what happens where the variables have their means, so that what priors
say of them does not depend on where a variable has its zero. That needs every lower term: ``x:z`` without ``z`` would
be another model about every other mean, and is left alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import comb, prod
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.formulas.excerpts import Excerpt
from bayesimpute.formulas.matrices import About, Matrix, component_values
from bayesimpute.formulas.syntax import Call, Name, Node, Number, Operation

Monomial = frozenset[tuple[str, int]]
"""The factors of a column, numbers and labels of categories, with their powers."""


def about_means(matrix: Matrix, frame: pd.DataFrame, *, intercept: bool) -> Matrix:
    """The matrix with its products and powers about the means in a frame, as far as their lower terms are there.

    Parameters
    ----------
    matrix : Matrix
        As it was built.
    frame : DataFrame
        Completed data.
    intercept : bool
        Whether something takes up a constant.

    Returns
    -------
    Matrix
        Its columns are ``X @ to_zero + constant`` of those X that it had.
    """
    data = Excerpt(frame, None, len(frame), by_name=matrix.by_name)
    terms = [[_factor(component, atom, data) for component, atom in of] for of in matrix.parts]
    columns = [list(_columns(factors)) for factors in terms]
    places = {_monomial(column): k for k, column in enumerate(column for of in columns for column in of)}
    known = {*places, *([frozenset()] if intercept else [])}
    width = len(matrix.names)
    to_zero, constant, abouts = np.eye(width), np.zeros(width), []
    for factors, of in zip(terms, columns, strict=True):
        moved = _moved(factors, of, known)
        abouts.append(tuple(f.about if k in moved else None for k, f in enumerate(factors)))
        for column in of if moved else ():
            own = places[_monomial(column)]
            to_zero[own, own] = 0.0
            for lower, weight in _expanded(column, moved):
                if lower:
                    to_zero[places[lower], own] += weight
                else:
                    constant[own] += weight
    return replace(matrix, abouts=tuple(abouts), to_zero=to_zero, constant=constant)


@dataclass(frozen=True, eq=False)
class _Factor:
    """A component of a term: its columns' names, and the power that they are raised to; no means of a category."""

    names: tuple[str, ...]
    power: int
    about: About | None


@dataclass(frozen=True)
class _Of:
    """What a column has of a factor."""

    name: str
    power: int
    mean: float


def _factor(component: Any, atom: Node, data: Excerpt) -> _Factor:
    if component.kind != "numeric":
        return _Factor(tuple(component.labels), 1, None)
    base, power = _power(atom)
    if base is not None:
        return _Factor((base,), power, About(np.array([data.numbers(base).mean()]), base, power))
    means = component_values(component, data).mean(axis=0)
    return _Factor(tuple(component.labels), 1, About(means))


def _power(atom: Node) -> tuple[str | None, int]:
    """``I(x ** 2)`` is the second power of x."""
    match atom:
        case Call("I", (Operation(("**",), (Name(name), Number(k))),)) if k == int(k) and k > 1:
            return name, int(k)
    return None, 1


def _columns(factors: list[_Factor]) -> Iterator[tuple[_Of, ...]]:
    """The factors of each column of a term, those of the first changing slowest."""
    each = []
    for f in factors:
        means = f.about.means if f.about is not None else np.zeros(len(f.names))
        each.append([_Of(name, f.power, float(mean)) for name, mean in zip(f.names, means, strict=True)])
    return product(*each)


def _monomial(column: tuple[_Of, ...], powers: Mapping[int, int] | None = None) -> Monomial:
    found: Counter[str] = Counter()
    for k, of in enumerate(column):
        found[of.name] += of.power if powers is None else powers.get(k, of.power)
    return frozenset((name, power) for name, power in found.items() if power)


def _moved(factors: list[_Factor], of: list[tuple[_Of, ...]], known: set[Monomial]) -> frozenset[int]:
    """The factors of a term to be moved: of one alone its column's centre is enough."""
    if len(factors) == 1 and factors[0].power == 1:
        return frozenset()
    able = frozenset(
        k
        for k, f in enumerate(factors)
        if f.about is not None
        and all(_monomial(column, {k: lower}) in known for column in of for lower in range(f.power))
    )
    every = all(lower in known for column in of for lower, _ in _expanded(column, able))
    return able if every else frozenset()


def _expanded(column: tuple[_Of, ...], moved: frozenset[int]) -> Iterator[tuple[Monomial, float]]:
    """The product of (x - m)^k as monomials of x and their weights."""
    where = sorted(moved)
    for powers in product(*(range(column[k].power + 1) for k in where)):
        weights = [
            comb(column[k].power, j) * (-column[k].mean) ** (column[k].power - j)
            for k, j in zip(where, powers, strict=True)
        ]
        yield _monomial(column, dict(zip(where, powers, strict=True))), prod(weights)
