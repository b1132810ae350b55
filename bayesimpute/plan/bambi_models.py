"""A bambi model that the user has in hand as a conditional: formula, family, link and the user's own priors.

Priors that bambi made are left out: they are made anew from the data. bambi is not imported here: whoever has such a
model has done so.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bayesimpute.base.distributions import DISTRIBUTIONS
from bayesimpute.base.errors import FormulaError, PlanError, Problem
from bayesimpute.base.phrases import listed
from bayesimpute.base.priors import Prior
from bayesimpute.families import FAMILIES, Family, options
from bayesimpute.formulas import parse
from bayesimpute.formulas.algebra import bambi_name, term_name
from bayesimpute.plan.conditional import Conditional, left_side

FAMILY_NAMES: Mapping[str, str] = {"gaussian": "gaussian", "t": "student_t", "bernoulli": "bernoulli"}
"""Of bambi's families those that are here too, by bambi's names."""
_EFFECTS = re.compile(r"\(([^()|]*(?:\([^()]*\)[^()|]*)*)\|(?!\|)([^()|]*)\)")


def is_bambi(thing: object) -> bool:
    """Whether this is a model of bambi's."""
    kind = type(thing)
    return kind.__module__.partition(".")[0] == "bambi" and kind.__name__ == "Model"


def from_bambi(model: Any) -> Conditional:
    """The conditional that a ``bambi.Model`` stands for.

    Raises
    ------
    PlanError
        With everything that cannot be taken over: a family or a prior that is not here, potentials, aliases, columns
        that are not centred, data without rows that were dropped.
    """
    target = left_side(model.formula.main, "bambi model")
    path = f"conditional[{target}]"
    problems = [*_unlike(model, path)]
    priors: dict[str, Prior] = {}
    for name, given in _own_priors(model):
        made = _prior(given)
        if isinstance(made, Prior):
            priors[name] = made
        else:
            problems.append(Problem(path=f"{path}.priors.{name}", finding=made, remedy=_KNOWN))
    if problems:
        raise PlanError(problems)
    formulas = {"mu": independent(model.formula.main)}
    for text in model.formula.additionals:
        formulas[left_side(text, path)] = independent(text.partition("~")[2].strip())
    family = _family(model)
    assert family is not None
    ours = _our_names(formulas)
    priors = {
        next((name + key[len(b) :] for b, name in ours.items() if _is_of(key, b)), key): p for key, p in priors.items()
    }
    return Conditional(target=target, family=family, formulas=formulas, priors=priors)


def _our_names(formulas: Mapping[str, str]) -> dict[str, str]:
    """Our names of terms that bambi prints without the parentheses inside of calls, by bambi's."""
    found = {}
    for parameter, text in formulas.items():
        prefix = "" if parameter == "mu" else f"{parameter}_"
        try:
            formula = parse(text)
        except FormulaError:  # told when the plan is checked
            continue
        for term in (*formula.trees, *(term for group in formula.groups for term in group.trees)):
            found[f"{prefix}{bambi_name(term)}"] = f"{prefix}{term_name(term)}"
    return {bambis: ours for bambis, ours in found.items() if bambis != ours}


def _is_of(key: str, term: str) -> bool:
    """Whether a parameter is that of a term, or of one of its columns or effects."""
    return key.startswith(term) and key[len(term) :][:1] in ("", "[", "|")


def independent(formula: str) -> str:
    """With bambi's meaning of ``(1 + x | g)``, effects that are independent, which is written ``(1 + x || g)``."""

    def parted(match: re.Match[str]) -> str:
        terms, group = match.group(1).strip(), match.group(2).strip()
        return f"({terms} {'|' if terms == '1' else '||'} {group})"

    return _EFFECTS.sub(parted, formula)


