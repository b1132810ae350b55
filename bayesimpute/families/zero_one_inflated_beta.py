"""Proportions that may be nothing or all."""

from dataclasses import dataclass
from typing import ClassVar, final

from bayesimpute.families.inflated_beta import ONE, InflatedBeta
from bayesimpute.families.number_values import ShareOfAll
from bayesimpute.families.two_part_counts import ZERO
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class ZeroOneInflatedBeta(InflatedBeta):
    """Zero with probability ``zero``, one with probability ``one`` of those that are not, else a beta law."""

    name: ClassVar[str] = "zero_one_inflated_beta"
    values: ClassVar[type[Values]] = ShareOfAll
    parts: ClassVar[tuple[str, ...]] = (
        ZERO,
        ONE,
    )
