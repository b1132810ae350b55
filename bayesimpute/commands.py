"""The commands behind the command line: each reads files, calls the public function, prints, and returns the exit code.

A command is called ``name`` for ``bayesimpute name`` and takes the parsed arguments of :mod:`bayesimpute.cli`. Results
go to standard output, as tables or as JSON; warnings, notes and progress to standard error. Everything that can be at
fault is looked for before anything is compiled, and told at once.
"""

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesimpute import tables
from bayesimpute.inputs import read_inputs, writable
from bayesimpute.outcome import (
    AnalysisError,
    FileError,
    InputError,
    Interrupted,
    Outcome,
    Problem,
    Severity,
    errors,
    one,
)

if TYPE_CHECKING:
    from bayesimpute.diagnostics import Diagnosis
    from bayesimpute.imputed import MultiplyImputed
    from bayesimpute.pooling import Pooled

CHECKPOINT = ".checkpoint.nc"
"""Where a run is kept while it lasts, unless the user says where: beside the result."""


def demo(arguments: argparse.Namespace) -> int:
    """``bayesimpute demo``."""
    from bayesimpute.demo import run

    return 0 if run(arguments.out, seed=arguments.seed, progress=not arguments.no_progress) else 3


def describe(arguments: argparse.Namespace) -> int:
    """``bayesimpute describe DATA``."""
    from bayesimpute.files import read_data
    from bayesimpute.incomplete import Incomplete

    incomplete = Incomplete.from_frame(read_data(arguments.data), clusters=tuple(arguments.cluster))
    variables, patterns = incomplete.describe(), incomplete.patterns()
    if arguments.json:
        found = tables.records(patterns.reset_index())
        tables.show_json({"rows": len(incomplete.frame), "variables": tables.records(variables), "patterns": found})
        return 0
    counts = [f"{incomplete.n_clusters(key)} clusters of {key}" for key in incomplete.clusters]
    print(", ".join([f"{len(incomplete.frame)} rows", *counts]) + "\n")
    tables.show(variables, "Variables")
    tables.show(patterns, "Patterns: n rows have 1 where a variable is observed and 0 where it is missing", index=True)
    return 0


def check(arguments: argparse.Namespace) -> int:
    """``bayesimpute check PLAN.toml``."""
    _, _, problems = read_inputs(arguments.plan, arguments.formula, arguments.settings, data=arguments.data)
    if arguments.json:
        tables.show_json({"problems": [{**vars(p), "severity": str(p.severity)} for p in problems]})
    else:
        print("\n".join(f"{p.severity}: {p}" for p in problems) or "No problems.")
    return 1 if errors(problems) else 0


def impute(arguments: argparse.Namespace) -> int:
    """``bayesimpute impute PLAN.toml``."""
    plan, data, problems = read_inputs(arguments.plan, arguments.formula, arguments.settings, data=arguments.data)
    if data is not None and not errors(problems) and not data.isna().to_numpy().any():
        return _nothing_missing(arguments.json)
    out = Path(arguments.out)
    checkpoint = Path(arguments.checkpoint) if arguments.checkpoint else checkpoint_of(out)
    problems += _output_problems(arguments, out, checkpoint)
    if errors(problems) or data is None:
        raise InputError(problems)
    tables.say(*(f"{p.severity}: {p}" for p in problems), plan)
    from bayesimpute import fcs

    options: dict[str, Any] = {
        "seed": arguments.seed,
        "workers": arguments.workers,
        "checkpoint": checkpoint,
        "force": True,
    }
    try:
        imputed = fcs.impute(data, plan, progress=not arguments.no_progress, **options)
    except Interrupted:
        return _stopped(checkpoint, out)
    imputed.save(out, force=arguments.force)
    if not arguments.checkpoint:
        _remove(checkpoint)
    return _report(imputed, out, arguments.json)


