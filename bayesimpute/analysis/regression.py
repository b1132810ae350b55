"""Models without random effects, by statsmodels: generalised linear models and generalised estimating equations.

The covariance matrix of the estimates is the model's, a heteroscedasticity-consistent one, or a cluster-robust one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

import numpy as np

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.margins import marginal_effects
from bayesimpute.analysis.rows import Problem
from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.phrases import counted

if TYPE_CHECKING:
    from bayesimpute.analysis.model import Model

FEW = 30
"""Clusters below which cluster-robust standard errors are known to be too small."""


def fit_bernoulli(problem: Problem, model: "Model") -> Estimate:
    """A regression of probabilities: logit, probit or complementary log-log."""
    return _generalised(problem, model)


def fit_poisson(problem: Problem, model: "Model") -> Estimate:
    """A regression of counts, log-linear."""
    return _generalised(problem, model)


def fit_gamma(problem: Problem, model: "Model") -> Estimate:
    """A regression of positive numbers; the dispersion is Pearson's."""
    return _generalised(problem, model)


def law(model: "Model") -> Any:
    """Statsmodels' family of a model."""
    from statsmodels.genmod import families
    from statsmodels.genmod.families import links

    link = {
        "identity": links.Identity,
        "logit": links.Logit,
        "probit": links.Probit,
        "cloglog": links.CLogLog,
        "log": links.Log,
        "inverse": links.InversePower,
    }[model.link]()
    kinds = {
        "gaussian": families.Gaussian,
        "bernoulli": families.Binomial,
        "poisson": families.Poisson,
        "gamma": families.Gamma,
    }
    return kinds[model.family](link=link)


@dataclass(frozen=True, kw_only=True, eq=False)
class Regression:
    """A model that statsmodels has fitted.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    model : Model
        How.
    fitted : statsmodels results
        With ``params`` and ``cov_params()``.
    messages : tuple of str
        What was noticed.
    """

    problem: Problem
    model: "Model"
    fitted: Any
    messages: tuple[str, ...] = ()

    def estimate(self) -> Estimate:
        """Coefficients or marginal effects."""
        names, estimates = self.problem.names, np.asarray(self.fitted.params)
        covariance = np.asarray(self.fitted.cov_params()) * self._small_sample()
        if self.model.effects == "marginal":
            names, estimates, covariance = marginal_effects(self.problem, law(self.model), estimates, covariance)
        return Estimate(
            terms=names,
            estimates=estimates,
            covariance=covariance,
            dfcom=self._dfcom(),
            n_obs=self.problem.n,
            messages=self.problem.messages + self.messages + self._few(),
        )

    def _small_sample(self) -> float:
        """HC1 is HC0 times n / (n − k), which statsmodels' generalised linear models leave out."""
        if self.model.covariance != "HC1" or self.model.family == "gaussian":
            return 1.0
        return self.problem.n / (self.problem.n - len(self.problem.names))

    def _clusters(self) -> int | None:
        return int(self.problem.codes(self.model.keys).max()) + 1 if self.model.keys else None

    def _dfcom(self) -> float:
        clusters = self._clusters()
        return float(self.problem.n - len(self.problem.names) if clusters is None else clusters - 1)

    def _few(self) -> tuple[str, ...]:
        clusters = self._clusters()
        if clusters is None or clusters >= FEW:
            return ()
        return (f"{clusters} clusters are few for cluster-robust standard errors, which are then too small",)


def robust(problem: Problem, model: "Model") -> dict[str, Any]:
    """Statsmodels' options of a covariance."""
    if model.covariance == "model":
        return {}
    if model.covariance == "cluster":
        return {"cov_type": "cluster", "cov_kwds": {"groups": clusters_of(problem, model)}}
    return {"cov_type": model.covariance}


def clusters_of(problem: Problem, model: "Model") -> np.ndarray:
    """The codes of the covariance's clusters; there must be more of them than coefficients."""
    codes = problem.codes(model.keys)
    count = int(codes.max()) + 1
    if count <= len(problem.names):
        raise AnalysisError(
            f'cluster: "{model.cluster}" has {counted(count, "cluster")} for {len(problem.names)} coefficients; '
            "cluster-robust covariances need more clusters than coefficients"
        )
    return codes


def _generalised(problem: Problem, model: "Model") -> Estimate:
    if model.working is not None:
        return equations(problem, model)
    from statsmodels.genmod.generalized_linear_model import GLM

    # What the warnings say (separation, no convergence) is judged below and told in the messages.
    with catch_warnings(), np.errstate(all="ignore"):
        simplefilter("ignore")
        glm = GLM(problem.y, problem.x, family=law(model))
        fitted = glm.fit(tol=1e-12, **robust(problem, model))
        messages = judged(fitted, model)
    return Regression(problem=problem, model=model, fitted=fitted, messages=messages).estimate()


def judged(fitted: Any, model: "Model") -> tuple[str, ...]:
    """Whether the maximum is one."""
    mu = np.asarray(fitted.fittedvalues)
    if model.family == "bernoulli" and np.minimum(mu, 1 - mu).min() < 1e-8:
        return (
            "fitted probabilities of 0 or 1: a predictor separates the outcomes, its coefficient is not determined",
        )
    return () if fitted.converged else (f"the {model.family} regression did not converge",)


def equations(problem: Problem, model: "Model") -> Estimate:
    """Generalised estimating equations (Liang & Zeger 1986, Biometrika 73:13), with their robust covariance matrix."""
    from statsmodels.genmod import cov_struct
    from statsmodels.genmod.generalized_estimating_equations import GEE

    structure = {"independence": cov_struct.Independence, "exchangeable": cov_struct.Exchangeable}[str(model.working)]()
    with catch_warnings(), np.errstate(all="ignore"):
        simplefilter("ignore")
        gee = GEE(problem.y, problem.x, groups=clusters_of(problem, model), family=law(model), cov_struct=structure)
        fitted = gee.fit(maxiter=200)
        messages = judged(fitted, model)
    return Regression(problem=problem, model=model, fitted=fitted, messages=messages).estimate()
