"""The parameters of families in which a function of the target is normal: those of a number in units of its own."""

from bayesimpute.base.priors import Prior
from bayesimpute.families.parameter import Parameter

PARAMETERS = (
    Parameter(name="mu", link="identity"),
    Parameter(name="sigma", link="log", support="positive", prior=Prior.of("HalfStudentT", 4, 1).by("bambi")),
)
"""Mean and standard deviation of what the function makes of the target; its standard deviation is about 1."""
