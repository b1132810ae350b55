"""The names of a conditional model's parameters, and whether the plan's priors fit them.

A prior is given to a coefficient (``sex``, ``sex[girl]``) or to a whole term (``sex``); to the standard deviation of an
effect (``1|school_sigma``); to the correlations of a group (``school_corr``); or to a parameter without a formula
(``sigma``). Those of parameters other than ``mu`` carry its name: ``sigma_Intercept``, ``sigma_1|school_sigma``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bayesimpute.check.reading import Notes
from bayesimpute.families import Family, Parameter
from bayesimpute.formulas import Group, Matrix
from bayesimpute.outcome import did_you_mean
from bayesimpute.priors import Prior

Role = Literal["coefficient", "positive", "correlation", "single"]
SHOWN = 30
"""Names that a remedy lists."""
WANTED: Mapping[Role, tuple[str, str]] = {
    "coefficient": ("a coefficient", "Normal(0, 1) or StudentT(3, 0, 1)"),
    "positive": ("a parameter above zero", "HalfNormal(1), Exponential(1) or Gamma(2, 1)"),
    "correlation": ("correlations", "LKJ(2)"),
    "single": ("a correlation", "Uniform(-1, 1), ScaledBeta(2, 2) or FisherNormal(0, 0.5)"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Coded:
    """The matrices of one parameter's formula."""

    common: Matrix
    groups: Sequence[tuple[Group, Matrix]]


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


def roles(family: Family, coded: Mapping[str, Coded]) -> dict[str, Role]:
    """Every name that a prior can be given to, with what it is."""
    found: dict[str, Role] = {}
    for p in family.parameters:
        if p.name in coded:
            found.update(_roles(p, coded[p.name]))
        else:
            found[p.name] = "single" if p.link == "fisher" else "positive"
    widths = {(name, group): len(matrix.names) for name, c in coded.items() for group, matrix in c.groups}
    for bundle in bundles(family, {name: [group for group, _ in c.groups] for name, c in coded.items()}):
        if sum(widths[part.parameter.name, part.group] for part in bundle) > 1:
            found[correlations(bundle[0].parameter, bundle[0].group)] = "correlation"
    return found


def _roles(p: Parameter, coded: Coded) -> Iterator[tuple[str, Role]]:
    for name in (*coded.common.names, *(term for term, _ in coded.common.terms)):
        yield prefixed(p, name), "coefficient"
    for group, matrix in coded.groups:
        for name in (*matrix.names, *(term for term, _ in matrix.terms)):
            yield prefixed(p, f"{'1' if name == 'Intercept' else name}|{group.factor}_sigma"), "positive"


def problems(priors: Mapping[str, Prior], known: Mapping[str, Role], path: str, notes: Notes) -> None:
    """Priors of parameters that the model does not have, and priors that cannot be theirs."""
    for name, prior in priors.items():
        place = f'{path}."{name}"'
        if name not in known:
            shown = ", ".join([*known][:SHOWN])
            notes.add(place, "the model has no such parameter", did_you_mean(name, known, f"use one of {shown}"))
        elif not _fits(prior, known[name]):
            wanted, example = WANTED[known[name]]
            notes.add(place, f"{prior} cannot be the prior of {wanted}", f"use {example}")


def _fits(prior: Prior, role: Role) -> bool:
    if role == "correlation":
        return prior.name == "LKJ"
    if role == "single":
        return prior.correlation()
    if role == "coefficient":
        return prior.support in ("real", "interval")
    # a prior on (0, 1) would not follow a change of units
    return prior.positive() and prior.support != "unit"
