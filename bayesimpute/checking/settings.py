"""The run settings: numbers of chains, sweeps and imputations, the visit sequence and the sampler."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesimpute.base.errors import Problem, did_you_mean
from bayesimpute.checking.notes import Notes
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan

COUNTS = ("m", "chains", "warmup", "sweeps")
MOST = 1_000_000
"""Of anything that is counted: what is larger is a slip, and would end in no time that anybody has."""


def run_problems(plan: Plan) -> list[Problem]:
    """What is wrong with the settings of a plan's run."""
    notes, run = Notes(), plan.run
    if not isinstance(run, Run):
        notes.add("run", f"{run!r} is not a Run", "write Run(m=20)")
        return notes.problems
    for name in COUNTS:
        if not whole(getattr(run, name)):
            notes.add(
                f"run.{name}", _not_whole(getattr(run, name)), f"give a whole number, at least 1 and at most {MOST:,}"
            )
    if not (isinstance(run.steps, str) and run.steps == "auto") and not whole(run.steps):
        notes.add("run.steps", _not_whole(run.steps), f'give "auto" or a whole number, at least 1 and at most {MOST:,}')
    if all(whole(getattr(run, name)) for name in COUNTS) and run.thin < 1:
        least = -(-run.m // run.chains)
        finding = f"{run.sweeps} sweeps cannot hold m = {run.m} imputations of {run.chains} chains"
        notes.add("run.sweeps", finding, f"use at least {least} sweeps, more chains or fewer imputations")
    _sampler(run.sampler, notes)
    _visits(run.visit_sequence, plan, notes)
    return notes.problems


def whole(value: Any) -> bool:
    """Whether a value is a whole number from 1 that somebody may mean."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and 1 <= int(value) <= MOST


def _not_whole(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return f"{value!r} is not a whole number"
    return f"it is {value}" if value < MOST else f"it is more than {MOST:,}"


def _sampler(sampler: Any, notes: Notes) -> None:
    from bayesimpute.samplers import SAMPLERS

    known = ["auto", *SAMPLERS]
    if not isinstance(sampler, str) or sampler not in known:
        remedy = did_you_mean(str(sampler), known, f"use one of {', '.join(known)}")
        notes.add("run.sampler", f'there is no sampler "{sampler}"', remedy)


def _visits(sequence: Any, plan: Plan, notes: Notes) -> None:
    if sequence is None:
        return
    path = "run.visit_sequence"
    if isinstance(sequence, str) or not isinstance(sequence, Sequence) or not all(isinstance(n, str) for n in sequence):
        notes.add(path, f"{sequence!r} is not a list of names", 'write a list of targets: ["y", "x"]')
        return
    targets = [c.target for c in plan.models if isinstance(getattr(c, "target", None), str)]
    for name in dict.fromkeys(sequence):
        if name not in targets:
            notes.add(path, f'"{name}" is not a target', did_you_mean(name, targets, "leave it out"))
        if list(sequence).count(name) > 1:
            notes.add(path, f'"{name}" is there {list(sequence).count(name)} times', "name it once")
    for name in dict.fromkeys(targets):
        if name not in sequence:
            notes.add(path, f'the target "{name}" is not in it', "add it, or leave the sequence out")
