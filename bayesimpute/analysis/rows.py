"""From a formula and a data frame to arrays: the complete rows, their design matrices, and the outcome.

Whatever an engine fits starts here, so that bad data have one message, whatever the engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.analysis.mixed import RandomTerm
from bayesimpute.base.errors import AnalysisError, did_you_mean
from bayesimpute.base.phrases import counted, listed
from bayesimpute.data.cluster_keys import no_names
from bayesimpute.data.columns import Column, encode, unwieldy
from bayesimpute.designs.cluster_means import cluster_mean, unit_rows
from bayesimpute.formulas import Formula, Matrix, build, evaluate_expression, parse_expression
from bayesimpute.formulas.usage import labelled


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """What is to be fitted, as arrays.

    Parameters
    ----------
    formula : Formula
        The model.
    y : ndarray, shape (row,)
        The outcome: a number, 0 and 1, or the codes of `levels`.
    levels : tuple of str
        The labels of an outcome with categories, in order; empty for numbers.
    names : tuple of str
        Names of the p common columns.
    x : ndarray, shape (row, p)
        The common design matrix, of full column rank.
    design : Design
        The rows themselves.
    messages : tuple of str
        What the reader of the result should know.
    places : ndarray of int, shape (row,)
        Where the rows stand in the dataset.
    """

    formula: Formula
    y: np.ndarray
    levels: tuple[str, ...]
    names: tuple[str, ...]
    x: np.ndarray
    design: "Design"
    messages: tuple[str, ...]
    places: np.ndarray

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @cached_property
    def random(self) -> tuple[RandomTerm, ...]:
        """The random effects."""
        terms = []
        for group in self.formula.groups:
            effects, z = self.design.full_rank(group.expression, place=str(group))
            codes = self.codes(group.keys)
            terms.append(RandomTerm(group=group.factor, names=effects, codes=codes, z=z))
        return tuple(terms)

    def codes(self, keys: Sequence[str]) -> np.ndarray:
        """The clusters of a factor, numbered from 0, shape (row,)."""
        return cluster_codes(self.design.rows, keys)


def problem(
    formula: Formula,
    frame: pd.DataFrame,
    *,
    outcome: str = "number",
    intercept: bool = True,
    keys: Sequence[str] = (),
    where: str | None = None,
) -> Problem:
    """Make the arrays of an analysis.

    Parameters
    ----------
    formula : Formula
        With a response.
    frame : DataFrame
        One dataset; rows with missing values in the formula's variables are left out.
    outcome : {"number", "binary", "count", "positive", "category"}
        What the family models.
    intercept : bool
        Whether the design matrix keeps its intercept; thresholds take its place.
    keys : sequence of str
        Further columns that are needed: the clusters of a covariance.
    where : str, optional
        The condition that holds in the rows that count.

    Raises
    ------
    AnalysisError
        What is wrong with the data.
    """
    rows, places, messages = _complete_rows(formula, frame, keys, where)
    columns = {str(name): encode(series, str(name)) for name, series in rows.items()}
    _check_kinds(formula, rows, columns, keys)
    _check_sizes(formula, columns)
    y, levels, note = _outcome(columns[str(formula.response)], outcome)
    factors = tuple(group.keys for group in formula.groups)
    whole = labelled(atom for term in formula.trees for atom in term)
    whole |= labelled(atom for group in formula.groups for term in group.trees for atom in term)
    design = Design(rows=rows, frame=_design_frame(rows, columns, whole), keys=factors)
    names, x = design.full_rank(formula.common, place=formula.excerpt)
    if not intercept and "Intercept" in names:
        kept = [j for j, name in enumerate(names) if name != "Intercept"]
        names, x = tuple(names[j] for j in kept), x[:, kept]
    if len(x) <= len(names):
        few = counted(len(x), "complete row")
        raise AnalysisError(f"{formula.excerpt}: {few} cannot carry {len(names)} coefficients; drop predictors")
    texts = messages + note
    return Problem(formula=formula, y=y, levels=levels, names=names, x=x, design=design, messages=texts, places=places)


def with_outcome(known: Problem, outcome: pd.Series, kind: str) -> Problem:
    """The same rows and design with another outcome, which is as :func:`problem` takes it, observed in these rows.

    `outcome` is of all rows of the dataset.

    Raises
    ------
    AnalysisError
        What is wrong with the outcome.
    """
    y, levels, note = _outcome(encode(outcome.iloc[known.places], str(outcome.name), copy=False), kind)
    kept = known.messages[: len(known.messages) - len(note)]
    made = replace(known, y=y, levels=levels, messages=kept + note)
    made.__dict__["random"] = known.random
    return made


def _complete_rows(
    formula: Formula, frame: pd.DataFrame, keys: Sequence[str], where: str | None
) -> tuple[pd.DataFrame, np.ndarray, tuple[str, ...]]:
    """The formula's variables in the rows that count and where all of them are observed, which rows these are, and what
    was left out.
    """
    if not isinstance(frame, pd.DataFrame) or not frame.columns.is_unique:
        message = "a dataset must be a pandas DataFrame whose columns have different names"
        raise AnalysisError(message)
    names = sorted(formula.names | {str(formula.response), *keys})
    unknown = [name for name in names if name not in frame.columns]
    if unknown:
        found = (
            f'column "{name}" is not in the data; {did_you_mean(name, frame.columns, "check its name")}'
            for name in unknown
        )
        message = f"{formula.excerpt}: {listed(found)}"
        raise AnalysisError(message)
    places = np.arange(len(frame)) if where is None else np.flatnonzero(condition(where, frame))
    used = frame.loc[:, names].iloc[places]
    missing = used.isna()
    void = formula.needs - formula.whole - {str(formula.response), *keys}
    missing.loc[:, sorted(void)] = False  # a completed dataset has no value only where there is none
    lacking = listed(used.columns[missing.any()])
    complete = ~missing.any(axis=1).to_numpy()
    rows, places = used.loc[complete], places[complete]
    if not len(rows):
        if where is not None and not len(used):
            raise AnalysisError(f"where: {where} holds in no row; look at the values in the data")
        message = (
            f"{formula.excerpt}: no row is complete in its variables ({lacking or 'the data are empty'}); impute them"
        )
        raise AnalysisError(message)
    left = len(used) - len(rows)
    return rows, places, (f"{counted(left, 'row')} with missing values in {lacking} left out",) if left else ()


def condition(where: str, frame: pd.DataFrame) -> np.ndarray:
    """In which rows of a dataset a condition is true, bool, shape (unit,); it is not where something in it is missing.

    Raises
    ------
    AnalysisError
        If it reads an unknown column, or is a number and no condition.
    FormulaError
        If it cannot be read.
    """
    expression = parse_expression(where, "where")
    unknown = [name for name in sorted(expression.names) if name not in frame.columns]
    if unknown:
        hints = (f'there is no column "{n}"; {did_you_mean(n, frame.columns, "check its name")}' for n in unknown)
        raise AnalysisError(f"where: {listed(hints)}")
    rows = frame.loc[:, sorted(expression.names)]
    columns = {str(name): encode(series, str(name)) for name, series in rows.items()}
    series: Any = _design_frame(rows, columns)
    found = evaluate_expression(expression, series, {})
    if not np.isin(found[~np.isnan(found)], (0, 1)).all():
        raise AnalysisError(f'where: {where} is a number and no condition; compare it with something: "{where} > 0"')
    return found == 1


def _check_kinds(formula: Formula, rows: pd.DataFrame, columns: Mapping[str, Column], more: Sequence[str]) -> None:
    keys = {key for group in formula.groups for key in group.keys} | set(more)
    keys |= {part for _, key in formula.cluster_means for part in (key, *key.split(":"))}
    wrong = [c for name, c in columns.items() if c.kind in ("date", "mixed") and name not in keys]
    odd = [f'"{name}": {found}' for name in keys if name in rows and (found := no_names(rows, name)) is not None]
    if odd:
        raise AnalysisError(f"{formula.excerpt}: {'; '.join(odd)}; give each cluster a number or a text")
    if wrong:
        found = listed(f'column "{c.name}" holds {_KINDS[c.kind]}' for c in wrong)
        message = f"{formula.excerpt}: {found}; make a number or a category of it"
        raise AnalysisError(message)


def _check_sizes(formula: Formula, columns: Mapping[str, Column]) -> None:
    found = [finding for column in columns.values() if (finding := unwieldy(column)) is not None]
    if found:
        raise AnalysisError(f"{formula.excerpt}: {'; '.join(found)}; give it in other units, or take its logarithm")


_KINDS = MappingProxyType({"date": "dates", "mixed": "values of different types"})


def _outcome(column: Column, wanted: str) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """The outcome as numbers, its labels, and which label counts as 1 where the data do not say it themselves."""
    if wanted == "category":
        return *_categories(column), ()
    note: tuple[str, ...] = ()
    y = column.values
    if column.kind == "category":
        codes = np.unique(y)
        if len(codes) != 2:
            remedy = (
                'impute or recode it as a number, or analyse it with family="cumulative" or "categorical"'
                if len(codes) > 2
                else "it does not vary"
            )
            message = (
                f'outcome "{column.name}" is a category with {len(codes)} labels, not a number or yes/no; {remedy}'
            )
            raise AnalysisError(message)
        y = (y == codes[1]).astype(float)
        note = (
            f'outcome "{column.name}": {column.labels[int(codes[1])]} counts as 1, {column.labels[int(codes[0])]} as 0',
        )
    if not np.isfinite(y).all() or np.ptp(y) == 0:
        message = f'outcome "{column.name}" is constant or infinite; there is nothing to analyse'
        raise AnalysisError(message)
    needs, fits = _NEEDS[wanted]
    if not fits(y):
        raise AnalysisError(f'outcome "{column.name}" {needs}')
    return y, (), note


_NEEDS = MappingProxyType(
    {
        "number": ("", lambda y: True),
        "binary": (
            'must have the two values 0 and 1 (or two labels) for family="bernoulli"; recode it, or leave family out',
            lambda y: set(np.unique(y)) == {0.0, 1.0},
        ),
        "count": (
            'must be counts, whole numbers from 0, for family="poisson"; round what was imputed, or leave family out',
            lambda y: bool((y >= 0).all() and (y == np.round(y)).all()),
        ),
        "positive": (
            'must be positive for family="gamma"; leave family out, or take another',
            lambda y: bool((y > 0).all()),
        ),
    }
)


def _categories(column: Column) -> tuple[np.ndarray, tuple[str, ...]]:
    """The codes of an outcome's categories, those that occur, and their labels in order."""
    if column.kind == "category":
        values, codes = np.unique(column.values, return_inverse=True)
        labels = tuple(str(column.labels[int(v)]) for v in values)
    else:
        values, codes = np.unique(column.values, return_inverse=True)
        labels = tuple(f"{v:g}" for v in values)
    if not 2 <= len(labels) <= MOST_LEVELS:
        message = (
            f'outcome "{column.name}" has {len(labels)} different values; a model of categories takes 2 to '
            f"{MOST_LEVELS}: recode it"
        )
        raise AnalysisError(message)
    return codes.astype(float), labels


