"""What is imputed, changed by assumption: a settled plan with its adjustments.

The shift of an adjustment becomes a derived column that says nothing wherever the target is not imputed, so that it
follows what it is computed from, and counts in who reads whom, like any other. So does each assumption: a column of its
value (of the mean of its prior), which :mod:`bayesimpute.running.assumed` replaces by that of an imputation.

* On the linear predictor (``"predictor"``) it is an offset of ``mu`` wherever that is evaluated: when the target is
  imputed, in the factor that its model is in the draws of others, and in fitting where the model is fitted to imputed
  values, for else the next fit would learn the shift away.
* On the value (``"value"``) it is added to what was drawn, and taken off again before the model sees the value; a
  ``"ratio"`` is multiplied, and divided by.
* On the log-odds (``"logit"``) it changes the probability of which a yes or no is drawn; where the link is the logit,
  that is the linear predictor.

Several of one target and scale add up; ratios multiply. What does not propagate is left out of the loop, and stands in
:attr:`~bayesimpute.plan.targets.Resolved.afterwards` only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from bayesimpute.base.errors import PlanError, one
from bayesimpute.base.phrases import listed
from bayesimpute.base.priors import Prior
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families.label_values import Categories
from bayesimpute.formulas import Expression, parse_expression
from bayesimpute.formulas.lift import lift_expression
from bayesimpute.plan import who_reads
from bayesimpute.plan.assumptions import SCALES, Adjustment, Assumption
from bayesimpute.plan.targets import DerivedColumn, Event, Resolved, Target
from bayesimpute.plan.units import lifted

FIELDS = {"predictor": "shift", "logit": "odds", "value": "move", "ratio": "ratio"}
"""The field of a target that names the column, by scale."""
FINITE = "say what it is there: where(condition, shift, 0)"
"""The remedy for a shift that is no finite number in some rows."""


def expression_of(adjustment: Adjustment, second: str | None = None) -> Expression:
    """The shift where it holds, and what says nothing elsewhere.

    Parameters
    ----------
    adjustment : Adjustment
        As written.
    second : str, optional
        The second of two labels: the odds of the other one are shifted the other way.
    """
    path = f"adjustment[{adjustment.target}].shift"
    text = _number(adjustment.shift) if not isinstance(adjustment.shift, str) else adjustment.shift
    parse_expression(text, path, number=True)  # so that what is wrong with it is not told of the whole
    neutral = SCALES[adjustment.scale][1]
    if adjustment.label is not None and second is not None and adjustment.label != second:
        text = f"-({text})"
    if adjustment.where is not None:
        parse_expression(adjustment.where, f"adjustment[{adjustment.target}].where")
        text = f"where({adjustment.where}, {text}, {_number(neutral)})"
    return parse_expression(text, path, number=True)


def middle(assumption: Assumption) -> float:
    """Its value, or the mean of its prior."""
    return float(assumption.value) if assumption.prior is None else Prior.parse(assumption.prior).mean


def told(adjustments: Iterable[Adjustment], assumptions: Iterable[Assumption]) -> list[Event]:
    """What is adjusted, and on whose authority."""
    names = [*assumptions]
    found = []
    for a in adjustments:
        read = listed(str(each) for each in names if each.name in expression_of(a).names)
        why = (
            f"an assumption ({read}), which the data do not tell"
            if read
            else "an assumption, which the data do not tell"
        )
        found.append(Event(target=a.target, what=str(a), why=why))
    return found


def adjusted(
    resolved: Resolved, adjustments: Sequence[Adjustment], assumptions: Sequence[Assumption], incomplete: Incomplete
) -> Resolved:
    """The settled plan with the adjustments that its chains know of, and with all in ``afterwards``.

    Of a plan without adjustments only the columns of its assumptions are new.

    Raises
    ------
    PlanError
        If a shift follows from the values that it shifts.
    """
    if not adjustments and not assumptions:
        return resolved
    columns = [DerivedColumn(name=a.name, expression=_constant(middle(a))) for a in assumptions]
    resolved = replace(
        resolved,
        derived=(*columns, *resolved.derived),
        assumptions=tuple(assumptions),
        events=(*resolved.events, *told(adjustments, assumptions)),
    )
    inside = [a for a in adjustments if a.propagate is not False]
    found = _with(resolved, inside, incomplete)
    if len(inside) == len(adjustments):
        return found
    return replace(found, afterwards=_with(resolved, adjustments, incomplete))


def valued(resolved: Resolved, assumptions: Sequence[Assumption]) -> Resolved:
    """The same where the assumptions, of the same names, are others."""
    constants = {a.name: _constant(middle(a)) for a in assumptions}
    derived = [replace(d, expression=constants.get(d.name, d.expression)) for d in resolved.derived]
    after = None if resolved.afterwards is None else valued(resolved.afterwards, assumptions)
    return replace(resolved, derived=tuple(derived), assumptions=tuple(assumptions), afterwards=after)


def _with(resolved: Resolved, adjustments: Iterable[Adjustment], incomplete: Incomplete) -> Resolved:
    derived, targets = list(resolved.derived), {t.name: t for t in resolved.targets}
    parts: dict[tuple[str, str, str | None], list[Expression]] = {}
    for adjustment in adjustments:
        if adjustment.target in targets:  # else nothing of it is imputed from a model
            scale = _scale(adjustment, targets[adjustment.target])
            label = _own_predictor(adjustment, targets[adjustment.target])
            second = None if label is not None else _second(incomplete.columns[adjustment.target].labels)
            parts.setdefault((adjustment.target, scale, label), []).append(expression_of(adjustment, second))
    for (name, scale, label), expressions in parts.items():
        column = f"{scale} shift of {name}" if label is None else f"{scale} shift of {name}, {label}"
        sign = "*" if scale == "ratio" else "+"
        text = (
            expressions[0].source if len(expressions) == 1 else f" {sign} ".join(f"({e.source})" for e in expressions)
        )
        shift, calls = lift_expression(parse_expression(text, expressions[0].path, number=True))
        derived += [d for d in lifted(calls) if d.name not in {known.name for known in derived}]
        derived.append(DerivedColumn(name=column, expression=shift, only=name, neutral=SCALES[scale][1]))
        if name in who_reads.closure(shift.needs, {d.name: d.expression.needs for d in derived}):
            finding = f"the shift of {name} follows from {name} itself, and would move on from sweep to sweep"
            raise one(PlanError, f"adjustment[{name}].shift", finding, f"leave {name} out of it")
        shifts = {} if label is None else {"label_shifts": {**targets[name].label_shifts, label: column}}
        targets[name] = replace(targets[name], **shifts or {FIELDS[scale]: column})
    return replace(resolved, derived=tuple(derived), targets=tuple(targets.values()))


def _second(labels: Sequence[Any]) -> str | None:
    """The label whose odds are those of yes."""
    return str(labels[1]) if len(labels) > 1 else None


def _own_predictor(adjustment: Adjustment, target: Target) -> str | None:
    """The label of an adjustment where that has a linear predictor of its own, whose softmax makes it log-odds."""
    labels = target.family.parameters[0].labels if isinstance(target.values, Categories) else ()
    return adjustment.label if adjustment.label in labels else None


def _together(expressions: Sequence[Expression], sign: str) -> Expression:
    """Several expressions as one."""
    if len(expressions) == 1:
        return expressions[0]
    text = sign.join(f"({each.source})" for each in expressions)
    return parse_expression(text, expressions[0].path, number=True)


def _scale(adjustment: Adjustment, target: Target) -> str:
    """The scale; of log-odds that are the linear predictor, that."""
    own = _own_predictor(adjustment, target) is not None
    plain = adjustment.scale == "logit" and (own or target.family.parameters[0].link == "logit")
    return "predictor" if plain else adjustment.scale


def _constant(value: float) -> Expression:
    return parse_expression(_number(value), number=True)


def _number(value: float) -> str:
    return f"({float(value)!r})"
