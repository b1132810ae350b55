"""Matrices that are refreshed are those that would be made anew, to the last bit, whatever a formula contains."""

from typing import Any

import bambi  # noqa: F401  # raises the limit of recursion, which Hypothesis would warn of if a test did it
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looping import assert_same_run

import bayesimpute as bi
from bayesimpute import Conditional, Derived, Plan
from bayesimpute.checking import plan_clusters, require
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs import sheets
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.sheets import LargeData
from bayesimpute.plan.options import Run
from bayesimpute.running.kernel import Bench, begin
from bayesimpute.running.workspace import Workspace

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
    for target in space.resolved.steps:
        design = space.designs[target.name]
        matrices = design.matrices(anew.columns)
        rows = target.missing_rows
        same(bench.matrices(target), matrices)
        same(bench.missing(target), {key: matrix[rows] for key, matrix in matrices.items()})
        same(bench.data(target), space.placements[target.name].data(matrices, anew.values[target.name]))


@pytest.mark.parametrize("formula", ["x ~ z * c + poly(w, 2) + (1 + z | g) + (1 | h)", "x ~ z + w"])
def test_large_data_are_made_in_pieces_that_are_parts_of_the_whole(monkeypatch, formula: str) -> None:
    monkeypatch.setattr(sheets, "PIECE", 7)
    bench, _ = bench_of(Plan.of([formula, "z ~ c", "b ~ x", "w ~ cluster_mean(x, g)"]))
    (target,) = (t for t in bench.workspace.resolved.steps if t.name == "x")
    whole = bench.data(target)
    large = LargeData(bench.workspace.placements["x"], bench.completed)
    same(large, whole)
    same(sheets.at_rows(large.design, bench.completed.columns, target.missing_rows), bench.missing(target))
    parts = list(sheets.pieces(large))
    assert len(parts) == -(-len(whole["y_data"]) // 7) and [p for p, _ in sheets.pieces(whole)] == [slice(0, 72)]
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([piece[name] for _, piece in parts]), values, err_msg=name)


def run_of(family: str, **options: Any) -> bi.MultiplyImputed:
    """A short run of a model of x, or of b, and one of z."""
    models = {"gaussian": ["x ~ z * w + (1 + z | g)", "z ~ x + c"], "bernoulli": ["b ~ z + (1 | g)", "z ~ b + c"]}
    fixed = {"x": 1.0} if family == "bernoulli" else {"b": 1.0}
    data = frame().drop(columns="h").assign(w=lambda d: d["w"].fillna(0.5), **fixed)
    settings: dict[str, Any] = {"m": 2, "chains": 2, "warmup": 3, "sweeps": 4, "seed": 1, "progress": False}
    return bi.impute(data, models[family], **settings, **options)


@pytest.mark.by_default("gaussian")
@pytest.mark.parametrize("family", ["gaussian", "bernoulli"])
def test_a_run_on_large_data_goes_on_and_has_the_same_numbers_in_threads(monkeypatch, family: str) -> None:
    monkeypatch.setattr(sheets, "LARGE", 10)
    monkeypatch.setattr(sheets, "PIECE", 16)
    monkeypatch.setattr(sheets, "SAMPLE", 20)
    monkeypatch.setattr(sheets, "MANY", 10)
    monkeypatch.setattr(sheets, "LEAST", 4)
    alone = run_of(family)
    assert alone.events["why"].str.contains("on a sample of clusters").any()
    assert_same_run(run_of(family, workers=2), alone)
    assert_same_run(alone.extend(3, progress=False), run_of(family, workers=2).extend(3, progress=False, workers=2))


