"""One suggested model: its terms as pieces, which of them can stay, and a comment for every choice.

Both ways of writing a plan end here: they say which pieces a target's model should have, and :func:`model` leaves
out what the data cannot support, writes the formula, and tells why everything is there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking.clusters import carried
from bayesimpute.checking.collinearity import applies_where
from bayesimpute.data.column_remarks import not_normal
from bayesimpute.families import FAMILIES, Family, auto, why_auto
from bayesimpute.formulas import quote
from bayesimpute.formulas.syntax import Call, Name
from bayesimpute.formulas.terms import (
    Atom,
    bare,
    common_terms,
    deviates,
    key_text,
    mean_by,
    names_in,
    split,
    written,
)
from bayesimpute.plan.conditional import Conditional, family_name
from bayesimpute.suggesting.variable_roles import BENT, Scene, joined


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A term of a formula: its text, the columns in it, the heading of its comment, and its number of coefficients."""

    text: str
    names: frozenset[str]
    what: str
    width: int = 1


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model with the comments that stand above it, and that behind its family: why it is what ``"auto"`` takes."""

    conditional: Conditional
    notes: tuple[str, ...]
    reason: str = ""


def mains(scene: Scene, names: Iterable[str], what: str) -> list[Piece]:
    """Main effects."""
    return [
        Piece(text=written((atom,)), names=frozenset({name}), what=what, width=scene.width(name))
        for name in names
        for atom in scene.main(name)
    ]


def means(scene: Scene, names: Iterable[str], keys: Iterable[str]) -> list[Piece]:
    """Cluster means of what differs within clusters and between them."""
    return [
        Piece(text=text, names=frozenset({name}), what="cluster means")
        for key in keys
        for name in names
        if scene.has_means(name, key)
        for text in scene.means(name, key)
    ]


def intercepts(scene: Scene, target: str) -> list[str]:
    """The cluster keys by which a target has a random intercept: all at level 1, the coarser ones at level 2.

    Those that move its selection only are left out.
    """
    level, rows = scene.level(target), len(scene.data.frame)
    keys = [k for k in scene.keys if scene.data.n_clusters(k) < rows] if level is None else scene.coarser(level)
    only = scene.excluded(target)
    return [key for key in keys if scene.seen(target, key) > 1 and not only & {key, *key.split(":")}]


def plain_groups(scene: Scene, target: str) -> list[str]:
    """Random intercepts, as a formula writes them."""
    return [f"(1 | {key_text(key, scene.data.columns)})" for key in intercepts(scene, target)]


def model(
    scene: Scene,
    target: str,
    pieces: Iterable[Piece],
    *,
    groups: Sequence[str],
    notes: Sequence[str] = (),
    dated: Family | None = None,
) -> Model:
    """The model of a target with those pieces that the data can support; `dated` is the family of a date, if given."""
    kept, left = _screened(scene, target, _distinct(pieces))
    kept, uncarried = _of_clusters(scene, target, kept)
    kept, crowded = _few(kept, scene.units(target))
    level = scene.level(target)
    formula = f"{quote(target)} ~ {joined([*(piece.text for piece in kept), *groups])}"
    names = {n for piece in kept for atom in split(piece.text) for n in names_in(atom)}
    told = [described(scene, target, dated, names), *_told(kept), *_grouped(groups, level)]
    told += [*notes, *left, *uncarried, *crowded]
    column = scene.data.columns[target]
    family = auto(column).name if dated is None else dated
    conditional = Conditional(target=target, family=family, formulas={"mu": formula}, level=level)
    reason = why_auto(column) if dated is None or column.dates is None else f"{column.dates.unit} -> {dated.name}"
    return Model(conditional=conditional, notes=tuple(told), reason=reason)


def _distinct(pieces: Iterable[Piece]) -> list[Piece]:
    """Each term once, ``x`` and ``center(x)`` being one, and without ``x`` beside what has it: see :func:`_inside`."""
    found: dict[frozenset[Atom], Piece] = {}
    for piece in pieces:
        found.setdefault(_bare(piece), piece)
    inside = {n for term in found if len(term) == 1 for atom in term for n in _inside(atom)}
    return [piece for term, piece in found.items() if term not in [frozenset({Name(n)}) for n in inside]]


def _inside(atom: Atom) -> frozenset[str]:
    """The column that a polynomial, a spline or a deviation from its cluster mean stands for."""
    if isinstance(atom, Call) and atom.function in BENT:
        return names_in(atom)
    return frozenset({name for name in (deviates(atom),) if name is not None})


def deduced(scene: Scene, target: str) -> Model:
    """The model of a level-2 variable that is known in every cluster: there has to be one, and it is never fitted."""
    level = scene.level(target)
    notes = (
        f"{target}: {_values(scene.deduced(target))} missing, all known from other members of their {level}: they are "
        "filled in from there.",
        "What is written here is never fitted.",
    )
    column, formulas = scene.data.columns[target], {"mu": f"{quote(target)} ~ 1"}
    conditional = Conditional(target=target, family=auto(column).name, formulas=formulas, level=level)
    return Model(conditional=conditional, notes=notes, reason=why_auto(column))


def described(
    scene: Scene, target: str, family: str | Family | None = None, predictors: Iterable[str] | None = None
) -> str:
    """What a target is, and the family that follows; `predictors` are the columns in its formula."""
    column, level = scene.data.columns[target], scene.level(target)
    missing, pattern = int(column.missing.sum()), scene.data.variables[target].pattern
    where = f"level 2, as it is constant in every {level}" if level else "level 1"
    state = f"{missing} of {counted(len(column.values), 'value')} missing ({pattern})" if missing else "complete"
    filled = scene.deduced(target)
    known = f"; {filled} of them known from other members of their {level}, and filled in from there" if filled else ""
    return f"{target}: {state}{known}; {where}. {_family(scene, target, family, predictors)}"


def _values(n: int) -> str:
    return counted(n, "value")


def _family(scene: Scene, target: str, family: str | Family | None, predictors: Iterable[str] | None) -> str:
    column = scene.data.columns[target]
    suited = auto(column)
    if column.dates is not None:
        found = suited.name if family in (None, "auto") else family_name(family)
        return f"{column.dates.unit.capitalize()}, which are days: family {found}."
    if family is not None and family != "auto":
        name = family_name(family)
        asked = FAMILIES.get(name, suited)
        return f"Family {name}, as asked for.{_odd(scene, target, asked, predictors)}"
    if not suited.values.accepts(column):
        return "No family imputes it."
    support = suited.values.of(column).support
    if support.points is not None:
        return f"It has {'two' if len(support.points) == 2 else len(support.points)} values: family {suited.name}."
    found = np.unique(column.values[~column.missing])
    whole = bool(np.all(found == np.round(found))) and not support.whole
    decimals = " Imputed values have decimals." if whole and column.missing.any() else ""
    return f"It is {suited.values.words}: family {suited.name}.{decimals}{_odd(scene, target, suited, predictors)}"


def _odd(scene: Scene, target: str, family: type[Family], predictors: Iterable[str] | None) -> str:
    """What a normal model of an incomplete target would draw that it never is."""
    told = family.normal and scene.data.variables[target].n_missing
    names = None if predictors is None else sorted(predictors)
    wrong = not_normal(scene.data, target, names) if told else None
    return "" if wrong is None else f" {wrong.finding[0].upper()}{wrong.finding[1:]}; {wrong.remedy}."


def _told(pieces: Iterable[Piece]) -> list[str]:
    by: dict[str, list[str]] = {}
    for piece in pieces:
        by.setdefault(piece.what, []).append(piece.text)
    lines = [f"{what[0].upper()}{what[1:]}: {listed(texts, 12)}." for what, texts in by.items()]
    return lines or ["Predictors: none."]


def _grouped(groups: Sequence[str], level: str | None) -> list[str]:
    found = [f"Random effects: {' and '.join(groups)}."] if groups else []
    return [*found, f"Fitted with one row for each {level}."] if level else found


def _screened(scene: Scene, target: str, pieces: Iterable[Piece]) -> tuple[list[Piece], list[str]]:
    """Pieces without those that say nothing where the target is observed."""
    kept, why = [], {}
    for piece in pieces:
        found = dict(_silent(scene, target, piece))
        why |= found
        kept += [] if found else [piece]
    return kept, [f"Left out: {what} {reason}." for what, reason in why.items()]


def _silent(scene: Scene, target: str, piece: Piece) -> Iterator[tuple[str, str]]:
    """What of a piece says nothing, and why."""
    for atom in split(piece.text):
        key = mean_by(atom)
        if key is not None and scene.seen(target, key) < 2:
            yield written((atom,)), f"is that of the only {key} where {target} is observed"
        for name in sorted(names_in(atom)) if key is None else ():
            if not scene.varies_with(name, target):
                void = applies_where(scene.data, name, target)
                yield name, f"does not vary wherever {target} is observed{void}"
            elif scene.new_labels(name, target):
                yield name, f"has labels that occur only where {target} is missing"


def _of_clusters(scene: Scene, target: str, pieces: list[Piece]) -> tuple[list[Piece], list[str]]:
    """As many terms that are constant within clusters as the clusters with an observed value of the target carry.

    The terms of its own analysis stay, whatever their number: without them it were another model. After them come
    terms of the other analyses, variables before cluster means, then all others in their order.
    """
    level, kept, left = scene.level(target), pieces, []
    own = _terms(scene, [target])
    asked = _terms(scene, scene.outcomes)
    for key in scene.keys if level is None else scene.coarser(level):
        if not 1 < scene.data.n_clusters(key) < len(scene.data.frame):
            continue
        clusters, total = scene.seen(target, key), 0
        of_key = [(_bare(p), p) for p in kept if scene.of_clusters(split(p.text), key)]
        out = []
        for term, piece in sorted(of_key, key=lambda each: _rank(each[0], own, asked)):
            if term in own or total + piece.width <= carried(clusters):
                total += piece.width
            else:
                out.append(piece)
        kept = [p for p in kept if p not in out]
        if out:
            limit, texts = carried(clusters), listed((p.text for p in pieces if p in out), 12)
            carry = f"carry {_coefficients(limit)} of the level of {key}"
            left.append(
                f"Left out, as {counted(clusters, 'cluster')} of {key} with a value of {target} {carry}: {texts}."
            )
    return kept, left


def _rank(term: frozenset[Atom], own: set[frozenset[Atom]], asked: set[frozenset[Atom]]) -> tuple[bool, bool, bool]:
    return term not in own, term not in asked, any(mean_by(atom) is not None for atom in term)


def _bare(piece: Piece) -> frozenset[Atom]:
    return frozenset(map(bare, split(piece.text)))


def _terms(scene: Scene, outcomes: Iterable[str]) -> set[frozenset[Atom]]:
    """The common terms of the analyses of some outcomes."""
    formulas = [scene.models[y] for y in outcomes if y in scene.models]
    return {frozenset(map(bare, term)) for formula in formulas for term in common_terms(formula)}


def _coefficients(n: int) -> str:
    return counted(n, "coefficient")


def _few(pieces: list[Piece], units: int) -> tuple[list[Piece], list[str]]:
    """As many pieces, from the first, as the observed units can carry."""
    limit, kept, total = carried(units), [], 0
    for piece in pieces:
        if total + piece.width <= limit:
            kept.append(piece)
            total += piece.width
    left = [piece.text for piece in pieces if piece not in kept]
    if not left:
        return kept, []
    return kept, [f"Left out, as {counted(units, 'observed unit')} carry {_coefficients(limit)}: {listed(left, 12)}."]
