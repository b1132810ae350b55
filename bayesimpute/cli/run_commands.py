"""Commands before a run and those that make one: ``demo, describe, check, impute, resume``."""

import argparse
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesimpute.base import tables
from bayesimpute.base.errors import FileError, InputError, Interrupted, Outcome, Problem, errors
from bayesimpute.base.interrupts import stoppable
from bayesimpute.base.phrases import counted
from bayesimpute.base.replacing import standing
from bayesimpute.cli.inputs import read_inputs, read_suggested, writable
from bayesimpute.cli.saved_runs import code, summary

if TYPE_CHECKING:
    import pandas as pd

    from bayesimpute.diagnosis.diagnosis import Diagnosis
    from bayesimpute.imputed import MultiplyImputed
    from bayesimpute.plan.plan import Plan
    from bayesimpute.suggesting import Suggestion

CHECKPOINT = ".checkpoint.nc"
"""Where a run is kept while it lasts, unless the user says where: beside the result."""
TIMES = 2
"""As many new sweeps as before, where the chains do not say how many would do."""


def demo(arguments: argparse.Namespace) -> int:
    """``bayesimpute demo``."""
    from bayesimpute.cli.demo import run

    return run(arguments.out, seed=arguments.seed, progress=not arguments.no_progress)


def describe(arguments: argparse.Namespace) -> int:
    """``bayesimpute describe DATA``."""
    from bayesimpute.checking.described import describe as look
    from bayesimpute.data.files import read_data

    data = read_data(arguments.data, missing=arguments.missing)
    found = look(data, clusters=arguments.cluster, all=arguments.all)
    if arguments.json:
        tables.show_json(found.to_json_dict())
        return 0
    print(f"{found.title}\n")
    for title, table in found.tables.items():
        tables.show(table, title)
    print("".join(f"{line}\n" for line in found.told), end="")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """``bayesimpute check PLAN.toml``."""
    from bayesimpute.checking.congeniality import of_plan

    given = arguments.plan, arguments.formula, arguments.settings
    plan, data, problems = read_inputs(*given, data=arguments.data, missing=arguments.missing, beside=arguments.beside)
    ignored = [] if errors(problems) else of_plan(plan, data)
    families = [] if data is None or errors(problems) else _families(plan, data)
    samplers = _samplers(plan, data) if arguments.samplers and data is not None and not errors(problems) else []
    if arguments.json:
        found = [{"analysis": place, **vars(ignored)} for place, ignored in ignored]
        told = [{**vars(p), "severity": str(p.severity)} for p in problems]
        more = {"families": dict(families)} if families else {}
        tables.show_json({"problems": told, "ignored": found, **more, **({"samplers": samplers} if samplers else {})})
        return 1 if errors(problems) else 0
    print("\n".join(f"{p.severity}: {p}" for p in problems) or "No problems.")
    for place, found_there in ignored:
        print(f"information: {place} is ignored in part: {found_there}")
    print("".join(f"family of {target}: {why}\n" for target, why in families), end="")
    print("".join(f"{_told(row)}\n" for row in samplers), end="")
    return 1 if errors(problems) else 0


def _families(plan: "Plan", data: "pd.DataFrame") -> list[tuple[str, str]]:
    """Of the models without a family of their own, which one it is and why."""
    from bayesimpute.checking import looked_at
    from bayesimpute.families import why_auto

    columns = looked_at(data, plan).columns
    return [(m.target, why_auto(columns[m.target])) for m in plan.models if m.family == "auto" and m.target in columns]


def _samplers(plan: "Plan", data: "pd.DataFrame") -> list[dict[str, str]]:
    from bayesimpute.running.chosen_samplers import sampling

    return [{str(key): str(value) for key, value in row.items()} for row in sampling(plan, data).to_dict("records")]


def _told(row: dict[str, str]) -> str:
    return f"sampler of {row['target']}: {row['sampler']}, {row['why']}"


def impute(arguments: argparse.Namespace) -> int:
    """``bayesimpute impute [PLAN.toml]``."""
    given, plan, data, problems = _given(arguments)
    if data is not None and not errors(problems) and not data.isna().to_numpy().any():
        return _nothing_missing(arguments.json)
    out = Path(arguments.out)
    checkpoint = Path(arguments.checkpoint) if arguments.checkpoint else checkpoint_of(out)
    problems += _output_problems(arguments, out, checkpoint)
    if errors(problems) or data is None:
        raise InputError(problems)
    slow = [] if plan.run.sampler != "auto" else [r for r in _samplers(plan, data) if r["sampler"] == "nuts"]
    tables.say(*(f"{p.severity}: {p}" for p in problems), plan, *map(_told, slow))
    from bayesimpute.imputed import impute as run

    options: dict[str, Any] = {
        "seed": arguments.seed,
        "workers": arguments.workers,
        "checkpoint": checkpoint,
        "force": True,
    }
    try:
        with stoppable():
            imputed = run(data, given, progress=not arguments.no_progress, **options)
    except Interrupted:
        return _stopped(checkpoint, out)
    _save(imputed, out, checkpoint, force=arguments.force)
    if not arguments.checkpoint:
        _remove(checkpoint)
    return _report(imputed, out, arguments.json)


