"""Negative binomial counts that are missing not at random: with a selection equation."""

from dataclasses import dataclass
from typing import ClassVar, final

from bayesimpute.families.counting import Counting
from bayesimpute.families.negative_binomial import NegativeBinomial
from bayesimpute.families.selected_counts import SelectedCounting


@final
@dataclass(frozen=True, kw_only=True)
class HeckmanNegativeBinomial(SelectedCounting):
    """y ~ negative binomial with mean exposure * mu and shape alpha, observed where selection + h > 0."""

    name: ClassVar[str] = "heckman_negative_binomial"
    outcome: ClassVar[Counting] = NegativeBinomial()
