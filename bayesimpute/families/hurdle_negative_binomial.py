"""Whether there is any, and negative binomial counts of those that have some."""

from dataclasses import dataclass
from typing import ClassVar, final

from bayesimpute.families.counting import Counting
from bayesimpute.families.negative_binomial import NegativeBinomial
from bayesimpute.families.two_part_counts import Hurdle


@final
@dataclass(frozen=True, kw_only=True)
class HurdleNegativeBinomial(Hurdle):
    """Zero with probability ``zero``, else a negative binomial count given that it is not zero."""

    name: ClassVar[str] = "hurdle_negative_binomial"
    base: ClassVar[Counting] = NegativeBinomial()
