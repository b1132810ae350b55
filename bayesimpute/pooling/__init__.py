"""Rubin's rules, first on arrays, then with labels.

The m completed datasets give m estimates Q̂ with covariances U. :func:`rubin` combines them as arrays, every scalar by
itself: the mean estimate Q̄, the mean within-imputation variance Ū, the between-imputation variance B and the total
variance T = Ū + (1 + 1/m) B, with their degrees of freedom, RIV and FMI. ``joint_tests.py`` tests several parameters at
once, ``montecarlo.py`` says whether m is large enough. :func:`pool` does the same for labelled
:class:`~bayesimpute.analysis.estimates.Estimate` values and returns a :class:`Pooled`, which holds tables.

To add a pooling rule, write it on arrays, give it a labelled function, and add R's answer to the tests.
"""

from bayesimpute.analysis.estimates import Estimate, VarianceComponent
from bayesimpute.pooling.analyses import Analyses, analyses_of
from bayesimpute.pooling.joint_tests import PooledTest, d1, d2, d3, d4
from bayesimpute.pooling.labelled import Pooled, pool
from bayesimpute.pooling.mixture import Mixture, mix
from bayesimpute.pooling.model_tests import model_test
from bayesimpute.pooling.montecarlo import MonteCarloErrors, imputations_needed, monte_carlo
from bayesimpute.pooling.scalars import PooledArrays, degrees_of_freedom, rubin, total_covariance

__all__ = [
    "Analyses",
    "Estimate",
    "Mixture",
    "MonteCarloErrors",
    "Pooled",
    "PooledArrays",
    "PooledTest",
    "VarianceComponent",
    "analyses_of",
    "d1",
    "d2",
    "d3",
    "d4",
    "degrees_of_freedom",
    "imputations_needed",
    "mix",
    "model_test",
    "monte_carlo",
    "pool",
    "rubin",
    "total_covariance",
]
