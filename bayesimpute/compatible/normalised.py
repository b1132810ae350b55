"""How likely each observed value of a variable that other models read is, given all else.

The law of one value x_i is its own model times the density of every model that reads it, normalised over x:

    log p(x_i | all else) = log [p(x_i | z) prod_t p(y_t | x_i)] - log of the integral of the same over x

with parameters, effects and all other values as they stand: those of one draw from the joint posterior. Its inverse is
what the draw weighs where x_i is left out (Gelfand, Dey & Chang 1992, Bayesian Statistics 4:147), so leaving out by
these weights is exact. Normal laws are normalised in closed form, few values are summed over. All else is integrated by
the trapezoidal rule on x_i + s sinh(u), s about one standard deviation of the own model: spectrally accurate for smooth
densities with heavy tails, too (Takahasi & Mori 1974, Publ RIMS Kyoto 9:721). Points are doubled until nothing changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from scipy.special import expit, log_expit

from bayesimpute.compatible.affine_factors import AffineFactors
from bayesimpute.compatible.drawing import Compatible, spread
from bayesimpute.compatible.factors import Scenario
from bayesimpute.compatible.normal_draws import Derivatives, derivatives, slopes, weights
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.design import Draw
from bayesimpute.designs.placement import Placement
from bayesimpute.families import Theta
from bayesimpute.families.links import LARGEST
from bayesimpute.plan.targets import Resolved, Target

END = 10.0
"""Of u: ten thousand standard deviations from the value."""
FEWEST, MOST = 32, 4096
"""Intervals of the first and of the last rule."""
WIDEST = 3.0
"""Of the first step's width where there are ends, on their scale."""
CLOSE = 1e-6
"""Changes of a log integral that are none."""
Density = Callable[[np.ndarray], np.ndarray]
"""Of values of some cells to a log density for each, both of shape (cell,)."""


AWAY = 40.0
"""Standard deviations of the variable's own model, to each side, that are summed over."""
MOST_VALUES = 5000
LEFT = -25.0
"""Log share of the last value below which nothing is left."""


def settled(
    target: Target, resolved: Resolved, placements: Mapping[str, Placement], incomplete: Incomplete
) -> Compatible:
    """A variable as :func:`value_densities` takes it: its observed values are the cells that could be others."""
    observed = replace(target, impute=target.observed, known=None)
    return Compatible.of(observed, resolved, placements, incomplete, frozenset())


def value_densities(
    how: Compatible,
    theta: Theta,
    draws: Mapping[str, Draw],
    completed: Completed,
    matrices: Mapping[str, Mapping[str, np.ndarray]],
    unit: float,
) -> np.ndarray:
    """Log p(x_i | all else) of each observed value, shape (observed unit,); NaN where an integral does not converge.

    Parameters
    ----------
    how : Compatible
        What :func:`settled` gave.
    theta : mapping of str to ndarray, shape (observed unit,)
        The parameters of the variable's own model there.
    draws : mapping of str to mapping
        The last draw of each model that reads it.
    completed : Completed
        The current data.
    matrices : mapping of str to mapping
        The matrices of these models on all rows of the current data.
    unit : float
        About one standard deviation of the variable.
    """
    scenario, cells = how.scenario(draws, completed, matrices), completed.cells(how.target)
    given = derivatives(scenario, cells, unit) if how.affine else []
    if how.kind == "normal":
        return _normal(scenario, cells, theta["mu"], np.broadcast_to(theta["sigma"], cells.shape), given)
    others = AffineFactors(scenario, given, cells).logp if how.affine else lambda x, _: scenario.logp(x)
    side, found = completed.side(how.target, how.target.missing_rows), np.empty(len(cells))
    points, width = how.target.values.support.points, spread(how.target, theta, side)
    for k, moving in enumerate(how.affected.passes):
        blocks = how.affected.block_of_cell[moving]

        def density(values: np.ndarray, k: int = k, moving: np.ndarray = moving, at: np.ndarray = blocks) -> np.ndarray:
            tried = cells.copy()
            tried[moving] = values
            return how.target.family.logp(tried, theta, side)[moving] + others(tried, k)[at]

        here = cells[moving]
        if points is not None:
            total = _sum(density, here, points)
        elif how.target.values.support.whole:
            total = _whole(density, here, width[moving], how.target.values.support.low)
        else:
            atoms = [np.broadcast_to(atom, cells.shape)[moving] for atom in how.target.family.atoms(side)]
            apart = np.any([here == atom for atom in atoms], axis=0) if atoms else np.zeros(len(here), dtype=bool)
            centre = np.where(apart, how.target.family.moments(theta, side)[0][moving], here)
            ends = (np.broadcast_to(end, cells.shape)[moving] for end in how.target.family.ends(side))
            support = how.target.values.support
            low, high = (f(a, b) for f, a, b in zip((np.maximum, np.minimum), ends, (support.low, support.high)))
            total = _integral(density, centre, width[moving], low, high)
            for atom in atoms:
                total = np.logaddexp(total, density(atom))
        found[moving] = density(here) - total
    return found


