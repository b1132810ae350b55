"""Runs of selection models with empty clusters: what is recorded, in pieces and in parallel, and what diagnose says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looping import assert_same_run
from modelling import conditional

import bayesimpute as bi
from bayesimpute.designs.design import SYSTEMATIC
from bayesimpute.estimating.estimands import without_selection
from bayesimpute.samplers.gibbs.selection.two_equations import TwoEquations

BRIEF = (10, 20)


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TwoEquations, "burn_in", replace(TwoEquations.burn_in, stages=BRIEF))


def survey() -> pd.DataFrame:
    """20 clusters: 18 of 6, one of 60 that nobody visited, and one of a single unit that did not answer."""
    rng = np.random.default_rng(4)
    g = np.repeat([*range(18), 18, 19], [6] * 18 + [60, 1])
    x, z, h, e = rng.normal(size=(4, len(g)))
    seen = (z + h > 0) & (g < 18)
    return pd.DataFrame({"g": [f"c{k}" for k in g], "x": x, "z": z, "y": np.where(seen, x + e, np.nan)})


ITEM = conditional(
    "y ~ x + (1 | g)", selection="x + z + (1 | g)", family="heckman_gaussian", priors={"systematic": "Beta(1, 1)"}
)
SETTINGS = {"m": 4, "chains": 2, "warmup": 20, "sweeps": 40, "seed": 3, "progress": False}


def run(**changes: object) -> bi.MultiplyImputed:
    return bi.impute(survey(), ITEM, **{**SETTINGS, **changes})  # pyright: ignore[reportArgumentType]


def test_a_run_records_the_indicators_and_is_the_same_saved_extended_and_in_two_threads(tmp_path: Path) -> None:
    whole = run()
    posterior = whole.posterior("y")["posterior"].to_dataset()
    assert posterior[SYSTEMATIC].dims == ("chain", "draw", "empty_cluster")
    assert posterior["empty_cluster"].values.tolist() == ["c18", "c19"]
    assert "systematic" in posterior and set(np.unique(posterior[SYSTEMATIC].values)) <= {0.0, 1.0}
    made = whole.tree["imputations/y"].to_dataset()["draw_systematic_clusters"].values
    last = [posterior[SYSTEMATIC].values[k % 2, 20 * (k // 2 + 1) - 1] for k in range(4)]
    np.testing.assert_array_equal(made, last)
    assert_same_run(run(workers=2), whole)
    half = run(sweeps=20, m=2)
    half.save(tmp_path / "half.nc")
    again = bi.MultiplyImputed.load(tmp_path / "half.nc")
    assert_same_run(again, half)
    assert_same_run(again.add(2, progress=False), half.add(2, progress=False))
    found = again.add(2, progress=False).posterior("y")["posterior"][SYSTEMATIC].values
    np.testing.assert_array_equal(found, posterior[SYSTEMATIC].values)


def test_diagnose_has_the_probability_of_each_empty_cluster() -> None:
    """Sixty units are hardly empty by chance; a single one may well be."""
    found = run(sweeps=300).diagnose()
    assert list(found.systematic.columns) == ["target", "cluster", "probability"]
    chance = dict(zip(found.systematic["cluster"], found.systematic["probability"], strict=True))
    assert chance["c18"] > 0.95 > 0.7 > chance["c19"] > 0.01
    assert "systematically missing with probability" in str(found) and "c19" in str(found)
    assert found.to_json_dict()["systematic"][0]["cluster"] == "c18"
    assert not found.parameters["parameter"].str.contains("clusters").any()


def test_the_ignorable_twin_has_no_share() -> None:
    (twin,) = without_selection(bi.Plan.of(ITEM)).conditionals
    assert not twin.priors and set(twin.formulas) == {"mu"}
