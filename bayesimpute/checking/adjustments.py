"""Assumptions, and adjustments of what is imputed: whether they can be read, and hold on the data.

:func:`alone` looks at the plan, :func:`problems` holds it against the data.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bayesimpute.base.errors import FormulaError, Problem, Severity, did_you_mean
from bayesimpute.base.phrases import counted, first_row, listed
from bayesimpute.base.priors import Prior
from bayesimpute.checking.derived import closure, kinds, values_read
from bayesimpute.checking.names import key_columns
from bayesimpute.checking.notes import Notes, finite
from bayesimpute.checking.readings import Read, Reading, Shifted
from bayesimpute.checking.selection_indicators import indicators
from bayesimpute.checking.target_columns import filled, settled
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families.count_values import Whole
from bayesimpute.families.family import options
from bayesimpute.families.label_values import Binary, Categories, Ordered
from bayesimpute.formulas import parse_expression, quote
from bayesimpute.plan import held_options
from bayesimpute.plan.adjusted import FINITE
from bayesimpute.plan.assumptions import Assumption
from bayesimpute.plan.fixed import assumed_in, known_values


def alone(read: Read) -> list[Problem]:
    """What is wrong with assumptions whatever the data are."""
    notes, known = Notes(), [a for a in read.plan.assumptions if isinstance(a, Assumption)]
    for other in (a for a in read.plan.assumptions if not isinstance(a, Assumption)):
        notes.add("assumption", f"{other!r} is not an Assumption", 'write Assumption(name="delta", value=1)')
    named = [a for a in known if notes.text("assumption[?].name", a.name)]
    for name, times in Counter(a.name for a in named).items():
        if times > 1:
            notes.add(f"assumption[{name}]", f'{times} assumptions are called "{name}"', "give each its own name")
    for a in named:
        _values(a, notes)
        _used(a, read, notes)
    _correlations(named, notes)
    return notes.problems


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with assumptions and adjustments on the data."""
    notes = Notes()
    assumptions = [a for a in read.plan.assumptions if isinstance(a, Assumption) and isinstance(a.name, str)]
    for a in assumptions:
        taken = "column of the data" if a.name in data.columns else "derived variable" if a.name in read.derived else ""
        if taken:
            notes.add(f"assumption[{a.name}]", f'there is a {taken} "{a.name}"', "give the assumption another name")
        for name in key_columns(a.by, data.columns) if isinstance(a.by, str) else ():
            if name not in data.columns:
                remedy = did_you_mean(name, data.columns, "name a column of the data")
                notes.add(f"assumption[{a.name}].by", f'there is no column "{name}"', remedy)
    names = [a.name for a in assumptions]
    for shifted in read.shifts:
        reading = next((r for r in read.conditionals if r.target == shifted.adjustment.target), None)
        _target(shifted, reading, read, data, notes)
        _shift(shifted, names, read, data, notes)
        _condition(shifted, read, data, notes)
        _finite(shifted, assumptions, read, data, notes)
        if reading is not None and reading.target in data.columns:
            _scale(shifted, reading, read, data, notes)
            notes.problems += _unaware(shifted, reading, read, data)
    return list(dict.fromkeys(notes.problems))


def _values(a: Assumption, notes: Notes) -> None:
    path = f"assumption[{a.name}]"
    if not a.name.isidentifier():
        notes.add(f"{path}.name", f'"{a.name}" cannot stand in an expression as it is', "use letters, digits and _")
    number = finite(a.value)
    if not number:
        notes.add(f"{path}.value", f"{a.value!r} is not a number", "write value = 0.5")
    if a.by is not None:
        notes.text(f"{path}.by", a.by)
    if not _readable(a.correlation):
        finding = f"{type(a.correlation).__name__} is no mapping of other assumptions to correlations"
        notes.add(f"{path}.correlation", finding, "write correlation = { other = 0.5 }")
    if a.prior is None:
        correlated = isinstance(a.correlation, Mapping) and bool(a.correlation)
        if a.by is not None or correlated:
            what = "correlation" if correlated else "by"
            notes.add(
                f"{path}.{what}", "it is about draws from a prior, and there is none", 'give prior = "Normal(0, 1)"'
            )
        return
    if number and a.value != 0:
        notes.add(f"{path}.value", f"there are a value ({a.value:g}) and a prior", "give one of them")
    try:
        prior = Prior.parse(a.prior, f"{path}.prior")
    except FormulaError as error:
        notes.problems += error.problems
        return
    if prior.support == "correlation":
        notes.add(f"{path}.prior", f"{prior} is of a matrix, not of a number", "give Uniform or ScaledBeta")
    elif not math.isfinite(prior.mean):
        finding = f"{prior} has no mean, at which the chains would be judged"
        notes.add(f"{path}.prior", finding, "give a prior with a mean, such as StudentT with nu above 1")


