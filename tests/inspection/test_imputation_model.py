"""Conditional models in hand: which data they hold, their priors, pictures and predictions, and bambi's models."""

import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from graphs import pymc_logp
from modelling import conditional, school_frame

import bayesimpute as bi
from bayesimpute.base.errors import InputError
from bayesimpute.families import Bernoulli, Binomial
from bayesimpute.inspection.imputation_model import ImputationModel
from bayesimpute.plan.bambi_models import independent

pytestmark = pytest.mark.long(20)

BOTH = bi.Plan.of(["y ~ x + b + (1 + x | school)", "b ~ x + y + (1 | school)"])


def complete(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].fillna(0.0)})


def test_before_a_run_it_is_on_the_start_fill_and_afterwards_on_a_dataset() -> None:
    frame = school_frame()
    before = bi.model(BOTH, frame, target="y")
    assert isinstance(before, ImputationModel) and before.pymc["X_mu"].eval().shape == (96, 3)
    made = bi.impute(frame, BOTH, seed=1, m=2, chains=1, warmup=3, sweeps=4, sampler="gibbs", progress=False)
    columns = [made.model("y", imputation=k).pymc["X_mu"].eval()[:, 2] for k in (0, 1)]
    seen = frame["y"].notna()
    for k, column in enumerate(columns):
        np.testing.assert_allclose(column + column_mean(made, k), made.completed(k).loc[seen, "b"], atol=1e-9)
    assert (columns[0] != columns[1]).any()


def column_mean(made: bi.MultiplyImputed, k: int) -> float:
    (predictor,) = (p for p in made.model("y", imputation=k).design.predictors if p.key == "mu")
    return float(predictor.centre[2])


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("x", "is complete, so that no model imputes it"),
        ("v", "known from other members of their clusters"),
        ("double", "is computed from other variables"),
        ("u", "is not in the plan"),
        ("z", "is no variable"),
        (None, "several models"),
        ("yy", 'did you mean "y"'),
    ],
)
def test_a_target_without_a_model_is_told(target: str | None, says: str) -> None:
    """It is complete, deduced, derived, not in the plan, or nothing at all."""
    frame = school_frame()
    frame = frame.assign(v=frame["school"] % 3 + 0.5, u=1.0)
    frame.loc[0, ["u", "v"]] = np.nan
    derived = (bi.Derived(name="double", expression="2 * y"),)
    plan = bi.Plan.of([*BOTH.conditionals, "v ~ cluster_mean(x, school)"], derived=derived)
    with pytest.raises(InputError, match=says):
        bi.model(plan, frame, target=target)


def test_what_is_wrong_with_the_plan_is_told_first() -> None:
    with pytest.raises(bi.PlanError, match="no column"):
        bi.model("y ~ nothing", school_frame())


def test_the_table_says_whose_priors_they_are_and_where_they_hold() -> None:
    item = conditional("y ~ x * d + (1 + x | school)", priors={"x:d[yes]": "Cauchy(0, 2)", "school_corr": "LKJ(4)"})
    table = bi.model(item, complete(school_frame(), "b")).priors.set_index("parameter")
    assert dict(table["source"]) == {
        "Intercept": "bambi",
        "x": "bambi",
        "d[yes]": "bambi",
        "x:d[yes]": "user",
        "sigma": "bambi",
        "1|school_sigma": "bayesimpute",
        "x|school_sigma": "bayesimpute",
        "correlations of 1|school, x|school": "user",
    }
    assert table.loc["x:d[yes]", "prior"] == "Cauchy(alpha=0, beta=2)"
    means = table.index[table["at"] == "means of the columns"]
    assert list(means) == ["Intercept", "d[yes]", "1|school_sigma", "correlations of 1|school, x|school"]


@pytest.mark.parametrize(("clusters", "form"), [(6, "1|school_offset"), (24, "1|school")])
def test_effects_of_few_clusters_are_standard_normals_times_their_spread(clusters: int, form: str) -> None:
    """However much each of them tells of its own."""
    frame = school_frame(240, clusters).drop(columns="b")
    rng = np.random.default_rng(1)
    y = frame["y"] + 50 * rng.normal(size=clusters)[frame["school"]]
    mine = bi.model("y ~ x + (1 | school)", frame.assign(y=y))
    assert mine.design.blocks[0].centred and form in {rv.name for rv in mine.pymc.free_RVs}


