"""Truncated numbers in the compiled sampler: which models it takes, the likelihood within limits."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreeing import disagreement
from modelling import conditional, graph_data, only, workspace
from scipy import stats

from bayesimpute.families import Bounded
from bayesimpute.families.log_space import ARRAYS
from bayesimpute.families.normal_between import log_between, moments
from bayesimpute.numerics.truncated_normals import draw_between
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.gibbs.count_likelihoods import TRUNCATED, count_likelihood, derivatives, row_likelihood
from bayesimpute.samplers.gibbs.engines import engine_for
from bayesimpute.samplers.gibbs.limited_rows import log_inside, moments_inside
from bayesimpute.samplers.gibbs.truncated_numbers import Truncated

ERRORS = 4.5
STEP = 1e-4
INF = np.inf
COLUMNS = Bounded(limits=("least", "most"))


def frame(n: int = 300) -> pd.DataFrame:
    """y ~ N(4 + 2 x + s, 3^2) between limits that go by the row."""
    rng = np.random.default_rng(7)
    made = pd.DataFrame({"x": rng.normal(size=n), "s": rng.uniform(0, 3, n), "g": np.arange(n) % 15})
    made["least"], made["most"] = np.tile([0, -1], n)[:n], np.tile([9, 9, 12], n)[:n]
    mean = 4 + 2 * made["x"] + made["s"]
    low, high = (((made[end] - mean) / 3).to_numpy() for end in ("least", "most"))
    made["y"] = mean + 3 * draw_between(rng, low, high)
    return made.assign(y=made["y"].where(np.arange(n) % 5 != 3))


def model(formula: str, family: Bounded, **more: Any) -> ConditionalModel:
    space = workspace(frame(), conditional(formula, family=family, **more))
    columns = {name: column.values for name, column in space.incomplete.columns.items()}
    return ConditionalModel(only(space)[1], graph_data(space) | space.placements["y"].side(columns))


WIDE = Bounded(limits=(-20, 40))


@pytest.mark.parametrize(
    ("family", "more", "taken"),
    [
        (COLUMNS, {}, True),
        (WIDE, {}, True),
        (WIDE, {"sigma": "x"}, False),
        (WIDE, {"priors": {"x": "Laplace(0, 1)"}}, False),
    ],
)
def test_what_it_takes(family: Bounded, more: dict[str, Any], taken: bool) -> None:
    assert engine_for(model("y ~ x + (1 + x | g)", family, **more).design) is (Truncated if taken else None)


@pytest.mark.parametrize("family", [COLUMNS, Bounded(limits=(-INF, "most")), WIDE], ids=["columns", "upper", "numbers"])
def test_the_likelihood_is_the_familys_whatever_is_added_to_the_predictor(family: Bounded) -> None:
    """At two states, up to a constant: with log sigma in it."""
    made = model("y ~ x + offset(s) + (1 | g)", family)
    posterior: Any = Gibbs().compile(made)
    rng, found, expected = np.random.default_rng(2), [], []
    state = posterior.init(made.data, rng)
    for _ in range(2):
        state, draw, _ = posterior.step(state, made.data, rng, transitions=20)
        fitted, log_sigma = posterior.fitted, state.arrays["alpha_theta"][0]
        rows = len(fitted.columns.y)
        kind, y, width, shape = fitted.likelihood(state.arrays)
        density = count_likelihood(kind, fitted.predictor(state.arrays), y, width, shape)
        found.append(density - rows * log_sigma)
        expected.append(made.design.logp(draw, made.data).sum())
    assert abs(expected[1] - expected[0]) > 1e-3
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-7)


ENDS = [(0.0, 1.5), (0.0, INF), (0.0, -INF), (0.0, -2.0), (0.0, 0.0)]


@pytest.mark.parametrize(("limit", "width"), ENDS, ids=["both", "lower", "upper", "both, from above", "none"])
@pytest.mark.parametrize("eta", [-6.0, 0.3, 9.0])
def test_score_and_information_are_those_of_the_likelihood(limit: float, width: float, eta: float) -> None:
    """The information is the variance of the score over the law, by SciPy's."""
    sigma = 0.8
    shape = np.log(sigma)
    low, high = (-INF, INF) if width == 0 else sorted((limit, limit + width))
    law: Any = stats.truncnorm((low - eta) / sigma, (high - eta) / sigma, eta, sigma)
    for y in law.ppf([0.1, 0.5, 0.9]):
        above, below = (row_likelihood(TRUNCATED, eta + by, y, width, shape) for by in (STEP, -STEP))
        score, information = derivatives(TRUNCATED, eta, y, width, shape)
        np.testing.assert_allclose(score, (above - below) / (2 * STEP), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(information, law.var() / sigma**4, rtol=1e-6)
    values = law.ppf([0.1, 0.8])
    found = [row_likelihood(TRUNCATED, eta, y, width, shape) for y in values]
    np.testing.assert_allclose(np.diff(found), np.diff(law.logpdf(values)), rtol=1e-8, atol=1e-10)


def test_what_is_inside_is_the_familys_to_the_far_tails() -> None:
    a = np.array([-1e10, -5, 30, 2000, -3000, 0, 1, -40, 38, -0.5])
    b = np.array([0.3, 1e10, 31, 1e10, -2999.9, 1e-3, 1 + 1e-6, -39.5, 1e10, 0.7])
    np.testing.assert_allclose([log_inside(*ends) for ends in zip(a, b, strict=True)], log_between(ARRAYS, a, b), 1e-11)
    found = np.array([moments_inside(*ends) for ends in zip(a, b, strict=True)]).T
    np.testing.assert_allclose(found, moments(a, b), rtol=1e-7, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("family", [COLUMNS, Bounded(limits=(-1, np.inf))], ids=["columns", "numbers"])
def test_both_samplers_agree(family: Bounded) -> None:
    found = disagreement(model("y ~ x + (1 + x | g)", family), thin=4)
    assert max(found.values()) < ERRORS, found
