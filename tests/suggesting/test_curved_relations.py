"""Where straight lines leave out a curve, plans from the data alone say so, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.plan.targets import STRAIGHT_LINES
from bayesimpute.suggesting.curved_relations import curved, square, squares
from bayesimpute.suggesting.variable_roles import Scene, look


def children(n: int = 600, holes: float = 0.3) -> pd.DataFrame:
    """Ages, heights and weights: root and logarithms have straight relations."""
    rng = np.random.default_rng(3)
    root = rng.uniform(0, 4.5, n)
    size = 0.28 * root + rng.normal(0, 0.05, n)
    weight, shoe = 4 * np.exp(2.2 * size + rng.normal(0, 0.12, n)), 20 + 10 * size + rng.normal(0, 1, n)
    data = pd.DataFrame({"age": root**2, "height": 50 * np.exp(size), "weight": weight, "shoe": shoe})
    return data.mask(rng.random(data.shape) < holes)


def scene(data: pd.DataFrame) -> Scene:
    return Scene(data=look(data, [], ()), models={})


def test_a_curve_is_told_in_the_plan_and_as_an_event() -> None:
    data = children()
    made = bi.suggest(None, data)
    told = {event.target: event.why for event in made.events if event.what == STRAIGHT_LINES}
    assert set(told) == {"height", "weight", "shoe"}  # an age is about a sum of the others, whose curves are two
    assert told["weight"].startswith("squares of height") and "[[derived]]" in told["weight"]
    assert made.toml.count("# Its model has straight lines where there are curves") == len(told)


def test_diagnose_says_it_of_a_run_whose_chains_may_agree() -> None:
    data = children()
    made = bi.impute(data, seed=1, m=2, chains=2, warmup=2, sweeps=4, progress=False)
    told = [reason for reason in bi.diagnose(made).reasons if STRAIGHT_LINES in reason]
    assert len(told) == sum(event.what == STRAIGHT_LINES for event in bi.suggest(None, data).events) > 1
    assert f"for these {len(told)}: draws lie off the curve" in bi.diagnose(made).summary
    named = [*bi.suggest(None, data).plan.conditionals]
    by_hand = bi.impute(data, bi.Plan.of(named), seed=1, m=2, chains=2, warmup=2, sweeps=4, progress=False)
    assert not [reason for reason in bi.diagnose(by_hand).reasons if STRAIGHT_LINES in reason]


def test_columns_that_straighten_the_relations_have_none() -> None:
    data = children()
    straight = data.assign(age=np.sqrt(data["age"]), weight=np.log(data["weight"]), height=np.log(data["height"]))
    found = {event.what for event in bi.suggest(None, straight).events}
    assert STRAIGHT_LINES in {event.what for event in bi.suggest(None, data).events} and STRAIGHT_LINES not in found


def test_a_predictor_of_few_values_may_bend_a_relation() -> None:
    """Days of visits that are further and further apart."""
    rng = np.random.default_rng(4)
    visit = rng.integers(4, 8, 400)
    days, even = 1.8**visit + rng.normal(0, 1, 400), visit + rng.normal(size=400)
    data = pd.DataFrame({"visit": visit, "days": days, "even": even})
    data = data.mask((rng.random(data.shape) < 0.2) & (data.columns != "visit"))
    data["visit"] = data["visit"].where(rng.random(400) > 0.1)  # its square would be one of imputed values
    told = {event.target for event in bi.suggest(None, data).events if event.what == STRAIGHT_LINES}
    assert told == {"days"}


def growing(n: int = 600, holes: float = 0.3) -> pd.DataFrame:
    """Heights at known ages, most of those missing that are tall, and what follows from the height."""
    rng = np.random.default_rng(6)
    age = rng.uniform(0, 20, n)
    height = 50 + 12 * age - 0.3 * age**2 + rng.normal(0, 4, n)
    data = pd.DataFrame({"age": age, "height": height, "shoe": height / 4 + rng.normal(0, 3, n)})
    gone = rng.random((n, 2)) < 2 * holes * (age / 20)[:, None]
    return data.assign(**{name: data[name].mask(gone[:, k]) for k, name in enumerate(("height", "shoe"))})


def test_the_square_of_what_has_no_gaps_is_in_the_model() -> None:
    data = growing()
    made = bi.suggest(None, data)
    formulas = {c.target: c.formulas["mu"] for c in made.plan.conditionals}
    assert formulas == {"height": "height ~ age + shoe + I((age - 10)**2)", "shoe": "shoe ~ height + age"}
    assert "# Squares, where lines leave out a curve: I((age - 10)**2)." in made.toml
    assert not [event for event in made.events if event.what == STRAIGHT_LINES]
    holes = data.assign(age=data["age"].mask(np.arange(len(data)) % 5 == 0))
    assert "**2" not in bi.suggest(None, holes).toml
    assert STRAIGHT_LINES in {event.what for event in bi.suggest(None, holes).events}


def test_with_it_means_are_right_where_more_is_missing_at_one_end() -> None:
    """Of what was drawn beside the curve itself, in its standard errors; lines are far off."""
    data = growing(2000, holes=0.45)
    gone, age = data["height"].isna().to_numpy(), data["age"].to_numpy()
    curve = (50 + 12 * age - 0.3 * age**2)[gone]
    plan = bi.suggest(None, data).plan
    lines = bi.Plan.of([c.formulas["mu"].removesuffix(" + I((age - 10)**2)") for c in plan.conditionals])
    errors = []
    for each in (plan, lines):
        run = bi.impute(data, each, seed=1, m=10, chains=2, warmup=20, sweeps=50, progress=False)
        off = np.array([(frame["height"].to_numpy()[gone] - curve).mean() for frame in run])
        errors.append(off.mean() / np.sqrt(off.var(ddof=1) * 1.1 + 16 / gone.sum()))
    assert abs(errors[0]) < 4 and abs(errors[1]) > 8, errors


def test_squares_are_about_a_round_number_near_the_mean_in_any_unit() -> None:
    data = growing()
    years = scene(data.assign(age=2000 + data["age"], minutes=data["age"] / 1e4))
    assert square(years, "age") == "I((age - 2010)**2)" and square(years, "minutes") == "I((minutes - 0.001)**2)"
    assert square(scene(data.assign(age=data["age"] - 30)), "age") == "I((age + 20)**2)"
    assert square(scene(data.assign(age=data["age"] - 10)), "age") == "I(age**2)"
    for name in ("age", "minutes"):
        assert squares(years, "height", [name, "shoe"]) == (name,)


def test_in_any_unit_and_about_any_zero_it_is_the_same() -> None:
    data = children()
    other = data.assign(age=1e4 + 365 * data["age"], height=data["height"] / 1e5)
    assert curved(scene(other), "height", ["age"]) == curved(scene(data), "height", ["age"])


@pytest.mark.parametrize("n", [25, 60, 200, 1000])
def test_lines_with_heavy_tails_raise_no_alarm(n: int) -> None:
    """Errors and predictors of Student's t with 3 degrees of freedom: of 60 data sets of each size none."""
    rng, names = np.random.default_rng(n), ["a", "b", "c"]
    for _ in range(60):
        x = rng.standard_t(3, size=(n, 3))
        data = pd.DataFrame(x, columns=names).assign(y=x @ rng.normal(size=3) + rng.standard_t(3, size=n))
        assert curved(scene(data), "y", names) is None and squares(scene(data), "y", names) == ()


def test_nothing_is_told_where_little_is_to_be_seen() -> None:
    data = children()
    few = data.dropna().head(12)
    assert curved(scene(few), "height", ["age"]) is None
    assert curved(scene(data.assign(age=data["age"] > 10)), "height", ["age"]) is None  # yes or no
    assert curved(scene(data.assign(age=np.round(data["age"] / 6))), "height", ["age"]) is None  # like labels
    gone = data.assign(age=data["age"].where(data.index < 100))
    assert curved(scene(gone), "height", ["age"]) is None  # hardly ever observed beside it
    assert curved(scene(data), "height", []) is None
