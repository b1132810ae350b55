"""The design of two targets that are drawn together: each has its own centre, scale and automatic priors."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
import pandas as pd
import pytest
from modelling import completed, workspace

from bayesimpute.base.errors import PlanError
from bayesimpute.base.priors import Prior
from bayesimpute.designs.describe import describe_all
from bayesimpute.designs.design import Design
from bayesimpute.families import Family, Parameter, Real, Values
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.plan.targets import Resolved
from bayesimpute.running.kernel import begin, require_sane
from bayesimpute.running.workspace import Described, Workspace

FORMULA = "~ x + c + (1 + x | school)"


@final
@dataclass(frozen=True, kw_only=True)
class Pair(Family):
    """Two independent normal variables whose clusters may differ in both."""

    name: ClassVar[str] = "pair"
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = True
    bambi: ClassVar[str] = "gaussian"

    labels: tuple[str, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        prior = Prior.of("HalfStudentT", 4, 1)
        sigma = Parameter(name="sigma", link="log", unit="scale", support="positive", prior=prior, labels=self.labels)
        return (Parameter(name="mu", link="identity", unit="location", labels=self.labels), sigma)

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        return (frozenset(map(self.parameters[0].key, self.labels)),)

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm

        return pm.Normal.dist(eta["mu"], pm.math.exp(eta["sigma"]))

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        z = (y - theta["mu"]) / theta["sigma"]
        return (-0.5 * z**2 - np.log(theta["sigma"]) - 0.5 * np.log(2 * np.pi)).sum(axis=1)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return np.broadcast_to(np.diag(theta["sigma"] ** -2.0), (len(y), 2, 2))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        drawn = theta["mu"] + theta["sigma"] * rng.standard_normal(theta["mu"].shape)
        known = context.at().y
        return np.where(np.isnan(known), drawn, known)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        return theta["mu"], theta["sigma"] ** 2


def frame_of_two() -> pd.DataFrame:
    """Two numbers of very different units, missing in the same rows."""
    rng = np.random.default_rng(5)
    n, school = 160, np.arange(160) % 16
    x, u = rng.normal(10, 3, n), rng.normal(0, 1, 16)
    frame = pd.DataFrame({"x": x, "school": school, "c": pd.Categorical(rng.choice(["p", "q"], n))})
    frame["big"] = 5000 + 40 * x + 300 * u[school] + rng.normal(0, 200, n)
    frame["small"] = 0.01 * x - 0.02 * u[school] + rng.normal(0, 0.05, n)
    frame.loc[::6, ["big", "small"]] = np.nan
    return frame


def joined(resolved: Resolved) -> Resolved:
    """Both targets in one step."""
    names = tuple(target.name for target in resolved.targets)
    law = Pair(labels=names)
    return replace(resolved, targets=tuple(replace(t, family=law, together="both") for t in resolved.targets))


@pytest.fixture(scope="module")
def space() -> Workspace:
    return workspace(frame_of_two(), f"big {FORMULA}", f"small {FORMULA}")


@pytest.fixture(scope="module")
def both(space: Workspace) -> Design:
    return describe_all(space.incomplete, joined(space.resolved))["both"]


def test_each_target_has_the_scales_and_priors_that_it_has_alone(space: Workspace, both: Design) -> None:
    for k, alone in enumerate(space.designs.values()):
        assert (both.centre[k], both.scale[k]) == (alone.centre, alone.scale)
        mine, its = both.predictor(f"mu[{k}]"), alone.predictor("mu")
        assert mine.priors == its.priors
        assert (mine.units.shift, mine.units.unit) == (its.units.shift, its.units.unit)
        assert both.predictor("sigma").priors[k] == alone.predictor("sigma").priors[0]
        (joint,), (block,) = both.blocks, alone.blocks
        assert joint.width == 4 and joint.priors[2 * k : 2 * k + 2] == block.priors


def test_parameters_are_in_the_units_of_each_target(space: Workspace, both: Design) -> None:
    eta = {p.key: np.full(3, 0.5) for p in both.predictors if p.matrix is not None} | {"sigma": np.full((3, 2), 2.0)}
    theta = both.respond(eta)
    np.testing.assert_allclose(theta["mu"], np.broadcast_to(both.centre + 0.5 * both.scale, (3, 2)))
    np.testing.assert_allclose(theta["sigma"], np.broadcast_to(2 * both.scale, (3, 2)))
    draw = {p.key: np.full(len(p.names), 0.1) for p in both.predictors}
    found = dict(
        zip(
            [n for p in both.predictors for n in p.names],
            np.concatenate([both.coefficients(p, draw[p.key]) for p in both.predictors]),
            strict=True,
        )
    )
    for name, alone in space.designs.items():
        its = alone.predictor("mu")
        expected = dict(zip(its.names, alone.coefficients(its, np.full(len(its.names), 0.1)), strict=True))
        for term, value in expected.items():
            label = f"{term[:-1]}, {name}]" if term.endswith("]") else f"{term}[{name}]"
            assert found[label] == pytest.approx(value)
        assert found[f"sigma[{name}]"] == pytest.approx(0.1 * alone.scale)


def test_both_columns_are_standardised_and_imputed_by_one_visit(space: Workspace) -> None:
    described = Described.of(space.plan, space.incomplete, joined(space.resolved))
    placement = described.placements["both"]
    (step,) = described.resolved.steps
    now = completed(Workspace(space.plan, space.incomplete, described))
    y = placement.response(now.outcome(step))
    assert y.shape == (len(step.learn_rows), 2)
    big = space.incomplete.columns["big"].values
    known = ~np.isnan(big[step.learn_rows])
    np.testing.assert_allclose(y[known].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(y[known].std(axis=0), 1)


def test_values_that_run_away_are_told_by_target(space: Workspace, both: Design) -> None:
    state = begin(space, 0, 1)
    require_sane({"big": np.full(3, 9e9), "small": np.full(3, 0.1)}, both, state)
    with pytest.raises(PlanError, match="imputed values of small run away, in sweep 1"):
        require_sane({"big": np.full(3, 9e9), "small": np.array([0.1, np.nan])}, both, state)
    with pytest.raises(PlanError, match="imputed values of small run away"):
        require_sane({"big": np.full(3, 9e9), "small": np.full(3, 9e9)}, both, state)
