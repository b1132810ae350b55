"""Plans are values: frozen, comparable, printable, and the same after a round through TOML, pickle or a copy."""

import copy
import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.base.errors import BayesimputeError, FormulaError, PlanError
from bayesimpute.base.priors import Prior
from bayesimpute.families import Bernoulli, Gaussian
from bayesimpute.plan.conditional import Conditional, family_name, left_side
from bayesimpute.plan.options import Analysis, Derived, Estimand, Run
from bayesimpute.plan.plan import Plan

FULL = Plan(
    title="Pupil popularity",
    conditionals=(
        Conditional(
            target="popular",
            family="gaussian",
            formulas={"mu": "popular ~ sex * texp + (1 + sex | school)", "sigma": "(1 | school)"},
            priors={"sex": "Normal(0, 2)", "1|school_sigma": Prior.of("HalfNormal", 1)},
        ),
        Conditional(target="sex", family=Bernoulli(link="probit"), formulas={"mu": "sex ~ popular"}, level="school"),
    ),
    derived=(Derived(name="sex_texp", expression="sex * texp"),),
    analyses=(Analysis(name="main", formula="popular ~ sex + (1 | school)"),),
    estimands=(
        Estimand(name="girls", variable="sex", statistic="proportion", value=1, by="school", weights="sw"),
        Estimand(name="median", variable="popular", statistic="quantile", by=["a", "b"], compare="mar"),
    ),
    run=Run(m=50, steps=3, visit_sequence=("sex", "popular")),
)


def test_a_bare_formula_makes_a_plan() -> None:
    plan = Plan.of("popular ~ sex + (1 | school)")
    assert plan.conditionals[0].target == "popular"
    assert plan.conditionals[0].family == "auto"
    assert plan.conditionals[0].formulas == {"mu": "popular ~ sex + (1 | school)"}
    assert plan == Plan.of(["popular ~ sex + (1 | school)"]) == Plan.of(list(plan.conditionals))


@pytest.mark.parametrize(("formula", "target"), [("y ~ x", "y"), (" `a b` ~ x", "a b"), ("y~1", "y")])
def test_the_target_stands_on_the_left(formula: str, target: str) -> None:
    assert left_side(formula, "here") == target


@pytest.mark.parametrize("formula", ["y", "~ x", " ~ ", ""])
def test_a_formula_without_a_left_side_cannot_name_its_target(formula: str) -> None:
    with pytest.raises(FormulaError, match="has no left side"):
        Plan.of(formula)


@pytest.mark.parametrize(("made", "words"), [(3, "formulas: 3"), ([3], "3 is not a formula"), ([None], "None is")])
def test_what_is_not_a_formula_is_refused(made: object, words: str) -> None:
    with pytest.raises(BayesimputeError, match=words):
        Plan.of(made)  # type: ignore[arg-type]


def test_formulas_of_other_parameters_stand_beside_the_one_formula() -> None:
    made = Conditional.of("y ~ x", formulas={"sigma": "x"})
    assert made == Conditional(target="y", formulas={"mu": "y ~ x", "sigma": "x"})
    with pytest.raises(PlanError, match=r"conditional\[y\]\.formula: formula and formulas\.mu are the same"):
        Conditional.of("y ~ x", formulas={"mu": "y ~ z"})
    with pytest.raises(PlanError, match=r"conditional\[y\]\.formulas: 3 is not a mapping"):
        Conditional.of("y ~ x", formulas=3)


@pytest.mark.parametrize("name", ["formulas", "priors"])
@pytest.mark.parametrize("given", ["y ~ x", 3, None, ["y ~ x"]])
def test_formulas_and_priors_are_mappings(name: str, given: object) -> None:
    with pytest.raises(PlanError, match=rf"conditional\[y\]\.{name}: .* is not a mapping"):
        Conditional(target="y", **{name: given})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["conditionals", "derived", "analyses"])
def test_lists_become_tuples_and_other_things_are_refused(name: str) -> None:
    assert getattr(Plan(**{name: []}), name) == ()  # type: ignore[arg-type]
    for wrong in ("y ~ x", 3):
        with pytest.raises(PlanError, match=f"plan.{name}"):
            Plan(**{name: wrong})  # type: ignore[arg-type]


def test_plans_are_frozen_and_do_not_share_what_they_were_made_from() -> None:
    formulas = {"mu": "y ~ x"}
    made = Conditional(target="y", formulas=formulas)
    formulas["mu"] = "y ~ z"
    assert made.formulas["mu"] == "y ~ x"
    with pytest.raises(TypeError):
        made.formulas["mu"] = "y ~ 1"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.target = "z"  # type: ignore[misc]


