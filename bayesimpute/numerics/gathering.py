"""Columns of matrices from columns of data, in one pass and without Python's lock: very many rows spend time on it."""

from bayesimpute.numerics.compiling import compiled


@compiled
def put_column(out, place, values, rows, centre, scale):
    """Write (values - centre) / scale at some rows into a column of `out`, shape (row, column)."""
    for i in range(rows.size):
        out[i, place] = (values[rows[i]] - centre) / scale
