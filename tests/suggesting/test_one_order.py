"""Covariates of suggested compatible plans: one order, no circles, and cluster means where clusters carry them."""

from graphlib import TopologicalSorter

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.base.errors import errors
from bayesimpute.checking import check
from bayesimpute.formulas import parse
from bayesimpute.suggesting import Suggestion, suggest
from bayesimpute.suggesting.compatible_plans import TOGETHER

RANDOM = "(1 | g)"


def units(clusters: int, size: int, **shares: float) -> pd.DataFrame:
    """y, x1, x2 and b (yes/no) of level 1, w and v of level 2; `shares` of them are missing, of w and v by cluster."""
    rng = np.random.default_rng(11)
    g = np.repeat(np.arange(clusters), size)
    frame = pd.DataFrame(rng.normal(size=(len(g), 3)), columns=["y", "x1", "x2"]).assign(g=g)
    frame["b"] = (rng.random(len(g)) < 0.5).astype(float)
    frame[["w", "v"]] = rng.normal(size=(clusters, 2))[g]
    for name, share in shares.items():
        gone = rng.random(clusters)[g] if name in ("w", "v") else rng.random(len(g))
        frame[name] = frame[name].where(gone >= share)
    return frame


def formulas(made: Suggestion) -> dict[str, str]:
    """By covariate, in the order of the plan."""
    return {c.target: c.formulas["mu"] for c in made.plan.conditionals}


def told(made: Suggestion) -> str:
    return " ".join(line.removeprefix("# ") for line in made.toml.splitlines())


def assert_no_circle(plan: bi.Plan, frame: pd.DataFrame) -> None:
    """Each model reads only incomplete variables whose models do not read it back, in however many steps."""
    missing = {name for name in frame if frame[name].isna().any()}
    reads = {c.target: {*map(str, parse(c.formulas["mu"]).needs)} & missing for c in plan.models}
    assert [*TopologicalSorter(reads).static_order()]


def test_level_2_comes_first_and_what_is_missing_least() -> None:
    frame = units(40, 6, x1=0.4, x2=0.2, w=0.3, v=0.1, b=0.3)
    made = suggest(f"y ~ x1 + x2 + b + w + v + {RANDOM}", frame)
    assert formulas(made) == {
        "v": "v ~ 1",
        "w": "w ~ v",
        "x2": f"x2 ~ v + w + {RANDOM}",
        "b": f"b ~ x2 + cluster_mean(x2, g) + v + w + {RANDOM}",
        "x1": f"x1 ~ x2 + b + cluster_mean(x2, g) + cluster_mean(b, g) + v + w + {RANDOM}",
    }
    assert "Not given x1, which comes after it in the one order of covariates." in told(made)
    assert_no_circle(made.plan, frame)
    assert check(made.plan, frame) == [] and bi.congenial(made.plan, made.plan.analyses[0].formula, frame) == []


def test_level_2_covariates_have_the_means_of_complete_ones_only() -> None:
    made = suggest(f"y ~ x1 + x2 + w + {RANDOM}", units(40, 6, x1=0.2, w=0.3))
    assert formulas(made)["w"] == "w ~ cluster_mean(x2, g)"
    assert formulas(made)["x1"] == f"x1 ~ x2 + cluster_mean(x2, g) + w + {RANDOM}"


@pytest.mark.parametrize(
    ("clusters", "means"),
    [(40, ["x2", "b"]), (10, ["x2"]), (8, [])],
    ids=["8 coefficients", "2, one of them of w", "1, that of w"],
)
def test_clusters_carry_means_as_they_carry_coefficients_at_level_2(clusters: int, means: list[str]) -> None:
    made = suggest(f"y ~ x1 + x2 + b + w + {RANDOM}", units(clusters, 8, x1=0.4, x2=0.1, b=0.2))
    read = parse(formulas(made)["x1"]).cluster_means
    assert sorted(name for name, _ in read) == sorted(means)
    for name in {"x2", "b"} - {*means}:
        assert f"No cluster_mean({name}, g): {clusters} clusters with x1 and several units carry no more." in told(made)


def test_clusters_of_one_unit_and_without_the_target_carry_nothing() -> None:
    frame = units(40, 6, x1=0.4, x2=0.1)
    single = frame[(frame["g"] < 3) | ~frame["g"].duplicated()]
    assert "cluster_mean" not in formulas(suggest(f"y ~ x1 + x2 + {RANDOM}", single))["x1"]
    seen = frame.assign(x1=frame["x1"].where(frame["g"] < 3))
    assert "cluster_mean" not in formulas(suggest(f"y ~ x1 + x2 + {RANDOM}", seen))["x1"]
    assert "cluster_mean" in formulas(suggest(f"y ~ x1 + x2 + {RANDOM}", frame))["x1"]


def test_incomplete_variables_have_no_means_over_large_clusters_or_crossed_ones() -> None:
    large = units(20, 4 * TOGETHER, x1=0.5, x2=0.4)
    made = suggest(f"y ~ x1 + x2 + b + {RANDOM}", large)
    assert formulas(made)["x1"] == f"x1 ~ b + x2 + cluster_mean(b, g) + {RANDOM}"
    assert "missing values of x2 in one g would move together" in told(made)
    frame = units(30, 12, x1=0.5, x2=0.4)
    crossed = frame.assign(h=np.arange(len(frame)) % 35)
    made = suggest(f"y ~ x1 + x2 + b + {RANDOM} + (1 | h)", crossed)
    assert parse(formulas(made)["x1"]).cluster_means == {("x2", "g"), ("b", "g"), ("b", "h")}
    assert "No cluster_mean(x2, h): its mean by g is there, which is crossed with h." in told(made)
    regions = frame.assign(h=np.arange(len(frame)) % 3)  # too few for means: there is nothing to be crossed with
    made = suggest(f"y ~ x1 + x2 + (1 | h) + {RANDOM}", regions)
    assert parse(formulas(made)["x1"]).cluster_means == {("x2", "g")}
    nested = frame.assign(h=np.arange(len(frame)) // 4)
    made = suggest(f"y ~ x1 + x2 + {RANDOM} + (1 | h)", nested)
    assert parse(formulas(made)["x1"]).cluster_means == {("x2", "g"), ("x2", "h")}


def test_auxiliary_variables_have_the_means_of_what_they_read() -> None:
    frame = units(40, 6, x1=0.3, y=0.2, x2=0.1)
    made = suggest(f"y ~ x1 + {RANDOM}", frame, auxiliary=["x2"])
    assert formulas(made)["x2"] == f"x2 ~ y + x1 + cluster_mean(y, g) + cluster_mean(x1, g) + {RANDOM}"
    assert_no_circle(made.plan, frame)


@pytest.mark.parametrize("seed", range(12))
def test_no_plan_has_a_circle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = rng.permutation(["y", "x1", "x2", "b", "w", "v"])[: rng.integers(2, 7)]
    frame = units(int(rng.integers(6, 60)), int(rng.integers(2, 9)), **dict(zip(names, rng.uniform(0.05, 0.6, 6))))
    frame["z"] = frame["x1"] + rng.normal(size=len(frame))
    analysis = "y ~ x1 * w + x2 + b + v + (1 + x1 | g)"
    made = suggest(analysis, frame, auxiliary=["z"])
    assert_no_circle(made.plan, frame)
    assert errors(check(made.plan, frame)) == []
    assert bi.congenial(made.plan, analysis, frame) == []
