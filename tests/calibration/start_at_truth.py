"""The start-at-truth test of a Gibbs sampler: exact where its kernel is right, however slowly it mixes.

Parameters, effects included, are drawn from the prior, data from them, and the sampler starts where they are. Then
state and data have their joint law, and a kernel that leaves the posterior as it is leaves the joint law as it is: over
independent replicates the mean of f(after) - f(before) is zero, for every f of state and data. No burn-in, no
autocorrelation, so the Monte Carlo error is that of independent pairs. A mistake shows as far as one to four sweeps
carry it.

What a sampler has learnt of directions comes from a pilot data set and stays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.graph import Vector
from bayesimpute.designs.parts import Block
from bayesimpute.samplers.gibbs.counts import Counts
from bayesimpute.samplers.gibbs.densities import inner_root
from bayesimpute.samplers.gibbs.heavy_tails import Heavy
from bayesimpute.samplers.gibbs.labels import Labels
from bayesimpute.samplers.gibbs.layout import Layout
from bayesimpute.samplers.gibbs.nothing_or_some import SeveralParts
from bayesimpute.samplers.gibbs.one_sigma import Plain
from bayesimpute.samplers.gibbs.ordered_labels import Cumulative
from bayesimpute.samplers.gibbs.powers import Powers
from bayesimpute.samplers.gibbs.selection.two_equations import TwoEquations
from bayesimpute.samplers.gibbs.shared_effects import Joint
from bayesimpute.samplers.gibbs.sigma_formula import Scaled
from bayesimpute.samplers.sampler import SamplerState

Arrays = dict[str, np.ndarray]


def from_prior(engine: Any, rng: np.random.Generator) -> Arrays:
    """What is drawn by an engine's sampler, from the prior, as its state has it."""
    if isinstance(engine, TwoEquations):
        predictors = engine.frame.predictors
        sigma = _log(predictors["sigma"].priors[0], rng) if "sigma" in predictors else 0.0
        errors = {"log_sigma": np.array(sigma)}
        if "rho" in predictors:
            errors["zeta"] = np.array(np.arctanh(predictors["rho"].priors[0].draw(rng, 1)[0]))
        return linear(engine.frame.lay, engine.frame.blocks, 0.0, rng) | errors
    if isinstance(engine, Labels):
        return of_labels(engine, rng)
    if isinstance(engine, SeveralParts):
        halves = {}
        for half in engine.halves:
            halves |= half.named(from_prior(half.engine, rng))
        return halves | together(engine.joints, rng)
    blocks = engine.mu.blocks
    if isinstance(engine, Cumulative):
        made = linear(engine.lay, blocks, 0.0, rng)
        made["z"][0] = 0.0
        one = Vector(name="cutpoints", priors=engine.priors, ordered=True).draw(rng)
        return made | {"cutpoints": one}
    if isinstance(engine, Plain):
        return linear(engine.lay, blocks, _log(engine.sigma_prior, rng), rng)
    if isinstance(engine, Powers):
        made = linear(engine.lay, blocks, _log(engine.sigma_prior, rng), rng)
        return made | {"skew_theta": np.arctanh(engine.skew_prior.draw(rng, 1))}
    if isinstance(engine, Heavy):
        sigma, nu = (_log(prior, rng) for prior in engine.tail)
        return linear(engine.lay, blocks, sigma, rng) | {"nu_theta": np.array([nu])}
    made = linear(engine.lay, blocks, 0.0, rng)
    if isinstance(engine, Counts) and engine.other is not None:
        made |= {"alpha_theta": np.array([_log(engine.other, rng)])}
    if isinstance(engine, Scaled):
        own = engine.sigma
        gamma = [prior.draw(rng, 1)[0] for prior in own.predictor.priors]
        normals = rng.standard_normal(sum(b.size * b.width for b in own.blocks))
        theta = deviations(engine.scale_lay, own.blocks, 0.0, rng)
        made |= {"sigma_theta": theta, "sigma_z": np.concatenate([gamma, normals])}
    return made


