"""The conditional models' families, one file each; :data:`FAMILIES` is the one registry.

How to choose: ``gaussian`` for a roughly symmetric number, ``student_t`` for one with outliers, ``bernoulli`` for a
yes/no variable (also 0/1 numbers and categories with two labels). Where values are missing for reasons that go with the
values themselves, ``heckman_gaussian`` and ``heckman_probit``, the same outcomes with a second formula that says who is
observed. ``family.py`` says how to add one.
"""

from collections.abc import Mapping

from bayesimpute.families.bernoulli import Bernoulli
from bayesimpute.families.family import Family, Parameter, Rows, Selection, Theta, bound, options
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.heckman_gaussian import HeckmanGaussian
from bayesimpute.families.heckman_probit import HeckmanProbit
from bayesimpute.families.student_t import StudentT

FAMILIES: Mapping[str, type[Family]] = {
    "gaussian": Gaussian,
    "student_t": StudentT,
    "bernoulli": Bernoulli,
    "heckman_gaussian": HeckmanGaussian,
    "heckman_probit": HeckmanProbit,
}

__all__ = [
    "FAMILIES",
    "Bernoulli",
    "Family",
    "Gaussian",
    "HeckmanGaussian",
    "HeckmanProbit",
    "Parameter",
    "Rows",
    "Selection",
    "StudentT",
    "Theta",
    "bound",
    "options",
]
