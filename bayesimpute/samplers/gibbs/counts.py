"""Counts, positive numbers, proportions: sweeps along their own likelihood, without latent variables.

Pólya-Gamma weights of a negative binomial cost as many draws as y + alpha, and Poisson counts have none; data
augmentation is slow where counts are rare, or large. So these models have moves on the likelihood itself, which cost a
few passes over the rows whatever the counts are:

1. effects, block by block and cluster by cluster, by Metropolis around the clusters' modes (``cluster_moves.py``);
2. coefficients and deviations where predictors, or effects, stay as they are (``centring_moves.py``), and coefficients
   where predictors nearly stay;
3. coefficients given the effects: slices along lines that are nearly independent for them (the columns of R^-1 with
   R'R = X'WX + prior precision, W at first from the counts alone, then what the chain met while it was tuned), of
   learnt lengths; where events are many a trajectory along the gradient (``gradient_moves.py``);
4. deviations and partial correlations given standard normals, and the logarithm of alpha or kappa, where there is one:
   slices of the likelihood (``count_moves.py``).

All of it is exact. A binomial with a logit link, gamma and beta are moved in the same way: ``count_likelihoods.py`` has
what they are made of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.families import Beta, Binomial, Family, Gamma, NegativeBinomial, Poisson
from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.binary_moves import (
    block_groups,
    by_entries,
    inner_effects,
    lines,
    standard_normals,
)
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.centring_moves import draw_centred, move_given_effects, replaceable
from bayesimpute.samplers.gibbs.cluster_moves import members_of, move_clusters
from bayesimpute.samplers.gibbs.count_likelihoods import (
    BETA,
    BINOMIAL,
    COUNTED,
    GAMMA,
    INFLATED_NEGATIVE_BINOMIAL,
    INFLATED_POISSON,
    NEGATIVE_BINOMIAL,
    POISSON,
    SOME_NEGATIVE_BINOMIAL,
    SOME_POISSON,
    Likelihood,
    has_shape,
)
from bayesimpute.samplers.gibbs.count_moves import (
    Counted,
    move_against_effects,
    move_deviations,
    move_lines,
    move_shape,
    row_roots,
)
from bayesimpute.samplers.gibbs.densities import block_root
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.gradient_moves import EVERY, LINES_FIRST, LONG, look, many, move_all
from bayesimpute.samplers.gibbs.layout import Layout, Rows, coded
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.predictor_rows import Columns, predicted
from bayesimpute.samplers.gibbs.predictors import Codes, mixed, parts
from bayesimpute.samplers.gibbs.states import Arrays, Moved, fresh, from_arrays, start, to_arrays
from bayesimpute.samplers.gibbs.sweeps import copied, directions, learn
from bayesimpute.samplers.gibbs.working_rows import weighted_products
from bayesimpute.samplers.sampler import Data


class Shifts(NamedTuple):
    """How coefficients can be made up for by effects: D of one block after the other, and which, wholly and nearly,
    (block, column).
    """

    ds: np.ndarray
    good: np.ndarray
    near: np.ndarray


@compiled
def shifts(columns, lay, rows):
    """Of all blocks."""
    p, total = columns.x.shape[1], 0
    for f in range(lay.widths.size):
        total += lay.sizes[f] * lay.widths[f] * p
    out, good, begin = np.empty(total), np.zeros((lay.widths.size, p), dtype=np.bool_), 0
    near = good.copy()
    for f in range(lay.widths.size):
        of, z = members_of(f, lay, rows), block_columns(f, columns, lay)
        d, good[f], near[f] = replaceable(columns.x, z, of, lay.sizes[f])
        out[begin : begin + d.size] = d.ravel()
        begin += d.size
    return Shifts(out, good, near)


@compiled
def shifts_of(f, every, lay):
    """D of block f, shape (cluster, effect, column), and the places of the columns, made up for wholly and nearly."""
    p, begin = every.good.shape[1], 0
    for g in range(f):
        begin += lay.sizes[g] * lay.widths[g] * p
    size = lay.sizes[f] * lay.widths[f] * p
    d = every.ds[begin : begin + size].reshape((lay.sizes[f], lay.widths[f], p))
    return d, np.flatnonzero(every.good[f]), np.flatnonzero(every.near[f])


@compiled
def block_columns(f, columns, lay):
    """The columns of block f, shape (row, effect)."""
    first = np.int64(0)
    for g in range(lay.inner if f >= lay.inner else 0, f):
        first += lay.widths[g]
    matrix = columns.z if f < lay.inner else columns.w
    return np.ascontiguousarray(matrix[:, first : first + lay.widths[f]])


@inlined
def normals_of(f, z, inner, lay):
    """The standard normals of block f, shape (cluster, effect), a copy."""
    q, low = lay.widths[f], lay.offsets[f]
    if f < lay.inner:
        return inner[:, low : low + q].copy()
    return z[low : low + q * lay.sizes[f]].copy().reshape((lay.sizes[f], q))


@inlined
def put_normals(f, h, z, inner, lay):
    """Put them back, in place."""
    q, low = lay.widths[f], lay.offsets[f]
    if f < lay.inner:
        inner[:, low : low + q] = h
    else:
        z[low : low + q * lay.sizes[f]] = h.ravel()


@inlined
def move_block_of(rng, f, theta, z, inner, shape, eta, steps, counted, columns, lay, rows, every):
    """Effects of block f and what moves with them, then its deviations; all in place. The share of accepted effects."""
    h, of, own = normals_of(f, z, inner, lay), members_of(f, lay, rows), block_columns(f, columns, lay)
    factor = block_root(theta, lay, f)
    accepted = move_clusters(rng, counted.kind, of, own, h, eta, columns.y, counted.beside, shape, factor)
    d, wholly, nearly = shifts_of(f, every, lay)
    draw_centred(rng, z, h, d, wholly, factor, lay)
    move_against_effects(rng, counted, shape, z, h, eta, d, nearly, factor, of, own, columns, lay)
    move_given_effects(rng, theta, h, steps, f, lay)
    put_normals(f, h, z, inner, lay)
    first = np.int64(0)
    for g in range(lay.inner if f >= lay.inner else 0, f):
        first += lay.widths[g]
    entries = by_entries(f, first, z, inner, np.ones(eta.size), columns, lay, rows)
    move_deviations(rng, counted, shape, theta, steps, f, entries, eta, columns.y, lay)
    return accepted


@compiled
def run_counts(
    rng, state, tail, u, lengths, count, information, looks, sweeps, tune, lay, rows, columns, counted, every, many
):
    """Sweeps.

    Parameters
    ----------
    state, tail : tuple of (theta, z, mean, covariance, count)
        As in :func:`~bayesimpute.samplers.gibbs.sweeps.run`; of log alpha or log kappa.
    u : ndarray, shape (cluster, effect)
        Inner effects.
    lengths, count : ndarray, float
        What was learnt of moves along lines, and the sweeps that learnt.
    information, looks : ndarray, float
        What was learnt of the coefficients' Fisher information.
    every : Shifts
        :func:`shifts`.
    many : bool
        Whether coefficients move along their gradient, once their information is known.
    """
    theta, z, mean, covariance, known = copied(state)
    at, none, tail_mean, tail_covariance, tail_known = copied(tail)
    lengths, information, shape = lengths.copy(), information.copy(), at[0]
    along = lines(information, lay) if looks > 0 else own_lines(counted, columns, lay, rows)
    steps = directions(covariance, known, block_groups(lay))
    width = directions(tail_covariance, tail_known, np.zeros(1, dtype=np.int64))[0, 0]
    inner, taken = standard_normals(theta, lay, u), 0.0
    for _ in range(sweeps):
        eta = predicted(columns, outer_effects(theta, lay, z), inner_effects(theta, lay, inner), lay, rows)
        for i in range(eta.size):
            eta[i] += counted.added[i]
        for f in range(lay.widths.size):
            took = move_block_of(rng, f, theta, z, inner, shape, eta, steps, counted, columns, lay, rows, every)
            taken += took / (sweeps * lay.widths.size)
        count += 1.0 if tune else 0.0
        rests, least = count if tune else 0.0, 0.0
        if many and looks > 0:
            move_all(rng, counted, shape, z, eta, along, columns, lay)
            rests = LINES_FIRST + count / EVERY if tune and count % EVERY == 0 else 0.0
            least = 0.0 if rests > 0 else LONG
        move_lines(rng, counted, shape, z, eta, along, lengths, rests, columns, lay, least)
        if tune and count > LINES_FIRST and (looks == 0 or count % EVERY == 0):
            looks = look(counted.kind, eta, shape, columns, counted.beside, information, looks)
            along = lines(information, lay)
        if has_shape(counted.kind):
            shape = move_shape(rng, shape, width, eta, columns.y, counted)
        at[0] = shape
        if tune:
            known = learn(theta, known, mean, covariance)
            tail_known = learn(at, tail_known, tail_mean, tail_covariance)
    u = inner_effects(theta, lay, inner)
    moved = (at, none, tail_mean, tail_covariance, tail_known)
    learnt = lengths, count, information, looks
    return (theta, z, mean, covariance, known), moved, u, learnt, taken if lay.widths.size else 1.0


@inlined
def own_lines(counted, columns, lay, rows):
    """Lines that are nearly independent for the coefficients, as far as the counts alone tell."""
    root = row_roots(counted.kind, columns.y, counted.beside)
    return lines(weighted_products(root, columns.y, columns, lay, rows).xx, lay)


@dataclass(frozen=True, eq=False)
class Counting:
    """A model on its data."""

    lay: Layout
    rows: Rows
    columns: Columns
    counted: Counted
    shifts: Shifts
    many: bool

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        model = self.lay, self.rows, self.columns, self.counted, self.shifts, self.many
        states = from_arrays(arrays), from_arrays(arrays, "alpha_")
        known = (arrays["lengths"], float(arrays["lengths_count"]), arrays["information"], float(arrays["looks"]))
        state, tail, u, known, taken = run_counts(rng, *states, arrays["u"], *known, sweeps, tune, *model)
        moves = dict(zip(LEARNT, map(np.asarray, known), strict=True))
        return to_arrays(state) | to_arrays(tail, "alpha_") | {"u": u} | moves, float(taken)

    def with_added(self, added: np.ndarray) -> Self:
        """The same with something more added to the predictor, shape (row,)."""
        return replace(self, counted=self.counted._replace(added=self.counted.added + added))

    def beside(self, values: np.ndarray) -> Self:
        """The same with other values beside the rows, shape (row,)."""
        return replace(self, counted=self.counted._replace(beside=values))

    def predictor(self, arrays: Arrays) -> np.ndarray:
        """The linear predictor, with what is added to it, shape (row,)."""
        b = outer_effects(arrays["theta"], self.lay, arrays["z"])
        return predicted(self.columns, b, arrays["u"], self.lay, self.rows) + self.counted.added

    def likelihood(self, arrays: Arrays) -> Likelihood:
        """Of the predictor."""
        return Likelihood(self.counted.kind, self.columns.y, self.counted.beside, float(arrays["alpha_theta"][0]))


Likelihoods = Poisson | NegativeBinomial | Binomial | Gamma | Beta
KINDS: Mapping[type[Family], int] = {
    Poisson: POISSON,
    NegativeBinomial: NEGATIVE_BINOMIAL,
    Binomial: BINOMIAL,
    Gamma: GAMMA,
    Beta: BETA,
}
LENGTHS = ("lengths", "lengths_count")
LEARNT = (*LENGTHS, "information", "looks")
"""What a state knows of moves of coefficients."""
GROWING = {"information": "looks"}
"""What of it is a sum over rows."""
FLAT = Prior.of("LogNormal", 0, 1)
"""Stands where there is no other parameter."""


def yes_or_no(
    lay: Layout, rows: Rows, columns: Columns, added: np.ndarray, like: Counting | None = None
) -> Counting | None:
    """A logit model of yes or no as one of successes in one trial; None unless its rows are :func:`many`.

    Of a model with the columns of another, `like`, these are not gone through again.
    """
    ones = np.ones(len(columns.y))
    return (
        one_trial(BINOMIAL, lay, rows, columns, added, like)
        if many(BINOMIAL, columns.y, ones, lay.coefficients)
        else None
    )


def one_trial(
    kind: int, lay: Layout, rows: Rows, columns: Columns, added: np.ndarray, like: Counting | None = None
) -> Counting:
    """A model of yes or no, of one of the kinds."""
    ones = np.ones(len(columns.y))
    prior, *args = coded(FLAT)
    known = columns.y[:0], columns.y[:0], np.int64(prior), np.array(args)
    counted = Counted(np.int64(kind), ones, added if added.size else 0.0 * ones, *known)
    eased = many(kind, columns.y, ones, lay.coefficients)
    return Counting(lay, rows, columns, counted, shifts(columns, lay, rows) if like is None else like.shifts, eased)


def unlearnt(coefficients: int, shape: float = 0.0) -> dict[str, np.ndarray]:
    """What a state has beside a linear model's, at the start: of moves, and of log alpha or log kappa."""
    square = np.zeros((coefficients, coefficients))
    learnt = np.ones(coefficients), np.asarray(1.0), square, np.asarray(0.0)
    return dict(zip(LEARNT, learnt, strict=True)) | to_arrays(fresh(np.array([shape]), np.zeros(0)), "alpha_")


