"""Making a design from formulas: terms, automatic priors, centres and scales. The only import of bambi.

bambi *describes*: on a completed frame made for the purpose, with a fixed seed, it finds the terms and scales the
priors. In that frame one random intercept by a two-level stand-in takes the place of all random effects, because
formulae builds one column per cluster (quadratic in time and memory) and the intercept's prior does not depend on
their number; the true cluster codes are kept in the design.

bambi's ``Model`` is never built: in bambi 0.21 its design matrices would be constants of the graph, and the effects of
``(1 + x | g)`` independent.

Priors of parameters other than ``mu`` that have a formula (``sigma``) are bambi's Normal(0, 1) and HalfNormal(1), but
for the standardised target and columns: on the raw scale they would not survive a change of units.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.check.priors import column_terms, correlations, prefixed
from bayesimpute.completed import Completed, fill_within
from bayesimpute.design import Block, Design, Predictor, Units
from bayesimpute.families import Parameter
from bayesimpute.formulas import Formula, Group, Matrix, build, namespace
from bayesimpute.incomplete import Incomplete
from bayesimpute.pilot import information_ratio
from bayesimpute.priors import Prior
from bayesimpute.targets import Resolved, Target

SEED = 20260101
"""Of the completed frame on which models are described, whatever the user's seed."""
INFORMATIVE = 1.0
"""Ratio of a cluster's information about its effects to the population's above which a block is centred."""
SLOPE = 2.5
"""bambi's prior standard deviation of the effect of one standard deviation, in standard deviations of the target."""
CONSTANT = 1e-12
"""Relative spread of a column that is constant but for rounding."""
LKJ_ETA = 2.0
"""Keeps the correlations of tiny clusters off -1 and 1."""


def describe(target: Target, incomplete: Incomplete, resolved: Resolved) -> Design:
    """The design of one target.

    Raises
    ------
    FormulaError
        If a formula cannot be computed on the data.
    """
    start = fill_within(incomplete, resolved, np.random.default_rng(SEED))
    completed = Completed(incomplete, resolved, start)
    return _Describer(target, incomplete, completed).design()


