"""The study of Muñoz et al.: its data, its estimators and its bookkeeping; in the slow suite, a few of its replicates.

The full study is ``make study-munoz``. Here a bias may differ from zero by what the full study may find (.04, and .02
for the residual SD) and three Monte Carlo errors.
"""

from collections.abc import Callable
from pathlib import Path

import munoz
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from estimators import average, mixed, probit, two_stage
from munoz import Cell, Effort, Machine, Row

WIDEST = {"b0": 0.04, "b1": 0.04, "b2": 0.04, "sigma": 0.02}
ERRORS = 3.0


def test_a_fifth_of_the_clusters_is_never_seen_and_some_three_fifths_of_the_units_are_missing() -> None:
    shares = []
    for seed in range(60):
        frame, y = munoz.simulate(Cell(kind="continuous", rho=0.6, size=200), seed)
        seen = frame["y"].notna()
        assert not seen[frame["cluster"] < 2].any()
        np.testing.assert_array_equal(frame["y"][seen], y[seen.to_numpy()])
        shares.append(1 - seen.mean())
    assert abs(np.mean(shares) - 0.6) < 0.02 + ERRORS * np.std(shares) / np.sqrt(60)


def test_a_replicate_is_its_seed_and_binary_outcomes_are_signs() -> None:
    cell = Cell(kind="continuous", rho=0.9, size=50)
    first, y = munoz.simulate(cell, 3)
    pd.testing.assert_frame_equal(first, munoz.simulate(cell, 3)[0])
    assert not first["x2"].equals(munoz.simulate(cell, 4)[0]["x2"])
    np.testing.assert_array_equal(munoz.simulate(Cell(kind="binary", rho=0.9, size=50), 3)[1], (y > 0).astype(float))


@pytest.mark.slow
def test_errors_and_effects_are_correlated_as_they_should_be() -> None:
    """With rho = .9, who is selected has larger errors: complete cases have a higher intercept than all units."""
    gaps = []
    for seed in range(20):
        frame, y = munoz.simulate(Cell(kind="continuous", rho=0.9, size=200), seed)
        gaps.append(mixed(frame, frame["y"].to_numpy()).estimates[0] - mixed(frame, y).estimates[0])
    assert np.mean(gaps) > 5 * np.std(gaps) / np.sqrt(20)


@pytest.mark.by_default("binary*")
@pytest.mark.parametrize(("kind", "analyse"), [("continuous", mixed), ("binary", two_stage)])
def test_the_estimators_are_unbiased_on_full_data(kind: str, analyse: Callable) -> None:
    fits = [analyse(*munoz.simulate(Cell(kind=kind, rho=0.6, size=400), seed)) for seed in range(60)]
    rows = np.array([fit.estimates for fit in fits])
    error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    assert (np.abs(rows.mean(axis=0) - list(munoz.TRUTH.values())) < ERRORS * error).all()
    stated = np.mean([fit.std_errors for fit in fits], axis=0)
    np.testing.assert_allclose(stated, rows.std(axis=0, ddof=1), rtol=4 / np.sqrt(2 * 60))


def test_the_probit_fit_is_statsmodels() -> None:
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(20_000), rng.normal(size=(20_000, 2))])
    y = (x @ [0.3, 1.0, -0.5] + rng.normal(size=20_000) > 0).astype(float)
    theirs = sm.Probit(y, x).fit(disp=0)
    beta, variances = probit(x, y)
    np.testing.assert_allclose(beta, theirs.params, atol=1e-3)  # the ridge is worth a thousandth of the data
    np.testing.assert_allclose(variances, theirs.bse**2, rtol=1e-2)


def test_a_separated_cluster_has_a_finite_answer() -> None:
    x = np.column_stack([np.ones(20), np.linspace(-1, 1, 20)])
    beta, variances = probit(x, (x[:, 1] > 0).astype(float))
    assert np.isfinite(beta).all()
    assert (variances > 0).all()


def test_the_second_stage_is_the_plain_mean_where_the_variances_are_equal() -> None:
    estimates = np.array([0.1, 0.9, 0.4, 1.6])
    centre, error = average(estimates, np.full(4, 1e-6))
    assert centre == pytest.approx(estimates.mean())
    assert error == pytest.approx(estimates.std(ddof=1) / 2, rel=1e-3)
    assert average(np.full(4, 0.5), np.full(4, 0.04))[1] == pytest.approx(0.1, rel=1e-3)  # nothing between clusters


def _rows(seed: int) -> list[Row]:
    numbers = dict.fromkeys(("full_se", "pooled_se", "error", "cases", "posterior_rho", "missing", "seconds"), 0.5)
    about = {"kind": "binary", "rho": 0.3, "size": 50, "divergences": 0, "df": 20.0, "truth": 0.3, **numbers}
    return [Row(name=name, seed=seed, full=0.3, pooled=0.3 + 0.1 * seed, **about) for name in ("b0", "b1")]


def test_what_a_file_has_is_not_made_again(tmp_path: Path) -> None:
    out, cell = tmp_path / "munoz.csv", Cell(kind="binary", rho=0.3, size=50)
    assert munoz.missing_jobs([cell], 2, out) == [(cell, 0), (cell, 1)]
    munoz.append(out, _rows(0))
    munoz.append(out, _rows(1))
    assert munoz.missing_jobs([cell], 3, out) == [(cell, 2)]
    found = munoz.table(pd.read_csv(out))
    assert list(found["name"]) == ["b0", "b1"]
    assert found["bias"].tolist() == pytest.approx([0.05, 0.05])
    assert found["coverage"].tolist() == [1.0, 1.0]


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine(Effort(m=10))


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.9])
@pytest.mark.parametrize("kind", ["continuous", "binary"])
def test_a_few_replicates_have_no_bias_to_speak_of(kind: str, rho: float, machine: Machine) -> None:
    cell = Cell(kind=kind, rho=rho)
    found = munoz.table(pd.DataFrame([row for seed in range(8) for row in machine.replicate(cell, seed)]))
    for row in found.itertuples():
        assert abs(row.bias) < WIDEST[row.name] + ERRORS * row.error, row


@pytest.mark.slow
def test_small_clusters_stay_finite_with_sensible_intervals(machine: Machine) -> None:
    """Ten clusters of fifty, where the published method has an empirical standard error of 8.06."""
    cell = Cell(kind="continuous", rho=0.6, size=50)
    rows = pd.DataFrame([row for seed in range(12) for row in machine.replicate(cell, seed)])
    found = munoz.table(rows).set_index("name")
    names = ["b0", "b1", "b2"]
    assert np.isfinite(rows[["pooled", "full", "error"]]).all(axis=None)
    assert (found.loc[names, "pooled_sd"] < 3 * found.loc[names, "full_sd"]).all()
    assert (found.loc[names, "pooled_se"] < 1.0).all()
    covered = (found["coverage"] - found["full_coverage"])[names]
    assert (covered > -ERRORS * found.loc[names, "gap_error"] - 1 / 12).all()
