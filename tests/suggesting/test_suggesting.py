"""Suggested plans: from the analyses of the case studies alone, against what was published, and everything refused.

Where a plan by the recipes differs from the published specification, it does so on purpose; ``MORE`` and ``LESS`` list
each difference, and this is why:

==================  ====================================================================================================
case                difference
==================  ====================================================================================================
all                 Models have families, where the book matches on predicted means: of ``2l.pmm`` and ``2lonly.pmm``
                    only the level is compared. ``2lonly.mean`` is filling in from the cluster. Intercepts are random.
7.10.4, 7.10.5      ``den`` is a number also in the analysis: there is no family for categories with four labels. (The
                    book imputes it as a number, too, and analyses it as a category.)
7.10.5              Products of the variables themselves (``iqv:sex``), where the book has deviations from the cluster
                    mean (``iqd.sex``): the analysis has the former.
7.10.7              The random slopes of the analysis are in the models; the book leaves them out, because with the
                    cluster means they nearly repeat themselves. Without them the slope variances come out too small.
popmis              Published are random slopes of ``sex`` and ``texp`` and no interaction. ``texp`` is constant within
                    schools: it has no slopes. The interaction and the cluster mean of ``sex`` are in the recipe.
popularity          Published with cluster means of some variables and slopes of others; the recipe has the means of
                    all level-1 variables, the interaction reversed, and the slopes of the analysis, reversed.
==================  ====================================================================================================
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_one_order import assert_no_circle

import bayesimpute as bi
from bayesimpute.analysis.fitters import model_of
from bayesimpute.base.errors import InputError, errors
from bayesimpute.checking import check
from bayesimpute.cli.parser import main
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.simulation import simulate_school
from bayesimpute.formulas import parse
from bayesimpute.formulas.terms import bare, common_terms, random_terms, written
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Analysis
from bayesimpute.plan.plan import Plan
from bayesimpute.suggesting import Suggestion, suggest

CONTEXT = "cluster_mean(iqv, sch)"
ANALYSES = {
    "fimd_7.10.1": ("brandsma", "lpo ~ (1 | sch)"),
    "fimd_7.10.2": ("brandsma", "lpo ~ iqv + (1 | sch)"),
    "fimd_7.10.3": ("brandsma", f"lpo ~ iqv + {CONTEXT} + (1 | sch)"),
    "fimd_7.10.4": ("brandsma", "lpo ~ iqv + den + (1 | sch)"),
    "fimd_7.10.5": ("brandsma", f"lpo ~ iqv * sex + {CONTEXT} * den + sex * den + (1 | sch)"),
    "fimd_7.10.6": ("brandsma", f"lpo ~ iqv + {CONTEXT} + (1 + iqv | sch)"),
    "fimd_7.10.7": (
        "brandsma",
        "lpo ~ iqv * ses + cluster_mean(iqv, sch) * cluster_mean(ses, sch) + iqv:cluster_mean(iqv, sch)"
        " + iqv:cluster_mean(ses, sch) + ses:cluster_mean(iqv, sch) + ses:cluster_mean(ses, sch)"
        " + (1 + ses + iqv | sch)",
    ),
    "popmis_2lpmm": ("popmis", "popular ~ sex * texp + (1 + sex | school)"),
    "tut_mi_interaction": (
        "popular_tutorial_MAR",
        "popularity_ij ~ gender_ij + extraversion_ij * experience_j + (1 + extraversion_ij | cluster_id)",
    ),
}
"""Case: its data and analysis."""
AUXILIARY = {"tut_mi_interaction": ["assessment_ij"]}
NAMES = {"iq": "iqv", "lp": "lpo", "sx": "sex", "se": "ses"}
"""Of the book's columns: ``iqm`` is the cluster mean of ``iqv``, ``iqd`` its deviation from it."""

GIRL = 'cluster_mean(gender_ij == "girl", cluster_id)'


def mean(name: str) -> str:
    return f"cluster_mean({name}, cluster_id)"