def _used(a: Assumption, read: Read, notes: Notes) -> None:
    if a.name in assumed_in(reading.conditional for reading in read.conditionals):
        return
    if a.name in held_options.named_in(read.plan.models):
        _held(a, read, notes)
        return
    if len(read.shifts) == len(read.plan.adjustments) and not any(a.name in s.expression.names for s in read.shifts):
        remedy = f'write it into a shift: shift = "{a.name}", or fix a coefficient at it: priors.y = "{a.name}"'
        notes.add(f"assumption[{a.name}]", "no adjustment reads it, and no coefficient is fixed at it", remedy)


def _held(a: Assumption, read: Read, notes: Notes) -> None:
    """An assumption that an option of a family is held at, such as a correlation; its value is looked at there."""
    if a.prior is None:
        return
    path, models = f"assumption[{a.name}]", [m for m in read.plan.models if a.name in held_options.named(m).values()]
    if a.by is not None:
        notes.add(f"{path}.by", "an option of a family is one number for all clusters", "leave it out")
    if read.plan.substantive:
        finding = "in a plan with a [[substantive]] model a dependence is held at one value"
        notes.add(f"{path}.prior", finding, "give a value, and vary it: over." + a.name)
    try:
        low, high = Prior.parse(a.prior).quantile(np.array([1e-9, 1 - 1e-9]))
    except FormulaError:
        return  # which is told of the prior itself
    for model in models:
        family: Any = model.family
        limits = {f.name: f.metadata["between"] for f in options(family) if "between" in f.metadata}
        for option in (o for o, name in held_options.named(model).items() if name == a.name):
            lower, upper = limits[option]
            if not lower < low < high < upper:
                finding = f"{a.prior} is also of what is no {option} of {model.target}, {lower:g} to {upper:g}"
                notes.add(f"{path}.prior", finding, "give Uniform(-0.8, 0), ScaledBeta or FisherNormal")


def _readable(correlation: object) -> bool:
    return isinstance(correlation, Mapping) and all(map(finite, correlation.values()))


def _correlations(assumptions: list[Assumption], notes: Notes) -> None:
    assumptions = [a for a in assumptions if _readable(a.correlation)]
    priors = {a.name: k for k, a in enumerate(a for a in assumptions if a.prior is not None)}
    matrix, before = np.eye(len(priors)), len(notes.problems)
    for a in (a for a in assumptions if a.prior is not None):
        for other, r in a.correlation.items():
            path = f"assumption[{a.name}].correlation.{other}"
            if other not in priors or other == a.name:
                known = [name for name in priors if name != a.name]
                remedy = did_you_mean(other, known, f"they are {listed(known) or 'none'}")
                notes.add(path, f'there is no other assumption "{other}" with a prior', remedy)
            elif not -1 < r < 1:
                notes.add(path, f"{r:g} is not a correlation", "give a number between -1 and 1, both excluded")
            else:
                i, j = priors[a.name], priors[other]
                if matrix[i, j] not in (0, r):
                    finding = f"it is {r:g} here and {matrix[i, j]:g} at {other}"
                    notes.add(path, finding, "write it once")
                matrix[i, j] = matrix[j, i] = r
    if len(notes.problems) == before and np.linalg.eigvalsh(matrix).min(initial=1) <= 1e-10:
        finding = "together they are no correlation matrix: it is not positive definite"
        notes.add("assumption", finding, "make the correlations smaller")


def _target(shifted: Shifted, reading: Reading | None, read: Read, data: Incomplete, notes: Notes) -> None:
    name, path = shifted.adjustment.target, f"{shifted.path}.target"
    if name not in data.columns:
        remedy = did_you_mean(name, [r.target for r in read.conditionals], "name a variable that is imputed")
        notes.add(path, f'there is no column "{name}"', remedy)
    elif not np.isnan(filled(data, name)).any():
        notes.add(path, f'"{name}" is complete: nothing of it is imputed', "leave the adjustment out")
    elif reading is None:
        targets = [r.target for r in read.conditionals]
        remedy = did_you_mean(name, targets, f"models are of {listed(targets) or 'none'}")
        notes.add(path, f'"{name}" has no model whose imputations could be shifted', remedy)


