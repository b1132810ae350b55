"""What ties being selected to the outcome: the joint law of the errors of both equations, whose margins are normal.

h is selection's error and e the outcome's, both standard normal: a unit is selected where h > -s. With U = Phi(h) and
V = Phi(e) their joint law is a copula C(u, v) = P(U <= u, V <= v) (Sklar 1959; in selection models Smith 2003,
Econometrics J 6:99), so with u = Phi(-s), the probability of not being selected,

    p(r = 1 | e) = 1 - dC(u, v) / dv,    p(e | r = 0) = phi(e) dC(u, v) / dv / u.

**To add one**: an object of a class with the methods below, and one line in ``copulas.py``. Dependences compare at
equal Kendall's tau, which is why all but the normal's are told by it.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np

from bayesimpute.families.family import Dependence, Family
from bayesimpute.families.parameter import Parameter


class Copula(ABC):
    """A joint law of normal errors; `d` is its dependence, an array, `z` the dependence on its link, a tensor.

    Scores s, e and m are of any shapes that go together.
    """

    words: str
    """What errors are that have it."""
    parameter: Parameter
    at_zero: bool
    """Whether 0 is a value of its dependence, not only a limit."""

    @abstractmethod
    def dependence(self, family: Any, value: float | None) -> Dependence:
        """All that there is to know of a selection family's dependence, which is held at `value`, or learnt."""

    @abstractmethod
    def fixed(self, rho: float | None, tau: float | None) -> float | None:
        """The dependence where an option of the family fixes it."""

    @abstractmethod
    def rho(self, d: Any) -> Any:
        """The correlation of the bivariate normal with the same Kendall's tau."""

    @abstractmethod
    def log_selected(self, s: Any, e: Any, d: Any) -> np.ndarray:
        """Log P(h > -s | e)."""

    @abstractmethod
    def log_joint(self, sign: Any, m: Any, s: Any, d: Any) -> np.ndarray:
        """Log P(h > -s, sign e > -sign m), with sign 1 or -1."""

    @abstractmethod
    def graph_selected(self, s: Any, e: Any, z: Any, *, plain: bool) -> Any:
        """:meth:`log_selected` of tensors; `plain`: of PyTensor's own operations only."""

    @abstractmethod
    def graph_joint(self, sign: Any, m: Any, s: Any, z: Any, *, plain: bool) -> Any:
        """:meth:`log_joint` of tensors."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, s: np.ndarray, d: Any, *, selected: bool) -> np.ndarray:
        """One draw of e for each unit, shape of `s`, given that it was selected or that it was not."""

    @abstractmethod
    def moments(self, s: Any, d: Any) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of e given that the unit was not selected; s = -inf says that it could not be."""

    @abstractmethod
    def log_share(self, m: Any, s: Any, d: Any) -> np.ndarray:
        """Log P(e > -m | h < -s)."""


def holding(family: Any, **options: Any) -> Family:
    """The same family with other options."""
    return replace(family, **options)