def _normal(scenario: Scenario, cells: np.ndarray, mean: np.ndarray, sd: np.ndarray, given: Derivatives) -> np.ndarray:
    """The closed form of :mod:`bayesimpute.compatible.normal_draws`, of one cell at a time."""
    affected = scenario.affected
    precision, pull = sd**-2.0, (mean - cells) / sd**2
    for f, by_pass in zip(scenario.factors, slopes(scenario, given), strict=True):
        (weight, residual), block = weights(f), affected.block[f.at]
        for moving, slope in zip(affected.passes, by_pass.T, strict=True):
            at = affected.block_of_cell[moving]
            precision[moving] += np.bincount(block, slope**2 * weight, affected.blocks)[at]
            pull[moving] += np.bincount(block, slope * residual, affected.blocks)[at]
    return 0.5 * (np.log(precision) - np.log(2 * np.pi) - pull**2 / precision)


def _sum(density: Density, here: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.logaddexp.reduce([density(np.full(len(here), point)) for point in points], axis=0)


def _whole(density: Density, here: np.ndarray, width: np.ndarray, least: float) -> np.ndarray:
    """The log of the sum over whole numbers, (cell,), so far to both sides that nothing is left, or NaN."""
    low = np.maximum(np.floor(here - AWAY * width), least)
    size = int(np.max(np.ceil(here + AWAY * width) - low, initial=0.0)) + 1
    if size > MOST_VALUES:
        return np.full(len(here), np.nan)
    terms = np.array([density(low + k) for k in range(size)])
    total = np.logaddexp.reduce(terms, axis=0)
    ends = np.maximum(terms[-1], np.where(low > least, terms[0], -np.inf))
    return np.where(ends - total < LEFT, total, np.nan)


def _integral(
    density: Density, here: np.ndarray, width: np.ndarray, low: np.ndarray | float, high: np.ndarray | float
) -> np.ndarray:
    """The log of the integral, (cell,), over what lies between `low` and `high`, each (cell,).

    On a scale where these are infinitely far away, for nothing must end within: logarithms of the distance from the
    one that is finite, or of the ratio of both distances.
    """
    low, high = (np.broadcast_to(end, here.shape) for end in (low, high))
    below, above, inside = np.isfinite(low), np.isfinite(high), np.clip(here, low + CLOSE * width, high - CLOSE * width)
    with np.errstate(all="ignore"):
        under, over = np.where(below, np.log(inside - low), 0.0), np.where(above, np.log(high - inside), 0.0)
        middle = np.where(below | above, under - over, here)
        steep = np.where(below, np.exp(-under), 0.0) + np.where(above, np.exp(-over), 0.0)
        wide = np.where(below | above, np.minimum(width * steep, WIDEST), width)

    def part(u: float) -> np.ndarray:
        v, log_step = middle + wide * np.sinh(u), np.log(wide * np.cosh(u))
        near = np.clip(v, -LARGEST, LARGEST)
        share = expit(near)
        both = low + (high - low) * share
        at = np.where(
            below & above, both, np.where(below, low + np.exp(near), np.where(above, high - np.exp(-near), v))
        )
        slope = np.where(below & above, np.log(high - low) + log_expit(near) + log_expit(-near), 0.0)
        slope = np.where(below ^ above, np.where(below, near, -near), slope)
        found = density(at) + slope + log_step
        return np.where(np.isnan(found), -np.inf, found)

    def rule(u: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.logaddexp.reduce([part(each) for each in u], axis=0)

    step = 2 * END / FEWEST
    total, before = rule(np.linspace(-END, END, FEWEST + 1)), np.full(len(here), np.nan)
    while not (close := np.abs(total + np.log(step) - before) < CLOSE).all() and 2 * END / step < MOST:
        before = total + np.log(step)
        step /= 2
        total = np.logaddexp(total, rule(np.arange(-END + step, END, 2 * step)))
    return np.where(close, total + np.log(step), np.nan)
