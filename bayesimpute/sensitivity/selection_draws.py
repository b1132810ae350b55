"""What a run says of one selection model: draws of its parameters, of its dependence, and of the estimate.

The **estimate** is the target's mean (the share of a yes/no variable) over all its units, observed and imputed, one
value a kept sweep: the posterior of these units' mean. Its spread leaves out that other units could have been sampled.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Predictor
from bayesimpute.families import Dependence
from bayesimpute.plan.targets import Resolved
from bayesimpute.result.result import Result
from bayesimpute.sensitivity.importance_weights import effective

EDGE = 1 - 1e-12
"""Correlations nearer to 1 are rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Correlation:
    """Draws of the correlation on its link, Fisher's z, and its prior.

    Parameters
    ----------
    z : ndarray, shape (chain, draw)
        Of a correlation that differs by unit, its intercept at the centre of the columns.
    prior : Prior
        Of the correlation, or of z where `linear`.
    linear : bool
        Whether it has a formula, so that its prior is one of z.
    name : str
        Under which the plan gives the prior: the parameter or its intercept.
    dependence : Dependence
        What the family says of it.
    """

    z: np.ndarray
    prior: Prior
    linear: bool
    name: str
    dependence: Dependence

    def log_prior(self, z: np.ndarray, prior: Prior | None = None) -> np.ndarray:
        """Log density of z under its prior or another one of the same kind."""
        prior = prior or self.prior
        return prior.log_density(z) if self.linear else prior.log_density_fisher(z)

    @property
    def values(self) -> np.ndarray:
        """The correlations, shape (chain * draw,)."""
        return self.dependence.back(self.z).ravel()

    @property
    def ess(self) -> float:
        """Effective sample size of z (bulk)."""
        return effective(self.z)


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """The kept sweeps that all chains have made.

    Parameters
    ----------
    design : Design
        Of the selection model.
    named : mapping of str to ndarray, shape (chain, draw)
        The scalar parameters in the user's units.
    estimate : ndarray, shape (chain, draw)
        The mean of the target over all its units.
    """

    design: Design
    named: Mapping[str, np.ndarray]
    estimate: np.ndarray

    @classmethod
    def of(cls, imputed: Result, design: Design, resolved: Resolved) -> "Draws":
        """Those of a run; `design` and `resolved` may be of another run on the same data."""
        target = resolved.target(design.name)
        means = imputed.tree["chains"].to_dataset().values()
        imputes = next(v.values for v in means if v.attrs["target"] == target.name and v.attrs["statistic"] == "mean")
        found = imputed.draws(target.name).values()
        done = ~np.isnan(imputes).any(axis=0)
        named = {v.attrs["name"]: v.values[:, done] for v in found if v.ndim == 2}
        column = resolved.filled.get(target.name, imputed.incomplete.columns[target.name].values)
        total, gaps = column[target.fit_rows].sum(), len(target.missing_rows)
        estimate = (total + gaps * imputes[:, done]) / len(target.rows)
        return cls(design=design, named=named, estimate=estimate)

    @property
    def number(self) -> int:
        """Of draws of all chains."""
        return self.estimate.size

    @property
    def dependence(self) -> Dependence:
        """What the family says of the correlation."""
        return dependence(self.design)

    def correlation(self) -> Correlation | None:
        """The draws of the correlation; None where it is fixed (in a refit), or has a formula without intercept."""
        p = correlated(self.design)
        if p is None or p.names[0] not in self.named:
            return None
        if p.matrix is None:
            z = self.dependence.line(np.clip(self.named[p.key], -EDGE, EDGE))
            return Correlation(z=z, prior=p.priors[0], linear=False, name=p.key, dependence=self.dependence)
        if p.intercept is None:
            return None
        beta = np.stack([self.named[name] for name in p.names], axis=-1)
        z = p.to_centre(beta)[..., p.intercept]
        name, prior = p.names[p.intercept], p.priors[p.intercept]
        return Correlation(z=z, prior=prior, linear=True, name=name, dependence=self.dependence)

    def standardised(self, p: Predictor) -> np.ndarray:
        """The coefficients of a predictor on the scale of its priors, shape (chain * draw, column); no intercept."""
        columns = [k for k in range(len(p.names)) if k != p.intercept]
        if not columns:
            return np.zeros((self.number, 0))
        beta = np.stack([self.named[name].ravel() for name in p.names], axis=1)
        return (p.to_centre(beta) * p.scale / p.units.unit)[:, columns]


def correlated(design: Design) -> Predictor | None:
    """The predictor of the correlation between the outcome's and selection's errors."""
    name = dependence(design).name
    return next((p for p in design.predictors if p.parameter.name == name), None)


def dependence(design: Design) -> Dependence:
    """What the family of a selection model says of it."""
    selection = design.family.selection
    assert selection is not None
    return selection.dependence


def slopes(design: Design) -> tuple[Predictor, ...]:
    """The predictors of outcome and selection, whose coefficients' priors can be varied."""
    family = design.family
    names = {"mu", family.selection.parameter} if family.selection is not None else {"mu"}
    return tuple(p for p in design.predictors if p.key in names and p.matrix is not None)
