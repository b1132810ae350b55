"""Proportions that may be nothing or all: whose they are, draws given what is known, both parts in runs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import only, workspace
from scipy.special import expit, logit

import bayesimpute as bi
from bayesimpute.data.columns import encode
from bayesimpute.families import Family, OneInflatedBeta, ZeroInflatedBeta, ZeroOneInflatedBeta, accepting

THETA = {"kappa": 4.0, "zero": 0.3, "one": 0.4}
INFLATED = {cls.name: cls() for cls in (ZeroInflatedBeta, OneInflatedBeta, ZeroOneInflatedBeta)}
each_inflated = pytest.mark.parametrize("family", INFLATED.values(), ids=INFLATED)


def shares(n: int = 300, clusters: int = 15) -> pd.DataFrame:
    """More zeros at small x, more ones at large x and in some clusters; the rest is a beta law."""
    rng, g = np.random.default_rng(5), np.arange(n) % clusters
    x, u = rng.normal(size=n), rng.normal(0, 0.6, clusters)
    mu = expit(0.2 + 0.5 * x + u[g])
    y = rng.beta(6 * mu, 6 * (1 - mu))
    y = np.where(rng.random(n) < expit(-1.5 + x + u[g]), 1.0, y)
    y = np.where(rng.random(n) < expit(-1.2 - x - u[g]), 0.0, y)
    frame = pd.DataFrame({"g": g, "x": x, "y": y})
    return frame.assign(y=frame["y"].where(rng.random(n) > 0.3))


@pytest.mark.parametrize(
    ("values", "whose"),
    [
        ([0.0, 0.4, 0.7], ("zero_inflated_beta", "zero_one_inflated_beta")),
        ([1.0, 0.4, 0.7], ("one_inflated_beta", "zero_one_inflated_beta")),
        ([0.0, 1.0, 0.7], ("zero_one_inflated_beta",)),
        ([0.0, 1.0, 1.0], ()),  # a yes or no
        ([0.0, 1.1, 0.7], ()),
        ([0.0, -0.1, 0.7], ()),
    ],
)
def test_whose_values_they_are(values: list[float], whose: tuple[str, ...]) -> None:
    found = accepting(encode(pd.Series([*values, np.nan]), "y"))
    assert tuple(name for name in found if name in INFLATED) == whose


@each_inflated
@pytest.mark.parametrize(
    ("low", "high"), [(-np.inf, 0.5), (0.5, np.inf), (0.2, 0.6), (0, 1), (0, 0), (1, 1), (0.3, 0.3)]
)
def test_draws_between_two_numbers_have_their_law(family: Family, low: float, high: float) -> None:
    """Against draws without ends, of which those between them are kept."""
    rng, n = np.random.default_rng(6), 20_000
    theta = {"mu": np.full(n, 0.6), **{name: np.asarray(value) for name, value in THETA.items()}}
    free = family.impute(rng, theta)
    kept = free[(free >= low) & (free <= high)]
    drawn = family.between(rng, theta, np.full(n, low), np.full(n, high))
    assert ((drawn >= low) & (drawn <= high)).all()
    for end in (0.0, 1.0):
        share = (kept == end).mean() if len(kept) else (drawn == end).mean()
        error = np.sqrt(share * (1 - share) * (1 / n + 1 / max(len(kept), 1)))
        assert abs((drawn == end).mean() - share) <= 4 * error
    if len(kept) and low < high:
        error = kept.std() * np.sqrt(1 / n + 1 / len(kept))
        assert abs(drawn.mean() - kept.mean()) <= 4 * error


@each_inflated
def test_parts_have_the_formula_and_the_effects_of_mu(family: Any) -> None:
    frame = shares()
    ends = [end for end in (0.0, 1.0) if end not in (np.array(family.atoms()))]
    frame["y"] = frame["y"].where(~frame["y"].isin(ends), 0.5)
    item = bi.Conditional.of("y ~ x + (1 | g)", family=family)
    _, design = only(workspace(frame, item))
    (block,) = design.blocks
    assert [key for key, _ in block.parts] == ["mu", *family.parts]
    assert bi.check(bi.Plan.of([item]), frame) == []
    assert bi.Plan.from_toml(bi.Plan.of([item]).to_toml()) == bi.Plan.of([item])


def test_automatic_priors_are_about_what_is_left_of_each_part() -> None:
    frame = shares()
    seen = frame["y"].dropna()
    _, design = only(workspace(frame, bi.Conditional.of("y ~ x", family="zero_one_inflated_beta")))
    zero, one = (design.predictor(part).priors[0].args[0] for part in ("zero", "one"))
    some = seen[seen > 0]
    assert zero == pytest.approx(logit(((seen == 0).sum() + 0.5) / (len(seen) + 1)))
    assert one == pytest.approx(logit(((some == 1).sum() + 0.5) / (len(some) + 1)))
    inside = some[some < 1]
    assert design.predictor("mu").priors[0].args[0] == pytest.approx(logit((inside.sum() + 0.5) / (len(inside) + 1)))


def test_a_part_that_nothing_is_observed_of_is_told() -> None:
    frame = shares()
    frame["y"] = frame["y"].where(frame["y"] != 1, 0.9)
    plan = bi.Plan.of([bi.Conditional.of("y ~ x", family="zero_one_inflated_beta")])
    (found,) = bi.check(plan, frame)
    assert "observed values is 1" in found.finding and found.severity.value == "warning"


def test_imputed_shares_follow_x_in_every_part() -> None:
    """Missing at random given nothing: what is imputed has the shares and the mean of what is observed."""
    frame = shares()
    gone = frame["y"].isna().to_numpy()
    settings = bi.Run(m=10, chains=2, warmup=200, sweeps=300)
    plan = bi.Plan.of([bi.Conditional.of("y ~ x", family="zero_one_inflated_beta")], run=settings)
    run = bi.impute(frame, plan, seed=1, progress=False)
    cells = np.array([each["y"].to_numpy()[gone] for each in run])
    assert ((cells >= 0) & (cells <= 1)).all()
    seen, x = frame.loc[~gone, "y"].to_numpy(), frame["x"].to_numpy()
    for part in (0.0, 1.0):
        low, high = ((cells == part)[:, (x[gone] > 0) == side].mean() for side in (False, True))
        assert (low - high) * (0.5 - part) > 0  # zeros where x is small, ones where it is large
        share = (seen == part).mean()
        error = np.sqrt(share * (1 - share) * (1 / len(seen) + 1 / gone.sum()))
        assert abs((cells == part).mean() - share) < 4 * error
    assert abs(cells.mean() - seen.mean()) < 4 * seen.std() * np.sqrt(1 / len(seen) + 1 / gone.sum())


@pytest.mark.slow
def test_as_a_covariate_of_a_substantive_model_it_says_what_complete_data_say() -> None:
    """Ends are drawn, too: the slope of an outcome on the share, pooled against complete data."""
    rng, n, gaps = np.random.default_rng(8), 400, []
    for seed in range(6):
        x = rng.normal(size=n)
        y = rng.beta(3, 3, n)
        y = np.where(rng.random(n) < 0.2, 0.0, np.where(rng.random(n) < 0.2, 1.0, y))
        z = y + 0.5 * x + rng.normal(size=n) / 2
        whole = pd.DataFrame({"x": x, "y": y, "z": z})
        holes = whole.assign(y=whole["y"].where(rng.random(n) > expit(z - 1)))
        plan = bi.Plan.of(
            [bi.Conditional.of("y ~ x", family="zero_one_inflated_beta")],
            substantive=["z ~ y + x"],
            run=bi.Run(m=20, chains=2, warmup=200, sweeps=400),
        )
        run = bi.impute(holes, plan, seed=seed, progress=False)
        pooled = run.pool("z ~ y + x").terms.set_index("term")
        fitted = bi.fit("z ~ y + x", whole)
        gaps.append(pooled.loc["y", "estimate"] - fitted.estimates[fitted.terms.index("y")])
    assert abs(np.mean(gaps)) < 4 * np.std(gaps, ddof=1) / np.sqrt(len(gaps))
