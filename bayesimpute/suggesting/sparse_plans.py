"""A plan from the data alone: every incomplete variable from those that matter.

:mod:`.never_predictors` says what predicts nothing, :mod:`.variable_pairs` how strongly the others are associated,
:mod:`.sparse_rule` which of them are taken. Here the models are made of them: at level 1 the variables themselves,
squares of complete ones where these straighten a curve (:mod:`.curved_relations`), the cluster means of those whose
clusters differ, and a random intercept of each cluster key; at level 2 one row a cluster, with level-2 variables and
cluster means. Without any cluster it is ordinary fully conditional specification.

Whether two variables matter to each other is symmetric: of two incomplete ones each predicts the other, or none does.
Those that nearly determine each other share what tells them apart.
What breaks that is told: more than `most` predictors, and variables that were computed from others, which they predict
only one way.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from bayesimpute.base.errors import DataError, Outcome, PlanError, Problem
from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking.clusters import continuous
from bayesimpute.checking.collinearity import applies_where
from bayesimpute.checking.date_order import Order, order_of
from bayesimpute.families import auto
from bayesimpute.families.bounded import Bounded
from bayesimpute.families.count_values import Counts
from bayesimpute.families.label_values import MOST_LABELS
from bayesimpute.families.number_values import Amounts
from bayesimpute.formulas import quote
from bayesimpute.plan.options import Run, Score
from bayesimpute.plan.restrictions import Restriction
from bayesimpute.plan.targets import STRAIGHT_LINES, Event
from bayesimpute.suggesting.curved_relations import curved, square, squares
from bayesimpute.suggesting.determined_numbers import determined, rows_with_two_gaps
from bayesimpute.suggesting.never_predictors import Never, never, no_model, usable
from bayesimpute.suggesting.sparse_rule import Choice, SparseRule, chosen
from bayesimpute.suggesting.suggested_model import Model, Piece, deduced, mains, means, model, plain_groups
from bayesimpute.suggesting.variable_pairs import COPY, VariablePairs
from bayesimpute.suggesting.variable_roles import Scene

ICC = 0.05
"""The intraclass correlation from which the clusters of a variable differ, so that its cluster means say something."""
NEAR = 0.9
"""The association from which two variables nearly determine each other."""
SHOWN = 12
VERY_MANY = 500_000
"""Rows times targets from which on a run is shorter than usual: a sweep takes seconds."""
SHORT = Run(warmup=30, sweeps=60)
"""How long it is then; R's mice makes five sweeps of each chain."""
STRAIGHTEN = (
    "draws lie off the curve and may lie beyond what there is: do not report shares or extremes of it, nor means or "
    "slopes where more is missing at one end of the curve; columns whose relations are straight, such as logarithms or "
    "roots, keep to the curve, and [[derived]] gives back the others; pmm keeps to the range, not to the curve"
)
DETERMINED = "two variables determine it, which it predicts"

UNLIKE = "; imputed apart they do not agree: take one of them out of the data and compute it, [[derived]]"
APART = "it is observed in rows of one kind only, and imputed in all others"


