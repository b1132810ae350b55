"""What is written and read through parts that are opened once is what xarray writes and reads."""

import io

import numpy as np
import pandas as pd
import xarray as xr

from bayesimpute.result import netcdf_files


def tree() -> xr.DataTree:
    """Coordinates that h5netcdf makes twice, labels, dates, dimensions without coordinates, groups within groups."""
    top = xr.Dataset({"y": ("k", [1.0, np.nan])}, {"k": [3, 4]}, {"told": "äö"})
    labels = xr.Dataset({"who": (("k", "j"), [["a", "b"], ["", "c"]])}, {"j": ["first", "second"]})
    days = xr.Dataset({"day": ("i", pd.to_datetime(["2020-01-01", "2021-02-03"]))}, {"k": ("k", [3, 4])})
    return xr.DataTree.from_dict({"/": top, "/in": labels, "/in/deep": days, "/empty": xr.Dataset()})


def test_they_are_those_of_xarray(tmp_path) -> None:
    ours, theirs = tmp_path / "ours.nc", tmp_path / "theirs.nc"
    ours.write_bytes(netcdf_files.written(tree()))
    theirs.write_bytes(tree().to_netcdf(engine="h5netcdf"))
    with xr.open_datatree(ours, engine="h5netcdf") as found, xr.open_datatree(theirs, engine="h5netcdf") as expected:
        xr.testing.assert_identical(found.load(), expected.load())
        xr.testing.assert_identical(netcdf_files.read(theirs), expected)
        xr.testing.assert_identical(netcdf_files.read(ours), expected)


def test_what_was_deleted_is_not_known_any_more() -> None:
    with netcdf_files._Remembering(io.BytesIO(), "w") as file:
        file.create_dataset("x", data=[1])
        assert file["x"][0] == 1
        del file["/"]["x"]
        file.create_dataset("x", data=[2])
        assert file["x"][0] == 2
