"""The commands behind the command line: each reads files, calls the public function, prints, and returns the exit code.

A command is called ``name`` for ``bayesimpute name`` and takes the parsed arguments of :mod:`bayesimpute.cli.parser`.
Results go to standard output, as tables or as JSON; warnings, notes and progress to standard error. Everything that can
be at fault is looked for before anything is compiled, and told at once.

``suggest_command.py`` writes a plan, ``run_commands.py`` has the commands that come before and make a run,
``result_commands.py``, ``pool_command.py`` and ``sensitivity_command.py`` those that take one.
"""

from bayesimpute.cli.pool_command import pool
from bayesimpute.cli.result_commands import diagnose, estimate, export, identify, plot, report
from bayesimpute.cli.run_commands import check, demo, describe, impute, resume
from bayesimpute.cli.sensitivity_command import sensitivity
from bayesimpute.cli.suggest_command import suggest

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
    "sensitivity",
    "suggest",
]
