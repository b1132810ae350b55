"""What of a plan can be understood, part by part: what the later passes of ``check`` look at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bayesimpute.base.priors import Prior
from bayesimpute.checking.uses import Use
from bayesimpute.families import Family
from bayesimpute.formulas import Expression, Formula
from bayesimpute.plan.assumptions import Adjustment
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A conditional as far as it can be understood.

    Attributes
    ----------
    conditional : Conditional
        As given.
    target : str
        Its name.
    path : str
        ``conditional[target]`` or ``substantive[target]``.
    family : Family or None
        None if it is "auto" or cannot be used.
    broken_family : bool
        Whether the family cannot be used.
    formulas : mapping of str to Formula
        Those that can be read, by parameter.
    uses : mapping of str to Use
        The same formulas.
    side : mapping of str to Use
        The columns that the family reads, by role.
    level : str or None
        As given, if it is a text.
    priors : mapping of str to Prior
        Those that can be read.
    """

    conditional: Conditional
    target: str
    path: str
    family: Family | None
    broken_family: bool
    formulas: Mapping[str, Formula]
    uses: Mapping[str, Use]
    side: Mapping[str, Use]
    level: str | None
    priors: Mapping[str, Prior]


@dataclass(frozen=True, kw_only=True, eq=False)
class Definition:
    """A derived variable that can be read."""

    name: str
    path: str
    expression: Expression
    use: Use


@dataclass(frozen=True, kw_only=True, eq=False)
class Shifted:
    """An adjustment that can be read."""

    adjustment: Adjustment
    path: str
    expression: Expression
    use: Use


@dataclass(frozen=True, kw_only=True, eq=False)
class Read:
    """What of a plan can be understood."""

    plan: Plan
    conditionals: tuple[Reading, ...]
    derived: Mapping[str, Definition]
    shifts: tuple[Shifted, ...]
    analyses: Mapping[str, Formula]
    keys: tuple[str, ...]

    @property
    def targets(self) -> frozenset[str]:
        """The names of all targets."""
        return frozenset(r.target for r in self.conditionals)

    @property
    def uses(self) -> Iterator[Use]:
        """Of all formulas, families and expressions."""
        yield from (use for r in self.conditionals for use in (*r.uses.values(), *r.side.values()))
        yield from (d.use for d in self.derived.values())
