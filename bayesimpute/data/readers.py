"""Data files in: one reader a format, and every way in which a file can be wrong.

Reading gives a plain data frame, or one clear error that names the file, the finding and the remedy; the parsers of
others are never allowed to drop a row, rename a column or guess a missing value on their own. In CSV only the empty
field and ``NA`` are missing (pandas alone would also swallow labels such as ``None``), every row must have as many
fields as the header, and no two columns may share a name. Stata and SPSS columns become categories when every value in
them is labelled, and stay numbers when only some are (a 0-10 score with names for its ends); those whose measure SPSS
has as ordinal are ordered. Writing lives in ``writers.py``.

To support another format, write a function from path to frame and add it to ``READERS``.
"""

import csv
import gzip
import io
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bayesimpute.base.errors import BayesimputeError, FileError, one
from bayesimpute.base.phrases import counted, listed
from bayesimpute.base.saving import ending, reason, unknown_ending
from bayesimpute.data.writers import check_names

MISSING = ("", "NA")


def parse_csv(text: str, origin: str) -> pd.DataFrame:
    """Read CSV text; `origin` names it in errors.

    Returns
    -------
    DataFrame, rows = units
        Blank lines are skipped, unless there is only one column, where they are missing values.

    Raises
    ------
    FileError
        No header, a column name twice, rows of unequal length, or another separator than the comma.
    """
    header = _check_csv(text, origin)
    frame = pd.read_csv(
        io.StringIO(text, newline=""),
        keep_default_na=False,
        na_values=list(MISSING),
        low_memory=False,
        index_col=False,
        skip_blank_lines=len(header) > 1,
    )
    return frame.astype({name: "boolean" for name, column in frame.items() if _holds(column, "boolean")})


def read_file(path: Path) -> pd.DataFrame:
    """The frame in a file that is there, with every failure turned into a FileError."""
    suffix = ending(path, READERS)
    if suffix is None:
        saved = (
            '; saved runs are for "bayesimpute diagnose", "pool" and "export"'
            if path.suffix in (".nc", ".zarr")
            else ""
        )
        raise unknown_ending(path, READERS, saved)
    try:
        if path.stat().st_size == 0:
            raise one(FileError, str(path), "the file is empty", "give a file with a header row and data")
        frame = READERS[suffix](path)
    except BayesimputeError:
        raise
    except PermissionError as error:
        raise one(FileError, str(path), "you may not read this file", "change its permissions, or copy it") from error
    except Exception as error:  # a damaged file makes the parsers of others raise anything at all
        finding = f"cannot be read ({reason(error)})"
        raise one(FileError, str(path), finding, f"check that it is a whole {suffix} file") from error
    check_names(list(map(str, frame.columns)), str(path))
    return frame


def _read_csv(path: Path) -> pd.DataFrame:
    return parse_csv(_decode(path.read_bytes(), str(path)), str(path))


def _read_csv_gz(path: Path) -> pd.DataFrame:
    return parse_csv(_decode(gzip.decompress(path.read_bytes()), str(path)), str(path))


def _read_parquet(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path, engine="pyarrow")


def _read_stata(path: Path) -> pd.DataFrame:
    """Stata, with the empty string as missing, which is what it means there."""
    import pyreadstat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on the file's age or dates; nothing the user can act on
        frame = pd.DataFrame(pd.read_stata(path, convert_categoricals=False))
    _, meta = pyreadstat.read_dta(str(path), metadataonly=True)
    return _tidy(frame, meta.variable_value_labels)


def _read_spss(path: Path) -> pd.DataFrame:
    """SPSS, with user-missing values and blank strings as missing."""
    import pyreadstat

    frame, _ = pyreadstat.read_sav(str(path))
    _, meta = pyreadstat.read_sav(str(path), metadataonly=True, user_missing=True)
    labels = {
        name: {value: text for value, text in texts.items() if not _within(value, meta.missing_ranges.get(name, ()))}
        for name, texts in meta.variable_value_labels.items()
    }
    ordered = {name for name, measure in meta.variable_measure.items() if measure == "ordinal"}
    return _tidy(pd.DataFrame(frame), labels, ordered)


