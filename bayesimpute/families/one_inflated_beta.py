"""Proportions that may be all."""

from dataclasses import dataclass
from typing import ClassVar, final

from bayesimpute.families.inflated_beta import ONE, InflatedBeta
from bayesimpute.families.number_values import ShareToOne
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class OneInflatedBeta(InflatedBeta):
    """One with probability ``one``, else a beta law."""

    name: ClassVar[str] = "one_inflated_beta"
    values: ClassVar[type[Values]] = ShareToOne
    parts: ClassVar[tuple[str, ...]] = (ONE,)
