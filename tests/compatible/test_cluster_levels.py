"""Clusters where a variable was never seen: their level mixes, and what is drawn is kept like everything else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looping import assert_same_run

import bayesimpute as bi
from bayesimpute import Plan
from bayesimpute.running.made_of import redrawn
from bayesimpute.running.workspace import Workspace

MODELS = {
    "normal": ("x ~ 1 + (1 | g)", "gaussian", "y ~ x + (1 | g)"),
    "sliced": ("x ~ 1 + (1 | g)", "gaussian", "y ~ x + I(x**2) + (1 | g)"),
    "summed": ("b ~ 1 + (1 | g)", "bernoulli", "y ~ b + (1 | g)"),
    "of clusters": ("w ~ 1", "gaussian", "y ~ w + (1 | g)"),
}


def data() -> pd.DataFrame:
    """Sixteen clusters of forty; in four of them x and b were never seen, and w, which belongs to the clusters."""
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(16), 40)
    level, own = rng.normal(size=16), rng.normal(size=16)
    x = 0.7 * level[g] + 0.7 * rng.normal(size=len(g))
    frame = pd.DataFrame({"g": g, "x": x, "b": (x + rng.normal(size=len(g)) > 0).astype(float), "w": level[g]})
    frame["y"] = 0.7 * x + 0.5 * own[g] + rng.normal(size=len(g))
    frame.loc[g < 4, ["x", "b", "w"]] = np.nan
    return frame


def run(name: str, **options: object) -> bi.MultiplyImputed:
    formula, family, analysis = MODELS[name]
    target = formula.split()[0]
    plan = Plan.of([bi.Conditional.of(formula, family=family)], substantive=analysis)
    frame = data()[["g", "y", target]]
    return bi.impute(frame, plan, **{"m": 4, "chains": 2, "warmup": 30, "seed": 1, "progress": False, **options})


@pytest.mark.by_default("normal", "of clusters")
@pytest.mark.parametrize("name", list(MODELS))
def test_the_mean_of_imputed_cells_forgets(name: str) -> None:
    imputed = run(name, sweeps=100, sampler="gibbs")
    table = imputed.diagnose().imputed
    assert table.loc[table["statistic"] == "mean", "ess_bulk"].item() > 50  # of 200; without the move below 20
    assert any("the level of 4 clusters of g" in what for what in imputed.events["what"])


@pytest.mark.by_default("summed", "of clusters")
@pytest.mark.parametrize("name", list(MODELS))
def test_cells_are_drawn_again_and_runs_go_on(name: str, tmp_path: Path) -> None:
    imputed = run(name, sweeps=6, warmup=4, sampler="gibbs")
    record = imputed.record
    space = Workspace(record.plan, record.incomplete)
    for leg in record.legs:
        for k, cells in leg.kept.items():
            for target, values in redrawn(space, leg.made[k], cells).items():
                np.testing.assert_allclose(values, cells[target], rtol=1e-8)
    imputed.save(tmp_path / "run.nc")
    assert_same_run(
        bi.MultiplyImputed.load(tmp_path / "run.nc").extend(3, progress=False), imputed.extend(3, progress=False)
    )
