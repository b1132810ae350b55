"""Commands that take a saved run: ``diagnose, estimate, identify, report, export, plot``."""

import argparse
import warnings
from pathlib import Path

from bayesimpute.base import tables
from bayesimpute.base.errors import FileError, InputError, one
from bayesimpute.base.phrases import counted
from bayesimpute.cli.inputs import given_settings, writable
from bayesimpute.cli.saved_runs import (
    analyses_of_plan,
    code,
    diagnosis,
    finished,
    keeping,
    load,
    summary,
    warn_of_chains,
)
from bayesimpute.plan.options import Estimand

MARKDOWN = {".md": "Markdown", ".txt": "text"}
BIBTEX = {".bib": "BibTeX"}
"""The endings of reports and of what they cite."""


def diagnose(arguments: argparse.Namespace) -> int:
    """``bayesimpute diagnose FILE``."""
    with keeping(arguments.file, whole=False) as imputed:
        found = imputed.diagnose() if arguments.no_analyses else diagnosis(imputed)
        if arguments.json:
            tables.show_json(found.to_json_dict())
            tables.say(found.summary)
            return code(found)
        print(summary(found) + "\n")
        for title, table in found.shown.items():
            tables.show(table, title)
        return code(found)


def estimate(arguments: argparse.Namespace) -> int:
    """``bayesimpute estimate FILE``."""
    imputed = finished(arguments.file)
    options = given_settings(arguments, Estimand)
    if arguments.variable is None and options:
        given = ", ".join(f"--{name}" for name in options)
        raise one(InputError, given, "this goes with --variable", "give a variable, or leave it out")
    if arguments.variable is None and not imputed.plan.estimands:
        remedy = "give --variable, or add an [[estimand]] to the plan"
        raise one(InputError, str(arguments.file), "its plan has no [[estimand]], and no variable is given", remedy)
    found = imputed.estimate(
        variable=arguments.variable,
        conf_level=arguments.conf_level,
        mar=None if arguments.mar is None else finished(arguments.mar),
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
    warn_of_chains(imputed)
    return 0


def identify(arguments: argparse.Namespace) -> int:
    """``bayesimpute identify FILE``."""
    from bayesimpute.plotting.plots import identification_paths, plot_identifications, require_free
    from bayesimpute.sensitivity import identification

    imputed = load(arguments.file)
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


def report(arguments: argparse.Namespace) -> int:
    """``bayesimpute report FILE``."""
    from bayesimpute import reporting
    from bayesimpute.base.saving import atomic
    from bayesimpute.cli.sensitivity_command import read

    out = None if arguments.out is None else Path(arguments.out)
    known = BIBTEX if arguments.cite else MARKDOWN
    problems = [] if out is None else writable([out], force=arguments.force, known=known)
    if problems:
        raise FileError(problems)
    if arguments.cite:
        text = reporting.cite(load(arguments.file))
    else:
        with keeping(arguments.file) as imputed:
            told = None if arguments.sensitivities is None else read(arguments.sensitivities)
            text = reporting.report(imputed, analyses=analyses_of_plan(imputed), sensitivities=told)
    if out is None:
        print(text, end="")
        return 0
    with atomic(out, force=arguments.force) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    print(out)
    return 0


def export(arguments: argparse.Namespace) -> int:
    """``bayesimpute export FILE --to FILE``."""
    from bayesimpute.data.writers import WRITERS, write_table

    target = Path(arguments.to)
    problems = writable([target], force=arguments.force, known=WRITERS)
    if problems:
        raise FileError(problems)
    imputed = finished(arguments.file)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        long = imputed.to_long(include_incomplete=arguments.include_incomplete, round=arguments.round)
    tables.say(*(f"warning: {each.message}" for each in said))
    write_table(long, target, force=arguments.force)
    first = " after the incomplete data" if arguments.include_incomplete else ""
    print(f"{target}: {counted(len(long), 'row')}, {counted(imputed.m, 'completed dataset')}{first}")
    return 0


def plot(arguments: argparse.Namespace) -> int:
    """``bayesimpute plot FILE --out DIR``."""
    from bayesimpute.plotting.plots import plot_all

    for path in plot_all(load(arguments.file), arguments.out, force=arguments.force):
        print(path)
    return 0
