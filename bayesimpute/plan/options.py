"""What may be set of a run, an analysis and an estimand.

A field here is the keyword argument of :func:`bayesimpute.impute`, :func:`bayesimpute.fit` or
:func:`bayesimpute.estimate`, the key of a TOML document and the option of the command line (of a run
``--set run.m=50``): add a field, and the three follow. Only the standard library is imported, so that
``bayesimpute --help`` takes no time.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from functools import wraps
from inspect import Parameter, signature
from typing import Any, get_args, get_type_hints


def setting(default: Any, about: str, *, flag: str = "") -> Any:
    """A field that users may set: `about` is its help; a `flag` on the command line turns it off."""
    return field(default=default, metadata={"about": about, "flag": flag})


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
    ignore : str or None
        A condition of complete columns, ``"fold == 'test'"``: rows that are imputed but teach nothing. No model is
        fitted to them, and cluster means are those of the other rows (R's mice: ``ignore``).
    """

    m: int = setting(20, "completed datasets")
    chains: int = setting(4, "FCS chains")
    warmup: int = setting(100, "sweeps of each chain before its adaptation is frozen")
    sweeps: int = setting(500, "sweeps of each chain after that")
    steps: int | str = setting("auto", "transitions of the sampler a visit")
    visit_sequence: tuple[str, ...] | None = setting(None, "the order in which the targets are visited")
    sampler: str = setting("auto", "the sampler of all models")
    ignore: str | None = setting(None, "rows that are imputed but teach nothing, such as fold == 'test'")

    def __post_init__(self) -> None:
        if isinstance(self.visit_sequence, list):
            object.__setattr__(self, "visit_sequence", tuple(self.visit_sequence))

    @property
    def thin(self) -> int:
        """Kept sweeps between two imputations of one chain."""
        return self.sweeps // -(-self.m // self.chains)


@dataclass(frozen=True, kw_only=True)
class AnalysisOptions:
    """What goes with the formula of an analysis; :func:`bayesimpute.fit` says what each option means."""

    family: str = setting(
        "gaussian", "gaussian, bernoulli, poisson, negativebinomial, gamma, cumulative or categorical (gaussian)"
    )
    link: str | None = setting(None, "another link than the family's first: probit, cloglog, inverse")
    engine: str | None = setting(None, "statsmodels, glmm or bambi (what fits the model by maximum likelihood)")
    reml: bool = setting(True, "maximum likelihood of mixed models, not REML", flag="ml")
    nodes: int = setting(1, "points of the quadrature of generalised mixed models (1: Laplace's approximation)")
    covariance: str = setting("model", "model, HC0 to HC3, or cluster (model)")
    cluster: str | None = setting(None, "the column with the clusters of --covariance or --working")
    working: str | None = setting(None, "independence or exchangeable: generalised estimating equations")
    df: str = setting("infinite", "of mixed models: infinite, between-within or satterthwaite (infinite)")
    effects: str = setting("coefficients", "coefficients or marginal (coefficients)")
    where: str | None = setting(None, "the rows that are analysed, such as visit == 7 (all)")

    @property
    def options(self) -> dict[str, Any]:
        """All of them by name."""
        return {f.name: getattr(self, f.name) for f in settings(AnalysisOptions)}


@dataclass(frozen=True, kw_only=True)
class Analysis(AnalysisOptions):
    """A model of interest, fitted to each completed dataset by ``pool``."""

    name: str
    formula: str


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A variable computed from others: ``Derived(name="bmi", expression="wgt / (hgt / 100)**2")``."""

    name: str
    expression: str


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score of items: ``Score(name="pain", items=("p1", "p2", "p3"))``.

    Parameters
    ----------
    name : str
        What it is called in formulas and in completed datasets.
    items : tuple of str
        Columns of numbers, two or more.
    score : {"sum", "mean"}
        What it is of them.
    """

    name: str
    items: tuple[str, ...]
    score: str = "sum"

    def __post_init__(self) -> None:
        if isinstance(self.items, list):
            object.__setattr__(self, "items", tuple(self.items))


@dataclass(frozen=True, kw_only=True)
class Time:
    """How rows follow each other: ``Time(subject="id", order="week")``.

    Parameters
    ----------
    subject : str
        The cluster key whose rows are the visits of one subject.
    order : str
        A column of numbers: when; no two rows of a subject at one time.
    """

    subject: str
    order: str


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
    statistic: str = setting("mean", "mean, proportion or quantile, with --variable (mean)")
    value: str | float | bool | None = setting(None, "whose proportion (1, yes or the second of two labels)")
    probability: float = setting(0.5, "of the quantile (0.5)")
    by: tuple[str, ...] = setting((), "groups; may be repeated")
    weights: str | None = setting(None, "the column with the survey weights")
    strata: str | None = setting(None, "the column with the strata")
    clusters: str | None = setting(None, "the column with the primary sampling units")
    target: str = setting("population", "population or sample (population)")
    compare: str = setting("", "mar: also without the selection equations")

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


def settings(cls: type) -> list[Field[Any]]:
    """The fields of a class that users may set."""
    return [f for f in fields(cls) if "about" in f.metadata]


def in_document(cls: type) -> list[Field[Any]]:
    """All its fields in the order of a document: what is needed first."""
    return sorted(fields(cls), key=lambda f: not needed(f))


def needed(f: Field[Any]) -> bool:
    """Whether a field has no default."""
    return f.default is MISSING and f.default_factory is MISSING


def types_of(cls: type) -> dict[str, frozenset[Any]]:
    """The types that each field may have, None left out: ``{"m": {int}, "value": {str, float, bool}}``."""
    hints = get_type_hints(cls)
    found = {}
    for f in fields(cls):
        parts = [part for part in get_args(hints[f.name]) if isinstance(part, type) or hasattr(part, "__origin__")]
        whole = (
            [hints[f.name]]
            if getattr(hints[f.name], "__origin__", None) in (tuple, Mapping, dict) or not parts
            else parts
        )
        plain = {getattr(part, "__origin__", part) for part in whole}
        found[f.name] = frozenset(plain - {type(None)})
    return found


def _kinds(hint: Any) -> set[Any]:
    return {getattr(part, "__origin__", part) for part in (hint, *get_args(hint))}


def takes[F: Callable[..., Any]](cls: type) -> Callable[[F], F]:
    """Let the ``**options`` of a function be the settings of a class: its signature shows them, others are refused."""
    hints = get_type_hints(cls)
    hints = {name: hint | str if tuple in _kinds(hint) else hint for name, hint in hints.items()}  # a text is one
    more = [
        Parameter(f.name, Parameter.KEYWORD_ONLY, default=None, annotation=hints[f.name] | None) for f in settings(cls)
    ]

    def decorated(function: F) -> F:
        own = [p for p in signature(function).parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
        allowed = [p.name for p in (*own, *more) if p.kind is not Parameter.POSITIONAL_ONLY]

        @wraps(function)
        def checked(*arguments: Any, **options: Any) -> Any:
            for name in options:
                if name not in allowed:
                    near = get_close_matches(name, allowed, 1)
                    hint = f"; did you mean {near[0]}?" if near else ""
                    raise TypeError(f"{function.__name__}() has no argument {name!r}{hint}")
            return function(*arguments, **options)

        checked.__signature__ = signature(function).replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return decorated