@dataclass(frozen=True, eq=False)
class Counts(MixedEngine):
    """The layout of a model; log sigma, theta's first place, is 0 and stays. `other` is alpha's or kappa's prior."""

    burn_in: ClassVar[BurnIn] = BurnIn(places=("theta", "z", "alpha_theta", *LENGTHS), growing=GROWING)
    kinds: ClassVar[Mapping[type[Family], int]] = KINDS
    family: Likelihoods
    other: Prior | None

    @staticmethod
    def takes(design: Design) -> bool:
        """Models with one alpha or kappa where there is one; successes with a logit link."""
        family = design.family.fitted_as
        known = isinstance(family, Likelihoods) and not (isinstance(family, Binomial) and family.link != "logit")
        return known and mixed(design, "mu") and not parts(design)["mu"].predictor.offset

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Counts":
        """From the clusters of the fitted rows."""
        found, family = parts(design), design.family.fitted_as
        assert isinstance(family, Likelihoods)
        others = [part.predictor.priors[0] for name, part in found.items() if name != "mu"]
        return cls(found["mu"], *found["mu"].layout(None, codes, n), family, others[0] if others else None)

    def on(self, data: Data, y: np.ndarray) -> Counting:
        """The model on data; what the target comes without is added to the linear predictor."""
        given = np.asarray(data["y_data"], dtype=float)
        added = given - y
        if "side_exposure" in data:
            added = added + np.log(data["side_exposure"])
        return self.counting(data, *self._with_beside(data, given), added)

    def counting(self, data: Data, y: np.ndarray, beside: np.ndarray, added: np.ndarray) -> Counting:
        """Of values and what stands beside them, as ``count_likelihoods.py`` has them."""
        kind, lay = np.int64(self.kinds[type(self.family)]), self.lay
        values, times = np.unique(y if kind in COUNTED else y[:0], return_counts=True)
        columns = Columns(*self.mu.matrices(data), y)
        prior, *args = coded(self.other or FLAT)
        counted = Counted(kind, beside, added, values, times.astype(float), np.int64(prior), np.array(args))
        eased = many(kind, y, beside, lay.coefficients)
        return Counting(lay, self.rows, columns, counted, shifts(columns, lay, self.rows), eased)

    def _with_beside(self, data: Data, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values, and what stands beside them."""
        if isinstance(self.family, Binomial):
            return given, np.zeros(len(given)) + np.asarray(data.get("side_trials", self.family.trials))
        if isinstance(self.family, Gamma):
            return given, np.log(given)
        if isinstance(self.family, Beta):
            return np.log(given) - np.log1p(-given), np.log1p(-given)
        return given, np.zeros(len(given))

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one."""
        return self.begun(0.0, rng) | unlearnt(self.lay.coefficients, start(self.other or FLAT, rng))

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        names = [p.name for p in self.family.parameters if p.name != "mu"]
        return super().values(arrays) | {name: np.exp(arrays["alpha_theta"]) for name in names}


@dataclass(frozen=True, eq=False)
class CountsAboveZero(Counts):
    """The same of counts that are known not to be zero: of two parts."""

    kinds: ClassVar[Mapping[type[Family], int]] = {Poisson: SOME_POISSON, NegativeBinomial: SOME_NEGATIVE_BINOMIAL}


@dataclass(frozen=True, eq=False)
class InflatedCounts(Counts):
    """The same of counts some of whose zeros are structural, of which what stands beside them says the log odds."""

    kinds: ClassVar[Mapping[type[Family], int]] = {
        Poisson: INFLATED_POISSON,
        NegativeBinomial: INFLATED_NEGATIVE_BINOMIAL,
    }
