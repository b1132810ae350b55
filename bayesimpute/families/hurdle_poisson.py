"""Whether there is any, and Poisson counts of those that have some."""

from dataclasses import dataclass
from typing import ClassVar, final

from bayesimpute.families.counting import Counting
from bayesimpute.families.poisson import Poisson
from bayesimpute.families.two_part_counts import Hurdle


@final
@dataclass(frozen=True, kw_only=True)
class HurdlePoisson(Hurdle):
    """Zero with probability ``zero``, else a poisson count given that it is not zero."""

    name: ClassVar[str] = "hurdle_poisson"
    base: ClassVar[Counting] = Poisson()