@dataclass(frozen=True, kw_only=True, eq=False)
class SparsePlan:
    """The models, and what was left out of them.

    Attributes
    ----------
    scene : Scene
        The data, without models.
    rule : SparseRule
        Bounds, and what the user includes and excludes.
    named : tuple of str
        Variables of named analyses: always in.
    scores : tuple of Score
        Scores that are columns of the data here, where all items are observed: they stand for their items in the models
        of other variables, and in those of their own items the other items stand.
    """

    scene: Scene
    rule: SparseRule
    named: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    _icc: dict[tuple[str, str], float] = field(default_factory=dict)
    _choices: dict[str, Choice] = field(default_factory=dict)
    _alone: dict[str, Choice] = field(default_factory=dict)
    _apart: dict[tuple[str, str], str] = field(default_factory=dict)
    _bent: dict[str, str | None] = field(default_factory=dict)
    _squared: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def always(self) -> tuple[str, ...]:
        """Those that predict every target."""
        return tuple(dict.fromkeys([*self.rule.include, *self.named]))

    def always_of(self, target: str) -> tuple[str, ...]:
        """Those that predict a target whatever their association: of an item the other ones of its scale, too."""
        mates = (item for score in self.scores if target in score.items for item in score.items if item != target)
        return tuple(dict.fromkeys([*self.always, *mates]))

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The incomplete variables that are imputed."""
        return tuple(n for n in self._gaps if not no_model(self.scene, n))

    @cached_property
    def not_imputed(self) -> dict[str, str]:
        """The incomplete columns that are not, and why."""
        return {n: why for n in self._gaps if (why := no_model(self.scene, n))}

    @property
    def _gaps(self) -> list[str]:
        variables = self.scene.data.variables
        own = self.scene.key_columns | {score.name for score in self.scores}
        return [n for n in self.scene.data.columns if n not in own and variables[n].n_missing]

    @cached_property
    def pairs(self) -> VariablePairs:
        """How strongly variables are associated, those that can stand in a model."""
        names = [n for n in self.scene.data.columns if n in self.targets or self._usable(n)]
        return VariablePairs(self.scene, names)

    def _usable(self, name: str) -> bool:
        return name not in self.rule.exclude and usable(self.scene, name, asked=name in self.always)

    @cached_property
    def candidates(self) -> tuple[str, ...]:
        """The columns that may predict."""
        return tuple(n for n in self.scene.data.columns if self._usable(n) and n not in self.never)

    @cached_property
    def never(self) -> dict[str, Never]:
        """The columns that predict nothing, and why; a cluster key is none of them, as it has random intercepts."""
        found: dict[str, Never] = {}
        for name in self.scene.data.columns:
            why = self._never(name)
            if why is not None:
                found[name] = why
        return found

    def _never(self, name: str) -> Never | None:
        if name in self.rule.exclude:
            return Never(why="excluded", final=False)
        found = never(self.scene, name)
        if found is None and self.scene.missing(name) and not self.scene.imputable(name):
            found = Never(why="incomplete, and no family imputes it")
        if found is None and (told := [t for t in self._asked_of(name) if self._tells(name, t)]):
            found = Never(why=f"it is the missingness of {listed(told)}", final=False)
        return None if found is None or (name in self.always and not found.final) else found

    def _asked_of(self, name: str) -> Iterable[str]:
        return (t for t in self.targets if t != name and self.scene.missing(t))

    def _tells(self, name: str, target: str) -> bool:
        return self.pairs.missingness(name, target) > COPY

    def problems(self) -> list[Problem]:
        """What stands against a plan."""
        found = [p for key in self.scene.keys for p in _unfit(self.scene, key)]
        if not self._gaps:
            return [Problem(path="data", finding=Outcome.NOTHING_MISSING.value, remedy="analyse them as they are")]
        if not self.targets:
            finding = f"nothing that is incomplete can be imputed: {_reasons(self.not_imputed)}"
            found.append(Problem(path="data", finding=finding, remedy="mend these columns, or say what they are"))
        for name in self.rule.include:
            why = self.never.get(name)
            if why is not None and name not in self.rule.exclude:
                finding = f'"{name}" can predict nothing: {why}'
                found.append(Problem(path="include", finding=finding, remedy="leave it out"))
        return found

    def choice(self, target: str) -> Choice:
        """The predictors of a target."""
        if target not in self._choices:
            self._choices[target] = self._choose(target)
        return self._choices[target]

    def _choose(self, target: str) -> Choice:
        """The associated ones, and what tells near copies apart.

        Age, height and weight of children nearly determine each other, and a height for the age is associated with
        none of them alone, but with what one leaves of another. Models of which some read it and some do not
        contradict each other, and what is missing of several in the same row varies too much. So near copies have the
        predictors of all, and where one predicts all do.
        """
        found = self._associated(target)
        kept = {n: self._associated(n).kept if n in self.targets else () for n in self._near(target)}
        more = [*(n for names in kept.values() for n in names), *(o for n in found.kept for o in self._near(n))]
        fit = {*self._open(target)} - set(found.beyond)
        return found.with_beside((n for n in more if n in fit), self.rule.most)

    def _near(self, name: str) -> list[str]:
        """The near copies of a variable of level 1."""
        if self.scene.level(name) is not None:
            return []
        return [n for n in self._open(name) if self.scene.level(n) is None and self._nearly(n, name)]

    def _nearly(self, name: str, other: str) -> bool:
        return self.pairs.strength(name, other).values >= NEAR

    def _associated(self, target: str) -> Choice:
        if target not in self._alone:
            self._alone[target] = self._by_association(target)
        return self._alone[target]

    def _by_association(self, target: str) -> Choice:
        return chosen(
            {n: self.pairs.strength(n, target).largest for n in self._open(target)},
            self.rule,
            always=self.always_of(target),
            repeats=self.pairs.repeats,
        )

    def _open(self, target: str) -> list[str]:
        return [n for n in self.candidates if n != target and not self.apart(n, target)]

    def apart(self, name: str, target: str) -> str:
        """Why a variable does not predict a target whatever their association, or nothing."""
        if (name, target) not in self._apart:
            self._apart[name, target] = self._why_apart(name, target)
        return self._apart[name, target]

    def _why_apart(self, name: str, target: str) -> str:
        for score in self.scores:
            if name == score.name and target in score.items:
                return f"{target} is an item of it"
            if name in score.items:
                return "" if target in score.items else f"an item of {score.name}, which stands for it"
        if self.pairs.repeats(name, target):
            both = name in self.targets and self.scene.missing(target)
            return f"a copy of {target}{UNLIKE if both else ''}"
        if self.scene.missing(target) and self._tells(name, target):
            return f"the missingness of {target}"
        return f"computed from {target}, as it seems" if self.pairs.made_of(name, target) else ""

    def models(self) -> list[Model]:
        """The models of all targets, in the order of the data."""
        return [self._model(t) if self.scene.missing(t) else deduced(self.scene, t) for t in self.targets]

    def _model(self, target: str) -> Model:
        found = self.choice(target)
        pieces, notes = self._pieces(target, found.kept), self._notes(target, found)
        order, groups = self._order(target), plain_groups(self.scene, target)
        dated = Bounded(limits=order.limits) if order is not None and order.complete else None
        return model(self.scene, target, pieces, groups=groups, notes=notes, dated=dated)

    def _order(self, target: str) -> Order | None:
        """The date that bounds a target that is one, of those that predict it."""
        level, kept = self.scene.level(target), self.choice(target).kept
        there = [n for n in kept if level is None or self.scene.fixed_within(n, level)]
        return order_of(self.scene.data, target, there)

    def restrictions(self) -> tuple[Restriction, ...]:
        """The order of dates that are both imputed, which no law can have; each pair once."""
        found = {}
        for target in self.targets:
            order = self._order(target) if self.scene.missing(target) else None
            if order is not None and not order.complete:
                found.setdefault(frozenset({order.date, order.other}), Restriction(rule=order.rule))
        return tuple(found.values())

    def _pieces(self, target: str, names: Sequence[str]) -> list[Piece]:
        scene, level = self.scene, self.scene.level(target)
        if level is not None:
            fixed = [n for n in names if scene.fixed_within(n, level)]
            loose = [n for n in names if n not in fixed]
            return [*self._mains(fixed, "level-2 variables"), *means(scene, loose, [level])]
        upper = [n for n in names if scene.level(n) is not None]
        lower = [n for n in names if n not in upper]
        what = "level-1 variables" if scene.keys else "variables"
        found = [*self._mains(lower, what), *self._mains(upper, "level-2 variables")]
        found += [
            Piece(text=square(scene, n), names=frozenset({n}), what="squares, where lines leave out a curve")
            for n in self._squares(target)
        ]
        return [*found, *(p for key in scene.keys for n in names for p in self._means(n, key))]

    def _squares(self, target: str) -> tuple[str, ...]:
        """The predictors without gaps whose squares are in the model."""
        if target not in self._squared:
            self._squared[target] = squares(self.scene, target, self._may_bend(target))
        return self._squared[target]

    def _may_bend(self, target: str) -> list[str]:
        """The predictors of a target with a normal model at level 1 whose lines may leave out a curve."""
        if self.scene.level(target) is not None or not auto(self.scene.data.columns[target]).normal:
            return []
        return [n for n in self.choice(target).kept if self.scene.level(n) is None and not self._logarithm(n)]

    def _mains(self, names: Sequence[str], what: str) -> list[Piece]:
        """Main effects, amounts and counts by their logarithms, but for variables of a named analysis."""
        found = []
        for name in names:
            plain, text = mains(self.scene, [name], what), self._logarithm(name)
            found += [replace(piece, text=text) for piece in plain] if text else plain
        return found

    def _logarithm(self, name: str) -> str:
        """How an amount or a count predicts, in units of about its median where there is any; nothing: as it is.

        Models on the scale of logarithms that read each other's values run away: a large draw makes a larger one. So
        values count as their logarithm, and beyond the largest observed one as that, to which models are fitted.
        """
        column = self.scene.data.columns[name]
        family = auto(column)
        if name in self.named or family.values not in (Amounts, Counts) or not family.values.accepts(column):
            return ""
        known = column.values[column.values > 0]
        middle, most = float(np.median(known)), float(known.max())
        digit = 10.0 ** np.floor(np.log10(middle))
        unit = float(digit * np.round(middle / digit))
        return f"log(1 + minimum({quote(name)}, {most:.17g}){'' if unit == 1 else f' / {unit:g}'})"

    def _means(self, name: str, key: str) -> list[Piece]:
        return means(self.scene, [name], [key]) if self.differs(name, key) else []

    def differs(self, name: str, key: str) -> bool:
        """Whether the clusters of a key carry the cluster means of a variable: its ICC is at least ``ICC``."""
        if not self.scene.has_means(name, key):
            return False
        if (name, key) not in self._icc:
            self._icc[name, key] = self._largest_icc(name, key)
        return self._icc[name, key] >= ICC

    def _largest_icc(self, name: str, key: str) -> float:
        """The intraclass correlation, of a category the largest of its labels'."""
        values = self.scene.filled(name)
        known = ~np.isnan(values)
        if self.scene.data.columns[name].kind != "category":
            return self.scene.data.icc(values, key) or 0.0
        each = (np.where(known, values == code, np.nan) for code in np.unique(values[known]))
        return max((self.scene.data.icc(label, key) or 0.0 for label in each), default=0.0)

    def _notes(self, target: str, found: Choice) -> list[str]:
        always = self.always_of(target)
        told = [f"{n} ({self.pairs.strength(n, target)})" for n in found.kept if n not in (*always, *found.beside)]
        asked = [n for n in found.kept if n in always]
        notes = [f"Always in: {listed(asked, SHOWN)}."] if asked else []
        notes += [f"Associated by {self.rule.least:g} or more: {listed(told, self.rule.most)}."] if told else []
        if found.beside:
            notes.append(f"To tell variables apart that nearly determine each other: {listed(found.beside)}.")
        if not found.kept:
            notes.append(f"Nothing is associated with it by {self.rule.least:g} or more.")
        if found.beyond:
            number = counted(len(found.beyond), "variable")
            notes.append(f"Left out, as {self.rule.most} are stronger: {number}: {listed(found.beyond, SHOWN)}.")
        order = self._order(target)
        if order is not None:
            side, cut = "before" if order.after else "after", "" if order.complete else ", which a restriction says"
            notes.append(f"Never {side} {order.other} in the {counted(order.rows, 'row')} with both dates{cut}.")
        notes += [f"Left out: {n}, {why}." for n, why in self.left_out_of(target, found).items()]
        return [*notes, *(f"{what[0].upper()}{what[1:]}: {why}." for what, why in self.told(target).items())]

    def told(self, target: str) -> dict[str, str]:
        """What a model leaves out or may get wrong, and why and what to do, for the plan's text and its events."""
        found = {STRAIGHT_LINES: self.bent(target), DETERMINED: self.circle(target), APART: self.void_elsewhere(target)}
        return {what: why for what, why in found.items() if why}

    def bent(self, target: str) -> str | None:
        """What the straight lines of a normal model at level 1 leave out, and what to do; None if nothing much."""
        if target not in self._bent:
            self._bent[target] = self._curve(target)
        return self._bent[target]

    def _curve(self, target: str) -> str | None:
        found = curved(self.scene, target, self._may_bend(target), self._squares(target))
        return None if found is None else f"{found}; {STRAIGHTEN}"

    def circle(self, target: str) -> str | None:
        """Which two predictors determine a target that predicts one of them, and what to do; of three the last one."""
        order, names = list(self.scene.data.columns), self.choice(target).kept
        here = [n for n in names if order.index(n) < order.index(target)]
        found = determined(self.scene, target, here)
        back = [n for n in found or () if n in self.targets and target in self.choice(n).kept]
        if found is None or not any(rows_with_two_gaps(self.scene, (n, target)) for n in back):
            return None
        rows = counted(rows_with_two_gaps(self.scene, (target, *found)), "row")
        return (
            f"it is a sum or product of {listed(found)} up to rounding; in {rows} two of the three are missing, and "
            f"there the chains stand still; in the others compute the one that is missing before you impute, then "
            f'exclude = ["{target}"], so that it predicts nothing'
        )

    def left_out_of(self, target: str, found: Choice) -> dict[str, str]:
        """What does not predict a target for a reason of its own, and why."""
        own = {n: why for n in self.candidates if n != target and (why := self.apart(n, target))}
        return own | {n: f"a copy of {other}, which is in" for n, other in found.repeats.items()}

    def events(self) -> tuple[Event, ...]:
        """What was left out and why, as a run tells it."""
        found = [Event(target=n, what="it is not imputed", why=why) for n, why in self.not_imputed.items()]
        found += [Event(target=n, what="it predicts nothing", why=str(w)) for n, w in self.told_never.items()]
        for target in self.targets:
            if self.scene.missing(target):
                left = self.left_out_of(target, self.choice(target))
                found += [Event(target=target, what=f"{n} does not predict it", why=why) for n, why in left.items()]
                found += [Event(target=target, what=what, why=why) for what, why in self.told(target).items()]
        return tuple(found)

    def void_elsewhere(self, target: str) -> str:
        """What to write if a target applies only where all of its observed values lie; empty where they lie apart."""
        known = ~self.scene.data.columns[target].missing
        alike = (n for n in self._telling if n != target and np.ptp(self.scene.data.columns[n].values[known]) == 0)
        return next((why for n in alike if (why := applies_where(self.scene.data, n, target))), "").removeprefix("; ")

    @cached_property
    def _telling(self) -> tuple[str, ...]:
        """Complete columns of few values, which may say where a variable applies."""
        columns = self.scene.data.columns
        whole = [n for n in columns if n not in self.scene.key_columns and not columns[n].missing.any()]
        return tuple(n for n in whole if 1 < len(np.unique(columns[n].values)) <= MOST_LABELS)

    def run(self) -> Run:
        """Shorter than usual where there are very many cells: a sweep visits each target once."""
        return SHORT if len(self.targets) * len(self.scene.data.frame) >= VERY_MANY else Run()

    @property
    def told_never(self) -> dict[str, Never]:
        """What predicts nothing, cluster keys and what is not imputed anyway left out."""
        return {n: w for n, w in self.never.items() if n not in self.scene.key_columns and n not in self.not_imputed}

    def opening(self) -> list[str]:
        """What the comments at the top of the plan say of the rule and of the columns."""
        scene, rule = self.scene, self.rule
        keys = [f"{counted(scene.data.n_clusters(k), 'cluster')} of {k}" for k in scene.keys]
        told = [f"{n}: {why}" for n, why in self.told_never.items()]
        means_of = f", cluster means of those with an ICC of {ICC:g} or more" if keys else ""
        lines = [
            f"Suggested by `bayesimpute suggest` from {listed([counted(len(scene.data.frame), 'row'), *keys])} and no "
            "analysis. A start: read the reasons, and change what you know better."
            if not self.named
            else f"Suggested by `bayesimpute suggest` from {listed([counted(len(scene.data.frame), 'row'), *keys])}, "
            f"for whatever is analysed; variables of the analysis are always in.",
            f"Each incomplete variable is imputed from those whose association with it, or with what is missing of it, "
            f"is {rule.least:g} or more (|r| of numbers, eta of labels and numbers, Cramer's V of labels; of level-2 "
            f"variables over clusters), at most {rule.most}{means_of}.",
        ]
        if any(self._logarithm(n) for n in self.candidates):
            lines.append(
                "Amounts that may be nothing, and counts, predict by their logarithms, up to the largest observed: so "
                "no draw runs away."
            )
        lines += [f"Not imputed: {_reasons(self.not_imputed)}."] if self.not_imputed else []
        return [*lines, *(["Never predictors:", *(f"- {line}" for line in told)] if told else [])]


