"""From a design to a PyMC model whose data are containers, so that one compilation serves every sweep and chain.

The model is on the standardised scale of :mod:`bayesimpute.designs.design`. Coefficients with the same kind of prior
are one vector and all prior parameters are data, so that the compiled code depends on the structure of a model and not
on its size.

Effects that the sampler sees as standard normals (not centred) are s z with a signed scale s: its prior is the
symmetric extension of the standard deviation's, |s| is the standard deviation, and flipping the signs of s, z and the
correlations together changes nothing. So zero is an inner point, where log(sd) would have a long flat tail beside a
steep side and trajectories would diverge (the expansion of Gelman 2006, Bayesian Analysis 1:515, section 2).

Correlated effects of a block: standard deviations with the plan's priors, and an LKJ prior on their correlations
through canonical partial correlations 2 b - 1 with b ~ Beta(a_k, a_k), a_k = eta + (q - 2 - k) / 2 in column k
(Lewandowski, Kurowicka & Joe 2009, section 2.4): smooth, unconstrained after a logit, and exact for any q. A block that
is like another one has those of it.

:func:`unpack` reads a draw from the sampler's unconstrained vector in NumPy, so nothing else has to be compiled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import expit, logit

from bayesimpute.base.distributions import DISTRIBUTIONS, Distribution
from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import SYSTEMATIC, Design, by_parameter
from bayesimpute.designs.parts import Block, Predictor, pairs, places
from bayesimpute.families.links import LINKS


@dataclass(frozen=True, kw_only=True, eq=False)
class Slot:
    """A free variable: coefficients of one kind of prior.

    Parameters
    ----------
    name : str
        Of the PyMC variable.
    priors : tuple of Prior
        One for each element; all of one distribution.
    ordered : bool
        Whether the elements ascend: then the first and the logarithms of the steps are unconstrained.
    """

    name: str
    priors: tuple[Prior, ...]
    ordered: bool = False

    def constrain(self, value: np.ndarray) -> np.ndarray:
        """From the sampler's unconstrained scale; the inverse of PyMC's default transforms."""
        value, through = self._constrain(value), self.distribution.through
        return value if through is None else through.map(value)

    def _constrain(self, value: np.ndarray) -> np.ndarray:
        support = self.support
        if self.ordered:
            return np.cumsum(np.concatenate([value[:1], np.exp(value[1:])]))
        if support == "positive":
            return np.exp(value)
        if support == "real":
            return value
        lower, upper = np.array([p.base.ends for p in self.priors]).T
        return lower + (upper - lower) * expit(value)

    def unconstrain(self, value: np.ndarray) -> np.ndarray:
        """To the sampler's scale."""
        support, through = self.support, self.distribution.through
        value = value if through is None else through.back(value)
        if self.ordered:
            return np.concatenate([value[:1], np.log(np.diff(value))])
        if support == "positive":
            return np.log(value)
        if support == "real":
            return value
        lower, upper = np.array([p.base.ends for p in self.priors]).T
        return logit((value - lower) / (upper - lower))

    @property
    def distribution(self) -> Distribution:
        """Of its priors."""
        return self.priors[0].distribution

    @property
    def support(self) -> str:
        """Of PyMC's distribution."""
        return self.priors[0].base.support


@dataclass(frozen=True, kw_only=True, eq=False)
class Vector:
    """Parameters that belong together: coefficients, standard deviations, partial correlations.

    Parameters
    ----------
    name : str
        In draws.
    priors : sequence of Prior
        One for each element.
    ordered : bool
        Whether they ascend; then all have the same prior.
    """

    name: str
    priors: Sequence[Prior]
    ordered: bool = False

    @cached_property
    def slots(self) -> list[tuple[Slot, list[int]]]:
        """The elements sorted by kind of prior, with their places."""
        kinds = dict.fromkeys(prior.name for prior in self.priors)
        groups = [(kind, [i for i, p in enumerate(self.priors) if p.name == kind]) for kind in kinds]
        return [
            (Slot(name=f"{self.name}_{kind}", priors=tuple(self.priors[i] for i in at), ordered=self.ordered), at)
            for kind, at in groups
        ]

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """A draw from the prior: of ordered ones, unless theirs is of all together, independent draws in order."""
        if self.ordered and self.priors[0].support == "ordered":
            return self.priors[0].draw(rng, len(self.priors))
        values = np.array([prior.draw(rng, 1)[0] for prior in self.priors])
        return np.sort(values) if self.ordered else values


def partial_correlation_priors(block: Block) -> list[Prior]:
    """Beta priors of (1 + partial correlation) / 2, in the order of :func:`bayesimpute.designs.parts.pairs`."""
    (eta,) = block.correlations.args
    shapes = [eta + (block.width - 2 - column) / 2 for column, _ in pairs(block.width)]
    return [Prior.of("Beta", a, a) for a in shapes]