def resume(arguments: argparse.Namespace) -> int:
    """``bayesimpute resume FILE``."""
    source = Path(arguments.file)
    out = Path(arguments.out) if arguments.out else source
    problems = writable([] if out == source else [out], force=arguments.force)
    if problems:
        raise FileError(problems)
    from bayesimpute import fcs
    from bayesimpute.files import read_data

    data = None if arguments.data is None else read_data(arguments.data)
    try:
        imputed = fcs.resume(source, data=data, workers=arguments.workers, progress=not arguments.no_progress)
    except Interrupted:
        return _stopped(source, out)
    if out != source:
        imputed.save(out, force=arguments.force)
        if source == checkpoint_of(out):
            _remove(source)
    return _report(imputed, out, arguments.json)


def diagnose(arguments: argparse.Namespace) -> int:
    """``bayesimpute diagnose FILE``."""
    imputed = _load(arguments.file)
    found = _diagnosis(imputed)
    if arguments.json:
        tables.show_json(found.to_json_dict())
        tables.say(found.summary)
        return _code(found)
    print(found.summary + "\n")
    shown = {
        "Parameters": found.parameters,
        "Imputed values": found.imputed,
        "Estimates of the analyses": found.estimates,
    }
    for title, table in shown.items():
        if len(table):
            tables.show(table, title)
    return _code(found)


def pool(arguments: argparse.Namespace) -> int:
    """``bayesimpute pool FILE``."""
    from bayesimpute.diagnostics import diagnose
    from bayesimpute.plan import Analysis

    imputed = _finished(arguments.file)
    chosen = imputed.plan.analyses
    if arguments.formula is not None:
        chosen = (Analysis(name="formula", formula=arguments.formula, family=arguments.family or "gaussian"),)
    elif arguments.family is not None:
        raise one(InputError, "--family", "it goes with --formula", "give a formula, or leave it out")
    if not chosen:
        remedy = 'give --formula "y ~ x", or add an [[analysis]] to the plan'
        raise one(InputError, str(arguments.file), "its plan has no [[analysis]], and no formula is given", remedy)
    analyses = {a.name: imputed.analyse(a.formula, family=a.family) for a in chosen}
    pooled = {n: a.pool(conf_level=arguments.conf_level, dfcom=arguments.dfcom) for n, a in analyses.items()}
    if arguments.json:
        objects = {name: each.to_json_dict() for name, each in pooled.items()}
        tables.show_json(next(iter(objects.values())) if len(objects) == 1 else {"analyses": objects})
    else:
        for analysis, each in zip(chosen, pooled.values(), strict=True):
            _show_pooled(analysis.formula if len(chosen) == 1 else f"{analysis.name}: {analysis.formula}", each)
    found = diagnose(imputed, analyses=list(analyses.values()))
    if found.converged is not True:
        tables.say("warning: " + found.summary)
    return 0


def estimate(arguments: argparse.Namespace) -> int:
    """``bayesimpute estimate FILE``."""
    imputed = _finished(arguments.file)
    names = ("statistic", "value", "probability", "by", "weights", "strata", "clusters", "target", "compare")
    options = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.variable is None and options:
        given = ", ".join(f"--{name}" for name in options)
        raise one(InputError, given, "this goes with --variable", "give a variable, or leave it out")
    if arguments.variable is None and not imputed.plan.estimands:
        remedy = "give --variable, or add an [[estimand]] to the plan"
        raise one(InputError, str(arguments.file), "its plan has no [[estimand]], and no variable is given", remedy)
    found = imputed.estimate(
        variable=arguments.variable,
        conf_level=arguments.conf_level,
        mar=None if arguments.mar is None else _finished(arguments.mar),
        workers=arguments.workers,
        progress=not arguments.no_progress,
        **options,
    )
    if arguments.json:
        tables.show_json(found.to_json_dict())
    else:
        print(found.title + "\n")
        tables.show(found.table)
        print("\n".join(found.messages))
    verdict = imputed.diagnose()
    if verdict.converged is not True:
        tables.say("warning: " + verdict.summary)
    return 0


