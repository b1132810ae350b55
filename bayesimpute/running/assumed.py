"""Assumptions with a prior: one draw an imputation, and the sweeps aside that lead to it.

The chains run with the priors' means, and there convergence is judged. Where an imputation is taken, a side chain
leaves the chain, goes :data:`SWEEPS` sweeps under the imputation's own draw of the assumptions, and gives the cells. So
each imputation has one value, held through a burn-in of its own; nothing of the data changes it, for no sweep draws it.

Several assumptions with correlations are drawn as normal scores, correlated so (a Gaussian copula).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr

from bayesimpute.base.priors import Prior
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan import who_reads
from bayesimpute.plan.adjusted import middle
from bayesimpute.plan.assumptions import Assumption
from bayesimpute.plan.targets import Resolved

SWEEPS = 20
"""Of a side chain."""
_PLACE = (1 << 31) - 1
"""No chain has this number."""


def correlations(assumptions: Sequence[Assumption]) -> np.ndarray:
    """Of the normal scores, shape (assumption, assumption)."""
    names = [a.name for a in assumptions]
    found = np.eye(len(names))
    for i, a in enumerate(assumptions):
        for other, r in a.correlation.items():
            if other in names:
                found[i, names.index(other)] = found[names.index(other), i] = r
    return found


def drawn(resolved: Resolved) -> tuple[Assumption, ...]:
    """The assumptions of which each imputation has a draw."""
    return tuple(a for a in resolved.assumptions if a.prior is not None)


def middles(resolved: Resolved, incomplete: Incomplete) -> dict[str, np.ndarray]:
    """The values of all assumptions with which the chains run, by name, shape (row,)."""
    return {a.name: np.full(len(incomplete.frame), middle(a)) for a in resolved.assumptions}


def assumed(resolved: Resolved, incomplete: Incomplete, seed: int, imputation: int) -> dict[str, np.ndarray]:
    """The values of the assumptions with a prior in one imputation, by name, shape (row,).

    Random numbers come from the address (seed, imputation): those of an assumption do not depend on what it is used
    for, nor on how many clusters others have.
    """
    priors = drawn(resolved)
    if not priors:
        return {}
    rows = np.arange(len(incomplete.frame))
    codes = {a.by: incomplete.codes(a.by) for a in priors if a.by is not None}
    n = max([1, *(int(c.max()) + 1 for c in codes.values())])
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_PLACE, imputation)))
    scores = rng.standard_normal((n, len(priors))) @ np.linalg.cholesky(correlations(priors)).T
    found = {}
    for k, a in enumerate(priors):
        values = Prior.parse(str(a.prior)).quantile(ndtr(scores[:, k]))
        found[a.name] = values[codes[a.by]] if a.by is not None else np.full(len(rows), values[0])
    return found


def used_inside(resolved: Resolved) -> bool:
    """Whether a shift of which the chains know, or a formula, is made of assumptions with a prior."""
    names = {a.name for a in drawn(resolved)}
    needs: dict[str, Any] = {d.name: d.expression.needs for d in resolved.derived}
    read = frozenset().union(*(t.columns for t in resolved.targets))
    return bool(names & set(who_reads.closure(read, needs)))
