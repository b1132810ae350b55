"""Columns that a family reads by role, tried with counts whose exposures differ: from the plan to the draws."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import pandas as pd
import pytest
from graphs import layout_of
from looping import fresh_record
from modelling import completed, only, workspace
from scipy.special import gammaln

import bayesimpute as bi
from bayesimpute.checking import plan_clusters
from bayesimpute.compatible.affine import is_affine
from bayesimpute.compatible.drawing import spread
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.graph import build
from bayesimpute.designs.sheets import LargeData
from bayesimpute.families import FAMILIES, Context, Family, Parameter, Real, Side, Theta, Values
from bayesimpute.families.context import NO_SIDE, NOWHERE
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import reads
from bayesimpute.running.kernel import Bench
from bayesimpute.running.legs import Job
from bayesimpute.running.made_of import redrawn, seen_before
from bayesimpute.running.workspace import Described, Workspace
from bayesimpute.samplers.metric_at_draw import at_draw, coefficients


@final
@dataclass(frozen=True, kw_only=True)
class Exposed(Family):
    """Counts with mean mu times the exposure, 1 if none is given."""

    name: ClassVar[str] = "exposed"
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "poisson"
    reads: ClassVar[tuple[str, ...]] = ("exposure",)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter(name="mu", link="log"),)

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        return pm.Poisson.dist(pt.exp(eta["mu"] + pt.log(side["exposure"])))

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        mean = theta["mu"] * side["exposure"]
        return y * np.log(mean) - mean - gammaln(y + 1)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return np.broadcast_to(theta["mu"] * side["exposure"], y.shape)

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return rng.poisson(theta["mu"] * context.at().side["exposure"]).astype(float)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        mean = theta["mu"] * side["exposure"]
        return mean, mean


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "exposed", Exposed)


COUNTS = Conditional.of("y ~ x", family="exposed", side={"exposure": "days"})


def visits(*, days_missing: bool = False) -> pd.DataFrame:
    """Counts over 1 to 20 days, at exp(0.3 + 0.6 x) a day; those over many days are missing more often."""
    rng = np.random.default_rng(4)
    x, days = rng.normal(size=200), rng.integers(1, 21, 200).astype(float)
    y = rng.poisson(days * np.exp(0.3 + 0.6 * x)).astype(float)
    y[rng.random(200) < days / 40] = np.nan
    if days_missing:
        days[::9] = np.nan
    return pd.DataFrame({"y": y, "x": x, "days": days, "label": np.where(x > 0, "a", "b")})


@pytest.mark.slow
def test_nuts_learns_and_imputes_with_exposures() -> None:
    frame = visits()
    plan = Plan.of([COUNTS], run=Run(sampler="nuts", m=20, chains=2, warmup=100, sweeps=200))
    imputed = bi.impute(frame, plan, seed=1, progress=False)
    posterior = imputed.posterior("y")["posterior"].to_dataset()
    for name, truth in (("Intercept", 0.3), ("x", 0.6)):
        draws = posterior[name].values
        assert abs(draws.mean() - truth) < 4 * draws.std()
    gaps = frame["y"].isna().to_numpy()
    mean = (frame["days"] * np.exp(0.3 + 0.6 * frame["x"]))[gaps].to_numpy()
    cells = np.stack([imputed.completed(k)["y"].to_numpy()[gaps] for k in range(20)])
    # each cell is Poisson given the parameters, which move the sum by their posterior standard deviation
    slack = np.sqrt(mean.sum() / 20) + mean.sum() * posterior["Intercept"].values.std()
    assert abs(cells.sum(axis=1).mean() - mean.sum()) < 4 * slack


def test_what_a_family_reads_is_current_in_data_density_and_draws() -> None:
    space = workspace(visits(days_missing=True), COUNTS, "days ~ x")
    target, days = space.resolved.step("y"), space.resolved.step("days")
    design = space.designs["y"]
    assert reads(target.lead, space.resolved.derived) == {"x", "days"}
    assert design.inputs == {"x", "days"}
    bench = Bench(space, {t.name: np.full(t.missing_rows.size, 2.0) for t in space.resolved.targets})
    before = bench.data(target)["side_exposure"]
    bench.set(days, {"days": np.arange(1.0, 1 + days.missing_rows.size)})
    after = bench.data(target)["side_exposure"]
    np.testing.assert_array_equal(after, bench.completed.values["days"][target.learn_rows])
    assert (before != after).any()
    draw = {"mu": np.array([0.3, 0.2])}
    expected = Exposed().logp(
        bench.data(target)["y_data"], design.theta(draw, bench.data(target))[0], {"exposure": after}
    )
    np.testing.assert_allclose(design.logp(draw, bench.data(target)), expected)
    known = bench.completed.known(target, np.arange(5))
    np.testing.assert_array_equal(np.isnan(known.y), visits()["y"].isna()[:5])
    np.testing.assert_array_equal(known.side["exposure"], bench.completed.values["days"][:5])


def test_the_metric_and_the_widths_of_slices_know_exposures() -> None:
    space = workspace(visits(), COUNTS)
    target, design = only(space)
    data = Bench(space, {"y": np.ones(target.missing_rows.size)}).data(space.resolved.step("y"))
    layout = layout_of(design, build(design, data))
    draw = layout.unpack(np.array([0.3, 0.6]))
    metric = at_draw(layout, data, draw)
    x = data["X_mu"]
    information = np.exp(x @ draw["mu"]) * data["side_exposure"]
    precision = x.T @ (information[:, None] * x) + np.diag(coefficients(layout).precisions)
    np.testing.assert_allclose(metric.factor @ metric.factor.T, precision, rtol=1e-6)
    theta, exposure = {"mu": np.full(3, 2.0)}, np.array([1.0, 2.0, 8.0])
    np.testing.assert_allclose(spread(target, theta, {"exposure": exposure}), np.sqrt(2 * exposure))


def test_the_density_of_counts_pulls_on_an_imputed_exposure() -> None:
    plan = Plan.of(["days ~ x"], substantive=[COUNTS])
    frame = visits(days_missing=True)
    space = Workspace(plan, Incomplete.from_frame(frame, clusters=plan_clusters(plan)))
    y = next(t for t in space.resolved.targets if t.name == "y")
    assert space.resolved.factors["days"] == ("y",)
    assert not is_affine(y, "days", space.resolved.derived)
    done, how = completed(space), space.compatible["days"]
    design = space.designs["y"]
    draw = {"mu": np.array([0.3, 0.2])}
    scenario = how.scenario({"y": draw}, done, {"y": design.matrices(done.columns)})
    cells = np.linspace(1, 9, how.target.missing_rows.size)
    rows = how.target.missing_rows
    theta = space.placements["y"].predict(draw, design.matrices(done.columns), rows)
    seen = ~np.isnan(frame["y"].to_numpy()[rows])
    given = np.where(seen, frame["y"].to_numpy()[rows], 0.0)
    expected = np.where(seen, Exposed().logp(given, theta, {"exposure": cells}), 0.0)
    np.testing.assert_allclose(scenario.logp(cells)[how.affected.block_of_cell], expected)


def test_a_plan_with_side_columns_comes_back_from_its_document() -> None:
    plan = Plan.of([COUNTS])
    assert 'exposure = "days"' in plan.to_toml()
    assert Plan.from_toml(plan.to_toml()) == plan
    with pytest.raises(bi.PlanError, match="not a mapping"):
        Conditional.of("y ~ x", side="days")


@pytest.mark.parametrize(
    ("family", "side", "finding"),
    [
        ("exposed", {"exposre": "days"}, 'reads no column "exposre"'),
        ("gaussian", {"exposure": "days"}, "it reads none"),
        ("exposed", {"exposure": "dyas"}, 'no column "dyas"'),
        ("exposed", {"exposure": "label"}, "name a column of numbers"),
        ("exposed", {"exposure": "y"}, "its own target"),
        ("exposed", {"exposure": 3}, "is not a name"),
    ],
)
def test_side_columns_are_checked(family: str, side: Any, finding: str) -> None:
    plan = Plan.of([Conditional.of("y ~ x", family=family, side=side)])
    found = [p for p in bi.check(plan, visits()) if ".side" in p.path]
    assert any(finding in f"{p.finding}; {p.remedy}" for p in found), found


def test_an_exposure_that_nobody_imputes_is_a_problem() -> None:
    found = bi.check(Plan.of([COUNTS]), visits(days_missing=True))
    assert any(p.path == "conditional[y].side.exposure" and "missing values" in p.finding for p in found)


def test_of_large_data_side_columns_are_made_when_asked_for() -> None:
    space = workspace(visits(), COUNTS)
    done = completed(space)
    held = LargeData(space.placements["y"], done)
    seen = space.resolved.target("y").fit_rows
    np.testing.assert_array_equal(held["side_exposure"], done.values["days"][seen])
    assert "side_exposure" in list(held)
    found = np.concatenate([piece["side_exposure"] for _, piece in held.pieces()])
    np.testing.assert_array_equal(found, done.values["days"][seen])
    some = LargeData(space.placements["y"], done, np.array([3, 5]))
    np.testing.assert_array_equal(some["side_exposure"], done.values["days"][seen[[3, 5]]])


def test_an_imputed_exposure_counts_in_what_an_imputation_was_made_of() -> None:
    run = Run(m=2, chains=2, warmup=2, sweeps=2, visit_sequence=("y", "days"))
    plan = Plan.of([COUNTS, "days ~ x"], run=run)
    imputed = bi.impute(visits(days_missing=True).assign(days=lambda d: d["days"] + 100), plan, seed=1, progress=False)
    record = imputed.record
    assert "days" in seen_before(record.resolved)[0]
    space = Workspace(plan, record.incomplete, Described.of(plan, record.incomplete, record.resolved))
    for leg in record.legs:
        for k, made in leg.made.items():
            for name, cells in redrawn(space, made, leg.kept[k]).items():
                np.testing.assert_array_equal(cells, leg.kept[k][name])


def test_runs_with_other_side_columns_share_nothing() -> None:
    frame = visits().assign(other=1.0)
    other = Conditional.of("y ~ x", family="exposed", side={"exposure": "other"})
    keys = [Job.of(fresh_record(frame, Plan.of([c]))).key for c in (COUNTS, other)]
    moved = Job.of(fresh_record(frame.assign(days=frame["days"] + 1), Plan.of([COUNTS]))).key
    assert len({*keys, moved}) == 3
