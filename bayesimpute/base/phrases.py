"""Numbers and lists in messages: one way to count, to name rows, and to say a long list shortly."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5
"""Members of a list that a message names."""


def counted(number: int, what: str) -> str:
    """``1 row``, ``4 rows``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def listed(items: Iterable[Any], shown: int = SHOWN, *, mark: str = ", ") -> str:
    """``a, b, c``; of more than `shown` the first ones and how many more: ``a, b, c, d, e and 15 more``.

    `mark` stands between them; after a line comes a line.
    """
    texts = list(map(str, items))
    left = len(texts) - shown
    return mark.join(texts[:shown]) + (f"{mark if mark.isspace() else ' '}and {left} more" if left > 0 else "")


def arrows(names: Sequence[str], shown: int = SHOWN) -> str:
    """``a -> b -> c``; of a way longer than twice `shown` its first and its last steps."""
    short = [*names[:shown], "...", *names[-shown:]] if len(names) > 2 * shown else names
    return " -> ".join(short)


def numbered(what: str, numbers: Iterable[int | str]) -> str:
    """``dataset 3``, ``datasets 1-20``, ``datasets 1, 3-5``: whole numbers in ascending order."""
    parts: list[list[int]] = []
    for number in map(int, numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    many = len(parts) > 1 or any(len(part) > 1 for part in parts)
    return f"{what}{'s' * many} {listed(str(p[0]) if len(p) == 1 else f'{p[0]}-{p[-1]}' for p in parts)}"


def first_row(frame: "pd.DataFrame", where: Any) -> str:
    """The first of the rows where the mask `where`, shape (row,), is true: ``the first in row 3 (counted from 0)``."""
    return f"the first in {rows(frame, where.nonzero()[0][:1])}"


def rows(frame: "pd.DataFrame", places: Any) -> str:
    """Rows by their labels: ``rows 0, 4 (counted from 0)``, ``row 'anna'``.

    Parameters
    ----------
    frame : DataFrame
        Whose row labels are shown; where there are none, it is said from where rows are counted.
    places : ndarray of int
        The rows, from 0.
    """
    labels = frame.index[places].tolist()
    plain = frame.index.equals(frame.reset_index(drop=True).index) and frame.index.name is None
    return f"row{'s' * (len(labels) != 1)} {listed(map(repr, labels))}{' (counted from 0)' if plain else ''}"


def names_a_plan(value: object) -> bool:
    """Whether a value is the name of a file where what stands in it is wanted."""
    return isinstance(value, os.PathLike) or (isinstance(value, str) and value.strip().endswith(".toml"))


def read_the_plan(name: object) -> str:
    """The remedy then."""
    return f'give the plan that is in it: Plan.from_toml(Path("{str(name).strip()}").read_text())'
