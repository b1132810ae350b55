"""Auxiliary variables that were made of a target, of its missingness, or of what is there already: none is taken."""

import numpy as np
import pandas as pd
import pytest

from bayesimpute.base.errors import Severity
from bayesimpute.checking import check
from bayesimpute.formulas import parse
from bayesimpute.plan.plan import Plan
from bayesimpute.suggesting import Suggestion, suggest

ANALYSIS = "spent ~ age + female"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Expenditures as surveys of health care have them: skewed, a fifth are none, with copies and flags of everything.

    ``spent`` is their logarithm, missing where there are none; ``health`` is incomplete, too.
    """
    rng = np.random.default_rng(3)
    n = 600
    age, female = rng.integers(21, 65, n).astype(float), (rng.random(n) < 0.5).astype(float)
    spent, some = 5 + 0.03 * age + 0.4 * female + rng.normal(size=n), rng.random(n) < 0.8
    health = np.where(rng.random(n) < 0.2, np.nan, 0.5 * spent + rng.normal(size=n))
    return pd.DataFrame(
        {
            "spent": np.where(some, spent, np.nan),
            "age": age,
            "female": female,
            "filled": np.where(some, spent, 0.0),
            "costs": np.where(some, np.exp(spent), 0.0),
            "high": np.where(some, spent > 6, 0.0),
            "any": some.astype(float),
            "times": np.where(some, 1 + rng.poisson(np.exp(0.2 * spent - 0.5)), 0.0),
            "age2": age**2,
            "old": (age > 50).astype(float),
            "group": pd.cut(age, [0, 30, 45, 99], labels=["young", "middle", "old"]).astype(str),
            "health": health,
            "twice": 2 * health + 0.01 * rng.normal(size=n),
            "income": spent + rng.normal(size=n),
        }
    )


def read_by(made: Suggestion) -> set[str]:
    return {n for c in made.plan.models for n in (c.target, *parse(c.formulas["mu"]).names)}


@pytest.mark.parametrize("mode", ["compatible", "fcs"])
def test_copies_and_functions_are_left_out_with_the_reason(frame: pd.DataFrame, mode: str) -> None:
    made = suggest(ANALYSIS, frame, mode=mode, auxiliary="auto")
    assert read_by(made) == {"spent", "age", "female", "income", "twice"}
    told = made.toml.replace("\n# ", " ")
    for reason in (
        "filled (a copy of spent: |r| = 1.000 where both are observed)",
        "costs (a function of spent)",
        "high (a function of spent)",
        "any (the missingness of spent itself",
        "times (a constant wherever spent is missing)",
        "age2 (a copy of age: |r| = 0.99",
        "old (a function of age)",
        "health (a copy of twice: |r| = 1.000 where both are observed)",
    ):
        assert reason in told
    assert [p for p in check(made.plan, frame) if "repeats" in p.finding or "one value" in p.finding] == []


def test_an_indicator_of_another_auxiliary_variable_is_none(frame: pd.DataFrame) -> None:
    gone = frame["health"].isna()
    informative = frame.assign(no_health=gone.astype(float), spent=frame["spent"].mask(gone & (frame["age"] > 30)))
    made = suggest(ANALYSIS, informative[["spent", "age", "female", "health", "no_health"]], auxiliary="auto")
    assert "no_health" not in read_by(made) and "health" in read_by(made)
    assert "no_health (the missingness of health)" in made.toml.replace("\n# ", " ")


def test_nothing_is_said_of_what_is_alike_by_chance(frame: pd.DataFrame) -> None:
    rng = np.random.default_rng(8)
    few = pd.DataFrame({"y": rng.normal(size=40), "x": rng.normal(size=40), "rare": np.zeros(40)})
    few.loc[few["y"].idxmax(), "rare"] = 1.0  # of one row it proves nothing
    few["z"] = 0.4 * few["y"] + rng.normal(size=40)
    few.loc[[3, 4], "y"] = np.nan
    made = suggest("y ~ x", few, auxiliary="auto")
    assert "function" not in made.toml and "wherever" not in made.toml
    assert check(Plan.of(["y ~ x + rare + z"]), few) == []


def test_clusters_are_what_a_variable_of_clusters_has() -> None:
    rng = np.random.default_rng(9)
    g = np.repeat(np.arange(12), 10)
    frame = pd.DataFrame({"g": g, "y": rng.normal(size=120), "x": rng.normal(size=120), "w": rng.normal(size=12)[g]})
    frame["y"] = frame["y"].mask(g == 4)  # a whole cluster: w has one value there, of course
    assert not [p for p in check(Plan.of(["y ~ x + w + (1 | g)"]), frame) if "one value" in p.finding]


def test_check_warns_of_copies_in_plans_written_by_hand(frame: pd.DataFrame) -> None:
    found = check(Plan.of(["spent ~ age + filled"]), frame)
    assert {p.severity for p in found} == {Severity.WARNING}
    assert [p.finding for p in found] == [
        '"filled" nearly repeats "spent": |r| = 1.000 where both are observed',
        '"filled" has one value wherever "spent" is missing',
    ]
    (one,) = check(Plan.of(["spent ~ age + times"]), frame)
    assert one.finding == '"times" has one value wherever "spent" is missing'
    made = suggest(ANALYSIS, frame, auxiliary=["filled"])  # its density multiplies into the draws of the target
    assert len(check(made.plan, frame)) == 2 and "`bayesimpute check` remarks on" in made.toml


def test_columns_with_codes_for_missing_values_are_left_out_with_the_reason(frame: pd.DataFrame) -> None:
    codes = frame.assign(income=frame["income"].where(np.arange(len(frame)) % 5 > 0, -99.0))
    made = suggest(ANALYSIS, codes, auxiliary="auto")
    assert "income" not in read_by(made)
    assert "income (its -99 may mean missing; if so, name it with --missing)" in made.toml.replace("\n# ", " ")
    assert "income" in read_by(suggest(ANALYSIS, codes, auxiliary=["income"]))  # whoever names it knows it
