"""Tipping points: where along an axis the conclusion changes, going out from missing at random.

The conclusion is that the interval excludes `null` (``"interval"``), or on which side of it the estimate is
(``"estimate"``). Both are signs of a number that is continuous along the axis, as all points have the same random
numbers; where the target is discrete, it is a step function, and root-finding ends at the step. p = .05 may be crossed
more than once: the first crossing from missing at random, in each direction, is what is reported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np

from bayesimpute.estimating.group_estimates import Answer
from bayesimpute.plan.axes import Axis
from bayesimpute.sensitivity.answers import Line

EXACT = 1e-6
"""Of the distance of two grid points: how far a crossing is looked for where points cost next to nothing."""
ROUGH = 0.02
"""The same where each is a run."""


@dataclass(frozen=True, kw_only=True)
class Tip:
    """Where the conclusion changes in one direction.

    Parameters
    ----------
    direction : {"up", "down"}
        Along the axis, from missing at random.
    tip : float
        The value; NaN where the conclusion does not change within the grid.
    mc_error : float
        By the jackknife over the imputations.
    message : str
        In words.
    """

    direction: str
    tip: float
    mc_error: float
    message: str


Margin = Callable[[Answer], float]
"""Positive on one side of the conclusion, negative on the other."""


def margin(origin: Answer, criterion: str, null: float) -> Margin:
    """Of a conclusion, as it stands at missing at random: an interval that moves across `null` loses it on the way."""
    if criterion == "estimate":
        return lambda a: a.estimate - null
    if origin.conf_low > null:
        return lambda a: a.conf_low - null
    if origin.conf_high < null:
        return lambda a: null - a.conf_high
    return lambda a: max(a.conf_low - null, null - a.conf_high)


def conclusion(origin: Answer, criterion: str, null: float) -> str:
    """The same in words."""
    if criterion == "estimate":
        return f"the estimate is {'above' if origin.estimate > null else 'below'} {null:g}"
    if origin.conf_low > null:
        return f"the interval lies above {null:g}"
    return f"the interval lies below {null:g}" if origin.conf_high < null else f"the interval has {null:g} in it"


def tips(axis: Axis, at: Callable[[float], Line | None], *, criterion: str, null: float, cheap: bool) -> list[Tip]:
    """The first crossing in each direction.

    Parameters
    ----------
    axis : Axis
        With an origin.
    at : callable
        From a value to the line there; None where it may not be made.
    criterion, null
        The conclusion.
    cheap : bool
        Whether a line costs next to nothing.
    """
    assert axis.origin is not None
    origin = at(axis.origin)
    if origin is None:
        return []
    held, found = margin(origin.answer, criterion, null), list[Tip]()
    for direction, side in (("down", axis.values[::-1]), ("up", axis.values)):
        out = [v for v in side if (v < axis.origin if direction == "down" else v > axis.origin)]
        if out:
            found.append(_first(direction, axis, out, at, held, cheap))
    return found


def _first(
    direction: str,
    axis: Axis,
    out: list[float],
    at: Callable[[float], Line | None],
    held: Margin,
    cheap: bool,
) -> Tip:
    from scipy.optimize import brentq

    def sign(value: float) -> float:
        line = at(value)
        return nan if line is None else held(line.answer)

    before, start = float(axis.origin or 0.0), sign(float(axis.origin or 0.0))
    for value in out:
        here = sign(value)
        if np.isnan(here) or np.isnan(start):
            return Tip(direction=direction, tip=nan, mc_error=nan, message="needs a refit")
        if (here > 0) != (start > 0):
            tolerance = abs(value - before) * (EXACT if cheap else ROUGH)
            found: Any = brentq(sign, before, value, xtol=tolerance, maxiter=60 if cheap else 8, disp=False)
            tip = float(found)
            error = _error(tip, before, value, at, held)
            return Tip(direction=direction, tip=tip, mc_error=error, message=f"tips at {axis.name} = {tip:.4g}")
        before = value
    finding = f"does not tip within {axis.name} = {axis.origin:g} to {out[-1]:g}"
    return Tip(direction=direction, tip=nan, mc_error=nan, message=finding)


def _error(tip: float, low: float, high: float, at: Callable[[float], Line | None], held: Margin) -> float:
    """The Monte Carlo error of the margin at the tip over the slope of the margin there.

    By the jackknife over the imputations, of the margin; the slope between the grid points beside it.
    """
    line, below, above = at(tip), at(low), at(high)
    if line is None or below is None or above is None or len(line.values) < 3:
        return nan
    m = len(line.values)
    every = np.arange(m)
    each = np.array([held(line.again(np.delete(every, i))) for i in every])
    slope = (held(above.answer) - held(below.answer)) / (high - low)
    spread = np.sqrt((m - 1) ** 2 / m * each.var(ddof=1))
    return float(spread / abs(slope)) if slope else inf