def test_a_rare_outcome_has_our_prior_of_its_share() -> None:
    table = bi.model("b ~ x", complete(school_frame(), "y")).priors.set_index("parameter")
    assert table.loc["Intercept", "source"] == "bayesimpute" and table.loc["x", "source"] == "bambi"


def test_the_picture_names_every_variable_in_quotes() -> None:
    text = bi.model(BOTH, school_frame(), target="y").graph()
    nodes = dict(re.findall(r'^ +(v\d+)\W+"([^"]+)"', text, flags=re.M))
    assert {"1|school", "x ~ Normal", "y ~ Normal", "school_corr_cholesky ~ LKJCorr"} <= set(nodes.values())
    arrows = re.findall(r"(v\d+) --> (v\d+)", text)
    assert arrows and {end for arrow in arrows for end in arrow} <= set(nodes)
    assert text.count("subgraph ") == text.count("    end") > 1
    with pytest.raises(InputError, match="mermaid"):
        bi.model("y ~ x", complete(school_frame(), "b")).graph(kind="png")  # pyright: ignore[reportArgumentType]


def test_predictions_from_the_prior_are_those_of_theory() -> None:
    """With y = a + e, a ~ Normal(3, 2), sigma ~ HalfNormal(1): mean 3, variance 4 + 1."""
    item = conditional("y ~ 1", priors={"Intercept": "Normal(3, 2)", "sigma": "HalfNormal(1)"})
    draws = bi.model(item, complete(school_frame(), "b")).prior_predictive(1000, seed=1)
    y = draws["prior_predictive"]["y"].values[0, :, 0]
    assert abs(y.mean() - 3) < 4 * np.sqrt(5 / 1000)
    square = (y - 3) ** 2
    assert abs(square.mean() - 5) < 4 * square.std() / np.sqrt(1000)
    assert draws["prior"]["Intercept"].shape == (1, 1000)


def test_labels_come_back_as_labels() -> None:
    frame = complete(school_frame(), "y").drop(columns="b").assign(b="no")
    frame.loc[::3, "b"], frame.loc[1::7, "b"] = "yes", None
    draws = bi.model("b ~ x", frame).prior_predictive(20, seed=2)
    assert set(draws["prior_predictive"]["b"].values.ravel()) == {"no", "yes"}
    assert list(draws["observed_data"]["b"].values[:2]) == ["yes", "no"]


WITH_BAMBI: Mapping[str, Any] = {
    "effects": conditional("y ~ x + c + (1 | school)", priors={"c[q]": "Normal(1, 2)"}),
    "slopes apart": conditional("y ~ 0 + c + (0 + x | school)", family="student_t"),
    "sigma": conditional("y ~ x", sigma="w + (1 | school)"),
    "probit": conditional("b ~ x + (1 | region)", family=Bernoulli(link="probit")),
}


def _in_order(mine: ImputationModel, graph: Any, name: str, values: np.ndarray) -> np.ndarray:
    """The values in the order of bambi's clusters, which it sorts."""
    dims = mine.pymc.named_vars_to_dims.get(name, ())
    if not dims or "factor_dim" not in dims[0]:
        return values
    ours = list(map(str, mine.pymc.coords[dims[0]]))
    return values[[ours.index(str(label)) for label in graph.coords[dims[0]]]]


@pytest.mark.by_default("effects", "probit")
@pytest.mark.parametrize("item", WITH_BAMBI.values(), ids=WITH_BAMBI.keys())
def test_bambis_model_is_the_same_model(item: bi.Conditional) -> None:
    """In both the intercept has its prior at the means of the columns; bambi calls it Intercept there."""
    mine = bi.model(item, complete(school_frame(), "b" if item.target == "y" else "y"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = mine.bambi()
        theirs.noncentered = any(name.endswith("_offset") for name in mine.pymc.named_vars)
        theirs.build()
    graph = theirs.backend.model
    logp, ours = pymc_logp(graph), pymc_logp(mine.pymc)
    rng, gaps, low = np.random.default_rng(3), [], 0.02 if "probit" in str(item) else 0.5  # its tails end at 1e-16
    shapes = {rv.name: rv.shape.eval() for rv in mine.pymc.free_RVs}
    for _ in range(3):
        values = {name: rng.uniform(low, 3 * low, tuple(shape)) for name, shape in shapes.items()}
        same = {name.removesuffix("_centered"): _in_order(mine, graph, name, v) for name, v in values.items()}
        gaps.append((logp(same) - ours(values)) / abs(ours(values)))
    assert np.abs(gaps).max() < 4 * float(np.finfo(np.float32).eps)  # bambi has constants in single precision


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (conditional("y ~ x + (1 + x | school)"), "correlated effects"),
        (conditional("y ~ x * d"), "about the means"),
        (conditional("y ~ I(x / 9 + w) + I(x / (9 + w))"), "differ in parentheses only"),
        (conditional("y ~ x", family="heckman_gaussian", selection="x + w"), "selection models"),
    ],
)
def test_what_bambi_does_not_have_is_told(item: bi.Conditional, says: str) -> None:
    with pytest.raises(InputError, match=says):
        bi.model(item, complete(school_frame(), "b")).bambi()


