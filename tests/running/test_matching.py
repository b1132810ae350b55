"""Predictive mean matching in a run: type 1, observed values only, levels, empty clusters, shifts, refusals."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import table
from modelling import workspace

import bayesimpute as bi
from bayesimpute.designs.estimate import estimate
from bayesimpute.families import Donors, PredictiveMeanMatching, Theta
from bayesimpute.plan.targets import Target
from bayesimpute.running.kernel import Bench, ChainState, begin, impute
from bayesimpute.samplers.prior import prior_draw

RUN: dict[str, Any] = {"m": 3, "chains": 1, "warmup": 3, "sweeps": 3, "steps": 1, "sampler": "prior"}


def frame() -> pd.DataFrame:
    """Of each kind of values a column with gaps; clusters 0 and 3 have no y, and 1 and 4 no w."""
    found, rng = table(clusters=12, size=10), np.random.default_rng(2)
    found["y"] = found["y"].round(1).where(~found["g"].isin([0, 3]))
    found["w"] = found["w"].where(~found["g"].isin([1, 4]))
    found["c"] = pd.Series(rng.choice(["p", "q", "r"], len(found))).where(rng.random(len(found)) > 0.2)
    ranks = pd.Categorical(rng.choice(["low", "mid", "top"], len(found)), ["top", "mid", "low"], ordered=True)
    found["o"] = pd.Series(ranks).where(rng.random(len(found)) > 0.2)
    found["k"] = pd.Series(rng.poisson(0.8, len(found)).astype(float)).where(rng.random(len(found)) > 0.2)
    return found


def conditional(formula: str, **options: Any) -> bi.Conditional:
    return bi.Conditional.of(formula, family=PredictiveMeanMatching(**options))


def plan(*more: Any, **options: Any) -> bi.Plan:
    items = [
        conditional("y ~ x + c + (1 | g)", within="g"),
        conditional("x ~ y + (1 | g)", on="student_t", donors=3),
        conditional("c ~ x + z"),
        conditional("o ~ x + z + (1 | g)"),
        conditional("k ~ z"),
        conditional("w ~ cluster_mean(z, g)"),
    ]
    return bi.Plan.of([*items, *more], run=bi.Run(**RUN), **options)


def only_observed(given: pd.DataFrame, completed: pd.DataFrame, known: pd.DataFrame | None = None) -> bool:
    known = given if known is None else known
    return all(set(completed[v][given[v].isna()]) <= set(known[v].dropna()) for v in ("y", "x", "c", "o", "k", "w"))


def test_imputed_values_are_observed_ones_of_every_kind_and_level() -> None:
    data = frame()
    made = bi.impute(data, plan(), seed=1, progress=False)
    for completed in made:
        assert not completed.isna().to_numpy().any() and only_observed(data, completed)
        assert completed.groupby("g")["w"].nunique().max() == 1
        assert completed.dtypes.equals(data.dtypes)
    told = made.events.set_index("target")["what"]
    assert "predictive mean matching on categorical, 5 donors" in told.loc["c"].tolist()
    new = data.iloc[::-1].assign(g=data["g"] + 4)
    assert all(only_observed(new, each, known=data) for each in made.transform(new, seed=2))
    assert bi.Plan.from_toml(plan().to_toml()) == plan()


def test_chains_start_from_observed_values_that_are_apart() -> None:
    """So that log(k) of a positive one is a number in the first sweep, too."""
    data = frame()
    space = workspace(data, *plan().conditionals)
    starts = [begin(space, chain, seed=1) for chain in range(8)]
    for name, cells in starts[0].cells.items():
        known = space.resolved.target(name).given
        assert set(cells) <= set(known[~np.isnan(known)])
    means = [state.cells["y"].mean() for state in starts]
    assert np.ptp(means) > 0.3 * data["y"].std()


def test_recipients_have_the_draw_and_donors_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Type 1: with the draw for both, or the estimate for both (types 2 and 0), intervals are too short."""
    space = workspace(table(), conditional("y ~ x + (1 | g)"), "x ~ z")
    state = begin(space, 0, 1)
    bench, step = Bench(space, state.cells), space.resolved.step("y")
    draw, asked = prior_draw(space.designs["y"], np.random.default_rng(1)), list[tuple[Theta, Donors]]()
    bench.drawn("y", draw)

    def chosen(self: PredictiveMeanMatching, rng: Any, theta: Theta, donors: Donors) -> np.ndarray:
        asked.append((theta, donors))
        return np.zeros(len(theta["mu"]), dtype=int)

    monkeypatch.setattr(PredictiveMeanMatching, "chosen", chosen)
    impute(bench, state, step, np.random.default_rng(1))
    ((theta, donors),) = asked
    placement, best = space.placements["y"], estimate(space.designs["y"], draw, bench.data(step))
    matrices = bench.matrices(step)
    np.testing.assert_allclose(theta["mu"], placement.predict(draw, matrices, step.missing_rows)["mu"])
    np.testing.assert_allclose(donors.theta["mu"], placement.predict(best, matrices, step.learn_rows)["mu"])
    assert np.abs(placement.predict(best, matrices, step.missing_rows)["mu"] - theta["mu"]).max() > 0.1
    assert np.abs(placement.predict(draw, matrices, step.learn_rows)["mu"] - donors.theta["mu"]).max() > 0.1


