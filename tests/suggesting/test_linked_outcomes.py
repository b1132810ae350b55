"""Two analyses with incomplete outcomes of their own: the plan relates the outcomes, and so do the imputations."""

import numpy as np
import pandas as pd
import pytest
from test_one_order import assert_no_circle

import bayesimpute as bi
from bayesimpute.base.errors import errors
from bayesimpute.checking import check
from bayesimpute.formulas import parse
from bayesimpute.plan.conditional import Conditional
from bayesimpute.suggesting import Suggestion, suggest

ANALYSES = ["y1 ~ x + (1 | g)", "y2 ~ x + z + (1 | g)"]


def two_outcomes(clusters: int = 40, size: int = 10, *, within: float = 0.7, between: float = 0.7) -> pd.DataFrame:
    """y1 and y2, correlated given x within clusters and between them; half of each is missing completely at random."""
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(clusters), size)
    x, z = rng.normal(size=(2, len(g)))
    errors_, effects = (
        rng.multivariate_normal([0, 0], [[1, r], [r, 1]], n) for r, n in ((within, len(g)), (between, clusters))
    )
    y = 0.3 * x[:, None] + errors_ + 0.5 * effects[g]
    y[rng.random((len(g), 2)) < 0.5] = np.nan
    return pd.DataFrame({"g": g, "x": x, "z": z, "y1": y[:, 0], "y2": y[:, 1]})


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return two_outcomes()


def formulas(made: Suggestion) -> dict[str, str]:
    return {c.target: c.formulas["mu"] for c in made.plan.models}


def test_the_second_outcome_reads_the_first_in_compatible_plans(frame: pd.DataFrame) -> None:
    made = suggest(ANALYSES, frame)
    first, second = sorted(("y1", "y2"), key=lambda y: frame[y].isna().sum())
    assert formulas(made)[first] == ANALYSES[int(first == "y2")]
    assert formulas(made)[second] == f"{ANALYSES[int(second == 'y2')]} + {first} + cluster_mean({first}, g)"
    assert "imputed apart, the outcomes would not be related" in made.toml.replace("\n# ", " ")
    assert_no_circle(made.plan, frame)


def test_each_outcome_reads_the_other_in_chained_equations(frame: pd.DataFrame) -> None:
    made = suggest(ANALYSES, frame, mode="fcs")
    assert "y2" in parse(formulas(made)["y1"]).names and "y1" in parse(formulas(made)["y2"]).names


@pytest.mark.parametrize("mode", ["compatible", "fcs"])
def test_nothing_is_said_of_what_is_linked(frame: pd.DataFrame, mode: str) -> None:
    made = suggest(ANALYSES, frame, mode=mode)
    assert check(made.plan, frame) == []
    assert [ignored for a in made.plan.analyses for ignored in bi.congenial(made.plan, a, frame)] == []


def test_a_complete_outcome_is_read_and_a_selected_one_is_not(frame: pd.DataFrame) -> None:
    made = suggest(ANALYSES, frame.assign(y2=frame["y2"].fillna(0.0)))
    assert formulas(made) == {"y1": "y1 ~ x + (1 | g) + y2 + cluster_mean(y2, g)"}
    selected = Conditional(target="y1", family="heckman_gaussian", formulas={"mu": ANALYSES[0], "selection": "x + z"})
    made = suggest([selected, ANALYSES[1]], frame)
    assert formulas(made)["y2"] == ANALYSES[1] and " + y2" in formulas(made)["y1"]
    assert errors(check(made.plan, frame)) == []


def test_an_outcome_that_explains_another_comes_first(frame: pd.DataFrame) -> None:
    made = suggest(["y1 ~ y2 + x + (1 | g)", "y2 ~ x + (1 | g)"], frame)
    assert formulas(made) == {"y1": "y1 ~ y2 + x + (1 | g)", "y2": "y2 ~ x + (1 | g)"}


@pytest.mark.by_default("fcs")
@pytest.mark.parametrize("mode", ["compatible", "fcs"])
def test_the_correlation_of_two_outcomes_is_recovered(mode: str) -> None:
    frame = two_outcomes(60, 10)
    plan = suggest(["y1 ~ x + (1 | g)", "y2 ~ x + (1 | g)"], frame, mode=mode).plan
    plan = plan.with_run(m=8, chains=2, warmup=20, sweeps=80)
    imputed = bi.impute(frame, plan, seed=1, workers=1, progress=False)
    # About a quarter of the rows have both outcomes: what they alone say of Fisher's z has this standard error.
    error = 1 / np.sqrt(frame[["y1", "y2"]].notna().all(axis=1).sum())
    assert abs(np.mean([fisher_z_within(completed) for completed in imputed]) - np.arctanh(0.7)) < 3 * error


def fisher_z_within(frame: pd.DataFrame) -> float:
    """Fisher's z of the correlation of the outcomes given x, within clusters."""
    names = ["y1", "y2", "x"]
    inside = frame[names] - frame.groupby("g")[names].transform("mean")
    slopes = np.linalg.lstsq(inside[["x"]], inside[["y1", "y2"]], rcond=None)[0]
    left = inside[["y1", "y2"]].to_numpy() - inside[["x"]].to_numpy() @ slopes
    return float(np.arctanh(np.corrcoef(left.T)[0, 1]))
