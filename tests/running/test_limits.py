"""Values of which it is known between which others they lie: from the plan to the draws, in both modes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import pandas as pd
import pytest
from modelling import workspace

import bayesimpute as bi
from bayesimpute.checking import plan_clusters
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import fill
from bayesimpute.families import FAMILIES, Context, Family, Gaussian, Parameter, Real, Side, Theta, Values
from bayesimpute.families.family import NO_SIDE, NOWHERE
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.gibbs.engines import engine_for
from bayesimpute.samplers.gibbs.one_sigma import Plain


@final
@dataclass(frozen=True, kw_only=True)
class Between(Family):
    """Fitted as a normal, drawn in the middle of its limits, or at mu."""

    name: ClassVar[str] = "between"
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = True
    bambi: ClassVar[str] = "gaussian"
    reads: ClassVar[tuple[str, ...]] = ("low", "high")
    known_between: ClassVar[tuple[str, ...]] = ("low", "high")
    normal: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return Gaussian().parameters

    @property
    def fitted_as(self) -> Family:
        return Gaussian()

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return Gaussian().distribution(eta)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        return Gaussian().logp(y, theta)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return Gaussian().information(theta, y)

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        side = context.at().side
        middle = (side["low"] + side["high"]) / 2
        return np.where(np.isfinite(middle), middle, theta["mu"])

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        return Gaussian().mean_variance(theta)


SIDE = {"low": "lo", "high": "hi"}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "between", Between)


def values() -> pd.DataFrame:
    """Every third value is known to lie in an interval of length one, or above a number, or nothing."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=120)
    y = 1 + x + rng.normal(size=120)
    frame = pd.DataFrame({"y": y, "x": x, "z": y + rng.normal(size=120)})
    gaps, row = np.arange(120) % 3 == 0, np.arange(120)
    frame["lo"] = np.where(gaps & (row % 12 < 6), np.floor(y), np.nan)
    frame["hi"] = np.where(gaps & (row % 12 < 3), np.floor(y) + 1, np.nan)
    frame.loc[gaps, "y"] = np.nan
    return frame


def test_values_known_in_part_are_learnt_from_and_drawn() -> None:
    frame = values()
    space = workspace(frame, Conditional.of("y ~ x", family="between", side=SIDE))
    (target,) = space.resolved.targets
    gaps, known = frame["y"].isna().to_numpy(), frame["lo"].notna().to_numpy()
    np.testing.assert_array_equal(target.impute, gaps)
    np.testing.assert_array_equal(target.learn, ~gaps | known)
    assert target.learns_imputed and target.limits is not None
    np.testing.assert_array_equal(np.isinf(target.limits[1]), frame["hi"].isna())
    assert engine_for(space.designs["y"]) is Plain
    cells = fill(space.incomplete, space.resolved, np.random.default_rng(1), spread=1.0)["y"]
    assert inside(frame, cells)


def inside(frame: pd.DataFrame, cells: np.ndarray) -> bool:
    gaps = frame[frame["y"].isna()]
    return not ((cells < gaps["lo"]) | (cells > gaps["hi"])).any()


def test_without_limits_only_observed_values_are_learnt_from() -> None:
    space = workspace(values(), Conditional.of("y ~ x", family="between"))
    (target,) = space.resolved.targets
    assert target.limits is None and not target.learns_imputed


def test_limits_hold_in_draws_that_take_other_models_into_account() -> None:
    frame = values()
    plan = Plan.of(
        [Conditional.of("y ~ x", family="between", side=SIDE)],
        substantive=["z ~ y + x"],
        run=Run(m=2, chains=2, warmup=3, sweeps=3, steps=1),
    )
    space = Workspace(plan, Incomplete.from_frame(frame, clusters=plan_clusters(plan)))
    assert space.compatible["y"].kind == "slice"
    imputed = bi.impute(frame, plan, seed=1, progress=False)
    for k in range(2):
        assert inside(frame, imputed.completed(k)["y"][frame["y"].isna()].to_numpy())


@pytest.mark.parametrize("reader", [[], ["z ~ y + x"]], ids=["alone", "read"])
def test_limits_hold_in_new_rows(reader: list[str]) -> None:
    frame = values()
    run = Run(m=2, chains=2, warmup=2, sweeps=2, steps=1, sampler="prior")
    plan = Plan.of([Conditional.of("y ~ x", family="between", side=SIDE)], substantive=reader, run=run)
    imputed = bi.impute(frame, plan, seed=1, progress=False)
    new = frame.iloc[::-1].assign(x=frame["x"] + 1)
    gaps = new["y"].isna().to_numpy()
    middle = ((new["lo"] + new["hi"]) / 2)[gaps].to_numpy()
    for completed in imputed.transform(new, seed=2):
        cells = completed["y"].to_numpy()[gaps]
        assert np.isfinite(cells).all()
        if reader:
            assert inside(new, cells)
        else:  # the family draws the middle
            np.testing.assert_allclose(cells[np.isfinite(middle)], middle[np.isfinite(middle)])
    with pytest.raises(bi.DataError, match='there is no column "hi", which the models read'):
        imputed.transform(new.drop(columns="hi"))


def test_limits_are_checked() -> None:
    def found(frame: pd.DataFrame, *more: str, **options: Any) -> list[str]:
        plan = Plan.of([Conditional.of("y ~ x", family="between", side=SIDE), *more], **options)
        return [p.path for p in bi.check(plan, frame) if ".side" in p.path]

    frame = values()
    assert found(frame) == []
    assert found(frame.assign(hi=frame["lo"] - 1)) == ["conditional[y].side"]
    assert found(frame, "lo ~ x") == ["conditional[y].side.low"]
