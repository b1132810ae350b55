"""An imputation plan from nothing but the analysis and the data, or the data alone, with a comment for every choice.

* :mod:`.asked` reads the analyses and finds everything that is wrong with them, :mod:`.mode_settings` what
  is wrong with what else was asked for;
* :mod:`.variable_roles` says what each variable is to them: its role, its level, what is missing;
* :mod:`.auxiliaries` looks for variables outside of the analyses that help;
* :mod:`.compatible_plans` and :mod:`.recipes` write the models, in the two modes, and :mod:`.beside_selection` what the
  recipes lack for selection models;
* :mod:`.sparse_plans` writes the models of a plan from the data alone: every incomplete variable from those that
  matter (:mod:`.association_measures`, :mod:`.variable_pairs`, :mod:`.sparse_rule`), :mod:`.never_predictors` left out;
* :mod:`.suggested_model` makes one model of pieces, and :mod:`.commented_toml` the document.

The plan is a start: read its comments, and change what you know better. To add a mode, write a module like
:mod:`.recipes` and enter it in ``mode_settings.MODES`` and :func:`_models`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bayesimpute.base.arguments import typed, typed_after
from bayesimpute.base.errors import PlanError, errors, one
from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking import check
from bayesimpute.checking.congeniality import congenial
from bayesimpute.data.arrow_frames import AnyFrame, as_pandas
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import Family, auto
from bayesimpute.formulas import parse
from bayesimpute.plan.conditional import Conditional, family_name
from bayesimpute.plan.known_cells import Known, read_by
from bayesimpute.plan.options import Analysis, Run, Score
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import Event
from bayesimpute.suggesting import auxiliaries, compatible_plans, recipes, sparse_plans
from bayesimpute.suggesting.asked import Asked, most_general, problems_with_data, read_asked
from bayesimpute.suggesting.auxiliaries import BOUND, Association
from bayesimpute.suggesting.commented_toml import document
from bayesimpute.suggesting.mode_settings import (
    all_the_same,
    as_names,
    as_tuple,
    of_other_modes,
    read_selections,
    unfit_keys,
    unknown_columns,
    unknown_mode,
)
from bayesimpute.suggesting.score_columns import with_columns
from bayesimpute.suggesting.sparse_rule import LEAST, MOST, SparseRule
from bayesimpute.suggesting.suggested_model import Model
from bayesimpute.suggesting.variable_roles import Scene, look

__all__ = ["Suggestion", "suggest"]

SHOWN = 12
"""Columns that a comment names."""


@typed
@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A suggested plan.

    Attributes
    ----------
    plan : Plan
        Ready for ``check`` and ``impute``.
    toml : str
        The same as a document with comments; ``Plan.from_toml(toml)`` equals `plan`.
    events : tuple of Event
        Of mode "sparse" what was left out and why; a run by this suggestion has them among its own.
    """

    plan: Plan
    toml: str
    events: tuple[Event, ...] = ()

    def __str__(self) -> str:
        return self.toml


