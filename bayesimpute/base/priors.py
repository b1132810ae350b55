"""Prior distributions as values: a name, its parameters, and what a change of units does to them.

The names and parameters are PyMC's (and so bambi's). A :class:`Prior` is plain data: it can be written in a plan,
compared, moved to the standardised scale on which the samplers work, and drawn from with NumPy.

To add a distribution, add one line to :data:`DISTRIBUTIONS` that says what each of its parameters is:
a ``location`` and a ``scale`` follow the units of the variable, a ``rate`` goes against them, a ``shape`` ignores them.
"""

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bayesimpute.base.errors import FormulaError, did_you_mean, one

Role = Literal["location", "scale", "rate", "shape", "lower", "upper", "log location"]
Support = Literal["real", "positive", "unit", "interval", "correlation", "signed unit"]


@dataclass(frozen=True)
class Distribution:
    """What a distribution's parameters are, in the order in which PyMC takes them."""

    parameters: Mapping[str, Role]
    support: Support


DISTRIBUTIONS: Mapping[str, Distribution] = {
    "Normal": Distribution({"mu": "location", "sigma": "scale"}, "real"),
    "StudentT": Distribution({"nu": "shape", "mu": "location", "sigma": "scale"}, "real"),
    "Cauchy": Distribution({"alpha": "location", "beta": "scale"}, "real"),
    "Laplace": Distribution({"mu": "location", "b": "scale"}, "real"),
    "Uniform": Distribution({"lower": "lower", "upper": "upper"}, "interval"),
    "HalfNormal": Distribution({"sigma": "scale"}, "positive"),
    "HalfStudentT": Distribution({"nu": "shape", "sigma": "scale"}, "positive"),
    "HalfCauchy": Distribution({"beta": "scale"}, "positive"),
    "Exponential": Distribution({"lam": "rate"}, "positive"),
    "Gamma": Distribution({"alpha": "shape", "beta": "rate"}, "positive"),
    "InverseGamma": Distribution({"alpha": "shape", "beta": "scale"}, "positive"),
    "LogNormal": Distribution({"mu": "log location", "sigma": "shape"}, "positive"),
    "Beta": Distribution({"alpha": "shape", "beta": "shape"}, "unit"),
    "LKJ": Distribution({"eta": "shape"}, "correlation"),
    "ScaledBeta": Distribution({"alpha": "shape", "beta": "shape"}, "signed unit"),
    "FisherNormal": Distribution({"mu": "location", "sigma": "scale"}, "signed unit"),
}


@dataclass(frozen=True)
class Through:
    """A distribution that is a function of one of PyMC's: of which, and through what map from there."""

    base: str
    map: Literal["signed", "tanh"]


THROUGH: Mapping[str, Through] = {
    "ScaledBeta": Through("Beta", "signed"),
    "FisherNormal": Through("Normal", "tanh"),
}
"""Of a single correlation r: (r + 1) / 2 is Beta; Fisher's z, artanh r, is Normal."""


