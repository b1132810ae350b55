"""The command that writes a plan: ``suggest``."""

import argparse
import shlex
from collections.abc import Sequence

from bayesimpute.base import tables
from bayesimpute.cli.inputs import said


def suggest(arguments: argparse.Namespace) -> int:
    """``bayesimpute suggest --data DATA [--analysis F]``: the plan goes to standard output."""
    from bayesimpute.data.files import read_data
    from bayesimpute.plan.options import Score
    from bayesimpute.suggesting import suggest as suggested

    named = arguments.auxiliary
    scores = [Score(name=name, items=items, score=how) for name, items, how in arguments.score]
    told = said(arguments.settings)
    given = {name: getattr(arguments, name) for name in ("least", "most", "include", "exclude")}
    found = suggested(
        arguments.analysis,
        read_data(arguments.data, missing=arguments.missing),
        mode=arguments.mode,
        auxiliary="auto" if named == ["auto"] else named,
        clusters=arguments.cluster,
        columns=told.columns,
        known=told.known,
        scores=scores,
        **{name: value for name, value in given.items() if value is not None},
    )
    print(found.toml, end="")
    tables.say(f"Next, with this text as plan.toml: {shlex.join(_check(arguments.data, arguments.missing))}")
    return 0


def _check(data: str, missing: Sequence[str]) -> list[str]:
    codes = [f"--missing={','.join(missing)}"] if missing else []
    return ["bayesimpute", "check", "plan.toml", "--data", data, *codes]
