"""Assumptions: draws of an imputation that the data never change, sweeps aside, and shifts that nobody follows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import fresh_record, ran
from scipy import stats
from scipy.special import expit, logit
from test_adjusted import data, delta, plan

import bayesimpute as bi
from bayesimpute.base.priors import Prior
from bayesimpute.result.result import Result
from bayesimpute.running import legs
from bayesimpute.running.assumed import assumed
from bayesimpute.running.kernel import Bench, begin
from bayesimpute.running.workspace import Described, Workspace
from bayesimpute.samplers.prior import prior_draw

ALONE = ["y ~ x + (1 | school)"]
CHAINED = ["y ~ x + (1 | school)", "x ~ y"]


def run(
    formulas: list[str], frame: pd.DataFrame, *adjustments: bi.Adjustment, assumptions: Any = (), **options: Any
) -> Result:
    made = replace(plan(formulas, **options), adjustments=adjustments, assumptions=tuple(assumptions))
    return ran(fresh_record(frame, made, seed=3))


def holes(*, x: bool) -> pd.DataFrame:
    return data(holes=x).drop(columns="b")


def believed(name: str = "d", prior: str = "Normal(2, 1)", **more: Any) -> bi.Assumption:
    return bi.Assumption(name=name, prior=prior, **more)


def in_each(result: Result, name: str) -> list[np.ndarray]:
    record = result.record
    return [assumed(record.resolved, record.incomplete, record.seed, k)[name] for k in range(result.m)]


def assert_same_chains(a: Result, b: Result) -> None:
    for one, other in zip(a.record.legs, b.record.legs, strict=True):
        for name in one.draws:
            np.testing.assert_array_equal(one.draws[name], other.draws[name])
            np.testing.assert_array_equal(one.imputed[name], other.imputed[name])


def test_a_value_stands_for_its_name() -> None:
    frame = holes(x=True)
    named = run(CHAINED, frame, delta("y", "d * 2"), assumptions=[bi.Assumption(name="d", value=-1.5)])
    plain = run(CHAINED, frame, delta("y", "-3"))
    for a, b in zip(named, plain, strict=True):
        pd.testing.assert_frame_equal(a, b)


def test_each_imputation_has_a_draw_of_its_own_and_the_chains_none() -> None:
    frame = holes(x=False)
    gone = frame["y"].isna().to_numpy()
    drawn = run(ALONE, frame, delta("y", "d"), assumptions=[believed()])
    at_mean = run(ALONE, frame, delta("y", "2"))
    assert_same_chains(drawn, at_mean)
    values = np.array([v[0] for v in in_each(drawn, "d")])
    assert len(set(values)) == drawn.m
    # the cells are those of the last sweep aside, at the draws of which they were made
    none = run(ALONE, frame, delta("y", "d"), assumptions=[believed(prior="Normal(0, 1e-9)")])
    for k, (a, b) in enumerate(zip(drawn, none, strict=True)):
        np.testing.assert_allclose((a["y"] - b["y"])[gone], values[k], atol=1e-6)
        assert (a["y"] == b["y"])[~gone].all()


def test_what_is_chained_follows_the_draw() -> None:
    frame = holes(x=True)
    both = frame["y"].isna() & frame["x"].isna()
    shift = delta("y", "d", where="1 - observed(x)")  # else the model of x would learn from shifted y
    wide = run(CHAINED, frame, shift, assumptions=[believed(prior="Uniform(-200, 200)")], m=8)
    d = np.array([v[0] for v in in_each(wide, "d")])
    x = np.array([f["x"][both].mean() for f in wide])
    assert stats.spearmanr(d, x).statistic > 0.9


def test_draws_by_cluster_and_correlated() -> None:
    frame = holes(x=False)
    pair = [believed(by="school", correlation={"e": 0.9}), believed("e", "Uniform(0, 1)", by="school")]
    found = run(ALONE, frame, delta("y", "d + e"), assumptions=pair, m=40, sweeps=20)
    d, e = (np.array(in_each(found, name)) for name in ("d", "e"))
    codes = found.record.incomplete.codes("school")
    for school in np.unique(codes):
        assert np.ptp(d[:, codes == school], axis=1).max() == 0
    first = np.unique(codes, return_index=True)[1]
    scores = np.stack([(d[:, first].ravel() - 2), stats.norm.ppf(e[:, first].ravel())])
    n = scores.shape[1]
    assert abs(scores.mean()) < 4 / np.sqrt(n)
    assert abs(np.arctanh(np.corrcoef(scores)[0, 1]) - np.arctanh(0.9)) < 4 / np.sqrt(n - 3)
    assert abs(np.corrcoef(d[:, first[0]], d[:, first[1]])[0, 1]) < 4 / np.sqrt(len(d))  # schools are independent


@pytest.mark.parametrize("scale", ["predictor", "value"])
def test_nobody_follows_what_does_not_propagate(scale: str) -> None:
    frame = holes(x=True)
    gone = frame["y"].isna().to_numpy()
    plain = run(CHAINED, frame)
    after = run(CHAINED, frame, delta("y", "x - 5", scale, propagate=False))
    assert_same_chains(plain, after)
    for a, b in zip(plain, after, strict=True):
        pd.testing.assert_series_equal(a["x"], b["x"])
        np.testing.assert_allclose((b["y"] - a["y"])[gone], b["x"][gone] - 5, atol=1e-9)


def test_where_and_several_of_one_target() -> None:
    frame = holes(x=False)
    gone = frame["y"].isna().to_numpy()
    plain = run(ALONE, frame)
    moved = run(ALONE, frame, delta("y", 3, where="x > 10"), delta("y", "x"), delta("y", 2, "ratio"))
    for a, b in zip(plain, moved, strict=True):
        expected = 2 * (a["y"] + np.where(frame["x"] > 10, 3, 0) + frame["x"])
        np.testing.assert_allclose(b["y"][gone], expected[gone], rtol=1e-9)


def test_log_odds_under_another_link_and_of_a_label() -> None:
    frame = data(holes=False).drop(columns="y").assign(b=lambda f: f["b"].map({0.0: "no", 1.0: "yes"}))
    one = plan([bi.Conditional.of("b ~ x + (1 | school)", family=bi.FAMILIES["bernoulli"](link="probit"))])
    found = {}
    for name, more in {
        "plain": (),
        "yes": (delta("b", -2, "logit"),),
        "no": (delta("b", 2, "logit", label="no"),),
    }.items():
        changed = replace(one, adjustments=more)
        record = fresh_record(frame, changed)
        space = Workspace(changed, record.incomplete, Described.of(changed, record.incomplete, record.resolved))
        step = record.resolved.step("b")
        bench = Bench(space, begin(space, 0, 1).cells)
        draw = dict(prior_draw(space.designs["b"], np.random.default_rng(4)))
        theta = space.placements["b"].missing_at(draw, bench.missing(step))
        found[name] = bench.odds(step.lead, theta)["mu"]
    np.testing.assert_allclose(found["yes"], expit(logit(found["plain"]) - 2))
    np.testing.assert_allclose(found["no"], found["yes"])


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("Normal(2, 3)", 2.0),
        ("Uniform(-1, 3)", 1.0),
        ("Gamma(2, 4)", 0.5),
        ("HalfNormal(1)", np.sqrt(2 / np.pi)),
        ("HalfStudentT(5, 2)", None),
        ("StudentT(4, 1, 2)", 1.0),
        ("Laplace(1, 2)", 1.0),
        ("Exponential(4)", 0.25),
        ("LogNormal(0, 1)", np.exp(0.5)),
        ("InverseGamma(3, 4)", 2.0),
        ("Beta(1, 3)", 0.25),
        ("ScaledBeta(1, 3)", -0.5),
        ("FisherNormal(0.5, 0.3)", None),
        ("HalfCauchy(1)", np.inf),
        ("StudentT(1, 0, 1)", np.inf),
        ("Cauchy(0, 1)", np.inf),
    ],
)
def test_quantiles_and_means_of_priors(text: str, mean: float | None) -> None:
    prior, n = Prior.parse(text), 4000
    draws = np.sort(prior.draw(np.random.default_rng(1), n))
    u = np.arange(0.05, 1, 0.05)
    below = np.searchsorted(draws, prior.quantile(u)) / n
    assert (np.abs(below - u) < 4 * np.sqrt(u * (1 - u) / n)).all()
    if mean is None:
        mean = float(draws.mean())
        assert abs(prior.mean - mean) < 4 * draws.std() / np.sqrt(n)
    elif np.isfinite(mean):
        assert prior.mean == pytest.approx(mean)
    else:
        assert not np.isfinite(prior.mean)


def visited_before() -> tuple[np.ndarray, np.ndarray]:
    """Draws of an assumption, and means of x, which is visited before y and so follows the draw of an earlier sweep."""
    frame = holes(x=True)
    both = (frame["y"].isna() & frame["x"].isna()).to_numpy()
    shift = delta("y", "d", where="1 - observed(x)")
    wide = run(CHAINED[::-1], frame, shift, assumptions=[believed(prior="Uniform(-200, 200)")], m=8)
    assert [step.name for step in wide.record.resolved.steps] == ["x", "y"]
    return np.array([v[0] for v in in_each(wide, "d")]), np.array([f["x"][both].mean() for f in wide])


def test_a_draw_is_held_through_the_sweeps_of_its_imputation() -> None:
    assert stats.spearmanr(*visited_before()).statistic > 0.9


def test_a_draw_anew_in_every_sweep_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last sweep has the imputation's own draw, as it should, and those that lead to it have others."""
    right = legs._imputation

    def wrong(job: Any, bench: Any, state: Any, k: int, now: Any, saw: Any) -> Any:
        cells = state.cells
        for other in (1000 * (k + 1), 1000 * (k + 1) + 1, k):
            cells, now = right(job, bench, replace(state, cells=cells), other, now, saw)
        return cells, now

    monkeypatch.setattr(legs, "SWEEPS", 1)
    monkeypatch.setattr(legs, "_imputation", wrong)
    assert stats.spearmanr(*visited_before()).statistic < 0.9
