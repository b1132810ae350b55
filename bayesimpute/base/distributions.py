"""The distributions that a prior can be, each one object with all that there is to know of it.

To add one, add an entry to :data:`DISTRIBUTIONS`. It says what each parameter is: a ``location`` and a ``scale`` follow
the units of the variable, a ``rate`` goes against them, a ``shape`` ignores them. Names and parameters are PyMC's.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import betaln, gammaln, log_expit, xlog1py, xlogy

from bayesimpute.base import cutpoints

Role = Literal["location", "scale", "rate", "shape", "lower", "upper", "log location"]
OF_TAU = 3
"""Added to the kind of a prior of a correlation (``ridge``) that is one of Kendall's tau."""
Support = Literal["real", "positive", "unit", "interval", "correlation", "signed unit", "ordered"]


@dataclass(frozen=True)
class Through:
    """How a distribution is a function of one of PyMC's.

    Parameters
    ----------
    base : str
        The name of that one, with the same parameters.
    map, back : callable
        From its values, and to them, of arrays.
    symbolic : callable
        As `map`, of a tensor in a PyMC model.
    """

    base: str
    map: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]
    symbolic: Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A distribution.

    Parameters
    ----------
    parameters : mapping of str to Role
        What its parameters are, in the order in which PyMC takes them.
    support : Support
        Where it lives.
    draw : callable
        From a generator, a number of draws and the parameters to independent draws; of "ordered" numbers, to one draw
        of so many together.
    law : callable or None
        From the module ``scipy.stats`` and the parameters to the distribution there, for quantiles and the mean; of one
        that is `through` another, that of the other. None of numbers together.
    density : callable or None
        Log density from values and the parameters; None where another entry gives it (``whole``, ``fisher``). Of
        "ordered" numbers from (..., number), shape (...).
    symbolic : callable or None
        Of "ordered" numbers, their log density from a tensor (number,) and the parameters; None: PyMC has it.
    fisher : callable or None
        Log density of z = artanh(r) from z and the parameters where r is distributed so; of priors of a correlation.
    whole : callable or None
        Of the distribution of an absolute value: from its parameters to name and parameters of the one on the whole
        line.
    through : Through or None
        Of which distribution of PyMC's it is a function; None: it is one of PyMC's.
    middle : bool
        Whether its middle may be far from 1 on a standardised scale, so that chains have to start around its median.
    slice : int or None
        The number by which the compiled samplers know its density of a positive number, or, 0, of a partial
        correlation (``samplers/gibbs/densities.py``); None: they have no code for it.
    ridge : callable or None
        The same of a correlation, from the parameters to kind, two arguments and bounds
        (``samplers/gibbs/selection/ridge.py``).
    """

    parameters: Mapping[str, Role]
    support: Support
    draw: Callable[..., np.ndarray]
    law: Callable[..., Any] | None = None
    density: Callable[..., np.ndarray] | None = None
    symbolic: Callable[..., Any] | None = None
    fisher: Callable[..., np.ndarray] | None = None
    whole: Callable[..., tuple[str, tuple[float, ...]]] | None = None
    through: Through | None = None
    middle: bool = False
    slice: int | None = None
    ridge: Callable[..., tuple[float, ...]] | None = None


def _normal(x: np.ndarray, mu: float, sigma: float) -> np.ndarray:
    return -0.5 * ((x - mu) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)


def _student(x: np.ndarray, nu: float, mu: float, sigma: float) -> np.ndarray:
    constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi) - np.log(sigma)
    return constant - (nu + 1) / 2 * np.log1p(((x - mu) / sigma) ** 2 / nu)


def _uniform(x: np.ndarray, lower: float, upper: float) -> np.ndarray:
    return np.where((x >= lower) & (x <= upper), -np.log(upper - lower), -np.inf)


def _uniform_fisher(z: np.ndarray, lower: float, upper: float) -> np.ndarray:
    # with u = (1 + r) / 2 = expit(2 z), dr / dz = 1 - r^2 = 4 u (1 - u)
    low, high = log_expit(2 * z), log_expit(-2 * z)
    return _uniform(np.tanh(z), lower, upper) + np.log(4) + low + high


def _beta_fisher(z: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    return alpha * log_expit(2 * z) + beta * log_expit(-2 * z) - betaln(alpha, beta) + np.log(2)


def _draw_student(rng: np.random.Generator, n: int, nu: float, mu: float, sigma: float) -> np.ndarray:
    return mu + sigma * rng.standard_t(nu, n)


def _sine(tau: np.ndarray) -> np.ndarray:
    """The correlation of a bivariate normal from Kendall's tau (Kruskal 1958, J. Am. Stat. Assoc. 53:814)."""
    return np.sin(np.pi / 2 * np.asarray(tau))


def _arcsine(rho: np.ndarray) -> np.ndarray:
    return 2 / np.pi * np.arcsin(rho)