@pytest.mark.parametrize("family", ["negative_binomial", "hurdle_poisson", Binomial(trials=90), "poisson"])
def test_bambis_likelihood_is_ours_or_none(family: Any) -> None:
    """Families whose priors follow bambi's rules for another family are none of bambi's."""
    frame = school_frame()
    frame["y"] = (frame["y"] / 10).round().clip(lower=0)
    made = bi.model(bi.Conditional.of("y ~ x", family=family), complete(frame, "b"))
    if family == "poisson":
        assert made.bambi().family.name == "poisson"
        return
    with pytest.raises(bi.InputError, match="bambi has no family"):
        made.bambi()


@pytest.mark.parametrize(
    ("bambis", "ours"),
    [
        ("y ~ x + (1 | g)", "y ~ x + (1 | g)"),
        ("y ~ x + (1 + x | g)", "y ~ x + (1 + x || g)"),
        ("y ~ (x | g) + (0 + log(x) | h)", "y ~ (x || g) + (0 + log(x) || h)"),
        ("y ~ (1 + x || g)", "y ~ (1 + x || g)"),
    ],
)
def test_effects_of_bambis_are_independent(bambis: str, ours: str) -> None:
    assert independent(bambis) == ours


def made_with_bambi(
    text: str = "y ~ x + c + (1 + x | school)", data: pd.DataFrame | None = None, **options: Any
) -> Any:
    import bambi

    frame = (school_frame() if data is None else data).astype({"school": "category"}, errors="ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bambi.Model(text, frame, **({"dropna": True} | options))


def test_a_model_of_bambis_is_taken_over_with_the_users_own_priors() -> None:
    import bambi

    given = {
        "x": bambi.Prior("Normal", mu=0, sigma=3),
        "c": bambi.Prior("Normal", mu=[0, 1], sigma=2),
        "x|school": bambi.Prior("Normal", mu=0, sigma=bambi.Prior("HalfCauchy", beta=2)),
    }
    plan = bi.Plan.of([made_with_bambi(priors=given), made_with_bambi("b ~ x", family="bernoulli", link="probit")])
    y, b = plan.conditionals
    assert y.formulas["mu"] == "y ~ x + c + (1 + x || school)" and y.family == "gaussian"
    assert b.family == Bernoulli(link="probit") and not b.priors
    assert {name: str(prior) for name, prior in y.priors.items()} == {
        "x": "Normal(mu=0.0, sigma=3.0)",
        "c[q]": "Normal(mu=0.0, sigma=2.0)",
        "c[r]": "Normal(mu=1.0, sigma=2.0)",
        "x|school_sigma": "HalfCauchy(beta=2.0)",
    }
    assert [p for p in bi.check(plan, school_frame()) if p.severity.value == "error"] == []


def test_terms_go_to_bambi_and_back_with_their_priors_though_it_drops_parentheses() -> None:
    import bambi

    mine = complete(school_frame(), "b")
    item = conditional("y ~ log(99 - (w - x))", priors={"log(99 - (w - x))": "Normal(1, 2)"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = bi.model(item, mine).bambi()
    (term,) = next(iter(theirs.parameters.values())).common_terms.values()
    assert term.name == "log(99 - w - x)" and term.prior.args["mu"] == 1
    given = {"log(99 - w - x)": bambi.Prior("Normal", mu=1, sigma=2)}
    back = bi.Plan.of([made_with_bambi("y ~ log(99 - (w - x))", mine, priors=given)])
    assert {name: str(prior) for name, prior in back.models[0].priors.items()} == {
        "log(99 - (w - x))": "Normal(mu=1.0, sigma=2.0)"
    }


def test_all_that_cannot_be_taken_over_is_told_at_once() -> None:
    import bambi

    effects = bambi.Prior("StudentT", nu=4, mu=0, sigma=bambi.Prior("HalfNormal", sigma=1))
    bad = made_with_bambi(priors={"x": bambi.Prior("Flat"), "1|school": effects}, center_predictors=False)
    bad.set_alias({"x": "slope"})
    with pytest.raises(bi.PlanError) as caught:
        bi.Plan.of(bad)
    text = str(caught.value)
    assert all(part in text for part in ("Flat()", "effects are normal", "center_predictors", "slope"))
    with pytest.raises(bi.PlanError, match="potentials, which are not taken over"):
        bi.Plan.of(made_with_bambi(potentials=[("x", lambda x: -(x**2))]))
    with pytest.raises(bi.PlanError, match="dropna=True"):
        bi.Plan.of(made_with_bambi("x ~ c", dropna=False))
    with pytest.raises(bi.PlanError, match='"gamma" is not here'):
        bi.Plan.of(made_with_bambi("y ~ c", family="gamma", link="log"))


def test_a_model_that_bambi_made_of_other_data_has_names_of_other_columns_and_labels() -> None:
    import bambi

    mine = complete(school_frame(), "b")
    other = mine.rename(columns={"x": "income"})
    with pytest.raises(bi.PlanError, match=r'conditional\[y\].formulas.mu: there is no column "income"'):
        bi.model(bi.Plan.of(made_with_bambi("y ~ income + (1 | school)", other)), mine)
    other = mine.assign(c=mine["c"].cat.rename_categories({"r": "s"}))
    given = {"c": bambi.Prior("Normal", mu=[0, 1], sigma=2)}
    with pytest.raises(bi.PlanError, match=r'priors."c\[s\]": the model has no such parameter; did you mean "c\[r\]"'):
        bi.model(bi.Plan.of(made_with_bambi("y ~ c", other, priors=given)), mine)


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        ("y ~ hsgp(x, m=5, c=1.5)", {}, 'function "hsgp" is not allowed'),
        ("y ~ twice(x)", {"extra_namespace": {"twice": lambda x: 2 * x}}, 'function "twice" is not allowed'),
    ],
)
def test_a_term_that_only_bambi_knows_is_told(text: str, more: Mapping[str, Any], says: str) -> None:
    mine = complete(school_frame(), "b")
    with pytest.raises(bi.PlanError, match=says):
        bi.model(bi.Plan.of(made_with_bambi(text, mine, **more)), mine)


def test_automatic_priors_are_those_of_the_data_that_are_imputed() -> None:
    mine = complete(school_frame(), "b")
    elsewhere = mine.assign(y=1000 * mine["y"])
    found, wanted = (bi.model(bi.Plan.of(made_with_bambi("y ~ x", data)), mine).priors for data in (elsewhere, mine))
    assert found.equals(wanted)


def test_a_name_with_a_slash_cannot_be_drawn_from_the_prior() -> None:
    frame = complete(school_frame(), "b").rename(columns={"x": "x/2"})
    with pytest.raises(InputError, match="no slash in a name, such as x/2"):
        bi.model("y ~ `x/2`", frame).prior_predictive(5, seed=1)


def test_priors_of_one_model_are_changed_and_nothing_else() -> None:
    plan = BOTH.with_priors("y", {"1|school_sigma": "HalfNormal(2)"}, x="Normal(0, 1)")
    y, b = plan.conditionals
    assert {name: str(prior) for name, prior in y.priors.items()} == {
        "1|school_sigma": "HalfNormal(sigma=2.0)",
        "x": "Normal(mu=0.0, sigma=1.0)",
    }
    assert b == BOTH.conditionals[1] and plan.run == BOTH.run and y.formulas == BOTH.conditionals[0].formulas
    with pytest.raises(bi.PlanError, match='"z" has no model'):
        BOTH.with_priors("z", x="Normal(0, 1)")
    with pytest.raises(InputError, match="unknown prior"):
        BOTH.with_priors("y", x="Gauss(0, 1)")
