"""Ordinal targets: sweeps of the linear mixed model that latent variables between cutpoints make of them.

A sweep moves the cutpoints and the scale of everything without the latent variables (``cutpoint_moves.py``), draws
these given the linear predictor, and takes the steps of ``sweeps.py`` given them, with an intercept beside the
coefficients that nobody knows: what is drawn of it moves the cutpoints, for only their distance from it matters. So the
level of the cutpoints is drawn with all effects integrated out (a translation of latent variables and cutpoints
together: Liu & Wu 1999, JASA 94:1264); their prior, which does not move along, decides by Metropolis and Hastings
whether it is taken.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.families import Ordinal
from bayesimpute.families.ordinal import JOINT
from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.binary_likelihoods import LINKS, LOGIT
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.cutpoint_moves import cut_prior, draw_latent, move_cutpoints, move_scale
from bayesimpute.samplers.gibbs.densities import workspace
from bayesimpute.samplers.gibbs.effects import draw_inner, draw_outer, normal_equations, outer_effects, residuals
from bayesimpute.samplers.gibbs.layout import Layout, Rows, layout
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.predictor_rows import Columns, predicted
from bayesimpute.samplers.gibbs.predictors import Codes, mixed, parts
from bayesimpute.samplers.gibbs.products import Products, cross_products
from bayesimpute.samplers.gibbs.states import Arrays, Moved, from_arrays, predictor_values, to_arrays
from bayesimpute.samplers.gibbs.sweeps import copied, directions, learn, move_group, move_outer
from bayesimpute.samplers.gibbs.working_rows import responding, weighted_products
from bayesimpute.samplers.sampler import Data

FLAT = Prior.of("Normal", 0.0, 1000.0)
"""Of the intercept that is drawn to move the cutpoints; taken off again where that is decided."""
SPREAD = 1.0
"""Half the width of the starts of cutpoints around equal shares."""


@compiled
def run_cumulative(
    rng, state, u, cuts, lengths, count, sweeps, tune, link, shares, args, lay, rows, columns, products, added, by_label
):
    """Sweeps.

    Parameters
    ----------
    state : tuple of (theta, z, mean, covariance, count)
        As in :func:`~bayesimpute.samplers.gibbs.sweeps.run`; z[0] is 0.
    u : ndarray, shape (cluster, effect)
        Inner effects.
    cuts : ndarray, shape (label + 1,)
        The cutpoints, with infinite ends.
    lengths, count : ndarray, float
        What was learnt of the moves of the scale and of each cutpoint.
    shares, args : bool, ndarray
        The prior of the cutpoints: :func:`~bayesimpute.samplers.gibbs.cutpoint_moves.cut_prior`.
    products : Products
        Of the rows, as they are.
    added : ndarray, shape (row,) or (0,)
        What is added to the linear predictor; nothing where it is empty.
    by_label : tuple of ndarray of int
        The rows sorted by label, and where labels begin.

    Returns
    -------
    state, u, cuts, lengths, count
    taken : float
        The share of the moves of the level that were taken.
    """
    theta, z, mean, covariance, seen = copied(state)
    u, cuts, lengths = u.copy(), cuts.copy(), lengths.copy()
    n, taken = columns.y.size, 0
    codes, (order, bounds) = columns.y.astype(np.int64), by_label
    root, response = np.empty(n if link == LOGIT else 0), np.empty(n)
    space, room = workspace(lay.width), np.empty(n)
    none, nothing = np.zeros(0), np.zeros((0, 0))
    steps = directions(covariance, seen, lay.groups)
    for _ in range(sweeps):
        count += 1.0 if tune else 0.0
        learning = count if tune else 0.0
        eta = predicted(columns, outer_effects(theta, lay, z), u, lay, rows)
        move_scale(rng, link, theta, z, u, eta, added, order, bounds, cuts, shares, args, lengths, learning, lay, room)
        for i in range(added.size):
            eta[i] += added[i]
        move_cutpoints(rng, link, eta, order, bounds, cuts, shares, args, lengths, learning, room)
        draw_latent(rng, link, eta, codes, cuts, root, response)
        if link == LOGIT:
            for i in range(added.size):
                response[i] -= added[i] * root[i]
            known = weighted_products(root, response, columns, lay, rows)
        else:
            for i in range(added.size):
                response[i] -= added[i]
            known = responding(products, response, columns, lay, rows)
        b = outer_effects(theta, lay, z)
        rss, r = residuals(b, lay, known)
        move_group(rng, theta, steps, np.int64(0), np.int64(0), lay, known, rss, r, space, nothing, none)
        a, c = normal_equations(theta, lay, known)
        move_outer(rng, theta, z, steps, lay, known, a, c, space)
        drawn = draw_outer(rng, theta, lay, a, c)
        moved = cuts - drawn[0]
        gain = cut_prior(link, shares, args, moved) - cut_prior(link, shares, args, cuts)
        if -rng.standard_exponential() < gain + 0.5 * lay.precision[0] * drawn[0] ** 2:
            z, cuts = drawn, moved
            taken += 1
        b = outer_effects(theta, lay, z)
        rss, r = residuals(b, lay, known)
        u = draw_inner(rng, theta, lay, known, r)
        z[0] = 0.0
        if tune:
            seen = learn(theta, seen, mean, covariance)
    return (theta, z, mean, covariance, seen), u, cuts, lengths, count, taken / max(sweeps, 1)


@dataclass(frozen=True, eq=False)
class Cut:
    """A model on its data."""

    link: int
    shares: bool
    args: np.ndarray
    lay: Layout
    rows: Rows
    columns: Columns
    products: Products
    added: np.ndarray
    by_label: tuple[np.ndarray, np.ndarray]

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        model = np.int64(self.link), self.shares, self.args, self.lay, self.rows, self.columns, self.products
        cuts = np.concatenate([[-np.inf], arrays["cutpoints"], [np.inf]])
        learnt = arrays["lengths"], float(arrays["lengths_count"])
        found = run_cumulative(
            rng, from_arrays(arrays), arrays["u"], cuts, *learnt, sweeps, tune, *model, self.added, self.by_label
        )
        state, u, cuts, lengths, count, taken = found
        more = {"cutpoints": cuts[1:-1], "lengths": lengths, "lengths_count": np.asarray(count)}
        return to_arrays(state) | {"u": u} | more, taken


@dataclass(frozen=True, eq=False)
class Cumulative(MixedEngine):
    """The layout of a model, whose first coefficient is 0; log sigma, theta's first place, is 0 and stays."""

    burn_in: ClassVar[BurnIn] = BurnIn(places=("theta", "z", "cutpoints"))
    family: Ordinal
    priors: tuple[Prior, ...]

    @staticmethod
    def takes(design: Design) -> bool:
        """Ordinal targets with one of the links, and a prior of the cutpoints by that link, or normal ones."""
        family = design.family.fitted_as
        if not isinstance(family, Ordinal) or family.link not in LINKS or not mixed(design, "mu"):
            return False
        names = {prior.name for prior in design.predictor("cutpoints").priors}
        return names in ({JOINT[family.link]}, {"Normal"}) and not parts(design)["mu"].predictor.offset

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Cumulative":
        """From the clusters of the fitted rows."""
        mu, family = parts(design)["mu"], design.family.fitted_as
        assert isinstance(family, Ordinal)
        lay, rows = layout((FLAT, *mu.predictor.priors), None, mu.inner, mu.outer, codes, n)
        return cls(mu, lay, rows, family, design.predictor("cutpoints").priors)

    def on(self, data: Data, y: np.ndarray) -> Cut:
        """The model on data; what the target comes without is added to the linear predictor."""
        given = data["y_data"]
        added = np.empty(0) if y is given else given - y
        codes = self.family.codes(given)
        x, z, w = self.mu.matrices(data)
        columns = Columns(np.column_stack([np.ones(len(given)), x]), z, w, codes.astype(float))
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(self.priors) + 2))
        shares = self.priors[0].name != "Normal"
        args = np.array([[*prior.args, 0.0][:2] for prior in self.priors])
        products = cross_products(*columns, self.lay, self.rows)
        link = LINKS.index(self.family.link)
        return Cut(link, shares, args, self.lay, self.rows, columns, products, added, (order, bounds))

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one: cutpoints that give equal shares, moved together."""
        free = len(self.priors)
        equal = np.linspace(0, 1, free + 2)[1:-1]
        cutpoints = np.log(equal) - np.log1p(-equal) + rng.uniform(-SPREAD, SPREAD)
        learnt = {"lengths": np.ones(free + 1), "lengths_count": np.asarray(1.0)}
        return self.begun(0.0, rng) | {"cutpoints": cutpoints} | learnt

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them, which has no intercept."""
        found = predictor_values(self.mu, self.lay, arrays["theta"], arrays["z"], arrays["u"])
        key = self.mu.predictor.key
        return {**found, key: found[key][1:], "cutpoints": arrays["cutpoints"]}
