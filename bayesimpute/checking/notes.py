"""Problems as they are found, and what is asked of single values on the way."""

import math
from collections.abc import Iterable
from typing import Any

from bayesimpute.base.errors import Problem


class Notes:
    """Problems as they are found."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, path: str, finding: str, remedy: str) -> None:
        """Note one."""
        self.problems.append(Problem(path=path, finding=finding, remedy=remedy))

    def text(self, path: str, value: Any) -> bool:
        """Whether a value is a text with something in it; otherwise it is a problem."""
        if isinstance(value, str) and value.strip():
            return True
        self.add(path, f"{value!r} is not a name", "write a text")
        return False


def is_of(value: Any, wanted: type) -> bool:
    """Whether a value is of a type; a whole number is a number, too, and yes/no is none."""
    if isinstance(value, bool):
        return wanted is bool
    return isinstance(value, int | float) if wanted is float else isinstance(value, wanted)


def finite(value: Any) -> bool:
    """Whether it is a finite number; a whole number may be beyond all floats."""
    try:
        return is_of(value, float) and math.isfinite(value)
    except OverflowError:
        return False


def twice(names: Iterable[str]) -> list[str]:
    """Those that stand in it more than once."""
    seen: set[str] = set()
    found = [name for name in names if name in seen or seen.add(name)]
    return list(dict.fromkeys(found))
