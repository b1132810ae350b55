"""A plan by the recipes for chained equations: Van Buuren, Flexible Imputation of Missing Data, 2nd ed. (2018), 7.10.8.

Table 7.5, for a level-1 target: (1) take the most general analysis; include (3) all level-1 variables, (4) their
cluster means, (5) the level-1 interactions that the analysis implies, (6) all level-2 variables, (7) the level-2 and
(8) the cross-level interactions that it implies, (9) what predicts the target and its missingness; (10) leave out all
that involves the target. Table 7.6, for a level-2 target, fitted with one row a cluster: cluster means of the level-1
variables and of their interactions, all level-2 variables and their interactions. Steps (2), predictive mean matching,
have no counterpart: each target has a model with a family.

What an analysis of y *implies* for a covariate x is the analysis with y in the place of x: the interaction ``x:w`` asks
for ``y:w`` in the model of x, a random slope of x for one of y. That is how the predictor matrices of 7.10.5 and 7.10.7
are made; the first has, besides, both parts of an interaction with a level-2 variable, within clusters (``x:w``)
and between them (``cluster_mean(x):w``).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np

from bayesimpute.families import Binary
from bayesimpute.formulas import Formula, parse, quote
from bayesimpute.formulas.algebra import Term
from bayesimpute.formulas.syntax import Name
from bayesimpute.formulas.terms import (
    Atom,
    bare,
    common_terms,
    deviates,
    key_text,
    mean_by,
    names_in,
    random_terms,
    split,
    term_names,
    written,
)
from bayesimpute.plan.conditional import Conditional
from bayesimpute.suggesting.auxiliaries import BOUND, association
from bayesimpute.suggesting.beside_selection import beside_notes, indicators_beside, without_exclusions
from bayesimpute.suggesting.suggested_model import Model, Piece, deduced, described, intercepts, mains, means, model
from bayesimpute.suggesting.variable_roles import Scene

LEVEL_1, LEVEL_2, CROSS = "level-1 interactions", "level-2 interactions", "cross-level interactions"
AGGREGATED = "cluster means of level-1 interactions"


def conditionals(scene: Scene, asked: Mapping[str, Conditional], *, chosen: bool) -> list[Model]:
    """The models of all incomplete variables.

    Parameters
    ----------
    scene : Scene
        The data and the analyses.
    asked : mapping of str to Conditional
        The analyses as models: their family, priors and other formulas are the outcome's.
    chosen : bool
        Whether auxiliary variables were looked for: then each target takes those that are associated with it.
    """
    targets = [n for n in scene.variables if scene.data.variables[n].n_missing and scene.imputable(n)]
    found = [_Recipe(scene, n, chosen).model() if scene.missing(n) else deduced(scene, n) for n in targets]
    return [_as_asked(scene, m, asked.get(m.conditional.target)) for m in found]


def _as_asked(scene: Scene, made: Model, asked: Conditional | None) -> Model:
    """An outcome's model with what the user gave of it, its mean apart."""
    if asked is None or not scene.missing(asked.target):
        return made
    formulas = {**asked.formulas, "mu": made.conditional.formulas["mu"]}
    family = made.conditional.family if asked.family == "auto" else asked.family
    new = replace(made.conditional, family=family, formulas=formulas, priors=asked.priors)
    reason = made.reason if asked.family == "auto" else ""
    names = parse(formulas["mu"]).needs - scene.key_columns
    notes = (described(scene, asked.target, asked.family, names), *made.notes[1:])
    return replace(made, conditional=new, notes=notes, reason=reason)


def visit_sequence(scene: Scene) -> tuple[str, ...]:
    """Level-1 targets, then level-2 targets, each by the number of missing cells, fewest first."""
    targets = [n for n in scene.variables if scene.data.variables[n].n_missing and scene.imputable(n)]
    return tuple(sorted(targets, key=lambda n: (scene.level(n) is not None, scene.missing(n))))


