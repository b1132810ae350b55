"""What a draw has of clusters that its model never saw, given what is known of them: everything else in it is held.

Effects of such a cluster come from the population distribution, Normal(0, Sigma) of the draw. Where the new rows have
values of the target in it, they are told by these, too: elliptical slice sampling (Murray, Adams & MacKay 2010, AISTATS
9:541) needs no more than the family's density, has nothing to tune, and moves all clusters of a block at once. The
effects of known clusters stay those of the draw.

Of a selection model a new cluster without any value may be missing systematically, as likely as the draw's share of
such clusters says (:mod:`bayesimpute.plan.empty_clusters`).
"""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, log_ndtr, logit

from bayesimpute.designs.design import SYSTEMATIC, Draw
from bayesimpute.designs.parts import Block
from bayesimpute.plan.targets import Step
from bayesimpute.running.kernel import Bench

MOVES = 3
"""Of each block's effects in a visit."""
SHRINKS = 100
"""Far more than are ever needed: an angle that has shrunk so often is the current value."""


def grown(draw: Draw, bench: Bench, step: Step, rng: np.random.Generator) -> Draw:
    """A draw with a start for the clusters that its model never saw: from their population distribution."""
    placement = bench.workspace.placements[step.name]
    made, empty = dict(placement.with_new_clusters(draw, rng)), step.lead.empty
    if empty is not None:
        known = placement.design.empty
        had = {} if known is None else dict(zip(zip(known.keys, known.labels), draw[SYSTEMATIC], strict=True))
        share = np.asarray(rng.beta(1, 1 + empty.others))  # if the run had no such cluster to learn it from
        made.setdefault("systematic", share)
        drawn = (rng.random(len(empty)) < made["systematic"]).astype(float)
        made[SYSTEMATIC] = np.array([had.get(name, z) for name, z in zip(zip(empty.keys, empty.labels), drawn)])
    return made


def redrawn_clusters(draw: Draw, bench: Bench, step: Step, rng: np.random.Generator) -> Draw:
    """The draw, with what it has of new clusters moved on given the current data."""
    placement = bench.workspace.placements[step.name]
    for block in placement.design.blocks:
        if len(draw[block.key]) > block.size:
            density = _density(draw, block, bench, step)
            for _ in range(MOVES):
                moved = elliptical(rng, draw[block.key][block.size :], draw[f"{block.key}_root"], density)
                draw = {**draw, block.key: np.concatenate([draw[block.key][: block.size], moved])}
    return draw if step.lead.empty is None else _systematic(draw, bench, step, rng)


def elliptical(
    rng: np.random.Generator, current: np.ndarray, root: np.ndarray, density: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """One move of the effects of all new clusters of a block.

    Parameters
    ----------
    rng : Generator
        Of the visit.
    current : ndarray, shape (cluster, effect)
        Where they are.
    root : ndarray, shape (effect, effect)
        A root of their covariance matrix.
    density : callable
        Their log-likelihood, shape (cluster,).

    Returns
    -------
    ndarray, shape (cluster, effect)
    """
    other = rng.standard_normal(current.shape) @ root.T
    height = density(current) - rng.standard_exponential(len(current))
    angle = rng.uniform(0, 2 * np.pi, len(current))
    low, high = angle - 2 * np.pi, angle
    found, open_ = current.copy(), np.ones(len(current), dtype=bool)
    for _ in range(SHRINKS):
        proposal = current * np.cos(angle)[:, None] + other * np.sin(angle)[:, None]
        proposal = np.where(open_[:, None], proposal, found)
        inside = density(proposal) > height
        found = np.where((open_ & inside)[:, None], proposal, found)
        open_ &= ~inside
        if not open_.any():
            break
        low, high = np.where(open_ & (angle < 0), angle, low), np.where(open_ & (angle >= 0), angle, high)
        angle = np.where(open_, low + (high - low) * rng.random(len(angle)), angle)
    return found


def _density(draw: Draw, block: Block, bench: Bench, step: Step) -> Callable[[np.ndarray], np.ndarray]:
    """The log-likelihood of a block's new effects: of what their clusters have of the target, as in fitting."""
    placement = bench.workspace.placements[step.name]
    design, rows = placement.design, placement.model_rows
    rows = rows[placement.codes[block.key][rows] >= block.size]
    clusters = placement.codes[block.key][rows] - block.size
    matrices = {key: matrix[rows] for key, matrix in bench.matrices(step).items()}
    y, side = bench.completed.outcome(step)[rows], bench.completed.side(step.lead, rows)
    if design.family.selection is not None:
        y = np.where(placement.learns[rows], y, np.nan)
    apart, size = placement.systematic(draw, rows), len(draw[block.key]) - block.size

    def density(effects: np.ndarray) -> np.ndarray:
        tried = {**draw, block.key: np.concatenate([draw[block.key][: block.size], effects])}
        theta = design.unselectable(design.respond(placement.eta_at(tried, matrices, rows)), apart)
        with np.errstate(all="ignore"):
            each = design.family.fitted_as.logp(design.family.working(y), theta, side)
        return np.bincount(clusters, weights=np.where(np.isnan(each), -np.inf, each), minlength=size)

    return density


def _systematic(draw: Draw, bench: Bench, step: Step, rng: np.random.Generator) -> Draw:
    """The draw, with the indicators of new empty clusters drawn given the rest."""
    placement = bench.workspace.placements[step.name]
    selection, empty, belongs = placement.design.family.selection, step.lead.empty, placement.empty_of
    assert selection is not None and empty is not None and belongs is not None
    rows = placement.model_rows[belongs[placement.model_rows] >= 0]
    matrices = {key: matrix[rows] for key, matrix in bench.matrices(step).items()}
    s = placement.eta_at(draw, matrices, rows)[selection.parameter]
    missed = np.bincount(belongs[rows], weights=log_ndtr(-s), minlength=len(empty))
    drawn = rng.random(len(empty)) < expit(logit(draw["systematic"]) - missed)
    known = placement.design.empty
    had = set() if known is None else set(zip(known.keys, known.labels, strict=True))
    stays = np.array([name in had for name in zip(empty.keys, empty.labels, strict=True)])
    return {**draw, SYSTEMATIC: np.where(stays, draw[SYSTEMATIC], drawn.astype(float))}
