"""What the tests of the loop share: a small table, plans that draw from the prior, and equality of whole runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import bayesimpute as bi
from bayesimpute import Conditional, Derived, MultiplyImputed, Plan, Run
from bayesimpute.checking import plan_clusters
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.result import run
from bayesimpute.result.result import Result
from bayesimpute.running import fcs
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.records import Leg, Record
from bayesimpute.running.schedules import Schedule

FORMULAS = ("y ~ x + (1 | g)", "x ~ y + (1 | g)")
"""Two targets that need each other."""


def table(seed: int = 1, clusters: int = 8, size: int = 5) -> pd.DataFrame:
    """Units in clusters: y and x have missing cells; z is complete; w is a level-2 variable with a hole."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(clusters), size)
    u, w = rng.normal(size=clusters), rng.normal(size=clusters)
    x = rng.normal(size=len(g)) + u[g]
    frame = pd.DataFrame({"g": g, "x": x, "y": 2 + x + u[g] + rng.normal(size=len(g)), "z": rng.normal(size=len(g))})
    frame["w"] = w[g]
    frame.loc[::4, "y"] = np.nan
    frame.loc[1::5, "x"] = np.nan
    return frame


def prior_plan(*conditionals: str | Conditional, derived: Sequence[Derived] = (), **run: Any) -> Plan:
    """A plan whose parameters are drawn from their priors: nothing is compiled."""
    settings = {"m": 4, "chains": 2, "warmup": 2, "sweeps": 4, "steps": 1, "sampler": "prior", **run}
    return Plan.of(list(conditionals or FORMULAS), derived=tuple(derived), run=Run(**settings))


def fresh_record(frame: pd.DataFrame, plan: Plan, seed: int = 1, *, keep_effects: bool = False) -> Record:
    """A run before its first sweep."""
    states = tuple(ChainState(chain=c) for c in range(plan.run.chains))
    return Record(
        incomplete=Incomplete.from_frame(frame, clusters=plan_clusters(plan)),
        plan=plan,
        seed=seed,
        schedule=Schedule.of(plan),
        states=states,
        legs=tuple(Leg() for _ in states),
        keep_effects=keep_effects,
    )


def ran(record: Record) -> Result:
    """The run of a record to where its chains meet; nothing is checked, nothing kept on the way."""
    keeper = run._Checkpoint(None)
    return Result.of(fcs.run(record, executor=None, workers=1, progress=False, keeper=keeper))


def run_prior(frame: pd.DataFrame, *conditionals: str | Conditional, seed: int = 1, **options: Any) -> MultiplyImputed:
    """Impute with :func:`prior_plan`."""
    return bi.impute(frame, prior_plan(*conditionals, **options), seed=seed, progress=False)


def assert_same_run(a: MultiplyImputed, b: MultiplyImputed) -> None:
    """Equal arrays, names, attributes and events in the whole tree, timings excepted."""
    assert set(a.tree.groups) == set(b.tree.groups)
    for group in a.tree.groups:
        one, other = (t.tree[group].to_dataset().drop_vars("seconds", errors="ignore") for t in (a, b))
        xr.testing.assert_identical(one, other)


def assert_observed_kept(imputed: MultiplyImputed, frame: pd.DataFrame) -> None:
    """Observed cells, order and labels of the data are those of every completed dataset."""
    for completed in imputed:
        pd.testing.assert_index_equal(completed.index, frame.index)
        assert list(completed.columns[: len(frame.columns)]) == list(frame.columns)
        for name in frame:
            known = frame[name].notna()
            assert completed.loc[known.to_numpy(), name].tolist() == frame.loc[known.to_numpy(), name].tolist()