class _Recipe:
    """The recipe for one target."""

    def __init__(self, scene: Scene, target: str, chosen: bool) -> None:
        self.scene, self.target = scene, target
        self.level = scene.level(target)
        self.auxiliaries = [n for n in scene.auxiliaries if n != target and (not chosen or self.associated(n))]
        self.others = [n for n in (*scene.outcomes, *scene.covariates) if n != target]

    def associated(self, name: str) -> bool:
        return association(self.scene, name, self.target).largest >= BOUND

    def model(self) -> Model:
        pieces = self.upper() if self.level is not None else self.lower()
        pieces = without_exclusions(self.scene, self.target, pieces)
        pieces = [*indicators_beside(self.scene, self.target), *pieces]
        groups = self.groups() if self.level is None else self.coarser()
        return model(self.scene, self.target, pieces, groups=groups, notes=self.notes())

    def lower(self) -> list[Piece]:
        """Table 7.5."""
        scene, names = self.scene, [*self.others, *self.auxiliaries]
        level_2 = [n for n in names if scene.level(n) is not None]
        level_1 = [n for n in names if n not in level_2]
        products = list(self.interactions())
        return [
            *self.analysis(),
            *mains(scene, level_1, "level-1 variables"),
            *means(scene, names, scene.keys),
            *(p for p in products if p.what == LEVEL_1),
            *mains(scene, level_2, "level-2 variables"),
            *(p for p in products if p.what != LEVEL_1),
        ]

    def upper(self) -> list[Piece]:
        """Table 7.6."""
        scene, names, level = self.scene, [*self.others, *self.auxiliaries], str(self.level)
        fixed = [n for n in names if scene.fixed_within(n, level)]
        loose = [n for n in names if n not in fixed]
        by = [*means(scene, loose, [level]), *mains(scene, fixed, "level-2 variables")]
        return [*by, *self.aggregated(level)]

    def analysis(self) -> list[Piece]:
        """What the analyses have beside main effects and interactions: powers, splines, cluster means."""
        found = []
        for outcome, formula in self.scene.models.items():
            terms = [t for t in common_terms(formula) if len(t) == 1 and self.target not in term_names(t)]
            plain = outcome == self.target
            what = "terms of the analysis" if plain else "powers and the like of the analysis"
            found += [self.piece(t, what) for t in terms if plain or not self.simple(bare(t[0]))]
        return found

    @staticmethod
    def simple(atom: Atom) -> bool:
        return isinstance(atom, Name) or mean_by(atom) is not None or deviates(atom) is not None

    def piece(self, term: Term, what: str) -> Piece:
        loose = term_names(atom for atom in term if mean_by(atom) is None)
        width = int(np.prod([self.scene.width(n) for n in loose]))
        return Piece(text=written(term), names=term_names(term), what=what, width=width)

    def implied(self) -> Iterator[Term]:
        """The interactions of the analyses, with the outcome in the place of the target."""
        for outcome, formula in self.scene.models.items():
            for term in common_terms(formula):
                if len(term) > 1:
                    new = self.swapped(term, outcome)
                    if len(new) > 1 and self.target not in term_names(new):
                        yield new

    def swapped(self, term: Term, outcome: str) -> Term:
        if self.target == outcome:
            return term
        atoms: list[Atom] = []
        for atom in term:
            atoms += self.instead(atom, outcome) if self.target in names_in(atom) else [atom]
        return tuple(dict.fromkeys(atoms))

    def instead(self, atom: Atom, outcome: str) -> list[Atom]:
        """The outcome in the form that the target has: its cluster mean for a cluster mean."""
        key = mean_by(atom)
        if key is not None and self.scene.has_means(outcome, key):
            return list(split(self.scene.means(outcome, key)[0]))
        return [Name(outcome)]

    def interactions(self) -> Iterator[Piece]:
        """The implied interactions, those with level-2 variables in both parts: within and between clusters."""
        for term in dict.fromkeys(new for t in self.implied() for new in self.both(t)):
            upper = [self.is_upper(atom) for atom in term]
            what = LEVEL_2 if all(upper) else CROSS if any(upper) else LEVEL_1
            yield self.piece(term, what)

    def is_upper(self, atom: Atom) -> bool:
        names = names_in(atom)
        return mean_by(atom) is not None or all(self.scene.level(n) is not None for n in names)

    def both(self, term: Term) -> list[Term]:
        """A term, and the same with a variable instead of its cluster mean and the other way round."""
        found = [term]
        for k, atom in enumerate(term):
            rest = (*term[:k], *term[k + 1 :])
            if any(map(self.is_upper, rest)):
                for other in self.parts(atom, rest):
                    if other not in rest:
                        found.append((*term[:k], other, *term[k + 1 :]))
        return found

    def parts(self, atom: Atom, rest: Term) -> list[Atom]:
        """The other part of a variable: its cluster means, or itself for a cluster mean."""
        if mean_by(atom) is not None:
            return [Name(n) for n in names_in(atom) if self.is_means_of(atom, n)]
        if not isinstance(atom, Name) or self.scene.level(atom.name) is not None:
            return []
        keys = dict.fromkeys(key for other in rest if (key := self.key_of(other)) is not None)
        made = [
            text for key in keys if self.scene.has_means(atom.name, key) for text in self.scene.means(atom.name, key)
        ]
        return [split(text)[0] for text in made]

    def is_means_of(self, atom: Atom, name: str) -> bool:
        return self.scene.level(name) is None and names_in(atom) == {name}

    def key_of(self, atom: Atom) -> str | None:
        key = mean_by(atom)
        return key or next((self.scene.level(n) for n in names_in(atom)), None)

    def aggregated(self, level: str) -> list[Piece]:
        """Cluster means of products of level-1 variables, times what is constant in the cluster."""
        scene, found, by = self.scene, [], key_text(level, self.scene.data.columns)
        for term in self.implied():
            names = sorted(term_names(term), key=list(scene.data.columns).index)
            loose = [n for n in names if not scene.fixed_within(n, level)]
            if all(mean_by(a) == level or not names_in(a) & {*loose} for a in term):
                found.append(self.piece(term, LEVEL_2))
            upper = [quote(n) for n in names if n not in loose]
            for inner in product(*(self.factors(n) for n in loose)) if len(names) > 1 and loose else ():
                text = ":".join([f"cluster_mean({' * '.join(inner)}, {by})", *upper])
                found.append(Piece(text=text, names=frozenset(names), what=AGGREGATED if len(loose) > 1 else LEVEL_2))
        return found

    def factors(self, name: str) -> list[str]:
        return [f"({text})" if "==" in text else text for text in self.scene.labels(name)]

    def coarser(self) -> list[str]:
        return [f"(1 | {key_text(key, self.scene.data.columns)})" for key in intercepts(self.scene, self.target)]

    def groups(self) -> list[str]:
        """Random intercepts by all keys, and the analyses' random slopes with the outcome in the target's place."""
        scene = self.scene
        effects: dict[str, list[str]] = {key: ["1"] for key in intercepts(scene, self.target)}
        widths: dict[str, int] = {}
        verbatim = [str(g) for f in (scene.models.get(self.target),) if f is not None for g in f.groups]
        if verbatim:
            done = {g.factor for g in scene.models[self.target].groups}
            rest = [f"(1 | {key_text(key, scene.data.columns)})" for key in effects if key not in done]
            return [*verbatim, *rest]
        for key, term in self.slopes():
            text = ":".join(self.centred(atom) for atom in term)
            own, names = effects.get(key, []), term_names(term)
            taken = sum(widths.get(t, 1) for t in own) + self.piece(term, "").width
            if own and text not in own and taken < scene.seen(self.target, key) and not self.flat(names):
                own.append(text)
                widths[text] = self.piece(term, "").width
        return [f"({' + '.join(texts)} | {key_text(key, scene.data.columns)})" for key, texts in effects.items()]

    def flat(self, names: Iterable[str]) -> bool:
        """Whether one of these says nothing where the target is observed."""
        scene, target = self.scene, self.target
        return any(not scene.varies_with(n, target) or scene.new_labels(n, target) for n in names)

    def slopes(self) -> Iterator[tuple[str, Term]]:
        for outcome, formula in self.models_of_target().items():
            for key, term in random_terms(formula):
                new = self.swapped(term, outcome)
                if new and self.target not in term_names(new):
                    yield key, new

    def models_of_target(self) -> Mapping[str, Formula]:
        """The analyses in which the target is a covariate."""
        return {y: f for y, f in self.scene.models.items() if self.target in f.needs}

    def centred(self, atom: Atom) -> str:
        """A slope's variable, centred if far from zero: the same model, of which the sampler needs fewer steps."""
        column = self.scene.data.columns[atom.name] if isinstance(atom, Name) else None
        if column is None or column.kind != "number" or Binary.accepts(column):
            return written((atom,))
        known = column.values[~column.missing]
        far = abs(float(known.mean())) > float(known.std())
        return f"center({written((atom,))})" if far else written((atom,))

    def bent(self, atom: Atom) -> bool:
        return names_in(atom) == {self.target} and not self.simple(atom)

    def notes(self) -> list[str]:
        notes = [f"No term involves {self.target} itself.", *beside_notes(self.scene, self.target)]
        own = self.models_of_target()
        many = [
            y for y, f in own.items() if any(len(t) > 1 for t in common_terms(f)) or any(t for _, t in random_terms(f))
        ]
        if many:
            what = "Interactions and random slopes" if self.level is None else "Interactions"
            notes.append(f"{what} are those of the analysis with {_and(many)} for {self.target}.")
        bent = [written(t) for f in own.values() for t in common_terms(f) if len(t) == 1 and self.bent(bare(t[0]))]
        if bent:
            notes.append(
                f"{', '.join(bent)} of the analysis has no counterpart here: that is what mode compatible is for."
            )
        chosen = [str(association(self.scene, n, self.target)) for n in self.auxiliaries]
        if chosen:
            pairs = zip(self.auxiliaries, chosen, strict=True)
            notes.append(f"Auxiliary variables: {', '.join(f'{n} ({why})' for n, why in pairs)}.")
        return notes


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)
