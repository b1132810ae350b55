"""A parameter of a family: what it is called, on which link it has a predictor, what is believed of it beforehand."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from bayesimpute.base.priors import Prior


class Rows(Enum):
    """Which rows a parameter is learnt from."""

    OBSERVED = "rows where the target is observed"
    ALL = "all rows, those where it is missing because they were not selected included"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of a family.

    Parameters
    ----------
    name : str
        Its key in ``formulas``; ``mu`` is the one that the main formula describes.
    link : str
        A key of :data:`bayesimpute.families.links.LINKS`: the linear predictor is link(parameter).
    unit : {"location", "scale", "none"}
        How it follows the target's units: with y = centre + scale * y_s, a location is centre + scale * theta_s, a
        scale is scale * theta_s.
    prior : Prior or None
        Of the parameter itself where it has no formula, for a target of unit standard deviation; None if it must have
        a formula.
    rows : Rows
        Where its linear predictor enters the likelihood.
    support : {"real", "positive", "unit", "signed unit", "ordered"}
        Where it lives; of a parameter without a formula it decides which priors it may have. "ordered" is about the
        labels together: ascending real numbers, which have one prior and no formula.
    labels : tuple of str
        Of a parameter that is several numbers, one for each label: with a formula it has a linear predictor for each,
        on one matrix, without one it is a vector. Empty: it is one number.
    intercept : float or None
        Of the automatic prior where it has a formula, on the scale of its link: the standard deviation of the
        intercept's normal. None: its formula has no intercept, for a parameter that is `against` it is in its place.
    slopes : float
        Of the automatic priors of the other coefficients, by how much their standard deviations are those of the
        general rule: less than 1 of labels that each have a predictor, of which only differences matter.
    effects : float
        The same of the half-normals of its group-specific effects' standard deviations; locations have half-t priors.
    against : str or None
        The parameter with which it is compared: ``mu`` for the cutpoints c of P(y <= k) = F(c_k - mu). Its prior is
        about the centre of that one's columns, as an intercept's is; posteriors have it where the columns are zero.
    like : str or None
        The parameter whose right side its formula has where the plan gives it none.
    """

    name: str
    link: str
    unit: Literal["location", "scale", "none"] = "none"
    prior: Prior | None = None
    rows: Rows = Rows.OBSERVED
    support: Literal["real", "positive", "unit", "signed unit", "ordered"] = "real"
    labels: tuple[str, ...] = ()
    intercept: float | None = 1.0
    slopes: float = 1.0
    effects: float = 1.0
    against: str | None = None
    like: str | None = None

    def key(self, label: str | None) -> str:
        """The name of a linear predictor: the parameter's own, or ``mu[0]``, ``mu[1]``, ... where each label has one.

        By the places of the labels, for graphs and files do not take every text as a name.
        """
        return self.name if label is None else f"{self.name}[{self.labels.index(label)}]"
