"""Every problem of a plan with a data set, before anything is compiled.

:func:`check` returns all of them as a list; :func:`require` raises them together. Each has the path of the place in the
plan or the data, what was found there, and what to do about it. Nothing here imports PyMC or bambi.

A check runs in three passes, each over whatever the one before could make sense of, so that one mistake never hides
another:

* :mod:`.plan_alone`, :mod:`.conditional_alone` and :mod:`.settings` look at the plan alone, and make what can be
  understood of it :mod:`.readings`: types, names of families and samplers, formulas that parse;
* :mod:`.names`, :mod:`.observed_values`, :mod:`.void_values`, :mod:`.target_columns`, :mod:`.rare_labels`,
  :mod:`.labels_meant`, :mod:`.copies`, :mod:`.date_order`, :mod:`.ignored_rows`, :mod:`.clusters`, :mod:`.exclusions`,
  :mod:`.selection_indicators`, :mod:`.conditions_held`,
  :mod:`.systematic_missingness`, :mod:`.substantive`, :mod:`.derived`, :mod:`.score_items`,
  :mod:`.congeniality.several_outcomes`, :mod:`.adjustments`, :mod:`.partly_known`, :mod:`.broken_rules`,
  :mod:`.drawn_too` and :mod:`.estimand_problems` hold it against the columns of the data;
* :mod:`.coded_formulas` codes each formula on a completed frame, and finds what only matrices show
  (:mod:`.collinearity`): columns without variation, labels without observations, too many coefficients, those of
  cluster level for few clusters (:mod:`.cluster_level`), predictors that are no numbers at values that are drawn
  (:mod:`.drawn_beyond`), priors of unknown parameters (:mod:`.prior_roles`).

To report a new kind of bad input, append a Problem in the module that already looks at that part of the plan.
"""

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import DataError, PlanError, Problem, errors
from bayesimpute.checking import (
    adjustments,
    broken_rules,
    clusters,
    coded_formulas,
    conditions_held,
    copies,
    date_order,
    derived,
    drawn_too,
    estimand_problems,
    exclusions,
    fixed_coefficients,
    follow_ups,
    ignored_rows,
    indicators,
    labels_meant,
    names,
    observed_values,
    partly_known,
    rare_labels,
    score_items,
    selection_indicators,
    sensitivity_requests,
    settings,
    substantive,
    systematic_missingness,
    target_columns,
    timing,
    void_values,
)
from bayesimpute.checking.congeniality import several_outcomes
from bayesimpute.checking.plan_alone import read_plan
from bayesimpute.data.arrow_frames import AnyFrame
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.said_columns import applied
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.void_cells import with_void

__all__ = ["check", "looked_at", "plan_clusters", "require"]


