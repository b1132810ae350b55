"""A plan: what is to be imputed from what, as frozen values that can be printed, compared and written as TOML.

Nothing is built here and nothing about the data is known; :mod:`bayesimpute.check` holds a plan against a data set.
:mod:`bayesimpute.document` reads and writes TOML.

To add a setting, add a field to the dataclass it belongs to; TOML reading and writing follow the fields.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from bayesimpute.families import FAMILIES, Family
from bayesimpute.outcome import FormulaError, PlanError, one
from bayesimpute.priors import Prior


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
    engine: str = "statsmodels"
    reml: bool = True
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole imputation plan.

    Parameters
    ----------
    conditionals : tuple of Conditional
        One for each incomplete variable that is to be imputed.
    substantive : tuple of Conditional
        Models that are to be analysed, with which the imputations are to be compatible: the conditional of a covariate
        leaves their outcome out, and their density multiplies into its draws (:mod:`bayesimpute.compatible`). Formulas
        become conditionals; one stands for a tuple of one.
    derived : tuple of Derived
        Variables computed from others, kept up to date.
    analyses : tuple of Analysis
        What ``pool`` runs when given no formula.
    estimands : tuple of Estimand
        What ``estimate`` computes when given no variable.
    run : Run
        Numbers of chains, sweeps and imputations.
    title : str
        For people.
    """

    conditionals: tuple[Conditional, ...] = ()
    substantive: tuple[Conditional, ...] = ()
    derived: tuple[Derived, ...] = ()
    analyses: tuple[Analysis, ...] = ()
    estimands: tuple[Estimand, ...] = ()
    run: Run = Run()
    title: str = ""

    def __post_init__(self) -> None:
        given: Any = self.substantive
        given = (given,) if isinstance(given, str | Conditional) else given
        if isinstance(given, Iterable):
            made = tuple(Conditional.of(item) if isinstance(item, str) else item for item in given)
            object.__setattr__(self, "substantive", made)
        for name in ("conditionals", "substantive", "derived", "analyses", "estimands"):
            given = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Iterable):
                raise one(PlanError, f"plan.{name}", f"{given!r} is not a list", "write a list or tuple")
            object.__setattr__(self, name, tuple(given))

    @classmethod
    def of(cls, formulas: "str | Conditional | Sequence[str | Conditional]", **options: Any) -> "Plan":
        """A plan from formulas and conditionals; options are the other fields."""
        if not isinstance(formulas, str | Conditional | Iterable):
            raise one(PlanError, "plan", f"{formulas!r} is not a list of formulas", 'write ["y ~ x + (1 | g)"]')
        items = [formulas] if isinstance(formulas, str | Conditional) else list(formulas)
        made = tuple(item if isinstance(item, Conditional) else Conditional.of(item) for item in items)
        return cls(conditionals=made, **options)

    @property
    def models(self) -> tuple[Conditional, ...]:
        """The substantive models and the conditionals."""
        return (*self.substantive, *self.conditionals)

    def path(self, model: Conditional) -> str:
        """What problems call the place of a model."""
        section = "substantive" if any(model is s for s in self.substantive) else "conditional"
        return f"{section}[{getattr(model, 'target', '?')}]"

    def with_models(self, change: Callable[[Conditional], Conditional]) -> "Plan":
        """The same plan with every model changed."""
        return replace(
            self,
            conditionals=tuple(map(change, self.conditionals)),
            substantive=tuple(map(change, self.substantive)),
        )

    @classmethod
    def from_toml(cls, text: str) -> "Plan":
        """Read a TOML document.

        Raises
        ------
        PlanError
            With every key and value that does not fit the schema.
        """
        from bayesimpute.document import read

        plan, problems = read(text)
        if problems:
            raise PlanError(problems)
        return plan

    def to_toml(self) -> str:
        """The plan as a TOML document; ``Plan.from_toml`` gives an equal plan."""
        from bayesimpute.document import write

        return write(self)

    def with_run(self, **settings: Any) -> "Plan":
        """The same plan with other run settings; those that are None stay."""
        return replace(self, run=replace(self.run, **{k: v for k, v in settings.items() if v is not None}))

    def __str__(self) -> str:
        lines = [self.title] if self.title else []
        for c in self.models:
            note = ", substantive" if any(c is s for s in self.substantive) else ""
            lines += [f"{c.target} ({family_name(c.family)}{note})", *(f"    {k}: {v}" for k, v in c.formulas.items())]
            lines += [f"    prior {k}: {v}" for k, v in c.priors.items()]
        lines += [f"{d.name} := {d.expression}" for d in self.derived]
        lines += [f"estimand {e}" for e in self.estimands]
        r = self.run
        lines.append(
            f"m = {r.m}, {r.chains} chains, {r.warmup} + {r.sweeps} sweeps, steps {r.steps}, sampler {r.sampler}"
        )
        return "\n".join(lines)


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
