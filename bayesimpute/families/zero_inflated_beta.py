"""Proportions that may be nothing."""

from dataclasses import dataclass
from typing import ClassVar, final

from bayesimpute.families.inflated_beta import InflatedBeta
from bayesimpute.families.number_values import ShareFromZero
from bayesimpute.families.two_part_counts import ZERO
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class ZeroInflatedBeta(InflatedBeta):
    """Zero with probability ``zero``, else a beta law."""

    name: ClassVar[str] = "zero_inflated_beta"
    values: ClassVar[type[Values]] = ShareFromZero
    parts: ClassVar[tuple[str, ...]] = (ZERO,)
