"""The loop: the same numbers wherever and however it runs; what is imputed; going on; bad arguments."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from looping import FORMULAS, assert_observed_kept, assert_same_run, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import Conditional, DataError, Derived, FileError, MultiplyImputed, Plan, PlanError
from bayesimpute.base.errors import BayesimputeError, Outcome, errors
from bayesimpute.base.interrupts import aside
from bayesimpute.base.one_thread import _by_any_thread, one_thread
from bayesimpute.families import Family, Values
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.result import netcdf_files, run
from bayesimpute.running import fcs, legs, workers
from bayesimpute.samplers.nuts import Nuts

pytestmark = pytest.mark.long(70)


def forget() -> None:
    """What has been described and compiled, as in a new process."""
    aside(lambda: legs._THREAD.__dict__.clear()).result()
    legs._DESCRIBED.clear()


# Where it runs


@pytest.fixture(scope="module")
def reference() -> MultiplyImputed:
    return run_prior(table(), *FORMULAS, m=5, chains=3, warmup=3, sweeps=7, steps="auto")


def again(**options: Any) -> MultiplyImputed:
    plan = prior_plan(*FORMULAS, m=5, chains=3, warmup=3, sweeps=7, steps="auto")
    return bi.impute(table(), plan, seed=1, progress=False, **options)


@pytest.mark.slow
def test_three_workers_give_equal_arrays(reference: MultiplyImputed) -> None:
    """Two are tested with NUTS below, in the default suite."""
    assert_same_run(again(workers=3), reference)


COMPILED = ("y ~ x + cluster_mean(x, g) + (1 | g)", "x ~ y + (1 | g)")


def compiled_run(**options: Any) -> MultiplyImputed:
    settings: dict[str, Any] = {"m": 5, "chains": 3, "warmup": 20, "sweeps": 7, "seed": 1, "progress": False}
    return bi.impute(table(), list(COMPILED), **settings, **options)


def test_compiled_samplers_have_threads_for_workers_and_give_equal_arrays(monkeypatch) -> None:
    monkeypatch.setattr(fcs, "_leg_length", lambda made, seconds: 4)
    alone = compiled_run()
    assert set(alone.events["what"][alone.events["what"].str.startswith("sampler")]) == {"sampler gibbs"}

    def none(*args: Any) -> Any:
        raise AssertionError("a process was started")

    monkeypatch.setattr(workers, "_processes", none)
    forget()
    assert_same_run(compiled_run(workers=3), alone)


def test_a_leg_that_nobody_waits_for_stops_before_its_next_sweep() -> None:
    record = compiled_run().record
    job = legs.Job.of(replace(record, schedule=record.schedule.added(100)))
    asked = iter([False, False, True])
    state, leg = legs.run_leg(job, record.states[0], 9, lambda: next(asked))
    assert state.sweep == record.states[0].sweep + 2 and leg.length == 2


def test_linear_algebra_has_one_thread_while_any_leg_is_under_way() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    def widths() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info()}

    def limited() -> None:
        _by_any_thread()  # another test's may be the one that is obeyed
        with threadpool_limits(2):  # whatever the suite itself runs with
            before = widths()
            assert max(before) == 2
            with one_thread():
                with one_thread():
                    assert widths() == {1}
                assert widths() == {1}
            assert widths() == before

    aside(limited).result()  # where legs are: OpenBLAS tells each thread of its own limits


def test_one_worker_is_this_process(reference: MultiplyImputed) -> None:
    assert_same_run(again(workers=1), reference)


def test_threads_of_the_users_own_give_equal_arrays(reference: MultiplyImputed) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert_same_run(again(executor=pool), reference)
        assert pool.submit(int, 1).result() == 1  # it is still the user's


@pytest.mark.parametrize("length", [1, 2, 3, 100])
def test_any_length_of_legs_gives_equal_arrays(reference: MultiplyImputed, length: int, monkeypatch) -> None:
    monkeypatch.setattr(fcs, "_leg_length", lambda made, seconds: length)
    assert_same_run(again(), reference)


def test_legs_follow_the_clock() -> None:
    assert fcs._leg_length(0, 0.0) == 5
    assert fcs._leg_length(10, 4.0) == 5 and fcs._leg_length(1, 60.0) == 1
    assert fcs._leg_length(10, 0.0) == fcs._leg_length(500, 0.1) == 500


@pytest.mark.filterwarnings("ignore:Sending large graph:UserWarning")  # dask's own, about the size of what is sent
def test_a_dask_cluster_gives_equal_arrays(reference: MultiplyImputed) -> None:
    distributed = pytest.importorskip("distributed", reason="dask is not installed: pip install bayesimpute[dask]")
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        assert_same_run(again(executor=client.get_executor()), reference)


def test_another_seed_gives_other_numbers(reference: MultiplyImputed) -> None:
    other = run_prior(table(), *FORMULAS, seed=2, m=5, chains=3, warmup=3, sweeps=7)
    assert not np.array_equal(other.to_xarray()["y"], reference.to_xarray()["y"])


def test_chains_do_not_depend_on_how_many_there_are() -> None:
    two, four = (run_prior(table(), m=c, chains=c, sweeps=2) for c in (2, 4))
    assert np.array_equal(two.tree["chains/y_mean"], four.tree["chains/y_mean"][:2])


# With NUTS: one small structure


@dataclass(frozen=True)
class Compilations:
    """A run with NUTS and how often a model was compiled for it."""

    imputed: MultiplyImputed
    calls: int


NUTS = Plan.of(["y ~ z + (1 | g)"]).with_run(m=3, chains=2, warmup=4, sweeps=5, sampler="nuts")


def pupils() -> pd.DataFrame:
    return table(clusters=6)[["g", "y", "z"]]


def nuts(**options: Any) -> MultiplyImputed:
    return bi.impute(pupils(), NUTS, seed=3, progress=False, **options)


@pytest.fixture(scope="module")
def compiled() -> Iterator[Compilations]:
    calls: list[int] = []
    original = Nuts.compile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Nuts, "compile", lambda self, model: calls.append(1) or original(self, model))
        forget()
        yield Compilations(nuts(), len(calls))


def test_a_model_is_compiled_once_for_all_chains_and_sweeps(compiled: Compilations) -> None:
    assert compiled.calls == 1
    assert aside(lambda: legs._THREAD.space.compilations).result() == 1


@pytest.mark.slow
def test_nuts_gives_equal_arrays_in_two_processes(compiled: Compilations) -> None:
    assert_same_run(nuts(workers=2), compiled.imputed)


@pytest.mark.slow
def test_nuts_gives_equal_arrays_in_two_threads(compiled: Compilations) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert_same_run(nuts(executor=pool), compiled.imputed)


@pytest.mark.parametrize("ending", ["nc", pytest.param("zarr", marks=pytest.mark.slow)])
def test_extending_goes_on_without_new_adaptation(compiled: Compilations, tmp_path: Path, ending: str) -> None:
    first = compiled.imputed
    first.save(tmp_path / f"run.{ending}")
    extended = first.extend(6, progress=False)
    assert_same_run(MultiplyImputed.load(tmp_path / f"run.{ending}").extend(6, progress=False), extended)
    schedule = extended.record.schedule
    assert (schedule.base, schedule.sweeps, schedule.thin, schedule.m) == (9, 6, 3, 3)
    for before, after in zip(first.record.states, extended.record.states, strict=True):
        assert after.sweep == before.sweep + 6 and after.steps == before.steps
        old, new = before.samplers["y"].arrays, after.samplers["y"].arrays
        assert not np.array_equal(old["q"], new["q"])
        assert all(np.array_equal(old[name], new[name]) for name in old if name != "q")
    # as if the run had been longer from the start: sweep for sweep the same chain
    longer = bi.impute(pupils(), NUTS, sweeps=11, seed=3, progress=False)
    assert np.array_equal(longer.tree["chains/y_mean"][:, 5:], extended.tree["chains/y_mean"])
    for name, values in extended.posterior("y")["posterior"].data_vars.items():
        assert np.array_equal(longer.posterior("y")["posterior"][name][:, 5:], values)


@pytest.mark.slow
def test_a_run_with_nuts_resumes_in_a_new_process(compiled: Compilations, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "run.nc"
    stop_after(monkeypatch, 3)
    with pytest.raises(bi.Interrupted):
        nuts(checkpoint=path)
    monkeypatch.undo()
    forget()
    assert_same_run(bi.resume(path, progress=False), compiled.imputed)


# Going on


def stop_after(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    """Ctrl-C during leg n, counted from 0; legs have two sweeps."""
    calls = iter(range(10**6))
    original = legs.run_leg

    def run_leg(*args: Any) -> Any:
        if next(calls) == n:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(workers, "run_leg", run_leg)
    monkeypatch.setattr(fcs, "_leg_length", lambda made, seconds: 2)


@pytest.mark.parametrize(
    ("n", "ending"),
    [
        (5, "nc"),
        *(pytest.param(n, e, marks=pytest.mark.slow) for n, e in ((5, "zarr"), (0, "nc"), (2, "nc"), (14, "nc"))),
    ],
)
def test_a_stopped_run_is_saved_and_resumes_to_equal_arrays(
    reference: MultiplyImputed, tmp_path: Path, monkeypatch, n: int, ending: str
) -> None:
    path = tmp_path / f"run.{ending}"
    stop_after(monkeypatch, n)
    with pytest.raises(bi.Interrupted, match=f"bayesimpute resume {path}"):
        again(checkpoint=path)
    monkeypatch.undo()
    made = sum(s.sweep for s in MultiplyImputed.load(path).record.states)
    assert made == 2 * max(0, n - 3)  # whatever leg had ended is there
    forget()
    assert_same_run(bi.resume(path, data=table(), progress=False), reference)
    assert_same_run(MultiplyImputed.load(path), reference)
    assert_same_run(bi.resume(path, progress=False), reference)  # of a finished run: it is returned


def test_without_a_checkpoint_a_stop_says_that_nothing_was_saved(monkeypatch) -> None:
    stop_after(monkeypatch, 4)
    with pytest.raises(bi.Interrupted, match="nothing was saved"):
        again()


def test_a_checkpoint_is_written_before_anything_is_compiled_and_survives_success(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "run.nc"
    seen: list[bool] = []
    original = legs.Workspace
    monkeypatch.setattr(legs, "Workspace", lambda *a: seen.append(path.exists()) or original(*a))
    forget()
    imputed = again(checkpoint=path)
    assert seen == [True]
    assert_same_run(MultiplyImputed.load(path), imputed)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_exists_is_not_overwritten_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    path.write_bytes(b"somebody's")
    with pytest.raises(FileError, match=r"exists already.*resume\(\)"):
        again(checkpoint=path)
    assert path.read_bytes() == b"somebody's"
    again(checkpoint=path, force=True)
    assert MultiplyImputed.load(path).record.finished


def test_resuming_with_other_data_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    again(checkpoint=path)
    before = path.read_bytes()
    other = table()
    other.loc[3, "z"] += 1e-9
    for data in (other, table().iloc[1:], table().iloc[:, ::-1], table().astype({"g": "str"})):
        with pytest.raises(DataError, match="not the data of"):
            bi.resume(path, data=data, progress=False)
    assert path.read_bytes() == before


@pytest.mark.by_default("0")
@pytest.mark.parametrize("when", [0, 1, 4])
def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(
    reference: MultiplyImputed, tmp_path: Path, monkeypatch, when: int
) -> None:
    path = tmp_path / "run.nc"
    calls = iter(range(10**6))
    original = netcdf_files.written

    def written(tree: xr.DataTree) -> memoryview:
        if next(calls) == when:
            raise OSError(28, "No space left on device")
        return original(tree)

    monkeypatch.setattr(netcdf_files, "written", written)
    monkeypatch.setattr(run, "CHECKPOINT_SECONDS", 0.0)
    remedy = f"bayesimpute resume {path}" if when else "make room"
    with pytest.raises(FileError, match=f"No space left on device.*{remedy}"):
        again(checkpoint=path)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == ([path] if when else [])
    if when:
        assert_same_run(bi.resume(path, progress=False), reference)


def test_a_checkpoint_that_cannot_be_written_stops_before_anything_is_run(tmp_path: Path, monkeypatch) -> None:
    stop_after(monkeypatch, 0)
    for path, text in ((tmp_path / "no" / "run.nc", "folder"), (tmp_path / "run.csv", r"\.nc or \.zarr")):
        with pytest.raises(FileError, match=text):
            again(checkpoint=path)


class Dying(Executor):
    """Runs a few legs, then breaks as a pool does whose process was killed."""

    def __init__(self, legs: int) -> None:
        self.left = legs

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        from concurrent.futures import Future
        from concurrent.futures.process import BrokenProcessPool

        future: Future = Future()
        self.left -= 1
        if self.left < 0:
            future.set_exception(BrokenProcessPool("a process was terminated"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


@pytest.mark.slow
def test_a_worker_that_dies_leaves_a_checkpoint(reference: MultiplyImputed, tmp_path: Path) -> None:
    path = tmp_path / "run.nc"
    with pytest.raises(BayesimputeError, match=f"worker process died.*resume {path}"):
        again(checkpoint=path, executor=Dying(5))
    assert_same_run(bi.resume(path, progress=False), reference)


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 1])
def test_a_process_that_is_killed_leaves_a_checkpoint(
    reference: MultiplyImputed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    path = tmp_path / "run.nc"

    def killed(schedule: Any, state: Any, sweeps: int) -> Any:
        if state.sweep >= at:
            os.kill(os.getpid(), signal.SIGKILL)
        return workers._run(schedule, state, sweeps)  # in the worker, where it is as it was

    monkeypatch.setattr(workers, "_run", killed)
    with pytest.raises(BayesimputeError, match=f"worker process died.*resume {path}"):
        again(checkpoint=path, workers=2)
    assert_same_run(bi.resume(path, progress=False), reference)


def test_adding_equals_a_run_that_was_meant_to_be_longer(tmp_path: Path) -> None:
    first = run_prior(table(), m=5, chains=2, sweeps=7)  # thin 2, round 3 half used: its other half is a spare
    first.save(tmp_path / "run.nc")
    whole = run_prior(table(), m=10, chains=2, sweeps=10)
    for start in (first, MultiplyImputed.load(tmp_path / "run.nc")):
        added = start.add(1, progress=False).add(4, progress=False)
        assert added.m == 10 and added.record.schedule.thin == 2
        for k in range(10):
            pd.testing.assert_frame_equal(added.completed(k), whole.completed(k))
        assert np.array_equal(added.tree["chains/y_mean"], whole.tree["chains/y_mean"])


@pytest.mark.slow
def test_extending_and_adding_take_executors_and_checkpoints(tmp_path: Path) -> None:
    first = run_prior(table(), m=3, sweeps=4)
    with ThreadPoolExecutor(2) as pool:
        extended = first.extend(4, executor=pool, checkpoint=tmp_path / "more.nc", progress=False)
    assert_same_run(extended, first.extend(4, progress=False))
    assert_same_run(MultiplyImputed.load(tmp_path / "more.nc"), extended)
    for wrong in (0, 1, -1, 2.5, True):
        with pytest.raises(PlanError, match="sweeps"):
            first.extend(wrong)
    for wrong in (0, -1, 1.5, False, "2"):
        with pytest.raises(PlanError, match="m: "):
            first.add(wrong)


# What is imputed


def test_the_visit_sequence_is_kept_and_by_default_fewest_missing_come_first() -> None:
    assert run_prior(table()).targets == ("x", "y")
    other = run_prior(table(), visit_sequence=("y", "x"))
    assert other.targets == ("y", "x")
    assert not np.array_equal(other.to_xarray()["y"], run_prior(table()).to_xarray()["y"])


def test_level_2_targets_are_constant_within_clusters_and_deduced_where_they_can_be() -> None:
    frame = table()
    frame.loc[frame["g"].isin([1, 4]), "w"] = np.nan  # systematically
    frame.loc[[0, 1, 12], "w"] = np.nan  # a classmate has it
    imputed = run_prior(frame, "w ~ cluster_mean(y, g) + cluster_mean(x, g)", *FORMULAS)
    assert imputed.record.states[0].cells["w"].shape == (2,)
    for completed in imputed:
        assert (completed.groupby("g")["w"].nunique() == 1).all()
        pd.testing.assert_series_equal(completed["w"][~frame["g"].isin([1, 4])], table()["w"][~frame["g"].isin([1, 4])])
    events = imputed.events.query("target == 'w'")
    assert "3 cells filled in from members of the same g" in events["what"].tolist()
    different = np.ptp([c.loc[c["g"] == 1, "w"].iloc[0] for c in imputed])
    assert different > 0


def test_a_level_2_variable_can_be_an_incomplete_predictor() -> None:
    frame = table()
    frame.loc[frame["g"] == 2, "w"] = np.nan
    imputed = run_prior(frame, "y ~ w * x + (1 | g)", "x ~ y + w", Conditional.of("w ~ cluster_mean(y, g)", level="g"))
    assert all(not c.isna().any().any() for c in imputed)
    assert all((c.groupby("g")["w"].nunique() == 1).all() for c in imputed)


def test_systematically_missing_clusters_are_imputed() -> None:
    frame = table()
    frame.loc[frame["g"] == 3, "y"] = np.nan
    imputed = run_prior(frame)
    assert all(c["y"].notna().all() for c in imputed)


def test_passive_columns_keep_observed_cells_and_compute_the_others() -> None:
    frame = table()
    frame["xy"] = frame["x"] + frame["y"]
    frame.loc[2, "xy"] = 99.0  # observed, whatever the expression says
    frame.loc[3, "xy"] = np.nan  # missing although it could be computed
    imputed = run_prior(frame, derived=[Derived(name="xy", expression="x + y")])
    for completed in imputed:
        expected = (completed["x"] + completed["y"]).where(frame["xy"].isna(), frame["xy"])
        pd.testing.assert_series_equal(completed["xy"], expected, check_names=False, check_exact=True)


def test_unlisted_incomplete_variables_are_left_missing_with_an_event() -> None:
    frame = table()
    frame.loc[3, "z"] = np.nan
    imputed = run_prior(frame)
    assert all(c["z"].isna().sum() == 1 for c in imputed)
    assert imputed.events.query("target == 'z'")["what"].tolist() == ["left missing"]


def test_the_number_of_inner_steps_is_an_event_of_every_chain() -> None:
    events = run_prior(table(), chains=3, m=3, warmup=2).events
    steps = events[events["what"].str.contains("inner steps")]
    assert sorted(zip(steps["chain"], steps["target"])) == [(c, t) for c in range(3) for t in ("x", "y")]
    assert set(steps["sweep"]) == {2}


def test_everything_deduced_needs_no_model(tmp_path: Path) -> None:
    frame = table()
    frame.loc[[0, 7], "w"] = np.nan
    frame = frame.drop(columns=["x", "y"])
    imputed = bi.impute(
        frame, prior_plan("w ~ cluster_mean(z, g)"), seed=1, progress=False, checkpoint=tmp_path / "a.nc"
    )
    loaded = MultiplyImputed.load(tmp_path / "a.nc")
    for result in (imputed, loaded, imputed.add(3, progress=False), loaded.extend(2, progress=False)):
        assert result.targets == () and len(result) >= 4
        for completed in result:
            pd.testing.assert_frame_equal(completed, table()[list(frame)])
    assert "targets none" in repr(imputed) and "no model fitted" in imputed.events["what"].tolist()


def test_one_target_of_two_can_be_deduced() -> None:
    frame = table().drop(columns="x")
    frame.loc[0, "w"] = np.nan
    imputed = run_prior(frame, "w ~ cluster_mean(z, g)", "y ~ w + (1 | g)")
    assert imputed.targets == ("y",)
    assert all(not c.isna().any().any() for c in imputed)


@pytest.mark.parametrize(
    "run", [{"chains": 1}, {"warmup": 1}, {"sweeps": 1, "chains": 4}, {"m": 1, "chains": 1, "sweeps": 1}]
)
def test_the_smallest_settings(run: dict[str, int]) -> None:
    imputed = run_prior(table(), **run)
    assert all(c[["x", "y"]].notna().all().all() for c in imputed)


def test_one_missing_cell() -> None:
    frame = table()
    frame["y"] = frame["y"].fillna(1.0)
    frame.loc[5, "y"] = np.nan
    imputed = run_prior(frame)
    assert len({c.loc[5, "y"] for c in imputed}) == 4
    assert (imputed.tree["chains/y_sd"] == 0).all()
    assert_observed_kept(imputed, frame)


def test_effects_on_request() -> None:
    imputed = bi.impute(table(), prior_plan(), seed=1, progress=False, keep_effects=True)
    assert imputed.posterior("y")["posterior"]["1|g"].sizes == {"chain": 2, "draw": 4, "g": 8}
    more = imputed.add(2, progress=False)
    assert more.posterior("y")["posterior"]["1|g"].sizes["draw"] == more.tree["chains"].sizes["draw"]


@final
@dataclass(frozen=True, kw_only=True)
class Mine(Family):
    """A family of the user's own: the normal distribution under another name."""

    name: ClassVar[str] = "mine"
    values: ClassVar[type[Values]] = Gaussian.values
    standardise: ClassVar[bool] = True
    bambi: ClassVar[str] = "gaussian"
    parameters = Gaussian.parameters
    distribution = Gaussian.distribution
    logp = Gaussian.logp
    impute = Gaussian.impute
    mean_variance = Gaussian.mean_variance
    information = Gaussian.information


