"""What priors of assumptions add to the variance: Var(δ) (dQ/dδ)² of linear analyses, whatever way is taken to it."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.running.assumed import assumed
from bayesimpute.sensitivity.prior_share import prior_share

SETTINGS = {"m": 40, "chains": 4, "warmup": 30, "sweeps": 30, "sampler": "gibbs"}
OLS = "y ~ arm + x"
SD = 0.7


@cache
def trial() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    n = 200
    frame = pd.DataFrame({"arm": np.tile([0.0, 1.0], n // 2), "x": rng.normal(size=n)})
    frame["y"] = 1 + 0.5 * frame["arm"] + 0.4 * frame["x"] + rng.normal(size=n)
    frame["z"] = frame["x"] + frame["y"] + rng.normal(size=n)
    for name, share in (("y", 0.3), ("z", 0.2)):
        frame.loc[rng.random(n) < share, name] = np.nan
    return frame


@cache
def believing(
    *formulas: str, propagate: bool | None, shift: str = "d * arm", more: tuple[bi.Assumption, ...] = ()
) -> bi.MultiplyImputed:
    plan = bi.Plan.of(
        list(formulas),
        assumptions=(bi.Assumption(name="d", prior=f"Normal(-1, {SD})"), *more),
        adjustments=(bi.Adjustment(target="y", shift=shift, propagate=propagate),),
    ).with_run(**SETTINGS)
    frame = trial()[["arm", "x", *(f.split(" ~ ")[0] for f in formulas)]]
    return bi.impute(frame, plan, seed=4, progress=False)


def per_unit() -> np.ndarray:
    """dQ/dδ of least squares, whatever was imputed, shape (term,)."""
    X = np.column_stack([np.ones(len(trial())), trial()["arm"], trial()["x"]])
    return np.linalg.solve(X.T @ X, X.T @ (trial()["arm"] * trial()["y"].isna()).to_numpy())


def draws(made: bi.MultiplyImputed) -> np.ndarray:
    record = made.record
    return np.array([assumed(record.resolved, record.incomplete, record.seed, k)["d"][0] for k in range(made.m)])


@pytest.mark.by_default("None")
@pytest.mark.parametrize("propagate", [None, False])
def test_of_a_linear_analysis_it_is_the_closed_form(propagate: bool | None) -> None:
    made = believing("y ~ arm + x", propagate=propagate)
    found = prior_share(made, OLS, refit=False).set_index("term")
    expected = (1 + 1 / made.m) * draws(made).var(ddof=1) * per_unit() ** 2
    np.testing.assert_allclose(found["variance"], expected, rtol=1e-6, atol=1e-12)
    total = made.pool(OLS).terms["std_error"].to_numpy() ** 2
    np.testing.assert_allclose(found["share"], found["variance"] / total, rtol=1e-6)
    # the draws are those of the prior
    n = made.m
    assert abs(np.log(draws(made).std(ddof=1) / SD)) < 4 / np.sqrt(2 * n)


def test_it_is_the_variance_between_less_that_at_the_mean_of_the_prior() -> None:
    """By two runs, to the Monte Carlo error of two variances."""
    made = believing("y ~ arm + x", propagate=None)
    at_mean = made.sensitivity(OLS, over={"d": [-1.0]}, term="arm", progress=False).table
    share = prior_share(made, OLS, term="arm")
    between = made.m * made.pool(OLS).monte_carlo["estimate"].to_numpy()[1] ** 2
    less = made.m * at_mean["mc_error"].to_numpy()[0] ** 2
    error = np.sqrt(2 / (made.m - 1)) * (between + less)
    assert abs((1 + 1 / made.m) * (between - less) - share["variance"].iloc[0]) < 3 * error
    assert between > 2 * less


@pytest.mark.slow
def test_where_others_follow_chains_go_on_with_the_same_random_numbers() -> None:
    made = believing("y ~ arm + x", "z ~ x + y + observed(y)", propagate=True)
    with pytest.raises(bi.InputError, match="refit: other variables follow"):
        prior_share(made, OLS, refit=False)
    found = prior_share(made, OLS).set_index("term")
    # y's own model does not read z: its values are those of the same draws, and the shift
    expected = (1 + 1 / made.m) * SD**2 * per_unit() ** 2
    seen = found.loc["arm", "variance"] / expected[1]
    assert abs(np.log(seen)) < 4 * np.sqrt(2 / (made.m - 1))


@pytest.mark.slow
def test_it_is_told_where_answers_are_read() -> None:
    made = believing("y ~ arm + x", propagate=None, shift="d * arm + e", more=(bi.Assumption(name="e"),))
    share = prior_share(made, OLS, term="arm")["share"].iloc[0]
    told = f"the prior of d makes {share:.0%} of that of arm"
    varied = made.sensitivity(OLS, over={"e": [-1, 0, 1]}, term="arm", progress=False)
    assert any(told in message for message in varied.messages)
    pooled = made.pool(OLS)
    assert any("the prior of d makes" in m and f"{share:.0%} of that of arm" in m for m in pooled.messages)
    own = made.sensitivity(OLS, over={"d": [-1, 0, 1]}, term="arm", progress=False)
    assert not any("the prior of d makes" in message for message in own.messages)


def test_where_nothing_is_drawn_there_is_no_share() -> None:
    plan = bi.Plan.of(["y ~ arm + x"]).with_run(**SETTINGS | {"m": 2})
    made = bi.impute(trial()[["y", "arm", "x"]], plan, seed=4, progress=False)
    with pytest.raises(bi.InputError, match="plan: no assumption has a prior"):
        prior_share(made, OLS)
    assert not any("prior" in message for message in made.pool(OLS).messages)