def _shift(shifted: Shifted, names: list[str], read: Read, data: Incomplete, notes: Notes) -> None:
    use, target = shifted.use, shifted.adjustment.target
    known = [*data.columns, *read.derived, *names]
    keys = {name for key in use.keys for name in key_columns(key, data.columns)}
    for name in sorted((use.names | keys) - set(known)):
        remedy = did_you_mean(name, known, "name a column, a derived variable or an assumption")
        notes.add(use.path, f'there is no column or assumption "{name}"', remedy)
    kinds(use, str(shifted.expression), read, data, notes, names, number=True)
    follows = closure(use.values, read)
    if target in follows:
        notes.add(use.path, f"it follows from {target} itself, and would move on from sweep to sweep", "leave it out")
    for name in sorted(set(follows) & set(data.columns) - {target}):
        models = {r.target for r in read.conditionals} | set(read.derived)
        if name not in models and np.isnan(filled(data, name)).any():
            finding = f'"{name}" has missing values and no model'
            notes.add(use.path, finding, "give it a conditional, or leave it out of the shift")


def _condition(shifted: Shifted, read: Read, data: Incomplete, notes: Notes) -> None:
    """A number that is no yes or no holds everywhere, which nobody meant who wrote ``where = "age"``."""
    where = shifted.adjustment.where
    if where is None:
        return
    expression = parse_expression(where, f"{shifted.path}.where")
    derived = {name: d.expression for name, d in read.derived.items()}
    if any(name not in data.columns and name not in derived for name in closure(expression.names, read)):
        return  # assumptions, or what is told elsewhere
    found = known_values(expression, derived, data)
    if not np.isin(found[~np.isnan(found)], (0, 1)).all():
        finding = f"{where} is a number and no condition: it would hold wherever it is not 0"
        notes.add(f"{shifted.path}.where", finding, f'compare it with something: where = "{where} > 0"')


def _finite(shifted: Shifted, assumptions: list[Assumption], read: Read, data: Incomplete, notes: Notes) -> None:
    """A shift where all that it follows from is known; what other rows or imputed values give is seen in the run."""
    names = closure(shifted.expression.names, read)
    inside = [read.derived[name].use for name in names if name in read.derived]
    known = [name for name in names if name in data.columns]
    unknown = set(names) - {*data.columns, *read.derived, *(a.name for a in assumptions)}
    beyond = unknown or any(use.calls for use in (shifted.use, *inside))
    if beyond or shifted.adjustment.target not in data.columns:
        return
    whole = data.columns[shifted.adjustment.target].missing
    rows = whole & ~np.any([data.columns[name].missing for name in known] or [np.zeros_like(whole)], axis=0)
    derived = {name: d.expression for name, d in read.derived.items()}
    derived |= {a.name: parse_expression("1", shifted.path, number=True) for a in assumptions}
    values = known_values(shifted.expression, derived, data)
    wrong = rows & ~np.isfinite(values)
    if wrong.any() and not np.isnan(values).all():  # what cannot be computed at all is told elsewhere
        finding = f"{shifted.adjustment.shift} is not a finite number in {counted(int(wrong.sum()), 'missing row')}"
        notes.add(f"{shifted.path}.shift", f"{finding}, {first_row(data.frame, wrong)}", FINITE)


