"""Yes/no variables, with a logit or a probit link."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from scipy.special import ndtri, xlog1py, xlogy

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.family import Family
from bayesimpute.families.label_values import Binary
from bayesimpute.families.links import LINKS
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.shares import DEVIATIONS, about_share
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class Bernoulli(Family):
    """P(y = 1) = mu, where y is coded 0 and 1; of two labels the second counts as 1."""

    name: ClassVar[str] = "bernoulli"
    called: ClassVar[tuple[str, ...]] = ("logreg", "logistic", "binary")
    values: ClassVar[type[Values]] = Binary
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "bernoulli"

    link: Literal["logit", "probit"] = "logit"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter(name="mu", link=self.link, support="unit", effects=DEVIATIONS.get(self.link, 1.0)),)

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        return about_share(y.sum(), len(y), self.link) if key == "mu" else None

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm
        import pytensor.tensor as pt
        from pymc.distributions.dist_math import normal_lcdf

        inverse = LINKS[self.link].inverse

        def logp(value: Any, eta: Any) -> Any:
            # of the signed predictor: log(p) and log(1 - p) lose all digits in the tails, and cost three times as much
            signed = (2 * value - 1) * eta
            return pt.neg(pt.softplus(-signed)) if self.link == "logit" else normal_lcdf(0.0, 1.0, signed)

        def random(eta: np.ndarray, rng: np.random.Generator, size: Any) -> np.ndarray:
            return (rng.random(np.shape(eta) if size is None else size) < inverse(eta)).astype(float)

        return pm.CustomDist.dist(eta["mu"], logp=logp, random=random, class_name="Bernoulli")

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        return xlogy(y, theta["mu"]) + xlog1py(1 - y, -theta["mu"])

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        p = np.clip(theta["mu"], 1e-9, 1 - 1e-9)
        slope = p * (1 - p) if self.link == "logit" else np.exp(-0.5 * ndtri(p) ** 2) / np.sqrt(2 * np.pi)
        return slope**2 / (p * (1 - p))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return (rng.random(np.shape(theta["mu"])) < theta["mu"]).astype(float)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        return theta["mu"], theta["mu"] * (1 - theta["mu"])
