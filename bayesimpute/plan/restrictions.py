"""What completed rows have to be: rules that every draw respects, such as ``pregnancies == 0`` where ``sex == 'm'``.

A rule acts on draws alone: a value is drawn from its law given that the rule holds with the other current values. It is
in no likelihood, for observed rows respect it anyway, and tells the models nothing. What is known of single cells is
another thing (:mod:`bayesimpute.plan.known_cells`), and so is a law with limits (``bounded``): both are learnt from.

Each variable that a rule reads respects it when it is drawn, and so do the starts of chains: then it holds at any time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bayesimpute.formulas import Expression, parse_expression
from bayesimpute.plan.options import setting


@dataclass(frozen=True, kw_only=True)
class Restriction:
    """A rule that completed rows respect.

    Parameters
    ----------
    rule : str
        A condition of columns and derived variables of a row: ``"pregnancies == 0"``, ``"onset <= age"``.
    where : str or None
        The rows in which it has to hold; by default in all.
    """

    rule: str
    where: str | None = setting(None, "where it has to hold (all rows)")

    def __str__(self) -> str:
        return self.rule if self.where is None else f"{self.rule} where {self.where}"

    @property
    def path(self) -> str:
        """What problems call it."""
        return f"restriction[{self.rule}]"


def expression_of(restriction: Restriction) -> Expression:
    """What is 0 where the rule is broken.

    Raises
    ------
    FormulaError
        If one of both cannot be read.
    """
    parse_expression(restriction.rule, f"{restriction.path}.rule")  # so that what is wrong is not told of the whole
    text = restriction.rule
    if restriction.where is not None:
        parse_expression(restriction.where, f"{restriction.path}.where")
        text = f"where({restriction.where}, {restriction.rule}, 1)"
    return parse_expression(text, f"{restriction.path}.rule")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A restriction on its plan.

    Parameters
    ----------
    restriction : Restriction
        As written.
    expression : Expression
        What is 0 where it is broken.
    names : frozenset of str
        All columns that it follows from, through derived variables, too.
    """

    restriction: Restriction
    expression: Expression
    names: frozenset[str]


def broken(values: np.ndarray) -> np.ndarray:
    """Where the expression of a rule says that it is broken; what is not known breaks none."""
    return values == 0


def reading(rules: Iterable[Rule], name: str) -> tuple[Rule, ...]:
    """The rules that a variable is read by."""
    return tuple(rule for rule in rules if name in rule.names)
