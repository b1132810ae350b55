"""Matrices that are refreshed are those that would be made anew, to the last bit, whatever a formula contains."""

from typing import Any

import bambi  # noqa: F401  # raises the limit of recursion, which Hypothesis would warn of if a test did it
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayesimpute import Conditional, Derived, Plan
from bayesimpute.check import plan_clusters, require
from bayesimpute.completed import Completed
from bayesimpute.incomplete import Incomplete
from bayesimpute.kernel import Bench, Workspace, begin
from bayesimpute.plan import Run

COLUMNS = ("x", "z", "b", "w", "x2")
TERMS = (
    *("x", "z", "b", "w", "c", "x2"),
    *("x:z", "x:c", "b:w", "I(z**2)", "poly(x, 2)", "scale(z)", "C(b)", "bs(w, df=4)"),
    *("cluster_mean(x, g)", "cluster_mean(x * z, g)", "cluster_mean(b, h)", "cluster_mean(x, g):z", "observed(z)"),
)
SLOPES = ("1", "x", "z + b", "0 + w", "c", "x2", "cluster_mean(z, h)")
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def frame() -> pd.DataFrame:
    """Numbers, a category, a yes/no variable and a variable of level 2, all but c and h with missing cells."""
    rng = np.random.default_rng(4)
    n = 90
    g = np.arange(n) % 15
    made = pd.DataFrame(
        {
            "g": g,
            "h": np.arange(n) % 4,
            "x": rng.normal(5, 2, n),
            "z": rng.normal(size=n),
            "b": (rng.random(n) < 0.4).astype(float),
            "w": rng.normal(size=15)[g],
            "c": pd.Categorical(np.array(["p", "q", "r"])[rng.integers(0, 3, n)]),
        }
    )
    for k, name in enumerate(("x", "z", "b")):
        made.loc[(made.index % (5 + k)) == k, name] = np.nan
    made.loc[made["g"].isin([2, 9]), "w"] = np.nan
    return made


def reads(name: str, term: str) -> bool:
    """Whether a term can be computed from a variable."""
    return name in term or (name == "x" and "x2" in term) or (name == "z" and "x2" in term)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A model for each incomplete variable, of random terms, none of which reads the variable itself."""
    models = []
    for target in ("x", "z", "b"):
        allowed = [t for t in TERMS if not reads(target, t)]
        slopes = [t for t in SLOPES if not reads(target, t)]
        terms = draw(st.lists(st.sampled_from(allowed), min_size=1, max_size=5, unique=True))
        effects = draw(st.lists(st.sampled_from(slopes), max_size=2, unique=True))
        groups = [f"({effect} | {key})" for effect, key in zip(effects, "gh")]
        models.append(Conditional.of(f"{target} ~ {' + '.join([*terms, *groups])}"))
    models.append(Conditional.of("w ~ cluster_mean(x, g) + cluster_mean(z, g)"))
    derived = (Derived(name="x2", expression="x * z + 1"),)
    return Plan.of(models, derived=derived, run=Run(sampler="prior"))


def bench_of(plan: Plan) -> tuple[Bench, dict[str, np.ndarray]]:
    data = frame()
    incomplete = Incomplete.from_frame(data, clusters=plan_clusters(plan))
    require(plan, incomplete)
    space = Workspace(plan, incomplete)
    cells = dict(begin(space, 0, 1).cells)
    return Bench(space, cells), cells


def assert_as_made_anew(bench: Bench, cells: dict[str, np.ndarray]) -> None:
    space = bench.workspace
    anew = Completed(space.incomplete, space.resolved, cells)
    for target in space.resolved.targets:
        design = space.designs[target.name]
        matrices = design.matrices(anew.columns)
        rows = target.missing_rows
        same(bench.matrices(target), matrices)
        same(bench.missing(target), {key: matrix[rows] for key, matrix in matrices.items()})
        same(bench.data(target), design.data(matrices, anew.values[target.name]))


def same(found: Any, expected: Any) -> None:
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_array_equal(found[key], values, err_msg=key)


@few
@given(plan=plans(), order=st.lists(st.integers(0, 3), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_refreshed_designs_equal_fresh_ones(plan: Plan, order: list[int], seed: int) -> None:
    bench, cells = bench_of(plan)
    rng = np.random.default_rng(seed)
    assert_as_made_anew(bench, cells)
    for place in order:
        target = bench.workspace.resolved.targets[place]
        shuffled = rng.permutation(cells[target.name])
        cells[target.name] = 1 - shuffled if target.kind == "binary" else shuffled * 1.5
        bench.set(target, cells[target.name])
        if rng.random() < 0.7:  # some changes pile up before anybody looks
            assert_as_made_anew(bench, cells)
    assert_as_made_anew(bench, cells)


def test_columns_that_read_nothing_new_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, cells = bench_of(Plan.of(["x ~ z + b + w", "z ~ c + w", "b ~ x", "w ~ cluster_mean(x, g)"]))
    targets = {t.name: t for t in bench.workspace.resolved.targets}
    bench.data(targets["x"])
    computed = []
    from bayesimpute.formulas import matrices

    term = matrices._term
    monkeypatch.setattr(matrices, "_term", lambda t, data: computed.append(str(t.name)) or term(t, data))
    bench.set(targets["z"], cells["z"] + 1)
    first = bench.data(targets["x"])
    assert computed == ["z"]
    assert bench.data(targets["x"]) is first and computed == ["z"]


def test_arrays_with_news_are_other_objects() -> None:
    bench, cells = bench_of(Plan.of(["x ~ z + (1 | g)", "z ~ c", "b ~ x", "w ~ cluster_mean(x, g)"]))
    targets = {t.name: t for t in bench.workspace.resolved.targets}
    before = dict(bench.data(targets["x"]))
    bench.set(targets["z"], cells["z"] + 1)
    after = bench.data(targets["x"])
    assert {name for name in before if after[name] is not before[name]} == {"X_mu"}
