"""What the completed variables look like, pooled over the datasets, by groups and with weights.

A :class:`.statistic.Statistic` is one object that knows how it is estimated in one table, pooled, asked for and named:
``mean.py`` (with the proportion), ``quantile.py``, ``standard_deviation.py`` and ``correlation.py``; ``cross_table.py``
is its like. ``survey.py`` has the design that gives variances, ``group_estimates.py`` what pooling comes to,
``variables.py`` what is asked about, ``grouped_run.py`` groups and counts.
:func:`~.descriptive_tables.descriptives` makes a table of each statistic; :func:`~.estimands.estimate` takes one, with
complete cases and the answer under missing at random beside it (``estimand_rows.py``). ``request.py`` looks at what is
asked of the tables.
"""
