"""Lognormal targets in the compiled sampler: exactly that of the normal distribution, on the logarithms."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import conditional, graph_data, only, workspace

import bayesimpute as bi
from bayesimpute.designs.estimate import estimate
from bayesimpute.families import Gaussian
from bayesimpute.plan.options import Run
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.gibbs.engines import engine_for

ERRORS = 4.5
BATCHES = 40
PRIORS = {"Intercept": "Normal(5, 3)", "x": "Normal(0, 2)", "sigma": "HalfStudentT(4, 1)", "1|g_sigma": "HalfNormal(1)"}


def frame(n: int = 90, clusters: int = 15) -> pd.DataFrame:
    rng, g = np.random.default_rng(3), np.arange(n) % clusters
    x, years = rng.normal(size=n), rng.uniform(0.5, 400.0, n)
    logs = 5 + 0.7 * x + rng.normal(0, 0.5, clusters)[g] + rng.normal(0, 0.8, n)
    made = pd.DataFrame({"g": g, "x": x, "years": years, "y": np.exp(logs)})
    return made.assign(y=made["y"].where(np.arange(n) % 6 != 5))


def model(formula: str, data: pd.DataFrame, **more: Any) -> ConditionalModel:
    space = workspace(data, conditional(formula, **more))
    return ConditionalModel(only(space)[1], graph_data(space))


def chain(made: ConditionalModel, sweeps: int) -> np.ndarray:
    """Parameters in the user's units, shape (sweep, parameter)."""
    posterior, rng, rows = Gibbs().compile(made), np.random.default_rng(1), []
    state = posterior.init(made.data, rng)
    for _ in range(sweeps):
        state, draw, _ = posterior.step(state, made.data, rng)
        rows.append(made.design.posterior(draw))
    return np.array(rows)


@pytest.mark.parametrize(
    ("formula", "more", "taken"),
    [
        ("y ~ x + (1 + x | g)", {}, True),
        ("y ~ x + offset(log(years)) + (1 | g)", {}, True),
        ("y ~ x + (1 | g)", {"sigma": "x + (1 | g)"}, True),
        ("y ~ x", {"priors": {"x": "Laplace(0, 1)"}}, False),
    ],
)
def test_what_it_takes(formula: str, more: dict[str, Any], taken: bool) -> None:
    made = model(formula, frame(), family="lognormal", **more)
    assert (engine_for(made.design) is not None) == taken == Gibbs().supports(made)


@pytest.mark.parametrize("more", [{}, {"sigma": "x + (1 | g)"}])
def test_sweeps_are_those_of_the_logarithms(more: dict[str, Any]) -> None:
    """To the last byte: the same design with the normal distribution, on the logarithms."""
    made = model("y ~ x + offset(log(years)) + (1 | g)", frame(), family="lognormal", **more)
    logs = {**made.data, "y_data": np.log(made.data["y_data"])}
    other = ConditionalModel(replace(made.design, family=Gaussian()), logs)
    np.testing.assert_array_equal(chain(made, 20), chain(other, 20))


def test_a_model_of_the_logged_column_has_the_same_posterior() -> None:
    """Which is standardised, and this is not: means and second moments of all parameters."""
    of_y = model("y ~ x + (1 | g)", frame(), family="lognormal", priors=PRIORS)
    of_log = model("y ~ x + (1 | g)", frame().assign(y=np.log(frame()["y"])), priors=PRIORS)
    assert of_y.design.names == of_log.design.names
    chains = [chain(made, 4000) for made in (of_y, of_log)]
    scale = chains[1].std(axis=0)
    for function in (lambda v: np.tanh(v), lambda v: np.tanh(v) ** 2):
        batches = [
            function((c - chains[1].mean(axis=0)) / scale).reshape(BATCHES, -1, c.shape[1]).mean(axis=1) for c in chains
        ]
        error = np.sqrt(sum(v.var(axis=0, ddof=1) / BATCHES for v in batches))
        assert (np.abs(batches[0].mean(axis=0) - batches[1].mean(axis=0)) < ERRORS * error).all()


def test_what_is_added_to_a_predictor_is_not_in_the_intercepts_prior() -> None:
    """The logarithm of the years is about 5: the prior is about the mean of what is left."""
    made = model("y ~ x + offset(log(years)) + (1 | g)", frame(), family="lognormal")
    seen = frame().dropna()
    mean = (np.log(seen["y"]) - np.log(seen["years"])).mean()
    assert made.design.predictor("mu").priors[0].args[0] == pytest.approx(mean)


def test_the_best_guess_is_that_of_the_logarithms() -> None:
    made = model("y ~ x + (1 | g)", frame(), family="lognormal")
    posterior, rng = Gibbs().compile(made), np.random.default_rng(1)
    draw = posterior.draw(posterior.init(made.data, rng))
    logs = {**made.data, "y_data": np.log(made.data["y_data"])}
    other = estimate(replace(made.design, family=Gaussian()), draw, logs)
    np.testing.assert_allclose(estimate(made.design, draw, made.data)["mu"], other["mu"], rtol=1e-8)


def test_what_is_imputed_has_normal_logarithms() -> None:
    """One run: the logs of imputed values have the mean and the spread that the observed ones predict."""
    rng, n = np.random.default_rng(8), 600
    logs = rng.normal(3, 0.5, n)
    data = pd.DataFrame({"y": np.where(np.arange(n) % 3 == 0, np.nan, np.exp(logs))})
    plan = bi.Plan.of([bi.Conditional.of("y ~ 1", family="lognormal")], run=Run(m=20, chains=2, warmup=5, sweeps=10))
    made = bi.impute(data, plan, seed=2, progress=False)
    cells = np.log(np.array([each["y"].to_numpy()[::3] for each in made])).ravel()
    seen = np.log(data["y"].dropna())
    error = seen.std() * np.sqrt(1 / len(seen) + 1 / len(cells))
    assert abs(cells.mean() - seen.mean()) < ERRORS * error
    assert abs(np.log(cells.std() / seen.std())) < ERRORS * np.sqrt(0.5 / len(seen) + 0.5 / len(cells))
