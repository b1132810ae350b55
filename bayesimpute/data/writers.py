"""Tables out: one writer a format, and what each format can hold.

To support another format, write a function from frame and path to a file and add it to ``WRITERS``.
"""

import datetime
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import FileError, one
from bayesimpute.base.phrases import listed
from bayesimpute.base.saving import atomic, ending, first_line, unknown_ending
from bayesimpute.data.arrow_frames import AnyFrame, as_pandas

STATA_LONG = 2_147_483_620
STATA_STRING = 2045
SPSS_BYTES, SPSS_STAMP = 64, 92
NOT_WRITTEN = "Unable to write data"
DOUBLE_WHOLE = 2**53
STATA_RESERVED = """
aggregate array boolean break byte case catch class colvector complex const continue default delegate delete do double
else eltypedef end enum explicit export external float for friend function global goto if inline int local long NULL
pragma protected quad rowvector short typedef typename virtual _all _N _skip _b _pi in _pred strL _coef _rc using _cons
_se with _n
"""
SPSS_RESERVED = "ALL AND BY EQ GE GT LE LT NE NOT OR TO WITH"


@typed
def write_table(frame: AnyFrame, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write `frame` to a .csv, .parquet, .dta or .sav file; the row index is not written.

    CSV has missing values as empty fields, yes/no as True/False and floats with all their digits. Parquet keeps every
    type, but only categories of text stay categories. Stata files (version 118) hold categories as value labels, yes/no
    as 0/1, whole numbers beyond Stata's range as double (or as text beyond 2^53), time zones as UTC, everything else as
    text. Stata's names have letters, digits and underscores only and leave out its reserved words: ``.imp`` becomes
    ``_imp``, ``class`` becomes ``_class``. SPSS files hold the same, whole numbers up to 2^53 as numbers; ``.imp``
    becomes ``Imputation_``, by which SPSS knows imputed data (split the file by it), and ``.id`` becomes ``id``.

    Raises
    ------
    FileError
        The ending is unknown, the file exists and not `force`, the folder is missing, or the file cannot be written.
    """
    suffix = ending(Path(path), WRITERS)
    if suffix is None:
        raise unknown_ending(Path(path), WRITERS)
    table = as_pandas(frame)
    check_names(list(map(str, table.columns)), str(path))
    with atomic(path, force=force) as temporary:
        try:
            WRITERS[suffix](table, temporary)
        except OSError:
            raise
        except Exception as error:  # what a format cannot hold, each writer says with an exception of its own
            finding = f"this table cannot be written as {suffix} ({first_line(error)})"
            remedy = f"change that column, or write another format ({', '.join(WRITERS)})"
            raise one(FileError, str(path), finding, remedy) from error


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, engine="pyarrow", index=False)


def _write_stata(frame: pd.DataFrame, path: Path) -> None:
    """Stata 118 with a fixed time stamp, so that the same frame gives the same bytes."""
    columns = {
        name: _stata_column(column)
        for name, (_, column) in zip(_stata_names(list(frame.columns)), frame.items(), strict=True)
    }
    table = pd.DataFrame(columns)
    texts = [name for name in table if table[name].dtype == object]
    wide = [name for name in texts if any(len(text.encode()) > STATA_STRING for text in table[name])]
    stamp = datetime.datetime(2000, 1, 1)
    table.to_stata(path, write_index=False, time_stamp=stamp, version=118, convert_strl=wide)


def _write_spss(frame: pd.DataFrame, path: Path) -> None:
    """Categories as the codes 1, 2, ... with value labels, ordered ones with the measure "ordinal"; a fixed time stamp,
    for the same frame the same bytes.
    """
    import pyreadstat

    columns, labels, measures, names = {}, {}, {}, _spss_names(list(frame.columns))
    for name, (_, column) in zip(names, frame.items(), strict=True):
        column = _spss_column(column)
        if isinstance(column.dtype, pd.CategoricalDtype):
            labels[name] = {float(k): text for k, text in enumerate(column.cat.categories, start=1)}
            measures[name] = "ordinal" if column.cat.ordered else "nominal"
            column = column.cat.codes.astype("float64").replace(-1.0, np.nan) + 1
        columns[name] = column
    table: Any = pd.DataFrame(columns)
    try:
        pyreadstat.write_sav(table, str(path), variable_value_labels=labels, variable_measure=measures)
    except pyreadstat.ReadstatError as error:
        if str(error) == NOT_WRITTEN:  # what the system said is lost
            raise OSError(f"{error}: is the disk full?") from error
        raise
    with path.open("r+b") as file:
        file.seek(SPSS_STAMP)
        file.write(b"01 Jan 0000:00:00")


def _stata_names(names: Sequence[object]) -> list[str]:
    """Column names that Stata accepts: at most 32 letters, digits and underscores, none twice."""
    plain = [re.sub(r"\W", "_", name) or "_" for name in map(str, names)]
    return _unique(
        [f"_{name}" if name in STATA_RESERVED.split() or name[0].isdigit() else name for name in plain],
        lambda name, room: name[: 32 - room],
    )


def _spss_names(names: Sequence[object]) -> list[str]:
    """Column names that SPSS accepts: a letter, then letters, digits, dots and underscores; none twice in any case."""
    known = {".imp": "Imputation_"}
    plain = [known.get(name, re.sub(r"[^\w.]", "_", name).lstrip("._").rstrip(".")) for name in map(str, names)]
    wrong = SPSS_RESERVED.split()
    plain = [f"v_{name}" if name.upper() in wrong or not name[:1].isalpha() else name for name in plain]
    return _unique(plain, lambda name, room: name.encode()[: SPSS_BYTES - room].decode(errors="ignore"), str.lower)


def _unique(names: Sequence[str], cut: Callable[[str, int], str], same: Callable[[str], str] = str) -> list[str]:
    """The names without what `cut` takes off their ends and, where the `same` stands already, numbered."""
    taken: dict[str, str] = {}
    for name in names:
        unique, k = cut(name, 0), 0
        while same(unique) in taken:
            k += 1
            unique = f"{cut(name, 1 + len(str(k)))}_{k}"
        taken[same(unique)] = unique
    return list(taken.values())


def _spss_column(column: pd.Series) -> pd.Series:
    """The nearest thing that SPSS can hold: as in Stata, whole numbers as numbers and times as they are."""
    plain = _stata_column(column)
    return plain.astype("float64") if pd.api.types.is_numeric_dtype(plain.dtype) else plain


def _stata_column(column: pd.Series) -> pd.Series:
    """The nearest thing that Stata can hold; rows numbered from 0."""
    column = column.reset_index(drop=True)
    dtype, gaps = column.dtype, bool(column.isna().any())
    if isinstance(dtype, pd.CategoricalDtype) and len(column):  # pandas cannot write labels without rows
        return column.cat.rename_categories([str(label) for label in dtype.categories])
    if isinstance(dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC").dt.tz_localize(None)
    if pd.api.types.is_datetime64_dtype(dtype):
        return column
    if pd.api.types.is_bool_dtype(dtype) and not gaps:
        return column.astype("int8")
    if pd.api.types.is_integer_dtype(dtype) and not gaps and _largest(column) <= STATA_LONG:
        return column.astype("int64")
    if pd.api.types.is_integer_dtype(dtype) and _largest(column) > DOUBLE_WHOLE:
        return _as_text(column)
    if pd.api.types.is_any_real_numeric_dtype(dtype) or isinstance(dtype, pd.BooleanDtype):
        return pd.Series(column.to_numpy(dtype="float64", na_value=np.nan))
    return _as_text(column)


def _largest(column: pd.Series) -> int:
    """The largest size of the numbers in a whole-number column, 0 if there is none."""
    numbers = column.dropna()
    return max(abs(int(numbers.min())), abs(int(numbers.max()))) if len(numbers) else 0


def _as_text(column: pd.Series) -> pd.Series:
    """Text with empty strings where missing, as Stata has it."""
    gaps = column.isna()
    return pd.Series(["" if gap else str(value) for value, gap in zip(column, gaps, strict=True)], dtype=object)


def check_names(names: Sequence[str], origin: str) -> None:
    """Refuse a column name that stands twice; `origin` names the table in the error."""
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise one(
            FileError, origin, f"more than one column is called {listed(f'"{name}"' for name in twice)}", "rename them"
        )


WRITERS: Mapping[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".dta": _write_stata,
    ".sav": _write_spss,
}
