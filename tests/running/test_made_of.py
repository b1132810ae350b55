"""What an imputation was made of: kept, read back from files, and enough to draw its cells again."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looping import assert_same_run
from modelling import school_frame

import bayesimpute as bi
from bayesimpute.plan.options import Run
from bayesimpute.plan.targets import Step
from bayesimpute.running.kernel import Bench
from bayesimpute.running.made_of import frozen, redrawn, thawed
from bayesimpute.running.workspace import Workspace

FCS = ("y ~ x + b + (1 | school)", "b ~ y + x + (1 | school)", "x ~ y + cluster_mean(y, school)")


ONE = ("y ~ 1 + (1 | school)",)


def incomplete() -> pd.DataFrame:
    frame = school_frame().drop(columns=["w", "c", "d", "region"])
    frame.loc[3::6, "x"] = np.nan
    return frame


def run(
    conditionals: Sequence[str], *, substantive: Sequence[str] = (), m: int = 4, seed: int = 5
) -> bi.MultiplyImputed:
    plan = bi.Plan.of(list(conditionals), substantive=tuple(substantive), run=Run(m=m, chains=2, warmup=6, sweeps=4))
    return bi.impute(incomplete(), plan, seed=seed, progress=False)


def again(imputed: bi.MultiplyImputed, *, digits: float = 0.0) -> None:
    """Every cell of every imputation comes out as the run drew it."""
    record = imputed.record
    space = Workspace(record.plan, record.incomplete)
    kept = {k: cells for leg in record.legs for k, cells in leg.kept.items()}
    made = {k: each for leg in record.legs for k, each in leg.made.items()}
    assert kept.keys() == made.keys() and len(kept) >= imputed.m
    for k, cells in kept.items():
        found = redrawn(space, made[k], cells)
        for name, values in cells.items():
            np.testing.assert_allclose(found[name], values, rtol=digits, err_msg=f"{name} of imputation {k}")
    assert not space.posteriors  # nothing was compiled


PLANS = {
    "chained": (FCS, ()),
    "one": (ONE, ()),
    "normal draws": (("x ~ 1 + (1 | school)",), ("y ~ x + (1 + x | school)",)),
    "slices": (("x ~ b", "b ~ 1"), ("y ~ x + I(x**2) + b + (1 | school)",)),
}


@pytest.mark.by_default("*-", "slices-.nc")
@pytest.mark.parametrize(
    ("name", "ending"), [*((name, "") for name in PLANS), ("chained", ".nc"), ("chained", ".zarr"), ("slices", ".nc")]
)
def test_the_cells_of_a_run_are_drawn_again_from_what_is_kept(name: str, ending: str, tmp_path: Path) -> None:
    conditionals, substantive = PLANS[name]
    imputed = run(conditionals, substantive=substantive)
    if ending:
        imputed.save(tmp_path / f"run{ending}")
        imputed = bi.MultiplyImputed.load(tmp_path / f"run{ending}")
    again(imputed, digits=1e-9 if name == "normal draws" else 0.0)  # which keep differences between sweeps


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".nc", ".zarr"])
def test_a_checkpoint_keeps_them_and_more_imputations_bring_their_own(ending: str, tmp_path: Path) -> None:
    plan = bi.Plan.of(list(FCS), run=Run(m=2, chains=2, warmup=6, sweeps=4))
    imputed = bi.impute(incomplete(), plan, seed=5, progress=False, checkpoint=tmp_path / f"run{ending}")
    again(imputed)
    more = imputed.add(5, progress=False)
    again(more)
    again(bi.resume(tmp_path / f"run{ending}", progress=False))
    assert_same_run(more, run(FCS, m=2).add(5, progress=False))


def test_other_random_numbers_give_other_cells_and_the_same_ones_a_shift() -> None:
    imputed = run(ONE)
    record = imputed.record
    space = Workspace(record.plan, record.incomplete)
    made, cells = record.legs[0].made[0], record.legs[0].kept[0]
    other = type(made)(draws=made.draws, generators={"y": frozen(np.random.default_rng(1).bit_generator.state)})
    assert np.isclose(redrawn(space, other, cells)["y"], cells["y"]).mean() < 0.1
    shifted = dict(made.draws["y"])
    intercept = space.designs["y"].predictors[0].intercept
    shifted["mu"] = shifted["mu"] + np.eye(len(shifted["mu"]))[intercept]
    moved = redrawn(space, type(made)(draws={"y": shifted}, generators=made.generators), cells)["y"] - cells["y"]
    np.testing.assert_allclose(moved, space.designs["y"].scale)


def test_rows_may_be_drawn_as_if_their_covariates_were_others() -> None:
    record = run(("y ~ x", "x ~ 1", "b ~ 1")).record
    space = Workspace(record.plan, record.incomplete)
    made, cells = record.legs[0].made[0], record.legs[0].kept[0]
    design = space.designs["y"]
    place = [name for name, _ in design.predictors[0].matrix.terms].index("x")

    def further(bench: Bench, step: Step) -> dict[str, np.ndarray]:
        plain = bench.missing(step)
        return {"mu": plain["mu"] + np.eye(plain["mu"].shape[1])[place]} if step.name == "y" else plain

    moved = redrawn(space, made, cells, further)["y"] - redrawn(space, made, cells)["y"]
    np.testing.assert_allclose(moved, design.scale * made.draws["y"]["mu"][place])


def test_a_generator_goes_on_from_where_it_was_frozen() -> None:
    rng = np.random.default_rng(3)
    rng.integers(10, dtype=np.uint32)  # half of a 64-bit number is left over
    words = frozen(rng.bit_generator.state)
    expected = rng.integers(1000, size=5, dtype=np.uint32).tolist(), rng.normal(size=3).tolist()
    found = thawed(words)
    assert (found.integers(1000, size=5, dtype=np.uint32).tolist(), found.normal(size=3).tolist()) == expected
