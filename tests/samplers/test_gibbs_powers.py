"""The compiled sampler of skewed numbers: which models it takes, and its power beside the family's."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreeing import disagreement
from modelling import completed, only, placed, workspace

from bayesimpute.families import Skewed
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.plan.conditional import Conditional
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.gibbs.powers import transformed

ERRORS = 4.5


def model(right: str, **more: Any) -> ConditionalModel:
    rng, n = np.random.default_rng(4), 120
    frame = pd.DataFrame({"g": np.arange(n) % 12, "h": np.arange(n) % 5, "x": rng.normal(size=n)})
    y = np.exp(0.4 * (frame["x"] + rng.normal(0, 0.7, 12)[frame["g"]] + rng.normal(size=n)))
    frame["y"] = y.where(np.arange(n) % 6 != 5)
    formulas = {"mu": f"y ~ {right}", **more.pop("formulas", {})}
    space = workspace(frame, Conditional(target="y", family="skewed", formulas=formulas, **more))
    done, (_, design), at = completed(space), only(space), placed(space)
    return ConditionalModel(design, at.data(design.matrices(done.columns), done.values["y"]))


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, True),
        ({"priors": {"skew": "Uniform(-0.5, 0.5)"}}, True),
        ({"priors": {"x": "Laplace(0, 1)"}}, False),
        ({"formulas": {"sigma": "x"}}, False),
        ({"formulas": {"skew": "x"}}, False),
    ],
)
def test_what_it_takes(more: dict[str, Any], taken: bool) -> None:
    assert Gibbs().supports(model("x + (1 + x | g) + (1 | h)", **more)) == taken


@pytest.mark.parametrize("skew", [-0.999, -0.4, 0.0, 0.7, 0.9999999])
def test_powers_are_the_familys(skew: float) -> None:
    """The density of a number is the normal one of its power times the derivative."""
    x, theta = np.array([-30.0, -1.0, 0.0, 0.3, 25.0]), {"mu": np.full(5, 0.2), "sigma": np.array(1.3)}
    out = np.empty(5)
    change = transformed(np.arctanh(skew), x, np.log1p(np.abs(x)), np.zeros(5), out)
    own = Skewed().logp(x, {**theta, "skew": np.array(np.tanh(np.arctanh(skew)))}).sum()
    assert Gaussian().logp(out, theta).sum() + change == pytest.approx(own, rel=1e-9)


@pytest.mark.slow
def test_both_samplers_agree() -> None:
    found = disagreement(model("x + (1 + x | g) + (1 | h)"), thin=4)
    assert max(found.values()) < ERRORS, found
