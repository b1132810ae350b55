"""Outcomes whose value is their message, and the exceptions of the package.

What can go wrong is written once, as a :class:`Problem`: the place in the document or the data, what was found there,
and what to do about it. ``check`` returns a list of them; what runs raises one exception that carries all of them.
An :class:`Outcome` is how a run ended; its value is the sentence a user reads.

To report a new kind of bad input, append a :class:`Problem` where the others of its layer are collected.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, StrEnum

from bayesimpute.base.phrases import listed

TOLD = 20
"""Problems that the text of an exception has; it carries all of them."""


class Severity(StrEnum):
    """How much a problem matters: an error stops the run before anything is compiled, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One finding in a plan or a data set.

    Parameters
    ----------
    path : str
        The place, as a dotted path: ``conditional[hiv].formulas.selection``, ``data[age]``, ``run.m``.
    finding : str
        What is wrong, with the names and numbers that show it.
    remedy : str
        What the user can do about it.
    severity : Severity
        An error stops the run; a warning is shown.
    """

    path: str
    finding: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        text = f"{self.path}: {self.finding}; {self.remedy}"
        return text.encode("utf-8", "backslashreplace").decode()  # half a character cannot be printed


class Outcome(Enum):
    """How a run ended; the value is the message."""

    CONVERGED = "The chains have converged."
    NEARLY = "The chains have nearly converged: they do not contradict each other, but are too short."
    NOT_CONVERGED = "The chains have not converged: do not use these imputations."
    UNDECIDED = "It cannot be told whether the chains have converged."
    NOTHING_MISSING = "There are no missing values: nothing to impute."


class BayesimputeError(Exception):
    """Whatever the package raises on purpose; its text is meant for the user."""


class InputError(BayesimputeError, ValueError):
    """The input is at fault.

    Parameters
    ----------
    problems : sequence of Problem
        Everything that was found, errors and warnings; the text has the errors first, and calls warnings such.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        wrong = [p for p in self.problems if p.severity is Severity.ERROR]
        told = [*wrong, *(f"warning: {p}" for p in self.problems if p.severity is not Severity.ERROR)]
        super().__init__(listed(told, TOLD, mark="\n"))

    def __reduce__(self) -> tuple:
        return type(self), (self.problems,)


class DataError(InputError):
    """The data cannot be used as they are."""


class FormulaError(InputError):
    """A formula or expression cannot be read, or contains what a formula may not contain."""


class PlanError(InputError):
    """The plan does not fit its schema or the data."""


class FileError(InputError):
    """A file cannot be read or written."""


class AnalysisError(BayesimputeError):
    """An analysis could not be fitted to the completed datasets, or its results cannot be pooled."""


class Interrupted(BayesimputeError):
    """The run was stopped by the user; the text says where it was saved and how to go on."""


def one(cls: type[InputError], path: str, finding: str, remedy: str) -> InputError:
    """An exception of class `cls` that carries a single problem."""
    return cls([Problem(path=path, finding=finding, remedy=remedy)])


def is_text(text: str) -> bool:
    """Whether a text can be written to a file: it has no half characters, as badly decoded bytes have."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Those of `problems` that stop a run."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """A remedy: the nearest of the `known` names, or the text `otherwise` if none is near."""
    known = [str(k) for k in known]
    near = get_close_matches(str(name), known, n=1, cutoff=0.6)
    lowered = {k.lower(): k for k in known}
    near = near or [lowered[m] for m in get_close_matches(str(name).lower(), list(lowered), n=1, cutoff=0.6)]
    return f'did you mean "{near[0]}"?' if near else otherwise
