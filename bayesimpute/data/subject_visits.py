"""Rows of subjects in the order of time: what came before each, and when a variable was observed for the last time.

The visits of a subject are its rows, by a column of numbers. A variable drops out at the first visit after the last one
at which it is observed; what is missing before that is a gap.
"""

from dataclasses import dataclass

import numpy as np

from bayesimpute.data.incomplete import Incomplete


@dataclass(frozen=True, kw_only=True, eq=False)
class Visits:
    """The visits of some data.

    Parameters
    ----------
    subject : str
        The cluster key of subjects.
    codes : ndarray of int, shape (row,)
        The subject of each row.
    times : ndarray, shape (row,)
        When.
    before : ndarray of int, shape (row,)
        The row of the subject's previous visit, -1 at its first.
    """

    subject: str
    codes: np.ndarray
    times: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, incomplete: Incomplete, subject: str, order: str) -> "Visits":
        """By a cluster key and a column of numbers."""
        codes, times = incomplete.codes(subject), incomplete.columns[order].values
        by_time = np.lexsort((times, codes))
        before = np.full(len(codes), -1)
        same = codes[by_time[1:]] == codes[by_time[:-1]]
        before[by_time[1:][same]] = by_time[:-1][same]
        return cls(subject=subject, codes=codes, times=times, before=before)

    @property
    def ties(self) -> np.ndarray:
        """Rows at the time of the subject's previous visit, bool, shape (row,)."""
        return (self.before >= 0) & (self.times == self.times[self.before])

    def at(self, rows: np.ndarray) -> "Visits":
        """Of some rows, all of some subjects."""
        place = np.full(len(self.codes) + 1, -1)
        place[rows] = np.arange(len(rows))
        codes, times = self.codes[rows], self.times[rows]
        return Visits(subject=self.subject, codes=codes, times=times, before=place[self.before[rows]])

    def lag(self, values: np.ndarray) -> np.ndarray:
        """The values at the previous visits, NaN at the first."""
        return np.where(self.before >= 0, values[self.before], np.nan)

    def since_dropout(self, seen: np.ndarray) -> np.ndarray:
        """The time since a variable was seen for the last time, 0 until then; NaN for who was never seen."""
        last = self._last(seen)
        return np.where(np.isinf(last), np.nan, np.maximum(self.times - last, 0.0))

    def dropout(self, seen: np.ndarray) -> np.ndarray:
        """0 from the second visit on while a variable will be seen, 1 at the first visit after that; else NaN."""
        last = self._last(seen)
        later = self.before >= 0
        stays = later & (self.times <= last)
        drops = later & (self.times > last) & (self.times[self.before] <= last)
        return np.where(stays, 0.0, np.where(drops, 1.0, np.nan))

    def _last(self, seen: np.ndarray) -> np.ndarray:
        """When the subject of each row was seen for the last time, shape (row,); -inf: never."""
        last = np.full(self.codes.max(initial=-1) + 1, -np.inf)
        known = seen.astype(bool)
        np.maximum.at(last, self.codes[known], self.times[known])
        return last[self.codes]