POPULARITY, EXTRAVERSION, ASSESSMENT = map(mean, ("popularity_ij", "extraversion_ij", "assessment_ij"))
BY_EXPERIENCE = {"extraversion_ij:experience_j", f"{EXTRAVERSION}:experience_j"}
REVERSED = {"popularity_ij:experience_j", f"{POPULARITY}:experience_j"}
MORE = {
    ("fimd_7.10.7", "lpo"): {"iqv|sch", "ses|sch"},
    ("fimd_7.10.7", "iqv"): {"lpo|sch", "ses|sch"},
    ("fimd_7.10.7", "ses"): {"lpo|sch", "iqv|sch"},
    ("popmis_2lpmm", "popular"): {
        "cluster_mean(sex, school)",
        "sex:texp",
        "cluster_mean(sex, school):texp",
    },
    ("tut_mi_interaction", "popularity_ij"): {f"{EXTRAVERSION}:experience_j", ASSESSMENT},
    ("tut_mi_interaction", "gender_ij"): {POPULARITY, EXTRAVERSION, ASSESSMENT, "extraversion_ij|cluster_id"}
    | BY_EXPERIENCE,
    ("tut_mi_interaction", "extraversion_ij"): {POPULARITY, GIRL, ASSESSMENT} | REVERSED,
    ("tut_mi_interaction", "assessment_ij"): {EXTRAVERSION, GIRL} | BY_EXPERIENCE,
}
"""Terms and random slopes that our models have and the published ones lack."""
LESS = {
    ("popmis_2lpmm", "popular"): {"texp|school"},
    ("tut_mi_interaction", "gender_ij"): {"popularity_ij|cluster_id"},
    ("tut_mi_interaction", "assessment_ij"): {"popularity_ij|cluster_id"},
}


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> Mapping[str, pd.DataFrame]:
    return {name: read(shared_data, name) for name in {name for name, _ in ANALYSES.values()}}


@pytest.fixture(scope="module")
def published(shared_reference: Path) -> Mapping[str, Any]:
    cases = json.loads((shared_reference / "published.json").read_text())["cases"]
    found = {case["id"]: case["imputation"] for case in cases}
    return {**found, "fimd_7.10.3": found["fimd_7.10.2"]}  # its imputations are the same


def suggested(case: str, frames: Mapping[str, pd.DataFrame], mode: str) -> tuple[Suggestion, pd.DataFrame]:
    name, analysis = ANALYSES[case]
    return suggest(analysis, frames[name], mode=mode, auxiliary=AUXILIARY.get(case)), frames[name]


def entries(conditional: Conditional) -> set[frozenset[str]]:
    """The terms of a model without its intercepts, as sets of their variables; random slopes as ``x|g``."""
    formula = parse(conditional.formulas["mu"])
    terms = {frozenset(ordered(written((bare(atom),))) for atom in term) for term in common_terms(formula)}
    slopes = {frozenset({f"{written((bare(term[0]),))}|{key}"}) for key, term in random_terms(formula) if term}
    return terms | slopes


def ordered(atom: str) -> str:
    """A cluster mean of a product with its factors in alphabetical order."""
    product = re.fullmatch(r"cluster_mean\((\w+) \* (\w+), (\w+)\)", atom)
    return f"cluster_mean({' * '.join(sorted(product.groups()[:2]))}, {product[3]})" if product else atom


def listed(terms: set[str]) -> set[frozenset[str]]:
    """Terms of the tables of this file in the form of :func:`entries`."""
    return {frozenset(re.split(r":(?![^(]*\))", term)) for term in terms}


def of_book(target: str, row: Mapping[str, int], method: str) -> set[frozenset[str]]:
    """A row of the book's predictor matrix as terms; see mice's codes for 2l methods."""
    key = next(name for name, code in row.items() if code == -2)
    found: set[frozenset[str]] = set()
    for name, code in row.items():
        if name in (key, target):
            continue
        parts = name.split(".") if name != "extraversion_experience" else ["extraversion_ij", "experience_j"]
        if method.startswith("2lonly"):
            found.add(frozenset({ordered(f"cluster_mean({' * '.join(map(column, parts))}, {key})")}))
            continue
        found.add(frozenset(variable(part, key) for part in parts))
        inner = f'{name} == "girl"' if name == "gender_ij" else name
        found |= {frozenset({f"cluster_mean({inner}, {key})"})} if code in (3, 4) else set()
        found |= {frozenset({f"{name}|{key}"})} if code in (2, 4) else set()
    return found


def column(part: str) -> str:
    """The column behind ``iqm`` (cluster mean), ``iqd`` (deviation from it) or ``iqv`` itself."""
    return NAMES[part[:2]] if part[:2] in NAMES and part[2:] in ("m", "d") else part


def variable(part: str, key: str) -> str:
    is_mean = column(part) != part and part.endswith("m")
    return f"cluster_mean({column(part)}, {key})" if is_mean else column(part)


@pytest.mark.parametrize("case", ANALYSES)
def test_the_recipes_give_the_published_plans(
    case: str, frames: Mapping[str, pd.DataFrame], published: Mapping[str, Any]
) -> None:
    made, _ = suggested(case, frames, "fcs")
    book = published[case]
    ours = {c.target: c for c in made.plan.conditionals}
    methods = {name: method for name, method in book["method"].items() if method.startswith(("2l.pmm", "2lonly"))}
    assert set(ours) == set(methods)
    for target, conditional in ours.items():
        assert (conditional.level is not None) == methods[target].startswith("2lonly")
        filled_in = methods[target] == "2lonly.mean"
        theirs = set() if filled_in else of_book(target, book["pred"][target], methods[target])
        assert entries(conditional) - theirs == listed(MORE.get((case, target), set()))
        assert theirs - entries(conditional) == listed(LESS.get((case, target), set()))


