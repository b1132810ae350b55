"""Single values as JSON and back, exactly: labels of categories, dates, objects of any class that is listed here.

What JSON knows stands as it is; everything else gets a tag. A value of another class is refused
(:class:`Unstorable`) rather than turned into a text: what comes back is what went in.

To keep values of another class, add a line to ``_TAGS``.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID

import numpy as np
import pandas as pd


class Unstorable(TypeError):
    """A value that cannot be written so that it comes back; the text says of which class it is."""


def tagged(value: Any) -> Any:
    """A value as JSON.

    Raises
    ------
    Unstorable
        Its class, or that of something inside it, is not known.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if value is pd.NA or value is pd.NaT:
        return {"missing": str(value)}
    if type(value) in _PARTS:
        name, take, _ = _PARTS[type(value)]
        return {name: [tagged(v) for v in take(value)]}
    if isinstance(value, np.generic | np.ndarray) and not value.dtype.hasobject:
        return {"array": [value.dtype.str, list(value.shape), np.ascontiguousarray(value).tobytes().hex()]}
    for tag, (kind, take, _) in _TAGS.items():
        if type(value) is kind:
            return {tag: take(value)}
    raise Unstorable(f"values of class {type(value).__name__}")


def untagged(value: Any) -> Any:
    """The value that :func:`tagged` wrote."""
    if not isinstance(value, Mapping):
        return value
    ((tag, content),) = value.items()
    if tag == "missing":
        return pd.NA if content == str(pd.NA) else pd.NaT
    for name, _, make in _PARTS.values():
        if tag == name:
            return make([untagged(v) for v in content])
    return _TAGS[tag][2](content) if tag != "array" else _array(*content)


def _array(dtype: str, shape: list[int], content: str) -> Any:
    """An array, or the NumPy number that one without dimensions is."""
    return np.frombuffer(bytes.fromhex(content), dtype=dtype).reshape(shape).copy()[()]


def _sorted(values: Any) -> list[Any]:
    """The members of a set in an order that is the same in every process."""
    return sorted(values, key=lambda v: (type(v).__name__, repr(v)))


def _items(values: Mapping[Any, Any]) -> list[Any]:
    return [tuple(item) for item in values.items()]


_PARTS: Mapping[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = MappingProxyType(
    {
        tuple: ("tuple", list, tuple),
        list: ("list", list, list),
        dict: ("dict", _items, dict),
        set: ("set", _sorted, set),
        frozenset: ("frozenset", _sorted, frozenset),
    }
)
"""What is made of other values: its tag, its parts, and how it is made of them."""


def _stamp(content: list[Any]) -> pd.Timestamp:
    text, unit, zone = content
    stamp = pd.Timestamp(text).as_unit(unit)
    return cast(pd.Timestamp, stamp if zone is None else stamp.tz_convert(zone))


def _zone(stamp: pd.Timestamp) -> str | None:
    """The name of a time zone that has one; a fixed offset stands in the text."""
    return getattr(stamp.tz, "key", None) or getattr(stamp.tz, "zone", None)


# What is stored, and how it is read.
_TAGS: Mapping[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = MappingProxyType(
    {
        "timestamp": (pd.Timestamp, lambda t: [t.isoformat(), t.unit, _zone(t)], _stamp),
        "timedelta": (pd.Timedelta, lambda t: [t.isoformat(), t.unit], lambda c: pd.Timedelta(c[0]).as_unit(c[1])),
        "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
        "date": (date, date.isoformat, date.fromisoformat),
        "time": (time, time.isoformat, time.fromisoformat),
        "duration": (timedelta, lambda t: [t.days, t.seconds, t.microseconds], lambda c: timedelta(*c)),
        "period": (pd.Period, lambda p: [str(p), p.freqstr], lambda c: pd.Period(c[0], c[1])),
        "interval": (
            pd.Interval,
            lambda i: [tagged(i.left), tagged(i.right), i.closed],
            lambda c: pd.Interval(untagged(c[0]), untagged(c[1]), c[2]),
        ),
        "decimal": (Decimal, str, Decimal),
        "fraction": (Fraction, str, Fraction),
        "uuid": (UUID, str, UUID),
        "bytes": (bytes, bytes.hex, bytes.fromhex),
        "complex": (complex, str, complex),
    }
)