def identify(arguments: argparse.Namespace) -> int:
    """``bayesimpute identify FILE``."""
    from bayesimpute.identification import identification
    from bayesimpute.plots import identification_paths, plot_identifications, require_free

    imputed = _load(arguments.file)
    if arguments.plot is not None:
        targets = imputed.targets if arguments.target is None else tuple(arguments.target)
        require_free(identification_paths(targets, arguments.plot), force=arguments.force)
    found = identification(
        imputed,
        targets=arguments.target,
        refit=not arguments.no_refit,
        workers=arguments.workers,
        progress=not arguments.no_progress,
        seed=arguments.seed,
    )
    if arguments.json:
        tables.show_json(found.to_json_dict())
    for each in () if arguments.json else found:
        print(each.summary + "\n")
        for title, table in each.tables.items():
            tables.show(table, title)
    for path in plot_identifications(found, arguments.plot, force=arguments.force) if arguments.plot else ():
        tables.say(path)
    return 0


def export(arguments: argparse.Namespace) -> int:
    """``bayesimpute export FILE --to FILE``."""
    from bayesimpute.files import write_table
    from bayesimpute.saving import WRITERS

    target = Path(arguments.to)
    problems = writable([target], force=arguments.force, known=WRITERS)
    if problems:
        raise FileError(problems)
    imputed = _finished(arguments.file)
    long = imputed.to_long()
    write_table(long, target, force=arguments.force)
    print(f"{target}: {len(long)} rows, {imputed.m} completed datasets")
    return 0


def plot(arguments: argparse.Namespace) -> int:
    """``bayesimpute plot FILE --out DIR``."""
    from bayesimpute.plots import plot_all

    for path in plot_all(_load(arguments.file), arguments.out, force=arguments.force):
        print(path)
    return 0


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
    if os.path.lexists(checkpoint) and not arguments.force:
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
        return _code(found)
    print("\n".join(["What was done automatically:", *(f"- {line}" for line in tables.events(imputed.events)), ""]))
    print(f"{found.summary}\n\n{out}: {imputed.m} completed datasets of {len(imputed.incomplete.frame)} rows")
    print(f"Next: {shlex.join(['bayesimpute', 'pool', str(out), '--formula', 'y ~ x'])}")
    if imputed.plan.estimands:
        print(f"      {shlex.join(['bayesimpute', 'estimate', str(out)])}")
    return _code(found)


def _code(found: "Diagnosis") -> int:
    return 0 if found.converged is True else 3


def _load(path: str) -> "MultiplyImputed":
    from bayesimpute.imputed import MultiplyImputed

    return MultiplyImputed.load(path)


def _finished(path: str) -> "MultiplyImputed":
    """A saved run with all its completed datasets."""
    imputed = _load(path)
    if not imputed.record.finished:
        finding = "this run was stopped before all its datasets were completed"
        raise one(FileError, path, finding, f"go on with: {shlex.join(['bayesimpute', 'resume', path])}")
    return imputed


def _diagnosis(imputed: "MultiplyImputed") -> "Diagnosis":
    """With the analyses of the plan, as far as they can be fitted."""
    from bayesimpute.diagnostics import diagnose

    analyses = []
    for analysis in imputed.plan.analyses if imputed.record.finished else ():
        try:
            analyses.append(imputed.analyse(analysis.formula, family=analysis.family))
        except (AnalysisError, InputError) as error:
            tables.say(f"{Severity.WARNING}: analysis[{analysis.name}]: {error}")
    return diagnose(imputed, analyses=analyses)


def _show_pooled(title: str, pooled: "Pooled") -> None:
    print(
        f"{title}\n"
        f"Pooled over m = {pooled.m} completed datasets (Rubin's rules; {100 * pooled.conf_level:g} % intervals)\n"
    )
    tables.show(pooled.terms)
    if len(pooled.variance_components):
        tables.show(pooled.variance_components, "Variance components (means over the datasets)")
    print("\n".join([pooled.df_note, pooled.m_note, *pooled.messages]) + "\n")
