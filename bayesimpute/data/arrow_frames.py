"""Data frames that are not pandas': Polars, PyArrow and what else narwhals reads, in through Arrow and out again.

Inside the package every frame is pandas'. A frame of another kind comes in column by column, so that each keeps its
type, and its Arrow table stays as it was given: what goes out is that table with the missing cells filled in, and so
observed cells, types and the order of labels are what they were. There are no row labels.

Null and NaN are both missing. A whole-number column that now holds fractions becomes floats.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from bayesimpute.base.errors import DataError, Problem, one

if TYPE_CHECKING:
    import narwhals as nw

WITH_GAPS = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}
"""What has missing values in pandas, where NumPy's type has none."""


compute: Any = pyarrow.compute  # made while it is imported: no type checker knows its functions


class AnyFrame(Protocol):
    """A data frame of pandas, Polars, PyArrow, or of another kind that narwhals reads and that is in memory."""

    @property
    def columns(self) -> Any: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """A frame that is not pandas'.

    Parameters
    ----------
    table : pyarrow.Table
        What was given.
    backend : narwhals.Implementation
        Whose frame it was.
    wrapped : bool
        Whether it was narwhals' own frame around one of those.
    """

    table: pa.Table
    backend: Any
    wrapped: bool

    @property
    def pandas(self) -> pd.DataFrame:
        """The same as pandas has it, rows numbered from 0."""
        lexical = self.backend.is_polars()  # whose labels stand in the order in which the process met them
        columns = [_series(column, lexical) for column in self.table.columns]
        frame = pd.DataFrame(dict(enumerate(columns)), index=pd.RangeIndex(self.table.num_rows))
        return frame.set_axis(pd.Index(self.table.column_names, dtype="str"), axis="columns")

    def like(self, frame: pd.DataFrame, *, copies: int = 1, redrawn: Collection[str] = ()) -> Any:
        """A completed frame as one of the given kind.

        Parameters
        ----------
        frame : DataFrame
            The columns that were given, completed, and others.
        copies : int
            How often the given rows stand in it, below each other.
        redrawn : collection of str
            Columns of which values that were given are drawn, too: nothing is kept of these.
        """
        import narwhals as nw

        table = pa.concat_tables([self.table] * copies)
        columns = [
            _new(str(name), series)
            if name not in table.column_names
            else _redrawn(table.field(name), series)
            if name in redrawn
            else _filled(table.field(name), table[name], series)
            for name, series in frame.items()
        ]
        schema = pa.schema([field for field, _ in columns])
        made = nw.from_arrow(pa.Table.from_arrays([a for _, a in columns], schema=schema), backend=self.backend)
        return made if self.wrapped else made.to_native()


def taken(data: Any) -> tuple[pd.DataFrame, Given | None]:
    """A data frame as pandas', and what it was if it was none.

    Raises
    ------
    DataError
        If it is no data frame, is not in memory, or has columns that Arrow does not have.
    """
    if isinstance(data, pd.DataFrame):
        return data, None
    import narwhals as nw

    try:
        found: Any = nw.from_native(data)
    except TypeError:
        finding = f"a {type(data).__name__} is not a data frame"
        raise one(DataError, "data", finding, "give a DataFrame of pandas or Polars, or a table of PyArrow") from None
    except Exception as error:  # two columns of one name, which each library tells in its own way
        raise one(DataError, "data", _told(error), "give every column a name of its own") from error
    if not isinstance(found, nw.DataFrame):
        finding = f"a {type(data).__name__} is not in memory yet"
        raise one(DataError, "data", finding, "compute it first: data.collect(), or what its library has for that")
    given = Given(table=_table(found), backend=found.implementation, wrapped=found is data)
    return given.pandas, given


def is_frame(data: Any) -> bool:
    """Whether it is a data frame of any kind, in memory or not."""
    if isinstance(data, pd.DataFrame):
        return True
    import narwhals.dependencies as known

    return known.is_into_dataframe(data) or known.is_narwhals_dataframe(data)


def as_pandas(data: Any) -> pd.DataFrame:
    """A data frame of any kind as pandas'; errors as of :func:`taken`."""
    return taken(data)[0]


def _table(frame: "nw.DataFrame[Any]") -> pa.Table:
    import narwhals as nw

    columns, problems = {}, []
    for name, dtype in frame.schema.items():
        try:
            if dtype == nw.Object:  # whose addresses would be taken for values
                raise TypeError("Python objects")
            columns[name] = frame.select(name).to_arrow().combine_chunks()
        except (TypeError, ValueError, NotImplementedError) as error:  # PyArrow's are among them
            finding = f"its type, {dtype}, cannot be read ({_told(error)})"
            remedy = "make numbers or texts of it, or leave it out and join it to the completed datasets afterwards"
            problems.append(Problem(path=f"data[{name}]", finding=finding, remedy=remedy))
    if problems:
        raise DataError(problems)
    fields = [part.schema.field(0) for part in columns.values()]
    return pa.Table.from_arrays([part.column(0) for part in columns.values()], schema=pa.schema(fields))


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _series(column: pa.ChunkedArray, lexical: bool) -> pd.Series:
    kind = column.type
    if pa.types.is_null(kind):
        return pd.Series(np.full(len(column), np.nan))
    if pa.types.is_dictionary(kind) and lexical and not kind.ordered:
        return column.cast(kind.value_type).to_pandas().astype("category")
    if kind in WITH_GAPS:
        return column.to_pandas(types_mapper=WITH_GAPS.get if column.null_count else None)
    plain = (pa.types.is_floating, pa.types.is_dictionary, pa.types.is_timestamp, pa.types.is_duration)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if any(is_one(kind) for is_one in (*plain, *texts)):
        return column.to_pandas()
    return column.to_pandas(types_mapper=pd.ArrowDtype)


def _new(name: str, series: pd.Series) -> tuple[pa.Field, pa.Array]:
    """A column that was not given."""
    array = _array(series)
    return pa.field(name, array.type), array


def _redrawn(field: pa.Field, series: pd.Series) -> tuple[pa.Field, pa.Array]:
    """A column as it is now, of the type that was given where that can be; numbers do not become texts again."""
    array = _array(series)
    if pa.types.is_string(field.type) or pa.types.is_large_string(field.type) or pa.types.is_string_view(field.type):
        return pa.field(field.name, array.type), array
    try:
        array = array.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.field(field.name, array.type), array
    return field, array


def _filled(field: pa.Field, column: pa.ChunkedArray, series: pd.Series) -> tuple[pa.Field, pa.Array | pa.ChunkedArray]:
    """A column with what is there now where it had no value."""
    rows = np.asarray(compute.is_null(column, nan_is_null=True)) & series.notna().to_numpy()
    if not rows.any():
        return field, column
    new, before = _labels(_array(series.loc[rows])), _labels(column.combine_chunks())
    try:
        if before.type == pa.bool_() != new.type:
            raise pa.ArrowInvalid  # to Arrow every number but 0 is yes
        new = new.cast(before.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        before = before.cast(new.type)
    made = compute.replace_with_mask(before, pa.array(rows), new)
    if pa.types.is_dictionary(field.type):
        known = column.combine_chunks().dictionary
        codes = compute.index_in(made, value_set=known).cast(field.type.index_type)
        return field, pa.DictionaryArray.from_arrays(codes, known, ordered=field.type.ordered)
    return (field if made.type == field.type else pa.field(field.name, made.type)), made


def _array(series: pd.Series) -> Any:
    made: Any = pa.Array.from_pandas(series)
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _labels(array: Any) -> Any:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