def test_a_visit_of_large_data_is_one_of_the_same_data_that_are_kept(monkeypatch) -> None:
    bench, _ = bench_of(Plan.of(["x ~ z * c + (1 + z | g)", "z ~ c", "b ~ x", "w ~ cluster_mean(x, g)"]))
    monkeypatch.setattr(sheets, "PIECE", 7)
    for target in bench.workspace.resolved.steps:
        data = bench.data(target)
        posterior = bench.workspace.posterior(target, data)
        state = posterior.init(data, np.random.default_rng(1))
        large = LargeData(bench.workspace.placements[target.name], bench.completed)
        moved = [posterior.step(state, d, np.random.default_rng(2), transitions=3)[0].arrays for d in (data, large)]
        # sums over pieces are added in another order than those over all rows
        assert moved[1].keys() == moved[0].keys()
        for name, values in moved[0].items():
            np.testing.assert_allclose(moved[1][name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_sample_has_whole_clusters_under_new_codes_or_rows_where_they_are_few(monkeypatch) -> None:
    monkeypatch.setattr(sheets, "SAMPLE", 20)
    bench, _ = bench_of(Plan.of(["x ~ z + (1 | g) + (1 | h)", "z ~ c", "b ~ x", "w ~ cluster_mean(x, g)"]))
    (target,) = (t for t in bench.workspace.resolved.steps if t.name == "x")
    design, whole = bench.workspace.designs["x"], bench.data(target)
    large = LargeData(bench.workspace.placements["x"], bench.completed)
    rows = large.sample()
    assert rows.is_sample and not large.is_sample and len(rows["y_data"]) == 20 and rows.design is design
    monkeypatch.setattr(sheets, "MANY", 15)
    monkeypatch.setattr(sheets, "LEAST", 2)
    small = large.sample()
    of_g, of_h = (f"codes_{b.key}" for b in sorted(design.blocks, key=lambda b: b.factor))
    (drawn,) = (np.isin(whole["y_data"], small["y_data"]) for _ in "1")
    assert 20 <= drawn.sum() == len(small["y_data"]) < 30
    clusters = np.unique(whole[of_g][drawn])
    assert np.array_equal(np.isin(whole[of_g], clusters), drawn)
    sizes = {b.factor: b.size for b in small.design.blocks}
    assert len(clusters) <= sizes["g"] < 8 and sizes["h"] == 4 and small[of_g].max() < sizes["g"]
    pairs = set(zip(whole[of_g][drawn].tolist(), small[of_g].tolist(), strict=True))
    assert len(pairs) == len(clusters)
    others = {name: values[drawn] for name, values in whole.items() if name != of_g}
    same({name: small[name] for name in others}, others)
    monkeypatch.setattr(sheets, "LEAST", 9)
    assert {b.factor: b.size for b in large.sample().design.blocks} == {"g": 9, "h": 4} and of_h in small


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
        target = bench.workspace.resolved.steps[place]
        shuffled = rng.permutation(cells[target.name])
        cells[target.name] = 1 - shuffled if target.lead.values.support.whole else shuffled * 1.5
        bench.set(target, {target.name: cells[target.name]})
        if rng.random() < 0.7:  # some changes pile up before anybody looks
            assert_as_made_anew(bench, cells)
    assert_as_made_anew(bench, cells)


def test_columns_that_read_nothing_new_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, cells = bench_of(Plan.of(["x ~ z + b + w", "z ~ c + w", "b ~ x", "w ~ cluster_mean(x, g)"]))
    targets = {t.name: t for t in bench.workspace.resolved.steps}
    bench.data(targets["x"])
    computed = []
    from bayesimpute.formulas import matrices

    term = matrices._term
    monkeypatch.setattr(matrices, "_term", lambda t, *more: computed.append(str(t.name)) or term(t, *more))
    bench.set(targets["z"], {"z": cells["z"] + 1})
    first = bench.data(targets["x"])
    assert computed == ["z"]
    assert bench.data(targets["x"]) is first and computed == ["z"]


def test_arrays_with_news_are_other_objects() -> None:
    bench, cells = bench_of(Plan.of(["x ~ z + (1 | g)", "z ~ c", "b ~ x", "w ~ cluster_mean(x, g)"]))
    targets = {t.name: t for t in bench.workspace.resolved.steps}
    before = dict(bench.data(targets["x"]))
    bench.set(targets["z"], {"z": cells["z"] + 1})
    after = bench.data(targets["x"])
    assert {name for name in before if after[name] is not before[name]} == {"X_mu"}