@dataclass
class _Describer:
    """The steps of :func:`describe`, on one completed frame."""

    target: Target
    incomplete: Incomplete
    completed: Completed

    def __post_init__(self) -> None:
        rows = self.target.fit_rows
        self.frame = self.completed.frame.iloc[rows].reset_index(drop=True)
        self.y = self.completed.values[self.target.name][rows]
        scaled = self.target.family.standardise
        self.centre = float(self.y.mean()) if scaled else 0.0
        self.scale = float(self.y.std()) if scaled else 1.0
        self.described: Any = None
        self.two = ""

    def design(self) -> Design:
        family = self.target.family
        predictors = tuple(self.predictor(p) for p in family.parameters)
        blocks: list[Block] = []
        for p in family.parameters:
            formula = self.target.formulas.get(p.name)
            for group in formula.groups if formula else ():
                blocks.append(self.block(p, group, f"block{len(blocks)}"))
        return Design(
            target=self.target, predictors=predictors, blocks=tuple(blocks), centre=self.centre, scale=self.scale
        )

    def units(self, p: Parameter) -> Units:
        if p.unit == "location":
            return Units(shift=self.centre, unit=self.scale)
        return Units(shift=float(np.log(self.scale))) if p.unit == "scale" else Units()

    def predictor(self, p: Parameter) -> Predictor:
        formula = self.target.formulas.get(p.name)
        units = self.units(p)
        if formula is None:
            return self.constant(p, units)
        matrix = build(formula.common, self.frame, path=f"conditional[{self.target.name}].formulas.{p.name}")
        columns = matrix.evaluate(self.frame)
        intercept = "Intercept" in matrix.names
        centre = columns.mean(axis=0) if intercept else np.zeros(columns.shape[1])
        scale = spread(columns)
        free = np.array([name == "Intercept" for name in matrix.names], dtype=bool)
        centre[free] = 0.0
        scale[free] = 1.0
        automatic = self.automatic(p, formula, matrix, scale, units)
        names = tuple(prefixed(p, name) for name in matrix.names)
        priors = []
        for name, term, prior, s, first in zip(names, column_terms(matrix), automatic, scale, free, strict=True):
            user = self.own(name, prefixed(p, term), prior)
            priors.append(user.affine(shift=units.shift if first else 0.0, unit=units.unit / s))
        return Predictor(
            parameter=p,
            matrix=matrix,
            names=names,
            centre=centre,
            scale=scale,
            units=units,
            offset=0.0 if intercept else -units.shift / units.unit,
            priors=tuple(priors),
        )

    def constant(self, p: Parameter, units: Units) -> Predictor:
        unit = self.scale if p.unit == "scale" else 1.0
        assert p.prior is not None
        prior = self.own(p.name, p.name, p.prior.affine(unit=1 / unit)).affine(unit=unit)
        none = np.zeros(0)
        return Predictor(
            parameter=p, matrix=None, names=(p.name,), centre=none, scale=none, units=units, offset=0.0, priors=(prior,)
        )

    def own(self, name: str, term: str, automatic: Prior) -> Prior:
        """The user's prior for a coefficient or for its whole term, else the automatic one."""
        for key in (name, term):
            if key in self.target.priors:
                return self.target.priors[key]
        return automatic

    def automatic(self, p: Parameter, formula: Formula, matrix: Matrix, scale: np.ndarray, units: Units) -> list[Prior]:
        """The priors of the common coefficients in the user's units, the intercept's at the centre of the columns."""
        if p.name != "mu":
            locations = [units.shift if name == "Intercept" else 0.0 for name in matrix.names]
            return [Prior.of("Normal", at, 1.0 / s) for at, s in zip(locations, scale, strict=True)]
        described = self.bambi(formula)
        priors: list[Prior] = []
        for term, place in matrix.terms:
            given = described.intercept_term if term == "Intercept" else described.common_terms[term]
            width = place.stop - place.start
            mu, sigma = (np.broadcast_to(given.prior.args[k], width) for k in ("mu", "sigma"))
            priors += [Prior.of("Normal", a, b) for a, b in zip(mu, sigma, strict=True)]
        return priors

    def bambi(self, formula: Formula) -> Any:
        """Bambi's description of the main formula, with stand-ins for the cluster keys."""
        import bambi

        if self.described is not None:
            return self.described
        y = unused("response", self.frame)
        frame = self.frame.assign(**{y: self.y.astype(int) if self.target.kind == "binary" else self.y})
        self.two = unused("two", frame)
        frame[self.two] = pd.Categorical(np.arange(len(frame)) % 2)
        groups = [f"(1 | {self.two})"] if formula.groups else []
        text = f"{y} ~ {' + '.join([formula.common, *groups])}"
        family = self.target.family
        link: dict[str, Any] = {"link": family.parameters[0].link} if family.bambi == "bernoulli" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of deprecations inside bambi, and of its divisions by zero
            options = {"family": family.bambi, "extra_namespace": namespace({}), **link}
            plain = bambi.Model(text, frame, auto_scale=False, **options)
            priors = unscalable(next(iter(plain.parameters.values())), self.scale, binary=bool(link))
            model = bambi.Model(text, frame, priors=priors, **options)
        self.described = next(iter(model.parameters.values()))
        return self.described

    def block(self, p: Parameter, group: Group, key: str) -> Block:
        path = f"conditional[{self.target.name}].formulas.{p.name}"
        matrix = build(group.expression, self.frame, path=path)
        columns = matrix.evaluate(self.frame)
        scale = spread(columns)
        scale[np.array([n == "Intercept" for n in matrix.names], dtype=bool)] = 1.0
        units = self.units(p)
        automatic = self.automatic_sds(p, matrix, columns)
        effects = [prefixed(p, "1" if name == "Intercept" else name) for name in matrix.names]
        names = tuple(f"{effect}|{group.factor}" for effect in effects)
        terms = [prefixed(p, "1" if term == "Intercept" else term) for term in column_terms(matrix)]
        priors = []
        for name, term, prior, s in zip(names, terms, automatic, scale, strict=True):
            user = self.own(f"{name}_sigma", f"{term}|{group.factor}_sigma", prior)
            priors.append(user.affine(unit=units.unit / s))
        codes = self.incomplete.codes(group.factor)
        return Block(
            key=key,
            factor=group.factor,
            codes=codes,
            size=self.incomplete.n_clusters(group.factor),
            parts=((p.name, matrix),),
            names=names,
            scale=scale,
            units=(units,) * len(names),
            priors=tuple(priors),
            eta=self.own_eta(p, group),
            centred=self.informative(p, codes, columns / scale),
        )

    def own_eta(self, p: Parameter, group: Group) -> float:
        prior = self.own(correlations(p, group), "", Prior.of("LKJ", LKJ_ETA))
        return prior.args[0]

    def automatic_sds(self, p: Parameter, matrix: Matrix, columns: np.ndarray) -> list[Prior]:
        """Half-normals in the user's units: of the intercept bambi's own, of each column by bambi's rule.

        Its terms cannot be used: within ``( | g)`` formulae codes interactions as if their margins were there, which
        lme4 does not.
        """
        if p.name != "mu":
            return [Prior.of("HalfNormal", 1.0 / s) for s in spread(columns)]
        slopes = SLOPE * self.scale / spread(columns)
        if "Intercept" in matrix.names:
            intercept = self.bambi(self.target.formulas[p.name]).group_specific_terms[f"1|{self.two}"]
            slopes[matrix.names.index("Intercept")] = intercept.prior.args["sigma"].args["sigma"]
        return [Prior.of("HalfNormal", s) for s in slopes]

    def informative(self, p: Parameter, codes: np.ndarray, z: np.ndarray) -> bool:
        """Whether clusters say so much about each of their effects that these are better sampled as they are.

        Where they do not, the centred form has a funnel at small standard deviations; so in doubt it is not used.
        """
        if p.name != "mu" or not self.target.family.standardise:
            return False
        matrix = build(self.target.formulas["mu"].common, self.frame)
        x = matrix.evaluate(self.frame)
        y = (self.y - (self.centre if "Intercept" in matrix.names else 0.0)) / self.scale
        return information_ratio(y, x / spread(x), z, codes[self.target.fit_rows]) > INFORMATIVE


