"""What the Heckman selection families share: parameters, options, and the errors of who was not selected.

Outcome y* = mu + sigma e and selection r* = s + h; y is observed where r* > 0; (h, e) is bivariate normal with
variances 1 and correlation rho (Heckman 1979, Econometrica 47:153; for yes/no outcomes van de Ven & van Praag 1981, J
Econometrics 17:229), or has another copula and normal margins (``copula.py``). Of a unit that was not selected we know
h < -s and nothing else: so its outcome is drawn given that. s = -inf says that it could not be selected: then h is any
h.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, log_ndtr, ndtr

from bayesimpute.base.errors import did_you_mean
from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.copula import Copula
from bayesimpute.families.copulas import COPULAS, NORMAL
from bayesimpute.families.family import TAU, Conflict, Family, Selection, bound
from bayesimpute.families.links import LINKS
from bayesimpute.families.parameter import Parameter, Rows
from bayesimpute.families.shares import about_share

MIXTURE = "mixture"
CHOICES = (MIXTURE, "marginal", "selected")
"""What may be said of clusters without any observed value; else a column says which cells are systematic."""
SELECTION = Parameter(name="selection", link="identity", rows=Rows.ALL, intercept=1.5)
"""The linear predictor of r*, on the probit scale; no default formula."""
SYSTEMATIC = Parameter(name="systematic", link="logit", support="unit", prior=Prior.of("Beta", 1, 1), rows=Rows.ALL)
"""The share of clusters all of whose values are missing for another reason than being selected out; no formula."""
STEP = 4e-3
"""Of the differences that give the information."""
NEVER = 1e9
"""Minus the logarithm of what does not happen, for graphs, whose gradients infinity would spoil."""
INSIDE = {"between": (-1.0, 1.0)}
"""Metadata of the option that fixes rho: ``check`` reads it."""


@dataclass(frozen=True, kw_only=True)
class Selecting(Family):
    """An outcome, and who is observed; a subclass says what the outcome is and has the likelihood.

    Parameters
    ----------
    copula : str
        What ties the two errors, whose margins are normal: a key of :data:`bayesimpute.families.copulas.COPULAS`.
    rho : float or None
        The correlation of the normal copula, fixed, for sensitivity analysis; None: it is a parameter.
    tau : float or None
        Kendall's tau of the two errors, fixed; of the normal copula it says what rho is: sin(pi tau / 2).
    joint : bool
        Whether group-specific effects of ``mu`` and ``selection`` by the same cluster key are correlated: whoever
        differs in the outcome may differ in selection too.
    systematic : str
        What the missing values of clusters without any observed value are. "mixture": each cluster's are systematic,
        missing for another reason, or selected out one by one, and how likely is estimated; "marginal": all are
        systematic; "selected": all are selected out. Anything else is the name of a yes/no column of the data that
        says which missing values are systematic, in whatever cluster.
    """

    steered: ClassVar[tuple[str, ...]] = ("mu", "selection")
    outcome: ClassVar[Family]
    """The same outcome taken as missing at random."""

    copula: str = NORMAL
    rho: float | None = field(default=None, metadata=INSIDE)
    tau: float | None = field(default=None, metadata=INSIDE)
    joint: bool = True
    systematic: str = MIXTURE
    in_doubt: bool = bound(False)

    @property
    def errors(self) -> Copula:
        """The joint law of both equations' errors; of a name that there is not, which is told elsewhere, the normal."""
        return COPULAS.get(str(self.copula), COPULAS[NORMAL])

    @property
    def held(self) -> float | None:
        """Where the dependence is fixed: the correlation, or tau of a copula that has none."""
        rho, tau = (x if isinstance(x, int | float) else None for x in (self.rho, self.tau))  # texts are told elsewhere
        return self.errors.fixed(rho, tau)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        found = []
        if self.copula not in COPULAS:
            remedy = did_you_mean(self.copula, COPULAS, f"use one of {', '.join(COPULAS)}")
            return (Conflict("copula", f'there is no copula "{self.copula}"', remedy),)
        if self.rho is not None and self.errors.parameter.name == TAU:
            remedy = "fix tau, Kendall's, on which all copulas compare"
            found.append(Conflict("rho", f'the copula "{self.copula}" has no correlation', remedy))
        elif self.rho is not None and self.tau is not None:
            found.append(Conflict("tau", "rho is fixed, too", "leave one of them out: each says what the other is"))
        if self.tau == 0 and not self.errors.at_zero:
            finding = f'the copula "{self.copula}" has no tau of 0, which is its limit only'
            found.append(Conflict("tau", finding, 'use copula = "normal" with tau = 0: at 0 all copulas are the same'))
        return tuple(found)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        rho, share = (self.errors.parameter,) if self.held is None else (), (SYSTEMATIC,) if self.in_doubt else ()
        return (*self.outcome.parameters, SELECTION, *rho, *share)

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        return (frozenset({"mu", SELECTION.name}),) if self.joint else ()

    @property
    def selection(self) -> Selection:
        return Selection(
            parameter=SELECTION.name,
            systematic=self.systematic,
            in_doubt=replace(self, in_doubt=True),
            ignorable=self.outcome,
            dependence=self.errors.dependence(self, self.held),
            law=being_observed,
            logp=lambda r, s: log_ndtr((2 * r - 1) * s),
            empty_law=being_empty,
        )

    @abstractmethod
    def value(self, theta: Theta, e: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        """The outcome of units with the error e, each (row,)."""

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return self._drawn(rng, theta, context, selected=False)

    def replicate(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return self._drawn(rng, theta, context, selected=True)

    def _drawn(self, rng: np.random.Generator, theta: Theta, context: Context, *, selected: bool) -> np.ndarray:
        s = np.broadcast_to(theta["selection"], np.shape(theta["mu"]))
        e = self.errors.draw(rng, s, self.dependence(theta), selected=selected)
        return self.value(theta, e, context.at().side if self.reads else NO_SIDE)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        """By differences; where the log-likelihood bends upwards, which that of a count may, it is level.

        Units that could not be selected say nothing.
        """
        link, s = LINKS[self.parameters[0].link], possible(theta)

        def at(of_m: float, of_s: float) -> np.ndarray:
            mu = link.inverse(link.link(np.asarray(theta["mu"])) + of_m * STEP)
            return self.logp(y, {**theta, "mu": mu, "selection": s + of_s * STEP}, side)

        middle, found = at(0, 0), np.empty((len(y), 2, 2))
        found[:, 0, 0] = 2 * middle - at(1, 0) - at(-1, 0)
        found[:, 1, 1] = 2 * middle - at(0, 1) - at(0, -1)
        found[:, 0, 1] = found[:, 1, 0] = (at(1, -1) + at(-1, 1) - at(1, 1) - at(-1, -1)) / 4
        tells = np.isfinite(np.broadcast_to(theta["selection"], y.shape))
        values, axes = np.linalg.eigh(np.where(tells[:, None, None], found, 0.0) / STEP**2)
        return (axes * np.maximum(values, 0.0)[:, None, :]) @ axes.transpose(0, 2, 1)

    def dependence(self, theta: Theta) -> np.ndarray:
        """The number that ties both errors: drawn, or the fixed value."""
        return np.asarray(theta[self.errors.parameter.name] if self.held is None else self.held)

    def correlation(self, theta: Theta) -> np.ndarray:
        """That of the bivariate normal with the same Kendall's tau."""
        return self.errors.rho(self.dependence(theta))

    def line(self, eta: Mapping[str, Any]) -> Any:
        """The dependence in the graph on its link, Fisher's z: its linear predictor, or the fixed value."""
        return eta[self.errors.parameter.name] if self.held is None else float(np.arctanh(self.held))

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        selected = ~np.isnan(y)
        if key == SELECTION.name:
            return about_share(selected.sum(), len(y), "probit")
        return self.outcome.intercept_prior(key, y[selected], side)


def being_observed(s: Any) -> Any:
    """The law of r = 1(s + h > 0), (row,), as a PyMC distribution of no model."""
    import pymc as pm

    from bayesimpute.numerics.plain_normal_cdf import log_ndtr

    def logp(value: Any, s: Any) -> Any:
        return log_ndtr((2 * value - 1) * s)

    def random(s: Any, rng: np.random.Generator, size: Any) -> np.ndarray:
        return (rng.random(np.shape(s) if size is None else size) < ndtr(s)).astype(float)

    return pm.CustomDist.dist(s, logp=logp, random=random, class_name="BeingObserved")


def being_empty(eta: Mapping[str, Any], of: np.ndarray, empty: int, others: int) -> Any:
    """The law of clusters' having no observed value, (cluster,), empty ones first, as a PyMC distribution of no model.

    The indicators of :func:`add_unselected` are summed out. That a cluster with values is not systematically missing
    is what its 0 says; how likely its values are observed given that, the law of its units says.
    """
    import pymc as pm
    import pytensor.tensor as pt

    from bayesimpute.numerics.plain_normal_cdf import log_ndtr

    sums: Any = pt.inc_subtensor(pt.zeros(empty + 1)[of], log_ndtr(-eta["selection"]))  # type: ignore[index]
    nobody = pt.concatenate([sums[:empty], np.full(others, -NEVER)])

    def logp(value: Any, share: Any, nobody: Any) -> Any:
        log_rest = pt.neg(pt.softplus(share))
        return pt.switch(value > 0, pm.math.logaddexp(pt.neg(pt.softplus(-share)), log_rest + nobody), log_rest)

    def random(share: Any, nobody: Any, rng: np.random.Generator, size: Any) -> np.ndarray:
        pi = expit(share)
        shape = np.shape(nobody) if size is None else size
        return (rng.random(shape) < pi + (1 - pi) * np.exp(nobody)).astype(float)

    return pm.CustomDist.dist(eta["systematic"], nobody, logp=logp, random=random, class_name="BeingEmpty")


def add_unselected(eta: Mapping[str, Any], s: Any, side: Side) -> None:
    """Add to the PyMC model that units were not selected, shape (row,): the last of the fitted ones.

    Where it is not known whether clusters are systematically missing, their indicators Z_j ~ Bernoulli(pi) are summed
    out: of an empty cluster pi + (1 - pi) prod_i Phi(-s_i), of one with a value 1 - pi. ``side["empty"]`` has the empty
    cluster of each fitted row, or their number, which ``side["clusters"]`` has before that of the others.
    """
    import pymc as pm
    import pytensor.tensor as pt

    from bayesimpute.numerics.normal_cdf import log_ndtr_op

    each = log_ndtr_op(-s)
    if "empty" not in side:
        pm.Potential("not_selected", each)
        return
    empty, others = side["clusters"][0], side["clusters"][1]
    of = side["empty"][side["empty"].shape[0] - s.shape[0] :]
    sums: Any = pt.inc_subtensor(pt.zeros(empty + 1)[of], each)  # type: ignore[index]
    math: Any = pm.math
    log_pi, log_rest = (math.log(math.sigmoid(sign * eta["systematic"])) for sign in (1, -1))
    pm.Potential("not_selected", sums[empty])
    pm.Potential("empty_clusters", math.logaddexp(log_pi, log_rest + sums[:empty]))
    pm.Potential("other_clusters", others * log_rest)


def possible(theta: Theta) -> np.ndarray:
    """The linear predictor of selection, zero where a unit could not be selected and it says nothing, (row,)."""
    s = np.asarray(theta["selection"], dtype=float)
    return np.where(np.isneginf(s), 0.0, s)
