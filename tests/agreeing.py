"""Both samplers of one model, chain beside chain."""

from typing import Any

import numpy as np

from bayesimpute.samplers import ConditionalModel, Nuts
from bayesimpute.samplers.gibbs import Gibbs

BATCHES = 40


def chain(made: ConditionalModel, sampler: Any, sweeps: int, thin: int = 1) -> np.ndarray:
    """Parameters in the user's units, shape (sweep, parameter)."""
    posterior, rng, rows = sampler.compile(made), np.random.default_rng(1), []
    state = posterior.init(made.data, rng)
    for _ in range(sweeps):
        state, draw, _ = posterior.step(state, made.data, rng, transitions=thin)
        rows.append(made.design.posterior(draw))
    return np.array(rows)


def disagreement(made: ConditionalModel, *, thin: int = 2, sweeps: int = 4000) -> dict[str, float]:
    """By parameter the larger difference of both samplers' means of tanh and of its square, in standard errors.

    Of the parameter in standard deviations from its mean, for tanh says nothing of large numbers. Errors of chains come
    from batch means; `thin` sweeps of the compiled sampler are one of 4,000.
    """
    chains, found = [chain(made, Gibbs(), sweeps, thin), chain(made, Nuts(), sweeps)], {}
    for k, name in enumerate(made.design.names):
        values = []
        centre, spread = chains[1][:, k].mean(), chains[1][:, k].std()
        for function in (np.tanh, lambda v: np.tanh(v) ** 2):
            batches = [function((c[:, k] - centre) / spread).reshape(BATCHES, -1).mean(axis=1) for c in chains]
            error = np.sqrt(sum(v.var(ddof=1) / BATCHES for v in batches))
            values.append(abs(batches[0].mean() - batches[1].mean()) / error)
        found[name] = float(max(values))
    return found
