"""What is imputed, changed by assumption: a settled plan with adjustments.

An adjustment says by how much the missing values of a target differ from what its model says of them, as an expression
of columns, incomplete ones at their current values. It becomes a derived column that is zero wherever the target is not
imputed, so that it follows what it is computed from, and counts in who reads whom, like any other.

* On the linear predictor (``"predictor"``) it is an offset of ``mu`` wherever that is evaluated: when the target is
  imputed, in the factor that its model is in the draws of others, and in fitting where the model is fitted to imputed
  values, for else the next fit would learn the shift away.
* On the value (``"value"``) it is added to what was drawn, and taken off again before the model sees the value.
"""

from collections.abc import Iterable
from dataclasses import replace

from bayesimpute.base.errors import PlanError, one
from bayesimpute.formulas.lift import lift_expression
from bayesimpute.plan import who_reads
from bayesimpute.plan.targets import Adjustment, DerivedColumn, Resolved
from bayesimpute.plan.units import lifted


def adjusted(resolved: Resolved, adjustments: Iterable[Adjustment]) -> Resolved:
    """The settled plan with adjustments: at most one of each scale for a target.

    Raises
    ------
    PlanError
        If a shift follows from the values that it shifts.
    """
    adjustments = tuple(adjustments)
    derived, targets = list(resolved.derived), {t.name: t for t in resolved.targets}
    for adjustment in adjustments:
        name = adjustment.target
        column = f"{adjustment.scale} shift of {name}"
        shift, calls = lift_expression(adjustment.shift)
        derived += [d for d in lifted(calls) if d.name not in {known.name for known in derived}]
        derived.append(DerivedColumn(name=column, expression=shift, only=name))
        if name in who_reads.closure(shift.needs, {d.name: d.expression.needs for d in derived}):
            finding = f"the shift of {name} follows from {name} itself, and would move on from sweep to sweep"
            raise one(PlanError, f"adjustment[{name}].shift", finding, f"leave {name} out of it")
        field = "shift" if adjustment.scale == "predictor" else "move"
        targets[name] = replace(targets[name], **{field: column})
    return replace(resolved, derived=tuple(derived), targets=tuple(targets.values()), adjustments=adjustments)
