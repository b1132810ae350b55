"""The commands behind the command line: each reads files, calls the public function, prints, and returns the exit code.

A command is called ``name`` for ``bayesimpute name`` and takes the parsed arguments of :mod:`bayesimpute.cli`. Results
go to standard output, as tables or as JSON; warnings, notes and progress to standard error. Everything that can be at
fault is looked for before anything is compiled, and told at once.

``suggesting.py`` writes a plan, ``running.py`` has the commands that come before and make a run, ``results.py`` and
``pooling.py`` those that take one.
"""

from bayesimpute.commands.pooling import pool
from bayesimpute.commands.results import diagnose, estimate, export, identify, plot, report
from bayesimpute.commands.running import check, demo, describe, impute, resume
from bayesimpute.commands.suggesting import suggest

__all__ = [
    "check",
    "demo",
    "describe",
    "diagnose",
    "estimate",
    "export",
    "identify",
    "impute",
    "plot",
    "pool",
    "report",
    "resume",
    "suggest",
]
