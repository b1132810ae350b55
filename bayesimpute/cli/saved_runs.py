"""What the commands that take a saved run share."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bayesimpute.base import tables
from bayesimpute.base.errors import AnalysisError, FileError, InputError, Severity, one
from bayesimpute.base.phrases import listed
from bayesimpute.base.replacing import standing

if TYPE_CHECKING:
    from bayesimpute.diagnosis.diagnosis import Diagnosis
    from bayesimpute.imputed import MultiplyImputed
    from bayesimpute.pooling import Analyses

CODES = {"converged": 0, "nearly": 4}
"""Exit codes by verdict; 3 for all others."""
REASONS = 3
"""That chains have not converged, which commands name beside their own results."""
COLOURS = {"converged": 32, "nearly": 33}
"""Green and yellow, by verdict; red for all others."""


def load(path: str) -> "MultiplyImputed":
    """A saved run, finished or not."""
    from bayesimpute.imputed import MultiplyImputed

    return MultiplyImputed.load(path)


def finished(path: str) -> "MultiplyImputed":
    """A saved run with all its completed datasets."""
    imputed = load(path)
    if not imputed.record.finished:
        finding = "this run was stopped before all its datasets were completed"
        raise one(FileError, path, finding, f"go on with: {shlex.join(['bayesimpute', 'resume', path])}")
    return imputed


@contextmanager
def keeping(path: str, *, whole: bool = True) -> "Iterator[MultiplyImputed]":
    """A saved run, whose file is written again at the end if analyses took so long that they are kept.

    A file that has changed in the meantime is left as it is, as is one that cannot be written, which is said.

    Parameters
    ----------
    path : str
        The file.
    whole : bool
        Whether it must have all its completed datasets.
    """
    from bayesimpute.result import kept_analyses

    before = _state(path)
    imputed = finished(path) if whole else load(path)
    known = set(kept_analyses.groups(imputed.tree))
    try:
        yield imputed
    finally:
        if set(kept_analyses.groups(imputed.tree)) != known:
            _keep(imputed, path, before)


def _keep(imputed: "MultiplyImputed", path: str, before: tuple[int, ...] | None) -> None:
    try:
        if _state(path) != before:
            raise one(FileError, path, "it has changed since it was read", "run this command again")
        imputed.save(path, force=True)
        tables.say(f"The analyses are kept in {path}: they will not be fitted again.")
    except FileError as error:
        tables.say(f"{Severity.WARNING}: the analyses were not kept, and will be fitted again: {error}")


def _state(path: str) -> tuple[int, ...] | None:
    """What changes when a file or store is written again."""
    place = standing(path)
    if place is None:
        return None
    found = place.stat()
    return found.st_dev, found.st_ino, found.st_mtime_ns


def diagnosis(imputed: "MultiplyImputed") -> "Diagnosis":
    """Of the run and of the analyses of its plan."""
    from bayesimpute.diagnosis.diagnosis import diagnose

    return diagnose(imputed, analyses=list(analyses_of_plan(imputed).values()))


def analyses_of_plan(imputed: "MultiplyImputed") -> "dict[str, Analyses]":
    """The analyses of the plan, as far as they can be fitted; warns of the others."""
    analyses = {}
    for analysis in imputed.plan.analyses if imputed.record.finished else ():
        try:
            analyses[analysis.name] = imputed.analyse(analysis.formula, **analysis.options)
        except (AnalysisError, InputError) as error:
            tables.say(f"{Severity.WARNING}: analysis[{analysis.name}]: {error}")
    return analyses


def code(found: "Diagnosis") -> int:
    """The exit code: 0 converged, 4 nearly, 3 otherwise."""
    return CODES.get(found.verdict.value, 3)


def summary(found: "Diagnosis") -> str:
    """The verdict with its reasons; on a terminal its sentence has a colour, unless ``NO_COLOR`` is set."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return found.summary
    first, *others = found.summary.split("\n")
    return "\n".join([f"\033[{COLOURS.get(found.verdict.value, 31)}m{first}\033[0m", *others])


def warn_of_chains(imputed: "MultiplyImputed", analyses: "Sequence[Analyses]" = ()) -> None:
    """Say it if the chains have not converged, with the first reasons: ``diagnose`` has all.

    Rows that were imputed by the draws of another run have no chains.
    """
    if not imputed.of_new_rows and (verdict := imputed.diagnose(analyses=analyses)).converged is not True:
        reasons = listed((f"- {reason}" for reason in verdict.reasons), REASONS, mark="\n")
        more = ['"bayesimpute diagnose" names all of them.'] if len(verdict.reasons) > REASONS else []
        tables.say(f"warning: {verdict.sentence}", *[reasons][: len(verdict.reasons)], *more)
