"""What tells variables apart that nearly determine each other is in the models of all of them."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.suggesting.sparse_rule import Choice


def children(n: int = 1000, holes: float = 0.35, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complete and with holes: heights by age, and what they are for the age, which is associated with no age."""
    rng = np.random.default_rng(seed)
    age, tall = rng.normal(size=(2, n))
    height = age + 0.3 * tall + rng.normal(0, 0.05, n)
    data = pd.DataFrame(
        {"age": age, "height": height, "tall": tall + rng.normal(0, 0.2, n), "noise": rng.normal(size=n)}
    )
    return data, data.mask(rng.random(data.shape) < holes)


def predictors(made: bi.Suggestion) -> dict[str, set[str]]:
    found = {c.target: c.formulas["mu"].split(" ~ ")[1] for c in made.plan.conditionals}
    return {target: set(text.split(" + ")) for target, text in found.items()}


def test_near_copies_have_the_predictors_of_all() -> None:
    _, data = children()
    made = bi.suggest(None, data)
    assert predictors(made) == {
        "age": {"height", "tall"},
        "height": {"age", "tall"},
        "tall": {"height", "age"},
        "noise": {"1"},
    }
    assert made.toml.count("# To tell variables apart that nearly determine each other: tall.") == 1  # of the age
    assert "# To tell variables apart that nearly determine each other: age." in made.toml


def test_those_that_only_go_together_keep_to_their_own() -> None:
    _, data = children()
    loose = data.assign(height=data["height"] + 0.6 * np.random.default_rng(2).normal(size=len(data)))
    assert predictors(bi.suggest(None, loose))["age"] == {"height"}


def test_it_goes_by_the_rule_otherwise() -> None:
    _, data = children()
    assert predictors(bi.suggest(None, data, exclude="tall"))["age"] == {"height"}
    assert predictors(bi.suggest(None, data, most=1))["age"] == {"height"}
    choice = Choice(kept=("a", "b"), repeats={"c": "a"}).with_beside(["b", "c", "d", "d", "e"], 3)
    assert choice.kept == ("a", "b", "d") and choice.beside == ("d",)


@pytest.mark.slow
def test_what_is_missing_of_both_varies_as_it_should() -> None:
    """Ages and heights that are missing in the same rows, beside the ones that were there: spreads and relation.

    Models of which only one read ``tall`` contradict each other: spreads were some percent too large.
    """
    complete, data = children()
    done = bi.impute(data, bi.suggest(None, data).plan.with_run(m=100, chains=4, sweeps=2000), seed=1, progress=False)
    both = data["age"].isna() & data["height"].isna()
    known = data["age"].notna()
    for name in ("age", "height"):
        drawn = np.array([frame.loc[both, name].std() for frame in done])
        theirs = complete.loc[known, name].std()
        error = np.hypot(drawn.std(), theirs / np.sqrt(2 * known.sum()))
        assert abs(drawn.mean() - theirs) < 2 * error
