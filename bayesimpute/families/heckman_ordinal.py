"""Ordered labels that are missing not at random: the ordered probit model with sample selection.

What lies between two cutpoints, and was selected, has the probability of a strip of the joint law of both errors: the
difference of two quadrants, taken on the side where both are small.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import log_ndtr, ndtr

from bayesimpute.families import heckman
from bayesimpute.families.context import NO_SIDE, Side, Theta
from bayesimpute.families.family import Family
from bayesimpute.families.heckman import Selecting
from bayesimpute.families.label_values import Ordered
from bayesimpute.families.log_space import tensors
from bayesimpute.families.of_labels import OfLabels
from bayesimpute.families.ordinal import Ordinal
from bayesimpute.families.selected_strip import log_strip
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class HeckmanOrdinal(OfLabels, Selecting):
    """y is label k where c_k-1 < mu + e <= c_k, observed where selection + h > 0; (h, e) normal with correlation rho.

    The cutpoints c stand in the place of an intercept; with two labels it is :class:`HeckmanProbit` in other words
    (de Luca & Perotti 2011, Stata Journal 11:213).

    Parameters
    ----------
    labels : {"observed", "all"}
        Those of a column that are observed, or all that it has, as in :class:`Ordinal`.
    """

    name: ClassVar[str] = "heckman_ordinal"
    values: ClassVar[type[Values]] = Ordered
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False

    @property
    def outcome(self) -> Family:  # type: ignore[override]  # of the column's labels
        return self._ordinal

    @property
    def _ordinal(self) -> Ordinal:
        return Ordinal(link="probit", points=self.points, shown=self.shown)

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        from bayesimpute.numerics.plain_normal_cdf import log_ndtr

        points = np.array(self.points)

        def logp(value: Any, mu: Any, cutpoints: Any, s: Any, z: Any) -> Any:
            return self._share(value, cutpoints, mu, s, z, plain=True) - log_ndtr(pt.zeros_like(value) + s)

        def random(
            mu: np.ndarray, cutpoints: np.ndarray, s: np.ndarray, z: np.ndarray, rng: np.random.Generator, size: Any
        ) -> np.ndarray:
            shape = np.broadcast_shapes(mu.shape, s.shape, cutpoints.shape[:-1]) if size is None else size
            e = self.errors.draw(rng, np.broadcast_to(s, shape), np.tanh(z), selected=True)
            return points[((mu + e)[..., None] > cutpoints).sum(axis=-1)]

        arguments = eta["mu"], eta["cutpoints"], eta["selection"], pt.as_tensor_variable(self.line(eta))
        made = {"logp": logp, "random": random, "signature": "(),(k),(),()->()", "class_name": "SelectedOrdinal"}
        return pm.CustomDist.dist(*arguments, **made)

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        import pymc as pm

        s, n = eta["selection"], y.shape[0]
        pm.Potential("y", self._share(y, eta["cutpoints"], eta["mu"], s[:n], self.line(eta), plain=False))
        heckman.add_unselected(eta, s[n:], side)

    def _share(self, y: Any, cutpoints: Any, mu: Any, s: Any, z: Any, *, plain: bool) -> Any:
        """Log P(y, selected) in a graph, (row,)."""
        import pytensor.tensor as pt

        code = (y[:, None] > np.array(self.points[:-1])).sum(axis=1)
        zero: Any = pt.zeros_like(y)
        every = zero[:, None] + (cutpoints if cutpoints.ndim == 2 else cutpoints[None, :])

        def quadrant(sign: Any, m: Any) -> Any:
            return self.errors.graph_joint(sign, m, zero + s, z, plain=plain)

        return log_strip(code, every, zero + mu, quadrant, tensors(plain=plain))

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        gone = np.isnan(y)
        code = self._ordinal.codes(np.where(gone, self.points[0], y))
        cutpoints = np.broadcast_to(theta["cutpoints"], (len(y), len(self.points) - 1))
        s, d = heckman.possible(theta), self.dependence(theta)
        mu = np.broadcast_to(theta["mu"], y.shape)
        chosen = log_strip(code, cutpoints, mu, lambda sign, m: self.errors.log_joint(sign, m, s, d))
        chosen = np.where(np.isin(y, self.points), chosen, -np.inf)
        return np.where(gone, log_ndtr(-theta["selection"]), chosen)

    def value(self, theta: Theta, e: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return np.array(self.points)[((theta["mu"] + e)[:, None] > theta["cutpoints"]).sum(axis=1)]

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        m = np.asarray(theta["mu"], dtype=float)[:, None] - theta["cutpoints"]
        s = np.broadcast_to(np.asarray(theta["selection"], dtype=float), m.shape[:1])[:, None]
        out = self.errors.log_share(m, np.where(np.isfinite(s), s, 0.0), np.expand_dims(self.dependence(theta), -1))
        above = np.where(np.isfinite(s), np.minimum(np.exp(out), 1.0), ndtr(m))
        shares = -np.diff(above, axis=1, prepend=1.0, append=0.0)
        points = np.array(self.points)
        mean = shares @ points
        return mean, np.maximum(shares @ points**2 - mean**2, 0.0)
