"""The conditional models' families, one file each; :data:`FAMILIES` is the one registry.

How to choose: ``gaussian`` for a roughly symmetric number, ``student_t`` for one with outliers, ``skewed`` for one with
a longer tail on one side, ``bernoulli`` for a yes/no variable (also 0/1 numbers and categories with two labels),
``ordinal`` for ordered categories and numbers of a few values whose order counts and not their distances,
``categorical`` for labels in no order.

Counts: ``negative_binomial`` (what ``"auto"`` takes where 0 is the most frequent value and makes up a fifth or more),
``poisson`` where they vary no more than their mean. Where years, areas or populations differ, the side column
``exposure`` has them. More zeros than these have: ``zero_inflated_poisson``, ``zero_inflated_negative_binomial`` where
some units cannot have any and others happen to have none; ``hurdle_poisson``, ``hurdle_negative_binomial`` where having
any is one thing and how many another. ``binomial`` for successes out of a known number of ``trials``. Large counts that
are roughly symmetric are numbers: ``gaussian``.

Positive numbers: ``lognormal``, or ``gamma`` where large ones are rarer; ``beta`` for proportions between 0 and 1,
``zero_inflated_beta``, ``one_inflated_beta`` and ``zero_one_inflated_beta`` where 0, 1 or either are among them. They
are never what ``"auto"`` takes. Amounts that may be nothing, such as costs: ``semicontinuous``, what ``"auto"`` takes
where 0 makes up a tenth or more and is five times as frequent as any other of many values. Numbers that cannot lie
beyond limits: ``bounded``, truncated where nothing piles up at them, censored where it does.

``pmm`` draws none of these laws but a value that was observed, of a unit for which the model of another family predicts
about the same (predictive mean matching): for numbers with bounds, spikes or steps that no law here has.

Where values are missing for reasons that go with the values themselves, ``heckman_gaussian``, ``heckman_student_t``,
``heckman_probit``, ``heckman_ordinal``, ``heckman_poisson`` and ``heckman_negative_binomial``, the same outcomes with a
second formula that says who is observed; ``copulas.py`` has what may tie both. ``family.py`` says how to add one.
"""

from bayesimpute.families.bernoulli import Bernoulli
from bayesimpute.families.beta import Beta
from bayesimpute.families.binomial import Binomial
from bayesimpute.families.bounded import Bounded
from bayesimpute.families.categorical import Categorical
from bayesimpute.families.context import AtRows, Context, Donors, Side, Theta
from bayesimpute.families.count_values import Counts, Successes, Whole
from bayesimpute.families.counting import Counting
from bayesimpute.families.family import Dependence, Family, Misfit, Selection, bound, options
from bayesimpute.families.gamma import Gamma
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.heckman_gaussian import HeckmanGaussian
from bayesimpute.families.heckman_negative_binomial import HeckmanNegativeBinomial
from bayesimpute.families.heckman_ordinal import HeckmanOrdinal
from bayesimpute.families.heckman_poisson import HeckmanPoisson
from bayesimpute.families.heckman_probit import HeckmanProbit
from bayesimpute.families.heckman_student_t import HeckmanStudentT
from bayesimpute.families.hurdle_negative_binomial import HurdleNegativeBinomial
from bayesimpute.families.hurdle_poisson import HurdlePoisson
from bayesimpute.families.kinds_of_values import VALUES
from bayesimpute.families.label_values import Binary
from bayesimpute.families.logit_normal import LogitNormal
from bayesimpute.families.lognormal import LogNormal
from bayesimpute.families.negative_binomial import NegativeBinomial
from bayesimpute.families.number_values import Amounts, Real
from bayesimpute.families.one_inflated_beta import OneInflatedBeta
from bayesimpute.families.ordinal import Ordinal
from bayesimpute.families.parameter import Parameter, Rows
from bayesimpute.families.pmm import PredictiveMeanMatching
from bayesimpute.families.poisson import Poisson
from bayesimpute.families.registry import FAMILIES, accepting, auto, why_auto
from bayesimpute.families.semicontinuous import Semicontinuous
from bayesimpute.families.skewed import Skewed
from bayesimpute.families.sqrt_normal import SqrtNormal
from bayesimpute.families.student_t import StudentT
from bayesimpute.families.support import Support
from bayesimpute.families.two_part_counts import Hurdle, TwoParts, ZeroInflated
from bayesimpute.families.values import Values
from bayesimpute.families.zero_inflated_beta import ZeroInflatedBeta
from bayesimpute.families.zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial
from bayesimpute.families.zero_inflated_poisson import ZeroInflatedPoisson
from bayesimpute.families.zero_one_inflated_beta import ZeroOneInflatedBeta

FAMILIES |= {
    "gaussian": Gaussian,
    "student_t": StudentT,
    "bernoulli": Bernoulli,
    "ordinal": Ordinal,
    "categorical": Categorical,
    "negative_binomial": NegativeBinomial,
    "poisson": Poisson,
    "zero_inflated_poisson": ZeroInflatedPoisson,
    "zero_inflated_negative_binomial": ZeroInflatedNegativeBinomial,
    "hurdle_poisson": HurdlePoisson,
    "hurdle_negative_binomial": HurdleNegativeBinomial,
    "binomial": Binomial,
    "lognormal": LogNormal,
    "sqrtnormal": SqrtNormal,
    "logitnormal": LogitNormal,
    "gamma": Gamma,
    "beta": Beta,
    "zero_inflated_beta": ZeroInflatedBeta,
    "one_inflated_beta": OneInflatedBeta,
    "zero_one_inflated_beta": ZeroOneInflatedBeta,
    "semicontinuous": Semicontinuous,
    "bounded": Bounded,
    "skewed": Skewed,
    "heckman_gaussian": HeckmanGaussian,
    "heckman_student_t": HeckmanStudentT,
    "heckman_probit": HeckmanProbit,
    "heckman_ordinal": HeckmanOrdinal,
    "heckman_poisson": HeckmanPoisson,
    "heckman_negative_binomial": HeckmanNegativeBinomial,
    "pmm": PredictiveMeanMatching,
}

__all__ = [
    "FAMILIES",
    "VALUES",
    "Amounts",
    "AtRows",
    "Bernoulli",
    "Beta",
    "Binary",
    "Binomial",
    "Bounded",
    "Categorical",
    "Context",
    "Counting",
    "Counts",
    "Dependence",
    "Donors",
    "Family",
    "Gamma",
    "Gaussian",
    "HeckmanGaussian",
    "HeckmanNegativeBinomial",
    "HeckmanOrdinal",
    "HeckmanPoisson",
    "HeckmanProbit",
    "HeckmanStudentT",
    "Hurdle",
    "HurdleNegativeBinomial",
    "HurdlePoisson",
    "LogNormal",
    "LogitNormal",
    "Misfit",
    "NegativeBinomial",
    "OneInflatedBeta",
    "Ordinal",
    "Parameter",
    "Poisson",
    "PredictiveMeanMatching",
    "Real",
    "Rows",
    "Selection",
    "Semicontinuous",
    "Side",
    "Skewed",
    "SqrtNormal",
    "StudentT",
    "Successes",
    "Support",
    "Theta",
    "TwoParts",
    "Values",
    "Whole",
    "ZeroInflated",
    "ZeroInflatedBeta",
    "ZeroInflatedNegativeBinomial",
    "ZeroInflatedPoisson",
    "ZeroOneInflatedBeta",
    "accepting",
    "auto",
    "bound",
    "options",
    "why_auto",
]
