"""Imputed cells in the smallest type that holds them: which it is, that nothing is lost, and that all agree on it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from looping import FORMULAS, assert_same_run, fresh_record, prior_plan, run_prior, table

from bayesimpute import BayesimputeError, MultiplyImputed
from bayesimpute.plan.resolving import resolve
from bayesimpute.running.imputed_cells import Cells, packed


def with_binary(dtype: object = "boolean") -> pd.DataFrame:
    frame = table()
    return frame.assign(y=(frame["y"] > 2).where(frame["y"].notna()).astype(dtype))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float64", "f8"), ("float32", "f4"), ("Float32", "f4"), ("float[pyarrow]", "f4"), ("Float64", "f8")],
)
def test_numbers_are_as_precise_as_their_column(dtype: str, expected: str) -> None:
    frame = table()
    frame["y"] = frame["y"].astype(dtype)
    made = run_prior(frame)
    found = {cells["y"].dtype for leg in made.record.legs for cells in leg.kept.values()}
    assert found == {np.dtype(expected)} and made.tree["imputed/y/cells"].dtype == np.dtype(expected)
    assert made.tree["completed/y"].dtype == np.float64
    gaps = frame["y"].isna().to_numpy()
    for k, completed in enumerate(made):
        assert completed["y"].dtype == frame["y"].dtype
        kept = made.record.legs[k % 2].kept[k]["y"]
        assert np.array_equal(completed["y"].to_numpy()[gaps].astype(float), kept.astype(float))


def test_completed_columns_of_single_precision_are_those_of_the_chains_own_digits() -> None:
    frame = table()
    double = run_prior(frame)
    single = run_prior(frame.astype({"y": "float32"}).astype({"y": "float64"}))
    made = run_prior(frame.astype({"y": "float32"}))
    assert not double.completed(0).equals(single.completed(0))
    for mine, other in zip(made, single, strict=True):
        assert mine["y"].equals(other["y"].astype("float32"))


@pytest.mark.parametrize("dtype", ["boolean", "Int64", "float64", "float32"])
def test_two_values_take_a_byte(dtype: str) -> None:
    made = run_prior(with_binary("boolean").astype({"y": dtype}), "y ~ z + (1 | g)", "x ~ z")
    assert {cells["y"].dtype for leg in made.record.legs for cells in leg.kept.values()} == {np.dtype(np.int8)}
    assert made.tree["imputed/y/cells"].dtype == made.tree["state/y/cells_y"].dtype == np.int8
    assert made.tree["imputed/x/cells"].dtype == np.float64


def test_types_follow_from_the_column_and_not_from_values() -> None:
    frame = table()
    frame["y"] = np.where(frame["y"].isna(), np.nan, np.round(frame["y"] * 10))  # whole, of a continuous family
    plan = prior_plan()
    record = fresh_record(frame, plan)
    resolved = resolve(plan, record.incomplete)
    target = next(t for t in resolved.targets if t.name == "y")
    assert target.values.dtype == np.float64


def test_cells_of_the_right_type_are_not_copied_and_others_keep_their_values() -> None:
    plan = prior_plan("y ~ z", "x ~ z")
    record = fresh_record(with_binary(), plan)
    targets = resolve(plan, record.incomplete).targets
    cells = {t.name: np.arange(len(t.missing_rows)) % 2.0 for t in targets}
    made = packed(targets, cells)
    assert made["x"] is cells["x"]
    assert made["y"].dtype == np.int8 and np.array_equal(made["y"], cells["y"])
    assert packed(targets, made)["y"] is made["y"]


@pytest.mark.parametrize("wrong", [0.5, 2.0, -1.0, np.nan, 300.0])
def test_what_is_no_code_is_an_error(wrong: float) -> None:
    plan = prior_plan("y ~ z", "x ~ z")
    record = fresh_record(with_binary(), plan)
    targets = resolve(plan, record.incomplete).targets
    cells = {t.name: np.zeros(len(t.missing_rows)) for t in targets}
    cells["y"][3] = wrong
    with pytest.raises(BayesimputeError, match=r"data\[y\].*bernoulli imputed values that are no whole numbers"):
        packed(targets, cells)


def test_cells_can_be_moved_and_sent() -> None:
    cells = Cells({"x": np.ones(2), "y": np.zeros(3)})
    cells.move({"x": np.array([1.0, 1.0])})
    sent = pickle.loads(pickle.dumps(cells))
    assert list(cells) == list(sent) == ["x", "y"] and len(cells) == 2
    assert np.array_equal(sent["x"], np.ones(2)) and np.array_equal(sent["y"], np.zeros(3))


def test_a_result_that_was_read_has_the_types_that_were_written(tmp_path) -> None:
    made = run_prior(with_binary(), "y ~ z + (1 | g)", FORMULAS[1])
    for ending in ("nc", "zarr"):
        made.save(tmp_path / f"run.{ending}")
        loaded = MultiplyImputed.load(tmp_path / f"run.{ending}")
        assert_same_run(loaded, made)
        for leg in loaded.record.legs:
            assert {(c["y"].dtype.str, c["x"].dtype.str) for c in leg.kept.values()} == {("|i1", "<f8")}
