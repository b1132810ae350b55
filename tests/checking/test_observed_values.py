"""No observed value changes in silence: it comes back as it was given, or the plan is refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import bayesimpute as bi
from bayesimpute.base.errors import errors
from bayesimpute.checking import check
from bayesimpute.plan.plan import Plan

X = np.arange(6.0) ** 2


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (pd.array([None, 2**53 + 1, 1, 2, 3, 5], dtype="Int64"), "beyond 2^53, the first in row 1 (counted from 0)"),
        (
            pd.array([None, *map(Decimal, range(5))], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
            "make it floats: frame['y'] = frame['y'].astype(\"float64\")",
        ),
    ],
)
def test_a_target_that_floats_would_change_is_refused(y, said):
    frame = pd.DataFrame({"x": X, "y": y})
    (problem,) = errors(check(Plan.of(["y ~ x"]), frame))
    assert problem.path == "conditional[y]" and said in str(problem)
    # As a predictor it comes back as it is.
    assert not errors(check(Plan.of(["z ~ y"]), frame.dropna().assign(z=[None, 1.0, 2.5, 3.0, 4.5])))


def test_what_a_result_cannot_hold_is_told_of_columns_and_row_labels():
    frame = pd.DataFrame({"x": X, "y": [np.nan, 2, 1, 4, 3, 6], "what": [object()] * 6})
    found = errors(check(Plan.of(["y ~ x"]), frame.set_index("what", drop=False)))
    assert [p.path for p in found] == ["data.index", "data[what]"]
    assert all("values of class object" in p.finding for p in found)


def test_a_missing_key_is_told_beside_an_infinite_value():
    frame = pd.DataFrame({"x": [np.inf, *X[1:]], "y": [np.nan, 2, 1, 4, 3, 6]})
    assert [p.path for p in errors(check(Plan.of(["y ~ x + (1 | plant)"]), frame))] == ["data[x]", "clusters"]


def test_describe_tells_of_normal_models_only_of_what_would_have_one() -> None:
    rng, n = np.random.default_rng(4), 300
    frame = pd.DataFrame(
        {"births": rng.poisson(0.5, n), "item": rng.integers(0, 3, n), "crp": rng.lognormal(0, 1.2, n)}
    )
    frame = frame.astype(float).mask(rng.random(frame.shape) < 0.1)
    told = [p.path for p in bi.describe(frame).remarks]
    assert told == ["data[crp]"]


def test_what_is_observed_for_one_value_of_a_column_may_be_void_elsewhere() -> None:
    rng, n = np.random.default_rng(4), 200
    frame = pd.DataFrame({"insured": rng.integers(0, 2, n), "age": rng.normal(size=n)})
    frame["cost"] = np.where((frame["insured"] == 1) & (rng.random(n) < 0.8), rng.lognormal(0, 1, n), np.nan)
    remedy = 'if "cost" does not apply elsewhere, write in its conditional applies = "insured == 1"'
    assert any(remedy in p.remedy for p in bi.check(bi.Plan.of(["cost ~ age + insured"]), frame))
    assert remedy in bi.suggest(None, frame).toml.replace("\n# ", " ")
    named = frame.assign(insured=np.where(frame["insured"] == 1, "yes", "no"))
    assert "applies = \"insured == 'yes'\"" in bi.suggest(None, named).toml.replace("\n# ", " ")


def test_consequences_of_another_problem_are_not_told() -> None:
    """One for each cause: a score that cannot be read, texts among numbers or that are no dates, an unguarded void."""
    rng, n = np.random.default_rng(4), 120
    frame = pd.DataFrame({"age": rng.normal(size=n), "insured": np.arange(n) % 2, "y": rng.normal(size=n)})
    frame["cost"] = np.where(frame["insured"] == 1, rng.normal(size=n), np.nan)
    frame["crp"] = [f"{v:.3f}" if v > 0.5 else "<0.5" for v in rng.lognormal(0, 1, n)]
    frame["when"] = [f"2024-{k % 12 + 1:02d}-{k % 27 + 1:02d}" for k in range(n)]
    frame.loc[[5, 6], "when"] = "31.12.2023", "2023-02-30"
    frame.loc[::7, ["y", "cost", "when"]] = None

    def found(*models: str | bi.Conditional, **parts: object) -> list[str]:
        plan = bi.Plan.of(list(models), **parts)
        return [str(p) for p in check(plan, frame) if "skewness" not in p.finding]

    scores = [bi.Score(name="pain", items=("age", "insured"), score="total")]
    (told,) = found("y ~ pain", scores=scores, analyses=[bi.Analysis(name="a", formula="y ~ pain")])
    assert "'total' is no score" in told
    told = found("y ~ crp")
    assert len(told) == 1 and 'write columns.crp = "censored number"' in told[0]
    (told,) = found("when ~ age", "y ~ age", columns={"when": "date"})
    assert "'2023-02-30', '31.12.2023' in 2 rows (5, 6; counted from 0) are no dates, or have" in told
    (told,) = found("y ~ cost", bi.Conditional.of("cost ~ age", applies="insured == 1"))
    assert "write where_applies(cost, 0)" in told
    (told,) = [each for each in found("sqrt(y) ~ age") if "no conditional" not in each]
    assert 'write y ~ … and transform = "sqrt"' in told


def test_two_transforms_are_one_too_many() -> None:
    with pytest.raises(bi.PlanError, match=r'log\(y\) on the left is transform = "log", and it has transform = "sqrt"'):
        bi.Conditional.of("log(y) ~ x", transform="sqrt")
    assert bi.Conditional.of("log(y) ~ x", transform="log").family == "lognormal"
    with pytest.raises(bi.PlanError, match="write y on the left"):
        bi.Plan.from_toml('schema = 1\n[[conditional]]\nformula = "log(y) ~ x"\ntransform = "sqrt"\n')


@pytest.mark.parametrize(("expression", "right"), [("2.2 * x", True), ("2 * x", False), ("log(x + 1)", False)])
def test_observed_values_that_an_expression_does_not_give_are_told(expression: str, right: bool) -> None:
    """Missing ones would be of another kind, such as sums of items beside percentages."""
    x = np.arange(60.0)
    frame = pd.DataFrame(
        {"x": np.where(x % 7, x, np.nan), "z": x**2, "lb": np.where(x % 7, np.round(2.2 * x, 1), np.nan)}
    )
    plan = Plan.of(["x ~ z"], derived=[bi.Derived(name="lb", expression=expression)])
    told = [p for p in check(plan, frame) if p.path == "derived[lb].expression"]
    assert (not told) == right
    assert all("is not" in p.finding and "of 51 rows" in p.finding and "another name" in p.remedy for p in told)
