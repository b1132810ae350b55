"""Which variables predict a target: a pure function of how strongly each is associated with it.

The strongest first, down to a bound, up to a number; those that are always in before them; none that repeats one that
is in already. Ties stand in the order of the data.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from bayesimpute.base.errors import PlanError, Problem, did_you_mean
from bayesimpute.base.phrases import listed

LEAST = 0.1
"""The smallest association that matters, mice's ``mincor``."""
MOST = 15
"""Predictors of a target: more than 15 to 25 add little (Van Buuren, Boshuizen & Knook 1999, Stat Med 18:681)."""


@dataclass(frozen=True, kw_only=True)
class SparseRule:
    """What the user says of the rule.

    Attributes
    ----------
    least : float
        The smallest association that makes a predictor.
    most : int
        Predictors of a target, those that are always in included.
    include, exclude : tuple of str
        Columns that predict every target, and columns that predict none.
    """

    least: float = LEAST
    most: int = MOST
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @property
    def said(self) -> list[str]:
        """The settings that are not what they are by default."""
        return [name for name, value in vars(self).items() if value != getattr(SparseRule(), name)]

    def problems(self, columns: Iterable[str]) -> list[Problem]:
        """What is wrong with it, for data with these columns."""
        columns, found = list(columns), []
        if not 0 <= self.least <= 1:
            finding = f"{self.least} is no association, which lies between 0 and 1"
            found.append(Problem(path="least", finding=finding, remedy="write one of them, such as .1"))
        if self.most < 1:
            remedy = "write at least 1; to impute without predictors, write a plan of formulas"
            found.append(Problem(path="most", finding=f"{self.most} is no number of predictors", remedy=remedy))
        for path, names in (("include", self.include), ("exclude", self.exclude)):
            for name in names:
                if name not in columns:
                    remedy = did_you_mean(name, columns, f"name columns of the data: {listed(columns, 12)}")
                    found.append(Problem(path=path, finding=f'there is no column "{name}"', remedy=remedy))
        both = [name for name in self.include if name in self.exclude]
        if both:
            finding = f"{listed(f'"{name}"' for name in both)} {'is' if len(both) == 1 else 'are'} excluded, too"
            found.append(Problem(path="include", finding=finding, remedy="name each column in one of the two"))
        return found

    def require(self, columns: Iterable[str]) -> None:
        """Raise what is wrong with it."""
        problems = self.problems(columns)
        if problems:
            raise PlanError(problems)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The predictors of a target.

    Attributes
    ----------
    kept : tuple of str
        In the order in which they matter.
    beyond : tuple of str
        Those that reach the bound and are too many.
    repeats : mapping of str to str
        Those that reach the bound and repeat another that is kept, and that one.
    beside : tuple of str
        Those of the kept ones that do not reach the bound but stand beside near copies, which they tell apart.
    """

    kept: tuple[str, ...]
    beyond: tuple[str, ...] = ()
    repeats: Mapping[str, str]
    beside: tuple[str, ...] = ()

    def with_beside(self, names: Iterable[str], most: int) -> "Choice":
        """With others after those that are kept, as far as there is room for them."""
        new = [n for n in dict.fromkeys(names) if n not in self.kept and n not in self.repeats]
        new = new[: max(most - len(self.kept), 0)]
        return replace(self, kept=(*self.kept, *new), beside=tuple(new))


def chosen(
    strengths: Mapping[str, float],
    rule: SparseRule,
    *,
    always: Iterable[str] = (),
    repeats: Callable[[str, str], bool] = lambda name, other: False,
) -> Choice:
    """The predictors of a target.

    Parameters
    ----------
    strengths : mapping of str to float
        How strongly each variable is associated with the target, in the order of the data.
    rule : SparseRule
        Bound and number.
    always : iterable of str
        Those that are in whatever their association.
    repeats : function of two names
        Whether one is a copy of the other.

    Examples
    --------
    >>> chosen({"a": 0.2, "b": 0.05, "c": 0.4}, SparseRule()).kept
    ('c', 'a')
    """
    first = [name for name in strengths if name in {*always}]
    strong = [name for name, each in strengths.items() if each >= rule.least and name not in first]
    order = [*first, *sorted(strong, key=lambda name: -strengths[name])]
    kept: list[str] = []
    beyond: list[str] = []
    copies: dict[str, str] = {}
    for name in order:
        other = next((k for k in kept if repeats(name, k)), None)
        if other is not None and name not in first:
            copies[name] = other
        elif len(kept) >= rule.most and name not in first:
            beyond.append(name)
        else:
            kept.append(name)
    return Choice(kept=tuple(kept), beyond=tuple(beyond), repeats=copies)
