"""Analyses of all datasets of a run: failures, processes, and what was never imputed."""

import os

import numpy as np
import pandas as pd
import pytest

from bayesimpute.analysis import fit, fitting
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import AnalysisError
from bayesimpute.pooling import Analyses, analyses_of, pool


def frames(m: int = 4) -> list[pd.DataFrame]:
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(20), 6), rng.normal(size=120)
    made = []
    for _ in range(m):
        y = 1 + x + rng.normal(size=20)[g] + rng.normal(size=120)
        made.append(pd.DataFrame({"y": y, "x": x, "g": g, "w": np.where(x > 1, np.nan, x**2)}))
    return made


def analysed(data: list[pd.DataFrame], analysis: object = "y ~ x + (1 | g)", **options: object) -> Analyses:
    return analyses_of(data, analysis, chains=2, total=len(data), **options)  # type: ignore[arg-type]


def fails_on_the_second(frame: pd.DataFrame) -> tuple[float, float]:
    if frame["y"].iloc[0] == frames()[1]["y"].iloc[0]:
        raise ValueError("no such luck")
    return float(frame["y"].mean()), 0.1


def mean_of_y(frame: pd.DataFrame) -> tuple[float, float]:
    return float(frame["y"].mean()), 0.1


def ends_its_process(frame: pd.DataFrame) -> None:
    del frame
    os._exit(1)


def test_failures_are_told_with_their_datasets_unless_allowed() -> None:
    data = frames()
    with pytest.raises(AnalysisError, match=r"^dataset 2: ValueError: no such luck$"):
        analysed(data, fails_on_the_second)
    found = analysed(data, fails_on_the_second, allow_failures=True)
    assert len(found) == 3
    pooled = found.pool()
    assert pooled.m == 3
    assert pooled.messages[0].startswith("3 of 4 datasets were used: the others could not be analysed (dataset 2: ")
    with pytest.raises(AnalysisError, match=r"^datasets 1-4: ZeroDivisionError: division by zero$"):
        analysed(data, lambda _: 1 / 0, allow_failures=True)
    with pytest.raises(AnalysisError, match="dataset 2: "):
        analysed(data[:2], fails_on_the_second, allow_failures=True)  # one is left, and that cannot be pooled


def test_processes_do_not_change_the_figures() -> None:
    data = frames(3)
    alone, shared = analysed(data), analysed(data, workers=2)
    for a, b in zip(alone.estimates, shared.estimates, strict=True):
        np.testing.assert_array_equal(a.estimates, b.estimates)
        np.testing.assert_array_equal(a.covariance, b.covariance)
        assert a.quantities == b.quantities
    assert alone.pool().to_json_dict() == shared.pool().to_json_dict()


@pytest.mark.slow
def test_functions_have_the_same_figures_in_processes() -> None:
    """That a function is sent there, one sees in the default suite where it ends its process."""
    data = frames(3)
    means = [e.estimates[0] for e in analysed(data, mean_of_y, workers=2).estimates]
    assert means == pytest.approx([mean_of_y(f)[0] for f in data], rel=1e-12)


def test_a_function_that_cannot_be_sent_is_told_at_once() -> None:
    with pytest.raises(AnalysisError, match=r"workers: the analysis cannot be sent .* top of a module, or use wor"):
        analysed(frames(2), lambda d: (d["y"].mean(), 0.1), workers=2)


def test_a_process_that_dies_is_told_with_what_can_be_done() -> None:
    with pytest.raises(
        AnalysisError, match=r"^workers: a process died \(was memory short\?\); give fewer, or workers=1$"
    ):
        analysed(frames(3), ends_its_process, workers=2)


def test_long_fits_are_announced_with_how_long_and_how_to_save_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    analysed(frames(3), progress=True)
    assert "Fitting" not in capsys.readouterr().err
    monkeypatch.setattr(fitting, "ANNOUNCED", -1.0)
    analysed(frames(3), progress=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Fitting the other 1 dataset will take about ") and "more workers share them" in line


def test_nothing_to_derive_or_to_test() -> None:
    found = analysed(frames(2))
    with pytest.raises(AnalysisError, match="derived: no expression is given"):
        found.derive()
    with pytest.raises(AnalysisError, match="derived: no expression is given"):
        found.test_constraints([])
    with pytest.raises(AnalysisError, match="dfcom: D2 does not use"):
        found.test_constraints(["b[x]"], method="D2", dfcom=10)
    with pytest.raises(AnalysisError, match="the smaller model: got str, not an analysis"):
        found.test("y ~ 1")  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match=r"dfcom: .* must be positive, got x"):
        found.pool(dfcom="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_numbers_of_processes(workers: object) -> None:
    with pytest.raises(AnalysisError, match="workers: a number of processes from 1"):
        analysed(frames(2), workers=workers)


def test_a_column_that_was_never_imputed_is_an_error() -> None:
    with pytest.raises(AnalysisError, match=r'"w" \(\d+ missing\) is incomplete and was not imputed; add a cond'):
        analysed(frames(2), "y ~ x + w")
    with pytest.raises(AnalysisError, match='"w"'):
        analysed(frames(2), "w ~ x")
    assert fit("y ~ x + w", frames(1)[0]).n_obs == int(frames(1)[0]["w"].notna().sum())  # one dataset: complete cases


def test_degrees_of_freedom_by_term_go_into_pooling() -> None:
    data = frames()
    found = analysed(data, df="satterthwaite")
    pooled = found.pool()
    smallest = np.min([e.dfcom for e in found.estimates], axis=0)
    np.testing.assert_array_equal(pooled.dfcom, smallest)
    assert "Satterthwaite's, by term" in pooled.df_note
    for place, term in enumerate(found.estimates[0].terms):
        one = [
            Estimate(
                terms=(term,), estimates=e.estimates[[place]], covariance=e.covariance[[place]][:, [place]],
                dfcom=float(smallest[place]),
            )
            for e in found.estimates
        ]  # fmt: skip
        assert pool(one).terms["df"][0] == pytest.approx(pooled.terms["df"][place], rel=1e-12)
    assert "20 clusters of g are few" in analysed(data).pool().df_note


def test_the_order_of_imputations_does_not_matter() -> None:
    found = analysed(frames())
    there, back = pool(found.estimates), pool(found.estimates[::-1])
    pd.testing.assert_frame_equal(there.terms, back.terms, rtol=1e-12)
    pd.testing.assert_frame_equal(there.variance_components, back.variance_components, rtol=1e-12)


def test_identical_datasets_give_the_complete_data_answer() -> None:
    data = frames(1)[0]
    pooled, one = analysed([data] * 4, "y ~ x").pool(), fit("y ~ x", data)
    np.testing.assert_array_equal(pooled.terms["fmi"], 0)
    np.testing.assert_allclose(pooled.terms["estimate"], one.estimates, rtol=1e-14)
    np.testing.assert_allclose(pooled.terms["std_error"], one.std_errors, rtol=1e-14)
    assert pooled.enough


def test_one_dataset_cannot_be_pooled() -> None:
    with pytest.raises(AnalysisError, match="at least two completed datasets, got 1: the variance between imputations"):
        analysed(frames(1)).pool()