@pytest.mark.by_default("fimd_7.10.5-*", "tut*-*", "popmis*-fcs")
@pytest.mark.parametrize("mode", ["compatible", "fcs"])
@pytest.mark.parametrize("case", ANALYSES)
def test_plans_of_the_case_studies_have_no_errors(case: str, mode: str, frames: Mapping[str, pd.DataFrame]) -> None:
    made, frame = suggested(case, frames, mode)
    assert errors(check(made.plan, frame)) == []
    assert Plan.from_toml(made.toml) == made.plan
    assert [a.formula for a in made.plan.analyses] == [ANALYSES[case][1]]


@pytest.mark.by_default("fimd_7.10.5", "tut*")
@pytest.mark.parametrize("case", ANALYSES)
def test_compatible_plans_ignore_nothing_and_leave_the_outcome_out(
    case: str, frames: Mapping[str, pd.DataFrame]
) -> None:
    made, frame = suggested(case, frames, "compatible")
    (model,) = made.plan.substantive
    assert model.formulas == {"mu": ANALYSES[case][1]}
    for conditional in made.plan.conditionals:
        reads_outcome = model.target in parse(conditional.formulas["mu"]).names
        assert reads_outcome == (conditional.target in AUXILIARY.get(case, []))
    assert bi.congenial(made.plan, ANALYSES[case][1], frame) == []
    assert_no_circle(made.plan, frame)


