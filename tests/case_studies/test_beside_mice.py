"""Without any cluster: the same single-level models in R's mice and here, pooled means, shares and regressions.

Figures are mice's (beside_mice.json, which beside_mice.R made of beside_mice.py). Two correct programs differ by Monte
Carlo error: within two of it, and 10 % of a standard error, all figures are the same. Where mice itself draws labels in
another way its figures are held apart, and those with which ours agree have been made with the coefficients drawn.

    python -m pytest -m slow tests/case_studies/test_beside_mice.py
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from beside_mice import CASES, Case
from case_study import SEED, WORKERS

import bayesimpute as bi

pytestmark = pytest.mark.slow

RUNS = {
    "nhanes2": bi.Run(m=200, chains=4, sweeps=500),
    "nhanes2, pmm": bi.Run(m=200, chains=4, sweeps=500),
    "boys": bi.Run(m=100, chains=4, sweeps=400),
    "boys, holes": bi.Run(m=100, chains=4, sweeps=400),
    "fdgs, holes": bi.Run(m=80, chains=4, sweeps=800),
}
MATCHED = {"fdgs, holes, pmm": bi.Run(m=40, chains=4, sweeps=200)}
"""Where chains move so slowly that levels are still what starts made of them; relations are not."""
OF_LABELS = {
    "nhanes2": ("hyp", "bmi ~ hyp"),
    "nhanes2, pmm": ("hyp", "bmi ~ hyp"),
    "boys": ("gen", "hc ~"),
    "boys, holes": ("gen", "hc ~"),
}
"""Figures that hang on how mice draws labels, by how they begin."""
PROPER = {"nhanes2": "nhanes2, proper", "boys": "boys, proper", "boys, holes": "boys, holes, proper"}
EXTRAPOLATED = ("gen G1", "gen G2")
"""Of boys younger than anybody who was assessed: errors show what priors and the shape of the posterior do there."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A pooled estimate, its standard error, its Monte Carlo error, and of how many imputations it is."""

    estimate: float
    std_error: float
    mcse: float
    m: int

    @classmethod
    def of(cls, estimates: np.ndarray, variances: np.ndarray) -> "Figure":
        """By Rubin's rules."""
        m, between = len(estimates), estimates.var(ddof=1)
        error = np.sqrt(variances.mean() + (1 + 1 / m) * between)
        return cls(estimate=estimates.mean(), std_error=float(error), mcse=float(np.sqrt(between / m)), m=m)

    @property
    def error_of_error(self) -> float:
        """Relative Monte Carlo error of the standard error: of a variance of m normal values, as far as it counts."""
        return self.mcse**2 * self.m / self.std_error**2 / np.sqrt(2 * (self.m - 1))


Figures = Mapping[str, Figure]


def of_r(name: str) -> dict[str, Figure]:
    """mice's figures of a case."""
    text = Path(__file__).with_name("beside_mice.json").read_text(encoding="utf-8")
    case = json.loads(text)["cases"][name]
    return {key: Figure(m=case["m"], **figure) for key, figure in case["figures"].items()}


