"""Counts that are missing not at random: a selection equation beside any family of counts.

The count is the quantile of a normal error e at its probability, so that one and the same joint law ties it to
selection as ties any other outcome (a copula of a discrete margin: Smith 2003, Econometrics J 6:99; of counts Marra &
Wyszynski 2016, Computational Statistics & Data Analysis 104:110): y = k where e lies between the normal scores of P(y <
k) and P(y <= k). Where these are beyond ``selected_strip.FAR`` on one side, no digits are left of their difference, and
the strip is as narrow as P(y = k) says: there the error counts as lying at that score. Only wild parameters lead there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from bayesimpute.families import heckman
from bayesimpute.families.context import NO_SIDE, Side, Theta
from bayesimpute.families.count_values import Counts
from bayesimpute.families.counting import EXPOSURE, Counting, exposed, not_positive
from bayesimpute.families.family import Misfit
from bayesimpute.families.heckman import Selecting
from bayesimpute.families.log_space import ARRAYS, Functions, tensors
from bayesimpute.families.selected_strip import BEYOND, FAR, log_strip
from bayesimpute.families.truncated_law import rows_of
from bayesimpute.families.values import Values

NODES = 1000
"""Probabilities that moments are summed from; where there are more counts, runs of them have one, to 1e-5 of them."""
LEFT = 8.0
"""Normal scores beyond which moments leave nothing."""


@dataclass(frozen=True, kw_only=True)
class SelectedCounting(Selecting):
    """y is the count at whose probability e lies, observed where selection + h > 0; a subclass has the law of y."""

    values: ClassVar[type[Values]] = Counts
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "poisson"
    in_bambi: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = (EXPOSURE,)
    outcome: ClassVar[Counting]

    def misfits(self, y: np.ndarray, side: Side) -> tuple[Misfit, ...]:
        return not_positive(side)

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        from bayesimpute.numerics.plain_normal_cdf import log_ndtr

        names = [p.name for p in self.outcome.parameters]

        def logp(value: Any, s: Any, z: Any, *etas: Any) -> Any:
            given = dict(zip(names, etas, strict=True))
            return self._share(value, given, s, z, plain=True) - log_ndtr(pt.zeros_like(value) + s)

        def random(s: Any, z: Any, *etas: Any, rng: np.random.Generator, size: Any) -> np.ndarray:
            shape = np.broadcast_shapes(*map(np.shape, (s, *etas))) if size is None else size
            e = self.errors.draw(rng, np.broadcast_to(s, shape), np.tanh(z), selected=True)
            theta = {name: np.broadcast_to(np.exp(each), shape) for name, each in zip(names, etas, strict=True)}
            return self.value(theta, e)

        of_counts = [exposed(eta, side)[name] for name in names]
        given = eta["selection"], pt.as_tensor_variable(self.line(eta)), *of_counts
        return pm.CustomDist.dist(*given, logp=logp, random=random, class_name=type(self).__name__)

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        import pymc as pm

        s, n = eta["selection"], y.shape[0]
        own = {name: each[:n] for name, each in side.items() if name == EXPOSURE}
        pm.Potential("y", self._share(y, exposed(eta, own), s[:n], self.line(eta), plain=False))
        heckman.add_unselected(eta, s[n:], side)

    def _share(self, y: Any, eta: Mapping[str, Any], s: Any, z: Any, *, plain: bool) -> Any:
        """Log P(y, selected) in a graph, (row,)."""
        import pytensor.tensor as pt

        f, zero = tensors(plain=plain), pt.zeros_like(y)
        below, up_to = (self.outcome.graph_tails(k, eta) for k in (f.most(y - 1.0, 0.0), y))
        chosen = pt.zeros_like(y) + s

        def quadrant(sign: Any, m: Any) -> Any:
            return self.errors.graph_joint(sign, m, chosen, z, plain=plain)

        def narrow(e: Any) -> Any:
            return self.outcome.symbolic(y, eta) + self.errors.graph_selected(chosen, zero + e, z, plain=plain)

        scores = tuple(_graph_score(*each, f) for each in (below, up_to))
        return _between(y, below, up_to, scores, quadrant, narrow, f, lambda parts: pt.stack(parts, axis=1))

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        s, d = heckman.possible(theta), self.dependence(theta)
        gone = np.isnan(y)
        whole = ~gone & (y >= 0) & (y == np.round(y))
        k = np.where(whole, y, 0.0)
        theta = {**theta, **rows_of({p.name: theta[p.name] for p in self.outcome.parameters}, y)}
        below, up_to = (self.outcome.tails(np.maximum(each, 0.0), theta, side) for each in (k - 1, k))

        def narrow(e: np.ndarray) -> np.ndarray:
            return self.outcome.logp(k, theta, side) + self.errors.log_selected(s, e, d)

        def quadrant(sign: np.ndarray, m: np.ndarray) -> np.ndarray:
            return self.errors.log_joint(sign, m, s, d)

        scores = tuple(_score(*each) for each in (below, up_to))
        chosen = _between(k, below, up_to, scores, quadrant, narrow, ARRAYS, np.column_stack)
        return np.where(gone, log_ndtr(-theta["selection"]), np.where(whole, chosen, -np.inf))

    def value(self, theta: Theta, e: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        law = self.outcome.law(rows_of({p.name: theta[p.name] for p in self.outcome.parameters}, e), side)
        return np.maximum(law.ppf(ndtr(e)), 0.0)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        """From P(y > k | not selected), summed over k: E y is the sum of it, E y^2 that of (2 k + 1) times it."""
        n = np.shape(theta["mu"])
        each = rows_of({p.name: theta[p.name] for p in self.outcome.parameters}, np.zeros(n))
        s, d = np.broadcast_to(np.asarray(theta["selection"], dtype=float), n), self.dependence(theta)
        first, last = (self.value(theta, np.full(n, end), side) for end in (-LEFT, LEFT))
        run = np.ceil((last - first + 1) / NODES)
        mean, square = first, first**2
        for place in range(int(((last - first) // run).max()) + 1):
            k = first + place * run + (run - 1) / 2  # the middle of a run of values
            more = run * np.exp(self._log_more(k, each, s, d, side))
            mean, square = mean + more, square + (2 * k + 1) * more
        grouped = (run**2 - 1) / 12  # Sheppard's correction
        return mean, np.maximum(square - grouped - mean**2, 0.0)

    def _log_more(self, k: np.ndarray, theta: Theta, s: np.ndarray, d: np.ndarray, side: Side) -> np.ndarray:
        """Log P(y > k | not selected); of all, where a unit could not be selected."""
        tails = self.outcome.tails(k, theta, side)
        e, possible = _score(*tails), np.where(np.isneginf(s), 0.0, s)
        with np.errstate(divide="ignore"):
            return np.where(np.isneginf(s), np.log(tails[1]), np.minimum(self.errors.log_share(-e, possible, d), 0.0))


def _between(
    y: Any, below: Any, up_to: Any, scores: Any, quadrant: Any, narrow: Any, f: Functions, columns: Any
) -> Any:
    """Log P(a count, selected), (row,).

    Parameters
    ----------
    y : shape (row,)
    below, up_to : pair
        Of the probabilities of fewer and of as many, those and their complements; of 0 both are of as many.
    scores : pair
        The normal scores of both.
    quadrant, narrow : callable
        As of :func:`log_strip`, and the logarithm where the error is at a score.
    f, columns : Functions, callable
        Of arrays or tensors; what puts two columns side by side.
    """
    low, high = below[0] < BEYOND, (up_to[1] < BEYOND) & (y > 0)
    far = low | high
    cuts = columns([f.where(far, 0.0, scores[0]), f.where(far, 1.0, scores[1])])
    strip = log_strip(1 * (y > 0), cuts, 0.0 * y, quadrant, f)
    return f.where(far, narrow(f.where(low, -FAR, FAR)), strip)


def _score(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """The normal score of a probability and its complement; those beyond FAR count as there."""
    left = below < above
    found = ndtri(np.clip(np.where(left, below, above), BEYOND, 0.5))
    return np.where(left, found, -found)


def _graph_score(below: Any, above: Any, f: Functions) -> Any:
    """:func:`_score` of tensors."""
    import pytensor.tensor as pt

    math: Any = pt
    left = below < above
    found = -np.sqrt(2.0) * math.erfcinv(2 * f.least(f.most(f.where(left, below, above), BEYOND), 0.5))
    return f.where(left, found, -found)