@typed
def check(plan: Plan, incomplete: Incomplete | AnyFrame) -> list[Problem]:
    """Every problem of a plan with a data set, errors and warnings.

    Parameters
    ----------
    plan : Plan
        The plan.
    incomplete : Incomplete or DataFrame
        The data; a frame is looked at with the plan's cluster keys.

    Returns
    -------
    list of Problem
        In the order of the plan; empty if there is nothing to say. Data without missing values are no problem.
    """
    read, problems = read_plan(plan)
    problems = [*settings.run_problems(plan), *problems, *adjustments.alone(read), *fixed_coefficients.alone(read)]
    problems += estimand_problems.alone(read)
    problems += sensitivity_requests.alone(read)
    data, found = _incomplete(incomplete, read.keys)
    problems += found
    if data is not None:
        data, found = _saying(data, plan)
        problems += found
    if data is not None:
        data = with_void(data, [reading.conditional for reading in read.conditionals])
        problems += void_values.problems(read, data)
        data = indicators.with_columns(data, read.targets, plan.time)
        read = target_columns.with_formulas(read, data)
        problems += indicators.problems(read, data)
        problems += timing.problems(read, data)
        problems += ignored_rows.problems(read, data)
        problems += names.problems(read, data)
        problems += observed_values.problems(read, data)
        problems += derived.problems(read, data)
        problems += score_items.problems(read, data)
        problems += target_columns.problems(read, data)
        problems += rare_labels.problems(read, data)
        problems += labels_meant.problems(read, data)
        problems += copies.problems(read, data)
        problems += date_order.problems(read, data)
        problems += clusters.problems(read, data)
        problems += exclusions.problems(read, data)
        problems += selection_indicators.problems(read, data)
        problems += systematic_missingness.problems(read, data)
        problems += substantive.problems(read, data)
        problems += several_outcomes.problems(plan, data)
        problems += adjustments.problems(read, data)
        problems += partly_known.problems(read, data)
        problems += broken_rules.problems(read, data)
        problems += drawn_too.problems(read, data)
        problems += conditions_held.problems(read, data)
        problems += fixed_coefficients.problems(read, data)
        problems += estimand_problems.problems(read, data)
        problems += coded_formulas.problems(read, data)
        problems += [] if errors(problems) else broken_rules.unmet(plan, data)
        problems = follow_ups.without(problems, read, data)
    return list(dict.fromkeys(problems))


def require(plan: Plan, incomplete: Incomplete | AnyFrame) -> list[Problem]:
    """Check, and stop if there is any error.

    Returns
    -------
    list of Problem
        The warnings.

    Raises
    ------
    PlanError
        With every problem, if one of them is an error.
    """
    problems = check(plan, incomplete)
    if errors(problems):
        raise PlanError(problems)
    return problems


def looked_at(data: Incomplete | AnyFrame, plan: Plan) -> Incomplete:
    """The data as a plan that has been checked needs them: with its cluster keys, and what it says of columns."""
    if isinstance(data, Incomplete):
        return with_void(data.saying(plan.columns), plan.models)
    found = Incomplete.from_frame(data, clusters=plan_clusters(plan), columns=plan.columns)
    return with_void(found, plan.models)


def plan_clusters(plan: Plan) -> tuple[str, ...]:
    """The cluster keys that a plan names, in order of appearance: grouping factors, keys of cluster means, levels.

    Formulas that cannot be read contribute nothing.
    """
    return read_plan(plan)[0].keys


def _incomplete(given: Incomplete | AnyFrame, keys: tuple[str, ...]) -> tuple[Incomplete | None, list[Problem]]:
    """The data with those keys that can be used, and what is wrong with the data and the others."""
    if isinstance(given, Incomplete):
        return given, _unusable(given, keys)
    try:
        return Incomplete.from_frame(given, clusters=keys), []
    except DataError as error:
        everything = list(error.problems)
    try:
        data = Incomplete.from_frame(given)
    except DataError:
        return None, everything
    bad = {key: _key_problems(data, key) for key in keys}
    good = [key for key, problems in bad.items() if not problems]
    return Incomplete.from_frame(given, clusters=good), _unusable(data, keys)


def _saying(data: Incomplete, plan: Plan) -> tuple[Incomplete, list[Problem]]:
    """The data with what the plan says of columns, as far as that can be, and what is wrong with the rest."""
    plain = {name: column.was or column for name, column in data.columns.items()}
    _, wrong, warnings = applied(plain, plan.columns)
    bad = {problem.path for problem in wrong}
    return data.saying([each for each in plan.columns if each.path not in bad]), [*wrong, *warnings]


def _unusable(data: Incomplete, keys: tuple[str, ...]) -> list[Problem]:
    """Missing values in keys; that a key is not there at all is reported where the plan names it."""
    return [p for key in keys for p in _key_problems(data, key) if p.path.startswith("data[")]


def _key_problems(data: Incomplete, key: str) -> list[Problem]:
    try:
        data.n_clusters(key)
    except DataError as error:
        return list(error.problems)
    return []
