"""What check says of selection models: each kind of bad input has its place, finding and remedy."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesimpute import Conditional, Plan, check, impute
from bayesimpute.base.errors import Problem, Severity, errors
from bayesimpute.checking.exclusions import exclusions
from bayesimpute.data.simulation import simulate_hiv_survey
from bayesimpute.families import HeckmanGaussian, HeckmanProbit
from bayesimpute.formulas import parse
from bayesimpute.plan.options import Derived, Run

OUTCOME = "hiv ~ age + marital + (1 | region)"
SELECTION = "age + marital + (1 | region) + (1 | interviewer)"


def survey() -> pd.DataFrame:
    return simulate_hiv_survey(1, n=600, regions=12, interviewers=24).incomplete


def plan(
    outcome: str = OUTCOME, selection: str | None = SELECTION, *, family: Any = "heckman_probit", **more: Any
) -> Plan:
    formulas = {"mu": outcome} | ({} if selection is None else {"selection": selection})
    formulas |= more.pop("formulas", {})
    return Plan(conditionals=(Conditional(target="hiv", family=family, formulas=formulas, **more),))


def found(given: Plan, frame: pd.DataFrame | None = None) -> list[Problem]:
    return check(given, survey() if frame is None else frame)


def test_a_sound_plan_has_no_problem() -> None:
    assert found(plan()) == []
    assert found(plan(selection=f"hivconsent ~ {SELECTION}")) == []


BAD: Mapping[str, tuple[Plan, str, str, str]] = {
    "no selection formula": (plan(selection=None), "formulas", "no formula for selection", "formulas.selection"),
    "the target in it": (plan(selection="age + hiv"), "formulas.selection", 'its own target "hiv"', "leave it out"),
    "its own indicator in it": (plan(selection="age + observed(hiv)"), "formulas.selection", "observed(hiv)", "leave"),
    "rho above one": (plan(family=HeckmanProbit(rho=1.0)), "rho", "1.0 is not a rho", "between -1 and 1"),
    "rho a text": (plan(family=HeckmanProbit(rho="x")), "rho", "'x' is not a rho", "between -1 and 1"),  # type: ignore
    "tau at one": (plan(family=HeckmanProbit(tau=-1.0)), "tau", "-1.0 is not a tau", "between -1 and 1"),
    "tau a text": (plan(family=HeckmanProbit(tau="x")), "tau", "'x' is not a tau", "between -1 and 1"),  # type: ignore
    "rho and tau": (plan(family=HeckmanProbit(tau=0.1, rho=0.2)), "tau", "rho is fixed, too", "leave one of them out"),
    "priors of both": (
        plan(priors={"rho": "Uniform(-1, 1)", "tau": "Uniform(-1, 1)"}),
        'priors."tau"',
        "rho has a prior, too",
        "leave tau or rho out",
    ),
    "a prior of tau that is none": (plan(priors={"tau": "Normal(0, 1)"}), 'priors."tau"', "Kendall's tau", "Uniform"),
    "a prior of tau twice": (
        plan(priors={"tau": "KendallUniform(-1, 1)"}),
        'priors."tau"',
        "cannot be the prior of Kendall's tau",
        "Uniform(-1, 1)",
    ),
    "a prior of tau where rho has a formula": (
        plan(priors={"tau": "Uniform(-1, 1)"}, formulas={"rho": "(1 | region)"}),
        'priors."tau"',
        "no such parameter",
        "use one of",
    ),
    "rho twice": (
        plan(family=HeckmanProbit(rho=0.2), formulas={"rho": "(1 | region)"}),
        "formulas.rho",
        "is fixed at 0.2 too",
        "one of the two",
    ),
    "a prior of a fixed rho": (
        plan(family=HeckmanProbit(rho=0.2), priors={"rho": "Uniform(-1, 1)"}),
        'priors."rho"',
        "no such parameter",
        "use one of",
    ),
    "a prior outside": (plan(priors={"rho": "Normal(0, 1)"}), 'priors."rho"', "of a correlation", "Uniform(-1, 1)"),
    "a wide uniform": (plan(priors={"rho": "Uniform(-2, 1)"}), 'priors."rho"', "of a correlation", "FisherNormal"),
    "a correlation's prior on a slope": (
        plan(priors={"age": "ScaledBeta(2, 2)"}),
        'priors."age"',
        "of a coefficient",
        "Normal(0, 1)",
    ),
    "systematic": (
        plan(family=HeckmanProbit(systematic="margnal")),
        "systematic",
        '"margnal" is neither a choice nor a column',
        'did you mean "marginal"',
    ),
    "joint": (plan(family=HeckmanProbit(joint="yes")), "joint", "'yes' is not a joint", "give a bool"),  # type: ignore
    "numbers for yes/no": (plan("age2 ~ marital"), "formulas.mu", 'the left side is "age2"', "hiv ~"),
    "another parameter": (plan(formulas={"sigma": "age"}), "formulas.sigma", "no parameter", "it has mu"),
    "an indicator that is not there": (
        plan(selection="consent ~ age + (1 | interviewer)"),
        "formulas.selection",
        'the left side "consent" is not in the data',
        'did you mean "hivconsent"',
    ),
    "an indicator of other values": (
        plan(selection="age ~ marital + (1 | interviewer)"),
        "formulas.selection",
        "is not a complete column of 0",
        "leave the left side out",
    ),
    "correlations by the wrong name": (
        plan(priors={"selection_region_corr": "LKJ(1)"}),
        'priors."selection_region_corr"',
        "no such parameter",
        "did you mean",
    ),
}


@pytest.mark.parametrize(("given", "place", "finding", "remedy"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_found(given: Plan, place: str, finding: str, remedy: str) -> None:
    said = [p for p in found(given) if p.path == f"conditional[hiv].{place}"]
    assert any(finding in p.finding and remedy in p.remedy and p.severity is Severity.ERROR for p in said), said


def _consent(frame: pd.DataFrame, row: int, value: int) -> pd.DataFrame:
    return frame.assign(hivconsent=frame["hivconsent"].where(np.arange(len(frame)) != row, value))


def test_an_indicator_that_contradicts_the_data() -> None:
    frame = survey()
    seen, gone = int(np.flatnonzero(frame["hiv"].notna())[0]), int(np.flatnonzero(frame["hiv"].isna())[0])
    given = plan(selection=f"hivconsent ~ {SELECTION}")
    (one,) = found(given, _consent(frame, seen, 0))
    assert f'"hiv" is observed in 1 row where hivconsent is 0, the first in row {seen}' in one.finding
    (one,) = found(given, _consent(frame, gone, 1))
    assert f'"hiv" is missing in 1 row where hivconsent is 1, the first in row {gone}' in one.finding


def test_nobody_selected_and_nobody_missing() -> None:
    frame = survey()
    assert "all values" in found(plan(), frame.assign(hiv=np.nan))[0].finding
    (warning,) = found(plan(), frame.assign(hiv=frame["hiv"].fillna(0.0)))
    assert "no missing values" in warning.finding


def test_nobody_selected_out_one_by_one() -> None:
    frame = survey()
    away = frame["hiv"].fillna(0.0).mask(frame["region"] == frame["region"].iloc[0])
    (problem,) = found(plan(), frame.assign(hiv=away))
    assert "nobody was selected out one by one" in problem.finding
    assert 'bernoulli, or systematic = "selected"' in problem.remedy
    (warning,) = found(plan(family=HeckmanProbit(systematic="selected")), frame.assign(hiv=away))
    assert warning.severity is Severity.WARNING and "all are taken as selected out one by one" in warning.finding


def test_an_exclusion_variable_that_does_not_vary() -> None:
    (problem,) = found(plan(selection=f"{SELECTION} + mode"), survey().assign(mode=1))
    assert problem.path == "conditional[hiv].formulas.selection"
    assert '"mode" does not vary: it is 1 in all fitted rows' in problem.finding


def test_without_exclusion_variable_check_says_what_it_rests_on() -> None:
    (warning,) = found(plan(selection="age + marital + (1 | region)"))
    assert warning.severity is Severity.WARNING
    assert "no exclusion variable" in warning.finding and "the normal distribution alone" in warning.finding
    (warning,) = found(plan(selection="age * marital + (1 | region)"))
    assert "on the shape of age:marital" in warning.finding
    for held in ({"rho": -0.3}, {"tau": 0.2}):  # nothing is learnt
        assert not found(plan(selection="age + marital + (1 | region)", family=HeckmanProbit(**held)))


def test_separation_is_a_warning_and_an_event() -> None:
    frame = survey()
    frame["mode"] = np.where(frame["hiv"].isna(), np.where(np.arange(len(frame)) % 2, "phone", "home"), "home")
    given = plan(selection=f"{SELECTION} + mode")
    (warning,) = found(given, frame)
    assert warning.severity is Severity.WARNING
    assert "perfect separation: mode[phone]" in warning.finding
    short = replace(given, run=Run(m=2, chains=2, warmup=1, sweeps=2, sampler="prior"))
    events = impute(frame, short, seed=1, progress=False).events
    assert events["what"].str.contains("perfect separation").sum() == 1


def test_two_selection_models_in_each_others_formulas() -> None:
    frame = survey().assign(income=np.arange(600.0)).astype({"income": float})
    frame.loc[::7, "income"] = np.nan
    income = Conditional(
        target="income", family="heckman_gaussian", formulas={"mu": "income ~ age + hiv", "selection": "age + wealth"}
    )
    hiv = plan("hiv ~ age + income").conditionals[0]
    both = errors(found(Plan(conditionals=(hiv, income)), frame))
    assert ["have each other in their formulas" in p.finding for p in both] == [True]
    one_way = Conditional(
        target="income", family="heckman_gaussian", formulas={**income.formulas, "mu": "income ~ age + observed(hiv)"}
    )
    assert found(Plan(conditionals=(hiv, one_way)), frame) == []


def test_exclusions_are_found_by_their_variables() -> None:
    of = exclusions(
        parse("y ~ x + z + (1 | region)"), parse("x * z + mode + I(x**2) + x:w + (1 + x | region) + (1 | interviewer)")
    )
    assert of.terms == ("mode", "x:w")
    assert of.effects == ("1|interviewer",)
    assert of.shapes == ("x:z", "I(x ** 2)", "x|region")
    assert of.variables == ("mode", "x:w", "1|interviewer")
    assert exclusions(parse("y ~ interviewer"), parse("(1 | interviewer)")).variables == ()


def test_a_number_takes_the_family_for_numbers() -> None:
    (problem,) = [p for p in found(plan(family=HeckmanGaussian())) if "family" in p.path] or [None]
    assert problem is None  # 0/1 numbers are numbers too


# Models that stand beside a selection model in chained equations ------------------------------------------------------

AGE = "age ~ hiv + marital + (1 | region)"


def beside(formula: str, frame: pd.DataFrame, **more: Any) -> list[Problem]:
    """What is said of the model of age beside the selection model of hiv."""
    chained = (*plan(selection=f"hivconsent ~ {SELECTION}").conditionals, Conditional.of(formula))
    return of_selection(Plan(conditionals=chained, **more), frame)


def of_selection(made: Plan, frame: pd.DataFrame) -> list[Problem]:
    """Ages end where the survey does: that normal draws do not is no matter of selection."""
    return [problem for problem in found(made, frame) if "would lie beyond all" not in problem.finding]


def survey_without_ages() -> pd.DataFrame:
    frame = survey()
    return frame.assign(age=frame["age"].mask(np.arange(len(frame)) % 5 == 0).astype(float))


def test_covariates_beside_a_selection_model_should_know_who_was_selected() -> None:
    frame = survey_without_ages()
    for formula in (AGE, "age ~ marital + (1 | region)"):
        (warning,) = beside(formula, frame)
        assert warning.path == "conditional[age].formulas" and warning.severity is Severity.WARNING
        assert "does not know who was selected" in warning.finding
        assert "add observed(hiv), or make the selection model a [[substantive]] one" in warning.remedy


@pytest.mark.parametrize("term", ["observed(hiv)", "hivconsent", "cluster_mean(observed(hiv), region)", "unseen"])
def test_any_way_of_saying_who_was_selected_will_do(term: str) -> None:
    unseen = Derived(name="unseen", expression="1 - observed(hiv)")
    assert beside(f"age ~ hiv + marital + {term}", survey_without_ages(), derived=(unseen,)) == []


def test_what_the_selection_model_does_not_read_goes_without_the_indicator() -> None:
    assert beside("wealth ~ hiv + marital", survey().assign(wealth=survey_without_ages()["age"])) == []


def test_an_indicator_that_no_data_identify() -> None:
    frame = survey()
    frame = frame.assign(age=frame["age"].where(frame["hiv"].notna()).astype(float))
    (warning,) = beside(AGE, frame)
    assert warning.severity is Severity.WARNING and "nothing tells how it goes with observed(hiv)" in warning.finding
    assert '"age" is never observed where "hiv" is missing' in warning.finding
    assert "[[substantive]]" in warning.remedy and "add observed" not in warning.remedy


def test_compatible_plans_need_no_indicator() -> None:
    selected = plan().conditionals
    made = Plan(substantive=selected, conditionals=(Conditional.of("age ~ marital + (1 | region)"),))
    assert of_selection(made, survey_without_ages()) == []
