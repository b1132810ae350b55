"""What a checked plan means for a data set: the targets with their units and rows, and what follows from what.

A :class:`Target` is a conditional with everything settled that depends on the data: its family, its level, the rows
it is fitted to and the units that are to be imputed. :class:`Resolved` holds the targets in their visit sequence, the
derived columns in dependency order (``cluster_mean`` and ``observed`` calls of formulas are derived columns too), and
the events.

:mod:`.values` has what is settled, :mod:`.kinds` what values a column can take and which family suits them, and
:mod:`.resolving` settles a plan on its data.
"""

from bayesimpute.targets.kinds import kind_of, kinds_of, settle_family
from bayesimpute.targets.resolving import lifted, needed, read_formulas, reads, resolve
from bayesimpute.targets.values import DerivedColumn, Event, Resolved, Target

__all__ = [
    "DerivedColumn",
    "Event",
    "Resolved",
    "Target",
    "kind_of",
    "kinds_of",
    "lifted",
    "needed",
    "read_formulas",
    "reads",
    "resolve",
    "settle_family",
]