def test_equal_plans_are_equal_and_hash_alike() -> None:
    again = dataclasses.replace(FULL)
    assert again == FULL
    assert hash(again) == hash(FULL)
    assert FULL.with_run(m=51) != FULL


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_plan_survives_copies_and_processes(make) -> None:
    assert make(FULL) == FULL


def test_a_plan_survives_toml() -> None:
    assert Plan.from_toml(FULL.to_toml()) == FULL
    assert Plan.from_toml(Plan().to_toml()) == Plan()


def test_a_family_with_default_options_is_its_name() -> None:
    assert Conditional(target="y", family=Gaussian()).family == "gaussian"
    assert Conditional(target="y", family=Bernoulli()) == Conditional(target="y", family="bernoulli")
    assert Conditional(target="y", family=Bernoulli(link="probit")).family == Bernoulli(link="probit")
    assert [family_name(f) for f in ("auto", Bernoulli(link="probit"))] == ["auto", "bernoulli"]


def test_texts_become_priors_and_unreadable_ones_wait_for_the_check() -> None:
    made = Conditional(target="y", priors={"x": "Normal(0, 2)", "z": "Nrmal(0)"})
    assert made.priors == {"x": Prior.of("Normal", 0, 2), "z": "Nrmal(0)"}


def test_settings_that_are_none_stay() -> None:
    plan = Plan(run=Run(m=7, chains=2))
    assert plan.with_run(m=None, chains=3, sweeps=None).run == Run(m=7, chains=3)
    assert plan.run.chains == 2


@pytest.mark.parametrize(
    ("m", "chains", "sweeps", "thin"), [(20, 4, 500, 100), (5, 5, 1, 1), (5, 4, 500, 250), (1, 4, 10, 10), (9, 4, 2, 0)]
)
def test_imputations_are_spread_evenly(m: int, chains: int, sweeps: int, thin: int) -> None:
    assert Run(m=m, chains=chains, sweeps=sweeps).thin == thin


def test_printing_shows_the_whole_plan() -> None:
    text = str(FULL)
    for piece in (
        "Pupil popularity",
        "popular (gaussian)",
        "sigma: (1 | school)",
        "prior sex: Normal(mu=0.0, sigma=2.0)",
    ):
        assert piece in text
    assert "sex_texp := sex * texp" in text
    assert "m = 50, 4 chains, 100 + 500 sweeps, steps 3, sampler auto" in text


def test_groups_are_a_tuple_however_they_are_given() -> None:
    given = [Estimand(name="e", variable="y", by=by).by for by in (None, "a", ["a", "b"], ("a",), [])]  # type: ignore[arg-type]
    assert given == [(), ("a",), ("a", "b"), ("a",), ()]


def test_estimands_are_printed_with_their_target_and_design() -> None:
    girls, median = FULL.estimands
    assert f"estimand {girls}" in str(FULL)
    assert str(girls) == "girls: proportion of sex = 1 by school (population, weights sw)"
    assert str(median) == "median: quantile 0.5 of popular by a and b (population, compared with MAR)"


def test_names_of_files_are_no_plans_and_texts_are_no_lists(tmp_path: Path) -> None:
    data = pd.DataFrame({"x": np.arange(30) / 7, "y": [None if k % 4 == 0 else k + 0.5 for k in range(30)]})
    says = r"Plan\.from_toml\(Path\("
    for given in ("plan.toml", tmp_path / "plan.toml"):
        with pytest.raises(bi.InputError, match=says):
            bi.impute(data, given, seed=1)  # pyright: ignore[reportArgumentType]
        with pytest.raises(bi.InputError, match=says):
            bi.check(given, data)  # pyright: ignore[reportArgumentType]
    with pytest.raises(bi.PlanError, match="known: 'y' is not a Known"):
        bi.impute(data, ["y ~ x"], known="y", seed=1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(bi.PlanError, match="'y > 0' is not a Restriction"):
        bi.impute(data, ["y ~ x"], restrictions="y > 0", seed=1)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("negbinomial", "negative_binomial"),
        ("polr", "ordinal"),
        ("logreg", "bernoulli"),
        ("multinomial", "categorical"),
    ],
)
def test_names_of_other_packages_are_understood_in_remedies(called: str, name: str) -> None:
    frame = pd.DataFrame({"y": [0.0, 1.0, 3.0, np.nan], "x": [1.0, 2.0, 4.0, 3.0]})
    (found,) = [
        p for p in bi.check(Plan.of([Conditional.of("y ~ x", family=called)]), frame) if "no family" in p.finding
    ]
    assert found.remedy == f'did you mean "{name}"?'
