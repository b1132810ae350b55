"""Poisson counts among units some of which can have none."""

from dataclasses import dataclass
from typing import ClassVar, final

from bayesimpute.families.counting import Counting
from bayesimpute.families.poisson import Poisson
from bayesimpute.families.two_part_counts import ZeroInflated


@final
@dataclass(frozen=True, kw_only=True)
class ZeroInflatedPoisson(ZeroInflated):
    """Zero with probability ``zero``, else a poisson count."""

    name: ClassVar[str] = "zero_inflated_poisson"
    called: ClassVar[tuple[str, ...]] = ("zip",)
    base: ClassVar[Counting] = Poisson()
