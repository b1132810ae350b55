"""The compiled sampler of many labels: which models it takes, and its posterior beside that of NUTS."""

from typing import Any

import pytest
from agreeing import disagreement
from modelling import completed, conditional, labelled_frame, only, placed, workspace

from bayesimpute.families import Categorical
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs

ERRORS = 4.5
CORRELATED = Categorical(effects="correlated")


def model(right: str, family: Any = "categorical", labels: str = "abcdefgh", **more: Any) -> ConditionalModel:
    space = workspace(labelled_frame(labels), conditional(f"y ~ {right}", family=family, **more))
    done, (_, design), at = completed(space), only(space), placed(space)
    return ConditionalModel(design, at.data(design.matrices(done.columns), done.values["y"]))


@pytest.mark.parametrize(
    ("right", "family", "more", "taken"),
    [
        ("x + (1 + x | g) + (1 | h)", "categorical", {}, True),
        ("x + (1 + x || g)", "categorical", {}, True),
        ("x + (1 | g)", CORRELATED, {}, True),
        ("x", "categorical", {}, True),
        ("x + (1 | g)", "categorical", {"priors": {"1|g_sigma": "Uniform(0, 2)"}}, True),
        ("x + (1 | g)", "categorical", {"priors": {"x": "Laplace(0, 1)"}}, False),
    ],
)
def test_what_it_takes(right: str, family: Any, more: dict[str, Any], taken: bool) -> None:
    assert Gibbs().supports(model(right, family, **more)) == taken


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "family"),
    [("x + (1 + x | g)", "categorical"), ("x + (1 | g) + (1 | h)", "categorical"), ("(1 | g)", CORRELATED)],
    ids=["slopes", "crossed", "correlated"],
)
def test_both_samplers_agree(right: str, family: Any) -> None:
    found = disagreement(model(right, family), thin=4)
    assert max(found.values()) < ERRORS, found
