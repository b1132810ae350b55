"""Negative binomial counts among units some of which can have none."""

from dataclasses import dataclass
from typing import ClassVar, final

from bayesimpute.families.counting import Counting
from bayesimpute.families.negative_binomial import NegativeBinomial
from bayesimpute.families.two_part_counts import ZeroInflated


@final
@dataclass(frozen=True, kw_only=True)
class ZeroInflatedNegativeBinomial(ZeroInflated):
    """Zero with probability ``zero``, else a negative binomial count."""

    name: ClassVar[str] = "zero_inflated_negative_binomial"
    called: ClassVar[tuple[str, ...]] = ("zinb",)
    base: ClassVar[Counting] = NegativeBinomial()