def _within(value: Any, ranges: Sequence[Any]) -> bool:
    """Whether an SPSS value lies in one of the declared missing ranges (text values have ranges of one value)."""
    return any(type(value) is type(r["lo"]) and r["lo"] <= value <= r["hi"] for r in ranges)


def _holds(column: pd.Series, kind: str) -> bool:
    """Whether an object column has values of one `kind` only ("boolean", "date"), missing ones apart."""
    return column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == kind


def _tidy(frame: pd.DataFrame, labels: Mapping[str, Mapping[Any, str]], ordered: Collection[str] = ()) -> pd.DataFrame:
    """Empty strings to missing, dates to datetimes, wholly labelled columns to categories, some with an order."""
    columns = {}
    for name, column in frame.items():
        if _holds(column, "date"):
            column = pd.to_datetime(column)
        elif pd.api.types.is_string_dtype(column.dtype):
            column = column.mask(column.eq(""))
        columns[name] = _labelled(column, labels.get(str(name), {}), ordered=str(name) in ordered)
    return pd.DataFrame(columns, index=frame.index)


def _labelled(column: pd.Series, labels: Mapping[Any, str], *, ordered: bool) -> pd.Series:
    """A category column if every value present has a label of its own, else the column as it is."""
    # Stata also labels its extended missing values, by letter (.a to .z): those are missing here.
    text = pd.api.types.is_string_dtype(column.dtype)
    values = sorted(value for value in labels if isinstance(value, str) == text)
    texts = [str(labels[value]) for value in values]
    if not values or len(set(texts)) < len(texts) or not set(column.dropna().unique()) <= set(values):
        return column
    position = {value: k for k, value in enumerate(values)}
    codes = [position.get(value, -1) for value in column]
    return pd.Series(pd.Categorical.from_codes(codes, texts, ordered=ordered), index=column.index, name=column.name)


def _decode(raw: bytes, origin: str) -> str:
    """UTF-8 bytes (with or without a byte-order mark) as text."""
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        finding = f"the file is not UTF-8: byte {raw[error.start]:#04x} at offset {error.start}"
        raise one(FileError, origin, finding, "convert it to UTF-8") from error
    if "\0" in text:
        finding = f"the file is not text: a zero byte at offset {raw.index(0)}"
        raise one(FileError, origin, finding, "save it as CSV in UTF-8")
    return text


def _check_csv(text: str, origin: str) -> list[str]:
    """The header; refuses what pandas would repair in silence: names twice, uneven rows, another separator."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next((row for row in reader if row), [])
        odd = list(_uneven(reader, len(header)))
    except csv.Error as error:
        remedy = "check that line; is a quotation mark left open?"
        raise one(FileError, origin, f"line {reader.line_num}: {error}", remedy) from error
    if not "".join(header).strip():
        raise one(FileError, origin, "the file is empty or has no header row", "give a file with a header row and data")
    if len(header) == 1 and (found := [mark for mark in ";\t|" if mark in header[0]]):
        raise one(FileError, origin, f"the fields are separated by {found[0]!r}", "save the file with commas")
    check_names(header, origin)
    if odd:
        finding = f"the header has {counted(len(header), 'field')}, but {listed(odd)}"
        remedy = "give every row as many fields as the header, and put quotation marks around text with a comma"
        raise one(FileError, origin, finding, remedy)
    return header


def _uneven(reader: Any, width: int) -> Iterator[str]:
    """The rows of a CSV reader that have another number of fields than `width`, by the line where they begin."""
    start = reader.line_num + 1
    for row in reader:
        if row and len(row) != width:
            yield f"line {start} has {len(row)}"
        start = reader.line_num + 1


READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".csv.gz": _read_csv_gz,
    ".parquet": _read_parquet,
    ".dta": _read_stata,
    ".sav": _read_spss,
    ".zsav": _read_spss,
}
