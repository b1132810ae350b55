"""How many inner steps a visit needs.

A conditional that is fitted to its observed rows needs a nearly fresh draw of its parameters at each visit, or the
between-imputation variance shrinks without R-hat noticing (van Dyk & Jiao 2015; Liu et al. 2014). So
the number of transitions is the smallest lag at which, with the data held fixed, the autocorrelation of every scalar
parameter (standard deviations and correlations included), and of the group-specific effects of some clusters, is below
:data:`TARGET_AUTOCORRELATION`. Parameters may forget where single effects do not: with rare outcomes those of clusters
with few events move slowly.

Of each block these are the largest cluster and the smallest, up to :data:`ABSENT` without a fitted row and
:data:`CHOSEN` at random: fourteen at most, whatever the data. The largest of many estimates is too large by chance, so
effects that ask for :data:`NOISE` step more than the parameters do not count; where they ask for more, :data:`LONGER`
times as many transitions tell how many are needed, the only cost of note. Samplers that draw effects anew given
the parameters need not show them (:meth:`Posterior.explore`).

A parameter that never changes is a fixed one and does not count. An effect that never changes is stuck: its proposals
are always refused. It counts as wholly autocorrelated, and the event of the step says how many there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_toeplitz

from bayesimpute.base.phrases import counted
from bayesimpute.designs.design import Design
from bayesimpute.designs.sheets import LargeData
from bayesimpute.plan.targets import Event
from bayesimpute.running.kernel import Bench, ChainState, generator
from bayesimpute.samplers.sampler import Posterior, SamplerState, Watched

TARGET_AUTOCORRELATION = 0.1
CALIBRATION = 500
"""Transitions at fixed data from which the number of inner steps is found."""
MOST_STEPS = 50
ORDER = 3
"""Of the autoregression for so many transitions; it grows with their number."""
NOISE = 1
"""Steps that the effects may ask for beyond the parameters by chance."""
LONGER = 4
"""Times :data:`CALIBRATION`, where effects ask for more."""
CHOSEN = 10
"""Clusters of a block that are looked at, chosen at random."""
ABSENT = 2
"""Clusters of a block without fitted rows that are looked at."""
WHAT = "inner steps a visit"
"""The end of the event of a step whose number is settled."""


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
        chosen = generator(seed, state.chain, state.sweep + 1, 2 * len(visited) + place)
        watched = watched_clusters(workspace.designs[step.name], data, chosen)
        parameters = len(workspace.designs[step.name].names)
        sampler, found = explored(posterior, state.samplers[step.name], data, rng, watched, parameters)
        state = replace(state, samplers={**state.samplers, step.name: sampler})
        steps, why = found.lag, found.told()
        why += ", on a sample of clusters" if step.name in workspace.large else ""
    event = Event(**where, what=f"{steps} {WHAT}", why=why)
    return replace(state, steps={**state.steps, step.name: steps}), event


def _share(data: Mapping[str, np.ndarray]) -> float:
    """Of the rows that the number of inner steps is found on."""
    return len(data.sample()["y_data"]) / len(data["y_data"]) if isinstance(data, LargeData) else 1.0


@dataclass(frozen=True, kw_only=True)
class Explored:
    """What transitions with the data held fixed tell: the lag, the autocorrelation left, and the effects stuck."""

    looked: int
    lag: int
    left: float
    stuck: int

    def told(self) -> str:
        """Why a step has so many inner steps."""
        why = (
            f"largest autocorrelation {self.left:.2f} at that lag of {self.looked} transitions with the data held fixed"
        )
        return f"{why}; {counted(self.stuck, 'effect')} of clusters never moved" if self.stuck else why


def explored(
    posterior: Posterior,
    sampler: SamplerState,
    data: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    watched: Watched,
    parameters: int,
) -> tuple[SamplerState, Explored]:
    """The sampler's last state, and what its transitions tell.

    A chain has so many `parameters`, then the effects of the `watched` clusters.
    """
    sampler, chain = posterior.explore(sampler, data, rng, CALIBRATION, watched)
    lag = shortest_lag(chain[:, :parameters])
    if _stuck(chain[:, parameters:]) or shortest_lag(chain)[0] > lag[0] + NOISE:
        sampler, more = posterior.explore(sampler, data, rng, (LONGER - 1) * CALIBRATION, watched)
        chain = np.concatenate([chain, more])
        lag = shortest_lag(chain)
    stuck = _stuck(chain[:, parameters:])
    lag = (MOST_STEPS, 1.0) if stuck else lag
    return sampler, Explored(looked=len(chain), lag=lag[0], left=lag[1], stuck=stuck)


def _stuck(effects: np.ndarray) -> int:
    """How many columns never change."""
    return int((effects == effects[0]).all(axis=0).sum())


def watched_clusters(design: Design, data: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The clusters of each block whose effects are looked at; of large data, clusters of its sample."""
    if isinstance(data, LargeData):
        data = data.sample()
        design = data.design
    chosen = {}
    for block in design.blocks:
        sizes = np.bincount(data[f"codes_{block.key}"], minlength=block.size)
        absent, present = rng.permutation(np.flatnonzero(sizes == 0)), rng.permutation(np.flatnonzero(sizes))
        by_size = present[np.argsort(sizes[present], kind="stable")]
        chosen[block.key] = np.unique(np.concatenate([absent[:ABSENT], present[:CHOSEN], by_size[:1], by_size[-1:]]))
    return chosen


def shortest_lag(chain: np.ndarray) -> tuple[int, float]:
    """The lag from which on the columns of `chain`, shape (draw, parameter), are as good as uncorrelated.

    The autocorrelations are those of an autoregression fitted to each parameter (Yule-Walker),
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
    order = ORDER * max(1, min(LONGER, len(chain) // CALIBRATION))
    varies = (chain != chain[0]).any(axis=0)  # a variance may be rounding
    if not varies.any():
        return 1, 0.0
    size = np.abs([_autocorrelations(x, order) for x in centred.T[varies]])
    small = (size[:, :-1] < TARGET_AUTOCORRELATION) & (size[:, 1:] < TARGET_AUTOCORRELATION)
    first = np.where(small.any(axis=1), small.argmax(axis=1), MOST_STEPS - 1)
    lag = int(first.max()) + 1
    return lag, float(size[:, lag - 1].max())


def _autocorrelations(x: np.ndarray, order: int) -> list[float]:
    """At lags 1 to MOST_STEPS + 1, of the autoregression fitted to a centred series."""
    found = [float(x[lag:] @ x[: len(x) - lag]) / float(x @ x) for lag in range(order + 1)]
    weights = solve_toeplitz(found[:order], found[1:])
    while len(found) < MOST_STEPS + 2:
        found.append(float(weights @ found[: -order - 1 : -1]))
    return found[1:]
