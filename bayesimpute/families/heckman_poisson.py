"""Poisson counts that are missing not at random: with a selection equation."""

from dataclasses import dataclass
from typing import ClassVar, final

from bayesimpute.families.counting import Counting
from bayesimpute.families.poisson import Poisson
from bayesimpute.families.selected_counts import SelectedCounting


@final
@dataclass(frozen=True, kw_only=True)
class HeckmanPoisson(SelectedCounting):
    """y ~ Poisson(exposure * mu), observed where selection + h > 0."""

    name: ClassVar[str] = "heckman_poisson"
    outcome: ClassVar[Counting] = Poisson()
