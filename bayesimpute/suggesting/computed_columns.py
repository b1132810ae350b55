"""Columns that were computed from incomplete ones, such as an index of body mass or a sum of items.

Such a column has nothing to say of what it was computed from: it is missing wherever one of its inputs is. In their
models it would be worse than nothing. Given its imputed values the inputs are all but fixed, and it is by them, so that
neither ever moves (Van Buuren & Groothuis-Oudshoorn 2011, J Stat Softw 45(3), section 3.4, where ``bmi`` is missing for
this reason in a chain that does not converge). Taken for computed is what is a sum or a product of powers of others
up to rounding.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from bayesimpute.suggesting.variable_roles import Scene

UNEXPLAINED = 1e-4
"""Share of its variance that rounding may leave unexplained."""
PART = 0.02
"""Standard deviations of a computed column by which it follows one of an input, at least."""
FEWEST = 5
"""Complete rows for each input, at least."""


def inputs(scene: Scene, name: str, numbers: Iterable[str]) -> frozenset[str]:
    """The incomplete columns that a number seems to be computed from; empty if it does not.

    Parameters
    ----------
    scene : Scene
        The data.
    name : str
        A number.
    numbers : iterable of str
        The numbers that it may be computed from, in the order of the data: of two that are missing in the same rows
        and say the same the one that comes later is taken for the computed one.
    """
    gaps = np.isnan(scene.filled(name))
    order = list(scene.data.columns)
    there = [n for n in numbers if n != name and _everywhere(scene, n, gaps, later=order.index(n) > order.index(name))]
    incomplete = frozenset(n for n in there if scene.missing(n))
    if not incomplete or (~gaps).sum() < FEWEST * (len(there) + 2):
        return frozenset()
    y, x = scene.filled(name)[~gaps], np.column_stack([scene.filled(n)[~gaps] for n in there])
    dates = [n for n in there if scene.data.columns[n].dates is not None]
    if scene.data.columns[name].dates is not None and dates:  # what is left of a date beside another one
        return incomplete & _since(y, x, there, dates[0])
    found = parts(y, x)
    if found is None and (y > 0).all():
        positive = (x > 0).all(axis=0)
        there = [n for n, fine in zip(there, positive, strict=True) if fine]
        found = parts(np.log(y), np.log(x[:, positive])) if there else None
    return frozenset() if found is None else incomplete & {n for n, part in zip(there, found, strict=True) if part}


def _since(y: np.ndarray, x: np.ndarray, there: Sequence[str], date: str) -> frozenset[str]:
    """What a date is computed from, if the time since another one is computed or always the same."""
    since = y - x[:, there.index(date)]
    if np.ptp(since) == 0:
        return frozenset({date})
    found = parts(since, x)
    return frozenset() if found is None else frozenset({date, *(n for n, p in zip(there, found, strict=True) if p)})


def _everywhere(scene: Scene, name: str, gaps: np.ndarray, *, later: bool) -> bool:
    """Whether a column is observed wherever the computed one is."""
    missing = np.isnan(scene.filled(name))
    same = later and missing.sum() == gaps.sum()
    return not same and not (missing & ~gaps).any()


def parts(y: np.ndarray, x: np.ndarray) -> np.ndarray | None:
    """Which columns make y, shape (column,); None if they do not."""
    z = np.column_stack([_standard(column) for column in x.T])
    y = _standard(y)
    if not np.any(y):
        return None
    slopes = np.linalg.lstsq(z, y, rcond=None)[0]
    left = float(np.mean((y - z @ slopes) ** 2))
    return np.abs(slopes) > PART if left < UNEXPLAINED else None


def _standard(values: np.ndarray) -> np.ndarray:
    largest = np.abs(values).max(initial=0.0) or 1.0
    scaled = values / largest
    scaled = scaled - scaled.mean()
    spread = float(np.sqrt(np.mean(scaled**2)))
    return scaled / spread if spread > 1e-12 else np.zeros_like(scaled)
