"""A data file or a public data set by one name."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import FileError, InputError, did_you_mean, one
from bayesimpute.base.saving import is_file, is_folder, reason
from bayesimpute.data.missing_codes import without_codes
from bayesimpute.data.readers import read_file


@typed
def read_data(path_or_name: str | os.PathLike[str], *, missing: Sequence[str | float] = ()) -> pd.DataFrame:
    """Read a data file, or load a public data set by its name.

    Parameters
    ----------
    path_or_name : str or path
        A file ending in .csv, .csv.gz, .parquet, .dta, .sav or .zsav; or, if there is no such file, a name that
        :func:`bayesimpute.data.public_data.load_dataset` knows.
    missing : sequence of str or float, optional
        Codes that stand for missing values in any column, such as ``[".", -99]``: see
        :func:`bayesimpute.data.missing_codes.without_codes`.

    Returns
    -------
    DataFrame, rows = units
        Text as ``str``, yes/no values with gaps as nullable ``boolean``, labelled values as categories in the order of
        their codes.

    Raises
    ------
    FileError
        The file is not there, not readable, empty, of another encoding or format, has rows of unequal length or
        a column name twice.
    """
    path = Path(path_or_name)
    if is_file(path):
        return without_codes(read_file(path), missing)
    from bayesimpute.data.public_data import DATASETS, load_dataset

    if str(path_or_name) in DATASETS:
        return without_codes(load_dataset(str(path_or_name)), missing)
    raise _not_a_file(path, list(DATASETS))


def _not_a_file(path: Path, datasets: Sequence[str]) -> InputError:
    """Why `path` is no file: a folder, out of reach, or not there (then with near names)."""
    try:
        if path.stat() and path.is_dir():
            return one(FileError, str(path), "this is a folder", "give a data file in it")
        return one(FileError, str(path), "this is not a regular file", "save the data to a file first")
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        return one(FileError, str(path), f"cannot be read ({reason(error)})", "give a path that can be read")
    if not is_folder(path.parent):
        return one(FileError, str(path), f'the folder "{path.parent}" is not there', "check the path")
    entries = sorted(entry.name for entry in path.parent.iterdir()) if os.access(path.parent, os.R_OK) else []
    otherwise = f"check the path, or use a data set's name: {', '.join(datasets)}"
    remedy = did_you_mean(path.name, [*entries, *datasets], otherwise)
    return one(FileError, str(path), "there is no such file, nor a data set of that name", remedy)
