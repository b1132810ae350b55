"""Auxiliary variables: which columns outside of the analyses are associated with what is missing.

A variable helps if it says something about the missing values, or about which of them are missing. As mice's
``quickpred``, each is measured by an absolute correlation, with the target's observed values and with its missingness
indicator, and taken if the larger reaches :data:`BOUND` (Van Buuren, Boshuizen & Knook 1999, Statistics in Medicine
18:681; Flexible Imputation of Missing Data, 2nd ed. 2018, section 6.3.2).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.errors import Problem, did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.checking.collinearity import crowded
from bayesimpute.checking.copies import NEAR, constant_where_missing, correlation, distinct_dates, follows
from bayesimpute.checking.target_columns import FEWEST as FEWEST_VALUES
from bayesimpute.data.column_remarks import between_numbers, codes_among
from bayesimpute.suggesting.variable_roles import Scene

BOUND = 0.1
"""The smallest correlation that matters, mice's ``mincor``."""


@dataclass(frozen=True, kw_only=True)
class Association:
    """How much a variable says about a target: absolute correlations, 0 to 1."""

    name: str
    target: str
    values: float
    missingness: float

    @property
    def largest(self) -> float:
        """The larger of the two."""
        return max(self.values, self.missingness)

    def __str__(self) -> str:
        which = "" if self.values >= self.missingness else "the missingness of "
        return f"|r| = {self.largest:.2f} with {which}{self.target}"


def association(scene: Scene, name: str, target: str) -> Association:
    """How much a variable says about a target."""
    column = scene.data.columns[name]
    values = correlation(column, scene.filled(target))
    return Association(name=name, target=target, values=values, missingness=_with_missingness(scene, name, target))


def _with_missingness(scene: Scene, name: str, target: str) -> float:
    missing = np.isnan(scene.filled(target)).astype(np.float64)
    return correlation(scene.data.columns[name], missing)


def unusable(scene: Scene, name: str, mode: str) -> str:
    """Why a column cannot be an auxiliary variable, or nothing."""
    column = scene.data.columns[name]
    known = column.values[~column.missing]
    if name in scene.key_columns:
        return "a cluster key"
    if len(known) == 0:
        return "wholly missing"
    if len(np.unique(known)) == 1:
        return "a constant"
    if scene.units(name) < FEWEST_VALUES:
        return "hardly observed"
    if column.kind in ("date", "mixed"):
        return f'a date: write columns.{name} = "date"' if column.kind == "date" else "values of different types"
    if "`" in name or not name.isprintable():
        return "its name cannot be written in a formula"
    whole = column.kind != "number" or np.all(known == np.round(known))
    if whole and len(np.unique(known)) == len(column.values) > 2:
        return "an identifier: every row has a value of its own"
    if column.kind == "category" and crowded(column):
        return "a category with nearly as many labels as rows"
    same = [t for t in incomplete(scene) if _with_missingness(scene, name, t) > NEAR]
    if same:
        return f"the missingness of {same[0]} itself: it belongs into a selection model"
    if not scene.imputable(name) and (mode == "compatible" or column.missing.any()):
        return "a category of too many labels, for which there is no family"
    return ""


def coded(scene: Scene, name: str) -> str:
    """That values of a column look like codes for missing values, or nothing: their correlations mean nothing."""
    column = scene.data.columns[name]
    codes = [*map(repr, between_numbers(column) or ()), *(f"{code:g}" for code in codes_among(column))]
    return (
        f"its {listed(codes)} may mean missing; if so, name {'them' if len(codes) > 1 else 'it'} with --missing"
        if codes
        else ""
    )


def candidates(scene: Scene, mode: str, named: Iterable[str] = ()) -> tuple[list[str], dict[str, str]]:
    """The columns outside of the analyses that could help, and why the others cannot; `named` are the user's own."""
    used, named = (*scene.outcomes, *scene.covariates), frozenset(named)
    reasons = {
        n: ("" if n in named else coded(scene, n)) or unusable(scene, n, mode) or redundant(scene, n, used)
        for n in scene.data.columns
        if n not in used
    }
    return [n for n, why in reasons.items() if not why], {n: why for n, why in reasons.items() if why}


def redundant(scene: Scene, name: str, there: Iterable[str]) -> str:
    """What a column repeats of variables that are there, their values or what of them is missing; or nothing."""
    for other in there:
        if why := _repeats(scene, name, other):
            return why
    return ""


def _repeats(scene: Scene, name: str, other: str) -> str:
    column, data = scene.data.columns[name], scene.data
    r, distinct = correlation(column, scene.filled(other)), distinct_dates(column, data.columns[other])
    if r > NEAR and not distinct:
        return f"a copy of {other}: |r| = {r:.3f} where both are observed"
    if follows(column, scene.filled(other)) and not distinct:
        return f"a function of {other}"
    if not scene.missing(other):
        return ""
    if _with_missingness(scene, name, other) > NEAR:
        return f"the missingness of {other}"
    if constant_where_missing(data, name, other):
        return f"a constant wherever {other} is missing"
    return (
        f"a constant wherever {other} is observed" if constant_where_missing(data, name, other, observed=True) else ""
    )


def taken(scene: Scene, found: dict[str, Association]) -> tuple[list[str], dict[str, str]]:
    """Those that help, the strongest first, and what each of the others repeats of those before it.

    What is missing of any of them counts: an indicator of it would have it as a predictor of itself.
    """
    strong = [n for n, a in found.items() if a.largest >= BOUND]
    kept: list[str] = []
    why_not: dict[str, str] = {}
    for name in strong:
        tells = [n for n in strong if n != name and _with_missingness(scene, name, n) > NEAR]
        why = f"the missingness of {tells[0]}" if tells else redundant(scene, name, kept)
        if why:
            why_not[name] = why
        else:
            kept.append(name)
    return kept, why_not


def incomplete(scene: Scene) -> list[str]:
    """The variables of the analyses that have to be imputed."""
    return [n for n in (*scene.outcomes, *scene.covariates) if scene.missing(n)]


def strongest(scene: Scene, names: Iterable[str]) -> dict[str, Association]:
    """For each variable its largest association with an incomplete variable of the analyses."""
    targets = incomplete(scene)
    found = {n: max((association(scene, n, t) for t in targets), key=lambda a: a.largest) for n in names if targets}
    return dict(sorted(found.items(), key=lambda item: -item[1].largest))


def problems(scene: Scene, names: Iterable[str], mode: str) -> list[Problem]:
    """What is wrong with auxiliary variables that the user names."""
    found = []
    for name in names:
        if name not in scene.data.columns:
            remedy = did_you_mean(str(name), scene.data.columns, 'name columns of the data, or write "auto"')
            found.append(Problem(path="auxiliary", finding=f'there is no column "{name}"', remedy=remedy))
        elif name in (*scene.outcomes, *scene.covariates):
            finding = f'"{name}" is in the analysis already'
            found.append(Problem(path="auxiliary", finding=finding, remedy="leave it out of the auxiliary variables"))
        elif why := unusable(scene, name, mode):
            remedy = 'merge its labels into fewer, or use mode "fcs"' if "no family" in why else "leave it out"
            found.append(Problem(path="auxiliary", finding=f'"{name}" cannot help: it is {why}', remedy=remedy))
    return found
