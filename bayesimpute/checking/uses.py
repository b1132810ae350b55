"""What a formula or an expression needs of the data: which columns, and what for."""

from collections.abc import Iterable
from dataclasses import dataclass

from bayesimpute.formulas import Expression, Formula, parse_expression
from bayesimpute.formulas.language import usage_of
from bayesimpute.formulas.lift import column_name, lift_expression, lift_formula
from bayesimpute.formulas.syntax import Name, Node, quote
from bayesimpute.formulas.usage import Usage, guarded, labelled


@dataclass(frozen=True, kw_only=True, eq=False)
class Use:
    """What a formula or an expression needs of the data.

    Attributes
    ----------
    path : str
        Where it stands.
    names : frozenset of str
        All columns.
    values : frozenset of str
        Those whose values are calculated with, inside or outside of cluster means; not keys, nor ``observed()``.
    observed : frozenset of str
        Columns whose missingness indicator is used.
    systematic : frozenset of str
        Columns of which it is used whether a cluster has any observed value.
    timed : frozenset of (str, str)
        Functions of a subject's visits, with the columns.
    keys : tuple of str
        Keys inside calls, then grouping factors, each once.
    calls : tuple of str
        The calls that look beyond the row, and what is in an ``offset()``.
    offsets : tuple of str
        What is in an ``offset()``, where it is a column alone.
    trees : tuple of Node
        What is calculated, with columns in place of the calls (of a formula: its common terms).
    """

    path: str
    names: frozenset[str]
    values: frozenset[str]
    observed: frozenset[str]
    systematic: frozenset[str] = frozenset()
    timed: frozenset[tuple[str, str]] = frozenset()
    keys: tuple[str, ...]
    calls: tuple[str, ...]
    offsets: tuple[str, ...] = ()
    trees: tuple[Node, ...]

    @property
    def masks(self) -> frozenset[str]:
        """Columns of whose cells it is used which are observed."""
        return self.observed | self.systematic | {name for function, name in self.timed if function != "lag"}


def formula_use(formula: Formula, path: str) -> Use:
    """What a formula needs of the data."""
    lifted, calls = lift_formula(formula)
    plain = usage_of((*lifted.trees, *(term for group in lifted.groups for term in group.trees))).needs
    plain |= offsets_usage(formula).needs
    keys = [*sorted(formula.keys), *(group.factor for group in formula.groups)]
    return Use(
        path=path,
        names=formula.names,
        values=_values(plain, calls, formula),
        observed=formula.observed,
        systematic=frozenset(name for name, _ in formula.systematic),
        timed=formula.timed,
        keys=tuple(dict.fromkeys(keys)),
        calls=tuple(sorted(calls)),
        offsets=tuple(quote(node.name) for node in formula.offsets if isinstance(node, Name)),
        trees=tuple(atom for term in lifted.trees for atom in term),
    )


def offsets_usage(formula: Formula) -> Usage:
    """What the offsets of a formula use."""
    usage = Usage("formula", "expression")
    for node in formula.offsets:
        usage.visit(node)
    return usage


def expression_use(expression: Expression, path: str) -> Use:
    """What an expression needs of the data."""
    lifted, calls = lift_expression(expression)
    return Use(
        path=path,
        names=expression.names,
        values=_values(set(lifted.needs), calls, expression),
        observed=expression.observed,
        systematic=frozenset(name for name, _ in expression.systematic),
        timed=expression.timed,
        keys=tuple(sorted(expression.keys)),
        calls=tuple(sorted(calls)),
        trees=(lifted.tree,),
    )


def side_use(column: str, path: str) -> Use:
    """What a side column of a family needs of the data."""
    one: frozenset[str] = frozenset({column})
    return Use(path=path, names=one, values=one, observed=frozenset(), keys=(), calls=(), trees=())


def _values(plain: set[str], calls: Iterable[str], read: Formula | Expression) -> frozenset[str]:
    """Columns outside of calls, and those inside of cluster means (unless of ``observed()`` only) and lags."""
    inside = {name for name, _ in read.cluster_means} | {name for function, name in read.timed if function == "lag"}
    trees = [parse_expression(call).tree for call in calls]
    inside |= labelled(trees) | guarded(trees)
    return frozenset(plain - set(map(column_name, calls)) | inside & read.needs)