# Without the shared data ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def school() -> pd.DataFrame:
    """Pupils with everything: incomplete numbers, yes/no values and level-2 variables, and columns of no use."""
    data = simulate_school(3, clusters=30, size=12)
    rng = np.random.default_rng(4)
    frame = data.incomplete.copy()
    n = len(frame)
    size = rng.normal(size=30)
    codes = pd.factorize(frame["school"])[0]
    frame["size"] = np.where(np.isin(codes, (2, 5)), np.nan, size[codes])
    frame["public"] = np.where(rng.random(n) < 0.2, np.nan, (size > 0)[codes])
    frame["ability"] = np.where(rng.random(n) < 0.1, np.nan, data.complete["popular"] + rng.normal(size=n))
    frame["noise"] = np.tile([0.0, 1.0, 1.0], n // 3)
    frame["pupil"] = np.arange(n)
    frame["constant"] = 3
    frame["group"] = np.array(["a", "b", "c"])[rng.integers(0, 3, n)]
    frame["asked"] = frame["popular"].notna().astype(int)
    return frame.assign(sex=frame["sex"].where(rng.random(n) > 0.1))


ANALYSIS = "popular ~ sex * texp + size + (1 + sex | school)"


def model(made: Suggestion, target: str) -> str:
    return next(c.formulas["mu"] for c in made.plan.models if c.target == target)


def comment(made: Suggestion, target: str) -> str:
    """The comment above the model of a target, on one line."""
    blocks = made.toml.split("\n\n")
    block = next(b for b in blocks if f'target = "{target}"' in b)
    return " ".join(line.removeprefix("# ") for line in block.splitlines() if line.startswith("#"))


def opening(made: Suggestion) -> str:
    return " ".join(line.removeprefix("# ") for line in made.toml.partition("schema =")[0].splitlines())


def test_levels_and_roles_follow_from_the_data(school: pd.DataFrame) -> None:
    made = suggest(ANALYSIS, school)
    assert str(made) == made.toml
    assert [s.target for s in made.plan.substantive] == ["popular"]
    assert {c.target: (c.family, c.level) for c in made.plan.conditionals} == {
        "sex": ("bernoulli", None),
        "size": ("gaussian", "school"),
    }
    assert model(made, "sex") == "sex ~ texp + size + (1 | school)"
    assert model(made, "size") == "size ~ texp"
    assert "constant in every school" in comment(made, "size") and "one row for each school" in comment(made, "size")
    assert "It has two values: family bernoulli" in comment(made, "sex")
    assert "popular left out on purpose" in comment(made, "sex")
    assert "Complete, so without a model of their own: texp." in opening(made)


def test_columns_outside_of_the_analysis_are_named_with_their_reasons(school: pd.DataFrame) -> None:
    told = opening(suggest(ANALYSIS, school))
    assert "as auxiliary variables could help: ability (|r| = 0.7" in told
    for reason in (
        "school (a cluster key)",
        "pupil (an identifier: every row has a value of its own)",
        "constant (a constant)",
        "public (a function of size)",
        "asked (the missingness of popular itself: it belongs into a selection model)",
    ):
        assert reason in told


def test_auxiliary_variables_are_targets_in_compatible_plans(school: pd.DataFrame) -> None:
    made = suggest(ANALYSIS, school, auxiliary=["ability", "public"])
    assert model(made, "ability").startswith("ability ~ popular + sex")
    assert all("ability" not in parse(model(made, name)).names for name in ("popular", "sex", "size"))
    assert "Auxiliary variable: |r| = 0.7" in comment(made, "ability")
    assert "known from other members of their school" in comment(made, "public")
    assert "cluster_mean(popular, school)" in model(made, "public")
    made = suggest(ANALYSIS, school.assign(ability=school["ability"].fillna(0.0)), auxiliary=["ability"])
    assert "It is complete, and has a model all the same" in comment(made, "ability")


def test_auxiliary_variables_are_found_by_their_correlation(school: pd.DataFrame) -> None:
    made = suggest(ANALYSIS, school, auxiliary="auto")
    assert "ability" in {c.target for c in made.plan.conditionals}
    assert "with |r| of at least 0.1" in opening(made) and "Left out, as |r| is below 0.1" in opening(made)
    assert "noise" not in {c.target for c in made.plan.conditionals}
    found = suggest(ANALYSIS, school, auxiliary="auto", mode="fcs")
    assert "ability" in parse(model(found, "popular")).names
    assert "ability (|r| = 0.7" in comment(found, "popular")


def test_categories_predict_in_chained_equations_by_the_means_of_their_labels(school: pd.DataFrame) -> None:
    made = suggest(ANALYSIS, school, mode="fcs", auxiliary=["group"])
    assert 'cluster_mean(group == "c", school)' in model(made, "popular")
    assert "group" not in {c.target for c in made.plan.conditionals}
    assert errors(check(made.plan, school)) == []


def test_chained_equations_tell_what_they_ignore_and_when_they_visit(school: pd.DataFrame) -> None:
    made = suggest(ANALYSIS, school, mode="fcs")
    assert made.plan.substantive == ()
    assert made.plan.run.visit_sequence == ("sex", "popular", "size")
    assert "What of the analysis these imputations ignore: sex: random slopes of popular" in opening(made)
    assert "Level-1 variables first, then level-2" in made.toml
    assert "those of the analysis with popular for sex" in comment(made, "sex")
    assert "cluster_mean(sex, school):texp" in model(made, "size")


def test_slopes_far_from_zero_are_centred(school: pd.DataFrame) -> None:
    made = suggest(ANALYSIS, school.assign(popular=school["popular"] + 50), mode="fcs")
    assert "(1 + center(popular) | school)" in model(made, "sex")


def test_every_model_has_a_comment(school: pd.DataFrame) -> None:
    for mode in ("compatible", "fcs"):
        made = suggest(ANALYSIS, school, mode=mode, auxiliary="auto")
        for block in made.toml.split("\n\n")[1:]:
            assert block.startswith("# "), block
        assert tomllib.loads(made.toml)["schema"] == 1
        assert max(map(len, (line for line in made.toml.splitlines() if line.startswith("#")))) <= 120


def test_two_analyses_make_one_plan(school: pd.DataFrame) -> None:
    made = suggest(["ability ~ sex + (1 | school)", "popular ~ ability + sex + (1 | school)"], school)
    assert [s.target for s in made.plan.substantive] == ["ability", "popular"]
    assert [c.target for c in made.plan.conditionals] == ["sex"]
    assert [a.name for a in made.plan.analyses] == ["analysis 1", "analysis 2"]
    assert errors(check(made.plan, school)) == []


@pytest.mark.parametrize(
    ("analyses", "formula"),
    [
        (["popular ~ (1 | school)", ANALYSIS], ANALYSIS),
        (
            ["popular ~ sex + (1 | school)", "popular ~ texp + (0 + sex | school)"],
            "popular ~ sex + texp + (1 + sex | school)",
        ),
        (["popular ~ 0 + sex", "popular ~ 0 + texp"], "popular ~ 0 + sex + texp"),
    ],
)
def test_analyses_of_one_outcome_become_the_most_general_model(
    analyses: list[str], formula: str, school: pd.DataFrame
) -> None:
    made = suggest(analyses, school)
    assert model(made, "popular") == formula
    assert [a.formula for a in made.plan.analyses] == analyses
    assert all(bi.congenial(made.plan, a, school) == [] for a in analyses)


def test_families_options_and_priors_of_the_user_stay(school: pd.DataFrame) -> None:
    asked = Conditional.of("popular ~ sex + (1 | school)", family="student_t", priors={"sex": "Normal(0, 1)"})
    for mode in ("compatible", "fcs"):
        made = suggest(asked, school, mode=mode)
        kept = next(c for c in made.plan.models if c.target == "popular")
        assert (kept.family, dict(kept.priors)) == ("student_t", dict(asked.priors))
        assert Plan.from_toml(made.toml) == made.plan
        assert "Family student_t, as asked for" in comment(made, "popular")
        assert made.plan.analyses == () and "No [[analysis]] for popular ~ sex" in made.toml
    probit = Analysis(name="girls", formula="sex ~ popular", family="bernoulli", link="probit", df="infinite")
    made = suggest(probit, school)
    assert made.plan.analyses == (probit,) and 'link = "probit"' in made.toml
    assert Plan.from_toml(made.toml) == made.plan


def test_selection_models_keep_their_selection(school: pd.DataFrame) -> None:
    formulas = {"mu": "popular ~ sex + (1 | school)", "selection": "asked ~ sex + noise + size"}
    asked = Conditional(target="popular", family="heckman_gaussian", formulas=formulas)
    for mode in ("compatible", "fcs"):
        made = suggest(asked, school, mode=mode)
        kept = next(c for c in made.plan.models if c.target == "popular")
        assert kept.family == "heckman_gaussian" and kept.formulas["selection"] == formulas["selection"]
        assert "size" in {c.target for c in made.plan.conditionals}
        assert Plan.from_toml(made.toml) == made.plan


def selected(school: pd.DataFrame, mode: str) -> Suggestion:
    """popular goes by sex and size; who is asked goes by noise and the visitor, too."""
    formulas = {
        "mu": "popular ~ sex + size + (1 | school)",
        "selection": "asked ~ sex + noise + size + (1 | school) + (1 | visitor)",
    }
    frame = school.assign(visitor=np.arange(len(school)) % 12)
    made = suggest(Conditional(target="popular", family="heckman_gaussian", formulas=formulas), frame, mode=mode)
    assert check(made.plan, frame) == []
    return made


def test_chained_equations_leave_exclusion_variables_out_of_the_outcome(school: pd.DataFrame) -> None:
    made = selected(school, "fcs")
    reads = parse(model(made, "popular")).names
    assert not {"noise", "visitor"} & reads and {"sex", "size", "school"} <= reads
    assert "Left out, as moving selection only (exclusion variables): noise, visitor" in comment(made, "popular")
    assert {"noise", "visitor"} <= parse(model(made, "sex")).names


def test_chained_equations_beside_a_selection_model_know_who_was_selected(school: pd.DataFrame) -> None:
    made = selected(school, "fcs")
    assert "observed(popular)" in model(made, "sex")
    assert "cluster_mean(observed(popular), school)" in model(made, "size")
    assert "observed(" not in model(made, "popular")


def test_an_indicator_that_no_data_identify_is_not_suggested(school: pd.DataFrame) -> None:
    formulas = {"mu": "popular ~ sex", "selection": "sex + noise"}
    asked = Conditional(target="popular", family="heckman_gaussian", formulas=formulas)
    frame = school.assign(sex=school["sex"].where(school["popular"].notna()))
    made = suggest(asked, frame, mode="fcs")
    assert "observed(" not in model(made, "sex")
    assert "No observed(popular): sex tells of one of its values only" in comment(made, "sex")
    assert '"sex" is never observed where "popular" is missing' in opening(made)


def test_selection_models_are_suggested_in_compatible_plans_by_default(school: pd.DataFrame) -> None:
    made = selected(school, "compatible")
    (outcome,) = made.plan.substantive
    assert outcome.formulas["mu"] == "popular ~ sex + size + (1 | school)"
    assert not any("popular" in parse(c.formulas["mu"]).names for c in made.plan.conditionals)
    formulas = {"mu": "popular ~ sex", "selection": "sex + noise"}
    plain = suggest(Conditional(target="popular", family="heckman_gaussian", formulas=formulas), school)
    assert [c.target for c in plain.plan.substantive] == ["popular"]


def test_logistic_mixed_analyses_are_fitted_by_maximum_likelihood(school: pd.DataFrame) -> None:
    made = suggest("sex ~ popular + (1 | school)", school)
    (analysis,) = made.plan.analyses
    assert (analysis.family, analysis.engine) == ("bernoulli", None)
    assert model_of(analysis.formula, **analysis.options).engine == "glmm"


def test_an_analysis_without_gaps_has_no_model(school: pd.DataFrame) -> None:
    made = suggest(["texp ~ noise", "popular ~ sex + texp"], school)
    assert [s.target for s in made.plan.substantive] == ["popular"] and len(made.plan.analyses) == 2
    assert errors(check(made.plan, school)) == []


def test_functions_in_the_analysis_stay_as_they_are(school: pd.DataFrame) -> None:
    formula = "popular ~ poly(ability, 2) + cluster_mean(ability, school) + center(texp) + I(size ** 2) + (1 | school)"
    made = suggest(formula, school)
    assert model(made, "popular") == formula
    assert model(made, "ability") == "ability ~ center(texp) + size + (1 | school)"
    chained = suggest(formula, school, mode="fcs")
    assert model(chained, "popular").startswith("popular ~ poly(ability, 2) + cluster_mean(ability, school)")
    assert " ability +" not in model(chained, "popular").partition("poly(ability, 2)")[2]
    assert "has no counterpart here" in comment(chained, "ability")
    for plan in (made.plan, chained.plan):
        assert errors(check(plan, school)) == []


def test_few_clusters_carry_few_coefficients(school: pd.DataFrame) -> None:
    few = school[school["school"].isin(school["school"].unique()[:8])]
    few = few.assign(noise=np.arange(len(few)) % 5)
    made = suggest("popular ~ sex + texp + noise + size + (1 | school)", few)
    assert model(made, "size") == "size ~ texp"
    assert "Left out, as 6 observed units carry 1 coefficient: cluster_mean(noise, school)" in comment(made, "size")


def test_what_does_not_vary_where_a_target_is_observed_is_left_out(school: pd.DataFrame) -> None:
    frame = school.assign(sex=school["sex"].where(school["noise"] == 1))
    made = suggest("popular ~ sex + noise + (1 | school)", frame)
    assert "noise" not in parse(model(made, "sex")).names
    told = comment(made, "sex")
    assert "Left out: noise does not vary wherever sex is observed" in told and 'applies = "noise == 1"' in told


def test_keys_come_from_the_analysis_the_data_and_the_user(school: pd.DataFrame) -> None:
    plain = "popular ~ sex + texp"
    assert suggest(plain, school).plan.conditionals[0].formulas["mu"] == "sex ~ texp"
    by_user = suggest(plain, school, clusters="school")
    assert model(by_user, "sex") == "sex ~ texp + (1 | school)" and model(by_user, "popular") == plain
    assert suggest(plain, Incomplete.from_frame(school, clusters=["school"])).plan == by_user.plan
    assert "+ (1 | school)" in model(suggest(plain, school, clusters=["school"], mode="fcs"), "popular")


def test_what_check_remarks_on_stands_in_the_text(school: pd.DataFrame) -> None:
    few = school[school["school"] <= 4]
    told = opening(suggest("popular ~ sex + (1 | school)", few))
    assert 'remarks on substantive[popular].formulas.mu: there are only 4 clusters of "school"' in told


def test_nested_keys_give_random_intercepts_at_the_levels_above(school: pd.DataFrame) -> None:
    frame = school.assign(district=school["school"] // 6)
    made = suggest("popular ~ sex + size + (1 | district) + (1 | school)", frame)
    assert "(1 | district)" in model(made, "size") and "(1 | school)" not in model(made, "size")
    assert model(made, "sex").endswith("(1 | district) + (1 | school)")


def test_no_column_name_can_leave_its_comment(school: pd.DataFrame) -> None:
    frame = school.rename(columns={"ability": 'a`b\n[run]\nm = 1 # "', "noise": "no noise\x7f"})
    for mode in ("compatible", "fcs"):
        made = suggest("popular ~ sex + (1 | school)", frame, mode=mode, auxiliary="auto")
        assert Plan.from_toml(made.toml) == made.plan and made.plan.run.m == 20


def test_columns_with_odd_names_are_quoted(school: pd.DataFrame) -> None:
    frame = school.rename(columns={"sex": "the sex", "school": "a school", "ability": 'say "a"'})
    made = suggest("popular ~ `the sex` * texp + (1 + `the sex` | `a school`)", frame, mode="fcs", auxiliary="auto")
    assert "cluster_mean(`the sex`, `a school`)" in model(made, "popular")
    assert Plan.from_toml(made.toml) == made.plan and errors(check(made.plan, frame)) == []


OUTCOMES = ("y", "yes", "text", "w", "flag")
TERMS = (
    *("x", "yes", "text", "w", "labels", "few", "x:w", "x*yes", "yes*text", "I(x**2)", "poly(x, 2)", "center(x)"),
    *("cluster_mean(x, g)", "cluster_mean(x, g)*w", "cluster_mean(text == 'p', g)", "x:text:w", "labels*x", "C(few)"),
)
EFFECTS = ("", "(1 | g)", "(1 + x | g)", "(1 + text | g)", "(1 | h) + (1 | g)", "(x || g)", "(1 | h/g)")


@st.composite
def any_frame(draw: st.DrawFn) -> pd.DataFrame:
    """Columns of all types, any of them incomplete, in few clusters."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, k, share = draw(st.integers(10, 100)), draw(st.integers(3, 12)), draw(st.sampled_from([0.05, 0.2, 0.5]))
    g = rng.integers(0, k, n)
    frame = pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(draw(st.sampled_from([0, 50])), 3, n),
            "yes": rng.integers(0, 2, n).astype(float),
            "text": rng.choice(["p", "q"], n),
            "w": rng.normal(size=k)[g],
            "few": rng.integers(0, 4, n).astype(float),
            "flag": pd.array(rng.random(n) < 0.5, dtype="boolean"),
            "other": rng.normal(size=n),
            "upper": rng.integers(0, 2, k).astype(float)[g],
        }
    )
    for name in draw(st.sets(st.sampled_from(list(frame.columns)), min_size=1)):
        whole = name in ("w", "upper") and draw(st.booleans())
        frame[name] = frame[name].mask((rng.random(k) < share)[g] if whole else rng.random(n) < share)
    return frame.assign(labels=rng.choice(["a", "b", "c"], n), g=g, h=g % 3)


@settings(max_examples=30, deadline=None)
@given(
    frame=any_frame(),
    outcome=st.sampled_from(OUTCOMES),
    terms=st.lists(st.sampled_from(TERMS), max_size=4),
    effects=st.sampled_from(EFFECTS),
    mode=st.sampled_from(["compatible", "fcs"]),
    auxiliary=st.sampled_from([None, "auto", ["other"], ["upper", "other"]]),
)
def test_whatever_the_data_a_plan_has_no_errors_or_is_refused(
    frame: pd.DataFrame, outcome: str, terms: list[str], effects: str, mode: str, auxiliary: Any
) -> None:
    formula = f"{outcome} ~ {' + '.join(['1', *terms, *([effects] if effects else [])])}"
    try:
        made = suggest(formula, frame, mode=mode, auxiliary=auxiliary)
    except InputError as error:
        assert error.problems
        return
    assert Plan.from_toml(made.toml) == made.plan
    assert errors(check(made.plan, frame)) == []
    if mode == "compatible":
        assert bi.congenial(made.plan, formula, frame) == []
        assert_no_circle(made.plan, frame)


def test_a_plan_that_check_refuses_is_not_suggested() -> None:
    """Labels of which one is observed have no family, and nothing else that is incomplete is in the analysis."""
    text = pd.Series(["p", "p", "p", "p", "p", None, None, None, None, None], dtype=object)
    frame = pd.DataFrame({"y": np.arange(10.0) ** 1.5, "x": [1.0, None] * 5, "text": text, "g": [0, 1, 2, 0, 1] * 2})
    with pytest.raises(InputError, match="text"):
        suggest("y ~ 1 + (1 + text | g)", frame)


def test_the_data_are_not_changed(school: pd.DataFrame) -> None:
    before = school.copy()
    suggest(ANALYSIS, school, auxiliary="auto")
    pd.testing.assert_frame_equal(school, before)


# What is refused -----------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Any, dict[str, Any], str, str, str]] = {
    "no analysis": ([], {}, "analysis", "there is no analysis", "write"),
    "not a text": (3, {}, "analysis", "not a formula", "write it as a text"),
    "cut off": ("popular ~ sex +", {}, "analysis", "ends too early", "write terms"),
    "no outcome": ("sex", {}, "analysis", "no left side", "write the target"),
    "one of several": (["popular ~ sex", "y y"], {}, "analysis[2]", "not expected", "write terms"),
    "code": ("popular ~ eval(sex)", {}, "analysis", 'the function "eval" is not allowed', "allowed are"),
    "attribute": ("popular ~ sex.x", {}, "analysis", "has no place in a formula", "attributes"),
    "no column": ("popular ~ sexx", {}, "analysis", 'no column "sexx"', 'did you mean "sex"?'),
    "no outcome there": ("populr ~ sex", {}, "analysis", 'no column "populr"', 'did you mean "popular"?'),
    "no key": ("popular ~ sex + (1 | schol)", {}, "analysis", 'no column "schol"', 'did you mean "school"?'),
    "text calculated": ("popular ~ I(group ** 2)", {}, "analysis", "cannot be computed", "check the types"),
    "not finite": ("popular ~ sex + log(noise)", {}, "analysis", "log(noise) is not a finite number", "mend"),
    "complete": ("texp ~ noise", {}, "analysis", "has missing values: noise, texp", "fit it to the data"),
    "outcome missing": ("nothing ~ sex", {}, "analysis", 'all values of "nothing" are missing', "leave it out"),
    "covariate missing": ("popular ~ nothing", {}, "analysis", 'all values of "nothing" are missing', "leave it out"),
    "constant": ("popular ~ sex + constant", {}, "analysis", '"constant" does not vary', "leave it out"),
    "few clusters": ("popular ~ sex + (sex * texp | asked)", {}, "analysis", "4 random effects", "fewer random"),
    "one row": ("popular ~ sex + (1 | pupil)", {}, "analysis", "every cluster has one row", "use a key"),
    "category": ("popular ~ word", {}, "analysis", "labels, and no family", "merge"),
    "coded": ("popular ~ C(code)", {}, "analysis", "C(code) makes a category", "as a number"),
    "category outcome": ("word ~ sex", {}, "analysis", "labels, and no family", "30 or fewer"),
    "circle": (["popular ~ sex", "sex ~ popular"], {}, "analysis", "in a circle", "a plan for each"),
    "family": (Conditional.of("popular ~ sex", family="gausian"), {}, "analysis.family", "no family", "gaussian"),
    "analysis family": (
        Analysis(name="a", formula="texp ~ sex", family="negativebinomial"),
        {},
        "analysis.family",
        "ne",
        "fcs",
    ),
    "families": (
        [Conditional.of("popular ~ sex", family="student_t"), Conditional.of("popular ~ texp", family="gaussian")],
        {},
        "analysis",
        "different families",
        "a plan for each",
    ),
    "selected": (
        Conditional(
            target="popular", family="heckman_gaussian", formulas={"mu": "popular ~ sex", "selection": "noise"}
        ),
        {"auxiliary": "auto"},
        "auxiliary",
        "has a selection model",
        '"fcs"',
    ),
    "selected covariate": (
        [
            Conditional(target="sex", family="heckman_probit", formulas={"mu": "sex ~ texp", "selection": "noise"}),
            "popular ~ sex",
        ],
        {},
        "analysis",
        'the analysis of "popular" reads its missing values',
        '"fcs"',
    ),
    "mode": ("popular ~ sex", {"mode": "fsc"}, "mode", 'no mode "fsc"', 'did you mean "fcs"?'),
    "mode type": ("popular ~ sex", {"mode": 3}, "mode", 'no mode "3"', "use compatible, fcs or sparse"),
    "auxiliary": ("popular ~ sex", {"auxiliary": ["abilty"]}, "auxiliary", 'no column "abilty"', '"ability"?'),
    "auxiliary used": ("popular ~ sex", {"auxiliary": "sex"}, "auxiliary", "in the analysis already", "leave it out"),
    "auxiliary flat": ("popular ~ sex", {"auxiliary": ["constant"]}, "auxiliary", "a constant", "leave it out"),
    "auxiliary labels": ("popular ~ sex", {"auxiliary": ["word"]}, "auxiliary", "too many labels", '"fcs"'),
    "auxiliary type": ("popular ~ sex", {"auxiliary": 3}, "auxiliary", "3 is not a list of columns", "write"),
    "clusters": ("popular ~ sex", {"clusters": ["schol"]}, "clusters", 'no column "schol"', '"school"?'),
    "clusters type": ("popular ~ sex", {"clusters": 3}, "clusters", "3 is not a list of columns", "write"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_clear_error(case: str, school: pd.DataFrame) -> None:
    analysis, options, path, finding, remedy = REFUSED[case]
    rng = np.random.default_rng(5)
    colour = np.where(rng.random(len(school)) < 0.1, None, school["group"])
    code = np.where(rng.random(len(school)) < 0.1, np.nan, school["pupil"] % 12)
    word = np.where(rng.random(len(school)) < 0.1, None, "word " + (school["pupil"] // 8).astype(str))
    frame = school.assign(nothing=np.nan, colour=colour, code=code, word=word)
    with pytest.raises(InputError) as caught:
        suggest(analysis, frame, **options)
    found = [p for p in caught.value.problems if finding in p.finding]
    assert len(found) == 1, str(caught.value)
    assert found[0].path == path and remedy in found[0].remedy


def test_all_that_is_wrong_is_told_at_once(school: pd.DataFrame) -> None:
    with pytest.raises(InputError) as caught:
        suggest("popular ~ sexx + texpp", school, mode="x", auxiliary=["abilty"], clusters=["schol"])
    assert {p.path for p in caught.value.problems} == {"analysis", "mode", "auxiliary", "clusters"}
    assert len(caught.value.problems) == 5


def test_data_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="not a data frame"):
        suggest("y ~ x", 3)  # type: ignore[arg-type]


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command_prints_a_plan_that_check_accepts(
    school: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    school.to_csv("school.csv", index=False)
    words = ["suggest", "--data", "school.csv", "--analysis", ANALYSIS, "--auxiliary", "ability", "--mode", "fcs"]
    assert main([*words, "--cluster", "school"]) == 0
    out, err = capsys.readouterr()
    assert "bayesimpute check plan.toml --data school.csv" in err
    assert "ability" in parse(Plan.from_toml(out).conditionals[0].formulas["mu"]).names
    Path("plan.toml").write_text(out)
    assert main(["check", "plan.toml", "--data", "school.csv"]) == 0
    capsys.readouterr()
    words = ["suggest", "--data", "school.csv", "--analysis", ANALYSIS, "--auxiliary", "auto", "--missing=-99,n/a"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "with |r| of at least" in out and "--data school.csv --missing=-99,n/a" in err


def test_the_command_refuses_like_the_others(
    school: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    school.to_csv("school.csv", index=False)
    assert main(["suggest", "--data", "school.csv", "--analysis", "popular ~ sexx", "--mode", "x"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and 'error: analysis: there is no column "sexx"; did you mean "sex"?' in err
    assert "error: mode" in err
    assert main(["suggest", "--data", "nowhere.csv", "--analysis", "y ~ x"]) == 1
    assert main(["suggest", "--data", "school.csv", "--least", "2"]) == 1
    assert "error: least: 2.0 is no association" in capsys.readouterr().err
