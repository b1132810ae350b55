"""Which model reads which variable, and what follows from that for plans with substantive models.

**The joint model.** Draw an arrow from x to t where the model of t reads x, directly or through derived variables. Sets
of variables that read each other in a circle (incomplete covariates in each other's models) are imputed by chained
equations among themselves. Between sets there are no circles, so the models multiply to one joint density

    prod_t p(t | what it reads),

and the law of a missing cell of x given everything else is its own model's density times that of every model that
reads x from outside of its circle: its *factors*. (Bartlett et al. 2015, SMMR 24:462, for one outcome; Enders, Du &
Keller 2020, Psychological Methods 25:88, for sequences.)

**Which rows.** Parameters are drawn given what they are drawn given in a Gibbs sampler of that joint density: all rows,
current imputations included, for a variable that some model reads. A variable that nobody reads (the outcome) can have
its missing values integrated out: its model is fitted to the rows where it is observed, and its missing cells are drawn
last in every sweep. (Drawn before the covariates that it reads, they would stay behind as draws given old values of
these: where both are missing, slopes shrink and residual variances grow, and no diagnostic shows it.)

**Without a density.** A variable that is imputed by matching, and that nobody reads, is no part of the joint model: it
is drawn given all others, after them in every sweep, and says nothing about them.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping

from bayesimpute.plan.targets import DerivedColumn

Graph = Mapping[str, frozenset[str]]
"""For each variable with a model, the other such variables that its model reads."""


def closure(names: Iterable[str], inside: Mapping[str, Iterable[str]]) -> dict[str, str | None]:
    """All that follows from what: each name that is needed, with the derived variable that leads to it, if one does.

    Parameters
    ----------
    names : iterable of str
        What is read directly.
    inside : mapping of str to iterable of str
        What each derived variable is computed from.
    """
    found: dict[str, str | None] = {}
    waiting: deque[tuple[str, str | None]] = deque((name, None) for name in sorted(names))
    while waiting:
        name, leading = waiting.popleft()
        if name not in found:
            found[name] = leading
            waiting.extend((inner, name) for inner in sorted(inside.get(name, ())))
    return found


def way(name: str, found: Mapping[str, str | None]) -> list[str]:
    """The derived variables on the way to a name of a :func:`closure`, in the order of reading, and the name."""
    names = [name]
    while (leading := found[names[-1]]) is not None:
        names.append(leading)
    return names[::-1]


def following(name: str, derived: Iterable[DerivedColumn]) -> tuple[DerivedColumn, ...]:
    """The derived columns that change with a variable, in their order, which is that of dependency."""
    changed = {name}
    for column in derived:
        if changed & column.expression.needs:
            changed.add(column.name)
    return tuple(column for column in derived if column.name in changed)


def reached(graph: Graph) -> dict[str, frozenset[str]]:
    """For each variable all those that it reads directly or through the models of others."""
    found = {}
    for start in graph:
        seen: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += graph.get(name, ())
        found[start] = frozenset(seen)
    return found


def circles(graph: Graph) -> dict[str, frozenset[str]]:
    """For each variable those that it reads in a circle, itself included; only itself where there is none."""
    reach = reached(graph)
    return {name: frozenset({name} | {o for o in reach[name] if name in reach.get(o, ())}) for name in graph}


def factors(graph: Graph) -> dict[str, tuple[str, ...]]:
    """For each variable the models whose density multiplies into its draws."""
    mates = circles(graph)
    return {x: tuple(t for t in graph if x in graph[t] and t not in mates[x]) for x in graph}


def leaves(graph: Graph, matched: Collection[str]) -> frozenset[str]:
    """The variables of `matched`, which have no density, that no model reads."""
    return frozenset(matched) - read_by_others(graph)


def without(graph: Graph, names: Collection[str]) -> dict[str, frozenset[str]]:
    """The same but for the models of some variables."""
    return {name: reads for name, reads in graph.items() if name not in names}


def read_by_others(graph: Graph) -> frozenset[str]:
    """The variables that some model reads."""
    return frozenset().union(*graph.values()) if graph else frozenset()
