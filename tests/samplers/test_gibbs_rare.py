"""The compiled sampler on yes/no targets that say little: rare, constant, and told apart completely."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import conditional
from test_gibbs import chain, made

from bayesimpute.families import Bernoulli
from bayesimpute.running.inner_steps import shortest_lag
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs


def yes_no(case: str, link: str) -> ConditionalModel:
    """Two thousand rows in a hundred clusters: rare, all ones, told apart completely by a column or by the cluster."""
    rng = np.random.default_rng(6)
    g, x = np.arange(2000) % 100, rng.normal(size=2000)
    y = {
        "rare": (rng.random(2000) < 0.01).astype(float),
        "all ones": np.ones(2000),
        "all zeros": np.zeros(2000),
        "separated by a column": (x > 0).astype(float),
        "separated by clusters": (g > 50).astype(float),
    }[case]
    frame = pd.DataFrame({"g": g, "x": x, "y": (rng.random(2000) < 0.5).astype(float)})
    frame.loc[0, "y"] = np.nan
    described = made(conditional("y ~ x + (1 | g)", family=Bernoulli(link=link)), frame)
    return ConditionalModel(described.design, {**described.data, "y_data": y[1:]})


@pytest.mark.by_default("*-logit")
@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("case", ["rare", "all ones", "all zeros", "separated by a column", "separated by clusters"])
def test_rare_and_separated_outcomes_do_no_harm(case: str, link: str) -> None:
    model = yes_no(case, link)
    names = model.design.names
    draws = dict(zip(names, chain(Gibbs().compile(model), model, 200, seed=1, thin=2).T, strict=True))
    assert np.isfinite(list(draws.values())).all()
    assert all(0 < values.std() < 50 for values in draws.values())
    level = draws["Intercept"].mean()
    if case == "rare":
        assert -6 < level < -2
    elif case.startswith("all"):
        assert abs(level) > 2.5
        assert (level > 0) == (case == "all ones")
    elif case == "separated by a column":
        assert draws["x"].mean() > 4
    else:
        assert draws["1|g_sigma"].mean() > 2


def test_a_rare_outcome_is_forgotten_in_fewer_sweeps_than_without_its_own_moves() -> None:
    """One in a hundred: with the moves along its own likelihood in about 15 sweeps, without them in 40 and more."""
    model = yes_no("rare", "logit")
    posterior: Any = Gibbs().compile(model)
    fast = shortest_lag(chain(posterior, model, 1000, seed=2))[0]
    posterior.fitted = replace(posterior.fitted, moving=False)
    slow = shortest_lag(chain(posterior, model, 1000, seed=2))[0]
    assert fast <= 30 and slow > fast + 10
