"""The copulas of selection models by name; :data:`COPULAS` is the one registry, and ``copula.py`` says how to add one.

An Archimedean copula of positive dependence becomes one of any sign by turning it. With the base pair (U', V') =
(Phi(a h), Phi(b e)): where tau is negative h is turned round (by 90 degrees); a name with "180" turns both round where
tau is positive, so that the other tail is the one that is bound, and e alone where it is negative (270 degrees).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy.special import log_ndtr

from bayesimpute.base.priors import Prior
from bayesimpute.families.archimedean import Archimedean, Clayton, Frank, Gumbel, Joe
from bayesimpute.families.copula import Copula, holding
from bayesimpute.families.family import TAU, Dependence
from bayesimpute.families.log_space import ARRAYS, FARTHEST, Functions, tensors
from bayesimpute.families.normal_copula import OTHERS, OTHERS_LINEAR, NormalCopula
from bayesimpute.families.parameter import Parameter

OF_TAU = Parameter(
    name=TAU, link="fisher", support="signed unit", prior=Prior.of("Uniform", -1, 1), intercept=0.75, effects=0.5
)
NEAREST = 1e-6
"""To 0 and to 1 that the size of tau comes."""
HALVINGS = 60
"""Of the interval of a normal score."""
NODES, REACH = 400, 12.0
"""Of the quadrature of moments, and how far out it goes."""


@final
@dataclass(frozen=True)
class Turned(Copula):
    """An Archimedean copula for either sign of tau; `around`: with its tails exchanged."""

    base: Archimedean
    words: str
    at_zero: bool
    around: bool = False
    parameter = OF_TAU

    @classmethod
    def of(cls, base: Archimedean) -> "Turned":
        """As it is."""
        return cls(base, base.words, base.at_zero)

    @classmethod
    def about(cls, base: Archimedean) -> "Turned":
        """With its tails exchanged."""
        return cls(base, f"{base.words}, turned by 180 degrees", base.at_zero, around=True)

    def dependence(self, family: Any, value: float | None) -> Dependence:
        return Dependence(
            parameter=OF_TAU,
            value=value,
            hold=lambda tau: holding(family, tau=tau),
            tau=lambda tau: tau,
            slope=lambda tau: 1 - tau**2,
            bounds=(-1.0, 1.0),
            scale="Fisher's z",
            others=OTHERS,
            others_linear=OTHERS_LINEAR,
            law=self.words,
            called="Kendall's tau",
        )

    def fixed(self, rho: float | None, tau: float | None) -> float | None:
        del rho
        return tau

    def rho(self, d: Any) -> Any:
        return np.sin(np.pi / 2 * np.asarray(d))

    def log_selected(self, s: Any, e: Any, d: Any) -> np.ndarray:
        return self._selected(s, e, d, ARRAYS)

    def log_joint(self, sign: Any, m: Any, s: Any, d: Any) -> np.ndarray:
        return self._joint(sign, m, s, d, ARRAYS, selected=True)

    def graph_selected(self, s: Any, e: Any, z: Any, *, plain: bool) -> Any:
        return self._selected(s, e, _tanh(z), tensors(plain=plain))

    def graph_joint(self, sign: Any, m: Any, s: Any, z: Any, *, plain: bool) -> Any:
        return self._joint(sign, m, s, _tanh(z), tensors(plain=plain), selected=True)

    def draw(self, rng: np.random.Generator, s: np.ndarray, d: Any, *, selected: bool) -> np.ndarray:
        """By inversion of P(e < x | selected or not), a normal score halved down to rounding."""
        possible = np.where(np.isneginf(s), 0.0, s)
        level = np.log(rng.random(s.shape)) + log_ndtr(possible if selected else -possible)
        low, high = np.full(s.shape, -FARTHEST), np.full(s.shape, FARTHEST)
        for _ in range(HALVINGS):
            x = 0.5 * (low + high)
            below = self._joint(-1.0, -x, possible, d, ARRAYS, selected=selected) < level
            low, high = np.where(below, x, low), np.where(below, high, x)
        found = 0.5 * (low + high)
        return np.where(np.isneginf(s), rng.standard_normal(s.shape), found) if np.isneginf(s).any() else found

    def moments(self, s: Any, d: Any) -> tuple[np.ndarray, np.ndarray]:
        """By Gauss and Legendre's rule on both sides of 0."""
        s = np.asarray(s, dtype=float)
        at, weights = np.polynomial.legendre.leggauss(NODES)
        e, possible = REACH * at, np.where(np.isneginf(s), 0.0, s)[..., None]
        given = self._selected(possible, e, np.asarray(d)[..., None], ARRAYS, selected=False) - log_ndtr(-possible)
        density = REACH * weights * np.exp(-0.5 * e**2 - 0.5 * np.log(2 * np.pi) + given)
        mean = (density * e).sum(axis=-1)
        variance = (density * (e - mean[..., None]) ** 2).sum(axis=-1)
        return np.where(np.isneginf(s), 0.0, mean), np.where(np.isneginf(s), 1.0, variance)

    def log_share(self, m: Any, s: Any, d: Any) -> np.ndarray:
        return self._joint(1.0, m, s, d, ARRAYS, selected=False) - log_ndtr(-np.asarray(s))

    def _settled(self, d: Any, f: Functions) -> tuple[Any, Any]:
        """By which sign h is turned, and theta."""
        sign = f.where(d < 0, -1.0, 1.0)
        size = f.least(f.most(sign * d, NEAREST), 1 - NEAREST)
        return (-sign if self.around else sign), self.base.theta(size)

    @property
    def _side(self) -> float:
        """By which sign e is turned."""
        return -1.0 if self.around else 1.0

    def _selected(self, s: Any, e: Any, d: Any, f: Functions, *, selected: bool = True) -> Any:
        """Log P(h > -s | e), or of h < -s."""
        a, theta = self._settled(d, f)
        u, v = f.tails(-a * s), f.tails(self._side * e)
        high = a > 0 if selected else a < 0  # h > -s is a h > -a s where a is 1
        return f.where(high, self.base.log_given_high(u, v, theta, f), self.base.log_given(u, v, theta, f))

    def _joint(self, sign: Any, m: Any, s: Any, d: Any, f: Functions, *, selected: bool) -> Any:
        """Log P(h > -s, sign e > -sign m), or with h < -s."""
        a, theta = self._settled(d, f)
        u, v = f.tails(-a * s), f.tails(-self._side * m)
        base, upper, large = self.base, (a > 0 if selected else a < 0), self._side * sign > 0
        return f.where(
            upper,
            f.where(large, base.log_high(u, v, theta, f), base.log_apart(v, u, theta, f)),
            f.where(large, base.log_apart(u, v, theta, f), base.log_low(u, v, theta, f)),
        )


def _tanh(z: Any) -> Any:
    import pytensor.tensor as pt

    return pt.tanh(z)


NORMAL = "normal"
_BASES: Mapping[str, Archimedean] = {"frank": Frank(), "clayton": Clayton(), "gumbel": Gumbel(), "joe": Joe()}
COPULAS: Mapping[str, Copula] = {
    NORMAL: NormalCopula(),
    **{name: Turned.of(base) for name, base in _BASES.items()},
    **{f"{name}180": Turned.about(base) for name, base in _BASES.items() if name != "frank"},
}
