"""Censored numbers in the compiled sampler: which models it takes, what it knows to lie beyond a limit, the truth."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import conditional, graph_data, only, workspace

import bayesimpute as bi
from bayesimpute.families import Bounded
from bayesimpute.plan.options import Run
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.gibbs.censored import Censored
from bayesimpute.samplers.gibbs.engines import engine_for

FAMILY = Bounded(limits=(0, "most"), at_limits="censored")


def frame(n: int = 1200) -> pd.DataFrame:
    """y* = 4 + 2 x + s + e, e ~ N(0, 3^2), is 0 where it is below, and one of two numbers where it is above these."""
    rng = np.random.default_rng(7)
    made = pd.DataFrame({"x": rng.normal(size=n), "s": rng.uniform(0, 3, n), "g": np.arange(n) % 30})
    made["most"] = np.where(made["g"] % 2 == 0, 6.0, 9.0)
    made["y"] = np.clip(4 + 2 * made["x"] + made["s"] + rng.normal(0, 3, n), 0, made["most"])
    return made.assign(y=made["y"].where(np.arange(n) % 5 != 3))


def model(formula: str, family: Bounded = FAMILY, **more: Any) -> ConditionalModel:
    space = workspace(frame(), conditional(formula, family=family, **more))
    columns = {name: column.values for name, column in space.incomplete.columns.items()}
    return ConditionalModel(only(space)[1], graph_data(space) | space.placements["y"].side(columns))


@pytest.mark.parametrize(
    ("family", "more", "taken"),
    [
        (FAMILY, {}, True),
        (Bounded(limits=(0, 9), at_limits="censored"), {}, True),
        (FAMILY, {"sigma": "x"}, False),
        (FAMILY, {"priors": {"x": "Laplace(0, 1)"}}, False),
    ],
)
def test_what_it_takes(family: Bounded, more: dict[str, Any], taken: bool) -> None:
    made = model("y ~ x + (1 + x | g)", family, **more)
    assert engine_for(made.design) is (Censored if taken else None)


def test_limits_of_rows_are_in_the_targets_units_whatever_is_added_to_its_predictor() -> None:
    made = model("y ~ x + offset(s) + (1 | g)")
    posterior: Any = Gibbs().compile(made)
    posterior._set(made.data)
    seen = frame().dropna()
    expected = (seen["y"] == seen["most"]).astype(int) - (seen["y"] == 0).astype(int)
    np.testing.assert_array_equal(posterior.fitted.beyond, expected)
    assert {-1, 0, 1} == set(expected)


def test_the_posterior_is_about_the_truth() -> None:
    """Of parameters that a normal model of what is observed would miss by far."""
    found = []
    for made in (
        model("y ~ x + offset(s)"),
        model("y ~ x + offset(s)", Bounded(limits=(-99, 99), at_limits="censored")),
    ):
        posterior, rng, rows = Gibbs().compile(made), np.random.default_rng(1), []
        state = posterior.init(made.data, rng)
        for _ in range(800):
            state, draw, _ = posterior.step(state, made.data, rng)
            rows.append(made.design.posterior(draw))
        chain = np.array(rows)
        found.append((chain.mean(axis=0) - [4, 2, 3]) / chain.std(axis=0))
    assert np.abs(found[0]).max() < 4 and np.abs(found[1]).max() > 8


def test_a_run_has_as_many_at_the_limits_as_were_observed() -> None:
    plan = bi.Plan.of(
        [bi.Conditional.of("y ~ x + s + (1 | g)", family=FAMILY)],
        run=Run(m=10, chains=2, warmup=5, sweeps=10, sampler="gibbs"),
    )
    made = bi.impute(frame(), plan, seed=3, progress=False)
    gaps = frame()["y"].isna().to_numpy()
    cells, seen = np.array([each["y"].to_numpy()[gaps] for each in made]), frame()[~gaps]
    for at, of_cells in (
        (seen["y"] == 0, cells == 0),
        (seen["y"] == seen["most"], cells == frame()["most"].to_numpy()[gaps]),
    ):
        error = np.sqrt(at.mean() * (1 - at.mean()) * (1 / len(seen) + 1 / gaps.sum()))
        assert abs(of_cells.mean() - at.mean()) < 4 * error
