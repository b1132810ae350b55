"""The names of a model's parameters, by which priors are given, and which effects have one covariance matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bayesimpute.families import Family, Parameter
from bayesimpute.formulas import Group, Matrix


@dataclass(frozen=True, kw_only=True)
class Part:
    """One parenthesis of random effects, and the parameter whose formula it stands in."""

    parameter: Parameter
    group: Group


def bundles(family: Family, groups: Mapping[str, Sequence[Group]]) -> list[tuple[Part, ...]]:
    """The parentheses of all formulas, those together whose effects have one covariance matrix.

    Each stands alone, but in families that select (and are ``joint``): there those of the outcome and of the selection
    by one cluster key belong together, so that whoever differs in the outcome may differ in selection too. Where one of
    the two formulas keeps effects apart (``||``, or several parentheses), only those of the same terms do.

    Parameters
    ----------
    groups : mapping of str to sequence of Group
        By parameter.
    """
    parts = [Part(parameter=p, group=group) for p in family.parameters for group in groups.get(p.name, ())]
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
    selects, names = family.selection, {one.parameter.name, other.parameter.name}
    if selects is None or not selects.joint or names != {"mu", selects.parameter}:
        return False
    factor = one.group.factor
    if other.group.factor != factor:
        return False
    mine = [part.parameter.name for part in parts if part.group.factor == factor and part.parameter.name in names]
    split = len(mine) > len(set(mine))
    return not split or bool(set(one.group.terms) & set(other.group.terms))


def prefixed(p: Parameter, name: str) -> str:
    """Names of ``mu`` stand alone, those of other parameters carry its name: ``sigma_Intercept``, as in bambi."""
    return name if p.name == "mu" else f"{p.name}_{name}"


def correlations(p: Parameter, group: Group) -> str:
    """The name under which the prior of a group's correlations is given: ``school_corr``."""
    return prefixed(p, f"{group.factor}_corr")


def column_terms(matrix: Matrix) -> list[str]:
    """The term that each column belongs to."""
    return [term for term, place in matrix.terms for _ in range(place.stop - place.start)]
