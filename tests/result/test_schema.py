"""A record as a DataTree and back, finished or not; the groups, dims and names of the schema."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from looping import FORMULAS, assert_same_run, fresh_record, prior_plan, run_prior, table

from bayesimpute import Conditional, Derived, MultiplyImputed
from bayesimpute.result.reading import from_tree
from bayesimpute.result.schema import FORMAT, summary_names, to_tree
from bayesimpute.running.legs import Job, run_leg
from bayesimpute.running.records import STATS, Record


def advanced(record: Record, *sweeps: int) -> Record:
    """Each chain so many sweeps further; None leaves a chain alone."""
    job = Job.of(record)
    for chain, n in enumerate(sweeps):
        if n is not None:
            record = record.grown(*run_leg(job, record.states[chain], n))
    return record


def assert_round_trip(record: Record) -> Record:
    tree = to_tree(record)
    back = from_tree(tree)
    again = to_tree(back)
    assert set(again.groups) == set(tree.groups)
    for group in tree.groups:
        xr.testing.assert_identical(again[group].to_dataset(), tree[group].to_dataset())
    assert back.schedule == record.schedule and back.plan == record.plan and back.seed == record.seed
    assert [s.sweep for s in back.states] == [s.sweep for s in record.states]
    assert [leg.length for leg in back.legs] == [leg.length for leg in record.legs]
    assert [leg.events for leg in back.legs] == [leg.events for leg in record.legs]
    assert [sorted(leg.kept) for leg in back.legs] == [sorted(leg.kept) for leg in record.legs]
    for mine, other in zip(record.states, back.states, strict=True):
        assert mine.steps == other.steps
        assert set(mine.samplers) == set(other.samplers) and set(mine.cells) == set(other.cells)
        assert all(np.array_equal(mine.cells[t], other.cells[t]) for t in mine.cells)
        for target, state in mine.samplers.items():
            assert all(np.array_equal(state.arrays[n], other.samplers[target].arrays[n]) for n in state.arrays)
    return back


@pytest.mark.by_default("*-True")
@pytest.mark.parametrize("keep_effects", [False, True])
@pytest.mark.parametrize("sweeps", [(None, None), (0, None), (0, 0), (1, 0), (2, 2), (3, 0), (None, 5), (4, 3), (6, 6)])
def test_a_run_at_any_moment_round_trips(sweeps: tuple[int | None, int | None], keep_effects: bool) -> None:
    record = fresh_record(table(), prior_plan(m=3, warmup=2, sweeps=4), keep_effects=keep_effects)
    back = assert_round_trip(advanced(record, *sweeps))
    assert advanced(back, 6, 6).finished


def test_the_schedule_says_what_there_is_and_names_earlier_stages_only_where_there_are_some() -> None:
    record = fresh_record(table(), prior_plan(m=3, warmup=2, sweeps=4))
    stored = json.loads(to_tree(record).attrs["schedule"])
    assert stored == {"m": 3, "chains": 2, "base": 2, "sweeps": 4, "thin": 2}
    more = json.loads(to_tree(assert_round_trip(advanced(record, 6, 6).added(3))).attrs["schedule"])
    assert more == {**stored, "m": 6, "sweeps": 6, "earlier": [{"m": 3, "base": 2, "sweeps": 4}]}


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_a_saved_run_goes_on_as_if_it_had_never_stopped(tmp_path: Path, ending: str) -> None:
    plan = prior_plan("y ~ z + x + w + (1 + z | g)", FORMULAS[1], m=3, warmup=2, sweeps=5)
    whole = advanced(fresh_record(table(), plan, keep_effects=True), 7, 7)
    half = MultiplyImputed.of(advanced(fresh_record(table(), plan, keep_effects=True), 4, 1))
    half.save(tmp_path / f"half.{ending}")
    loaded = MultiplyImputed.load(tmp_path / f"half.{ending}").record
    assert_same_run(MultiplyImputed.of(advanced(loaded, 7, 7)), MultiplyImputed.of(whole))


def test_groups_dims_and_attributes() -> None:
    tree = run_prior(table(), *FORMULAS, derived=[Derived(name="xy", expression="x * y")], m=3).tree
    n = len(table())
    groups = {"observed", "missing", "imputed", "completed", "chains", "sample_stats", "events", "posterior", "state"}
    assert set(tree.children) == groups | {"imputations"}
    assert tree["observed"].sizes == {"unit": n}
    assert all(v.dims == ("unit",) and v.dtype == bool for v in tree["missing"].data_vars.values())
    assert tree["completed"].sizes == {"imputation": 3, "unit": n}
    assert set(tree["completed"].data_vars) == {"x", "y", "xy"}
    assert tree["chains"].sizes == {"chain": 2, "draw": 4}
    assert set(tree["chains"].data_vars) == {"x_mean", "x_sd", "y_mean", "y_sd"}
    assert tree["sample_stats"].sizes == {"chain": 2, "draw": 4, "step": 2}
    assert set(tree["sample_stats"].data_vars) == set(STATS)
    assert tree["posterior/y"].sizes == {"chain": 2, "draw": 4}
    assert set(tree["posterior/y"].data_vars) == {"Intercept", "x", "sigma", "1|g_sigma"}
    assert tree.attrs["format"] == FORMAT and tree.attrs["seed"] == "1"
    assert set(json.loads(tree.attrs["versions"])) >= {"bayesimpute", "pymc", "numpy"}


def test_statistics_are_those_of_the_imputed_cells() -> None:
    imputed = run_prior(table(), *FORMULAS, m=4, chains=4, sweeps=1)
    gaps = table()["y"].isna().to_numpy()
    for k, completed in enumerate(imputed):
        cells = completed["y"].to_numpy()[gaps]
        assert imputed.tree["chains/y_mean"].values[k, 0] == pytest.approx(cells.mean(), rel=1e-12)
        assert imputed.tree["chains/y_sd"].values[k, 0] == pytest.approx(cells.std(), rel=1e-12)


def test_statistics_have_names_of_their_own_whatever_the_labels() -> None:
    recorded = ("share of a/b", "share of a_b")
    found = summary_names("y", recorded)
    assert tuple(found) == recorded and len(set(found.values())) == 2
    assert all("/" not in name for name in found.values())


def test_effects_have_the_clusters_as_a_dimension() -> None:
    frame = table().assign(g=lambda d: "school " + d["g"].astype(str))
    imputed = MultiplyImputed.of(advanced(fresh_record(frame, prior_plan(), keep_effects=True), 6, 6))
    effects = imputed.posterior("y")["posterior"]["1|g"]
    assert effects.dims == ("chain", "draw", "g")
    assert effects["g"].values.tolist() == [f"school {k}" for k in range(8)]
    assert np.isfinite(effects.values).all()


def test_a_cluster_key_that_is_also_a_predictor_keeps_its_name() -> None:
    plan = prior_plan("y ~ g + (1 | g)", m=2)
    record = advanced(fresh_record(table().drop(columns="x"), plan, keep_effects=True), 6, 6)
    assert_round_trip(record)
    assert {"g", "1|g"} <= set(to_tree(record)["posterior/y"].data_vars)


def test_targets_with_difficult_names(tmp_path: Path) -> None:
    frame = table().rename(columns={"y": "a/b", "x": "unit", "g": "draw"})
    plan = prior_plan("`a/b` ~ unit + (1 | draw)", "unit ~ `a/b` + (1 | draw)")
    record = advanced(fresh_record(frame, plan, keep_effects=True), 6, 6)
    imputed = MultiplyImputed.of(assert_round_trip(record))
    imputed.save(tmp_path / "run.nc")
    loaded = MultiplyImputed.load(tmp_path / "run.nc")
    assert loaded.targets == imputed.targets == ("unit", "a/b")
    assert loaded.completed(0).equals(imputed.completed(0))
    assert list(loaded.completed(0)) == list(frame)


def test_two_labels_are_stored_as_small_numbers() -> None:
    frame = table().assign(y=lambda d: (d["y"] > 2).where(d["y"].notna()).astype("boolean"))
    imputed = run_prior(frame, Conditional.of("y ~ z + (1 | g)"), "x ~ z")
    assert imputed.tree["completed/y"].dtype == np.int8
    assert imputed.tree["completed/x"].dtype == np.float64
    assert_round_trip(imputed.record)


def test_spares_are_kept_for_later(tmp_path: Path) -> None:
    imputed = run_prior(table(), m=3, chains=2, sweeps=5)  # thin 2: chain 1 passes imputation 3 before anyone asks
    assert imputed.m == len(list(imputed)) == 3
    imputed.save(tmp_path / "run.zarr")
    loaded = MultiplyImputed.load(tmp_path / "run.zarr")
    assert sorted(k for leg in loaded.record.legs for k in leg.kept) == [0, 1, 2, 3]