def _unlike(model: Any, path: str) -> Iterator[Problem]:
    """What of the model has no counterpart here."""
    name = model.family.name
    if name not in FAMILY_NAMES:
        remedy = f"these are: {listed(FAMILY_NAMES)}"
        yield Problem(path=f"{path}.family", finding=f'bambi\'s family "{name}" is not here', remedy=remedy)
    elif _family(model) is None:
        finding = f'the link "{_link(model)}" of bambi\'s family "{name}" is not here'
        yield Problem(path=f"{path}.family", finding=finding, remedy="take another link")
    if model.potentials:
        remedy = "leave them out, or say it by priors"
        yield Problem(path=path, finding="the bambi model has potentials, which are not taken over", remedy=remedy)
    if not model.center_predictors:
        finding = "the bambi model has center_predictors=False: its intercept's prior is where all columns are zero"
        yield Problem(
            path=path, finding=finding, remedy="leave that option out; here priors hold at the columns' means"
        )
    if not model.dropna:
        finding = "the bambi model was made without dropna=True, so not of incomplete data"
        yield Problem(path=path, finding=finding, remedy="make it with dropna=True of the data that are to be imputed")
    aliases = [part.alias for part in _aliased(model) if getattr(part, "alias", None)]
    if aliases:
        finding = f"the bambi model has aliases: {listed(map(str, aliases))}"
        yield Problem(path=path, finding=finding, remedy="leave them out; parameters have the names of their terms")


def _aliased(model: Any) -> Iterator[Any]:
    for parameter in model.parameters.values():
        yield parameter
        yield from getattr(parameter, "common_terms", {}).values()
        yield from getattr(parameter, "group_specific_terms", {}).values()


def _link(model: Any) -> str:
    link = model.family.link
    link = next(iter(link.values())) if isinstance(link, Mapping) else link
    return str(getattr(link, "name", link))


def _family(model: Any) -> Family | None:
    """The family with bambi's link; None: there is none."""
    kind, link = FAMILIES[FAMILY_NAMES[model.family.name]], _link(model)
    own = any(option.name == "link" for option in options(kind))
    made: Family | None
    try:
        made = kind(**({"link": link} if own else {}))
        return made if made.parameters[0].link == link else None
    except (KeyError, ValueError):
        return None


def _own_priors(model: Any) -> Iterator[tuple[str, Any]]:
    """The priors that the user gave, by our names; of terms of several columns one for each."""
    for key, part in model.parameters.items():
        prefix = "" if part is next(iter(model.parameters.values())) else f"{key}_"
        if not hasattr(part, "common_terms"):
            if _given(part.prior):
                yield key, part.prior
            continue
        if part.intercept_term is not None and _given(part.intercept_term.prior):
            yield f"{prefix}Intercept", part.intercept_term.prior
        for name, term in part.common_terms.items():
            if _given(term.prior):
                yield from _by_column(f"{prefix}{name}", term)
        for name, term in part.group_specific_terms.items():
            if term.prior.name != "Normal" or np.any(term.prior.args["mu"] != 0):
                yield f"{prefix}{name}", f"effects are normal with mean 0 here, not {term.prior}"
            elif _given(term.prior):
                yield f"{prefix}{name}_sigma", term.prior.args["sigma"]


def _given(prior: Any) -> bool:
    return prior is not None and not prior.auto_scale


def _by_column(name: str, term: Any) -> Iterator[tuple[str, Any]]:
    widths = {np.size(value) for value in term.prior.args.values()} - {1}
    if not widths or term.levels is None:
        yield name, term.prior
        return
    for k, level in enumerate(term.levels):
        yield (
            f"{name}[{level}]",
            (term.prior.name, {n: np.ravel(v)[k % np.size(v)] for n, v in term.prior.args.items()}),
        )


def _prior(given: Any) -> Prior | str:
    """Ours of a prior of bambi's, or what is wrong with it."""
    if isinstance(given, str):
        return given
    name, arguments = given if isinstance(given, tuple) else (given.name, given.args)
    if name not in DISTRIBUTIONS or set(arguments) != set(DISTRIBUTIONS[name].parameters):
        return f"{name}({', '.join(arguments)}) is not here"
    values = [arguments[parameter] for parameter in DISTRIBUTIONS[name].parameters]
    if any(np.size(value) != 1 or not np.issubdtype(np.asarray(value).dtype, np.number) for value in values):
        return f"{name} has parameters that are not numbers"
    return Prior.of(name, *(float(np.ravel(value)[0]) for value in values))


_KNOWN = f"priors are {listed(DISTRIBUTIONS, len(DISTRIBUTIONS))} of numbers"