MOST_LEVELS = 20


def _design_frame(
    rows: pd.DataFrame, columns: Mapping[str, Column], whole: frozenset[str] = frozenset()
) -> pd.DataFrame:
    """What formulae sees: floats and categories; a key that is neither becomes cluster codes.

    Of the columns in `whole` all labels are kept, of others those that occur.
    """
    series: dict[str, Any] = {}
    for name, column in columns.items():
        if column.kind == "category":
            kept = {"categories": list(column.labels), "ordered": column.arranged}
            codes = pd.Categorical.from_codes(np.where(column.missing, -1, column.values).astype(int), **kept)
            series[name] = codes if name in whole else codes.remove_unused_categories()
        elif column.kind in ("number", "yes/no"):
            series[name] = column.values
        else:
            series[name] = cluster_codes(rows, (name,)).astype(float)
    return pd.DataFrame(series, index=pd.RangeIndex(len(rows)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Design:
    """The rows of an analysis as they were given and as formulae takes them, and the keys of its random effects."""

    rows: pd.DataFrame
    frame: pd.DataFrame
    keys: tuple[tuple[str, ...], ...] = ()

    def matrix(self, expression: str, *, place: str) -> Matrix:
        """One side of a formula, coded on these rows."""
        return build(expression, self.frame, {"cluster_mean": self.cluster_mean}, path=place)

    def full_rank(self, expression: str, *, place: str) -> tuple[tuple[str, ...], np.ndarray]:
        """Column names and design matrix of one side of a formula; it must be finite and of full column rank."""
        built = self.matrix(expression, place=place)
        names, x = built.names, built.evaluate(self.frame)
        if not names:
            message = f"{place}: there is no coefficient to estimate; add an intercept or a predictor"
            raise AnalysisError(message)
        infinite = [name for name, column in zip(names, x.T, strict=True) if not np.isfinite(column).all()]
        if infinite:
            message = f"{place}: {listed(infinite)} is not finite in every row; look at its function and its data"
            raise AnalysisError(message)
        spare = _dependent(x) if len(x) >= len(names) else []
        if spare:
            shown = listed(names[j] for j in spare)
            message = f"{place}: {shown} is zero or a linear combination of the other columns; leave it out"
            raise AnalysisError(message)
        return names, x

    def cluster_mean(self, values: np.ndarray, key: str) -> np.ndarray:
        """The mean of `values` over the units of the cluster of each row.

        As in imputation models they are those of the values' own level, the coarsest key of the analysis in whose
        clusters they do not differ.
        """
        codes = cluster_codes(self.rows, (key,) if key in self.rows.columns else tuple(key.split(":")))
        levels = [each for each in (cluster_codes(self.rows, keys) for keys in self.keys) if _constant(values, each)]
        if not levels:
            return cluster_mean(values, codes)
        return cluster_mean(values, codes, unit_rows([codes, min(levels, key=np.max)]))


def _constant(values: np.ndarray, codes: np.ndarray) -> bool:
    return bool(np.array_equal(values, values[np.unique(codes, return_index=True)[1]][codes]))


def _dependent(x: np.ndarray) -> list[int]:
    """Indices of the columns that depend linearly on columns before them (as R's lm aliases them)."""
    norms = np.linalg.norm(x, axis=0)
    r = np.linalg.qr(x / np.where(norms > 0, norms, 1), mode="r")
    return [int(j) for j in range(x.shape[1]) if abs(r[j, j]) < 1e-7]


def cluster_codes(rows: pd.DataFrame, keys: Sequence[str]) -> np.ndarray:
    """The clusters of a factor, ``("g",)`` or ``("a", "b")``, numbered from 0; shape (unit,)."""
    codes = np.zeros(len(rows), dtype=np.int64)
    for key in keys:
        inner, labels = pd.factorize(rows[key])
        codes = pd.factorize(codes * len(labels) + inner)[0]
    return codes