def fisher_of_tau(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Artanh of Kendall's tau from artanh of the correlation, and the log of the first's derivative by the second.

    1 - |tau| = (4 / pi) atan exp(-|z|), which keeps its digits where tau is near 1.
    """
    left = 4 / np.pi * np.arctan(np.exp(-np.abs(z)))
    slope = np.log(2 / np.pi) - np.logaddexp(z, -z) + np.log(2) - np.log(left) - np.log(2 - left)
    return np.copysign(0.5 * (np.log(2 - left) - np.log(left)), z), slope


def _of_tau(own: Distribution) -> Distribution:
    """Of the correlation of a bivariate normal whose Kendall's tau has the distribution of a correlation."""

    def fisher(z: np.ndarray, *args: float) -> np.ndarray:
        assert own.fisher is not None
        at, slope = fisher_of_tau(z)
        return own.fisher(at, *args) + slope

    def ridge(*args: float) -> tuple[float, ...]:
        assert own.ridge is not None
        kind, *rest = own.ridge(*args)
        return (kind + OF_TAU, *rest)

    inner = own.through
    through = (
        Through("Uniform", _sine, _arcsine, lambda tau: (np.pi / 2 * tau).sin())
        if inner is None
        else Through(
            inner.base,
            lambda x: _sine(inner.map(x)),
            lambda r: inner.back(_arcsine(r)),
            lambda x: (np.pi / 2 * inner.symbolic(x)).sin(),
        )
    )
    return Distribution(
        parameters=own.parameters,
        support="signed unit",
        draw=lambda rng, n, *args: _sine(own.draw(rng, n, *args)),
        law=own.law,
        fisher=fisher,
        through=through,
        ridge=ridge,
    )


class _Half:
    """The law of the absolute value of what is symmetric around zero."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole

    def ppf(self, u: np.ndarray) -> np.ndarray:
        """Quantiles."""
        return self.whole.ppf((1 + np.asarray(u)) / 2)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Distribution function."""
        return np.maximum(2 * self.whole.cdf(x) - 1, 0.0)

    def mean(self) -> float:
        """Infinite, or not there, where the whole one has none."""
        return float(2 * self.whole.expect(lambda x: x, lb=0)) if np.isfinite(self.whole.mean()) else np.inf


_ORDINARY: Mapping[str, Distribution] = {
    "Normal": Distribution(
        parameters={"mu": "location", "sigma": "scale"},
        support="real",
        draw=lambda rng, n, mu, sigma: rng.normal(mu, sigma, n),
        law=lambda s, mu, sigma: s.norm(mu, sigma),
        density=_normal,
    ),
    "StudentT": Distribution(
        parameters={"nu": "shape", "mu": "location", "sigma": "scale"},
        support="real",
        draw=_draw_student,
        law=lambda s, nu, mu, sigma: s.t(nu, mu, sigma),
        density=_student,
    ),
    "Cauchy": Distribution(
        parameters={"alpha": "location", "beta": "scale"},
        support="real",
        draw=lambda rng, n, alpha, beta: alpha + beta * rng.standard_cauchy(n),
        law=lambda s, alpha, beta: s.cauchy(alpha, beta),
        density=lambda x, alpha, beta: _student(x, 1.0, alpha, beta),
    ),
    "Laplace": Distribution(
        parameters={"mu": "location", "b": "scale"},
        support="real",
        draw=lambda rng, n, mu, b: rng.laplace(mu, b, n),
        law=lambda s, mu, b: s.laplace(mu, b),
        density=lambda x, mu, b: -np.abs(x - mu) / b - np.log(2 * b),
    ),
    "Uniform": Distribution(
        parameters={"lower": "lower", "upper": "upper"},
        support="interval",
        draw=lambda rng, n, lower, upper: rng.uniform(lower, upper, n),
        law=lambda s, lower, upper: s.uniform(lower, upper - lower),
        density=_uniform,
        fisher=_uniform_fisher,
        slice=8,
        ridge=lambda lower, upper: (0, 1.0, 1.0, lower, upper),
    ),
    "HalfNormal": Distribution(
        parameters={"sigma": "scale"},
        support="positive",
        draw=lambda rng, n, sigma: np.abs(rng.normal(0, sigma, n)),
        law=lambda s, sigma: s.halfnorm(0, sigma),
        whole=lambda sigma: ("Normal", (0.0, sigma)),
        slice=1,
    ),
    "HalfStudentT": Distribution(
        parameters={"nu": "shape", "sigma": "scale"},
        support="positive",
        draw=lambda rng, n, nu, sigma: np.abs(_draw_student(rng, n, nu, 0, sigma)),
        law=lambda s, nu, sigma: _Half(s.t(nu, 0, sigma)),
        whole=lambda nu, sigma: ("StudentT", (nu, 0.0, sigma)),
        slice=2,
    ),
    "HalfCauchy": Distribution(
        parameters={"beta": "scale"},
        support="positive",
        draw=lambda rng, n, beta: np.abs(beta * rng.standard_cauchy(n)),
        law=lambda s, beta: s.halfcauchy(0, beta),
        whole=lambda beta: ("Cauchy", (0.0, beta)),
        slice=3,
    ),
    "Exponential": Distribution(
        parameters={"lam": "rate"},
        support="positive",
        draw=lambda rng, n, lam: rng.exponential(1 / lam, n),
        law=lambda s, lam: s.expon(0, 1 / lam),
        whole=lambda lam: ("Laplace", (0.0, 1 / lam)),
        slice=4,
    ),
    "Gamma": Distribution(
        parameters={"alpha": "shape", "beta": "rate"},
        support="positive",
        draw=lambda rng, n, alpha, beta: rng.gamma(alpha, 1 / beta, n),
        law=lambda s, alpha, beta: s.gamma(alpha, 0, 1 / beta),
        density=lambda x, alpha, beta: xlogy(alpha, beta) - gammaln(alpha) + xlogy(alpha - 1, x) - beta * x,
        middle=True,
        slice=5,
    ),
    "InverseGamma": Distribution(
        parameters={"alpha": "shape", "beta": "scale"},
        support="positive",
        draw=lambda rng, n, alpha, beta: beta / rng.gamma(alpha, 1, n),
        law=lambda s, alpha, beta: s.invgamma(alpha, 0, beta),
        density=lambda x, alpha, beta: xlogy(alpha, beta) - gammaln(alpha) - (alpha + 1) * np.log(x) - beta / x,
        middle=True,
        slice=6,
    ),
    "LogNormal": Distribution(
        parameters={"mu": "log location", "sigma": "shape"},
        support="positive",
        draw=lambda rng, n, mu, sigma: rng.lognormal(mu, sigma, n),
        law=lambda s, mu, sigma: s.lognorm(sigma, 0, np.exp(mu)),
        density=lambda x, mu, sigma: _normal(np.log(x), mu, sigma) - np.log(x),
        middle=True,
        slice=7,
    ),
    "Beta": Distribution(
        parameters={"alpha": "shape", "beta": "shape"},
        support="unit",
        draw=lambda rng, n, alpha, beta: rng.beta(alpha, beta, n),
        law=lambda s, alpha, beta: s.beta(alpha, beta),
        density=lambda x, alpha, beta: xlogy(alpha - 1, x) + xlog1py(beta - 1, -x) - betaln(alpha, beta),
        slice=0,
    ),
    # a draw is one correlation of a 2 x 2 matrix: 2 Beta(eta, eta) - 1 (Lewandowski, Kurowicka & Joe 2009)
    "LKJ": Distribution(
        parameters={"eta": "shape"},
        support="correlation",
        draw=lambda rng, n, eta: 2 * rng.beta(eta, eta, n) - 1,
        law=lambda s, eta: s.beta(eta, eta, -1, 2),
    ),
    "ScaledBeta": Distribution(
        parameters={"alpha": "shape", "beta": "shape"},
        support="signed unit",
        draw=lambda rng, n, alpha, beta: 2 * rng.beta(alpha, beta, n) - 1,
        law=lambda s, alpha, beta: s.beta(alpha, beta),
        fisher=_beta_fisher,
        through=Through("Beta", lambda b: 2 * b - 1, lambda r: (r + 1) / 2, lambda b: 2 * b - 1),
        ridge=lambda alpha, beta: (0, alpha, beta, -1.0, 1.0),
    ),
    # of a correlation r: its Fisher's z, artanh r, is Normal
    "FisherNormal": Distribution(
        parameters={"mu": "location", "sigma": "scale"},
        support="signed unit",
        draw=lambda rng, n, mu, sigma: np.tanh(rng.normal(mu, sigma, n)),
        law=lambda s, mu, sigma: s.norm(mu, sigma),
        fisher=_normal,
        through=Through("Normal", np.tanh, np.arctanh, lambda z: z.tanh()),
        ridge=lambda mu, sigma: (1, mu, sigma, -1.0, 1.0),
    ),
}


def _of_shares(link: cutpoints.DirichletShares) -> Distribution:
    return Distribution(
        parameters={"alpha": "shape"},
        support="ordered",
        draw=link.draw,
        density=link.density,
        symbolic=link.symbolic,
    )


_TOGETHER: Mapping[str, Distribution] = {
    "DirichletLogit": _of_shares(cutpoints.LOGIT),
    "DirichletProbit": _of_shares(cutpoints.PROBIT),
}
"""Of the cutpoints of an ordered variable: the labels' shares at the centre of the predictors are Dirichlet."""

KENDALL = "Kendall"
"""Before the name of a distribution of Kendall's tau, it names that of the correlation of a bivariate normal."""
DISTRIBUTIONS: Mapping[str, Distribution] = {
    **_ORDINARY,
    **_TOGETHER,
    **{f"{KENDALL}{name}": _of_tau(_ORDINARY[name]) for name in ("Uniform", "ScaledBeta", "FisherNormal")},
}


def moved(value: float, role: Role, shift: float, unit: float) -> float:
    """A parameter of the distribution of (x - shift) / unit from that of the distribution of x."""
    if role in ("location", "lower", "upper"):
        return (value - shift) / unit
    if role == "scale":
        return value / unit
    if role == "rate":
        return value * unit
    if role == "log location":
        return value - math.log(unit)
    return value
