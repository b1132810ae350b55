"""Runs in which a label is drawn that nobody has, and comes back as the column has it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.families import Categorical, HeckmanOrdinal, Ordinal

N = 90
RUN: dict[str, Any] = {"m": 30, "chains": 2, "warmup": 20, "sweeps": 150, "steps": 1}


def frame(labels: list[Any]) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    made = pd.DataFrame({"x": rng.normal(size=N), "g": np.arange(N) % 9})
    return made.assign(y=pd.Series(np.array(labels, dtype=object)[rng.integers(0, len(labels), N)]))


def imputed(data: pd.DataFrame, family: Any, **more: Any) -> bi.MultiplyImputed:
    data = data.assign(y=data["y"].where(np.arange(N) % 7 > 1))
    item = bi.Conditional.of("y ~ x + (1 | g)", family=family, **more.pop("conditional", {}))
    return bi.impute(data, bi.Plan.of([item], run=bi.Run(**RUN), **more), seed=2, progress=False)


ONE_EACH = {"priors": {"cutpoints": "DirichletLogit(1)"}}


def drawn(run: bi.MultiplyImputed) -> pd.Series:
    every: Any = pd.concat([each["y"][np.arange(N) % 7 < 2] for each in run])
    return every


def test_a_label_of_the_type_is_drawn() -> None:
    data = frame(["a", "b", "d"])
    data["y"] = pd.Categorical(data["y"], categories=["a", "b", "c", "d"])
    run = imputed(data, Categorical(labels="all"))
    found = drawn(run)
    assert 0 < (found == "c").mean() < 0.1 and found.dtype == data["y"].dtype
    told = run.events.loc[run.events["what"].str.contains('"c"'), "why"]
    assert told.str.contains("drawn as often as the prior has it").all() and len(told) == 1
    assert not (drawn(imputed(data, "categorical")) == "c").any()


@pytest.mark.parametrize(
    ("labels", "order", "new"),
    [(["lo", "mid"], "lo < mid < top", "top"), ([1, 2], "1 < 2 < 3", 3), ([1.5, 2.5], "1.5 < 2.5 < 3.5", 3.5)],
    ids=["texts", "whole numbers", "numbers"],
)
def test_a_label_that_the_plan_alone_names_is_drawn_in_the_type_of_the_column(
    labels: list[Any], order: str, new: Any
) -> None:
    data = frame(labels)
    data["y"] = data["y"].infer_objects()
    run = imputed(data, Ordinal(labels="all"), columns={"y": order}, conditional=ONE_EACH)
    found = drawn(run)
    assert set(found) == {*labels, new} and 0 < (found == new).mean() < 0.1


@pytest.mark.slow  # by NUTS
def test_a_label_is_drawn_where_labels_are_selected() -> None:
    data = frame(["lo", "mid"])
    more = {"formulas": {"selection": "x + g"}}
    found = drawn(imputed(data, HeckmanOrdinal(labels="all"), columns={"y": "lo < mid < top"}, conditional=more))
    assert set(found) == {"lo", "mid", "top"} and 0 < (found == "top").mean() < 0.2
