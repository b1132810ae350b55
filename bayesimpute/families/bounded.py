"""Numbers with limits: scores of a test, percentages, concentrations below a limit of detection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from scipy.special import log_ndtr, ndtr

from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import counted
from bayesimpute.families.family import Conflict, Family, Misfit, bound, changed
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.log_space import ARRAYS, tensors
from bayesimpute.families.normal_between import draw_normal_between, log_between, log_phi, moments
from bayesimpute.families.number_values import Limited
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.values import Values

ROLES = ("low", "high")
OPEN = 1e30
"""Ends of the graph that are open, in standard deviations of the target."""
NEAR = 1e-8
"""Standard deviations from a limit at which a value is at it: on another scale it comes back with rounding errors."""
FAR = 1e10
"""Standard deviations beyond which nothing of a normal is left, in double precision."""


@final
@dataclass(frozen=True, kw_only=True)
class Bounded(Family):
    """A normal number within limits: Normal(mu, sigma) given that it is between, or moved to the limit that it passed.

    mu and sigma are those of the normal, not of what is observed; a formula for ``sigma`` is for its logarithm.

    Parameters
    ----------
    limits : (float or str, float or str)
        The lower and the upper limit: numbers, or columns that have one for each row (the side columns ``low`` and
        ``high``); infinity is open. By default from 0 on.
    at_limits : {"truncated", "censored"}
        What is at them: nothing in particular (the normal's density is that of values between), or all that would lie
        beyond (Tobin 1958, Econometrica 26:24).
    """

    name: ClassVar[str] = "bounded"
    values: ClassVar[type[Values]] = Limited
    standardise: ClassVar[bool] = True
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ROLES
    certain: ClassVar[tuple[str, ...]] = ROLES
    drawn_between: ClassVar[bool] = True

    limits: tuple[float | str, float | str] = (0.0, np.inf)
    at_limits: Literal["truncated", "censored"] = "truncated"
    centre: float = bound(0.0)
    unit: float = bound(1.0)

    def __post_init__(self) -> None:
        if isinstance(self.limits, list):  # as documents have them
            object.__setattr__(self, "limits", tuple(self.limits))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return Gaussian().parameters

    @property
    def named_columns(self) -> Mapping[str, str]:
        if not isinstance(self.limits, tuple):
            return {}
        return {role: end for role, end in zip(ROLES, self.limits, strict=False) if isinstance(end, str)}

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        example = 'write limits = [0, 100], or [0, "most"] with a column of upper limits; inf is open'
        if not isinstance(self.limits, tuple) or len(self.limits) != len(ROLES) or not all(map(_end, self.limits)):
            return (Conflict("limits", f"{self.limits!r} are not two limits", example),)
        low, high = self.limits
        if not isinstance(low, str) and not isinstance(high, str) and not low < high:
            return (Conflict("limits", f"the lower limit {low:g} is not below the upper {high:g}", example),)
        return ()

    def on_scale(self, centre: float, scale: float) -> Family:
        return changed(self, centre=centre, unit=scale)

    def ends(self, side: Side = NO_SIDE) -> tuple[Any, Any]:
        """The limits: numbers, or of side columns arrays or tensors, (row,); open where a column is not there."""
        opens = (-np.inf, np.inf)
        own = [beyond if isinstance(end, str) else end for end, beyond in zip(self.limits, opens, strict=True)]
        low, high = ((side.get(role, end) - self.centre) / self.unit for role, end in zip(ROLES, own, strict=True))
        return low, high

    def atoms(self, side: Side = NO_SIDE) -> tuple[np.ndarray, ...]:
        if self.at_limits == "truncated":
            return ()
        return tuple(np.asarray(end) for end in self.ends(side) if np.isfinite(end).any())

    def misfits(self, y: np.ndarray, side: Side) -> tuple[Misfit, ...]:
        low, high = (np.broadcast_to(end, y.shape) for end in self.ends(side))
        named = [role if role in side else "limits" for role in ROLES]
        found = []
        if (crossed := low >= high).any():
            found.append(Misfit(named[0], crossed, "is not below the upper limit", "mend the limits"))
        mend = 'mend the values, or the limits; numbers without limits are family = "gaussian"'
        if (under := y < low).any():
            found.append(Misfit(named[0], under, "is above the target", mend))
        if (over := y > high).any():
            found.append(Misfit(named[1], over, "is below the target", mend))
        return tuple(found)

    def possible(self, cells: np.ndarray, side: Side) -> np.ndarray:
        return np.clip(cells, *self.ends(side))

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return self._law(eta, side, plain=True)

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        import pymc as pm

        model: Any = pm.modelcontext(None)
        model.register_rv(self._law(eta, side, plain=False), "y", observed=y)

    def _law(self, eta: Mapping[str, Any], side: Side, *, plain: bool) -> Any:
        import pytensor.tensor as pt

        math: Any = pt
        ends = [math.clip(math.as_tensor_variable(end), -OPEN, OPEN) for end in self.ends(side)]
        return counted(_Graph(self, plain), {**eta, **dict(zip(ROLES, ends, strict=True))}, *ROLES)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        a, b, low, high = self._scores(theta, side)
        found = Gaussian().logp(y, theta)
        above, below = ((y - low) / theta["sigma"], (high - y) / theta["sigma"])
        if self.at_limits == "truncated":
            found = found - log_between(ARRAYS, a, b)
        else:
            found = np.where(above <= NEAR, log_ndtr(a), np.where(below <= NEAR, log_ndtr(-b), found))
        return np.where((above >= -NEAR) & (below >= -NEAR), found, -np.inf)

    def _scores(self, theta: Theta, side: Side) -> tuple[np.ndarray, np.ndarray, Any, Any]:
        """The limits in standard deviations from mu, open ones far out, (row,); and the limits."""
        low, high = self.ends(side)
        a, b = (np.clip((end - theta["mu"]) / theta["sigma"], -FAR, FAR) for end in (low, high))
        return a, b, low, high

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        sigma, (a, b, *_) = np.asarray(theta["sigma"]), self._scores(theta, side)
        if self.at_limits == "truncated":
            return moments(a, b)[1] / sigma**2
        inside = ndtr(b) - ndtr(a) + a * np.exp(log_phi(a)) - b * np.exp(log_phi(b))
        at = np.exp(2 * log_phi(a) - log_ndtr(a)) + np.exp(2 * log_phi(b) - log_ndtr(-b))
        return np.maximum(inside, 0.0) / sigma**2 + at / sigma**2

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        a, b, low, high = self._scores(theta, context.at().side)
        if self.at_limits == "censored":
            drawn = Gaussian().impute(rng, theta)
        else:
            from bayesimpute.numerics.truncated_normals import draw_between

            z = draw_between(
                rng, *(np.ascontiguousarray(np.broadcast_to(end, np.shape(theta["mu"]))) for end in (a, b))
            )
            drawn = theta["mu"] + theta["sigma"] * z
        return np.clip(drawn, low, high)

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        least, most = self.ends(side)
        a, b = np.maximum(low, least), np.minimum(high, most)
        beyond = a, b
        if self.at_limits == "censored":  # what is at a limit lies beyond it
            beyond = np.where(a <= least, -np.inf, a), np.where(b >= most, np.inf, b)
        return np.clip(draw_normal_between(rng, theta["mu"], theta["sigma"], *beyond), a, b)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        sigma, (a, b, *_) = np.asarray(theta["sigma"]), self._scores(theta, side)
        if self.at_limits == "truncated":
            mean, variance = moments(a, b)
            return theta["mu"] + sigma * mean, sigma**2 * variance
        under, over, of_a, of_b = ndtr(a), ndtr(-b), np.exp(log_phi(a)), np.exp(log_phi(b))
        mean = a * under + b * over + of_a - of_b
        square = a**2 * under + b**2 * over + (ndtr(b) - under) + a * of_a - b * of_b
        return theta["mu"] + sigma * mean, sigma**2 * np.maximum(square - mean**2, 0.0)


def _end(given: object) -> bool:
    """Whether it can be a limit: a name, or a number that is one."""
    return isinstance(given, str) or (isinstance(given, int | float) and not isinstance(given, bool) and given == given)


@dataclass(frozen=True)
class _Graph:
    """Density and draws in the graph; `plain`: of PyTensor's own operations only."""

    family: Bounded
    plain: bool

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The family's."""
        return self.family.parameters

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density: minus infinity beyond the limits."""
        functions, mu = tensors(plain=self.plain), eta["mu"]
        by = functions.exp(-eta["sigma"])
        a, b = (functions.least(functions.most((eta[role] - mu) * by, -FAR), FAR) for role in ROLES)
        found = log_phi((value - mu) * by) - eta["sigma"]
        above, below = (value - eta["low"]) * by, (eta["high"] - value) * by
        if self.family.at_limits == "truncated":
            found = found - log_between(functions, a, b)
        else:
            found = functions.where(below <= NEAR, functions.log_ndtr(-b), found)
            found = functions.where(above <= NEAR, functions.log_ndtr(a), found)
        return functions.where(functions.least(above, below) < -NEAR, -np.inf, found)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws."""
        low, high, mu = (np.broadcast_to(eta[name], size).ravel() for name in (*ROLES, "mu"))
        sigma = np.exp(np.broadcast_to(eta["sigma"], size).ravel())
        known = Context(rows=NOWHERE.rows, look=lambda _: NOWHERE.at(), fitted=NOWHERE.fitted)
        family = changed(self.family, limits=(low, high), centre=0.0, unit=1.0)
        return family.impute(rng, {"mu": mu, "sigma": sigma}, known).reshape(size)