def test_a_family_of_ones_own_works_without_registration() -> None:
    def impute(family: Family | str) -> MultiplyImputed:
        return run_prior(table(), Conditional.of("y ~ z + (1 | g)", family=family), "x ~ z")

    mine, gaussian = impute(Mine()), impute("gaussian")
    assert np.array_equal(mine.to_xarray()["y"], gaussian.to_xarray()["y"])
    assert isinstance(mine.plan.conditionals[0].family, Mine)
    assert mine.add(2, progress=False).m == 6


# Bad arguments


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"m": 0}, "run.m"),
        ({"m": -1}, "run.m"),
        ({"m": 2.5}, "run.m"),
        ({"chains": 0}, "run.chains"),
        ({"warmup": 0}, "run.warmup"),
        ({"sweeps": "5"}, "run.sweeps"),
        ({"m": 50, "sweeps": 3}, "run.sweeps"),
        ({"steps": 0}, "run.steps"),
        ({"steps": "many"}, "run.steps"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.0}, "seed"),
        ({"seed": "1"}, "seed"),
        ({"seed": None}, "seed"),
        ({"seed": True}, "seed"),
        ({"workers": 0}, "workers"),
        ({"workers": 1.5}, "workers"),
        ({"executor": "threads"}, "executor"),
        ({"executor": ThreadPoolExecutor}, "executor"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(
    options: dict[str, Any], path: str, monkeypatch, tmp_path: Path
) -> None:
    stop_after(monkeypatch, 0)
    with pytest.raises(PlanError) as error:
        bi.impute(table(), prior_plan(), **{"seed": 1, "checkpoint": tmp_path / "run.nc", **options})
    assert [p.path for p in errors(error.value.problems)] == [path]
    assert list(tmp_path.iterdir()) == []


def test_an_executor_and_workers_together_are_refused() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(PlanError, match="workers"):
        again(executor=pool, workers=2)


def test_numbers_of_numpy_are_numbers() -> None:
    one = bi.impute(table(), prior_plan(), m=np.int64(3), seed=np.int32(1), workers=np.int8(1), progress=False)
    assert_same_run(one, run_prior(table(), m=3))


def test_complete_data_are_no_job() -> None:
    with pytest.raises(DataError) as error:
        bi.impute(table()[["g", "z"]], prior_plan("z ~ 1"), seed=1)
    assert Outcome.NOTHING_MISSING.value in str(error.value)


def test_a_plan_that_does_not_fit_raises_all_problems_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as error:
        bi.impute(table(), ["y ~ nothing + (1 | g)", "x ~ q"], m=0, seed=1, checkpoint=tmp_path / "run.nc")
    assert len(errors(error.value.problems)) == 3 and list(tmp_path.iterdir()) == []


def test_inputs_stay_as_they_are() -> None:
    frame, plan = table(), prior_plan()
    before, text = frame.copy(deep=True), plan.to_toml()
    bi.impute(frame, plan, m=2, seed=1, progress=False)
    pd.testing.assert_frame_equal(frame, before)
    assert plan.to_toml() == text
