"""The conditional models' families, one file each; :data:`FAMILIES` is the one registry.

How to choose: ``gaussian`` for a roughly symmetric number, ``student_t`` for one with outliers, ``bernoulli`` for a
yes/no variable (also 0/1 numbers and categories with two labels), ``ordinal`` for ordered categories and numbers of a
few values whose order counts and not their distances, ``categorical`` for labels in no order. Where values are missing
for reasons that go with the values themselves, ``heckman_gaussian`` and ``heckman_probit``, the same outcomes with a
second formula that says who is observed; ``copulas.py`` has what may tie both. ``family.py`` says how to add one.
"""

from collections.abc import Mapping

from bayesimpute.data.columns import Column
from bayesimpute.families.bernoulli import Bernoulli
from bayesimpute.families.categorical import Categorical
from bayesimpute.families.family import (
    Context,
    Dependence,
    Donors,
    Family,
    Known,
    Parameter,
    Rows,
    Selection,
    Side,
    Theta,
    bound,
    options,
)
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.heckman_gaussian import HeckmanGaussian
from bayesimpute.families.heckman_probit import HeckmanProbit
from bayesimpute.families.ordinal import Ordinal
from bayesimpute.families.student_t import StudentT
from bayesimpute.families.values import VALUES, Binary, Real, Support, Values

FAMILIES: Mapping[str, type[Family]] = {
    "gaussian": Gaussian,
    "student_t": StudentT,
    "bernoulli": Bernoulli,
    "ordinal": Ordinal,
    "categorical": Categorical,
    "heckman_gaussian": HeckmanGaussian,
    "heckman_probit": HeckmanProbit,
}


def accepting(column: Column) -> tuple[str, ...]:
    """The names of the families that may impute a column."""
    return tuple(name for name, family in FAMILIES.items() if family.values.accepts(column))


def auto(column: Column) -> type[Family]:
    """The family that ``"auto"`` stands for: the first one of the first kind of values that suits the column.

    Where none does it is the normal distribution, which does not accept the column either: :func:`bayesimpute.check`
    says so.
    """
    found = (f for values in VALUES.values() if values.suits(column) for f in FAMILIES.values() if f.values is values)
    return next(found, Gaussian)


__all__ = [
    "FAMILIES",
    "VALUES",
    "Bernoulli",
    "Binary",
    "Categorical",
    "Context",
    "Dependence",
    "Donors",
    "Family",
    "Gaussian",
    "HeckmanGaussian",
    "HeckmanProbit",
    "Known",
    "Ordinal",
    "Parameter",
    "Real",
    "Rows",
    "Selection",
    "Side",
    "StudentT",
    "Support",
    "Theta",
    "Values",
    "accepting",
    "auto",
    "bound",
    "options",
]
