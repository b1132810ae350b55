"""Dates and times as numbers, and back.

They are days since the first of 2000, a time of day a part of one, for whoever computes: of two columns, one with
times and one without, differences are days so, and a slope is one a day. Models are about the means of their columns,
so that the distance to that day makes no number ill conditioned. On output a value is rounded to the resolution of its
column: whole days where all observed values are midnights, else hours, minutes, seconds or parts of these.

A column of a time zone is taken at the clock of that zone. What was observed comes back as it was given.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

DAY = 86_400_000_000
"""Microseconds."""
STEPS = (DAY, DAY // 24, 60_000_000, 1_000_000, 1_000, 1)
"""Resolutions, in microseconds: a day, an hour, a minute, a second, and parts of one."""
ORIGIN = int(np.datetime64("2000-01-01", "us").astype(np.int64))
FIRST, LAST = (int(np.datetime64(day, "us").astype(np.int64)) for day in ("1678-01-01", "2261-12-31"))
"""Between which every type of dates can hold a day: what is imputed further out is taken as the nearer one."""


@dataclass(frozen=True, kw_only=True)
class Dates:
    """How a column of dates is written.

    Parameters
    ----------
    step : int
        Its resolution in microseconds.
    style : {"stamp", "arrow date", "date", "text"}
        A type of dates with times; Arrow's dates; Python's ``datetime.date``; ISO 8601 texts.
    separator, timespec : str
        Of texts what stands between date and time, and how exact the time is (as ``datetime.isoformat`` has them);
        empty: they have none.
    """

    step: int
    style: Literal["stamp", "arrow date", "date", "text"] = "stamp"
    separator: str = ""
    timespec: str = ""

    @property
    def unit(self) -> str:
        """What observed values are, in words."""
        return "dates" if self.step == DAY else "times"

    def decode(self, values: np.ndarray, dtype: str, index: pd.Index, given: pd.Series | None) -> pd.Series:
        """Days as a column of the given type; cells that are what was `given` are that."""
        stamps = self._stamps(values)
        made = self._written(stamps, dtype).set_axis(index)
        if given is None:
            return made
        own = days_of(given, self.style)
        kept = np.zeros(len(values), dtype=bool) if own is None else own == values
        return made.where(~kept, given.set_axis(index)) if kept.any() else made

    def _stamps(self, values: np.ndarray) -> np.ndarray:
        known = ~np.isnan(values)
        steps = np.round(np.where(known, values, 0.0) * (DAY / self.step))
        ends = (FIRST - ORIGIN) / self.step, (LAST - ORIGIN) / self.step
        found = np.clip(steps, *ends).astype(np.int64) * self.step + ORIGIN
        return np.where(known, found.astype("datetime64[us]"), np.datetime64("NaT", "us"))

    def _written(self, stamps: np.ndarray, dtype: str) -> pd.Series:
        series = pd.Series(stamps)
        if self.style == "stamp":
            zone = getattr(pd.api.types.pandas_dtype(dtype), "tz", None)
            if zone is not None:
                series = series.dt.tz_localize(zone, ambiguous=np.ones(len(series), bool), nonexistent="shift_forward")
            return series.astype(dtype)  # type: ignore[call-overload]
        gaps = series.isna().to_numpy()
        plain = [None if gap else self._plain(stamp) for stamp, gap in zip(series, gaps, strict=True)]
        return pd.Series(plain, dtype="date32[pyarrow]" if self.style == "arrow date" else dtype)

    def _plain(self, stamp: pd.Timestamp) -> Any:
        if self.style != "text":
            return stamp.date()
        if not self.timespec:
            return stamp.date().isoformat()
        return stamp.to_pydatetime().isoformat(self.separator, self.timespec)


def days_of(series: pd.Series, style: str = "stamp") -> np.ndarray | None:
    """A column of dates as days, float64, NaN where there is none; None: its type is no type of dates."""
    if style in ("text", "date"):
        known = series.notna().to_numpy()
        days = np.full(len(series), np.nan)
        found = days_of_labels(list(series[known]))
        if found is not None:
            days[known] = found
        return days
    dtype = series.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_localize(None)
    elif str(dtype) == "date32[day][pyarrow]":
        series = pd.Series(pd.to_datetime(series.to_numpy(dtype=object, na_value=None)))
    elif not (isinstance(dtype, np.dtype) and dtype.kind == "M"):
        return None
    return _days(series.to_numpy().astype("datetime64[us]"))


def days_of_labels(labels: Sequence[Any]) -> np.ndarray | None:
    """ISO 8601 texts or ``datetime.date`` objects as days; None: some are neither, or have a time zone."""
    stamps = []
    for label in labels:
        if type(label) is datetime.date:
            stamps.append(np.datetime64(label, "us"))
            continue
        found = datetime.datetime.fromisoformat(label) if isinstance(label, str) else None
        if found is None or found.tzinfo is not None:
            return None
        stamps.append(np.datetime64(found, "us"))
    return _days(np.array(stamps, dtype="datetime64[us]"))


def is_date(label: Any) -> bool:
    """Whether a value is one that :func:`days_of_labels` reads."""
    try:
        return days_of_labels([label]) is not None
    except ValueError:
        return False


def dates_of(days: np.ndarray, labels: Sequence[Any] = (), style: Any = "stamp") -> Dates:
    """How a column of these days is written; `labels` are the different texts of one of texts."""
    known = np.round(days[~np.isnan(days)] * DAY).astype(np.int64)
    step = next(s for s in STEPS if not (known % s).any())
    longest = max((label for label in labels if style == "text"), key=len, default="")
    if len(longest) <= 10:
        return Dates(step=step, style=style)
    timespec = "minutes" if longest.count(":") == 1 else "microseconds" if "." in longest else "seconds"
    return Dates(step=step, style=style, separator=longest[10], timespec=timespec)


def _days(stamps: np.ndarray) -> np.ndarray:
    gaps = np.isnat(stamps)
    return np.where(gaps, np.nan, (np.where(gaps, 0, stamps.astype(np.int64)) - ORIGIN) / DAY)