def described(frame: pd.DataFrame, targets: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Means, standard deviations and shares with their variances."""
    found, n = {}, len(frame)
    for name in targets:
        if pd.api.types.is_numeric_dtype(frame[name]):
            x = frame[name].to_numpy(dtype=float)
            found[f"{name} mean"] = (x.mean(), x.var(ddof=1) / n)
            found[f"{name} sd"] = (x.std(ddof=1), x.var(ddof=1) / (2 * (n - 1)))
            continue
        for label in frame[name].unique():
            share = float((frame[name] == label).mean())
            found[f"{name} {label}"] = (share, share * (1 - share) / (n - 1))
    return found


def pooled(each: Sequence[Mapping[str, tuple[float, float]]]) -> Figures:
    """By Rubin's rules; a label that is nowhere in a completed dataset has the share 0."""
    names = {name for found in each for name in found}
    both = {name: np.array([found.get(name, (0.0, 0.0)) for found in each]) for name in names}
    return {name: Figure.of(*values.T) for name, values in both.items()}


def fitted(estimates: bi.Estimate, formula: str, figures: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Coefficients and variances by R's names, which have our order."""
    names = [name for name in figures if name.startswith(f"{formula} | ")]
    return dict(zip(names, zip(estimates.estimates, np.diag(estimates.covariance), strict=True), strict=True))


@pytest.fixture(scope="module")
def raw(shared_data: Path) -> Any:
    """Data sets by name."""

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(shared_data / f"{name}.csv", keep_default_na=False, na_values=[""])

    return cache(read)


@pytest.fixture(scope="module")
def ours(raw: Any) -> Any:
    """Our figures of a case."""

    def run(name: str) -> Figures:
        case, names = CASES[name], of_r(name)
        data, plan = case.incomplete(raw(case.data)), case.plan((RUNS | MATCHED)[name])
        done = bi.impute(data, plan, seed=SEED, workers=WORKERS, progress=False)
        targets = [model.target for model in done.plan.conditionals]
        found = dict(pooled([described(completed, targets) for completed in done]))
        for formula in case.analyses:
            found |= pooled([fitted(fit, formula, names) for fit in done.analyse(formula).estimates])
        return found

    return cache(run)


def assert_same(mine: Figures, theirs: Figures, names: Iterable[str]) -> None:
    """Two Monte Carlo errors of the difference and 10 % of a standard error."""
    far = {}
    for name in names:
        a, b = mine[name], theirs[name]
        if abs(a.estimate - b.estimate) > 2 * np.hypot(a.mcse, b.mcse) + 0.1 * b.std_error:
            far[name] = (a, b)
    assert not far


def assert_same_errors(mine: Figures, theirs: Figures, names: Iterable[str]) -> None:
    """Ratios of standard errors are 1 within 10 % and three of their Monte Carlo errors: each of dozens."""
    far = {}
    for name in names:
        a, b = mine[name], theirs[name]
        if abs(np.log(a.std_error / b.std_error)) > 0.1 + 3 * np.hypot(a.error_of_error, b.error_of_error):
            far[name] = (a, b)
    assert not far


@pytest.mark.parametrize("name", RUNS)
def test_it_is_as_good_as_mice(ours: Any, name: str) -> None:
    """Figures that do not hang on how mice draws labels."""
    mine, theirs = ours(name), of_r(name)
    assert set(mine) == set(theirs)
    names = [figure for figure in theirs if not figure.startswith(OF_LABELS.get(name, ()) or "\n")]
    assert_same(mine, theirs, names)
    assert_same_errors(mine, theirs, names)


@pytest.mark.parametrize("name", PROPER)
def test_labels_are_those_of_coefficients_that_are_drawn(ours: Any, name: str) -> None:
    """All figures, with nothing added to the labels: and errors but for shares that are extrapolated."""
    mine, theirs = ours(name), of_r(PROPER[name])
    assert_same(mine, theirs, theirs)
    assert_same_errors(mine, theirs, [figure for figure in theirs if figure not in EXTRAPOLATED])


@pytest.mark.parametrize("name", ["boys", "boys, holes"])
def test_mice_draws_stages_without_the_uncertainty_of_coefficients(ours: Any, name: str) -> None:
    """Shares far outside of the ages that were assessed: its standard errors are the smaller ones, by a fifth or more.

    With nothing added, and coefficients from their normal approximation, they are larger than ours: default priors
    shorten the far end of the posterior (wide ones bring .030, the approximation .034).
    """
    mine, theirs, proper = ours(name), of_r(name), of_r(PROPER[name])
    for figure in EXTRAPOLATED:
        assert 1.2 * theirs[figure].std_error < mine[figure].std_error < proper[figure].std_error


def test_what_was_taken_out_is_found_again(ours: Any, raw: Any) -> None:
    """fdgs with 30 % of all cells but the region's taken out: means, shares and regressions of the complete data.

    Holes and imputation add (T - W) to the variance that complete data have; estimates are away from those by that.
    """
    name = "fdgs, holes"
    case: Case = CASES[name]
    known, mine = case.complete(raw(case.data)).dropna(), ours(name)
    truth = described(known, [model.target for model in case.plan(RUNS[name]).conditionals])
    for formula in case.analyses:
        truth |= fitted(bi.fit(formula, known), formula, of_r(name))
    for figure, (value, variance) in truth.items():
        added = max(mine[figure].std_error ** 2 - variance, 0.0) + mine[figure].mcse ** 2
        assert abs(mine[figure].estimate - value) < 3 * np.sqrt(added) + 0.1 * np.sqrt(variance), figure


def test_matching_loses_a_relation_that_lines_keep(ours: Any, raw: Any) -> None:
    """Weight given age and height, where each of the three nearly determines the others: in mice as here.

    The chains have not met: no pooled mean is compared. mice made 30 iterations.
    """
    case, formula = CASES["fdgs, holes"], "wgt ~ age + hgt"
    theirs, lines = of_r("fdgs, holes, pmm"), of_r("fdgs, holes")
    names = [name for name in theirs if name.startswith((formula, "hgt ~"))]
    mine = ours("fdgs, holes, pmm")
    assert_same(mine, theirs, names)
    assert_same_errors(mine, theirs, names)
    truth = fitted(bi.fit(formula, case.complete(raw(case.data)).dropna()), formula, theirs)
    for name in truth:
        matched, straight = (
            abs(found[name].estimate - truth[name][0]) / found[name].std_error for found in (theirs, lines)
        )
        assert straight < 1.5 and matched > 3
