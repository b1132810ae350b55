"""Coefficients that are fixed, at a number or an assumption: what becomes of them, and what is refused."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import bayesimpute as bi
from bayesimpute.base.errors import BayesimputeError, PlanError
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.resolving import resolve
from bayesimpute.plan.targets import Resolved

STRENGTH = 1.0


@cache
def table(n: int = 600) -> tuple[pd.DataFrame, np.ndarray]:
    """y is the likelier missing the larger it is, given x."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=n)
    y = 10 + x + rng.normal(size=n)
    seen = rng.random(n) < expit(0.5 - STRENGTH * (y - 10) + 0.3 * x)
    lab = np.where(rng.random(n) < 0.5, "a", "b")
    return pd.DataFrame({"x": x, "lab": lab, "y": np.where(seen, y, np.nan)}), y


def plan(at: Any, formula: str = "observed(y) ~ y + x", name: str = "y", **options: Any) -> bi.Plan:
    models = [bi.Conditional.of(formula, family="bernoulli", priors={name: at})]
    settings = {"m": 6, "chains": 2, "warmup": 40, "sweeps": 60, "sampler": "gibbs"}
    return bi.Plan.of(["y ~ x"], substantive=models, **options).with_run(**settings)


def settled(given: bi.Plan) -> Resolved:
    return resolve(given, Incomplete.from_frame(table()[0]))


def psi(value: float = -STRENGTH, **more: Any) -> dict[str, Any]:
    return {"assumptions": (bi.Assumption(name="psi", value=value, **more),)}


def test_a_fixed_coefficient_is_an_offset_about_what_is_observed() -> None:
    found = settled(plan(-1))
    formula = found.target("observed(y)").formulas["mu"]
    middle = float(f"{table()[0]['y'].mean():.3g}")
    (column,) = formula.offset_columns
    assert column == f"-1.0 * (y - {middle})" and formula.terms == ("1", "x")
    events = [event for event in found.events if "fixed" in event.what]
    assert [event.target for event in events] == ["observed(y)"]
    assert events[0].what == f"the coefficient of y is fixed at -1.0; the intercept is that at y = {middle:g}"
    assert found.target("y").watched and found.target("y").learn.all()


def test_without_an_intercept_nothing_would_take_up_a_centre() -> None:
    found = settled(plan(0.5, "observed(y) ~ 0 + y:x + y + x", "y:x"))
    assert found.target("observed(y)").formulas["mu"].offset_columns == ("0.5 * (y * x)",)


def test_plans_with_them_come_back_from_toml() -> None:
    for given in (plan(-1), plan("psi", **psi()), plan("Normal(0, 1)")):
        assert bi.Plan.from_toml(given.to_toml()) == given
    assert 'y = "psi"' in plan("psi", **psi()).to_toml() and "y = -1.0" in plan(-1).to_toml()
    changed = plan(-1).with_priors("observed(y)", y=0.5)
    assert changed == plan(0.5) and plan(-1, **psi()).with_priors("observed(y)", y="psi") == plan("psi", **psi())
    with pytest.raises(BayesimputeError, match="prior"):
        plan(-1).with_priors("observed(y)", y="psi")


def test_an_assumption_and_its_number_are_the_same_run() -> None:
    frame = table()[0]
    number = bi.impute(frame, plan(-1), seed=1, progress=False)
    name = bi.impute(frame, plan("psi", **psi()), seed=1, progress=False)
    for a, b in zip(number, name, strict=True):
        pd.testing.assert_frame_equal(a, b)
    assert "the coefficient of y is fixed at psi" in str(name.record.events)


@pytest.mark.slow
def test_every_other_part_takes_such_a_run(tmp_path: Any) -> None:
    made = bi.impute(table()[0], plan("psi", **psi()), seed=1, progress=False)
    made.save(tmp_path / "run.nc")
    back = bi.load(tmp_path / "run.nc")
    for a, b in zip(made, back, strict=True):
        pd.testing.assert_frame_equal(a, b)
    assert "observed(y)" in str(made.diagnose()) and "observed" in str(made.report())
    assert set(made.draws("observed(y)").data_vars) == {"Intercept", "x"}
    assert made.add(2).m == 8


def test_it_is_believed_of_with_a_prior() -> None:
    """Each imputation has its own value: their means differ by more than with one value for all."""
    frame, _ = table()
    one = bi.impute(frame, plan("psi", **psi()).with_run(m=12), seed=1, progress=False)
    many = bi.impute(frame, plan("psi", **psi(0.0, prior="Normal(-1, 0.7)")).with_run(m=12), seed=1, progress=False)
    means = [np.array([each["y"].mean() for each in made]) for made in (one, many)]
    assert means[1].std(ddof=1) > 2.5 * means[0].std(ddof=1)


@pytest.mark.slow
def test_the_assumption_is_an_axis_of_sensitivity_analyses() -> None:
    made = bi.impute(table()[0], plan("psi", **psi(0.0)), seed=1, progress=False)
    found = made.sensitivity("y ~ 1", over={"psi": [-1, -0.5, 0]}, progress=False)
    assert list(found.table["how"]) == ["rerun"] * 3
    estimates = found.table["estimate"].to_numpy()
    truth = table()[1].mean()
    assert abs(estimates[0] - truth) < 3 * found.table["std_error"][0] < abs(estimates[2] - truth) * 3
    assert (np.diff(estimates) < 0).all() and found.table["difference"].iloc[-1] == pytest.approx(0)
    gaps = found.assumed.set_index("psi")["missing_minus_observed"]
    assert gaps[-1] > gaps[-0.5] > gaps[0]


WRONG: dict[str, tuple[bi.Plan, str]] = {
    "no such assumption": (plan("psj", **psi()), 'did you mean "psi"'),
    "no number": (plan(float("inf")), "inf is not a number"),
    "no term": (plan(1.0, name="z"), "there is none of this name"),
    "not a coefficient": (plan(1.0, name="Intercept"), "there is none of this name"),
    "a category": (plan(1.0, "observed(y) ~ y + lab", "lab"), "text"),
    "goes on in a product": (plan(1.0, "observed(y) ~ y * lab", "y"), "it stands in y:lab, too"),
    "a function of formulas only": (plan(1.0, "observed(y) ~ bs(x, 4) + y", "bs(x, 4)"), "cannot be used in an expr"),
    "nobody reads it": (plan(1.0, **psi()), "no coefficient is fixed at it"),
    "complete": (plan(1.0, "observed(x) ~ y", "y"), '"x" is complete'),
    "itself": (plan(1.0, "observed(y) ~ y + observed(y)", "y"), "contains its own target"),
    "not substantive": (bi.Plan.of(["y ~ x", "observed(y) ~ y"]), "make it a [[substantive]] model"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_fixed_is_told(case: str) -> None:
    given, finding = WRONG[case]
    problems = bi.check(given, table()[0])
    assert any(finding in str(problem) for problem in problems), problems
    with pytest.raises(PlanError):
        bi.impute(table()[0], given, seed=1, progress=False)


def test_right_ones_are_not() -> None:
    for given in (plan(-1), plan("psi", **psi()), plan("Normal(0, 1)")):
        assert not bi.check(given, table()[0])


def test_a_free_coefficient_of_the_value_itself_is_warned_of() -> None:
    """Also where its product is fixed; what identifies it is said."""
    for given in (plan("Normal(0, 1)", name="x"), plan(0.5, "observed(y) ~ y*x", "y:x")):
        (warned,) = bi.check(given, table()[0])
        assert warned.severity.value == "warning" and "Kenward 1998" in warned.finding
        assert warned.path == "substantive[observed(y)].priors"
