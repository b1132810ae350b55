"""Counts out of a number of trials, with a logit or a probit link."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from scipy.special import gammaln, ndtri, xlog1py, xlogy

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.count_values import Successes
from bayesimpute.families.counting import counted, tensors
from bayesimpute.families.family import Family, Misfit
from bayesimpute.families.links import LINKS
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.shares import DEVIATIONS, about_share
from bayesimpute.families.truncated_law import drawn_between, rows_of
from bayesimpute.families.values import Values

TRIALS = "trials"
"""The role of the side column, and the option that has one number for all rows."""


@final
@dataclass(frozen=True, kw_only=True)
class Binomial(Family):
    """y of a row's trials succeed, each with probability ``mu``.

    Parameters
    ----------
    link : {"logit", "probit"}
        Of mu.
    trials : int
        The number of trials of each row, where no side column ``trials`` has it.
    """

    name: ClassVar[str] = "binomial"
    values: ClassVar[type[Values]] = Successes
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "bernoulli"
    in_bambi: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = (TRIALS,)
    drawn_between: ClassVar[bool] = True

    link: Literal["logit", "probit"] = "logit"
    trials: int = 1

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter(name="mu", link=self.link, support="unit", effects=DEVIATIONS[self.link]),)

    def number(self, side: Side) -> Any:
        """The trials of each row: an array or a tensor, (row,), or one number."""
        return side.get(TRIALS, np.float64(self.trials))

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        trials = np.broadcast_to(self.number(side), y.shape)
        return about_share(y.sum(), trials.sum(), self.link) if key == "mu" else None

    def misfits(self, y: np.ndarray, side: Side) -> tuple[Misfit, ...]:
        trials, found = np.broadcast_to(self.number(side), y.shape), []
        if TRIALS in side and (bad := (trials < 0) | (trials != np.round(trials)) & ~np.isnan(trials)).any():
            found.append(Misfit(TRIALS, bad, "is not a whole number from 0 on", "give the number of trials"))
        if (many := y > trials).any():
            remedy = "name the column of the trials, or their number"
            found.append(Misfit(TRIALS, many, "is below the target, which counts successes", remedy))
        return tuple(found)

    def possible(self, cells: np.ndarray, side: Side) -> np.ndarray:
        return np.minimum(cells, np.nan_to_num(self.number(side), nan=np.inf))

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        pt = tensors()

        return counted(self, {**eta, TRIALS: pt.as_tensor_variable(self.number(side))}, TRIALS)

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density in the graph."""
        pt = tensors()
        from pymc.distributions.dist_math import normal_lcdf

        n, signs = eta[TRIALS], (eta["mu"], -eta["mu"])
        yes, no = (-pt.softplus(-s) if self.link == "logit" else normal_lcdf(0.0, 1.0, s) for s in signs)
        ways = pt.gammaln(n + 1.0) - pt.gammaln(value + 1.0) - pt.gammaln(n - value + 1.0)
        return pt.where(value > n, -np.inf, ways + value * yes + (n - value) * no)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws in the graph."""
        trials = np.asarray(eta[TRIALS]).astype(np.int64)
        return rng.binomial(trials, LINKS[self.link].inverse(eta["mu"]), size).astype(float)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        n = np.asarray(self.number(side))
        left = np.maximum(n - y, 0.0)
        ways = gammaln(n + 1) - gammaln(y + 1) - gammaln(left + 1)
        return np.where(y > n, -np.inf, ways + xlogy(y, theta["mu"]) + xlog1py(left, -theta["mu"]))

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        p = np.clip(theta["mu"], 1e-9, 1 - 1e-9)
        slope = p * (1 - p) if self.link == "logit" else np.exp(-0.5 * ndtri(p) ** 2) / np.sqrt(2 * np.pi)
        return self.number(side) * slope**2 / (p * (1 - p))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        trials = np.broadcast_to(self.number(context.at().side), np.shape(theta["mu"])).astype(np.int64)
        return rng.binomial(trials, theta["mu"]).astype(float)

    def law(self, theta: Theta, side: Side = NO_SIDE) -> Any:
        from scipy import stats

        return stats.binom(np.broadcast_to(self.number(side), np.shape(theta["mu"])), theta["mu"])

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        return drawn_between(rng, self.law(rows_of(theta, low), side), low, high, whole=True)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        n = self.number(side)
        return n * theta["mu"], n * theta["mu"] * (1 - theta["mu"])