@typed_after
def suggest(
    analysis: "str | Conditional | Analysis | Sequence[str | Conditional | Analysis] | None",
    data: AnyFrame | Incomplete,
    *,
    mode: str | None = None,
    auxiliary: Sequence[str] | str | None = None,
    clusters: Sequence[str] | str = (),
    least: float = LEAST,
    most: int = MOST,
    include: Sequence[str] | str = (),
    exclude: Sequence[str] | str = (),
    scores: Sequence[Score] = (),
    columns: Any = None,
    known: Sequence[Known] = (),
) -> Suggestion:
    """A plan that imputes what an analysis needs, or whatever is incomplete.

    Parameters
    ----------
    analysis : str, Conditional, Analysis, a list of them, or None
        What the completed data are to be analysed with: ``"popular ~ sex * texp + (1 + sex | school)"``. A formula's
        family follows from the outcome: bernoulli for yes/no, gaussian for numbers; a Conditional or Analysis brings
        its own. Several analyses of one outcome become one model with the terms of all. None: not known yet.
    data : DataFrame or Incomplete
        The incomplete data, one row a unit.
    mode : {"compatible", "fcs", "sparse"}
        "compatible" (the default if there is an analysis): imputations are drawn from the analysis itself times models
        of the covariates, right for whatever terms it has. "fcs": chained equations by the recipes of Van Buuren
        (Flexible Imputation of Missing Data, 2nd ed. 2018, section 7.10.8), as R's mice would be set up; selection
        models are better in "compatible".
        "sparse" (the default if there is none): chained equations of every incomplete column from those that matter.
    auxiliary : list of str, "auto" or None
        Variables outside of the analysis that help to impute; "auto" takes those with a correlation of at least .1
        with an incomplete variable or its missingness.
    clusters : list of str
        Cluster keys beside those of the analysis.
    least : float
        Of mode "sparse": a variable predicts another, and is predicted by it, if their association is so strong: the
        absolute correlation of numbers, eta of labels and numbers, Cramer's V of labels, of level-2 variables over
        clusters; or that of the one's values with what is missing of the other.
    most : int
        Of mode "sparse": the strongest so many are taken.
    include, exclude : list of str
        Of mode "sparse": columns that predict every variable, as those of an analysis do; columns that predict none.
    scores : list of Score
        Of mode "sparse": scores of items, which predict in place of these; an item is imputed from the other items.
    columns : mapping, optional
        What columns are, as for :func:`bayesimpute.impute`; it is in the plan, too.
    known : sequence of Known
        What is known of missing cells, likewise: the columns that say it are imputed from nothing, and predict nothing.

    Returns
    -------
    Suggestion

    Raises
    ------
    InputError
        With everything that is wrong: an analysis that cannot be read or computed, or needs columns that are not
        there or that no family imputes; nothing incomplete; an unknown mode or auxiliary variable.

    Examples
    --------
    >>> print(suggest("popular ~ sex * texp + (1 + sex | school)", data, auxiliary="auto"))  # doctest: +SKIP
    """
    mode = mode or ("sparse" if analysis is None else "compatible")
    frame = data.frame if isinstance(data, Incomplete) else as_pandas(data)
    keys = [*as_names(clusters, "clusters"), *(data.clusters if isinstance(data, Incomplete) else ())]
    asked, problems = ([], []) if analysis is None and mode == "sparse" else read_asked(analysis, mode)
    rule = SparseRule(
        least=least, most=most, include=as_tuple(include, "include"), exclude=as_tuple(exclude, "exclude")
    )
    problems += [*unknown_mode(mode), *of_other_modes(mode, auxiliary, [*rule.said, *(["scores"] if scores else [])])]
    said = data.said if isinstance(data, Incomplete) else ()
    said = said if not columns else Incomplete.from_frame(frame, columns=columns).said
    aside = read_by(known) - {name for a in asked for name in (a.outcome, *a.needs, *a.keys)} - {*keys}
    frame, said = frame.drop(columns=[*aside], errors="ignore"), tuple(each for each in said if each.name not in aside)
    frame, wrong = with_columns(frame, scores)
    problems += wrong
    everything = look(frame, [*(key for a in asked for key in a.keys), *keys], said)
    problems += unfit_keys(everything, keys)
    problems += problems_with_data(asked, everything, mode)
    named = [] if auxiliary is None or auxiliary == "auto" else as_names(auxiliary, "auxiliary")
    problems += rule.problems(everything.columns)
    if problems:
        raise PlanError([*problems, *unknown_columns(named, everything)])
    general = most_general(asked)
    if mode == "sparse":
        return _sparse(asked, general, everything, rule, tuple(scores), tuple(known))
    models = {y: parse(c.formulas["mu"]) for y, c in general.items()}
    extra = frozenset().union(*(f.needs for a in asked for f in a.others))
    selections = {y: parse(c.formulas["selection"]) for y, c in general.items() if "selection" in c.formulas}
    scene = Scene(data=everything, models=models, extra=extra, selections=selections)
    problems = [
        *auxiliaries.problems(scene, named, mode),
        *read_selections(general, auxiliary, mode),
        *all_the_same(asked, scene),
    ]
    if problems:
        raise PlanError(problems)
    return _suggestion(asked, general, scene, mode, "auto" if auxiliary == "auto" else named, tuple(known))


