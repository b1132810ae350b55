"""Imputed values far outside of what was observed: what a model says where the data hold it nowhere.

Of values like the n observed ones, a share of 2 / (n + 1) lies outside of their range, whatever their distribution: a
heavy tail is no news. Far is what lies beyond the range by more than its whole width, which of many normal values none
does. Where that is so of more than 1 %, and of more than half of that share, the linear predictor has left the data:
coefficients of clusters learnt from few, a polynomial beyond its values, a prior that is all there is.

A sign that no observed value has is news, too, however near: amounts and counts below zero, of rows in which a normal
model expects less than it was shown. That is told from 5 % on, and from six times the share that chance has.

False alarms: in simulated regressions with 10 to 200 observed values, errors normal or of Student's t with 3 degrees of
freedom, and values missing completely at random, less than 1 in 200.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from bayesimpute.plan.targets import Event, Target
from bayesimpute.running.records import Record

WHAT = "imputed values far outside of the observed range"
"""The event of a target of which it is so."""
FEWEST = 10
"""Observed values from which a range says something."""
SHARE = 0.01
"""Of imputed values, up to which far ones are no event."""
LEAST = 3
"""Far values, over all imputations, below which there is no event."""
OTHER_SIGN = "imputed values of a sign that no observed value has"
"""The event of a target of which it is so."""
SIGNS, CHANCE = 0.05, 6
"""Of imputed values, up to which those of another sign are no event; the same in multiples of what chance has."""


def noted(record: Record) -> Record:
    """A run with the events of its imputed values, instead of those that an earlier stage had."""
    found = [event for target in record.resolved.targets for event in _events(record, target)]
    return record.changed(events=(*(e for e in record.events if e.what not in (WHAT, OTHER_SIGN)), *found))


def _events(record: Record, target: Target) -> Iterator[Event]:
    free = np.zeros(len(target.missing_rows), dtype=bool)
    free[target.real] = True
    free &= True if target.known_cells is None else ~target.known_cells.some  # these are where they must be
    if not free.any():  # such as the indicator of being observed, which is no column of the data
        return

    def drawn() -> Iterator[np.ndarray]:
        kept = (cells for leg in record.legs for k, cells in leg.kept.items() if k < record.schedule.m)
        return (np.asarray(cells[target.name], dtype=float)[free] for cells in kept)

    observed = target.given[target.fit_rows]
    told = {WHAT: far(observed, drawn())}
    if record.incomplete.columns[target.name].dates is None:
        told[OTHER_SIGN] = other_sign(observed, drawn())
    yield from (Event(target=target.name, what=what, why=why) for what, why in told.items() if why is not None)


def far(observed: np.ndarray, imputed: Iterable[np.ndarray]) -> str | None:
    """How far imputed values lie outside of the range of observed ones, in words; None if that is nothing to say.

    Parameters
    ----------
    observed : ndarray, shape (unit,)
        The observed values.
    imputed : iterable of ndarray, shape (cell,)
        The imputed values of each imputation.
    """
    if len(observed) < FEWEST:
        return None
    low, high = float(observed.min()), float(observed.max())
    width, count, total, least, most = high - low, 0, 0, low, high
    for values in imputed:
        count += int(((values < low - width) | (values > high + width)).sum())
        total += values.size
        least, most = (float(f(values, initial=edge)) for f, edge in ((np.min, least), (np.max, most)))
    if width == 0 or count < LEAST or count <= max(SHARE, 1 / (len(observed) + 1)) * total:
        return None
    return (
        f"{count / total:.1%} of them lie outside of {low:.4g} to {high:.4g}, where the observed values are, by more "
        f"than the width of that range; they reach from {least:.4g} to {most:.4g}"
    )


def other_sign(observed: np.ndarray, imputed: Iterable[np.ndarray]) -> str | None:
    """How many imputed values have a sign that no observed one has, in words; None if that is nothing to say.

    Parameters are those of :func:`far`.
    """
    if len(observed) < FEWEST or (observed.min() < 0 < observed.max()) or np.ptp(observed) == 0:
        return None
    below = observed.min() >= 0
    count, total, most = 0, 0, 0.0
    for values in imputed:
        signed = -values if below else values
        count, total, most = count + int((signed > 0).sum()), total + values.size, signed.max(initial=most)
    if count < LEAST or count <= max(SIGNS, CHANCE / (len(observed) + 1)) * total:
        return None
    side, end = ("below", -most) if below else ("above", most)
    return f"{count / total:.0%} of them are {side} zero, where none was observed; they reach to {end:.4g}"
