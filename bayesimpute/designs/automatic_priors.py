"""Automatic priors: what a model's parameters have that the user says nothing of. The only import of bambi.

bambi finds the terms of the main formula and scales the priors of the common ones, on a completed frame. It is not
followed in four things.

* Where columns have centres, priors of intercepts hold there, so that they do not depend on where a column has its
  zero, as bambi's do.
* Those of probabilities are about the observed share (``families/shares.py``), not about one half.
* Group-specific effects are not shown to it: formulae builds one column per cluster, quadratic in time and memory.
  Their standard deviations have priors of our own (:meth:`Automatic.deviations`).
* Priors of parameters other than ``mu`` that have a formula (``sigma``) are bambi's Normal(0, 1) and HalfNormal(1), but
  for the standardised target and columns: on the raw scale they would not survive a change of units.

bambi's ``Model`` is never built: in bambi 0.21 its design matrices would be constants of the graph, and the effects of
``(1 + x | g)`` independent.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.priors import Prior
from bayesimpute.designs.parameter_names import Part
from bayesimpute.families import Parameter, Rows
from bayesimpute.formulas import Formula, Matrix, namespace
from bayesimpute.plan.targets import Step, Target

SLOPE = 2.5
"""bambi's prior standard deviation of the effect of one standard deviation, in standard deviations of the target."""
NU = 3.0
"""Degrees of freedom of the half-t priors of the standard deviations of group-specific effects on a location."""
CONSTANT = 1e-12
"""Relative spread of a column that is constant but for rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Automatic:
    """The automatic priors of the parameters of one step, in the user's units.

    Parameters
    ----------
    step : Step
        Whose model it is.
    frames : mapping of Rows to DataFrame
        The completed data that parameters are learnt from.
    y : sequence of ndarray, shape (observed row,)
        The values of each target, less what offsets say of them.
    scale : sequence of float
        Standard deviations of the targets; 1 where they are not standardised.
    """

    step: Step
    frames: Mapping[Rows, pd.DataFrame]
    y: Sequence[np.ndarray]
    scale: Sequence[float]
    described: dict[int, Any] = field(default_factory=dict)

    @property
    def target(self) -> Target:
        """The one that has the formulas."""
        return self.step.lead

    def coefficients(
        self, p: Parameter, label: str | None, formula: Formula, matrix: Matrix, columns: np.ndarray
    ) -> list[Prior]:
        """Those of the common coefficients, at the centres of the columns."""
        frequency = self.frequency(p, label)
        if p.name != "mu":
            middle = float(np.log(self.scale[self.step.place(label)])) if p.unit == "scale" else 0.0
            general = None if p.intercept is None else Prior.of("Normal", middle, p.intercept)
            first = frequency or general
            slopes = [Prior.of("Normal", 0.0, 1.0 / s).by("bambi") for s in spread(columns)]
            return [first if first and name == "Intercept" else s for name, s in zip(matrix.names, slopes, strict=True)]
        described = self.bambi(formula, self.step.place(label))
        priors: list[Prior] = []
        for (term, place), bambis, about in zip(matrix.terms, matrix.bambis, matrix.abouts, strict=True):
            if term == "Intercept" and frequency is not None:
                priors.append(frequency)
                continue
            given = described.intercept_term if term == "Intercept" else described.common_terms[bambis]
            width = place.stop - place.start
            alike = matrix.bambis.count(bambis) > 1  # by their names: bambi has one of them
            mu, sigma = (np.resize(given.prior.args[k], width) for k in ("mu", "sigma"))
            if term == "Intercept":  # bambi's is where columns are zero, and so the wider the farther off that is
                sigma = np.minimum(sigma, SLOPE * self.scale[self.step.place(label)])
                mu = mu - (0.0 if p.unit == "location" else self.added(p))
            elif any(about) or alike:
                sigma = self.slopes(columns[:, place], self.step.place(label), interaction=len(about) > 1)
            sigma = sigma if term == "Intercept" else p.slopes * sigma
            priors += [Prior.of("Normal", a, b).by("bambi") for a, b in zip(mu, sigma, strict=True)]
        return priors

    def number(self, p: Parameter, label: str | None) -> Prior:
        """That of a parameter without a formula."""
        found = self.frequency(p, label) or p.prior
        assert found is not None
        return found.affine(unit=1 / self.scale[self.step.place(label)]) if p.unit == "scale" else found

    def frequency(self, p: Parameter, label: str | None) -> Prior | None:
        """The prior that says how frequent values are, beside what is added to the predictor anyway."""
        y = self.y[self.step.place(label)]
        if self.target.family.selection is not None:
            y = np.concatenate([y, np.full(len(self.frames[Rows.ALL]) - len(y), np.nan)])
        side = {role: self.frames[Rows.OBSERVED][name].to_numpy(dtype=float) for role, name in self.target.side.items()}
        found = self.target.family.intercept_prior(p.key(label), y, side)
        added = self.added(p)
        return found.affine(shift=added) if found is not None and added else found

    def added(self, p: Parameter) -> float:
        """The mean of what a formula adds to a linear predictor as it is."""
        formula = self.target.formulas.get(p.name)
        if formula is None or not formula.offsets:
            return 0.0
        return float(self.frames[p.rows][list(formula.offset_columns)].to_numpy(dtype=float).sum(axis=1).mean())

    def slopes(self, columns: np.ndarray, k: int, *, interaction: bool) -> np.ndarray:
        """Standard deviations of the priors of a term's coefficients by bambi's rule, shape (column,)."""
        binary = self.target.family.bambi == "bernoulli"
        return (1.0 if binary else SLOPE * self.scale[k]) / spread(ruled(columns, one=binary and interaction))

    def bambi(self, formula: Formula, k: int) -> Any:
        """Bambi's description of the common terms of the main formula of a target."""
        import bambi

        if k in self.described:
            return self.described[k]
        observed = self.frames[Rows.OBSERVED]
        y = unused("response", observed)
        response = pd.Series(self.step.targets[k].values.response(self.y[k]), index=observed.index, name=y)
        frame = pd.concat([observed, response], axis=1)  # pandas warns of the 101st column that is put into a frame
        text = f"{y} ~ {formula.common}"
        family = self.target.family
        link: dict[str, Any] = {"link": family.parameters[0].link} if family.bambi == "bernoulli" else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of deprecations inside bambi, and of its divisions by zero
            options = {"family": family.bambi, "extra_namespace": namespace({}), **link}
            model = scaled_or_flat(text, frame, options)
            priors = unscalable(next(iter(model.parameters.values())), self.scale[k], binary=bool(link))
            if priors or not model.auto_scale:
                model = bambi.Model(text, frame, priors=priors, **options)
        self.described[k] = next(iter(model.parameters.values()))
        return self.described[k]

    def deviations(self, part: Part, columns: np.ndarray) -> list[Prior]:
        """Those of the standard deviations of group-specific effects, of each column by its spread.

        The intercept's is about its effects at the centre of the others.

        Of locations half-t about a standard deviation of the target, not bambi's half-normals of 2.5: with few clusters
        the prior weighs, and theirs is heavy where variances are too large to be true (Gelman 2006, Bayesian Analysis
        1:515; ``studies/few_clusters.py``). Of other parameters half-normal: where clusters tell 0 from 1 completely, a
        long tail would let the deviation run away.
        """
        p, k = part.parameter, self.step.place(part.label)
        if p.unit == "location":
            return [Prior.of("HalfStudentT", NU, self.scale[k] / s) for s in spread(columns)]
        return [Prior.of("HalfNormal", p.effects / s) for s in spread(columns)]


def flat(columns: np.ndarray) -> np.ndarray:
    """Which columns are constant but for rounding, shape (column,)."""
    return columns.std(axis=0) <= CONSTANT * np.abs(columns).max(axis=0, initial=0.0)


def spread(columns: np.ndarray) -> np.ndarray:
    """Standard deviations of the columns, shape (column,); 1 where a column is constant."""
    return np.where(flat(columns), 1.0, columns.std(axis=0))


def ruled(columns: np.ndarray, *, one: bool) -> np.ndarray:
    """The columns whose spreads bambi's rule takes: where it has one for all columns of a term, that of their sum."""
    return np.repeat(columns.sum(axis=1, keepdims=True), columns.shape[1], axis=1) if one else columns


def scaled_or_flat(text: str, frame: pd.DataFrame, options: Mapping[str, Any]) -> Any:
    """A ``bambi.Model`` with priors by bambi's rules, or with flat ones where these cannot be (:func:`unscalable`)."""
    import bambi

    try:
        return bambi.Model(text, frame, **options)
    except (TypeError, ValueError):  # of numpy: bambi writes several numbers where it wants one
        return bambi.Model(text, frame, auto_scale=False, **options)


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
        columns = ruled(columns, one=binary and term.kind == "interaction")
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
