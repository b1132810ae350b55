"""The result: completed datasets as the user's own frames, the long format, saving and loading, what ArviZ gets."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from looping import FORMULAS, assert_observed_kept, assert_same_run, fresh_record, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import BayesimputeError, DataError, FileError, MultiplyImputed
from bayesimpute.result.store import write_tree
from bayesimpute.running.legs import Job, run_leg

ENDINGS = ("nc", "zarr")


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    return run_prior(table(), *FORMULAS, m=3, chains=2, sweeps=5)


def with_everything() -> pd.DataFrame:
    """The table with columns of many types that take no part, on labels that occur twice."""
    frame = table()
    n = len(frame)
    frame["when"] = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(n), unit="D")
    frame["iso"] = "2024-02-01"
    frame["mixed"] = pd.Series([1, "1", True, None] * (n // 4), dtype=object)
    frame["text"] = pd.array(["a", "b", None, ""] * (n // 4), dtype="str")
    frame["level"] = pd.Categorical(["lo", "hi"] * (n // 2), categories=["lo", "hi"], ordered=True)
    return frame.set_index(pd.Index([*range(n - 1), 0], name="row"))


def test_columns_that_take_no_part_come_back_as_they_are(tmp_path: Path) -> None:
    frame = with_everything()
    before = frame.copy()
    made = run_prior(frame)
    made.save(tmp_path / "run.nc")
    pd.testing.assert_frame_equal(frame, before)
    for result in (made, MultiplyImputed.load(tmp_path / "run.nc")):
        for completed in result:
            others = [n for n in frame if n not in ("x", "y")]
            pd.testing.assert_frame_equal(completed[others], frame[others])
        assert_observed_kept(result, frame)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["no", "yes"], "category"),
        (["no", "yes"], "str"),
        (["no", "yes"], object),
        ([1, 2], "category"),
        ([False, True], "boolean"),
        ([False, True], object),
        ([0, 1], "Int64"),
        ([0.0, 1.0], "float64"),
        ([0, 1], "Float32"),
    ],
)
def test_a_binary_target_keeps_its_type(values: list, dtype: object) -> None:
    frame = table()
    gaps = frame["y"].isna()
    column = pd.Series([values[k % 2] for k in range(len(frame))], dtype=object)
    frame["y"] = column.where(~gaps, None).astype(dtype)
    made = run_prior(frame, "y ~ z + (1 | g)", "x ~ z")
    assert made.tree["completed/y"].dtype == np.int8
    for completed in made:
        expected = frame["y"].dtype if dtype is not object else completed["y"].dtype
        assert completed["y"].dtype == expected and completed["y"].dtype.kind == frame["y"].dtype.kind
        assert not completed["y"].isna().any()
        assert set(completed["y"]) <= set(values)
    assert_observed_kept(made, frame)


def test_whole_numbers_become_decimal_numbers_and_an_event_says_so() -> None:
    frame = table()
    frame["y"] = pd.array([None if k % 4 == 0 else k for k in range(len(frame))], dtype="Int64")
    made = run_prior(frame)
    assert {str(c["y"].dtype) for c in made} == {"Float64"}
    events = made.events.query("target == 'y' and chain == -1")
    assert "whole numbers become decimal numbers" in events["what"].tolist()
    assert_observed_kept(made, frame)


def test_the_long_format_is_that_of_mice(imputed: MultiplyImputed) -> None:
    long = imputed.to_long()
    n = len(table())
    assert list(long) == [".imp", ".id", *table()]
    assert long[".imp"].tolist() == [k for k in (1, 2, 3) for _ in range(n)]
    assert long[".id"].tolist() == [*range(1, n + 1)] * 3
    pd.testing.assert_frame_equal(long[long[".imp"] == 2].drop(columns=[".imp", ".id"]), imputed.completed(1))


def test_the_long_format_with_the_incomplete_data_first() -> None:
    frame = with_everything().assign(y=lambda d: (d["y"] > 2).where(d["y"].notna()).astype("boolean"))
    made = run_prior(frame, "y ~ z", "x ~ z", derived=[bi.Derived(name="xx", expression="x ** 2")])
    long = made.to_long(include_incomplete=True)
    given = long[long[".imp"] == 0].drop(columns=[".imp", ".id", "xx"])
    pd.testing.assert_frame_equal(given, frame)
    assert long["xx"].isna().sum() == len(frame)
    assert sorted(set(long[".imp"])) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", [".imp", ".id"])
def test_a_column_with_the_name_of_an_identifier_is_an_error(name: str) -> None:
    made = run_prior(table().assign(**{name: 1}))
    with pytest.raises(DataError, match=name):
        made.to_long()
    assert made.completed(0)[name].eq(1).all()


def test_iteration_and_length(imputed: MultiplyImputed) -> None:
    assert len(imputed) == imputed.m == len(list(imputed)) == 3
    assert "3 of 3 completed datasets of 40 units" in repr(imputed)
    for wrong in (-1, 3):
        with pytest.raises(IndexError, match="0 to 2"):
            imputed.completed(wrong)


def test_changing_a_completed_frame_changes_nothing_else(imputed: MultiplyImputed) -> None:
    first = imputed.completed(0)
    first.loc[:, "y"] = 0.0
    assert not imputed.completed(0)["y"].eq(0).any()
    assert imputed.incomplete.frame["y"].isna().any()


def test_to_xarray_has_the_completed_variables(imputed: MultiplyImputed) -> None:
    data = imputed.to_xarray()
    assert data.sizes == {"imputation": 3, "unit": 40}
    assert np.array_equal(data["y"].values[2], imputed.completed(2)["y"])


def test_arviz_works_on_the_posterior_of_a_target(imputed: MultiplyImputed) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import arviz as az
    import matplotlib.pyplot as plt

    tree = imputed.posterior("y")
    summary = az.summary(tree, kind="stats")
    assert set(summary.index) == {"Intercept", "x", "sigma", "1|g_sigma", "imputed_mean", "imputed_sd"}
    assert tree["sample_stats/divergences"].dims == ("chain", "draw")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a handful of draws
        az.plot_trace(tree)
    plt.close("all")
    with pytest.raises(bi.InputError, match="models are of x, y"):
        imputed.posterior("z")


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_saved_comes_back(imputed: MultiplyImputed, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"run.{ending}"
    imputed.save(path)
    loaded = MultiplyImputed.load(path)
    assert_same_run(loaded, imputed)
    assert loaded.plan == imputed.plan and loaded.seed == 1 and loaded.targets == imputed.targets
    pd.testing.assert_frame_equal(loaded.to_long(), imputed.to_long())
    pd.testing.assert_frame_equal(loaded.events, imputed.events)
    with pytest.raises(FileError, match="exists"):
        imputed.save(path)
    imputed.save(path, force=True)
    assert_same_run(MultiplyImputed.load(path), imputed)


def test_an_unknown_ending_is_an_error(imputed: MultiplyImputed, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"use \.nc or \.zarr"):
        imputed.save(tmp_path / "run.pickle")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there(imputed: MultiplyImputed, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "run.nc"
    imputed.save(path)
    before = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bayesimpute.result.netcdf_files.written", full)
    with pytest.raises(FileError, match="No space left on device"):
        imputed.save(path, force=True)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def broken(kind: str, path: Path, imputed: MultiplyImputed) -> None:
    """A file that is no saved imputation."""
    imputed.save(path)
    whole = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "flipped":
        path.write_bytes(whole[:100] + bytes(len(whole) - 200) + whole[-100:])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("y,x\n1,2\n")
    elif kind == "other":
        xr.Dataset({"x": ("unit", [1.0])}).to_netcdf(path, engine="h5netcdf")
    else:
        tree = imputed.tree.copy()
        if kind == "part":
            del tree["imputed"]
        else:
            tree.attrs["format"] = {"older": 1, "newer": 99, "strange": "two"}[kind]
        write_tree(tree, path, force=True)


@pytest.mark.by_default("truncated-*", "other-*", "part-*", "older-*", "strange-*")
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("truncated", "damaged"),
        ("flipped", "damaged"),
        ("empty", "damaged"),
        ("text", "damaged"),
        ("other", "not a saved imputation"),
        ("part", "damaged"),
        ("older", "it has format 1, this version of bayesimpute reads 4; use the version that wrote it"),
        ("newer", "it has format 99, this version of bayesimpute reads 4; use the version that wrote it"),
        ("strange", "damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(imputed: MultiplyImputed, tmp_path: Path, kind: str, text: str) -> None:
    path = tmp_path / "run.nc"
    broken(kind, path, imputed)
    before = path.read_bytes()
    with pytest.raises(FileError, match=text):
        MultiplyImputed.load(path)
    with pytest.raises(FileError, match=text):
        bi.resume(path, progress=False)
    assert path.read_bytes() == before


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        MultiplyImputed.load(tmp_path / "none.nc")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(FileError, match=r"damaged|not a saved"):
        MultiplyImputed.load(tmp_path / "empty.zarr")


def test_a_run_that_was_stopped_gives_what_is_there_and_says_what_is_not() -> None:
    record = fresh_record(table(), prior_plan(m=4, warmup=1, sweeps=4))
    job = Job.of(record)
    record = record.grown(*run_leg(job, record.states[0], 3)).grown(*run_leg(job, record.states[1], 1))
    partial = MultiplyImputed.of(record)
    assert json.loads(partial.tree.attrs["imputations_done"]) == [0]
    assert "1 of 4 completed datasets" in repr(partial)
    assert not partial.completed(0)["y"].isna().any()
    for use in (lambda: partial.completed(1), partial.to_long, lambda: partial.pool("y ~ z")):
        with pytest.raises(BayesimputeError, match="1 of 4 completed datasets are there"):
            use()
