"""Shortcuts for large data against the full computation: models described on a sample, inner steps found on one."""

import numpy as np
import pandas as pd
import pytest
from arviz_stats.sampling_diagnostics import ess
from modelling import conditional, only, workspace

import bayesimpute as bi
from bayesimpute.designs import sheets, subsample
from bayesimpute.designs.design import Design

pytestmark = pytest.mark.long(10)

ROWS, CLUSTERS, SAMPLE, ERRORS = 12_000, 600, 3_000, 4.0
MODEL = conditional("y ~ x + c + (1 + x | g)")


def large(seed: int = 3) -> pd.DataFrame:
    """Units in clusters; y is missing in a fifth of the rows."""
    rng = np.random.default_rng(seed)
    g, x = np.arange(ROWS) % CLUSTERS, rng.normal(5, 2, ROWS)
    u = rng.normal(0, (1.0, 0.3), (CLUSTERS, 2))[g]
    frame = pd.DataFrame({"g": g, "x": x, "c": pd.Categorical(rng.choice(["p", "q", "r"], ROWS, p=[0.6, 0.39, 0.01]))})
    frame["y"] = 10 + 0.5 * x + u[:, 0] + u[:, 1] * (x - 5) + rng.normal(0, 2, ROWS)
    frame.loc[::5, "y"] = np.nan
    return frame


@pytest.fixture
def shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subsample, "MOST", SAMPLE)
    monkeypatch.setattr(subsample, "MANY", CLUSTERS // 2)
    for name, value in (("LARGE", SAMPLE), ("SAMPLE", SAMPLE), ("MANY", CLUSTERS // 2)):
        monkeypatch.setattr(sheets, name, value)


@pytest.fixture(scope="module")
def full() -> Design:
    return only(workspace(large(), MODEL))[1]


def test_priors_centres_and_scales_are_those_of_all_rows_but_for_sampling(full: Design, shortcuts: None) -> None:
    found = only(workspace(large(), MODEL))[1]
    spread = ERRORS / np.sqrt(SAMPLE)
    assert float(found.centre) != float(full.centre)  # a sample it is
    assert abs(float(found.centre) - float(full.centre)) < spread * float(full.scale)
    assert np.log(float(found.scale) / float(full.scale)) == pytest.approx(0.0, abs=spread)
    for ours, theirs in zip(found.predictors, full.predictors, strict=True):
        assert [p.name for p in ours.priors] == [p.name for p in theirs.priors]
        kept = np.array(["c[r]" not in name for name in theirs.names])  # of a label of 1 % a sample says less
        if theirs.matrix is not None:
            np.testing.assert_allclose(np.log(ours.scale / theirs.scale)[kept], 0.0, atol=spread)
    assert [b.centred for b in found.blocks] == [b.centred for b in full.blocks]


@pytest.mark.slow
def test_a_run_with_shortcuts_has_the_posterior_of_one_without(
    shortcuts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"seed": 1, "m": 2, "chains": 2, "warmup": 30, "sweeps": 150, "sampler": "gibbs", "progress": False}
    frame = large()
    frame.loc[1::7, "x"] = np.nan  # with a second model there are inner steps
    models = [MODEL, "x ~ y + c + (1 | g)"]
    quick = bi.impute(frame, models, **settings)
    monkeypatch.undo()
    whole = bi.impute(frame.assign(unread=0.0), models, **settings)  # other data: a process remembers its models
    assert any("sample of clusters" in why for why in quick.events["why"])
    assert not any("sample of clusters" in why for why in whole.events["why"])
    ours, theirs = (made.draws("y") for made in (quick, whole))
    assert set(ours) == set(theirs)
    for name in theirs:
        a, b = ours[name], theirs[name]
        error = np.sqrt(sum(float(v.var()) / float(ess(v.to_numpy())) for v in (a, b)))
        assert abs(float(a.mean() - b.mean())) < ERRORS * error, name