def of_labels(engine: Labels, rng: np.random.Generator) -> Arrays:
    """Of all labels; effects that they have together stand by themselves."""
    each = [linear(label.lay, label.blocks, 0.0, rng) for label in engine.labels]
    return {name: np.array([state[name] for state in each]) for name in each[0]} | together(engine.together, rng)


def together(joints: Sequence[Joint], rng: np.random.Generator) -> Arrays:
    """Effects that predictors have together."""
    made: Arrays = {}
    for whole in joints:
        key, theta = whole.block.key, deviations(whole.lay, [whole.block], 0.0, rng)
        root = whole.root({f"{key}_theta": theta})
        normals = rng.standard_normal((whole.block.size, len(root)))
        made |= {f"{key}_theta": theta, key: normals @ root.T}
    return made


def linear(lay: Layout, blocks: Sequence[Block], sigma: float, rng: np.random.Generator) -> Arrays:
    """Of one linear predictor."""
    theta = deviations(lay, blocks, sigma, rng)
    z = lay.mean + rng.standard_normal(lay.mean.size) / np.sqrt(lay.precision)
    u = rng.standard_normal((lay.clusters, lay.width)) @ inner_root(theta, lay).T
    return {"theta": theta, "z": z, "u": u}


def deviations(lay: Layout, blocks: Sequence[Block], sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Log sigma, then log standard deviations and artanh of partial correlations by their priors."""
    theta = np.full(lay.kinds.size, sigma)
    for b, first in zip(blocks, lay.firsts, strict=True):
        theta[first : first + b.width] = [_log(prior, rng) for prior in b.priors]
    for k in np.flatnonzero(lay.kinds[1:] == 0) + 1:  # (1 + r) / 2 ~ Beta(a, a)
        theta[k] = np.arctanh(2 * rng.beta(lay.args[k, 0], lay.args[k, 0]) - 1)
    return theta


def _log(prior: Prior, rng: np.random.Generator) -> float:
    return float(np.log(prior.draw(rng, 1)[0]))


@dataclass(kw_only=True)
class Trial:
    """What is put to the test.

    Parameters
    ----------
    posterior : GibbsPosterior
        The sampler, on any data.
    simulate : callable
        From a draw and random numbers to data as the sampler takes them, and to what is seen of draw and data: a
        function of the draw, for data that are not known to the sampler must not be in it.
    spoil : callable
        Makes a mistake in the sampler, when it has got the data.
    numbers : callable
        The sampler's random numbers, from those of the test.
    """

    posterior: Any
    simulate: Callable[[Mapping[str, Any], np.random.Generator], tuple[Any, Callable[[Any], np.ndarray]]]
    spoil: Callable[[Any], None] = lambda _: None
    numbers: Callable[[np.random.Generator], np.random.Generator] = lambda rng: rng

    def errors(self, *, replicates: int, sweeps: int = 2, seed: int = 1) -> np.ndarray:
        """Means of paired differences in standard errors, one for each function that moves."""
        rng, engine = np.random.default_rng(seed), self.posterior.engine
        learnt = engine.start(rng)
        pilot, _ = self.simulate(self.posterior.draw(SamplerState({**learnt, **from_prior(engine, rng)})), rng)
        learnt = dict(self.posterior.init(pilot, rng).arrays)
        gaps = []
        for _ in range(replicates):
            truth = SamplerState({**learnt, **from_prior(engine, rng)})
            before = self.posterior.draw(truth)
            data, see = self.simulate(before, rng)
            self.posterior._set(data)
            self.spoil(self.posterior)
            held = self.posterior.held
            _, after, _ = self.posterior.step(truth, held, self.numbers(rng), transitions=sweeps)
            gaps.append(see(after) - see(before))
        found = np.array(gaps)
        found = found[:, found.std(axis=0) > 1e-9]  # not what rounding moves: an effect's correlation with itself
        return found.mean(axis=0) / (found.std(axis=0, ddof=1) / np.sqrt(replicates))
