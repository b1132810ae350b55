"""Prior distributions as values: a name, its parameters, and what a change of units does to them.

The names and parameters are PyMC's (and so bambi's). A :class:`Prior` is plain data: it can be written in a plan,
compared, moved to the standardised scale on which the samplers work, and drawn from with NumPy.

What each distribution is, :mod:`bayesimpute.base.distributions` says; there one is added.
"""

import ast
import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from bayesimpute.base.distributions import DISTRIBUTIONS, KENDALL, Distribution, Support, moved
from bayesimpute.base.errors import FormulaError, did_you_mean, one

Source = Literal["bayesimpute", "bambi", "user"]
Space = Literal["real", "positive", "unit", "signed unit", "tau", "ordered", "correlation"]
"""Where a number may live that gets a prior, or several that get one: ascending numbers, correlations of a matrix.
"tau" is Kendall's of a bivariate normal, whose parameter is the correlation."""


LARGEST = 1e30
"""Beyond this, and a scale below its inverse, cannot be told from infinity or 0 once it is squared and scaled."""


@dataclass(frozen=True)
class Prior:
    """A prior distribution.

    Parameters
    ----------
    name : str
        A key of :data:`~bayesimpute.base.distributions.DISTRIBUTIONS`.
    args : tuple of float
        Its parameters, in PyMC's order, in the user's units.
    source : {"bayesimpute", "bambi", "user"}
        Whose it is: a rule of ours, bambi's, or the user's own. It makes no difference to anything.

    Examples
    --------
    >>> Prior.parse("Normal(0, sigma=2)")
    Prior(name='Normal', args=(0.0, 2.0))
    """

    name: str
    args: tuple[float, ...]
    source: Source = field(default="bayesimpute", compare=False, repr=False)

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
        name = call.func.id if isinstance(call.func, ast.Name) else text.strip()[:60]
        if name not in DISTRIBUTIONS:
            remedy = did_you_mean(name, DISTRIBUTIONS, f"use one of {_known()}")
            raise one(FormulaError, path, f'unknown prior "{name}"', remedy)
        prior = cls(name, _arguments(call, DISTRIBUTIONS[name], path))
        finding = prior.impossible()
        if finding:
            raise one(FormulaError, path, f"{text}: {finding}", "give a proper distribution")
        return prior

    @property
    def distribution(self) -> Distribution:
        """All that there is to know of a distribution of this name."""
        return DISTRIBUTIONS[self.name]

    @property
    def support(self) -> Support:
        """Where the distribution lives."""
        return self.distribution.support

    @property
    def ends(self) -> tuple[float, float]:
        """The numbers between which it lives."""
        if self.support == "interval":
            return self.args[0], self.args[1]
        return {"real": (-math.inf, math.inf), "positive": (0.0, math.inf), "unit": (0.0, 1.0)}.get(
            self.support, (-1.0, 1.0)
        )

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by PyMC's names."""
        return dict(zip(self.distribution.parameters, self.args, strict=True))

    def fits(self, space: Space) -> bool:
        """Whether it can be the prior of a number that lives there."""
        low, high = self.ends
        if space == "correlation":
            return self.support == "correlation"
        if space == "signed unit":
            return self.support == "signed unit" or (self.support == "interval" and low >= -1 and high <= 1)
        if space == "tau":
            return self.fits("signed unit") and f"{KENDALL}{self.name}" in DISTRIBUTIONS
        if space == "unit":
            return low >= 0 and high <= 1
        if space == "ordered":
            return self.support in ("real", "ordered")
        if self.support == "ordered":
            return False
        if space == "real":
            return self.support in ("real", "interval")
        # a prior on (0, 1) would not follow a change of units
        return low >= 0 and self.support != "unit"

    @property
    def base(self) -> "Prior":
        """The distribution of PyMC's that this one is a function of, or itself."""
        through = self.distribution.through
        return self if through is None else replace(self, name=through.base)

    def impossible(self) -> str | None:
        """What is wrong with the name or the parameters, or None."""
        if self.name not in DISTRIBUTIONS:
            return f'unknown prior "{self.name}", {did_you_mean(self.name, DISTRIBUTIONS, f"use one of {_known()}")}'
        parameters = DISTRIBUTIONS[self.name].parameters
        if len(self.args) != len(parameters):
            return f"{len(self.args)} parameters given, the parameters are {', '.join(parameters)}"
        roles = tuple(parameters.values())
        for (name, role), value in zip(parameters.items(), self.args, strict=True):
            if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
                return f"{name} is {value!r}, not a number"
            if not math.isfinite(value):
                return f"{name} is {value:g}, not a finite number"
            least = 1 / LARGEST if role in ("scale", "rate", "shape") else -math.inf
            if least > 0 >= value:
                return f"{name} is {value:g}, not above zero"
            if value < least or abs(value) > LARGEST:
                return f"{name} is {value:g}, of a size that no computer can square"
        if "lower" in roles and self.args[0] >= self.args[1]:
            return f"lower ({self.args[0]:g}) is not below upper ({self.args[1]:g})"
        return None

    def affine(self, *, shift: float = 0.0, unit: float = 1.0) -> "Prior":
        """The prior of (x - shift) / unit where this is the prior of x.

        A shift moves locations and bounds only; the positive distributions have none and must not be shifted.
        Correlations have no units.
        """
        if self.distribution.through is not None:
            return self
        roles = self.distribution.parameters.values()
        return replace(self, args=tuple(float(moved(v, r, shift, unit)) for v, r in zip(self.args, roles, strict=True)))

    def by(self, source: Source) -> "Prior":
        """The same of another source."""
        return replace(self, source=source)

    @property
    def of_tau(self) -> "Prior":
        """Of the correlation of a bivariate normal, where this is the prior of its Kendall's tau."""
        return replace(self, name=f"{KENDALL}{self.name}")

    def symmetric(self) -> "Prior | None":
        """The distribution on the whole line whose absolute value this is; None if there is no such in the list."""
        whole = self.distribution.whole
        return None if whole is None else Prior(*whole(*self.args))

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Independent draws, shape (size,); of ascending numbers one draw of so many together."""
        return self.distribution.draw(rng, size, *self.args)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """The values below which a share `u` of it lies, of any shape."""
        through, found = self.distribution.through, _law(self.name, self.args).ppf(u)
        return np.asarray(found if through is None else through.map(found), dtype=float)

    @property
    def mean(self) -> float:
        """Its mean; not finite where there is none."""
        from scipy import integrate

        if self.distribution.law is None:
            return math.nan
        if self.distribution.through is None:
            return float(_law(self.name, self.args).mean())
        return float(integrate.quad(lambda u: float(self.quantile(np.asarray(u))), 0, 1)[0])

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """The log density at some values, of any shape; of ascending numbers together at vectors (..., number)."""
        if (whole := self.symmetric()) is not None:
            return np.log(2) + whole.log_density(x)
        assert self.distribution.density is not None, self
        return self.distribution.density(np.asarray(x, dtype=float), *self.args)

    def log_density_fisher(self, z: np.ndarray) -> np.ndarray:
        """Of the prior of a correlation r, the log density of z = artanh(r) at some values, of any shape."""
        assert self.distribution.fisher is not None, self
        return self.distribution.fisher(np.asarray(z, dtype=float), *self.args)

    def __str__(self) -> str:
        names = DISTRIBUTIONS[self.name].parameters if self.name in DISTRIBUTIONS else ()
        known = len(names) == len(self.args)
        args = [float(v) if isinstance(v, np.number) else v for v in self.args]
        inner = [f"{k}={v!r}" for k, v in zip(names, args, strict=True)] if known else list(map(repr, args))
        return f"{self.name}({', '.join(inner)})"


@lru_cache(maxsize=1024)
def _law(name: str, args: tuple[float, ...]) -> Any:
    """SciPy's distribution, which takes a millisecond to make."""
    from scipy import stats

    law = DISTRIBUTIONS[name].law
    assert law is not None, name
    return law(stats, *args)


def _known() -> str:
    return ", ".join(DISTRIBUTIONS)


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