def _suggestion(
    asked: Sequence[Asked],
    general: dict[str, Conditional],
    scene: Scene,
    mode: str,
    auxiliary: Sequence[str],
    known: tuple[Known, ...],
) -> Suggestion:
    automatic = auxiliary == "auto"
    usable, why_not = auxiliaries.candidates(scene, mode, () if automatic else auxiliary)
    found = auxiliaries.strongest(scene, usable)
    chosen, repeats = auxiliaries.taken(scene, found) if automatic else (auxiliary, {})
    found, why_not = {n: a for n, a in found.items() if n not in repeats}, {**why_not, **repeats}
    scene = replace(scene, auxiliaries=tuple(chosen))
    sections = _models(scene, general, found, mode, looked_for=automatic)
    analyses, notes = _analyses(asked, {y: _family(scene, y, model) for y, model in general.items()})
    plan = Plan(
        columns=scene.data.said,
        title=_title(asked),
        substantive=tuple(m.conditional for name, models in sections if name == "substantive" for m in models),
        conditionals=tuple(m.conditional for name, models in sections if name == "conditional" for m in models),
        analyses=analyses,
        run=Run(visit_sequence=recipes.visit_sequence(scene)) if mode == "fcs" else Run(),
    )
    beside = " ".join(note for _, models in sections for model in models for note in model.notes)
    remarks = [problem for problem in check(plan, scene.data) if problem.remedy not in beside]
    if errors(remarks):
        raise PlanError(errors(remarks))
    if not plan.models:
        names = listed((n for n in scene.data.columns if scene.data.variables[n].n_missing), 12)
        finding = f"nothing that is incomplete in it can be imputed; incomplete are {names}"
        raise one(PlanError, "analysis", finding, "leave these columns out, or write a plan for them")
    opening = [
        *_opening(scene, mode),
        *_outside(scene, found, why_not, auxiliary),
        *notes,
        *_ignored(plan, asked, scene),
        *(f"`bayesimpute check` remarks on {problem}." for problem in remarks),
    ]
    plan = replace(plan, known=known)
    return Suggestion(plan=plan, toml=document(plan, opening=opening, sections=sections))


def _sparse(
    asked: Sequence[Asked],
    general: Mapping[str, Conditional],
    data: Incomplete,
    rule: SparseRule,
    scores: tuple[Score, ...] = (),
    known: tuple[Known, ...] = (),
) -> Suggestion:
    scene = Scene(data=data, models={})
    named = sparse_plans.analysed((n for a in asked for n in (a.outcome, *a.needs)), scene)
    made = sparse_plans.SparsePlan(scene=scene, rule=rule, named=named, scores=scores)
    sparse_plans.require(made)
    analyses, notes = _analyses(asked, {y: _family(scene, y, model) for y, model in general.items()})
    models = made.models()
    plan = Plan(
        columns=data.said,
        title=_title(asked),
        conditionals=tuple(m.conditional for m in models),
        known=known,
        restrictions=made.restrictions(),
        scores=scores,
        analyses=analyses,
        run=made.run(),
    )
    # Without what the check remarks on: of many columns it takes as long as all of this, and the run tells it.
    opening = [*made.opening(), *notes, *_ignored(plan, asked, scene)]
    toml = document(plan, opening=opening, sections=[("conditional", models)])
    return Suggestion(plan=plan, toml=toml, events=made.events())


def _title(asked: Sequence[Asked]) -> str:
    formulas = " ".join(listed(a.formula.source for a in asked).split())
    return f"Imputation for {formulas}" if asked else "Imputation of every variable from those that matter"


def _models(
    scene: Scene, general: dict[str, Conditional], found: dict[str, Association], mode: str, *, looked_for: bool
) -> list[tuple[str, list[Model]]]:
    if mode == "fcs":
        return [("conditional", recipes.conditionals(scene, general, chosen=looked_for))]
    return [
        ("substantive", compatible_plans.substantive(scene, general)),
        ("conditional", compatible_plans.conditionals(scene, found)),
    ]


def _family(scene: Scene, outcome: str, model: Conditional) -> str | Family:
    if model.family != "auto":
        return model.family
    return auto(scene.data.columns[outcome]).name


