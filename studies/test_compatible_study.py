"""The study of compatible imputation: its designs, its table, and a short run of it.

The full study is ``make study-compatible``.
"""

import compatible
import numpy as np
import pandas as pd
import pytest
from compatible_designs import DESIGNS, simulate

import bayesimpute as bi
from bayesimpute.base.errors import errors

REPLICATES = 30


@pytest.mark.parametrize("name", list(DESIGNS))
def test_the_designs_are_what_they_say(name: str) -> None:
    design = DESIGNS[name]
    complete, holes = simulate(design, 1)
    assert list(complete) == list(holes)
    share = holes.isna().mean()
    assert set(share[share > 0].index) <= {"x", "y", "w"} and share["x"] > 0.1
    for method in ("compatible", "reversed"):
        assert errors(bi.check(design.plan(method), holes)) == []
    plan = design.plan("compatible")
    assert bi.congenial(plan, f"y ~ {design.terms}", holes) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["slopes", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cross-level", "Huque iii"))]
)
def test_the_complete_data_have_the_true_values(name: str) -> None:
    design = DESIGNS[name]
    frames = [simulate(design, seed)[0] for seed in range(30)]
    found = [compatible.intervals(design, [bi.fit(design.formula, frame)]) for frame in frames]
    for key, true in design.truth.items():
        values = np.array([f[key][0] for f in found])
        assert abs(values.mean() - true) < 4 * values.std() / np.sqrt(len(values)), key


def test_no_two_designs_have_the_same_errors() -> None:
    one, other = (simulate(DESIGNS[name], 1)[0] for name in ("slopes", "cross-level"))
    n = min(len(one), len(other))
    assert abs(np.corrcoef(one["z"][:n], other["z"][:n])[0, 1]) < 0.2


def test_about_three_in_ten_are_missing_at_random() -> None:
    shares = pd.DataFrame([simulate(DESIGNS["slopes"], seed)[1].isna().mean() for seed in range(40)])
    assert (shares[["x", "y"]].mean() - 0.3).abs().max() < 0.01
    _, holes = simulate(DESIGNS["x by y"], 1)
    assert holes.loc[holes["y"].isna(), "x"].notna().all()


def test_the_table_is_of_pairs() -> None:
    rows = [
        {"design": "d", "method": "m", "seed": k, "name": "x", "truth": 1.0, "seconds": 1.0}
        | {"full": 1.0, "full_low": 0.5, "full_high": 1.5, "pooled": 1 + gap, "low": 0.7 + gap, "high": 1.3 + gap}
        for k, gap in enumerate((-0.4, 0.0, 0.1, 0.5))
    ]
    (line,) = compatible.table(pd.DataFrame(rows)).to_dict("records")
    assert line["difference"] == pytest.approx(0.05) and line["percent"] == pytest.approx(5.0)
    assert line["error"] == pytest.approx(np.std([-0.4, 0, 0.1, 0.5], ddof=1) / 2)
    assert (line["coverage"], line["full_coverage"]) == (0.5, 1.0)


@pytest.mark.slow
def test_compatible_imputations_stay_with_the_complete_data_and_reversed_ones_do_not() -> None:
    rows = [
        row
        for method in ("compatible", "reversed")
        for seed in range(1000, 1000 + REPLICATES)
        for row in compatible.replicate("slopes", method, seed)
    ]
    found = compatible.table(pd.DataFrame(rows)).set_index(["method", "name"])
    ours = found.loc["compatible"]
    assert (ours["difference"].abs() < 4 * ours["error"]).all(), ours
    assert found.loc[("reversed", "variance g x"), "percent"] < -15


@pytest.mark.slow
def test_without_slopes_and_interactions_both_agree() -> None:
    rows = {
        method: pd.DataFrame(
            [r for s in range(2000, 2000 + REPLICATES) for r in compatible.replicate("random intercepts", method, s)]
        ).pivot(index="seed", columns="name", values="pooled")
        for method in ("compatible", "reversed")
    }
    gap = rows["compatible"] - rows["reversed"]
    assert (gap.mean().abs() < 4 * gap.std() / np.sqrt(len(gap))).all(), gap.mean()
