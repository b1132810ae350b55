"""The names of a model's parameters, by which priors are given, and which effects have one covariance matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bayesimpute.families import Family, Parameter
from bayesimpute.formulas import Group, Matrix


@dataclass(frozen=True, kw_only=True)
class Part:
    """One parenthesis of random effects, and the linear predictor in which it stands."""

    parameter: Parameter
    group: Group
    label: str | None = None

    @property
    def key(self) -> str:
        """Of the linear predictor."""
        return self.parameter.key(self.label)


def bundles(family: Family, groups: Mapping[str, Sequence[Group]]) -> list[tuple[Part, ...]]:
    """The parentheses of all formulas, those together whose effects have one covariance matrix.

    Each stands alone, but those of one cluster key whose linear predictors the family has :attr:`~Family.together`.
    Where one of two formulas keeps effects apart (``||``, or several parentheses), only those of the same terms belong
    together.

    Parameters
    ----------
    groups : mapping of str to sequence of Group
        By parameter.
    """
    parts = [
        Part(parameter=p, group=group, label=label)
        for p in family.parameters
        for label in p.labels or (None,)
        for group in groups.get(p.name, ())
    ]
    found: list[list[Part]] = []
    for part in parts:
        mine = [bundle for bundle in found if any(_linked(family, part, other, parts) for other in bundle)]
        joined = [other for bundle in mine for other in bundle] + [part]
        if mine:
            found[found.index(mine[0])] = joined
        else:
            found.append(joined)
        found = [bundle for bundle in found if bundle not in mine[1:]]
    return [tuple(bundle) for bundle in found]


def _linked(family: Family, one: Part, other: Part, parts: Sequence[Part]) -> bool:
    names, factor = {one.key, other.key}, one.group.factor
    if len(names) == 1 or other.group.factor != factor or not any(names <= keys for keys in family.together):
        return False
    mine = [part.key for part in parts if part.group.factor == factor and part.key in names]
    split = len(mine) > len(set(mine))
    return not split or bool(set(one.group.terms) & set(other.group.terms))


def law_of(family: Family, bundle: tuple[Part, ...], found: Sequence[tuple[Part, ...]]) -> int:
    """The place of the first of all bundles whose effects have the law of one's: its own, unless labels are alike."""
    return next(k for k, other in enumerate(found) if other is bundle or _alike(family, bundle, other))


def alike(family: Family, part: Part) -> bool:
    """Whether the effects of a parenthesis have the law that those of other labels have."""
    return any(part.key in keys for keys in family.alike)


def _alike(family: Family, one: tuple[Part, ...], other: tuple[Part, ...]) -> bool:
    keys = {part.key for part in (*one, *other)}
    return one[0].group == other[0].group and any(keys <= those for those in family.alike)


def prefixed(p: Parameter, name: str) -> str:
    """Names of ``mu`` stand alone, those of other parameters carry its name: ``sigma_Intercept``, as in bambi."""
    return name if p.name == "mu" else f"{p.name}_{name}"


def labelled(name: str, label: str | None) -> str:
    """Of one label's predictor, as ArviZ prints what bambi makes: ``x[b]``, and of a coded term ``sex[girl, b]``."""
    if label is None:
        return name
    return f"{name[:-1]}, {label}]" if name.endswith("]") else f"{name}[{label}]"


def lookups(p: Parameter, label: str | None, name: str, term: str) -> list[str]:
    """The names by which a prior may be given, the narrowest first: one coefficient's, a term's, all labels'."""
    mine = [labelled(prefixed(p, one), label) for one in (name, term)]
    return [*mine, prefixed(p, name), prefixed(p, term)]


def correlations(p: Parameter, group: Group) -> str:
    """The name under which the prior of a group's correlations is given: ``school_corr``."""
    return prefixed(p, f"{group.factor}_corr")


def column_terms(matrix: Matrix) -> list[str]:
    """The term that each column belongs to."""
    return [term for term, place in matrix.terms for _ in range(place.stop - place.start)]