@dataclass(frozen=True)
class Prior:
    """A prior distribution.

    Parameters
    ----------
    name : str
        A key of :data:`DISTRIBUTIONS`.
    args : tuple of float
        Its parameters, in PyMC's order, in the user's units.

    Examples
    --------
    >>> Prior.parse("Normal(0, sigma=2)")
    Prior(name='Normal', args=(0.0, 2.0))
    """

    name: str
    args: tuple[float, ...]

    @classmethod
    def of(cls, name: str, *args: float) -> "Prior":
        """A prior from its name and parameters."""
        return cls(name, tuple(float(a) for a in args))

    @classmethod
    def parse(cls, text: "str | Prior", path: str = "prior") -> "Prior":
        """Read ``"Normal(0, 2)"`` or ``"Normal(mu=0, sigma=2)"``; nothing is evaluated.

        Raises
        ------
        FormulaError
            If the text is not one call of a known distribution with its parameters as numbers, or one is impossible.
        """
        if isinstance(text, Prior):
            return text
        call = _call(text, path)
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name not in DISTRIBUTIONS:
            remedy = did_you_mean(name, DISTRIBUTIONS, f"use one of {_known()}")
            raise one(FormulaError, path, f'unknown prior "{name}"', remedy)
        prior = cls(name, _arguments(call, DISTRIBUTIONS[name], path))
        finding = prior.impossible()
        if finding:
            raise one(FormulaError, path, f"{text}: {finding}", "give a proper distribution")
        return prior

    @property
    def support(self) -> Support:
        """Where the distribution lives."""
        return DISTRIBUTIONS[self.name].support

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by PyMC's names."""
        return dict(zip(DISTRIBUTIONS[self.name].parameters, self.args, strict=True))

    def positive(self) -> bool:
        """Whether the distribution gives no probability to negative values."""
        return self.support in ("positive", "unit") or (self.support == "interval" and self.args[0] >= 0)

    @property
    def base(self) -> "Prior":
        """The distribution of PyMC's that this one is a function of (:data:`THROUGH`), or itself."""
        return Prior(THROUGH[self.name].base, self.args) if self.name in THROUGH else self

    def correlation(self) -> bool:
        """Whether the distribution is one of a single correlation: of numbers between -1 and 1."""
        inside = self.name == "Uniform" and self.args[0] >= -1 and self.args[1] <= 1
        return self.support == "signed unit" or inside

    def impossible(self) -> str | None:
        """What is wrong with the name or the parameters, or None."""
        if self.name not in DISTRIBUTIONS:
            return f'unknown prior "{self.name}", {did_you_mean(self.name, DISTRIBUTIONS, f"use one of {_known()}")}'
        parameters = DISTRIBUTIONS[self.name].parameters
        if len(self.args) != len(parameters):
            return f"{len(self.args)} parameters given, the parameters are {', '.join(parameters)}"
        for (name, role), value in zip(parameters.items(), self.args, strict=True):
            if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
                return f"{name} is {value!r}, not a number"
            if not math.isfinite(value):
                return f"{name} is {value:g}, not a finite number"
            if role in ("scale", "rate", "shape") and value <= 0:
                return f"{name} is {value:g}, not above zero"
        if self.name == "Uniform" and self.args[0] >= self.args[1]:
            return f"lower ({self.args[0]:g}) is not below upper ({self.args[1]:g})"
        return None

    def affine(self, *, shift: float = 0.0, unit: float = 1.0) -> "Prior":
        """The prior of (x - shift) / unit where this is the prior of x.

        A shift moves locations and bounds only; the positive distributions have none and must not be shifted.
        Correlations have no units.
        """
        if self.name in THROUGH:
            return self
        roles = DISTRIBUTIONS[self.name].parameters.values()
        return Prior(self.name, tuple(float(_affine(v, r, shift, unit)) for v, r in zip(self.args, roles, strict=True)))

    def symmetric(self) -> "Prior | None":
        """The distribution on the whole line whose absolute value this is; None if there is no such in the list."""
        if self.name not in _HALVES:
            return None
        whole, location = _HALVES[self.name]
        if self.name == "Exponential":
            return Prior(whole, (0.0, 1 / self.args[0]))
        return Prior(whole, (*self.args[:location], 0.0, *self.args[location:]))

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Independent draws, shape (size,)."""
        return _DRAWS[self.name](rng, size, *self.args)

    def __str__(self) -> str:
        names = DISTRIBUTIONS[self.name].parameters if self.name in DISTRIBUTIONS else ()
        known = len(names) == len(self.args)
        args = [float(v) if isinstance(v, np.number) else v for v in self.args]
        inner = [f"{k}={v!r}" for k, v in zip(names, args, strict=True)] if known else list(map(repr, args))
        return f"{self.name}({', '.join(inner)})"


def _known() -> str:
    return ", ".join(DISTRIBUTIONS)


_HALVES = {
    "HalfNormal": ("Normal", 0),
    "HalfStudentT": ("StudentT", 1),
    "HalfCauchy": ("Cauchy", 0),
    "Exponential": ("Laplace", 0),
}
"""The whole of each half distribution, and the place of its location among the parameters."""


def _affine(value: float, role: Role, shift: float, unit: float) -> float:
    if role in ("location", "lower", "upper"):
        return (value - shift) / unit
    if role == "scale":
        return value / unit
    if role == "rate":
        return value * unit
    if role == "log location":
        return value - math.log(unit)
    return value


def _call(text: str, path: str) -> ast.Call:
    remedy = 'write a distribution with numbers, such as "Normal(0, 2.5)"'
    if not isinstance(text, str):
        raise one(FormulaError, path, f"{text!r} is not a text", remedy)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise one(FormulaError, path, f'"{text}" cannot be read', remedy) from error
    if not isinstance(tree, ast.Call):
        raise one(FormulaError, path, f'"{text}" is not a distribution', remedy)
    return tree


def _arguments(call: ast.Call, distribution: Distribution, path: str) -> tuple[float, ...]:
    names = list(distribution.parameters)
    signature = ", ".join(names)
    given: dict[str, float] = {}
    for name, node in [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]:
        if name not in names or name in given:
            raise one(
                FormulaError, path, f'parameter "{name}" is unknown or given twice', f"the parameters are {signature}"
            )
        given[name] = _number(node, name, path)
    if len(call.args) > len(names) or set(given) != set(names):
        raise one(
            FormulaError,
            path,
            f"{len(call.args) + len(call.keywords)} parameters given",
            f"the parameters are {signature}",
        )
    return tuple(given[n] for n in names)


def _number(node: ast.expr, name: str, path: str) -> float:
    sign = 1.0
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -sign if isinstance(node.op, ast.USub) else sign
        node = node.operand
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise one(FormulaError, path, f'parameter "{name}" is not a number', "give numbers only")
    try:
        return sign * float(node.value)
    except OverflowError:
        return math.inf


def _student(rng: np.random.Generator, n: int, nu: float, mu: float, sigma: float) -> np.ndarray:
    return mu + sigma * rng.standard_t(nu, n)


_DRAWS = {
    "Normal": lambda rng, n, mu, sigma: rng.normal(mu, sigma, n),
    "StudentT": _student,
    "Cauchy": lambda rng, n, alpha, beta: alpha + beta * rng.standard_cauchy(n),
    "Laplace": lambda rng, n, mu, b: rng.laplace(mu, b, n),
    "Uniform": lambda rng, n, lower, upper: rng.uniform(lower, upper, n),
    "HalfNormal": lambda rng, n, sigma: np.abs(rng.normal(0, sigma, n)),
    "HalfStudentT": lambda rng, n, nu, sigma: np.abs(_student(rng, n, nu, 0, sigma)),
    "HalfCauchy": lambda rng, n, beta: np.abs(beta * rng.standard_cauchy(n)),
    "Exponential": lambda rng, n, lam: rng.exponential(1 / lam, n),
    "Gamma": lambda rng, n, alpha, beta: rng.gamma(alpha, 1 / beta, n),
    "InverseGamma": lambda rng, n, alpha, beta: beta / rng.gamma(alpha, 1, n),
    "LogNormal": lambda rng, n, mu, sigma: rng.lognormal(mu, sigma, n),
    "Beta": lambda rng, n, alpha, beta: rng.beta(alpha, beta, n),
    # the marginal of one correlation of a 2 x 2 LKJ matrix (Lewandowski, Kurowicka & Joe 2009): 2 Beta(eta, eta) - 1
    "LKJ": lambda rng, n, eta: 2 * rng.beta(eta, eta, n) - 1,
    "ScaledBeta": lambda rng, n, alpha, beta: 2 * rng.beta(alpha, beta, n) - 1,
    "FisherNormal": lambda rng, n, mu, sigma: np.tanh(rng.normal(mu, sigma, n)),
}
