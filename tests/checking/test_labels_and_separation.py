"""Warnings of discrete targets: labels that the data hardly know, and predictors that tell them apart without error."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.base.errors import Severity
from bayesimpute.checking.separation import separated

N = 200


def frame(values: object) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"g": np.repeat(np.arange(20), 10), "x": rng.normal(size=N), "z": rng.normal(size=N)})
    return made.assign(y=pd.Series(values).where(np.arange(N) % 4 != 1))


def said(made: pd.DataFrame, family: str, formula: str = "y ~ x + z + (1 | g)") -> str:
    problems = bi.check(bi.Plan.of([bi.Conditional.of(formula, family=family)]), made)
    assert all(problem.severity is Severity.WARNING for problem in problems)
    return "\n".join(map(str, problems))


def drawn(*labels: str) -> np.ndarray:
    return np.random.default_rng(1).choice(labels, N)


@pytest.mark.parametrize("family", ["bernoulli", "ordinal", "categorical"])
def test_a_predictor_that_tells_labels_apart_is_named(family: str) -> None:
    x = frame(np.zeros(N))["x"].to_numpy()
    codes = (x > 0).astype(float) + (x > 1) * (family != "bernoulli")
    values = codes.astype(int).astype(str) if family == "categorical" else codes
    assert "perfect separation: x can tell" in said(frame(values), family)
    assert said(frame(codes[::-1]), "ordinal" if family == "categorical" else family) == ""


def test_a_label_that_has_one_outcome_separates() -> None:
    made = frame(np.random.default_rng(3).integers(0, 2, N).astype(float))
    made["c"] = drawn("a", "b", "d")
    assert said(made, "bernoulli", "y ~ c + x") == ""
    made.loc[made["c"] == "d", "y"] = made["y"].where(made["y"].isna(), 1.0)
    assert "C(c)" in said(made, "bernoulli", "y ~ C(c) + x") or "c[" in said(made, "bernoulli", "y ~ c + x")


def test_separation_is_that_of_the_definition() -> None:
    """Overlap by one row is no separation; a row on the border is, of the others."""
    x = np.column_stack([np.ones(6), [-2.0, -1.0, 0.0, 0.0, 1.0, 2.0]])
    mine = np.array([False, False, False, True, True, True])
    assert separated(x, mine) is not None
    x[2, 1], x[3, 1] = 0.5, -0.5
    assert separated(x, mine) is None
    assert separated(x, np.ones(6, dtype=bool)) is None


def test_labels_that_are_observed_nowhere_or_in_one_cluster_are_named() -> None:
    nowhere = pd.Categorical(drawn("a", "b", "d"), categories=["a", "b", "d", "zz"])
    assert 'the label "zz" of "y" is observed nowhere' in said(frame(nowhere), "categorical")
    middle = pd.Categorical(drawn("a", "c"), categories=["a", "b", "c"], ordered=True)
    assert 'the label "b" of "y" is observed nowhere' in said(frame(middle), "ordinal")
    lonely = np.where(frame(np.zeros(N))["g"] == 3, "only", drawn("a", "b"))
    assert 'the label "only" of "y" is observed in one cluster of g only' in said(frame(lonely), "categorical")
    assert said(frame(drawn("a", "b", "d")), "categorical") == ""


def test_too_many_labels_are_told_how_many_may_be() -> None:
    made = frame(np.array([f"l{i % 60}" for i in range(N)]))
    with pytest.raises(bi.PlanError, match="merge them into 30 or fewer"):
        bi.impute(made, bi.Conditional.of("y ~ x", family="categorical"), seed=1)


def test_a_warning_is_an_event_of_the_run() -> None:
    made = frame(pd.Categorical(drawn("a", "b", "d"), categories=["a", "b", "d", "zz"]))
    settings = {"m": 2, "chains": 2, "warmup": 1, "sweeps": 1, "sampler": "prior", "progress": False}
    run = bi.impute(made, bi.Conditional.of("y ~ x", family="categorical"), seed=1, **settings)
    assert run.events["what"].str.contains('"zz"').any()
