"""Making a design from formulas: terms, priors, centres and scales.

On a completed frame made for the purpose, with a fixed seed, formulas become matrices, which freeze their transforms,
and parameters get the user's priors or, where there are none, those of ``automatic_priors.py``; both are turned to the
scale on which the samplers work.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.automatic_priors import Automatic, spread
from bayesimpute.designs.completed import Completed, fill_within
from bayesimpute.designs.design import Design
from bayesimpute.designs.information_ratio import information_ratio
from bayesimpute.designs.parameter_names import (
    Part,
    alike,
    bundles,
    column_terms,
    correlations,
    labelled,
    law_of,
    lookups,
    prefixed,
)
from bayesimpute.designs.parts import Block, Offset, Predictor, Units
from bayesimpute.designs.restricted import started
from bayesimpute.designs.subsample import representative
from bayesimpute.families import Parameter, Rows
from bayesimpute.formulas import Matrix, build
from bayesimpute.formulas.algebra import Term
from bayesimpute.formulas.centring import about_means
from bayesimpute.formulas.excerpts import used_labels
from bayesimpute.plan.targets import Resolved, Step, Target

SEED = 20260101
"""Of the completed frame on which models are described, whatever the user's seed."""
INFORMATIVE = 1.0
"""Ratio of a cluster's information about its effects to the population's above which a block is centred."""
LKJ_ETA = 2.0
"""Keeps the correlations of tiny clusters off -1 and 1."""


def describe(target: Target, incomplete: Incomplete, resolved: Resolved) -> Design:
    """The design of one target.

    Raises
    ------
    FormulaError
        If a formula cannot be computed on the data.
    """
    step = Step(name=target.name, targets=(target,))
    return _Describer(step, incomplete, _completed(incomplete, resolved)).design()


def describe_all(incomplete: Incomplete, resolved: Resolved) -> dict[str, Design]:
    """The designs of all steps, as :func:`describe` makes them."""
    completed = _completed(incomplete, resolved)
    return {step.name: _Describer(step, incomplete, completed).design() for step in resolved.steps}


def _completed(incomplete: Incomplete, resolved: Resolved) -> Completed:
    rng = np.random.default_rng(SEED)
    known = {t.name: t.given[t.fit_rows] for t in resolved.targets}
    cells = started(incomplete, resolved, rng, fill_within(incomplete, resolved, rng), known)
    return Completed(incomplete, resolved, cells)


