"""Descriptives: what the completed variables look like, pooled over the datasets, by groups and with weights.

:func:`descriptives` makes six tables: means, standard deviations, quantiles, correlations, frequencies and cross
tables. :mod:`.request` looks at what is asked for, :mod:`.rows` makes the rows of the tables from the estimates of
:mod:`bayesimpute.survey`, and :mod:`.spread` pools what has its own scale: the logarithm of a standard deviation,
Fisher's z of a correlation. One mean, proportion or quantile with strata, sampling units, complete cases and the answer
under missing at random beside it is what :func:`bayesimpute.estimands.estimate` is for; where both give a figure, it is
the same one.

To add a table, give :class:`.rows.Describing` a method that yields its rows and :class:`.report.Descriptives` a field.
"""

from bayesimpute.descriptives.report import Descriptives, descriptives

__all__ = ["Descriptives", "descriptives"]
