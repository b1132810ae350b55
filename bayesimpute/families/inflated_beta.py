"""Proportions that may be nothing or all: how often they are, and how large the others are.

What has a probability of its own is zero, one, or either, each with a formula for its log-odds; the others follow a
beta law (Ospina & Ferrari 2012, Comput. Stat. Data Anal. 56:1609). Effects of all parts by the same cluster key are
correlated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.special import xlog1py, xlogy

from bayesimpute.base.priors import Prior
from bayesimpute.families.beta import Beta
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import counted, tensors
from bayesimpute.families.family import Conflict, Family
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.shares import about_share
from bayesimpute.families.truncated_law import rows_of, share_between
from bayesimpute.families.two_part_counts import PART, ZERO
from bayesimpute.families.values import Values

ONE = "one"
"""The formula of what is one of those that are not zero."""
PARTS: Mapping[str, float] = {ZERO: 0.0, ONE: 1.0}
"""The parts in their order, each the law of one value among those that no part before it has."""


@dataclass(frozen=True, kw_only=True)
class InflatedBeta(Family):
    """A subclass says which parts it has."""

    values: ClassVar[type[Values]]
    parts: ClassVar[tuple[str, ...]]
    base: ClassVar[Beta] = Beta()
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False
    drawn_between: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*self.base.parameters, *(replace(PART, name=part) for part in self.parts))

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        return (frozenset({"mu", *self.parts}),)

    def doubts(self, y: np.ndarray) -> tuple[Conflict, ...]:
        none = [f"{PARTS[part]:g}" for part in self.parts if not (y == PARTS[part]).any()]
        finding = f"none of the {len(y)} observed values is {' or '.join(none)}, of which it has a part"
        return (Conflict("family", finding, "use the family without it"),) if none else ()

    def atoms(self, side: Side = NO_SIDE) -> tuple[np.ndarray, ...]:
        return tuple(np.asarray(PARTS[part]) for part in self.parts)

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        if key in self.parts:
            left = y[~np.isin(y, [PARTS[part] for part in self.parts[: self.parts.index(key)]])]
            return about_share((left == PARTS[key]).sum(), len(left), "logit")
        return self.base.intercept_prior(key, y[(y > 0) & (y < 1)])

    def weights(self, theta: Theta) -> tuple[list[np.ndarray], np.ndarray]:
        """The probabilities of the parts, and of what is left for the beta law."""
        found, left = [], np.ones(np.shape(theta["mu"]))
        for part in self.parts:
            found.append(left * theta[part])
            left = left * (1 - np.asarray(theta[part]))
        return found, left

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return counted(self, eta)

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density in the graph."""
        pt = tensors()

        ends = pt.eq(value, 0) | pt.eq(value, 1)
        found = self.base.symbolic(pt.where(ends, 0.5, value), eta)
        for part in reversed(self.parts):
            found = pt.where(pt.eq(value, PARTS[part]), -pt.softplus(-eta[part]), found - pt.softplus(eta[part]))
        return found

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws in the graph."""
        found = self.base.random(rng, eta, size)
        for part in reversed(self.parts):
            found = np.where(rng.random(size) < 1 / (1 + np.exp(-eta[part])), PARTS[part], found)
        return found

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        found = self.base.logp(y, theta)
        for part in reversed(self.parts):
            share = theta[part]
            found = np.where(y == PARTS[part], xlogy(1.0, share), xlog1py(1.0, -np.asarray(share)) + found)
        return found

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return self.weights(theta)[1] * self.base.information(theta, y)

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        found = self.base.impute(rng, theta, context)
        for part in reversed(self.parts):
            found = np.where(rng.random(found.shape) < theta[part], PARTS[part], found)
        return found

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        here, first, last = rows_of(theta, low), np.clip(low, 0, 1), np.clip(high, 0, 1)
        parts, left = self.weights(here)
        inside = left * share_between(self.base.law(here), first, last, whole=False)
        there = [(low <= PARTS[part]) & (PARTS[part] <= high) for part in self.parts]
        weights = np.array([*(np.where(may, w, 0.0) for may, w in zip(there, parts, strict=True)), inside])
        chosen = (rng.random(len(low)) * weights.sum(axis=0) >= np.cumsum(weights, axis=0)[:-1]).sum(axis=0)
        at_end = (first == last) & np.isin(first, self.atoms())  # nothing else is possible
        some = self.base.between(rng, here, np.where(at_end, 0.0, first), np.where(at_end, 1.0, last))
        values = [*(np.full(len(low), PARTS[part]) for part in self.parts), some]
        return np.where(at_end, first, np.choose(chosen, values))

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        parts, left = self.weights(theta)
        mean, variance = self.base.mean_variance(theta)
        ones = sum(weight * PARTS[part] for part, weight in zip(self.parts, parts, strict=True))
        first, second = ones + left * mean, ones + left * (variance + mean**2)
        return first, second - first**2
