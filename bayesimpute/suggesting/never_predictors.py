"""Columns that say nothing of others, or would by accident only: each with the reason for which it predicts nothing.

:data:`REASONS` is the table of rules, in their order; each is a pure function of a column and the data. To add one,
write a function ``(scene, name) -> str`` that gives the reason or nothing, and add a line there. A reason that is
`final` cannot be overruled: the column cannot stand in a model. The others are what a column looks like, and a user who
includes it knows better.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking.collinearity import crowded
from bayesimpute.checking.target_columns import FEWEST
from bayesimpute.data.column_remarks import between_numbers, limits_among, said_censored
from bayesimpute.data.columns import Column
from bayesimpute.families.label_values import MOST_LABELS
from bayesimpute.suggesting.variable_roles import Scene

IDENTIFIERS = 20
"""Values from which whole numbers or texts of which none occurs twice are taken for identifiers."""
WEIGHTS = re.compile(
    r"[ps]w|[pafi]w(eigh)?ts?|weights|(sampl(e|ing)|survey|svy|design|final|person|case|household)[ _.]?w(eigh|g)?ts?",
    re.IGNORECASE,
)
EXPECTED = 7.0
"""Pairs of equal values that chance would give numbers of that range, from which having none is no chance (e^-7)."""
VISITS = 12
"""Rows of a cluster up to which numbers that count them are taken for visits, which matter."""
GAPS = 1.5
"""The mean step of running numbers of which some are left out."""


@dataclass(frozen=True, kw_only=True)
class Never:
    """Why a column predicts nothing; `final`: it cannot, whoever asks for it."""

    why: str
    final: bool = True

    def __str__(self) -> str:
        return self.why


def never(scene: Scene, name: str) -> Never | None:
    """Why a column predicts nothing, or None."""
    return next((Never(why=why, final=final) for rule, final in REASONS if (why := rule(scene, name))), None)


def _key(scene: Scene, name: str) -> str:
    return "a cluster key" if name in scene.key_columns else ""


def _one_value(scene: Scene, name: str) -> str:
    column = scene.data.columns[name]
    known = column.values[~column.missing]
    if len(known) == 0:
        return "wholly missing"
    if len(np.unique(known)) > 1:
        return "hardly observed" if scene.units(name) < FEWEST else ""
    value = column.labels[int(known[0])] if column.labels else f"{known[0]:g}"
    return f"constant: all {counted(len(known), 'value')} {'is' if len(known) == 1 else 'are'} {value}"


def _no_variable(scene: Scene, name: str) -> str:
    column = scene.data.columns[name]
    if column.kind in ("date", "mixed"):
        return f'a date: write columns.{name} = "date"' if column.kind == "date" else "values of different types"
    texts = between_numbers(column)
    if texts:
        what = f"a text because {listed(map(repr, texts))} stand{'s' * (len(texts) == 1)} between numbers"
        return f"{what}: {said_censored(name)}" if limits_among(column) else what
    return "its name cannot be written in a formula" if "`" in name or not name.isprintable() else ""


def _texts(scene: Scene, name: str) -> str:
    column = scene.data.columns[name]
    known = column.values[~column.missing]
    if column.kind != "category":
        return ""
    several = len(np.unique(known))
    if several >= IDENTIFIERS and several == len(known):
        return "an identifier: no value occurs twice"
    what = f"free text or names: {several} different ones"
    return what if crowded(column) or (several > MOST_LABELS and column.missing.any()) else ""


def _many_texts(scene: Scene, name: str) -> str:
    column = scene.data.columns[name]
    several = len(np.unique(column.values[~column.missing])) if column.kind == "category" else 0
    return f"free text or names: {several} different ones" if several > MOST_LABELS else ""


def _identifier(scene: Scene, name: str) -> str:
    """Whole numbers of which none occurs twice; of an incomplete column, which may be a rare amount, not by chance."""
    column, level = scene.data.columns[name], scene.level(name)
    if not _whole(column):
        return ""
    values = scene.filled(name) if level is None else scene.filled(name)[scene.data.level_rows(level)]
    known = np.sort(values[~np.isnan(values)])
    if len(known) < IDENTIFIERS or not np.all(np.diff(known) > 0):
        return ""
    pairs = len(known) * (len(known) - 1) / 2
    if len(known) < len(values) and pairs < EXPECTED * (known[-1] - known[0] + 1):
        return ""
    return "an identifier: no value occurs twice" + (f" among clusters of {level}" if level else "")


def _named_within(scene: Scene, name: str) -> str:
    """Numbers of units that are nested in clusters: each occurs in one cluster only."""
    column = scene.data.columns[name]
    if not _counting(column) or scene.level(name) is not None:
        return ""
    values, codes = np.unique(column.values, return_inverse=True)
    for key in scene.keys:
        clusters = scene.data.n_clusters(key)
        pairs = len(np.unique(codes.astype(np.int64) * clusters + scene.data.codes(key)))
        if 1 < clusters < len(values) and len(values) > MOST_LABELS and pairs == len(values):
            return f"an identifier: each of its {len(values)} values occurs in one {key} only"
    return ""


def _running(scene: Scene, name: str) -> str:
    """Numbers that count the rows of each cluster, of more rows than there may be visits.

    None occurs twice in a cluster, and they are as close together as their number allows, but for rows left out and
    numbers that are missing.
    """
    column = scene.data.columns[name]
    if not _whole(column) or scene.level(name) is not None:
        return ""
    known = ~column.missing
    for key in scene.keys:
        codes, n = scene.data.codes(key), scene.data.n_clusters(key)
        if n < 2 or np.bincount(codes, minlength=n).max() <= VISITS:
            continue
        order = np.lexsort((column.values[known], codes[known]))
        steps = np.diff(column.values[known][order])[np.diff(codes[known][order]) == 0]
        close = len(steps) and steps.min() >= 1 and steps.mean() * known.mean() <= GAPS
        if close and (known.all() or _no_chance(column.values[known], codes[known])):
            return f"a running number within {key}"
    return ""


def _no_chance(values: np.ndarray, codes: np.ndarray) -> bool:
    """Whether numbers of that range would have equal ones within some cluster."""
    sizes = np.bincount(codes)
    return float((sizes * (sizes - 1) / 2).sum()) >= EXPECTED * (np.ptp(values) + 1)


def _weights(scene: Scene, name: str) -> str:
    """Positive numbers that are called as survey weights are; a ``weight`` or ``wgt`` may be that of a body."""
    column = scene.data.columns[name]
    positive = column.kind == "number" and not column.missing.any() and bool(np.all(column.values > 0))
    return "survey weights, by its name" if positive and column.said is None and WEIGHTS.fullmatch(name) else ""


def _counting(column: Column) -> bool:
    """Whether a column may be a number that only counts or names."""
    return _whole(column) and not column.missing.any()


def _whole(column: Column) -> bool:
    """Whether it has whole numbers, and nobody says what it is."""
    known = column.values[~column.missing]
    plain = column.kind == "number" and column.said is None and column.dates is None
    return plain and bool(np.all(known == np.round(known)))


REASONS: tuple[tuple[Callable[[Scene, str], str], bool], ...] = (
    (_key, True),
    (_one_value, True),
    (_no_variable, True),
    (_texts, True),
    (_many_texts, False),
    (_identifier, False),
    (_running, False),
    (_named_within, False),
    (_weights, False),
)
"""The rules in their order, and whether each is final."""


def usable(scene: Scene, name: str, *, asked: bool) -> bool:
    """Whether a column may predict: nothing stands against it, or only what a user who asks for it overrules.

    What is incomplete and has no family cannot: nobody would fill it in.
    """
    found = never(scene, name)
    allowed = found is None or (asked and not found.final)
    return allowed and (not scene.missing(name) or scene.imputable(name))


def no_model(scene: Scene, name: str) -> str:
    """Why an incomplete column is not imputed, or nothing. Identifiers and running numbers are not; others are."""
    found = never(scene, name)
    names = _identifier(scene, name) or _running(scene, name)
    if found is not None and (found.final or not scene.imputable(name) or names):
        return found.why
    return "" if scene.imputable(name) else "no family imputes it"
