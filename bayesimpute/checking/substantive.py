"""Plans with substantive models: what reads what, and whether the models make one joint density."""

import numpy as np

from bayesimpute.base.errors import Problem
from bayesimpute.base.phrases import listed
from bayesimpute.checking.derived import values_read
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.target_columns import filled, settled
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import quote
from bayesimpute.plan import who_reads


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What keeps the models of a plan from being compatible with its substantive models."""
    notes = Notes()
    if not read.plan.substantive:
        return notes.problems
    readings = {r.target: r for r in read.conditionals if r.target in data.columns}
    graph = graph_of(read, data)
    mates = who_reads.circles(graph)
    outcomes = [r.target for r in readings.values() if substantive(r)]
    for outcome in outcomes:
        _nothing_incomplete(readings[outcome], graph, data, notes)
    graph = who_reads.without(graph, who_reads.leaves(graph, _matched(readings, data)))
    for outcome in outcomes:
        _circles(outcome, graph, mates[outcome], readings, notes)
    for name, factors in who_reads.factors(graph).items():
        for one in (name, *factors) if factors else ():
            _without_density(readings[one], data, notes)
    for name in sorted(who_reads.read_by_others(graph)):
        _selected(name, readings, graph, data, notes)
    return notes.problems


def _matched(readings: dict[str, Reading], data: Incomplete) -> set[str]:
    """What is imputed by matching, and is no outcome of an analysis."""
    families = {name: settled(r, data.columns[name]) for name, r in readings.items() if not substantive(r)}
    return {name for name, family in families.items() if family is not None and not family.density}


def substantive(reading: Reading) -> bool:
    """Whether a model is a substantive one."""
    return reading.path.startswith("substantive[")


def graph_of(read: Read, data: Incomplete) -> dict[str, frozenset[str]]:
    """For each variable with a model, the incomplete ones with a model that its formulas read."""
    readings = [r for r in read.conditionals if r.target in data.columns]
    missing = {r.target for r in readings if _incomplete(r.target, data)}
    return {r.target: frozenset(values_read(r, read) & missing - {r.target}) for r in readings}


def _incomplete(name: str, data: Incomplete) -> bool:
    return bool(np.isnan(filled(data, name)).any())


def _nothing_incomplete(reading: Reading, graph: who_reads.Graph, data: Incomplete, notes: Notes) -> None:
    complete = not any(v.n_missing for v in data.variables.values())  # then there is nothing to impute at all
    if not complete and reading.formulas and not _incomplete(reading.target, data) and not graph[reading.target]:
        finding = f'nothing in it is incomplete: neither "{reading.target}" nor a variable with a model that it reads'
        notes.add(reading.path, finding, "leave it out, and analyse the data as they are")


def _circles(
    outcome: str, graph: who_reads.Graph, mates: frozenset[str], readings: dict[str, Reading], notes: Notes
) -> None:
    """Models that read the outcome and are read by its model: one way of imputing them reverses the other."""
    for name in sorted(mates - {outcome}):
        reading = readings[name]
        if outcome not in graph[name] or substantive(reading):
            continue
        finding = (
            f'it contains "{outcome}", the outcome of a substantive model that reads "{name}": that is chained '
            f'equations (mode "fcs"), where the model of {name} reverses the analysis and is not compatible with it'
        )
        remedy = (
            f"leave {quote(outcome)} out: its density multiplies into the draws of {name} by itself; "
            "or make the substantive model a conditional, for chained equations"
        )
        notes.add(f"{reading.path}.formulas", finding, remedy)
    direct = any(outcome in graph[name] for name in mates - {outcome} if not substantive(readings[name]))
    if len(mates) > 1 and not direct:
        circle = listed(sorted(mates))
        finding = f"the models of {circle} read each other in a circle, and one of them is a substantive model"
        notes.add(f"{readings[outcome].path}.formulas", finding, "order them, so that each reads only those before it")


def _without_density(reading: Reading, data: Incomplete, notes: Notes) -> None:
    family, path = settled(reading, data.columns[reading.target]), f"{reading.path}.family"
    if family is None or family.density or any(problem.path == path for problem in notes.problems):
        return
    finding = f"{family.name} has no density that could multiply into draws, as a plan with substantive models needs"
    remedy = "take a family that has one, let no model read the variable, or use chained equations throughout"
    notes.add(path, finding, remedy)


def _selected(name: str, readings: dict[str, Reading], graph: who_reads.Graph, data: Incomplete, notes: Notes) -> None:
    family = settled(readings[name], data.columns[name])
    if family is None or family.selection is None:
        return
    readers = sorted(t for t, reads in graph.items() if name in reads)
    finding = (
        f'"{name}" has a selection model, and the model of {readers[0]} reads it: in a plan with substantive models a '
        "selection model can be an outcome only, whose missing values nothing else reads"
    )
    remedy = f"leave {quote(name)} out of the formulas of {listed(readers)}, or use chained equations throughout"
    notes.add(f"{readings[name].path}.family", finding, remedy)
