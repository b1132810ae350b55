"""A conditional model as a PyMC model for readers: the user's units, bambi's names and dims, plain operations.

It is the same model as the samplers' (:mod:`bayesimpute.designs.graph`) in other coordinates. Common terms are
variables by bambi's names, those of several columns vectors with a dim ``<term>_dim``; standard deviations of effects
are ``1|g_sigma``, effects ``1|g`` by ``g__factor_dim``, correlations ``1~~x|g_corr``. Where columns are about
their means the priors hold there, as bambi's do: then the free variable is ``Intercept_centered``, say, and
``Intercept`` follows from it.

Observed units have the coordinate ``__obs__``. A selection model has two observed variables, the outcome given that it
was observed and, by ``__modelled__``, ``observed(hiv)``, who was: their log densities add up to the family's. Clusters
of which it is not known whether they are systematically missing are a third, ``empty(hiv)``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design, by_parameter
from bayesimpute.designs.graph import variable
from bayesimpute.designs.parameter_names import prefixed
from bayesimpute.designs.parts import Block, Predictor, pairs, places
from bayesimpute.families import Rows
from bayesimpute.families.links import LINKS
from bayesimpute.inspection.user_units import (
    coefficient_move,
    coefficient_priors,
    deviation_priors,
    effect_move,
    moved_coefficients,
    moved_effects,
    number_priors,
)

CENTERED = "_centered"
OBSERVED, MODELLED, DOUBTLESS = "__obs__", "__modelled__", "__doubtless__"
BRACKETS = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """What units and clusters are called.

    Parameters
    ----------
    units : ndarray, shape (modelled unit,)
        Row labels, those of the units with a value first.
    clusters : mapping of str to ndarray, shape (cluster,)
        By cluster key.
    """

    units: np.ndarray
    clusters: Mapping[str, np.ndarray]


def readers_graph(design: Design, data: Mapping[str, np.ndarray], labels: Labels) -> Any:
    """The PyMC model of a design for readers.

    Parameters
    ----------
    design : Design
        Of one target.
    data : mapping of str to ndarray
        What the samplers' graph would hold: :meth:`~bayesimpute.designs.placement.Placement.data`.
    labels : Labels
        Of the rows that these are of.

    Returns
    -------
    pymc.Model
    """
    import pymc as pm

    with pm.Model(coords={OBSERVED: labels.units[: len(data["y_data"])]}) as model:
        _Writer(design, data, labels, model).write()
    return model


@dataclass
class _Writer:
    """Writes a design into the model on the stack."""

    design: Design
    data: Mapping[str, np.ndarray]
    labels: Labels
    model: Any
    eta: dict[str, Any] = field(default_factory=dict)
    centred: dict[str, Any] = field(default_factory=dict)
    factors: dict[str, Any] = field(default_factory=dict)

    def write(self) -> None:
        import pytensor.tensor as pt

        if any(p.parameter.rows is Rows.ALL for p in self.design.predictors):
            self.model.add_coord(MODELLED, self.labels.units)
        for p in self.design.predictors:
            self.eta[p.key] = self.number(p) if p.matrix is None else self.linear(p)
        for block in self.design.blocks:
            self.add_effects(block)
        for offset in self.design.offsets:
            if offset.fitted:
                column = offset.unit * self.data[f"X_{offset.key}"][:, 0]
                self.eta[offset.predictor] += self.held(f"{offset.predictor}_offset", column, offset.predictor)
        self.likelihood(by_parameter(self.design.predictors, self.eta, pt.stack))

    def held(self, name: str, values: np.ndarray, key: str, *dims: str) -> Any:
        """A data container by the units of a linear predictor."""
        import pymc as pm

        rows = MODELLED if len(values) > len(self.data["y_data"]) or self.design.rows(key) is Rows.ALL else OBSERVED
        return pm.Data(name, values, dims=(rows, *dims))

    def number(self, p: Predictor) -> Any:
        """The linear predictor of a parameter without a formula."""
        import pymc as pm

        ordered = p.parameter.support == "ordered"
        priors = number_priors(self.design, p)
        if not p.parameter.labels:
            value = free(p.names[0], priors, ())
            return LINKS[p.parameter.link].symbolic(value)
        self.model.add_coord(dim := f"{p.parameter.name}_dim", list(p.parameter.labels))
        against = p.parameter.against
        value = free(p.parameter.name + CENTERED * (against is not None), priors, (dim,), ordered=ordered)
        if against is not None:
            other = self.design.predictor(against)
            shift = self.centred[against] @ other.at_zero(np.eye(len(other.names)))
            pm.Deterministic(p.parameter.name, value - shift, dims=dim)
        return LINKS[p.parameter.link].symbolic(value)

    def linear(self, p: Predictor) -> Any:
        """The linear predictor of a formula, without effects and offsets."""
        assert p.matrix is not None
        self.centred[p.key] = beta = self.coefficients(p)
        columns = self.data[f"X_{p.parameter.name}"] * p.scale
        name, dim = f"X_{p.parameter.name}", f"{p.parameter.name}_column"
        if name not in self.model.named_vars:
            self.model.add_coord(dim, list(p.matrix.names))
            self.held(name, columns, p.key, dim)
        return self.model[name] @ beta

    def coefficients(self, p: Predictor) -> Any:
        """The coefficients at the centres of the columns, (column,), and deterministics of those that move from it."""
        import pymc as pm
        import pytensor.tensor as pt

        priors, move, moved = coefficient_priors(p), coefficient_move(p), moved_coefficients(p)
        parts: list[Any] = []
        asked: list[tuple[str, slice, tuple[str, ...]]] = []
        for name, place, levels in self.terms(p):
            dims = ()
            if levels:
                dims = (f"{name}_dim",)
                self.model.add_coord(dims[0], list(levels))
            suffix = CENTERED if moved[place].any() else ""
            value = free(name + suffix, priors[place], dims)
            parts.append(value if levels else value[None])
            if suffix:
                asked.append((name, place, dims))
        if not parts:
            return pt.zeros(0)
        beta = parts[0] if len(parts) == 1 else pt.concatenate(parts)
        for name, place, dims in asked:
            values = beta @ move[:, place]
            pm.Deterministic(name, values if dims else values[0], dims=dims or None)
        return beta

    def terms(self, p: Predictor) -> Iterator[tuple[str, slice, tuple[str, ...]]]:
        """The names of the terms with their places; of those of several columns what these are called."""
        assert p.matrix is not None
        for term, place in p.matrix.terms:
            names = p.names[place]
            name = prefixed(p.parameter, term) + (f"_{p.label}" if p.label is not None else "")
            kinds = {prior.name for prior in p.priors[place]}
            if names == (name,):
                yield name, place, ()
            elif len(kinds) == 1:
                yield name, place, levels(names)
            else:  # a user's prior of another kind for one of them
                yield from ((each, slice(place.start + k, place.start + k + 1), ()) for k, each in enumerate(names))

    def add_effects(self, b: Block) -> None:
        """The effects of a block at the centres of their columns, and deterministics of the user's."""
        dim = f"{b.factor}__factor_dim"
        if dim not in self.model.coords:
            self.model.add_coord(dim, self.labels.clusters[b.factor])
        effects = self.effects(b, dim)
        keys = [key for key, _ in places(b)]
        everywhere = next((key for key in keys if self.design.rows(key) is b.rows), keys[0])
        columns = self.held(
            self.unused(f"Z_{b.factor}", b), self.data[f"X_{b.key}"] * b.scale, everywhere, self.block_dim(b)
        )
        codes = self.held(self.unused(f"{b.factor}_index", b), self.data[f"codes_{b.key}"], everywhere)
        terms = columns * effects[codes]
        for key, place in places(b):
            shorter = b.rows is not self.design.rows(key)
            rows = terms[: len(self.data["y_data"])] if shorter else terms
            self.eta[key] = self.eta[key] + rows[:, place].sum(axis=1)

    def block_dim(self, b: Block) -> str:
        """The dim of a block's effects."""
        name = f"{b.factor}__effect_dim"
        if name in self.model.coords and list(self.model.coords[name]) != list(b.names):
            name = f"{b.factor}_{b.key}__effect_dim"
        self.model.add_coord(name, list(b.names))
        return name

    def effects(self, b: Block, dim: str) -> Any:
        """The effects (cluster, effect), with their standard deviations, correlations and names in the model."""
        import pymc as pm
        import pytensor.tensor as pt

        priors, move, moved = deviation_priors(b), effect_move(b), moved_effects(b)
        names = [name + CENTERED * bool(there) for name, there in zip(b.deviation_names, moved, strict=True)]
        own = b.like is None
        sds = [free(n, [p], ()) if own else self.model[n] for n, p in zip(names, priors, strict=True)]
        sd: Any = pt.stack(sds)
        effects: Any
        if b.width == 1:
            if b.centred:
                effects = pm.Normal(b.names[0], 0.0, sds[0], dims=dim)
            else:
                raw = pm.Normal(f"{b.names[0]}_offset", 0.0, 1.0, dims=dim)
                effects = pm.Deterministic(b.names[0], sds[0] * raw, dims=dim)
            return effects[:, None]
        if own:
            name = self.unused(f"{b.factor}_corr_cholesky", b)
            self.factors[b.key] = pm.LKJCorr(name, n=b.width, eta=b.correlations.args[0])
        factor = self.factors[b.law]
        root, shape = sd[:, None] * factor, (dim, self.block_dim(b))
        if b.centred:
            effects = pm.MvNormal(self.unused(f"{b.factor}_effects", b), np.zeros(b.width), chol=root, dims=shape)
        else:
            effects = pm.Normal(self.unused(f"{b.factor}_offset", b), 0.0, 1.0, dims=shape) @ root.T
        user = effects @ move.T
        for k, name in enumerate(b.names):
            pm.Deterministic(name, user[:, k], dims=dim)
        if own:
            self.name_covariance(b, move @ root, moved)
        return effects

    def unused(self, name: str, b: Block) -> str:
        """A name, with the block's where another of the same cluster key has it."""
        return f"{name}_{b.key}" if name in self.model.named_vars else name

    def name_covariance(self, b: Block, root: Any, moved: np.ndarray) -> None:
        """Standard deviations where they differ from those at the centres, and correlations, of the user's effects."""
        import pymc as pm
        import pytensor.tensor as pt

        covariance = root @ root.T
        sd: Any = pt.sqrt(pt.diag(covariance))
        for k in np.flatnonzero(moved):
            pm.Deterministic(b.deviation_names[k], sd[k])
        for name, (i, j) in zip(b.correlation_names, pairs(b.width), strict=True):
            pm.Deterministic(name, covariance[i, j] / (sd[i] * sd[j]))

    def likelihood(self, eta: Mapping[str, Any]) -> None:
        """What is observed: the values, and of a selection model who has one."""
        import pymc as pm

        design, data, selection = self.design, self.data, self.design.family.selection
        name, n = design.name, len(data["y_data"])
        side = {role: pm.Data(f"side_{role}", data[f"side_{role}"][:n]) for role in design.side}
        y = pm.Data(f"{name}_data", design.centre + design.scale * data["y_data"], dims=(OBSERVED,))
        at = eta if selection is None else {**eta, selection.parameter: eta[selection.parameter][:n]}
        self.model.register_rv(design.family.distribution(at, side), name, observed=y, dims=(OBSERVED,))
        if selection is not None:
            self.being_observed(eta, eta[selection.parameter], n)

    def being_observed(self, eta: Mapping[str, Any], s: Any, n: int) -> None:
        """Who was selected; of clusters that may be systematically missing, that they are empty."""
        selection, name, data = self.design.family.selection, self.design.name, self.data
        assert selection is not None
        rows = len(self.labels.units)
        r = (np.arange(rows) < n).astype(float)
        empty = data.get("empty")
        if empty is None or self.design.empty is None:
            self.model.register_rv(selection.law(s), f"observed({name})", observed=r, dims=(MODELLED,))
            return
        count = len(self.design.empty)
        known = np.flatnonzero(empty == count)
        self.model.add_coord(DOUBTLESS, self.labels.units[known])
        self.model.register_rv(selection.law(s[known]), f"observed({name})", observed=r[known], dims="__doubtless__")
        law = selection.empty_law(eta, empty, count, self.design.empty.others)
        self.model.register_rv(law, f"empty({name})", observed=np.repeat([1.0, 0.0], [count, self.design.empty.others]))


def levels(names: Sequence[str]) -> tuple[str, ...]:
    """What the columns of a term are called in its dim: ``sex[girl]:texp`` is ``girl``."""
    found = tuple(", ".join(BRACKETS.findall(name)) for name in names)
    return found if len(set(found)) == len(names) and all(found) else tuple(names)


def free(name: str, priors: Sequence[Prior], dims: tuple[str, ...], *, ordered: bool = False) -> Any:
    """A free variable with priors of one kind: a number, or a vector with a dim."""
    import pymc as pm
    from pymc.distributions.transforms import ordered as ascending

    base, through = priors[0].base, priors[0].distribution.through
    values = {key: np.array([p.base.parameters[key] for p in priors]) for key in base.parameters}
    arguments = values if dims else {key: float(value[0]) for key, value in values.items()}
    more: dict[str, Any] = {"dims": dims} if dims else {}
    if ordered:
        more |= {"transform": ascending, "initval": np.arange(len(priors), dtype=float)}
    if through is None:
        return variable(base.name, name, arguments, **more)
    raw = variable(base.name, f"{name}_{base.name.lower()}", arguments, **more)
    return pm.Deterministic(name, through.symbolic(raw), dims=dims or None)