@dataclass
class _Describer:
    """What :func:`describe` does, on one completed frame.

    Of several targets each has its own centre, scale and automatic priors, from all units where any is observed.
    """

    step: Step
    incomplete: Incomplete
    completed: Completed

    def __post_init__(self) -> None:
        self.target = self.step.lead
        frame = self.completed.frame
        kept = representative(self.step, frame, self.incomplete)
        at = {Rows.OBSERVED: self.step.fit_rows, Rows.ALL: self.step.model_rows}
        self.rows = at if kept is None else {which: rows[kept[rows]] for which, rows in at.items()}
        read = frozenset().union(*(target.columns for target in self.step.targets))
        frame = frame[[name for name in frame if name in read]]
        self.frames = {w: used_labels(frame.iloc[rows].reset_index(drop=True)) for w, rows in self.rows.items()}
        known = self.known()
        self.y = [self.completed.values[t.name][self.rows[Rows.OBSERVED]] - known for t in self.step.targets]
        scaled = self.target.family.standardise
        self.centre = [float(y.mean()) if scaled else 0.0 for y in self.y]
        self.scale = [float(y.std()) if scaled else 1.0 for y in self.y]
        self.priors = Automatic(step=self.step, frames=self.frames, y=self.y, scale=self.scale)

    def design(self) -> Design:
        family = self.target.family
        predictors = tuple(made for p in family.parameters for made in self.predictors(p))
        parts = bundles(family, {name: formula.groups for name, formula in self.target.formulas.items()})
        laws = [law_of(family, bundle, parts) for bundle in parts]
        blocks = tuple(
            self.block(bundle, f"block{k}", None if law == k else f"block{law}")
            for k, (bundle, law) in enumerate(zip(parts, laws, strict=True))
        )
        alone = len(self.y) == 1
        return Design(
            name=self.step.name,
            family=family,
            path=self.target.path,
            predictors=predictors,
            blocks=blocks,
            centre=self.centre[0] if alone else np.array(self.centre),
            scale=self.scale[0] if alone else np.array(self.scale),
            offsets=tuple(offset for p in predictors for offset in self.offsets(p)),
            side=self.target.side,
            empty=self.target.empty,
        )

    def offsets(self, p: Predictor) -> Iterator[Offset]:
        """What is added to a linear predictor: by its formula, and by an adjustment of what is imputed."""
        formula, mine = self.target.formulas.get(p.parameter.name), {"predictor": p.key, "unit": p.units.unit}
        if formula is not None and formula.offsets:
            yield Offset(key=f"{p.key}_offset", columns=formula.offset_columns, fitted=True, **mine)
        target = self.step.targets[self.step.place(p.label)]
        shift = target.shift if p.label is None or len(self.step.targets) > 1 else target.label_shifts.get(p.label)
        if p.parameter.name == "mu" and shift is not None:
            columns, fitted = (shift,), self.step.learns_imputed
            yield Offset(key=f"{p.key}_shift", columns=columns, fitted=fitted, **mine)

    def known(self) -> np.ndarray | float:
        """What offsets say of y itself: coefficients, centre and scale are about the rest."""
        formula, mu = self.target.formulas.get("mu"), self.target.family.parameters[0]
        if formula is None or not formula.offsets or mu.unit != "location":
            return 0.0
        columns = [self.frames[Rows.OBSERVED][name] for name in formula.offset_columns]
        return sum(column.to_numpy(dtype=float) for column in columns)

    def units(self, p: Parameter, label: str | None) -> Units:
        k = self.step.place(label)
        if p.unit == "location":
            return Units(shift=self.centre[k], unit=self.scale[k])
        return Units(shift=float(np.log(self.scale[k]))) if p.unit == "scale" else Units()

    def predictors(self, p: Parameter) -> list[Predictor]:
        """One, or one for each label of a parameter with a formula."""
        formula = self.target.formulas.get(p.name)
        if formula is None:
            return [self.constant(p)]
        matrix = self.matrix(formula.trees, p, against=p.intercept is None)
        intercept, columns = "Intercept" in matrix.names, matrix.evaluate(self.frames[p.rows])
        centre = columns.mean(axis=0) if p.intercept is None else middles(matrix, columns)
        scale, free = spread(columns), ones(matrix)
        terms = column_terms(matrix)

        def priors(label: str | None, units: Units) -> tuple[Prior, ...]:
            automatic = self.priors.coefficients(p, label, formula, matrix, columns)
            found = [
                self.own(lookups(p, label, name, term), prior)
                for name, term, prior in zip(matrix.names, terms, automatic, strict=True)
            ]
            shifts = np.where(free, units.shift, 0.0)
            return tuple(f.affine(shift=h, unit=units.unit / s) for f, h, s in zip(found, shifts, scale, strict=True))

        return [
            Predictor(
                parameter=p,
                label=label,
                matrix=matrix,
                names=tuple(labelled(prefixed(p, name), label) for name in matrix.names),
                centre=centre,
                scale=scale,
                units=units,
                offset=0.0 if intercept else -units.shift / units.unit,
                priors=priors(label, units),
            )
            for label in p.labels or (None,)
            for units in [self.units(p, label)]
        ]

    def matrix(self, trees: Sequence[Term], p: Parameter, *, against: bool = False) -> Matrix:
        """Of some terms; without an intercept where cutpoints are `against` the predictor, which take its place."""
        frame = self.frames[p.rows]
        found = build(trees, frame, path=f"{self.target.path}.formulas.{p.name}")
        found = found.without_intercept() if against else found
        return about_means(found, frame, intercept=against or "Intercept" in found.names)

    def constant(self, p: Parameter) -> Predictor:
        none, names, priors = np.zeros(0), [], []
        for label in p.labels or (None,):
            unit = self.scale[self.step.place(label)] if p.unit == "scale" else 1.0
            names.append(labelled(p.name, label))
            priors.append(self.own([p.name], self.priors.number(p, label)).affine(unit=unit))
        return Predictor(
            parameter=p,
            matrix=None,
            names=tuple(names),
            centre=none,
            scale=none,
            units=self.units(p, None),
            offset=0.0,
            priors=tuple(priors),
        )

    def own(self, names: Sequence[str], automatic: Prior) -> Prior:
        """The user's prior by the first of some names, from a coefficient's to that of all of its kind."""
        own = next((self.target.priors[name] for name in names if name in self.target.priors), None)
        return automatic if own is None else own.by("user")

    def block(self, bundle: Sequence[Part], key: str, like: str | None) -> Block:
        """The effects of one cluster key, of one parameter or of several; perhaps with the law of another block's."""
        factor = bundle[0].group.factor
        parts = [self.part(part) for part in bundle]
        names = tuple(name for part in parts for name in part.names)
        codes = self.incomplete.codes(factor)
        everywhere = any(part.parameter.rows is Rows.ALL for part in bundle)
        return Block(
            key=key,
            factor=factor,
            rows=Rows.ALL if everywhere else Rows.OBSERVED,
            size=self.incomplete.n_clusters(factor),
            parts=tuple((part.key, made.matrix) for part, made in zip(bundle, parts, strict=True)),
            names=names,
            centre=np.concatenate([part.centre for part in parts]),
            scale=np.concatenate([part.scale for part in parts]),
            units=tuple(part.units for part in parts for _ in part.names),
            priors=tuple(prior for part in parts for prior in part.priors),
            correlations=self.own([correlations(bundle[0].parameter, bundle[0].group)], Prior.of("LKJ", LKJ_ETA)),
            centred=min(self.ratio(x, codes, made) for x, made in zip(bundle, parts)) > INFORMATIVE,
            like=like,
            called=tuple(name for part in parts for name in part.called),
        )

    def part(self, part: Part) -> "_Effects":
        """The effects that one parenthesis of random effects brings into a block."""
        p, group = part.parameter, part.group
        matrix = self.matrix(group.trees, p)
        columns = matrix.evaluate(self.frames[p.rows])
        centre, scale = middles(matrix, columns), spread(columns)
        units = self.units(p, part.label)
        effects, terms = (
            ["1" if name == "Intercept" else name for name in of] for of in (matrix.names, column_terms(matrix))
        )
        names = tuple(f"{labelled(prefixed(p, name), part.label)}|{group.factor}" for name in effects)
        shared = alike(self.target.family, part)
        called = tuple(f"{prefixed(p, name)}|{group.factor}" for name in effects) if shared else names
        priors = []
        for name, term, prior, s in zip(effects, terms, self.priors.deviations(part, columns), scale, strict=True):
            keys = [f"{key}|{group.factor}_sigma" for key in lookups(p, None if shared else part.label, name, term)]
            priors.append(self.own(keys, prior).affine(unit=units.unit / s))
        return _Effects(matrix, (columns - centre) / scale, names, called, centre, scale, units, tuple(priors))

    def ratio(self, part: Part, codes: np.ndarray, made: "_Effects") -> float:
        """How much clusters say about each of their effects: where it is much, these are better sampled as they are.

        Where it is little, the centred form has a funnel at small standard deviations; so in doubt it is not used: not
        for parameters other than locations, nor for yes/no targets, unless the family selects (its clusters are worth
        the rough answer of a linear model for the probabilities).
        """
        p, selects = part.parameter, self.target.family.selection
        if selects is not None and p.name == selects.parameter:
            rows, observed = self.rows[Rows.ALL], len(self.y[0])
            y = np.repeat([1.0, 0.0], [observed, len(rows) - observed])
        elif p.name == "mu" and (selects is not None or self.target.family.standardise):
            y = self.y[self.step.place(part.label)]
        else:
            return 0.0
        matrix = self.matrix(self.target.formulas[p.name].trees, p)
        x = matrix.evaluate(self.frames[p.rows])
        x -= middles(matrix, x)
        y = (y - (y.mean() if "Intercept" in matrix.names else 0.0)) / y.std()
        return information_ratio(y, x / spread(x), made.columns, codes[self.rows[p.rows]])


@dataclass(frozen=True, eq=False)
class _Effects:
    """One parenthesis of random effects: its matrix, the standardised columns (row, effect), and what a block has."""

    matrix: Matrix
    columns: np.ndarray
    names: tuple[str, ...]
    called: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    units: Units
    priors: tuple[Prior, ...]


def ones(matrix: Matrix) -> np.ndarray:
    """Which column is the intercept's, bool, shape (column,)."""
    return np.array([name == "Intercept" for name in matrix.names], dtype=bool)


def middles(matrix: Matrix, columns: np.ndarray) -> np.ndarray:
    """The means of columns beside an intercept, which takes up what they leave; 0 of others, shape (column,)."""
    free = ones(matrix)
    return np.where(free.any() & ~free, columns.mean(axis=0), 0.0)