def flat(columns: np.ndarray) -> np.ndarray:
    """Which columns are constant but for rounding, shape (column,)."""
    return columns.std(axis=0) <= CONSTANT * np.abs(columns).max(axis=0, initial=0.0)


def spread(columns: np.ndarray) -> np.ndarray:
    """Standard deviations of the columns, shape (column,); 1 where a column is constant."""
    return np.where(flat(columns), 1.0, columns.std(axis=0))


def unscalable(described: Any, scale: float, *, binary: bool) -> dict[str, Any]:
    """Priors of the terms that bambi 0.21 cannot scale, by its own rule for each column.

    It divides by the standard deviation of columns that are constant on the fitted rows (an interaction's empty cell),
    and for yes/no targets it fails at terms of several numeric columns (``poly``, ``bs``).
    """
    import bambi

    priors = {}
    for name, term in described.common_terms.items():
        columns = term.data if term.data.ndim == 2 else term.data[:, None]
        width = columns.shape[1]
        if binary and term.kind == "interaction":  # bambi's rule: one spread for all, that of their sum
            columns = np.repeat(columns.sum(axis=1, keepdims=True), width, axis=1)
        ones = binary and (term.categorical or _all_categories(term))
        several = binary and width > 1 and term.kind != "interaction"
        if not ones and (several or flat(columns).any()):
            sigma = (1.0 if binary else SLOPE * scale) / spread(columns)
            priors[name] = bambi.Prior("Normal", mu=np.zeros(width), sigma=sigma)
    return priors


def _all_categories(term: Any) -> bool:
    return term.kind == "interaction" and all(part.kind == "categoric" for part in term.term.components)


def unused(name: str, frame: pd.DataFrame) -> str:
    """A name that no column has."""
    while name in frame:
        name += "_"
    return name
