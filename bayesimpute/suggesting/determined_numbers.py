"""Numbers that two others determine, with gaps of their own: a change and its two ends, an index and its parts.

Where one of the three is missing the others give it. Where two are, each is drawn from the last draw of the other and
cannot leave it: chains stand still, whatever the number of sweeps. A column that is missing wherever one of its inputs
is has no such rows and is in :mod:`.computed_columns`.
"""

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from bayesimpute.suggesting.computed_columns import FEWEST, parts
from bayesimpute.suggesting.variable_roles import Scene

MOST = 10
"""Numbers, the strongest, among which two are looked for."""


def determined(scene: Scene, target: str, names: Iterable[str]) -> tuple[str, str] | None:
    """Two numbers of which a target is a sum, or a product of powers, up to rounding.

    Parameters
    ----------
    scene : Scene
        The data.
    target : str
        A number.
    names : iterable of str
        Its predictors, the strongest first.
    """
    if not _plain(scene, target):
        return None
    numbers = [n for n in names if _plain(scene, n)][:MOST]
    return next((pair for pair in combinations(numbers, 2) if _make(scene, target, pair)), None)


def rows_with_two_gaps(scene: Scene, names: Iterable[str]) -> int:
    """In how many rows two or more of some columns are missing."""
    return int((np.column_stack([np.isnan(scene.filled(n)) for n in names]).sum(axis=1) > 1).sum())


def _plain(scene: Scene, name: str) -> bool:
    column = scene.data.columns[name]
    return column.kind == "number" and column.dates is None


def _make(scene: Scene, target: str, pair: tuple[str, str]) -> bool:
    values = np.column_stack([scene.filled(n) for n in (target, *pair)])
    whole = values[~np.isnan(values).any(axis=1)]
    if len(whole) < FEWEST * 4:
        return False
    found = parts(whole[:, 0], whole[:, 1:])
    if found is None and (whole > 0).all():
        found = parts(np.log(whole[:, 0]), np.log(whole[:, 1:]))
    return found is not None and bool(found.all())
