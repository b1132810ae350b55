"""Labels in no order: a softmax of one linear predictor for each label.

The predictors say something by their differences only: log P(y = b) / P(y = a) = mu_b - mu_a. All labels have one, none
is a reference, so that priors are the same for whichever differences are looked at; with a reference label, those of
the differences from it would be. What the data leave open, one number that is added to all, the priors close.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from scipy.special import log_softmax, softmax

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.label_values import Categories
from bayesimpute.families.of_labels import OfLabels
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.shares import DEVIATIONS, SPREADS
from bayesimpute.families.values import Values

MOST_TOGETHER = 6
"""Labels up to which group-specific effects are correlated across labels unless a plan says more: 18 would have 153
correlations, and as many deviations as labels."""
EACH = 1 / np.sqrt(2)
"""Of a standard deviation of differences, that of each of two."""


@final
@dataclass(frozen=True, kw_only=True)
class Categorical(OfLabels):
    """P(y = k) = exp(mu_k) / sum_j exp(mu_j), with a linear predictor for each label.

    Group-specific effects of up to six labels have one covariance matrix for each cluster key (Hartzel, Agresti &
    Caffo 2001, Statistical Modelling 1:81). Of more labels they are independent, and those of all labels have one law:
    a standard deviation for each term, which all labels share, and of several terms their correlations. Only the
    differences between labels are in the likelihood, and effects less their mean over the labels are in it as the
    effects are: the law of differences is that of effects that add up to zero, and the mean is known to the prior
    alone. So nothing is made to add up to zero, no more than coefficients are, and no label is another one than the
    others.

    Parameters
    ----------
    effects : {"auto", "correlated"}
        What group-specific effects of labels have together: one covariance matrix of up to six labels and one standard
        deviation of more, or one covariance matrix however many labels there are.
    labels : {"observed", "all"}
        Those of a column that are observed, or all that it has. Of a label that nobody has the prior of the intercept
        is about 1 / K of an observation, with K labels, as if all shared one; it is drawn as often as that leaves it.
    """

    name: ClassVar[str] = "categorical"
    called: ClassVar[tuple[str, ...]] = ("polyreg", "multinomial", "nominal", "unordered")
    values: ClassVar[type[Values]] = Categories
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False

    effects: Literal["auto", "correlated"] = "auto"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter(name="mu", link="identity", labels=self.shown, effects=EACH * DEVIATIONS["logit"], slopes=EACH),
        )

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        return self._of_all_labels if self._correlated else ()

    @property
    def alike(self) -> tuple[frozenset[str], ...]:
        return () if self._correlated else self._of_all_labels

    @property
    def _correlated(self) -> bool:
        return self.effects == "correlated" or len(self.shown) <= MOST_TOGETHER

    @property
    def _of_all_labels(self) -> tuple[frozenset[str], ...]:
        (mu,) = self.parameters
        return (frozenset(map(mu.key, mu.labels)),)

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        (mu,) = self.parameters
        counts = (y[:, None] == np.array(self.points)).sum(axis=0)
        logs = np.log(counts + 1 / len(counts))
        place = [mu.key(label) for label in mu.labels].index(key)
        return Prior.of("Normal", float((logs - logs.mean())[place]), EACH * SPREADS["logit"])

    def codes(self, y: np.ndarray) -> np.ndarray:
        """The places of values among the labels, int, shape (row,)."""
        return np.minimum(np.searchsorted(self.points, y), len(self.points) - 1)

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        math: Any = pt
        points = np.array(self.points)

        def logp(value: Any, eta: Any) -> Any:
            code = (value[:, None] > points[:-1][None, :]).sum(axis=1)
            chosen = math.eq(math.arange(len(points))[None, :], code[:, None])
            return (chosen * eta).sum(axis=1) - math.logsumexp(eta, axis=1)

        def random(eta: np.ndarray, rng: np.random.Generator, size: Any) -> np.ndarray:
            del size
            return points[_drawn(rng, softmax(eta, axis=-1))]

        return pm.CustomDist.dist(eta["mu"], logp=logp, random=random, signature="(k)->()", class_name="Categorical")

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        found = log_softmax(theta["mu"], axis=1)[np.arange(len(y)), self.codes(y)]
        return np.where(np.isin(y, self.points), found, -np.inf)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        p = softmax(theta["mu"], axis=1)
        return p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return np.array(self.points)[_drawn(rng, softmax(theta["mu"], axis=1))]

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        shares, points = softmax(theta["mu"], axis=1), np.array(self.points)
        return shares @ points, np.maximum(shares @ points**2 - (shares @ points) ** 2, 0.0)


def _drawn(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """Places among the labels, shape (...,), by shares (..., label)."""
    below = np.cumsum(shares, axis=-1)[..., :-1]
    return (rng.random((*below.shape[:-1], 1)) > below).sum(axis=-1)
