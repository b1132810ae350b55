"""What a conditional model is made of, as numbers: matrices, priors and units; predictions from a draw.

:mod:`bayesimpute.designs.describe` makes a :class:`Design` from formulas, :mod:`bayesimpute.designs.graph` a PyMC model
from a design, :mod:`bayesimpute.designs.placement` puts it on data.

**Scales.** The samplers see standardised columns: x_s = (x - c) / s for every column but the intercept, y_s = (y - m)
/ s_y for location-scale families, with c, s, m and s_y from the frame on which the design was described, frozen. With
eta = h + U eta_s (U and h say how a parameter follows the target's units) the coefficients are beta = U beta_s / s,
and the intercept that carries the prior is bambi's, at the centre of the columns. Priors are moved to that scale,
draws are moved back by :meth:`Design.posterior`.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bayesimpute.designs.completed import Columns
from bayesimpute.designs.parts import Block, Offset, Predictor, deviations, places
from bayesimpute.families import Family, Rows
from bayesimpute.families.links import LINKS
from bayesimpute.formulas import Matrix
from bayesimpute.formulas.matrices import Put
from bayesimpute.plan.empty_clusters import EmptyClusters

Draw = Mapping[str, np.ndarray]
SYSTEMATIC = "systematic_clusters"
"""In a draw, whether each empty cluster is systematically missing, 0 or 1, shape (empty cluster,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Design:
    """Everything about a conditional model that does not change during a run; it knows no rows.

    Parameters
    ----------
    name : str
        Of the step: the variable, or several together.
    family : Family
        Its law; of several variables, whose names are labels of its locations and scales.
    path : str
        Where its model stands in the plan.
    predictors : tuple of Predictor
        One for each parameter of the family or, where it has a formula, for each of its labels, in its order.
    blocks : tuple of Block
        The group-specific effects.
    centre, scale : float, or ndarray, shape (target,)
        y_s = (y - centre) / scale; of several targets drawn together, each has its own.
    offsets : tuple of Offset
        What is added to linear predictors.
    side : mapping of str to str
        The columns that the family reads, by role.
    empty : EmptyClusters or None
        Clusters of which it is not known whether they are systematically missing; None: there are none.
    """

    name: str
    family: Family
    path: str
    predictors: tuple[Predictor, ...]
    blocks: tuple[Block, ...]
    centre: float | np.ndarray
    scale: float | np.ndarray
    offsets: tuple[Offset, ...] = ()
    side: Mapping[str, str] = field(default_factory=dict)
    empty: EmptyClusters | None = None

    @cached_property
    def scaled_family(self) -> Family:
        """The family of y_s."""
        one = np.ndim(self.scale) == 0  # several targets together are normal numbers
        return self.family.on_scale(float(self.centre), float(self.scale)) if one else self.family

    def predictor(self, key: str) -> Predictor:
        """The linear predictor with a key."""
        return next(p for p in self.predictors if p.key == key)

    def rows(self, key: str) -> Rows:
        """Where a linear predictor enters the likelihood."""
        return self.predictor(key).parameter.rows

    @cached_property
    def steered(self) -> tuple[str, ...]:
        """The linear predictors that the family's information is about, in its order."""
        return tuple(p.key for name in self.family.steered for p in self.predictors if p.parameter.name == name)

    @cached_property
    def formulas(self) -> Mapping[str, tuple[Predictor, Matrix]]:
        """The matrices of parameters with formulas, by their keys, each with one of the linear predictors on it."""
        return {p.parameter.name: (p, p.matrix) for p in self.predictors if p.matrix is not None}

    @cached_property
    def inputs(self) -> frozenset[str]:
        """The columns that the matrices are computed from, and those that the family reads."""
        return frozenset().union(*self.reads.values(), self.side.values())

    @cached_property
    def reads(self) -> Mapping[str, frozenset[str]]:
        """The columns of each matrix, with the keys of :meth:`matrices`."""
        common = {name: frozenset(matrix.columns) for name, (_, matrix) in self.formulas.items()}
        common |= {offset.key: frozenset(offset.columns) for offset in self.offsets}
        return common | {b.key: frozenset().union(*(m.columns for _, m in b.parts)) for b in self.blocks}

    @cached_property
    def widths(self) -> tuple[tuple[str, int], ...]:
        """The keys of the matrices and their numbers of columns."""
        common = [(name, len(matrix.names)) for name, (_, matrix) in self.formulas.items()]
        return (*common, *((b.key, b.width) for b in self.blocks), *((offset.key, 1) for offset in self.offsets))

    def columns_of(self, key: str) -> list[str]:
        """What the columns of a matrix are called in formulas."""
        if key in self.formulas:
            return list(self.formulas[key][1].names)
        found = [name for b in self.blocks if b.key == key for _, matrix in b.parts for name in matrix.names]
        return found or [f"offset({' + '.join(o.columns)})" for o in self.offsets if o.key == key]

    @cached_property
    def fitted_keys(self) -> frozenset[str]:
        """The keys of the matrices that the model is fitted with."""
        return frozenset(key for key, _ in self.widths) - {offset.key for offset in self.offsets if not offset.fitted}

    def matrices(self, columns: Columns, reading: frozenset[str] | None = None) -> dict[str, np.ndarray]:
        """The standardised matrices of all rows: by predictor (row, column), and by block (row, effect).

        With `reading`, only those that read one of these columns.
        """
        wanted = [(key, w) for key, w in self.widths if reading is None or reading & self.reads[key]]
        made = {key: np.empty((len(columns), width)) for key, width in wanted}
        self.refresh(made, columns)
        return made

    def refresh(
        self,
        arrays: Mapping[str, np.ndarray],
        columns: Columns,
        rows: Mapping[str, np.ndarray] | np.ndarray | None = None,
        changed: Set[str] | None = None,
        put: Put | None = None,
    ) -> None:
        """Write into matrices what reads columns that have changed.

        Parameters
        ----------
        arrays : mapping of str to ndarray, shape (row, column)
            Some of the matrices, by their keys.
        columns : Columns
            Completed data.
        rows : ndarray of int, or mapping of str to it, optional
            Which rows of the data, the same for all matrices or by their keys; all by default.
        changed : set of str, optional
            Columns of the data; all by default.
        put : callable, optional
            A quick way to write columns of numbers: :meth:`bayesimpute.formulas.Matrix.refresh`.
        """
        for name, (p, matrix) in self.formulas.items():
            if name in arrays:
                at = rows[name] if isinstance(rows, Mapping) else rows
                matrix.refresh(arrays[name], columns, at, changed, centre=p.centre, scale=p.scale, put=put)
        for b in self.blocks:
            for matrix, place in zip((m for _, m in b.parts), (s for _, s in places(b)), strict=True):
                if b.key in arrays:
                    at = rows[b.key] if isinstance(rows, Mapping) else rows
                    own = {"centre": b.centre[place], "scale": b.scale[place], "put": put}
                    matrix.refresh(arrays[b.key][:, place], columns, at, changed, **own)
        for offset in self.offsets:
            if offset.key in arrays and (changed is None or changed & set(offset.columns)):
                at = rows[offset.key] if isinstance(rows, Mapping) else rows
                offset.write(arrays[offset.key], columns, at)

    def fitted(self, draw: Draw, data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The standardised linear predictors at the fitted rows, each (row,), from what the graph's containers hold.

        Those of parameters without a formula are numbers, or one a label.
        """
        etas = {}
        for p in self.predictors:
            etas[p.key] = draw[p.key] if p.matrix is None else data[f"X_{p.parameter.name}"] @ draw[p.key] + p.offset
        for b in self.blocks:
            terms = data[f"X_{b.key}"] * draw[b.key][data[f"codes_{b.key}"]]
            for parameter, place in places(b):
                etas[parameter] = etas[parameter] + terms[: len(etas[parameter]), place].sum(axis=1)
        for offset in self.offsets:
            if offset.fitted:
                etas[offset.predictor] = etas[offset.predictor] + data[f"X_{offset.key}"][:, 0]
        return etas

    def logp(self, draw: Draw, data: Mapping[str, np.ndarray]) -> np.ndarray:
        """Log p(y_s, and its being observed where the family models it | draw), shape (fitted row,)."""
        theta, y = self.theta(draw, data)
        return self.scaled_family.logp(y, theta, self.reading(data))

    def reading(self, data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The columns that the family reads at all fitted rows, by role, from what the graph's containers hold."""
        return {role: data[f"side_{role}"] for role in self.side}

    def theta(self, draw: Draw, data: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The standardised parameters at all fitted rows, and y_s, NaN where missing.

        Each is of shape (fitted row,) or (); with labels, (fitted row, label) or (label,). Rows of clusters that the
        draw has as systematically missing have selection at minus infinity: they have no say.
        """
        eta, y = self.fitted(draw, data), data["y_data"]
        size = max([len(y), *(len(eta[p.key]) for p in self.predictors if p.matrix is not None)])
        theta = {}
        for p in self.predictors:
            value = eta[p.key] if p.matrix is None else LINKS[p.parameter.link].inverse(eta[p.key])
            short = p.matrix is not None and len(value) < size
            theta[p.key] = np.pad(value, (0, size - len(value)), mode="edge") if short else value
        if SYSTEMATIC in draw and "empty" in data:
            theta = self.unselectable(theta, np.append(draw[SYSTEMATIC], 0)[data["empty"]] == 1)
        return by_parameter(self.predictors, theta, np.stack), np.pad(y, (0, size - len(y)), constant_values=np.nan)

    def unselectable(self, theta: dict[str, np.ndarray], units: np.ndarray) -> dict[str, np.ndarray]:
        """The parameters, with selection at minus infinity where a unit could not be selected, `units` bool (row,)."""
        selection = self.family.selection
        if selection is None:
            return theta
        return {**theta, selection.parameter: np.where(units, -np.inf, theta[selection.parameter])}

    def eta(
        self, draw: Draw, matrices: Mapping[str, np.ndarray], codes: Mapping[str, np.ndarray], rows: int
    ) -> dict[str, np.ndarray]:
        """The standardised linear predictors at some rows, each of shape (row,), from a draw.

        Parameters
        ----------
        draw : mapping of str to ndarray
            Of the parameters and effects.
        matrices : mapping of str to ndarray, shape (row, column)
            Standardised, at these rows.
        codes : mapping of str to ndarray of int, shape (row,)
            By block their clusters.
        rows : int
            Their number.
        """
        etas = {}
        for p in self.predictors:
            if p.matrix is None:
                etas[p.key] = np.broadcast_to(draw[p.key], (rows, *np.shape(draw[p.key])))
            else:
                etas[p.key] = matrices[p.parameter.name] @ draw[p.key] + p.offset
        for b in self.blocks:
            terms = matrices[b.key] * draw[b.key][codes[b.key]]
            for parameter, place in places(b):
                etas[parameter] = etas[parameter] + terms[:, place].sum(axis=1)
        for offset in self.offsets:
            etas[offset.predictor] = etas[offset.predictor] + matrices[offset.key][:, 0]
        return etas

    def respond(self, eta: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The family's parameters on the response scale and in the target's units, from the linear predictors."""
        return by_parameter(self.predictors, {p.key: self._respond(p, eta[p.key]) for p in self.predictors}, np.stack)

    def _respond(self, p: Predictor, eta: np.ndarray) -> np.ndarray:
        value = eta if p.matrix is None else LINKS[p.parameter.link].inverse(eta)
        if p.parameter.unit == "location":
            return p.units.shift + p.units.unit * value
        return self.scale_of(p) * value if p.parameter.unit == "scale" else value

    def scale_of(self, p: Predictor) -> float | np.ndarray:
        """That of the target that a linear predictor is about: of a vector with labels, of each."""
        scale = np.asarray(self.scale)
        return self.scale if not scale.ndim or p.label is None else float(scale[p.parameter.labels.index(p.label)])

    @property
    def names(self) -> tuple[str, ...]:
        """The scalar parameters, as the posterior names them."""
        names = [name for p in self.predictors for name in p.names]
        for b in self.laws:
            names += [*b.deviation_names, *b.correlation_names]
        return tuple(names)

    @cached_property
    def laws(self) -> tuple[Block, ...]:
        """The blocks whose standard deviations and correlations are their own; others have those of one of them."""
        return tuple(b for b in self.blocks if b.like is None)

    def posterior(self, draw: Draw) -> np.ndarray:
        """The scalar parameters of a draw in the user's units, shape (parameter,), in the order of :attr:`names`."""
        parts = [self._scalars(p, draw) for p in self.predictors]
        for b in self.laws:
            parts += deviations(b, draw)
        return np.concatenate(parts)

    def _scalars(self, p: Predictor, draw: Draw) -> np.ndarray:
        """The coefficients; of what is compared with another linear predictor, where the columns of that are zero."""
        found = self.coefficients(p, draw[p.key])
        if p.parameter.against is None:
            return found
        other = self.predictor(p.parameter.against)
        return found - other.at_zero(draw[other.key] * other.units.unit / other.scale)

    def effects(self, draw: Draw) -> dict[str, np.ndarray]:
        """The group-specific effects in the user's units, by their names, each of shape (cluster,)."""
        found: dict[str, np.ndarray] = {}
        for b in self.blocks:
            found |= zip(b.names, b.to_zero @ draw[b.key].T, strict=True)
        return found

    def indicators(self, draw: Draw) -> dict[str, np.ndarray]:
        """Whether each empty cluster is systematically missing in a draw, under the name that posteriors give it."""
        return {SYSTEMATIC: draw[SYSTEMATIC]} if SYSTEMATIC in draw else {}

    def coefficients(self, p: Predictor, value: np.ndarray) -> np.ndarray:
        """Standardised coefficients in the user's units, shape (…, coefficient)."""
        if p.matrix is None:
            return np.atleast_1d(value * (self.scale if p.parameter.unit == "scale" else 1.0))
        found = p.from_centre(value * p.units.unit / p.scale)
        if p.intercept is not None:
            found[..., p.intercept] += p.units.shift
        return found


def by_parameter(predictors: Sequence[Predictor], values: Mapping[str, Any], stack: Any) -> dict[str, Any]:
    """What the linear predictors have, by parameter: those of one parameter's labels side by side, by `stack`."""
    labelled = {p.parameter.name for p in predictors if p.label is not None}
    found = {}
    for p in predictors:
        name = p.parameter.name
        if name not in labelled:
            found[name] = values[name]
        elif name not in found:
            found[name] = stack([values[q.key] for q in predictors if q.parameter.name == name], axis=-1)
    return found
