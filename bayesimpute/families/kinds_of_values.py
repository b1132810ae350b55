"""All kinds of values.

**To add one**: write one final frozen dataclass beside those that it is like, and add one line to ``VALUES``. The
contract tests take their cases from :attr:`.values.Values.support`.
"""

from collections.abc import Mapping

from bayesimpute.families.count_values import Counts, Successes
from bayesimpute.families.label_values import Binary, Categories, Ordered
from bayesimpute.families.number_values import (
    Amounts,
    Limited,
    Positive,
    Proportion,
    Real,
    Shaped,
    ShareFromZero,
    ShareOfAll,
    ShareToOne,
)
from bayesimpute.families.values import Values

VALUES: Mapping[str, type[Values]] = {
    "binary": Binary,
    "ordered": Ordered,
    "categories": Categories,
    "amount": Amounts,
    "counts": Counts,
    "successes": Successes,
    "proportion": Proportion,
    "share from zero": ShareFromZero,
    "share to one": ShareToOne,
    "share of all": ShareOfAll,
    "positive": Positive,
    "limited": Limited,
    "shaped": Shaped,
    "number": Real,
}
"""In the order in which they are asked whether they suit a column."""
