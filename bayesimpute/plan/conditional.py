"""The conditional model of one incomplete variable, as a frozen value; a substantive model is one too.

To add a setting, add a field: reading and writing TOML follow the fields.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from bayesimpute.base.errors import FormulaError, PlanError, did_you_mean, one
from bayesimpute.base.priors import Prior
from bayesimpute.families import FAMILIES, Family


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
    priors : mapping of str to Prior, float or str
        By the posterior's names: ``"sex"``, ``"sigma"``, ``"1|school_sigma"``; texts become priors. A number, or the
        name of an assumption, fixes a coefficient (:mod:`bayesimpute.plan.fixed`); other texts stay until ``check``
        reports them.
    applies : str or None
        A condition on complete columns, ``"insured == 1"``: where it does not hold the variable does not apply, and
        its cells are neither missing nor drawn (:mod:`bayesimpute.plan.void_cells`).
    side : mapping of str to str
        Columns that the family reads beside the predictors, by role: ``{"exposure": "days"}``.
    where : str or None
        Observed cells that are drawn, too, for checks: "all", or a condition of complete columns. The model is fitted
        to what was observed, and other models and analyses read that; the completed datasets hold the draws
        (:meth:`bayesimpute.MultiplyImputed.overimputed`). By default none.
    """

    target: str
    family: str | Family = "auto"
    formulas: Mapping[str, str] = field(default_factory=dict)
    level: str | None = None
    priors: Mapping[str, Prior | float | str] = field(default_factory=dict)
    applies: str | None = None
    side: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None

    def __post_init__(self) -> None:
        for name, example in _MAPPINGS.items():
            given = getattr(self, name)
            if not isinstance(given, Mapping):
                path = f"conditional[{self.target}].{name}"
                raise one(PlanError, path, f"{given!r} is not a mapping", f"write {example}")
        object.__setattr__(self, "formulas", MappingProxyType(with_likes(self.formulas, self.family)))
        object.__setattr__(self, "priors", MappingProxyType({k: _prior(v) for k, v in self.priors.items()}))
        named = self.family.named_columns if isinstance(self.family, Family) else {}
        object.__setattr__(self, "side", MappingProxyType({**named, **self.side}))
        object.__setattr__(self, "family", _shortest(self.family))

    def __hash__(self) -> int:
        return hash((self.target, self.level, *self.formulas.items()))

    def __reduce__(self) -> tuple:
        return _restore, ({f.name: _plain(getattr(self, f.name)) for f in fields(self)},)

    @classmethod
    def of(cls, formula: str, *, transform: str | None = None, **options: Any) -> "Conditional":
        """A conditional from one formula, ``"y ~ x + (1 | g)"``; options are the other fields.

        ``"log(y) ~ x"`` is a model of y of family lognormal, whose logarithms are normal; so is one of ``transform``
        "log", and "sqrt" and "logit" are those whose square roots and logits are. ``formulas`` are then those of the
        other parameters: ``formulas={"selection": "x + z"}``.
        """
        formula, transform = untransformed(formula, transform)
        target = left_side(formula, "conditional")
        if transform is not None:
            options["family"] = of_transform(transform, options.get("family", "auto"), target)
        others = options.pop("formulas", {})
        if isinstance(others, Mapping):
            if "mu" in others:
                finding = "formula and formulas.mu are the same"
                raise one(PlanError, f"conditional[{target}].formula", finding, "write one of them")
            others = {"mu": formula, **others}
        return cls(target=target, formulas=others, **options)


_MAPPINGS = {"formulas": '{"mu": "y ~ x"}', "priors": '{"x": "Normal(0, 1)"}', "side": '{"exposure": "days"}'}


def with_likes(formulas: Mapping[str, str], family: "str | Family") -> dict[str, str]:
    """With those of parameters that have the right side of another's where the plan gives them none."""
    settled = FAMILIES[family]() if isinstance(family, str) and family in FAMILIES else family
    found = dict(formulas)
    for p in settled.parameters if isinstance(settled, Family) else ():
        if p.like is not None and p.name not in found and (text := right_side(found.get(p.like))) is not None:
            found[p.name] = text
    return found


def right_side(formula: Any) -> str | None:
    """What stands right of the tilde; None of what is no text."""
    return formula.rpartition("~")[2].strip() if isinstance(formula, str) else None


TRANSFORMS: Mapping[str, str] = {"log": "lognormal", "sqrt": "sqrtnormal", "logit": "logitnormal"}
"""The families of which a monotone function of the variable is normal."""
BOTH = "log and "
"""Before a transform that is given beside a logarithm on the left."""
_LOGGED = re.compile(r"\s*log\(\s*(`[^`]+`|[A-Za-z_][\w.]*)\s*\)\s*~")


def untransformed(formula: Any, transform: str | None = None) -> tuple[Any, str | None]:
    """A formula with its variable alone on the left, and the transform of it that stood there: of ``log(y)``, log."""
    found = _LOGGED.match(formula) if isinstance(formula, str) else None
    if found is None:
        return formula, transform
    both = "log" if transform in (None, "log") else f"{BOTH}{transform}"
    return f"{found[1]} ~{formula[found.end() :]}", both


def of_transform(transform: object, family: "str | Family", target: str) -> str:
    """The family of a model of a transformed variable.

    Raises
    ------
    PlanError
        If there is no such transform, or the family is another one.
    """
    path = f"conditional[{target}].transform"
    if str(transform).startswith(BOTH):
        finding = (
            f'log({target}) on the left is transform = "log", and it has transform = "{str(transform)[len(BOTH) :]}"'
        )
        raise one(PlanError, path, finding, f"write {target} on the left, or leave transform out")
    if transform not in TRANSFORMS:
        remedy = did_you_mean(str(transform), TRANSFORMS, f"use one of {', '.join(TRANSFORMS)}")
        raise one(PlanError, path, f"there is no transform {transform!r}", remedy)
    name = TRANSFORMS[str(transform)]
    if family_name(family) not in ("auto", "gaussian", name):
        finding = f"{transform} of {target} is normal in the family {name}, and the family is {family_name(family)}"
        raise one(PlanError, path, finding, "leave the family out, or model the variable itself")
    return name


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


def _prior(given: Prior | float | str) -> Prior | float | str:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    try:
        return Prior.parse(given)  # type: ignore[arg-type]
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
