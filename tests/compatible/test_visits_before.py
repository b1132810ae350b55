"""The density of dropout at other values of y: also where y stands as the value of the visit before, by hand."""

import numpy as np
import pandas as pd
from scipy.special import log_expit

import bayesimpute as bi
from bayesimpute.compatible.affine_factors import AffineFactors
from bayesimpute.compatible.normal_draws import derivatives
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.subject_visits import Visits
from bayesimpute.running.kernel import Bench
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.prior import prior_draw


def frame(subjects: int = 12) -> pd.DataFrame:
    """Gaps and dropouts, the rows in no order."""
    rng = np.random.default_rng(3)
    made = pd.DataFrame({"id": np.repeat(np.arange(subjects), 5), "week": np.tile([0, 1, 2, 4, 8], subjects)})
    made["y"] = np.where(rng.random(len(made)) < 0.4, np.nan, rng.normal(size=len(made)))
    made.loc[made["week"] == 0, "y"] = rng.normal(size=subjects)
    return made.sample(frac=1, random_state=1).reset_index(drop=True)


def test_a_cell_is_weighed_by_its_own_visit_and_by_the_next() -> None:
    data = Incomplete.from_frame(frame(), clusters=["id"])
    model = bi.Conditional.of("dropout(y) ~ y + lag(y)", family="bernoulli", priors={"y": 0.8})
    plan = bi.Plan.of(["y ~ week"], substantive=[model], time=bi.Time(subject="id", order="week"))
    space, rng = Workspace(plan, data), np.random.default_rng(1)
    target, design = space.resolved.target("y"), space.designs["dropout(y)"]
    cells = rng.normal(size=len(target.missing_rows))
    bench = Bench(space, {"y": cells, "dropout(y)": np.zeros(0)})
    draw = prior_draw(design, rng)
    matrices = design.matrices(bench.completed.columns)
    how = space.compatible["y"]
    scenario = how.scenario({"dropout(y)": draw}, bench.completed, {"dropout(y)": matrices})
    values = dict(zip(design.names, design.posterior(draw), strict=True))
    visits, seen = Visits.of(data, "id", "week"), ~data.columns["y"].missing
    (column,) = design.offsets[0].columns
    middle = float(column.split("(y ")[1].rstrip(")").replace(" ", "")) if "(y " in column else 0.0

    def by_hand(of: np.ndarray) -> np.ndarray:
        y = data.columns["y"].values.copy()
        y[target.missing_rows] = of
        eta = values["Intercept"] + 0.8 * (y + middle) + values["lag(y)"] * visits.lag(y)
        event = visits.dropout(seen)
        found = np.where(np.isnan(event), 0.0, log_expit(np.where(event == 1, eta, -eta)))
        total = np.zeros(scenario.affected.blocks)
        np.add.at(total, scenario.affected.block, found[scenario.affected.rows])
        return total

    affine = AffineFactors(scenario, derivatives(scenario, cells, 1.0), cells)
    assert len(scenario.affected.passes) > 1 and how.affine
    for k, moving in enumerate(scenario.affected.passes):
        other = cells.copy()
        other[moving] += rng.normal(size=len(moving))
        change = by_hand(other) - by_hand(cells)
        np.testing.assert_allclose(scenario.logp(other) - scenario.logp(cells), change, atol=1e-9)
        np.testing.assert_allclose(affine.logp(other, k) - affine.logp(cells, k), change, atol=1e-9)
    assert np.abs(by_hand(cells + 1.0) - by_hand(cells)).max() > 0.01
