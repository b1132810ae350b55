"""How many inner steps a visit needs.

A conditional that is fitted to its observed rows needs a nearly fresh draw of its parameters at each visit, or the
between-imputation variance shrinks without R-hat noticing (van Dyk & Jiao 2015; Liu et al. 2014). So
the number of transitions is the smallest lag at which, with the data held fixed, the autocorrelation of every scalar
parameter (standard deviations and correlations included) is below :data:`TARGET_AUTOCORRELATION`.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.linalg import solve_toeplitz

from bayesimpute.designs.sheets import LargeData
from bayesimpute.plan.targets import Event
from bayesimpute.running.kernel import Bench, ChainState, generator

TARGET_AUTOCORRELATION = 0.1
CALIBRATION = 500
"""Transitions at fixed data from which the number of inner steps is found."""
MOST_STEPS = 50
ORDER = 3


def settle_steps(bench: Bench, state: ChainState, place: int, seed: int) -> tuple[ChainState, Event]:
    """Choose the number of inner steps of a step, with its data held fixed and its adaptation frozen."""
    workspace = bench.workspace
    visited = workspace.resolved.steps
    step = visited[place]
    asked = workspace.plan.run.steps
    where = {"chain": state.chain, "sweep": state.sweep, "target": step.name}
    if asked != "auto":
        steps, why = int(asked), "run.steps says so"
    elif len(visited) == 1:
        steps, why = 1, "with one incomplete variable the loop is ordinary MCMC"
    elif workspace.plan.run.sweeps * MOST_STEPS <= CALIBRATION * _share(bench.data(step)):
        steps, why = MOST_STEPS, "for so few sweeps, to find out how many are needed would cost more than the most"
    else:
        rng = generator(seed, state.chain, state.sweep + 1, len(visited) + place)
        data = bench.data(step)
        posterior = workspace.posterior(step, data)
        sampler, chain = posterior.explore(state.samplers[step.name], data, rng, CALIBRATION)
        state = replace(state, samplers={**state.samplers, step.name: sampler})
        steps, left = shortest_lag(chain)
        why = f"largest autocorrelation {left:.2f} at that lag of {CALIBRATION} transitions with the data held fixed"
        why += ", on a sample of clusters" if step.name in workspace.large else ""
    event = Event(**where, what=f"{steps} inner steps a visit", why=why)
    return replace(state, steps={**state.steps, step.name: steps}), event


def _share(data: Mapping[str, np.ndarray]) -> float:
    """Of the rows that the number of inner steps is found on."""
    return len(data.sample()["y_data"]) / len(data["y_data"]) if isinstance(data, LargeData) else 1.0


def shortest_lag(chain: np.ndarray) -> tuple[int, float]:
    """The lag from which on the columns of `chain`, shape (draw, parameter), are as good as uncorrelated.

    The autocorrelations are those of an autoregression of order :data:`ORDER` fitted to each parameter (Yule-Walker),
    which takes the noise out of the higher lags. For each parameter the smallest lag at which they are below the
    target, of either sign, there and at the next lag (NUTS alternates: a negative correlation at odd lags comes with
    a positive one at even lags); then the largest over the parameters.

    Returns
    -------
    int
        The lag, at most :data:`MOST_STEPS`.
    float
        The largest autocorrelation there, of either sign.
    """
    centred = chain - chain.mean(axis=0)
    variance = (centred**2).mean(axis=0)
    size = np.abs([_autocorrelations(x) for x, v in zip(centred.T, variance) if v > 0])
    if not size.size:
        return 1, 0.0
    small = (size[:, :-1] < TARGET_AUTOCORRELATION) & (size[:, 1:] < TARGET_AUTOCORRELATION)
    first = np.where(small.any(axis=1), small.argmax(axis=1), MOST_STEPS - 1)
    lag = int(first.max()) + 1
    return lag, float(size[:, lag - 1].max())


def _autocorrelations(x: np.ndarray) -> list[float]:
    """At lags 1 to MOST_STEPS + 1, of the autoregression fitted to a centred series."""
    found = [float(x[lag:] @ x[: len(x) - lag]) / float(x @ x) for lag in range(ORDER + 1)]
    weights = solve_toeplitz(found[:ORDER], found[1:])
    while len(found) < MOST_STEPS + 2:
        found.append(float(weights @ found[: -ORDER - 1 : -1]))
    return found[1:]
