"""Ordered labels: a latent variable between cutpoints, with a logit or a probit link."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.label_probabilities import cdf, density, log_share
from bayesimpute.families.label_values import Ordered
from bayesimpute.families.log_space import tensors
from bayesimpute.families.of_labels import OfLabels
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.shares import DEVIATIONS
from bayesimpute.families.values import Values

JOINT: Mapping[str, str] = {"logit": "DirichletLogit", "probit": "DirichletProbit"}
"""The prior of cutpoints by link: with alpha = 1 / K it counts as one observation, shared by all labels."""


@final
@dataclass(frozen=True, kw_only=True)
class Ordinal(OfLabels):
    """P(y <= label k) = F(c_k - mu) with ascending cutpoints c in the place of an intercept.

    F is the logistic or the normal distribution function (McCullagh 1980, JRSS B 42:109). Effects in ``mu`` move all
    labels towards the last. Labels are in the order of an ordered category or of numbers.

    Parameters
    ----------
    link : {"logit", "probit"}
        The function F.
    labels : {"observed", "all"}
        Those of a column that are observed, or all that it has. Of one that nobody has the prior of the cutpoints is
        1 / K of an observation, with K labels; what is drawn of it is what the prior leaves it. Of one between others
        that is too little: the density of two cutpoints is infinite where they are the same, if no observation of what
        lies between keeps them apart. There a plan must give a prior of one observation of each label,
        ``DirichletLogit(1)``, or of more.
    """

    name: ClassVar[str] = "ordinal"
    called: ClassVar[tuple[str, ...]] = ("polr", "cumulative", "ordered")
    values: ClassVar[type[Values]] = Ordered
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False

    link: Literal["logit", "probit"] = "logit"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        prior = Prior.of(JOINT.get(self.link, JOINT["logit"]), 1 / len(self.points))
        return (
            Parameter(name="mu", link="identity", intercept=None, effects=DEVIATIONS.get(self.link, 1.0)),
            Parameter(
                name="cutpoints",
                link="identity",
                support="ordered",
                labels=self.shown[:-1],
                prior=prior,
                against="mu",
            ),
        )

    def codes(self, y: np.ndarray) -> np.ndarray:
        """The places of values among the labels, int, shape (row,)."""
        return np.minimum(np.searchsorted(self.points, y), len(self.points) - 1)

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        math: Any = pt
        points, last = np.array(self.points), len(self.points) - 1

        def logp(value: Any, mu: Any, cutpoints: Any) -> Any:
            code = (value[:, None] > points[:-1][None, :]).sum(axis=1)
            mu = math.zeros_like(value) + mu
            every = math.zeros_like(value)[:, None] + (cutpoints if cutpoints.ndim == 2 else cutpoints[None, :])
            return log_share(code, every, mu, last, self.link, tensors(plain=True))

        def random(mu: np.ndarray, cutpoints: np.ndarray, rng: np.random.Generator, size: Any) -> np.ndarray:
            shape = np.broadcast_shapes(mu.shape, cutpoints.shape[:-1]) if size is None else size
            below = cdf(cutpoints - np.broadcast_to(mu, shape)[..., None], self.link)
            return points[(rng.random(shape)[..., None] > below).sum(axis=-1)]

        made = {"logp": logp, "random": random, "signature": "(),(k)->()", "class_name": "Ordinal"}
        return pm.CustomDist.dist(eta["mu"], eta["cutpoints"], **made)

    def shares(self, theta: Theta) -> np.ndarray:
        """P(y = label), shape (row, label)."""
        below = cdf(theta["cutpoints"] - np.asarray(theta["mu"])[:, None], self.link)
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        cutpoints = np.broadcast_to(theta["cutpoints"], (len(y), len(self.points) - 1))
        found = log_share(self.codes(y), cutpoints, theta["mu"], len(self.points) - 1, self.link)
        return np.where(np.isin(y, self.points), found, -np.inf)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        at = theta["cutpoints"] - np.asarray(theta["mu"])[:, None]
        slopes = np.diff(density(at, self.link), axis=1, prepend=0.0, append=0.0)
        return (slopes**2 / np.maximum(self.shares(theta), 1e-12)).sum(axis=1)

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        below = cdf(theta["cutpoints"] - np.asarray(theta["mu"])[:, None], self.link)
        return np.array(self.points)[(rng.random((len(below), 1)) > below).sum(axis=1)]

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        shares, points = self.shares(theta), np.array(self.points)
        return shares @ points, np.maximum(shares @ points**2 - (shares @ points) ** 2, 0.0)
