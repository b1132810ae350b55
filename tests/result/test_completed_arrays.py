"""The completed datasets put together when they are read: the same values as ever, and never more than is asked for."""

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from eager import eager
from looping import FORMULAS, assert_same_run, fresh_record, prior_plan, run_prior, table

from bayesimpute import Conditional, Derived, MultiplyImputed
from bayesimpute.result.completed_arrays import Datasets
from bayesimpute.running.legs import Job, run_leg

DERIVED = (Derived(name="xy", expression="x * y"), Derived(name="above", expression="y - cluster_mean(y, g)"))


def difficult() -> pd.DataFrame:
    """With a level-2 target some of whose cells follow from their cluster, a filled variable, and a binary target."""
    frame = table()
    frame.loc[frame["g"].isin([1, 4]), "w"] = np.nan
    frame.loc[[0, 12], "w"] = np.nan
    frame["v"] = frame["g"] * 2.0
    frame.loc[[3, 9], "v"] = np.nan  # a classmate has it
    frame["b"] = (frame["z"] > 0).where(frame.index % 3 != 0).astype("boolean")
    return frame


MODELS = (*FORMULAS, "w ~ v + cluster_mean(y, g)", "b ~ y + v + (1 | g)")


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    return run_prior(difficult(), *MODELS, derived=DERIVED, m=5, chains=1, sweeps=5)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Which variable of which dataset has been put together."""
    rows: list[tuple[str, int]] = []
    original = Datasets.row

    def row(self: Datasets, name: str, place: int) -> np.ndarray:
        rows.append((name, place))
        return original(self, name, place)

    monkeypatch.setattr(Datasets, "row", row)
    return rows


def test_the_values_are_those_of_whole_columns(imputed: MultiplyImputed) -> None:
    columns = eager(imputed.record)
    shown = {v.attrs["name"]: v for v in imputed.to_xarray().values()}
    assert list(shown) == list(columns) and {"x", "y", "w", "b", "v", "xy", "above"} == set(columns)
    for name, values in columns.items():
        assert shown[name].dtype == values.dtype and shown[name].dims == ("imputation", "unit")
        np.testing.assert_array_equal(shown[name].values, values, strict=True)
        for k in range(5):
            frame = imputed.completed(k)
            np.testing.assert_array_equal(frame[name].to_numpy(dtype=float), values[k].astype(float))


def test_one_dataset_is_read_and_no_other(imputed: MultiplyImputed, read: list[tuple[str, int]]) -> None:
    for one in (imputed.to_xarray().isel(imputation=3), imputed.tree.isel(imputation=3)["completed"]):
        assert read == []
        for name in ("y", "xy", "b"):
            assert one[name].dims == ("unit",)
            _ = one[name].values
        assert read == [("y", 3), ("xy", 3), ("b", 3)]
        read.clear()
    imputed.completed(1)
    assert {k for _, k in read} == {1}


def test_derived_variables_of_a_dataset_are_computed_at_once(imputed: MultiplyImputed, monkeypatch) -> None:
    import bayesimpute.result.completed_arrays as module

    made = []
    original = module.Completed
    monkeypatch.setattr(module, "Completed", lambda *a, **k: made.append(1) or original(*a, **k))
    fresh = MultiplyImputed.of(imputed.record)
    fresh.completed(2)
    assert len(made) == 1


@pytest.mark.parametrize(
    "key",
    [
        {"imputation": [2, 0], "unit": slice(None, None, -3)},
        {"imputation": slice(1, 4), "unit": 5},
        {"imputation": -1, "unit": [1, 1, 30]},
        {"unit": slice(10, 20)},
        {"imputation": [], "unit": [3]},
        {"imputation": xr.DataArray([0, 1, 4], dims="pair"), "unit": xr.DataArray([7, 8, 9], dims="pair")},
    ],
)
def test_every_way_of_choosing_gives_what_whole_columns_give(imputed: MultiplyImputed, key: dict[str, Any]) -> None:
    lazy = imputed.to_xarray()
    whole = xr.Dataset({name: (v.dims, v.values, v.attrs) for name, v in lazy.items()}, attrs=lazy.attrs)
    xr.testing.assert_identical(lazy.isel(key), whole.isel(key))
    xr.testing.assert_identical(
        lazy.isel(key).isel(unit=0, missing_dims="ignore"), whole.isel(key).isel(unit=0, missing_dims="ignore")
    )


def test_copies_loading_and_sending(imputed: MultiplyImputed) -> None:
    for tree in (imputed.tree.copy(), imputed.tree.copy(deep=True), copy.deepcopy(imputed.tree)):
        assert_same_run(MultiplyImputed(tree), imputed)
    loaded = imputed.tree.copy().load()
    assert isinstance(loaded["completed/y"].variable._data, np.ndarray)
    assert_same_run(MultiplyImputed(loaded), imputed)
    sent = pickle.loads(pickle.dumps(imputed))
    assert_same_run(sent, imputed)
    pd.testing.assert_frame_equal(sent.completed(2), imputed.completed(2))


def test_what_is_written_into_a_variable_stays_there_and_nowhere_else(imputed: MultiplyImputed) -> None:
    before = imputed.to_xarray()["y"].values
    tree = imputed.tree.copy(deep=True)
    tree["completed/y"][2, 3] = -99.0
    assert tree["completed/y"].values[2, 3] == MultiplyImputed(tree).completed(2)["y"].iloc[3] == -99
    assert np.array_equal(tree["completed/y"].values[:2], before[:2])
    assert np.array_equal(imputed.to_xarray()["y"].values, before)


def test_what_is_sent_has_the_cells_once() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=20_000), "y": rng.normal(size=20_000)})
    frame.loc[:999, "y"] = np.nan
    small, large = (len(pickle.dumps(run_prior(frame, "y ~ x", m=m, sweeps=11).tree["completed"])) for m in (2, 22))
    assert large - small < 1.1 * 20 * 1000 * 8


def test_a_dataset_that_is_not_there_yet_is_missing() -> None:
    record = fresh_record(difficult(), prior_plan(*MODELS, derived=DERIVED, m=4, warmup=1, sweeps=4))
    record = record.grown(*run_leg(Job.of(record), record.states[0], 5))
    partial = MultiplyImputed.of(record)
    for name, values in eager(record).items():
        shown = partial.to_xarray()[name]
        assert shown.dtype == np.float64
        np.testing.assert_array_equal(shown.values, values)
        assert np.isnan(shown.values).any(axis=1).tolist() == [False, True, False, True]


def test_the_cells_are_seen_once_each(imputed: MultiplyImputed) -> None:
    frame = difficult()
    group = imputed.tree["imputed/w"]
    assert group.attrs == {"name": "w", "level": "g"} and group["cells"].sizes == {"imputation": 5, "cell": 2}
    assert frame["g"].iloc[group["row"].values].tolist() == [1, 4]
    cells = imputed.tree["imputed/b"].to_dataset()
    assert cells["cells"].dtype == np.int8 and cells["imputation"].values.tolist() == [0, 1, 2, 3, 4]
    for k in range(5):
        mine = imputed.completed(k)["b"].to_numpy(dtype=float)[cells["row"].values]
        np.testing.assert_array_equal(mine, cells["cells"].sel(imputation=k).values)


def test_a_derived_column_of_the_data_is_filled() -> None:
    frame = table().assign(d=lambda d: d["x"] * 2)
    made = run_prior(frame, "y ~ d + (1 | g)", Conditional.of("x ~ z"), derived=[Derived(name="d", expression="2 * x")])
    np.testing.assert_array_equal(made.to_xarray()["d"].values, eager(made.record)["d"])
    assert np.array_equal(made.completed(1)["d"], made.completed(1)["x"] * 2)