def shifted(delta: float, scale: str = "predictor") -> bi.Plan:
    shift = bi.Adjustment(target="y", shift=delta, scale=scale)
    return bi.Plan.of([conditional("y ~ x + (1 | g)"), "x ~ z"], adjustments=[shift], run=bi.Run(**RUN))


def test_a_shift_of_the_predictor_moves_the_recipients() -> None:
    data = frame().drop(columns=["w", "c", "o", "k"])
    means = []
    for delta in (-50.0, 0.0, 50.0):
        made = bi.impute(data, shifted(delta), seed=1, progress=False)
        means.append(np.mean([each["y"][data["y"].isna()].mean() for each in made]))
    assert means[0] < means[1] < means[2] <= data["y"].max()


@pytest.mark.parametrize("scale", ["value", "ratio"])
def test_a_shift_of_the_values_would_make_others_than_were_observed(scale: str) -> None:
    with pytest.raises(bi.PlanError, match="imputes values that were observed"):
        bi.impute(frame(), shifted(1.5, scale), seed=1)


def found(item: Any, **options: Any) -> list[str]:
    return [str(p) for p in bi.check(bi.Plan.of([item], **options), frame())]


def test_it_may_not_be_read_where_densities_multiply() -> None:
    problems = found(conditional("x ~ z"), substantive=["y ~ x + (1 | g)"])
    assert any("pmm has no density that could multiply into draws" in p for p in problems)
    assert not any("density" in p for p in found(conditional("c ~ z"), substantive=["y ~ z + (1 | g)"]))


def test_what_a_plan_says_wrongly_is_told() -> None:
    for name in ("matching", "predictive mean matching", "Predictive_Mean_Matching"):
        assert any('did you mean "pmm"' in p for p in found(bi.Conditional.of("y ~ x", family=name)))
    (problem,) = found(conditional("y ~ z", within="gg"))
    assert problem.startswith("conditional[y].within") and 'did you mean "g"' in problem
    assert any("conditional[y].on" in p for p in found(conditional("y ~ z", on="heckman_gaussian")))
    assert any("'few' is not a donors" in p for p in found(conditional("y ~ z", donors="few")))
    (many,) = found(conditional("y ~ z", donors=10_000))
    assert many.startswith("conditional[y].donors: 10000 donors are more than 50% of the ")
    (apart,) = found(conditional("y ~ z", within="z"))
    assert apart.startswith('conditional[y].within: donors by "z", which is a continuous variable')
    assert any("imputes a yes/no variable" in p for p in found(conditional("c ~ z", on="bernoulli")))
    law = bi.Conditional(target="y", family="pmm", formulas={"mu": "y ~ z", "zero": "z"})
    assert any('no parameter "zero"' in p for p in found(law))
    spread = bi.Conditional(target="y", family="pmm", formulas={"mu": "y ~ z", "sigma": "z"})
    assert found(spread) == []


def test_few_donors_are_an_event() -> None:
    data = frame().drop(columns=["w", "c", "o", "k"])
    made = bi.impute(data, shifted(80.0), seed=1, progress=False)
    told = made.events.loc[made.events["target"] == "y", "what"]
    assert told.str.contains("predicted outside of the donors' range").any()
    assert told.str.contains("one donor serves").any()


def between(seed: int) -> float:
    """The variance of a slope between imputations of half of the outcomes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=80)
    data = pd.DataFrame({"x": x, "y": (x + rng.normal(size=80)) * np.where(rng.random(80) < 0.5, np.nan, 1.0)})
    run = {"m": 20, "chains": 1, "warmup": 5, "sweeps": 20, "sampler": "gibbs"}
    made = bi.impute(data, [conditional("y ~ x", donors=3)], seed=seed, progress=False, **run)
    return float(np.var([np.cov(x, each["y"].to_numpy())[0, 1] for each in made]))


@pytest.mark.slow
def test_without_drawn_parameters_imputations_would_differ_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against type 0, where recipients have the estimate too: on the same data, by four errors of the difference."""
    drawn = np.log([between(seed) for seed in range(30)])

    def odds(self: Bench, target: Target, theta: Theta) -> Theta:
        step = self.workspace.resolved.step(target.name)
        design = self.workspace.designs[target.name]
        best = estimate(design, self.draw(target.name, ChainState(chain=0)), self.data(step))
        return self.workspace.placements[target.name].missing_at(best, self.missing(step))

    monkeypatch.setattr(Bench, "odds", odds)
    gap = drawn - np.log([between(seed) for seed in range(30)])
    assert gap.mean() > 4 * gap.std() / np.sqrt(len(gap))
