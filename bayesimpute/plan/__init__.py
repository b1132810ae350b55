"""What is to be imputed from what, and what that means for a data set.

``options.py`` and ``conditional.py`` have the parts of a plan and ``plan.py`` the whole, frozen values; ``document.py``
reads and writes TOML. Then a checked plan is settled on its data: a :class:`~.targets.Target` is a conditional with
everything settled that depends on the data (its family, its level, the rows it is fitted to, the units that are to be
imputed), and :class:`~.targets.Resolved` holds the targets in their visit sequence, the derived columns in dependency
order (``cluster_mean`` and ``observed`` calls of formulas are derived columns too), and the events.
``who_reads.py`` says who reads whom, ``resolving.py`` settles a plan.
"""