def vectors(design: Design) -> dict[str, Vector]:
    """Every vector of parameters by its name, in the order in which the graph makes them."""
    found = [Vector(name=p.key, priors=p.priors, ordered=p.parameter.support == "ordered") for p in design.predictors]
    for b in design.laws:
        sds = b.priors if b.centred else [prior.symmetric() or prior for prior in b.priors]
        found.append(Vector(name=f"{b.key}_sd", priors=sds))
        if b.width > 1:
            found.append(Vector(name=f"{b.key}_partial", priors=partial_correlation_priors(b)))
    return {vector.name: vector for vector in found}


def build(design: Design, data: Mapping[str, np.ndarray]) -> Any:
    """The PyMC model of a design.

    Parameters
    ----------
    design : Design
        What to build.
    data : mapping of str to ndarray
        The first contents of the data containers: :meth:`Design.data`.

    Returns
    -------
    pymc.Model
        With a ``pm.Data`` for each entry of `data`.
    """
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model() as model:
        holders: dict[str, Any] = {name: pm.Data(name, values) for name, values in data.items()}
        values = {name: _symbolic(vector) for name, vector in vectors(design).items()}
        eta = {p.key: _predictor(p, values[p.key], holders) for p in design.predictors}
        for block in design.blocks:
            effects = _effects(block, values)[holders[f"codes_{block.key}"]]
            terms = holders[f"X_{block.key}"] * effects
            for key, place in places(block):
                shorter = block.rows is not design.rows(key)  # the observed rows are the first
                rows = terms[: holders["y_data"].shape[0]] if shorter else terms
                eta[key] = eta[key] + rows[:, place].sum(axis=1)
        for offset in design.offsets:
            if offset.fitted:
                eta[offset.predictor] = eta[offset.predictor] + holders[f"X_{offset.key}"][:, 0]
        side = {role: holders[f"side_{role}"] for role in design.side}
        if design.empty is not None:
            counts = np.array([len(design.empty), design.empty.others])
            side |= {"empty": holders["empty"], "clusters": pm.Data("clusters", counts)}
        design.scaled_family.likelihood(by_parameter(design.predictors, eta, pt.stack), holders["y_data"], side)
    return model


def _symbolic(vector: Vector) -> Any:
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.transforms import ordered

    if not vector.priors:
        return pt.zeros(0)
    made: list[Any] = []
    order: list[int] = []
    for slot, at in vector.slots:
        kind = slot.priors[0].base.name
        arguments = {
            key: pm.Data(f"{slot.name}_{key}", np.array([p.base.parameters[key] for p in slot.priors]))
            for key in slot.priors[0].base.parameters
        }
        more = {"transform": ordered, "initval": np.arange(len(at), dtype=float)} if slot.ordered else {}
        value, through = variable(kind, slot.name, arguments, shape=len(at), **more), slot.distribution.through
        made.append(value if through is None else through.symbolic(value))
        order += at
    if len(made) == 1:
        return made[0]
    joined: Any = pt.concatenate(made)
    return joined[np.argsort(order)]


def variable(kind: str, name: str, arguments: Mapping[str, Any], **more: Any) -> Any:
    """A free variable of the model on the stack: PyMC's of that name, or one of numbers that have a density together.

    `arguments` are the distribution's, of numbers together repeated for each.
    """
    import pymc as pm

    known = DISTRIBUTIONS[kind]
    density, draw = known.symbolic, known.draw
    if density is None:
        return getattr(pm, kind)(name, **arguments, **more)

    def logp(value: Any, *args: Any) -> Any:
        return density(value, *(a[0] for a in args))

    def random(*args: np.ndarray, rng: np.random.Generator, size: Any) -> np.ndarray:
        first = [a.reshape(-1, a.shape[-1])[0, 0] for a in args]
        length = args[0].shape[-1]
        if not size:
            return draw(rng, length, *first)
        return np.stack([draw(rng, length, *first) for _ in range(int(np.prod(size)))]).reshape(*size, length)

    signature = f"{','.join(['(n)'] * len(arguments))}->(n)"
    return pm.CustomDist(name, *arguments.values(), logp=logp, random=random, signature=signature, **more)


def _predictor(p: Predictor, value: Any, holders: Mapping[str, Any]) -> Any:
    from bayesimpute.designs.matrix_vector import product

    if p.matrix is None:
        return LINKS[p.parameter.link].symbolic(p.value(value))
    eta = product(holders[f"X_{p.parameter.name}"], value)
    return eta + p.offset if p.offset else eta


def _effects(block: Block, values: Mapping[str, Any]) -> Any:
    """The effects, shape (cluster, effect)."""
    import pymc as pm

    sd = values[f"{block.law}_sd"]
    shape = (block.size, block.width)
    if block.width == 1:
        if block.centred:
            return pm.Normal(block.key, 0.0, sd, shape=shape)
        return sd * pm.Normal(f"{block.key}_raw", 0.0, 1.0, shape=shape)
    factor = sd[:, None] * _cholesky(2 * values[f"{block.law}_partial"] - 1, block.width)
    if block.centred:
        return pm.MvNormal(block.key, np.zeros(block.width), chol=factor, shape=shape)
    return pm.math.dot(pm.Normal(f"{block.key}_raw", 0.0, 1.0, shape=shape), factor.T)


