"""What the completed variables look like, pooled over the datasets, by groups and with weights.

:func:`~.estimands.estimate` gives one mean, proportion or quantile with strata, sampling units, complete cases and the
answer under missing at random beside it; :func:`~.descriptive_tables.descriptives` makes six tables: means, standard
deviations, quantiles, correlations, frequencies and cross tables. Where both give a figure, it is the same one.
``survey.py`` has the estimators of one dataset, ``variables.py`` the variables and groups that are asked for,
``request.py`` looks at what is asked of the tables, ``table_rows.py`` makes their rows, and ``spread.py`` pools what
has its own scale: the logarithm of a standard deviation, Fisher's z of a correlation.

To add a table, give :class:`.table_rows.Describing` a method that yields its rows and
:class:`.descriptive_tables.Descriptives` a field.
"""
