"""What holds for any data: observed cells stay, nothing missing is left, labels do not matter, inputs stay."""

from typing import Any

import bambi  # noqa: F401  # raises the limit of recursion, which Hypothesis would warn of if a test did it
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looping import assert_observed_kept, assert_same_run, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import Derived, MultiplyImputed, Plan

pytestmark = pytest.mark.long(12)

few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FORMULAS = ("y ~ x + b + cluster_mean(x, g) + (1 | g)", "x ~ y + (1 | g)", "b ~ x + y")


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Units in clusters of different sizes, with missing cells in a number, a whole number and a yes/no variable."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    sizes = draw(st.lists(st.integers(1, 6), min_size=5, max_size=8).filter(lambda s: sum(s) > 2 * len(s)))
    g = np.repeat(np.arange(len(sizes)), sizes)
    n = len(g)
    frame = pd.DataFrame(
        {
            "g": g,
            "x": pd.array(rng.integers(0, 50, n), dtype=draw(st.sampled_from(["Int64", "Float64"]))),
            "y": rng.normal(size=n) * draw(st.sampled_from([1e-3, 1.0, 1e6])),
            "b": pd.array(np.arange(n) % 2 == 0, dtype="boolean"),
        }
    )
    for name in ("x", "y", "b"):
        hidden = rng.choice(n, draw(st.integers(1, max(1, n // 3))), replace=False)
        frame.loc[hidden, name] = pd.NA if name != "y" else np.nan
    return frame.iloc[rng.permutation(n)] if draw(st.booleans()) else frame


def usable(frame: pd.DataFrame) -> bool:
    return not any(p.severity == "error" for p in bi.check(prior_plan(*FORMULAS), frame))


@few
@given(frame=tables().filter(usable))
def test_observed_cells_stay_and_nothing_missing_is_left(frame: pd.DataFrame) -> None:
    before = frame.copy(deep=True)
    imputed = run_prior(frame, *FORMULAS)
    pd.testing.assert_frame_equal(frame, before)
    assert_observed_kept(imputed, frame)
    for completed in imputed:
        assert not completed.isna().any().any()
        assert completed["b"].dtype == "boolean" and completed["x"].dtype == "Float64"
        pd.testing.assert_series_equal(completed["g"], frame["g"])


@pytest.mark.slow
@few
@given(frame=tables().filter(usable), data=st.data())
def test_labels_of_clusters_do_not_matter(frame: pd.DataFrame, data: st.DataObject) -> None:
    """Clusters are coded by first appearance: whatever they are called, every number is the same."""
    clusters = frame["g"].nunique()
    names = data.draw(
        st.one_of(
            st.permutations(range(clusters)),
            st.lists(st.text(max_size=4), min_size=clusters, max_size=clusters, unique=True),
            st.lists(st.dates(), min_size=clusters, max_size=clusters, unique=True),
            st.lists(st.integers(-(2**40), 2**40), min_size=clusters, max_size=clusters, unique=True),
        )
    )
    renamed = frame.assign(g=frame["g"].map(dict(enumerate(names))))
    first, second = run_prior(frame, *FORMULAS), run_prior(renamed, *FORMULAS)
    for group in ("completed", "chains", "posterior/y", "state/y"):
        a, b = first.tree[group].to_dataset(), second.tree[group].to_dataset()
        assert all(np.array_equal(a[name].values, b[name].values, equal_nan=True) for name in a)


@few
@given(frame=tables().filter(usable), seed=st.integers(0, 2**63))
def test_the_same_seed_gives_the_same_run(frame: pd.DataFrame, seed: int) -> None:
    assert_same_run(run_prior(frame, *FORMULAS, seed=seed), run_prior(frame.copy(), *FORMULAS, seed=seed))


@few
@given(sweeps=st.integers(2, 8), m=st.integers(1, 4), chains=st.integers(1, 3), more=st.integers(1, 4))
def test_adding_keeps_the_earlier_ones_bit_for_bit(sweeps: int, m: int, chains: int, more: int) -> None:
    if sweeps < -(-m // chains):
        return
    first = run_prior(table(), m=m, chains=chains, sweeps=sweeps)
    second = first.add(more, progress=False)
    assert (first.m, second.m) == (m, m + more)
    for k in range(m):
        pd.testing.assert_frame_equal(first.completed(k), second.completed(k))
    assert not any(c.isna().any().any() for c in second)
    draws = first.tree.sizes["draw"] if "draw" in first.tree.sizes else first.tree["chains"].sizes["draw"]
    assert np.array_equal(first.tree["chains/y_mean"], second.tree["chains/y_mean"][:, :draws])


@few
@given(frame=tables().filter(usable))
def test_derived_columns_are_their_expression(frame: pd.DataFrame) -> None:
    derived = [Derived(name="xy", expression="x * y + 1"), Derived(name="deep", expression="xy - cluster_mean(xy, g)")]
    for completed in run_prior(frame, *FORMULAS, derived=derived):
        x, y = completed["x"].to_numpy(float), completed["y"].to_numpy(float)
        assert np.array_equal(completed["xy"], x * y + 1)
        means = completed["xy"].groupby(completed["g"]).transform("mean")
        # two ways to add up a cluster of at most six numbers
        np.testing.assert_allclose(
            completed["deep"], completed["xy"] - means, rtol=0, atol=1e-14 * completed["xy"].abs().max()
        )


def compiled(frame: pd.DataFrame, **options: Any) -> MultiplyImputed:
    plan = Plan.of(["y ~ x + (1 | g)"]).with_run(m=2, chains=1, warmup=3, sweeps=2, sampler="gibbs")
    return bi.impute(frame[["g", "x", "y"]], plan, seed=5, progress=False, **options)


def test_powers_of_two_scale_the_answer_exactly() -> None:
    """The sampler sees standardised numbers, and powers of two are exact: not one bit may change."""
    frame = table().drop(columns="z")
    frame["x"] = np.where(frame["x"].isna(), 0.5, frame["x"])
    plain = compiled(frame)
    factor_y, factor_x = 2.0**20, 2.0**-20
    scaled = compiled(frame.assign(y=frame["y"] * factor_y, x=frame["x"] * factor_x))
    for k in range(2):
        assert np.array_equal(scaled.completed(k)["y"], plain.completed(k)["y"] * factor_y)
    one, other = plain.tree["posterior/y"], scaled.tree["posterior/y"]
    for name, factor in {"Intercept": factor_y, "x": factor_y / factor_x, "sigma": factor_y}.items():
        np.testing.assert_array_equal(other[name].values, one[name].values * factor)


@pytest.mark.parametrize("order", [[3, 0, 2, 1], [1, 0, 3, 2]])
def test_the_order_of_columns_does_not_matter(order: list[int]) -> None:
    frame = table()[["g", "x", "y", "z"]]
    first, second = run_prior(frame), run_prior(frame.iloc[:, order])
    for k in range(first.m):
        pd.testing.assert_frame_equal(first.completed(k), second.completed(k)[list(frame)])