def _given(
    arguments: argparse.Namespace,
) -> "tuple[Plan | Suggestion, Plan, pd.DataFrame | None, list[Problem]]":
    """What is to be run, its plan, the data, and every problem of both: as given, or from the data alone."""
    about = {"data": arguments.data, "missing": arguments.missing, "beside": arguments.beside}
    if arguments.plan is None and arguments.formula is None:
        made, data, problems = read_suggested(arguments.cluster, arguments.settings, **about)
        return made, made.plan, data, problems
    plan, data, problems = read_inputs(arguments.plan, arguments.formula, arguments.settings, **about)
    if arguments.cluster:
        finding = "there is a plan, whose formulas name the clusters"
        remedy = "write its random effects into the formulas, such as (1 | school), or leave the plan out"
        problems = [Problem(path="--cluster", finding=finding, remedy=remedy), *problems]
    return plan, plan, data, problems


def resume(arguments: argparse.Namespace) -> int:
    """``bayesimpute resume FILE``."""
    source = Path(arguments.file)
    out = Path(arguments.out) if arguments.out else source
    problems = writable([] if out == source else [out], force=arguments.force)
    if problems:
        raise FileError(problems)
    from bayesimpute.data.files import read_data
    from bayesimpute.imputed import resume as go_on

    data = None if arguments.data is None else read_data(arguments.data, missing=arguments.missing)
    try:
        with stoppable():
            imputed = go_on(source, data=data, workers=arguments.workers, progress=not arguments.no_progress)
    except Interrupted:
        return _stopped(source, out)
    if out != source:
        _save(imputed, out, source, force=arguments.force)
        if source == checkpoint_of(out):
            _remove(source)
    return _report(imputed, out, arguments.json)


def _save(imputed: "MultiplyImputed", out: Path, checkpoint: Path, *, force: bool) -> None:
    """Write the result; where that fails the run is not lost, and the error says where it is."""
    try:
        imputed.save(out, force=force)
    except FileError as error:
        kept = f"the run is saved in {checkpoint}, go on with: {_how_to_resume(checkpoint, out)}"
        raise FileError([replace(p, remedy=f"{p.remedy}; {kept}") for p in error.problems]) from error


def checkpoint_of(out: Path) -> Path:
    """Where the run behind a result is kept while it lasts: ``hiv.checkpoint.nc`` for ``hiv.nc``."""
    return out.parent / f"{out.stem}{CHECKPOINT}"


def _nothing_missing(as_json: bool) -> int:
    message = Outcome.NOTHING_MISSING.value
    if as_json:
        tables.show_json({"message": message, "out": None})
    else:
        print(message)
    return 0


def _output_problems(arguments: argparse.Namespace, out: Path, checkpoint: Path) -> list[Problem]:
    """What is wrong with the places that the result and the checkpoint are to go to."""
    problems = writable([out], force=arguments.force)
    if arguments.checkpoint and os.path.realpath(out) == os.path.realpath(checkpoint):
        finding = "the result and the checkpoint have the same name"
        return [*problems, Problem(path=str(checkpoint), finding=finding, remedy="choose another --checkpoint")]
    if standing(checkpoint) is not None and not arguments.force:
        remedy = f"go on from it ({_how_to_resume(checkpoint, out)}), or overwrite it with --force"
        return [
            *problems,
            Problem(path=str(checkpoint), finding="there is a checkpoint of a run already", remedy=remedy),
        ]
    return problems + [p for p in writable([checkpoint], force=arguments.force) if not _same_folder(p, problems, out)]


def _same_folder(problem: Problem, problems: list[Problem], out: Path) -> bool:
    """Whether a problem of the checkpoint only repeats what was said of the folder of the result."""
    return any(p.path == str(out) and p.finding == problem.finding for p in problems)


def _remove(checkpoint: Path) -> None:
    checkpoint.unlink(missing_ok=True)


def _stopped(checkpoint: Path, out: Path) -> int:
    tables.say(f"Stopped; the run is saved in {checkpoint}. Go on with:", f"  {_how_to_resume(checkpoint, out)}")
    return 130


def _how_to_resume(checkpoint: Path, out: Path) -> str:
    to = [] if checkpoint == out else ["--out", str(out)]
    return shlex.join(["bayesimpute", "resume", str(checkpoint), *to])


def _report(imputed: "MultiplyImputed", out: Path, as_json: bool) -> int:
    """What was done and whether it converged."""
    found = imputed.diagnose()
    if as_json:
        done = {"out": str(out), "m": imputed.m, "seed": imputed.seed, "targets": list(imputed.targets)}
        tables.show_json({**done, "events": tables.records(imputed.events), "diagnosis": found.to_json_dict()})
        tables.say(found.summary)
        return code(found)
    print("\n".join(["What was done automatically:", *(f"- {line}" for line in tables.events(imputed.events)), ""]))
    rows = counted(len(imputed.incomplete.frame), "row")
    print(f"{summary(found)}\n\n{out}: {counted(imputed.m, 'completed dataset')} of {rows}")
    print("\n".join(_next(imputed, out, found)))
    return code(found)


def _next(imputed: "MultiplyImputed", out: Path, found: "Diagnosis") -> list[str]:
    """What to do with the run: results of chains that should not be used are not asked for."""
    if found.converged is False:
        sweeps = found.more or TIMES * imputed.plan.run.sweeps
        return [
            "Next: use no results of it yet. Heed the reasons above and impute again (--set run.sweeps=…, --force), or "
            "go on from here, in Python:",
            f'      bayesimpute.load("{out}").extend({sweeps}).save("{out}", force=True)',
        ]
    formula = [] if imputed.plan.analyses else ["--formula", "y ~ x"]
    estimate = [f"      {shlex.join(['bayesimpute', 'estimate', str(out)])}"] if imputed.plan.estimands else []
    return [f"Next: {shlex.join(['bayesimpute', 'pool', str(out), *formula])}", *estimate]
