"""Analyses of some rows: where a condition holds."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.analysis import fit


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 120
    found = pd.DataFrame({"x": rng.normal(size=n), "g": np.repeat(np.arange(12), 10), "visit": np.tile([1, 2, 7], 40)})
    found["sex"] = np.where(rng.random(n) < 0.5, "f", "m")
    found["y"] = 1 + 0.5 * found["x"] + rng.normal(size=12)[found["g"]] + rng.normal(size=n)
    return found


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ x + (1 | g)"])
def test_rows_where_it_holds_are_those_that_count(formula: str) -> None:
    data = frame()
    found = fit(formula, data, where="(visit == 7) * (sex == 'f')")
    kept = data[(data["visit"] == 7) & (data["sex"] == "f")]
    expected = fit(formula, kept)
    np.testing.assert_allclose(found.estimates, expected.estimates)
    np.testing.assert_allclose(found.covariance, expected.covariance)
    assert found.n_obs == len(kept) and found.messages == expected.messages


def test_where_it_is_not_known_it_does_not_hold() -> None:
    data = frame()
    data.loc[:9, "visit"] = np.nan
    assert fit("y ~ x", data, where="visit != 7").n_obs == (data["visit"].notna() & (data["visit"] != 7)).sum()


WRONG: dict[str, str] = {
    "visit": 'where: visit is a number and no condition; compare it with something: "visit > 0"',
    "visit == 9": "where: visit == 9 holds in no row",
    "vsit == 7": 'where: there is no column "vsit"; did you mean "visit"?',
    "": "where: the expression is empty",
    "visit ==": "where",
    "observed(x) == 1": "where: observed(x) == 1 looks beyond the row",
    "__import__('os')": "where",
}


@pytest.mark.parametrize("where", WRONG)
def test_what_is_no_condition_is_said(where: str) -> None:
    with pytest.raises(bi.BayesimputeError) as error:
        fit("y ~ x", frame(), where=where)
    assert WRONG[where] in str(error.value)


def test_a_plan_says_which_rows(tmp_path: Any) -> None:
    data = frame()
    data.loc[::5, "y"] = np.nan
    text = (
        '[[conditional]]\ntarget = "y"\nformulas.mu = "x + (1 | g)"\n[[analysis]]\nname = "last"\nformula = "y ~ x"\n'
    )
    plan = bi.Plan.from_toml(text + 'where = "visit == 7"\n')
    assert bi.Plan.from_toml(plan.to_toml()) == plan
    made = bi.impute(data, plan.with_run(m=2, chains=2, warmup=2, sweeps=2, sampler="prior"), seed=1, progress=False)
    found = made.pool().terms["estimate"]
    expected = np.mean([fit("y ~ x", f[f["visit"] == 7]).estimates for f in made], axis=0)
    np.testing.assert_allclose(found, expected)
    (problem,) = [p for p in bi.check(bi.Plan.from_toml(text + 'where = "vist == 7"\n'), data) if "vist" in str(p)]
    assert problem.path == "analysis[last].where"


def test_rows_where_it_holds_that_are_incomplete_are_told_as_that() -> None:
    data = frame()
    data.loc[data["visit"] == 7, "x"] = np.nan
    with pytest.raises(bi.AnalysisError, match="no row is complete"):
        fit("y ~ x", data, where="visit == 7")
