"""The ``bambi.Model`` of a conditional model, where bambi has it: with the same formulas, family, data and priors."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.errors import InputError, Problem
from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block, Predictor
from bayesimpute.formulas import Formula, namespace
from bayesimpute.inspection.user_units import coefficient_priors, deviation_priors, moved_coefficients, number_priors

LEAVE = "take .pymc, which is the whole model"


def to_bambi(design: Design, formulas: Mapping[str, Formula], frame: pd.DataFrame) -> Any:
    """The model of a design on completed data.

    Parameters
    ----------
    design : Design
        Of one target.
    formulas : mapping of str to Formula
        By parameter, as the design was made from them.
    frame : DataFrame
        The rows that it is fitted to, cluster keys included.

    Returns
    -------
    bambi.Model

    Raises
    ------
    InputError
        With everything that bambi does not have.
    """
    problems = [
        Problem(path=f"model[{design.name}]", finding=f"bambi has no {what}", remedy=LEAVE) for what in _beyond(design)
    ]
    if problems:
        raise InputError(problems)
    import bambi

    main, *others = (p for p in design.predictors)
    name = design.family.bambi
    priors: dict[str, Any] = _of_predictor(main)
    for b in design.blocks:
        home = priors if b.parts[0][0] == main.key else priors.setdefault(b.parts[0][0], {})
        (prior,) = deviation_priors(b)
        home[_effect(b)] = bambi.Prior("Normal", mu=0.0, sigma=_bambis(prior))
    for p in others:
        given = _bambis(number_priors(design, p)[0]) if p.matrix is None else _of_predictor(p)
        priors[p.key] = {**given, **priors.get(p.key, {})} if isinstance(given, dict) else given
    texts = [f"{design.name} ~ {_right(design, main, formulas)}"]
    texts += [f"{p.key} ~ {_right(design, p, formulas)}" for p in others if p.matrix is not None]
    link = {"link": main.parameter.link} if name == "bernoulli" else {}
    options = {"family": name, "priors": priors, "extra_namespace": namespace({}), **link}
    return bambi.Model(bambi.Formula(*texts), frame, **options)


def _beyond(design: Design) -> Iterator[str]:
    """What of a design bambi does not have."""
    if design.family.selection is not None:
        yield "selection models"
    elif not design.family.in_bambi:
        yield f"family {design.family.name} with these parameters and priors"
    if design.side:
        yield f"columns that the family reads beside the formula ({', '.join(design.side.values())})"
    if any(b.width > 1 for b in design.blocks):
        yield "correlated effects: its (1 + x | g) are independent"
    if any("[" in name for b in design.blocks for name in b.names):
        yield "random effects of single labels"
    if any(b.centre.any() for b in design.blocks):
        yield "random effects about the means of their columns"
    moved = {n for p in design.predictors if p.matrix for n, m in zip(p.matrix.names, moved_coefficients(p)) if m}
    if moved - {"Intercept"}:
        yield "products and powers about the means of their variables"
    if any(len(set(p.matrix.bambis)) < len(p.matrix.bambis) for p in design.predictors if p.matrix):
        yield "names for terms that differ in parentheses only"
    if design.offsets:
        yield "offsets of this kind"
    if design.side:
        yield "columns that a family reads beside the predictors"


def _of_predictor(p: Predictor) -> dict[str, Any]:
    assert p.matrix is not None
    priors = coefficient_priors(p)
    places = (place for _, place in p.matrix.terms)
    return {term: _bambis(*priors[place]) for term, place in zip(p.matrix.bambis, places, strict=True)}


def _bambis(*priors: Prior) -> Any:
    """One prior of bambi's from those of the columns of a term, which are of one kind."""
    import bambi

    if len({prior.name for prior in priors}) > 1:
        finding = "bambi has no term whose columns have priors of several kinds"
        raise InputError([Problem(path="priors", finding=finding, remedy=LEAVE)])
    together: dict[str, Any] = {key: np.array([p.parameters[key] for p in priors]) for key in priors[0].parameters}
    make: Any = bambi.Prior
    return make(priors[0].name, **{k: v if len(priors) > 1 else float(v[0]) for k, v in together.items()})


def _effect(b: Block) -> str:
    return f"{b.parts[0][1].names[0].replace('Intercept', '1')}|{b.factor}"


def _right(design: Design, p: Predictor, formulas: Mapping[str, Formula]) -> str:
    effects = [b for b in design.blocks if b.parts[0][0] == p.key]
    terms = ["1" if _effect(b).startswith("1|") else f"0 + {_effect(b).rpartition('|')[0]}" for b in effects]
    groups = [f"({term} | {b.factor})" for term, b in zip(terms, effects, strict=True)]
    return " + ".join([formulas[p.parameter.name].common, *groups])
