"""Archimedean copulas of two errors, each one object: Clayton, Frank, Gumbel and Joe.

Every one is written for positive dependence, as functions of log u, log(1 - u), log v, log(1 - v) and theta, in logs
that keep their digits in the tails (Joe 2014, Dependence Modeling with Copulas, ch. 4). theta comes from Kendall's
tau. Clayton's copula binds the lower tails (who is hardly selected has low values), Gumbel's and Joe's the upper ones,
Frank's none.
"""

from abc import ABC, abstractmethod
from functools import cache
from typing import Any, final

import numpy as np
from numpy.polynomial import chebyshev
from scipy.integrate import quad
from scipy.special import digamma

from bayesimpute.families.log_space import Functions

DEGREE = 28
"""Of the polynomials that give theta from tau: right to 1e-9."""
Tails = tuple[Any, Any]
"""Log of a probability and of its complement."""


class Archimedean(ABC):
    """An exchangeable copula of positive dependence; `f` has the functions, of arrays or of tensors."""

    words: str
    at_zero: bool

    @abstractmethod
    def theta(self, tau: Any) -> Any:
        """The parameter at Kendall's tau in (0, 1)."""

    @abstractmethod
    def log_given(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        """Log P(U < u | V = v), to be relatively right where it is near 0."""

    @abstractmethod
    def log_low(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        """Log P(U < u, V < v)."""

    @abstractmethod
    def log_apart(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        """Log P(U < u, V > v)."""

    def log_given_high(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        """Log P(U > u | V = v)."""
        return f.complement(self.log_given(u, v, theta, f))

    def log_high(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        """Log P(U > u, V > v).

        A difference, from the rarer of the two. Where both are so rare that its digits are lost, it is at least what it
        would be at independence, and at most the rarer.
        """
        first = u[1] < v[1]
        rare, other = (tuple(f.where(first, *at) for at in zip(*pair, strict=True)) for pair in ((u, v), (v, u)))
        found = rare[1] + f.complement(self.log_apart(other, rare, theta, f) - rare[1])
        return f.least(f.most(found, u[1] + v[1]), rare[1])


@final
class Clayton(Archimedean):
    """C = (u^-theta + v^-theta - 1)^(-1 / theta) (Clayton 1978, Biometrika 65:141)."""

    words, at_zero = "bound by a Clayton copula", False

    def theta(self, tau: Any) -> Any:
        return 2 * tau / (1 - tau)

    def log_given(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return -(1 + theta) / theta * f.softplus(theta * v[0] + f.log_expm1(-theta * u[0]))

    def log_low(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return u[0] - self._excess(u, v, theta, f)

    def log_apart(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return u[0] + f.complement(-self._excess(u, v, theta, f))

    def _excess(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        """-log(C / u)."""
        return f.softplus(theta * u[0] + f.log_expm1(-theta * v[0])) / theta


@final
class Gumbel(Archimedean):
    """C = exp(-((-log u)^theta + (-log v)^theta)^(1 / theta)) (Gumbel 1960, J. Am. Stat. Assoc. 55:698)."""

    words, at_zero = "bound by a Gumbel copula", True

    def theta(self, tau: Any) -> Any:
        return 1 / (1 - tau)

    def log_given(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        more = self._more(u, v, theta, f)
        return -self._excess(v, more, f) - (theta - 1) * more

    def log_low(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return u[0] - self._excess(u, self._more(v, u, theta, f), f)

    def log_apart(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return u[0] + f.complement(-self._excess(u, self._more(v, u, theta, f), f))

    def _more(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        """By how much the log of -log C is more than that of -log v."""
        return f.softplus(theta * (f.log(-u[0]) - f.log(-v[0]))) / theta

    def _excess(self, v: Tails, more: Any, f: Functions) -> Any:
        """-log(C / v), which is -log v expm1(more)."""
        return f.exp(f.log(-v[0]) + f.log_expm1(f.most(more, 1e-300)))


@final
class Joe(Archimedean):
    """1 - C = ((1 - u)^theta + (1 - v)^theta - (1 - u)^theta (1 - v)^theta)^(1 / theta) (Joe 1993, JMVA 46:262)."""

    words, at_zero = "bound by a Joe copula", True

    def theta(self, tau: Any) -> Any:
        return 1 + tau / (1 - tau) * _series(_joe(), tau)

    def log_given(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return f.complement(theta * u[1]) - (theta - 1) * self._more(v, u, theta, f)

    def log_low(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        near = f.complement(f.complement(theta * u[1]) + f.complement(theta * v[1])) / theta
        far = u[1] + self._more(u, v, theta, f)  # where there is nothing left of both powers
        return f.complement(f.where(theta * f.most(u[1], v[1]) < -300.0, far, near))

    def log_apart(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return u[1] + f.log_expm1(f.most(self._more(u, v, theta, f), 1e-300))

    def _more(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        """By how much log(1 - C) is more than log(1 - u)."""
        return f.softplus(theta * v[1] + f.log_expm1(-theta * u[1])) / theta


@final
class Frank(Archimedean):
    """C = -log(1 - (1 - e^-theta u)(1 - e^-theta v) / (1 - e^-theta)) / theta (Frank 1979, Aequationes Math 19:194)."""

    words, at_zero = "bound by a Frank copula", False

    def theta(self, tau: Any) -> Any:
        return tau / (1 - tau) * _series(_frank(), tau)

    def log_given(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return -theta * f.exp(v[0]) + f.complement(-theta * f.exp(u[0])) - self._rest(u, v, theta, f)

    def log_given_high(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return self.log_given(u[::-1], v[::-1], theta, f)  # it is symmetric

    def log_low(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        both = f.complement(-theta * f.exp(u[0])) + f.complement(-theta * f.exp(v[0])) - f.complement(-theta)
        far = f.most(f.complement(-theta) - self._rest(u, v, theta, f), 0.4)  # C theta, where it is not small
        return f.where(both < -1.0, f.log_minus_complement(f.least(both, -0.1)), f.log(far)) - f.log(theta)

    def _rest(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        """Log of e^-theta u + e^-theta v - e^-theta - e^-theta (u + v), as a sum."""
        u1, v1, v0 = f.exp(u[0]), f.exp(v[0]), f.exp(v[1])
        return f.sum(-theta * u1 + f.complement(-theta * v1), -theta * v1 + f.complement(-theta * v0))

    def log_high(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        return self.log_low(u[::-1], v[::-1], theta, f)

    def log_apart(self, u: Tails, v: Tails, theta: Any, f: Functions) -> Any:
        left = f.log_expm1(theta * f.exp(u[0])) - theta * f.exp(v[0]) + f.complement(-theta * f.exp(v[1]))
        return f.log_softplus(left - f.complement(-theta)) - f.log(theta)


def tau_of_frank(theta: float) -> float:
    """1 - 4 (1 - D(theta)) / theta with Debye's function D (Genest 1987, Biometrika 74:549); near 0 by its series."""
    if theta < 0.05:
        return theta / 9 - theta**3 / 900 + theta**5 / 52920
    end = min(theta, 60.0)  # beyond it nothing is left
    whole = quad(lambda t: t * np.exp(-t) / -np.expm1(-t) if t else 1.0, 0, end, epsabs=1e-14, epsrel=1e-13)[0]
    return 1 - 4 / theta * (1 - whole / theta)


def tau_of_joe(theta: float) -> float:
    """1 + 2 (psi(2) - psi(1 + 2 / theta)) / (2 - theta) (Schepsmeier 2010, from the integral of Genest & Rivest)."""
    return float(1 + 2 / (2 - theta) * (digamma(2) - digamma(1 + 2 / theta)))


@cache
def _frank() -> np.ndarray:
    return _fitted(tau_of_frank, 0.0)


@cache
def _joe() -> np.ndarray:
    return _fitted(tau_of_joe, 1.0)


def _fitted(tau_of: Any, least: float) -> np.ndarray:
    """Coefficients of (theta - least) (1 - tau) / tau, which is smooth on [0, 1], as a Chebyshev series there."""
    from scipy.optimize import brentq

    def value(tau: float) -> float:
        found: Any = brentq(lambda t: tau_of(t) - tau, least + 1e-6, least + 20 / (1 - tau), xtol=1e-13)
        theta = float(found)
        return (theta - least) * (1 - tau) / tau

    return chebyshev.chebinterpolate(np.vectorize(lambda x: value((x + 1) / 2)), DEGREE)


def _series(coefficients: np.ndarray, tau: Any) -> Any:
    """The Chebyshev series on [0, 1] by Clenshaw's recurrence, of an array or a tensor."""
    x, first, second = 2 * tau - 1, 0.0, 0.0
    for c in coefficients[:0:-1]:
        first, second = c + 2 * x * first - second, first
    return coefficients[0] + x * first - second