def _cholesky(partial: Any, width: int) -> Any:
    """The Cholesky factor of a correlation matrix from its partial correlations."""
    import pytensor.tensor as pt

    at = {pair: k for k, pair in enumerate(pairs(width))}
    rows: list[Any] = []
    for i in range(width):
        left: Any = pt.constant(1.0)
        row: list[Any] = []
        for j in range(i):
            row.append(partial[at[j, i]] * pt.sqrt(left))
            left = left * (1 - partial[at[j, i]] ** 2)
        row += [pt.sqrt(left), *[pt.constant(0.0)] * (width - i - 1)]
        rows.append(pt.stack(row))
    return pt.stack(rows)


def cholesky(partial: np.ndarray, width: int) -> np.ndarray:
    """The same in NumPy, shape (effect, effect)."""
    factor = np.zeros((width, width))
    at = {pair: k for k, pair in enumerate(pairs(width))}
    for i in range(width):
        left = 1.0
        for j in range(i):
            factor[i, j] = partial[at[j, i]] * np.sqrt(left)
            left *= 1 - partial[at[j, i]] ** 2
        factor[i, i] = np.sqrt(left)
    return factor


def assemble(design: Design, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A draw from the constrained vectors and the effects as the graph has them.

    Parameters
    ----------
    design : Design
        Of the model.
    values : mapping of str to ndarray
        Each of :func:`vectors`, and for each block its effects (``block0``) or standard normals (``block0_raw``),
        shape (cluster, effect). Which empty clusters are systematically missing, if it is drawn.

    Returns
    -------
    dict of str to ndarray
        Coefficients by parameter, and for each block its effects, ``_sd``, ``_corr`` and ``_root``, the factor of the
        effects' covariance by which standard normals become effects.
    """
    draw: dict[str, np.ndarray] = {p.key: p.value(values[p.key]) for p in design.predictors}
    for b in design.blocks:
        scale = values[f"{b.law}_sd"]
        factor = cholesky(2 * values[f"{b.law}_partial"] - 1, b.width) if b.width > 1 else np.ones((1, 1))
        sign = np.where(scale < 0, -1.0, 1.0)
        draw[f"{b.key}_sd"] = np.abs(scale)
        draw[f"{b.key}_corr"] = np.array([sign[i] * sign[j] * (factor[i] @ factor[j]) for j, i in pairs(b.width)])
        draw[f"{b.key}_root"] = scale[:, None] * factor
        draw[b.key] = values[b.key] if b.key in values else values[f"{b.key}_raw"] @ draw[f"{b.key}_root"].T
    return draw if SYSTEMATIC not in values else {**draw, SYSTEMATIC: values[SYSTEMATIC]}


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """How the sampler's flat unconstrained vector is made up.

    Parameters
    ----------
    design : Design
        Of the model.
    parts : tuple of (str, slice)
        The free variables, by name, in the order of the vector.
    """

    design: Design
    parts: tuple[tuple[str, slice], ...]

    @property
    def size(self) -> int:
        """Length of the vector."""
        return self.parts[-1][1].stop

    @cached_property
    def _vectors(self) -> tuple[Vector, ...]:
        return tuple(vectors(self.design).values())

    def unpack(self, q: np.ndarray) -> dict[str, np.ndarray]:
        """A draw from the unconstrained vector."""
        raw = {name: q[place] for name, place in self.parts}
        values: dict[str, np.ndarray] = {}
        for vector in self._vectors:
            values[vector.name] = np.empty(len(vector.priors))
            for slot, at in vector.slots:
                values[vector.name][at] = slot.constrain(raw[slot.name])
        for b in self.design.blocks:
            name = b.key if b.centred else f"{b.key}_raw"
            values[name] = raw[name].reshape(b.size, b.width)
        return assemble(self.design, values)

    def placed(self, q: np.ndarray, draw: Mapping[str, np.ndarray]) -> np.ndarray:
        """The unconstrained vector at the effects of a draw that is like its own but for these."""
        q, at = q.copy(), dict(self.parts)
        for b in self.design.blocks:
            effects = draw[b.key]
            if not b.centred:
                effects = np.linalg.solve(draw[f"{b.key}_root"], effects.T).T
            q[at[b.key if b.centred else f"{b.key}_raw"]] = effects.ravel()
        return q

    def middle(self) -> dict[str, np.ndarray]:
        """A plain guess: no effects, standard deviations of a half, no correlations."""
        q = self.start(np.random.default_rng(0), 0.0)
        draw = self.unpack(q)
        for b in self.design.blocks:
            draw[f"{b.key}_root"] = 0.5 * np.eye(b.width)
        return draw

    def start(self, rng: np.random.Generator, spread: float) -> np.ndarray:
        """A dispersed start: around the middle of each prior, within +-spread on the unconstrained scale."""
        q = rng.uniform(-spread, spread, self.size)
        places = dict(self.parts)
        for vector in self._vectors:
            for slot, _ in vector.slots:
                if slot.distribution.middle:
                    middle = [np.median(p.draw(np.random.default_rng(0), 1001)) for p in slot.priors]
                    q[places[slot.name]] += slot.unconstrain(np.array(middle))
        return q