def require(plan: SparsePlan) -> None:
    """Raise what stands against a plan.

    Raises
    ------
    DataError
        If nothing is missing.
    PlanError
        With everything else.
    """
    problems = plan.problems()
    if problems and problems[0].finding == Outcome.NOTHING_MISSING.value:
        raise DataError(problems)
    if problems:
        raise PlanError(problems)


def _unfit(scene: Scene, key: str) -> list[Problem]:
    """Why a key cannot have random intercepts."""
    clusters, rows = scene.data.n_clusters(key), len(scene.data.frame)
    remedy = "leave it out, or name the key of larger clusters"
    number = continuous(key, scene.data)
    if number is not None:
        return [Problem(path="clusters", finding=f'"{number}" is a continuous variable, no cluster key', remedy=remedy)]
    if clusters == rows:
        return [Problem(path="clusters", finding=f'every cluster of "{key}" has one row', remedy=remedy)]
    return [Problem(path="clusters", finding=f'"{key}" has only one cluster', remedy=remedy)] if clusters == 1 else []


def _reasons(found: Mapping[str, str]) -> str:
    return listed((f"{n} ({why})" for n, why in found.items()), SHOWN)


def analysed(needs: Iterable[str], scene: Scene) -> tuple[str, ...]:
    """The variables of analyses, in the order of the data, without cluster keys."""
    wanted = frozenset(needs) - scene.key_columns
    return tuple(n for n in scene.data.columns if n in wanted)