def _analyses(asked: Sequence[Asked], families: Mapping[str, str | Family]) -> tuple[tuple[Analysis, ...], list[str]]:
    """The analyses that can be fitted and pooled, and why others cannot."""
    found, notes = [], []
    for k, a in enumerate(asked):
        name = "main" if len(asked) == 1 else f"analysis {k + 1}"
        analysis = a.analysis or _analysis(name, a, families[a.outcome])
        complaint = _complaint(analysis, a)
        if complaint:
            notes.append(f"No [[analysis]] for {a.formula.source}: {complaint}.")
        else:
            found.append(analysis)
    return tuple(found), notes


def _analysis(name: str, asked: Asked, settled: str | Family) -> Analysis:
    family = family_name(settled)
    link = getattr(settled, "link", None)
    return Analysis(name=name, formula=asked.formula.source, family=family, link=link)


def _complaint(analysis: Analysis, asked: Asked) -> str:
    from bayesimpute.analysis.fitters import complaints

    return "; ".join(finding for _, finding, _ in complaints(asked.formula, analysis.options))


def _opening(scene: Scene, mode: str) -> list[str]:
    rows, keys = len(scene.data.frame), [f"{counted(scene.data.n_clusters(k), 'cluster')} of {k}" for k in scene.keys]
    how = {
        "compatible": "Compatible with the analysis: covariates are drawn from their own models times the analysis.",
        "fcs": "Chained equations by the recipes of Van Buuren (2018, Flexible Imputation of Missing Data, 2nd ed.), "
        "Tables 7.5 and 7.6.",
    }
    return [
        f"Suggested by `bayesimpute suggest` from {listed([counted(rows, 'row'), *keys])}. A start: read the reasons, "
        "and change what you know better.",
        how[mode],
        *_levels(scene, mode),
    ]


def _ignored(plan: Plan, asked: Sequence[Asked], scene: Scene) -> list[str]:
    """What of the analyses the imputations do not know."""
    found = dict.fromkeys(i for a in asked for i in congenial(plan, a.formula.source, scene.data))
    lines = [f"{ignored.variable}: {ignored.finding}; {ignored.bias}." for ignored in found]
    return ["What of the analysis these imputations ignore:", *lines] if lines else []


def _levels(scene: Scene, mode: str) -> list[str]:
    upper = [f"{n} ({scene.level(n)})" for n in scene.variables if scene.level(n) is not None]
    found = [f"Level 2, constant within clusters: {listed(upper, SHOWN)}."] if upper else []
    own = scene.variables if mode == "fcs" else (*scene.outcomes, *scene.covariates)
    complete = [n for n in own if not scene.data.variables[n].n_missing]
    return [*found, *([f"Complete, so without a model of their own: {listed(complete, SHOWN)}."] if complete else [])]


def _outside(scene: Scene, found: dict[str, Association], why_not: dict[str, str], auxiliary: object) -> list[str]:
    """What is said of the columns that are in no analysis."""
    notes = []
    if scene.auxiliaries:
        told = [f"{n} ({found[n]})" if n in found else n for n in scene.auxiliaries]
        rule = f", with |r| of at least {BOUND} with an incomplete variable or with its missingness"
        notes.append(f"Auxiliary variables{rule if auxiliary == 'auto' else ''}: {listed(told, SHOWN)}.")
    left = {n: a for n, a in found.items() if n not in scene.auxiliaries}
    weak = [f"{n} ({a})" for n, a in left.items()]
    if weak and auxiliary == "auto":
        notes.append(f"Left out, as |r| is below {BOUND}: {listed(weak, SHOWN)}.")
    elif weak:
        strong = [f"{n} ({a})" for n, a in left.items() if a.largest >= BOUND]
        notes.append(f"Not in the analysis, and left out: {listed(left, SHOWN)}.")
        if strong:
            notes.append(f"Of these, as auxiliary variables could help: {listed(strong)}.")
    reasons = [f"{n} ({why})" for n, why in why_not.items() if n not in scene.auxiliaries]
    return [*notes, *([f"Cannot help: {listed(reasons, SHOWN)}."] if reasons else [])]
