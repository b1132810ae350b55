"""Counts with more zeros than their law has: some units can have none at all (Lambert 1992, Technometrics 34:1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import xlog1py

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.count_values import Counts
from bayesimpute.families.counting import Counting, about_rate, counted, exposed, exposures, not_positive, tensors
from bayesimpute.families.family import Conflict, Family, Misfit
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.shares import DEVIATIONS, SPREADS
from bayesimpute.families.truncated_law import rows_of, share_between, zero_or_some
from bayesimpute.families.values import Values

ZERO = "zero"
"""The second formula."""
TINY = 1e-300
PART = Parameter(
    name=ZERO, link="logit", support="unit", intercept=SPREADS["logit"], effects=DEVIATIONS["logit"], like="mu"
)


def without_zeros(y: np.ndarray, remedy: str) -> tuple[Conflict, ...]:
    """What is told of observed values none of which is zero."""
    if (y == 0).any():
        return ()
    return (Conflict("family", f"none of the {len(y)} observed values is 0, of which its second part is", remedy),)


@dataclass(frozen=True, kw_only=True)
class TwoParts(Family):
    """Counts with a probability ``zero``; effects of both parts by the same cluster key are correlated.

    A subclass says what is zero with that probability, and ``base``, what the others are.
    """

    values: ClassVar[type[Values]] = Counts
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "poisson"
    in_bambi: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = Counting.reads
    base: ClassVar[Counting]
    drawn_between: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*self.base.parameters, PART)

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        return (frozenset({"mu", ZERO}),)

    def misfits(self, y: np.ndarray, side: Side) -> tuple[Misfit, ...]:
        return not_positive(side)

    def doubts(self, y: np.ndarray) -> tuple[Conflict, ...]:
        return without_zeros(y, f"use {self.base.name}")

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return counted(self, exposed(eta, side))


@dataclass(frozen=True, kw_only=True)
class ZeroInflated(TwoParts):
    """Zero with probability ``zero``, else the law of ``base``, which may be zero, too."""

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        """Of the zeros that are seen about one half is taken to be structural: all of them is the most."""
        structural = 0.5 * (y == 0).sum()
        if key == ZERO:
            share = (structural + 0.5) / (len(y) + 1)
            return Prior.of("Normal", float(np.log(share / (1 - share))), SPREADS["logit"])
        at_risk = 1 - structural / max(len(y), 1)
        return about_rate(y.sum(), exposures(side, y).sum() * at_risk) if key == "mu" else None

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        pt = tensors()

        zero, other = -pt.softplus(-eta[ZERO]), -pt.softplus(eta[ZERO])
        rest = other + self.base.symbolic(value, eta)
        none = pt.logaddexp(zero, other + self.base.symbolic(pt.zeros_like(value), eta))
        return pt.where(pt.eq(value, 0), none, rest)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        kept = rng.random(size) >= 1 / (1 + np.exp(-eta[ZERO]))
        return self.base.random(rng, eta, size) * kept

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        rest = np.log1p(-theta[ZERO]) + self.base.logp(y, theta, side)
        return np.where(y == 0, np.logaddexp(np.log(theta[ZERO]), rest), rest)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        """Of mu: the score is that of the base, but at zero."""
        del y
        pull, full = self.base.at_zero(theta, side)
        rest = (1 - theta[ZERO]) * np.exp(self.base.log_zero(theta, side))
        none = theta[ZERO] + rest
        return pull * rest * (pull * rest / none) + (1 - theta[ZERO]) * full - rest * pull * pull

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        kept = rng.random(np.shape(theta["mu"])) >= theta[ZERO]
        return self.base.impute(rng, theta, context) * kept

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        here = rows_of(theta, low)
        some = (1 - here[ZERO]) * share_between(self.base.law(here, side), low, high, whole=True)
        return zero_or_some(
            rng, here[ZERO], some, low, high, lambda ends: self.base.between(rng, here, low, ends, side)
        )

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        mean, variance = self.base.mean_variance(theta, side)
        kept = 1 - theta[ZERO]
        return kept * mean, kept * (variance + theta[ZERO] * mean**2)


@dataclass(frozen=True, kw_only=True)
class Hurdle(TwoParts):
    """Zero with probability ``zero``, else the law of ``base`` given that it is not zero (Mullahy 1986, J Econometrics
    33:341).
    """

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        if key == ZERO:
            share = ((y == 0).sum() + 0.5) / (len(y) + 1)
            return Prior.of("Normal", float(np.log(share / (1 - share))), SPREADS["logit"])
        return about_rate(y.sum(), exposures(side, y)[y > 0].sum() or 1.0) if key == "mu" else None

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        pt = tensors()

        zero, other = -pt.softplus(-eta[ZERO]), -pt.softplus(eta[ZERO])
        none = self.base.symbolic(pt.zeros_like(value), eta)
        return pt.where(pt.eq(value, 0), zero, other + self.base.symbolic(value, eta) - pt.log1mexp(none))

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        theta = {name: np.broadcast_to(np.exp(v), size) for name, v in eta.items() if name != ZERO}
        kept = rng.random(size) >= 1 / (1 + np.exp(-eta[ZERO]))
        return self.base.above_zero(rng, theta, NO_SIDE) * kept

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        some = self.log_some(theta, side)
        above = xlog1py(1.0, -theta[ZERO]) + self.base.logp(y, theta, side) - some
        return np.where(y == 0, np.log(theta[ZERO]), above)

    def log_some(self, theta: Theta, side: Side) -> np.ndarray:
        """Log P(y > 0) of the base."""
        none, half = self.base.log_zero(theta, side), -np.log(2)
        seldom, often = (np.log(-np.expm1(np.minimum(none, -TINY))), np.log1p(-np.exp(np.minimum(none, half))))
        return np.where(none > half, seldom, often)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        """Of mu: the variance of the base's score given that y is not zero."""
        del y
        pull, full = self.base.at_zero(theta, side)
        none, some = np.exp(self.base.log_zero(theta, side)), np.exp(self.log_some(theta, side))
        mean = none * pull / some
        return (1 - theta[ZERO]) * np.maximum((full - none * pull * pull) / some - mean * mean, 0.0)

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        kept = rng.random(np.shape(theta["mu"])) >= theta[ZERO]
        return self.base.above_zero(rng, theta, context.at().side) * kept

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        here, above = rows_of(theta, low), np.maximum(low, 1.0)
        some = (1 - here[ZERO]) * share_between(self.base.law(here, side), above, high, whole=True)
        some = some * np.exp(-self.log_some(here, side))
        return zero_or_some(
            rng, here[ZERO], some, low, high, lambda ends: self.base.between(rng, here, above, ends, side)
        )

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        mean, variance = self.base.mean_variance(theta, side)
        some = np.exp(self.log_some(theta, side))
        first = (1 - theta[ZERO]) * mean / some
        return first, (1 - theta[ZERO]) * (variance + mean**2) / some - first**2
