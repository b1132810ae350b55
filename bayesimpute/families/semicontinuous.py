"""Amounts that may be nothing, such as costs: whether there is any, and how much of those with some."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from scipy.special import xlog1py

from bayesimpute.base.priors import Prior
from bayesimpute.data.column_remarks import SKEWNESS, skewness
from bayesimpute.data.columns import Column
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import counted, tensors
from bayesimpute.families.family import Conflict, Family, bound, changed
from bayesimpute.families.gamma import Gamma
from bayesimpute.families.lognormal import LogNormal
from bayesimpute.families.number_values import Amounts
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.shares import about_share
from bayesimpute.families.truncated_law import rows_of, share_between, zero_or_some
from bayesimpute.families.two_part_counts import PART, ZERO, without_zeros
from bayesimpute.families.values import Values

PARTS: Mapping[str, Gamma | LogNormal] = {"lognormal": LogNormal(), "gamma": Gamma()}


@final
@dataclass(frozen=True, kw_only=True)
class Semicontinuous(Family):
    """Zero with probability ``zero``, else a positive number (Olsen & Schafer 2001, J. Am. Stat. Assoc. 96:730).

    The main formula is for the positive part: the mean of its logarithm if it is lognormal, with ``sigma``, the
    logarithm of its mean if it is a gamma, with the shape ``alpha``. The second, ``zero``, is for the log-odds of zero.
    Effects of both parts by the same cluster key are correlated.

    Parameters
    ----------
    positive : {"auto", "lognormal", "gamma"}
        What the positive part is; "auto": lognormal if the skewness of the observed logarithms is within 1, else gamma.
    """

    name: ClassVar[str] = "semicontinuous"
    values: ClassVar[type[Values]] = Amounts
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False
    drawn_between: ClassVar[bool] = True

    positive: Literal["auto", "lognormal", "gamma"] = "auto"
    found: str = bound("")

    def bind(self, column: Column) -> Family:
        if self.positive != "auto":
            return self
        known = column.values[~column.missing]
        normal = abs(np.nan_to_num(skewness(np.log(known[known > 0])))) <= SKEWNESS
        return changed(self, found="lognormal" if normal else "gamma")

    @property
    def part(self) -> Gamma | LogNormal | None:
        """The law of positive values; None where only a column would tell."""
        return PARTS.get(self.found or self.positive)

    @property
    def base(self) -> Gamma | LogNormal:
        """The same of a family that is bound."""
        assert self.part is not None
        return self.part

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Without the spread of the positive part where it is not known what that is: a formula for it says that."""
        return (*(LogNormal().parameters[:1] if self.part is None else self.part.parameters), PART)

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        return (frozenset({"mu", ZERO}),)

    def doubts(self, y: np.ndarray) -> tuple[Conflict, ...]:
        return without_zeros(y, "use lognormal or gamma")

    def atoms(self, side: Side = NO_SIDE) -> tuple[np.ndarray, ...]:
        return (np.zeros(()),)

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        return about_share((y == 0).sum(), len(y), "logit") if key == ZERO else self.base.intercept_prior(key, y[y > 0])

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return counted(self, eta)

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density in the graph."""
        pt = tensors()

        none = pt.eq(value, 0)
        some = -pt.softplus(eta[ZERO]) + self.base.symbolic(pt.where(none, 1.0, value), eta)
        return pt.where(none, -pt.softplus(-eta[ZERO]), some)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws in the graph."""
        kept = rng.random(size) >= 1 / (1 + np.exp(-eta[ZERO]))
        return self.base.random(rng, eta, size) * kept

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        with np.errstate(divide="ignore"):  # a share of 1 or 0
            some = xlog1py(1.0, -theta[ZERO]) + self.base.logp(y, theta)
            return np.where(y == 0, np.log(theta[ZERO]), some)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return (1 - theta[ZERO]) * self.base.information(theta, y)

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        kept = rng.random(np.shape(theta["mu"])) >= theta[ZERO]
        return self.base.impute(rng, theta, context) * kept

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        here, above = rows_of(theta, low), np.maximum(low, 0.0)
        some = (1 - here[ZERO]) * share_between(self.base.law(here), above, high, whole=False)
        return zero_or_some(
            rng, here[ZERO], some, low, high, lambda ends: self.base.between(rng, here, above, ends, side)
        )

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        mean, variance = self.base.mean_variance(theta)
        kept = 1 - theta[ZERO]
        return kept * mean, kept * (variance + theta[ZERO] * mean**2)
