"""What a formula or an expression needs of the data: which columns, and what for."""

from collections.abc import Iterable
from dataclasses import dataclass

from bayesimpute.formulas import Expression, Formula, parse, parse_expression
from bayesimpute.formulas.lift import column_name, lift


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
    keys : tuple of str
        Keys of cluster means, then grouping factors, each once.
    calls : tuple of str
        The ``cluster_mean`` and ``observed`` calls.
    lifted : str
        The text with columns in place of the calls (of a formula: the common terms).
    """

    path: str
    names: frozenset[str]
    values: frozenset[str]
    observed: frozenset[str]
    keys: tuple[str, ...]
    calls: tuple[str, ...]
    lifted: str


def formula_use(formula: Formula, path: str) -> Use:
    """What a formula needs of the data."""
    texts = [formula.common, *(group.expression for group in formula.groups)]
    found = [lift(text, path) for text in texts]
    calls = tuple(dict.fromkeys(call for _, inner in found for call in inner))
    plain = {n for text, _ in found for n in parse(text, response="forbidden", path=path).needs}
    keys = [*sorted(key for _, key in formula.cluster_means), *(group.factor for group in formula.groups)]
    return Use(
        path=path,
        names=formula.names,
        values=_values(plain, calls, formula.cluster_means, formula.needs),
        observed=formula.observed,
        keys=tuple(dict.fromkeys(keys)),
        calls=calls,
        lifted=found[0][0],
    )


def expression_use(expression: Expression, path: str) -> Use:
    """What an expression needs of the data."""
    lifted, calls = lift(f"({expression})", path)  # in parentheses: | is a logical or here
    plain = set(parse_expression(lifted, path).needs)
    return Use(
        path=path,
        names=expression.names,
        values=_values(plain, calls, expression.cluster_means, expression.needs),
        observed=expression.observed,
        keys=tuple(sorted({key for _, key in expression.cluster_means})),
        calls=calls,
        lifted=lifted,
    )


def _values(
    plain: set[str], calls: Iterable[str], means: Iterable[tuple[str, str]], needs: frozenset[str]
) -> frozenset[str]:
    """Columns outside of calls, and those inside cluster means (unless it is a mean of ``observed()`` only)."""
    return frozenset(plain - set(map(column_name, calls)) | {name for name, _ in means} & needs)
