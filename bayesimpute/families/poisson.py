"""Poisson counts: variance and mean are the same. Where counts vary more, use ``negative_binomial``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import gammainc, gammaincc, gammaln, xlogy

from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import MOST, Counting, defined, means, tensors
from bayesimpute.families.parameter import Parameter


@final
@dataclass(frozen=True, kw_only=True)
class Poisson(Counting):
    """y ~ Poisson(exposure * mu)."""

    name: ClassVar[str] = "poisson"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter(name="mu", link="log", support="positive"),)

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        pt = tensors()

        return value * eta["mu"] - pt.exp(eta["mu"]) - pt.gammaln(value + 1.0)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        return rng.poisson(np.minimum(np.exp(eta["mu"]), MOST), size).astype(float)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        m = means(theta, side)
        return defined(xlogy(y, m) - m - gammaln(y + 1))

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        return means(theta, side)

    def at_zero(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        m = means(theta, side)
        return m, m

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return rng.poisson(np.minimum(means(theta, context.at().side), MOST), np.shape(theta["mu"])).astype(float)

    def tails(self, k: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        m = means(theta, side)
        return gammaincc(k + 1.0, m), gammainc(k + 1.0, m)

    def graph_tails(self, k: Any, eta: Mapping[str, Any]) -> tuple[Any, Any]:
        pt = tensors()

        m = pt.exp(eta["mu"])
        return pt.gammaincc(k + 1.0, m), pt.gammainc(k + 1.0, m)

    def above_zero(self, rng: np.random.Generator, theta: Theta, side: Side) -> np.ndarray:
        """The first event of the process in [0, m], which is exponential and before m, and those after it."""
        m = np.minimum(means(theta, side), MOST)
        first = np.minimum(-np.log1p(rng.random(np.shape(m)) * np.expm1(-m)), m)
        return 1.0 + rng.poisson(m - first)

    def law(self, theta: Theta, side: Side = NO_SIDE) -> Any:
        from scipy import stats

        return stats.poisson(np.minimum(means(theta, side), MOST))

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        m = means(theta, side)
        return m, m
