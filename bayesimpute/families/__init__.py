"""The conditional models' families, one file each; :data:`FAMILIES` is the one registry.

How to choose: ``gaussian`` for a roughly symmetric number, ``student_t`` for one with outliers, ``bernoulli`` for a
yes/no variable (also 0/1 numbers and categories with two labels). ``base.py`` says how to add one.
"""

from collections.abc import Mapping

from bayesimpute.families.base import Family, Parameter, Rows, Theta
from bayesimpute.families.bernoulli import Bernoulli
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.student_t import StudentT

FAMILIES: Mapping[str, type[Family]] = {
    "gaussian": Gaussian,
    "student_t": StudentT,
    "bernoulli": Bernoulli,
}

__all__ = ["FAMILIES", "Bernoulli", "Family", "Gaussian", "Parameter", "Rows", "StudentT", "Theta"]
