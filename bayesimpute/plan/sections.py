"""The parts of a plan, as frozen values: the run, conditionals, derived variables, analyses, estimands.

To add a setting, add a field to the dataclass it belongs to; reading and writing TOML follow the fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from bayesimpute.base.errors import FormulaError, PlanError, one
from bayesimpute.base.priors import Prior
from bayesimpute.families import FAMILIES, Family


@dataclass(frozen=True, kw_only=True)
class Run:
    """How long and how often.

    Parameters
    ----------
    m : int
        Completed datasets.
    chains : int
        FCS chains.
    warmup, sweeps : int
        Sweeps of each chain before and after its adaptation is frozen; the m datasets are spaced evenly over
        ``sweeps``.
    steps : int or "auto"
        Transitions of the sampler a visit; "auto" lets warm-up choose them (lag-1 autocorrelation below .1).
    visit_sequence : tuple of str or None
        The order in which the targets are visited; None: by the number of missing cells, fewest first.
    sampler : str
        A key of ``SAMPLERS`` or "auto".
    """

    m: int = 20
    chains: int = 4
    warmup: int = 100
    sweeps: int = 500
    steps: int | str = "auto"
    visit_sequence: tuple[str, ...] | None = None
    sampler: str = "auto"

    def __post_init__(self) -> None:
        if isinstance(self.visit_sequence, list):
            object.__setattr__(self, "visit_sequence", tuple(self.visit_sequence))

    @property
    def thin(self) -> int:
        """Kept sweeps between two imputations of one chain."""
        return self.sweeps // -(-self.m // self.chains)


@dataclass(frozen=True, kw_only=True)
class Conditional:
    """The conditional model of one incomplete variable.

    Parameters
    ----------
    target : str
        The incomplete variable.
    family : str or Family
        A key of ``FAMILIES`` or an instance (one of ``FAMILIES`` with its default options becomes its key); "auto":
        bernoulli for yes/no variables (also 0/1 numbers and two labels), gaussian for other numbers.
    formulas : mapping of str to str
        lme4 formulas by parameter: ``{"mu": "y ~ x + (1 | g)", "sigma": "(1 | g)"}``.
    level : str or None
        The cluster variable of a level-2 target; None: found from the data.
    priors : mapping of str to Prior
        By the posterior's names: ``"sex"``, ``"sigma"``, ``"1|school_sigma"``; texts become priors, and those that
        cannot be read stay texts until ``check`` reports them.
    """

    target: str
    family: str | Family = "auto"
    formulas: Mapping[str, str] = field(default_factory=dict)
    level: str | None = None
    priors: Mapping[str, Prior | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, example in (("formulas", '{"mu": "y ~ x"}'), ("priors", '{"x": "Normal(0, 1)"}')):
            given = getattr(self, name)
            if not isinstance(given, Mapping):
                path = f"conditional[{self.target}].{name}"
                raise one(PlanError, path, f"{given!r} is not a mapping", f"write {example}")
        object.__setattr__(self, "formulas", MappingProxyType(dict(self.formulas)))
        object.__setattr__(self, "priors", MappingProxyType({k: _prior(v) for k, v in self.priors.items()}))
        object.__setattr__(self, "family", _shortest(self.family))

    def __hash__(self) -> int:
        return hash((self.target, self.level, *self.formulas.items()))

    def __reduce__(self) -> tuple:
        return _restore, ({f.name: _plain(getattr(self, f.name)) for f in fields(self)},)

    @classmethod
    def of(cls, formula: str, **options: Any) -> "Conditional":
        """A conditional from one formula, ``"y ~ x + (1 | g)"``; options are the other fields."""
        return cls(target=left_side(formula, "conditional"), formulas={"mu": formula}, **options)


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A variable computed from others: ``Derived(name="bmi", expression="wgt / (hgt / 100)**2")``."""

    name: str
    expression: str


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """A model of interest, fitted to each completed dataset by ``pool``.

    The fields after `name` are those of :func:`bayesimpute.fit`.
    """

    name: str
    formula: str
    family: str = "gaussian"
    link: str | None = None
    engine: str | None = None
    reml: bool = True
    nodes: int = 1
    covariance: str = "model"
    cluster: str | None = None
    working: str | None = None
    df: str = "infinite"
    effects: str = "coefficients"

    @property
    def options(self) -> dict[str, Any]:
        """What goes with the formula."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("name", "formula")}


@dataclass(frozen=True, kw_only=True)
class Estimand:
    """A mean, proportion or quantile of one variable, which ``estimate`` computes from the completed datasets.

    Parameters
    ----------
    name : str
        What the answer is called.
    variable : str
        A column of the data or a derived variable.
    statistic : {"mean", "proportion", "quantile"}
        What is asked of it.
    value : str, number, bool or None
        The label or number whose proportion is wanted; None: 1, True or the second label of a two-valued variable.
    probability : float
        Of the quantile; .5 is the median.
    by : tuple of str
        The variables whose combinations of values are the groups, beside all rows; a text is one, None is none.
    weights, strata, clusters : str or None
        Columns with the weight of each row, its stratum and its sampling unit (primary sampling unit; units with
        the same name in two strata are two units).
    target : {"population", "sample"}
        Of whom: of the population that the rows were drawn from, or of these rows alone.
    compare : {"mar", ""}
        Whether the answer without the selection equations stands beside it.
    """

    name: str
    variable: str
    statistic: str = "mean"
    value: str | float | bool | None = None
    probability: float = 0.5
    by: tuple[str, ...] = ()
    weights: str | None = None
    strata: str | None = None
    clusters: str | None = None
    target: str = "population"
    compare: str = ""

    def __post_init__(self) -> None:
        by: Any = self.by
        if by is None or isinstance(by, str | list):
            object.__setattr__(self, "by", (by,) if isinstance(by, str) else tuple(by or ()))

    def __str__(self) -> str:
        what = f"quantile {self.probability} of" if self.statistic == "quantile" else f"{self.statistic} of"
        value = "" if self.value is None else f" = {self.value}"
        by = f" by {' and '.join(map(str, self.by))}" if self.by else ""
        design = [(part, getattr(self, part)) for part in ("weights", "strata", "clusters")]
        notes = [self.target, *(f"{part} {column}" for part, column in design if column is not None)]
        notes += ["compared with MAR"] if self.compare == "mar" else []
        return f"{self.name}: {what} {self.variable}{value}{by} ({', '.join(map(str, notes))})"


def left_side(formula: str, path: str) -> str:
    """The name on the left of ``~``, without back-quotes."""
    if not isinstance(formula, str):
        raise one(PlanError, path, f"{formula!r} is not a formula", 'write "y ~ x + (1 | g)"')
    left, tilde, _ = formula.partition("~")
    if not tilde or not left.strip():
        raise one(FormulaError, path, f'"{formula}" has no left side', 'write the target first: "y ~ x + (1 | g)"')
    return left.strip().strip("`")


def family_name(family: str | Family) -> str:
    """The name by which a plan's document calls a family."""
    return family.name if isinstance(family, Family) else str(family)


def _prior(given: Prior | str) -> Prior | str:
    try:
        return Prior.parse(given)
    except FormulaError:
        return given


def _shortest(family: str | Family) -> str | Family:
    """A registered family with default options by its name, so that a plan equals what comes back from its TOML."""
    if isinstance(family, Family) and FAMILIES.get(family.name) is type(family):
        try:
            return family.name if family == type(family)() else family
        except TypeError:  # it has options without default
            return family
    return family


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, MappingProxyType) else value


def _restore(values: dict[str, Any]) -> Conditional:
    return Conditional(**values)
