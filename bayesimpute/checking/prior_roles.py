"""The names of a conditional model's parameters, and whether the plan's priors fit them.

A prior is given to a coefficient (``sex``, ``sex[girl]``) or to a whole term (``sex``); to the standard deviation of an
effect (``1|school_sigma``); to the correlations of a group (``school_corr``); or to a parameter without a formula
(``sigma``). Those of parameters other than ``mu`` carry its name: ``sigma_Intercept``, ``sigma_1|school_sigma``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bayesimpute.base.errors import did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.base.priors import Prior, Space
from bayesimpute.checking.notes import Notes
from bayesimpute.designs.parameter_names import Part, alike, bundles, correlations, labelled, prefixed
from bayesimpute.families import Family, Parameter
from bayesimpute.families.family import TAU
from bayesimpute.formulas import Group, Matrix

SHOWN = 30
"""Names that a remedy lists."""
WANTED: Mapping[Space, tuple[str, str]] = {
    "real": ("a coefficient", "Normal(0, 1) or StudentT(3, 0, 1)"),
    "positive": ("a parameter above zero", "HalfNormal(1), Exponential(1) or Gamma(2, 1)"),
    "ordered": ("ordered parameters", "Normal(0, 2) or StudentT(3, 0, 2)"),
    "unit": ("a parameter between 0 and 1", "Beta(2, 2) or Uniform(0, 1)"),
    "correlation": ("correlations", "LKJ(2)"),
    "signed unit": ("a correlation", "Uniform(-1, 1), ScaledBeta(2, 2) or FisherNormal(0, 0.5)"),
    "tau": ("Kendall's tau", "Uniform(-1, 1), ScaledBeta(2, 2) or FisherNormal(0, 0.5)"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Coded:
    """The matrices of one parameter's formula."""

    common: Matrix
    groups: Sequence[tuple[Group, Matrix]]


def roles(family: Family, coded: Mapping[str, Coded]) -> dict[str, Space]:
    """Every name that a prior can be given to, with where the number lives."""
    found: dict[str, Space] = {}
    for p in family.parameters:
        if p.name in coded:
            found.update(_roles(family, p, coded[p.name]))
        else:
            found[p.name] = p.support
    dependence = None if family.selection is None else family.selection.dependence
    if dependence is not None and found.get(dependence.name) == "signed unit":
        found.setdefault(TAU, "tau")
    widths = {(name, group): len(matrix.names) for name, c in coded.items() for group, matrix in c.groups}
    for bundle in bundles(family, {name: [group for group, _ in c.groups] for name, c in coded.items()}):
        if sum(widths[part.parameter.name, part.group] for part in bundle) > 1:
            found[correlations(bundle[0].parameter, bundle[0].group)] = "correlation"
    return found


def _roles(family: Family, p: Parameter, coded: Coded) -> Iterator[tuple[str, Space]]:
    """Those of a parameter with labels: of one label, or of all of them."""
    for label in (None, *p.labels):
        for name in (*coded.common.names, *(term for term, _ in coded.common.terms)):
            yield labelled(prefixed(p, name), label), "real"
        for group, matrix in coded.groups:
            if label is not None and alike(family, Part(parameter=p, group=group, label=label)):
                continue
            for name in (*matrix.names, *(term for term, _ in matrix.terms)):
                effect = labelled(prefixed(p, "1" if name == "Intercept" else name), label)
                yield f"{effect}|{group.factor}_sigma", "positive"


def problems(priors: Mapping[str, Prior], known: Mapping[str, Space], path: str, notes: Notes) -> None:
    """Priors of parameters that the model does not have, priors that cannot be theirs, and two of one number."""
    if TAU in priors and known.get(TAU) == "tau" and (twice := [n for n in priors if known.get(n) == "signed unit"]):
        remedy = f"leave {TAU} or {twice[0]} out: each says what the other is"
        notes.add(f'{path}."{TAU}"', f"{twice[0]} has a prior, too", remedy)
    for name, prior in priors.items():
        place = f'{path}."{name}"'
        if name not in known:
            notes.add(
                place,
                "the model has no such parameter",
                did_you_mean(name, known, f"use one of {listed(known, SHOWN)}"),
            )
        elif not prior.fits(known[name]):
            wanted, example = WANTED[known[name]]
            notes.add(place, f"{prior} cannot be the prior of {wanted}", f"use {example}")