def _scale(shifted: Shifted, reading: Reading, read: Read, data: Incomplete, notes: Notes) -> None:
    adjustment, column = shifted.adjustment, data.columns[reading.target]
    family = settled(reading, column)
    if family is None:
        return
    binary, mu, path = family.values is Binary, family.parameters[0], f"{shifted.path}.scale"
    each = family.values is Categories
    if adjustment.scale == "logit" and not (binary or each):
        higher = ": + is towards higher labels" if family.values is Ordered else ' or "value"'
        notes.add(path, f'"{reading.target}" is not yes or no: it has no log-odds', f'use scale = "predictor"{higher}')
    elif adjustment.scale in ("value", "ratio") and not family.density:
        finding = f"{family.name} imputes values that were observed, which a shifted one would not be"
        notes.add(path, finding, 'use scale = "predictor": it moves the predictions with which donors are found')
    elif adjustment.scale in ("value", "ratio") and adjustment.scale not in family.values.stays:
        finding = f'"{reading.target}" is {family.values.words}: a shifted value would be none'
        notes.add(path, finding, 'use scale = "predictor"')
    elif adjustment.scale == "logit" and family.selection is not None:
        finding = f"{family.name} draws it given who was selected: there is no one log-odds to shift"
        notes.add(path, finding, 'use scale = "predictor", or family = "bernoulli" and this adjustment')
    elif adjustment.scale in ("value", "ratio") and binary:
        notes.add(path, f'"{reading.target}" is yes or no: a shifted value would be neither', 'use scale = "logit"')
    elif adjustment.scale in ("value", "ratio") and issubclass(family.values, Whole) and not _whole(adjustment.shift):
        finding = f'"{reading.target}" is {family.values.words}, which {adjustment.shift} would not leave it'
        notes.add(f"{shifted.path}.shift", finding, 'give a whole number from 0 on, or use scale = "predictor"')
    elif adjustment.scale == "ratio" and isinstance(adjustment.shift, int | float) and adjustment.shift <= 0:
        finding = f"{adjustment.shift:g} is no factor of a value"
        notes.add(f"{shifted.path}.shift", finding, "give a number above 0, where 1 is missing at random")
    elif adjustment.scale == "ratio" and read.plan.substantive:
        finding = "in a plan with a [[substantive]] model values are drawn given the models that read them"
        notes.add(path, f"{finding}, which a factor would distort", 'use scale = "value" or "predictor"')
    elif adjustment.scale == "logit" and mu.link != "logit" and read.plan.substantive:
        finding = f"the model has the link {mu.link}, and in a plan with a [[substantive]] model its density is needed"
        notes.add(path, finding, 'use scale = "predictor", or link = "logit"')
    labels = list(map(str, family.bind(column).parameters[0].labels if each else column.labels))
    if each:
        _of_one_label(shifted, labels, read, notes)
    if adjustment.label is None:
        return
    if not (binary or each) or not labels:
        finding = f'"{reading.target}" has no labels, of which one could be shifted'
        if family.values is Ordered:
            finding = f'the labels of "{reading.target}" have an order, along which all of them are shifted'
        notes.add(f"{shifted.path}.label", finding, "leave label out")
    elif adjustment.label not in labels:
        remedy = did_you_mean(adjustment.label, labels, f"its labels are {listed(labels)}")
        notes.add(f"{shifted.path}.label", f'"{adjustment.label}" is not a label of "{reading.target}"', remedy)


def _whole(shift: object) -> bool:
    """Whether counts stay counts with it: of a text nobody knows before the run."""
    return isinstance(shift, int | float) and shift >= 0 and float(shift).is_integer()


def _of_one_label(shifted: Shifted, labels: list[str], read: Read, notes: Notes) -> None:
    """One shift of all labels in no order would move none of them."""
    if shifted.adjustment.label is None:
        finding = "its labels have no order, and a shift of all of them is none"
        notes.add(f"{shifted.path}.label", finding, f"say whose odds are shifted: one of {listed(labels)}")
    elif read.plan.substantive:
        finding = "in a plan with a [[substantive]] model one label's odds are not shifted"
        notes.add(f"{shifted.path}.label", finding, "leave out the [[substantive]] models, or propagate = false")


def _unaware(shifted: Shifted, y: Reading, read: Read, data: Incomplete) -> Iterator[Problem]:
    """Models that read shifted values as if observed and missing ones went with the rest in the same way."""
    if shifted.adjustment.propagate is False or read.plan.substantive or not data.columns[y.target].missing.any():
        return
    indicator = f"observed({quote(y.target)})"
    for x in read.conditionals:
        if x is y or y.target not in values_read(x, read) or y.target in indicators(x, read):
            continue
        seen = (~data.columns[y.target].missing)[~np.isnan(filled(data, x.target))] if x.target in data.columns else []
        if len(np.unique(seen)) != 2:
            continue  # nothing would tell how it goes with being observed
        finding = (
            f'its "{y.target}" is shifted where it is missing, and the model takes it to go with {x.target} there as '
            "where it is observed"
        )
        remedy = f"add {indicator} (Tompsett et al. 2018)"
        yield Problem(path=f"{x.path}.formulas", finding=finding, remedy=remedy, severity=Severity.WARNING)
