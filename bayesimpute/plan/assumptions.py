"""What the data cannot tell, as frozen values: named assumptions, and adjustments of what is imputed.

An adjustment says by how much the missing values of a variable differ from what its model says of them: δ of pattern
mixture models (Leacy 2009; Tompsett, Leacy, Moreno-Betancur, Heron & White 2018, Stat Med 37:2338). It is written in
numbers, in columns, and in named assumptions, which are a number or a prior; these are the axes of sensitivity
analyses. :mod:`bayesimpute.plan.adjusted` settles them on data. Only the standard library is imported.

To add a scale, add a line to :data:`SCALES` and say in :mod:`bayesimpute.plan.adjusted` what it does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bayesimpute.plan.options import setting

SCALES: Mapping[str, tuple[str, float]] = {
    "predictor": ("added to the linear predictor of the imputed values", 0.0),
    "logit": ("added to the log-odds that an imputed value is yes, under any link", 0.0),
    "value": ("added to the imputed values, in the data's units", 0.0),
    "ratio": ("the factor of the imputed values", 1.0),
}
"""What a shift is, and the shift that says nothing: missing at random."""


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """A number that the data cannot tell: it stands in the shift of an adjustment, by its name.

    Parameters
    ----------
    name : str
        Letters, digits and _; no column is called so.
    value : float
        The number; in a shift 0 is missing at random.
    prior : str or None
        Instead of the value, what is believed of it: each imputation has one draw, which is held through the sweeps
        that lead to it. The data never change it.
    correlation : mapping of str to float
        With other assumptions that have a prior: of their normal scores.
    by : str or None
        A cluster key: each cluster has a draw of its own.
    """

    name: str
    value: float = 0.0
    prior: str | None = None
    correlation: Mapping[str, float] = field(default_factory=dict)
    by: str | None = None

    def __hash__(self) -> int:
        return hash((self.name, self.value, self.prior))

    def __str__(self) -> str:
        said = f"{self.name} = {self.value:g}" if self.prior is None else f"{self.name} ~ {self.prior}"
        return f"{said} for each {self.by}" if self.by else said


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """How the missing values of a variable differ from what its model says of them.

    Parameters
    ----------
    target : str
        The variable.
    shift : str or float
        By how much: a number, or an expression of columns and assumptions; incomplete columns at their current values.
    scale : {"predictor", "logit", "value", "ratio"}
        What the shift is of: the linear predictor of ``mu``; the log-odds of yes, under any link; the value, in its
        units; or a factor of the value, where 1 is missing at random.
    label : str or None
        Of a variable with labels the one whose odds are shifted; of yes/no variables the second is it by default.
    where : str or None
        An expression that is true (not 0) where the shift holds; by default it holds for every missing value.
    propagate : bool or None
        Whether the other variables' imputations follow the shifted values. In a plan they do, unless this is False:
        then the completed datasets are shifted, and the chains never know. Of a finished run nothing else can follow.
    """

    target: str
    shift: str | float
    scale: str = setting("predictor", "predictor, logit, value or ratio (predictor)")
    label: str | None = setting(None, "the label whose odds are shifted")
    where: str | None = setting(None, "where the shift holds (every missing value)")
    propagate: bool | None = setting(None, "whether other variables follow")

    def __str__(self) -> str:
        what = f"{self.target} adjusted by {self.shift} ({self.scale}"
        notes = [f"label {self.label}"] if self.label is not None else []
        notes += [f"where {self.where}"] if self.where is not None else []
        notes += ["others do not follow"] if self.propagate is False else []
        return ", ".join([what, *notes]) + ")"


BASES, TIPS = ("", "mar"), ("interval", "estimate")
"""Where a sensitivity analysis starts, and what is meant by its conclusion."""


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """An analysis or estimand under other assumptions: what ``sensitivity`` computes when it is given nothing else.

    Parameters
    ----------
    name : str
        What it is called.
    of : str
        An analysis or an estimand of the plan, or a formula.
    over : dict of str to str or list of float
        What is varied: assumptions by name, numbers of the plan by their dotted path; each over ``"start:stop:step"``
        or a list. Two make a map.
    term : str or None
        The term that matters, or an expression such as ``"b[arm] + b[arm:old]"``; needed for a tipping point.
    base : {"", "mar"}
        "mar": without selection equations; by default the plan as it is.
    tip : {"interval", "estimate"}
        What tips: that the interval excludes `null`, or on which side of it the estimate is.
    null : float or None
        The value that means nothing: 0 of coefficients; of means and shares there is none, unless it is said.
    """

    name: str
    of: str
    over: dict[str, Any] = field(default_factory=dict)
    term: str | None = setting(None, "the term that matters, or an expression of b[…]")
    base: str = setting("", "mar: without selection equations")
    tip: str = setting("interval", "interval or estimate: what tips (interval)")
    null: float | None = setting(None, "the value that means nothing (of coefficients 0)")

    def __hash__(self) -> int:
        return hash((self.name, self.of, self.term))
