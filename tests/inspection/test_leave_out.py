"""Groups left out by refits: the densities of their values, and what is refused.

``pytest -m slow tests/inspection/test_leaving_out.py`` holds the estimates against refits by hand.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import ndtr

import bayesimpute as bi
from bayesimpute.inspection.effects_integral import EffectsIntegral
from bayesimpute.inspection.leaving_out import _over_chains, _refit
from bayesimpute.inspection.predicted_group import PredictedGroup
from bayesimpute.running.kernel import Bench

SMALL = {"m": 4, "chains": 2, "warmup": 1, "sweeps": 4, "sampler": "prior", "progress": False}
RNG = np.random.default_rng(0)


def crossed_and_nested() -> pd.DataFrame:
    """Pupils in classes within schools, and in districts that cross them."""
    rng = np.random.default_rng(2)
    school = np.repeat(np.arange(5), 12)
    frame = pd.DataFrame({"school": school, "class": school * 10 + np.tile(np.repeat([0, 1], 6), 5)})
    frame["district"] = rng.permutation(np.tile(np.arange(6), 10))
    frame["x"] = rng.normal(size=60)
    frame["y"] = rng.normal(50, 10, 60) + 4 * frame["x"]
    frame.loc[[3, 40], "y"] = np.nan
    frame["b"] = (frame["y"] > 50).astype(float).where(frame["y"].notna())
    frame["c"] = pd.Categorical(np.where(school == 4, "only here", np.where(frame["x"] > 0, "p", "q")))
    frame.loc[[3, 40], "c"] = np.nan
    return frame


def group(formula: str, school: int, **more: object) -> tuple[PredictedGroup, bi.MultiplyImputed, pd.DataFrame]:
    frame = crossed_and_nested()
    made = bi.impute(frame, bi.Conditional.of(formula, **more), seed=1, **SMALL)
    target = made.targets[0]
    rows = np.flatnonzero((frame["school"] == school) & frame[target].notna())
    refit = _refit(made, target, rows, seed=1, workers=1, place="here")
    return PredictedGroup.of(refit, target, made.incomplete, rows, place="here"), made, frame


def draws_of(predicted: PredictedGroup) -> dict[int, list[Mapping[str, np.ndarray]]]:
    record = predicted.run.record
    return {s.chain: [leg.made[k].draws["y"] for k in sorted(leg.made)] for leg, s in zip(record.legs, record.states)}


def matrices_of(predicted: PredictedGroup) -> Mapping[str, np.ndarray]:
    """At all rows; predictors are complete."""
    cells = {name: np.asarray(c, dtype=float) for name, c in predicted.run.record.legs[0].kept[0].items()}
    return Bench(predicted.space, cells).matrices(predicted.step)


def test_a_refit_has_not_the_values_and_keeps_every_sweep() -> None:
    predicted, made, frame = group("y ~ x + (1 | school)", 2)
    assert predicted.run.m == 2 * 4 == sum(len(d) for d in draws_of(predicted).values())
    missing = predicted.run.incomplete.frame["y"].isna()
    assert missing.sum() == 2 + 12
    assert missing[frame["school"] == 2].all()
    assert made.incomplete.frame["y"].isna().sum() == 2


def test_effects_of_clusters_without_other_values_are_integrated_out_and_others_kept() -> None:
    """Of schools, of the classes in them, and of districts that cross both, against the multivariate normal."""
    predicted, _, _ = group("y ~ x + (1 + x | school) + (1 | class) + (1 | district)", 2)
    factors = {b.key: b.factor for b in predicted.placement.design.blocks}
    assert {factors[key] for key, _ in predicted.unseen} == {"school", "class"}
    assert len(predicted.unseen) == 3
    found, design, rows = predicted.log_densities(RNG), predicted.placement.design, predicted.rows
    matrices = matrices_of(predicted)
    codes = predicted.placement.codes_at(rows)
    for chain, draws in draws_of(predicted).items():
        for place, draw in enumerate(draws):
            mean = matrices["mu"][rows] @ draw["mu"] + design.predictor("mu").offset
            covariance = np.diag(np.full(len(rows), float(draw["sigma"]) ** 2))
            for b in design.blocks:
                z = matrices[b.key][rows]
                if b.factor == "district":
                    mean = mean + (z * draw[b.key][codes[b.key]]).sum(axis=1)
                    continue
                z = z @ draw[f"{b.key}_root"]
                covariance += (z @ z.T) * (codes[b.key][:, None] == codes[b.key])
            wanted = stats.multivariate_normal(
                design.centre + design.scale * mean, design.scale**2 * covariance, allow_singular=True
            ).logpdf(predicted.y)
            np.testing.assert_allclose(found[chain][place], wanted, rtol=1e-6)


def test_where_every_cluster_is_seen_densities_are_those_of_units() -> None:
    predicted, _, _ = group("y ~ x + (1 | district)", 2)
    assert predicted.unseen == ()
    design, rows = predicted.placement.design, predicted.rows
    matrices = {key: m[rows] for key, m in matrices_of(predicted).items()}
    for chain, draws in draws_of(predicted).items():
        for place, draw in enumerate(draws):
            theta = design.respond(predicted.placement.eta_at(draw, matrices, rows))
            wanted = stats.norm(theta["mu"], theta["sigma"]).logpdf(predicted.y).sum()
            np.testing.assert_allclose(predicted.log_densities(RNG)[chain][place], wanted, rtol=1e-9)


def probit(width: int, clusters: int) -> EffectsIntegral:
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(clusters), 12)
    y, z = rng.integers(0, 2, len(codes)), rng.normal(size=(len(codes), width))

    def each(etas: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.log(np.where(y == 1, ndtr(etas["mu"]), ndtr(-etas["mu"])))

    fixed, start = {"mu": rng.normal(size=len(codes))}, np.zeros((clusters, width))
    return EffectsIntegral(each=each, fixed=fixed, z={"mu": z}, codes=codes, start=start)


@pytest.mark.parametrize("clusters", [1, 4])
def test_points_about_the_mode_have_the_integral_for_mean(clusters: int) -> None:
    integral = probit(2, clusters)
    wanted = integral.quadrature()
    tries = np.array([integral.sampled(np.random.default_rng(seed), 30) for seed in range(40)])
    ratios = np.exp(tries - wanted)
    error = ratios.std(axis=0, ddof=1) / np.sqrt(len(ratios))
    assert (error < 0.02).all()
    assert (np.abs(ratios.mean(axis=0) - 1) < 4 * error + 1e-3).all()  # 1e-3: the grid's own error


def test_many_effects_of_a_normal_model_agree_with_the_closed_form() -> None:
    rng = np.random.default_rng(4)
    z, residual = rng.normal(size=(60, 9)), rng.normal(0, 3, 60)

    def each(etas: Mapping[str, np.ndarray]) -> np.ndarray:
        return stats.norm.logpdf(residual, etas["mu"], 2.0)

    integral = EffectsIntegral(
        each=each, fixed={"mu": np.zeros(60)}, z={"mu": z}, codes=np.zeros(60, dtype=int), start=np.zeros((1, 9))
    )
    wanted = stats.multivariate_normal(np.zeros(60), 4 * np.eye(60) + z @ z.T).logpdf(residual)
    np.testing.assert_allclose(integral.normal(residual, np.full(60, 2.0), z)[0], wanted, rtol=1e-9)
    tries = np.exp([integral.sampled(np.random.default_rng(seed), 30)[0] - wanted for seed in range(40)])
    assert abs(tries.mean() - 1) < 4 * tries.std(ddof=1) / np.sqrt(40)


def test_densities_are_averaged_and_not_their_logarithms() -> None:
    logs = {0: np.log([0.1, 0.3]), 1: np.log([0.2, 0.6])}
    elpd, error = _over_chains(logs)
    assert elpd == pytest.approx(np.log(0.3))
    assert error == pytest.approx(np.std([0.2, 0.4], ddof=1) / np.sqrt(2) / 0.3)


def test_the_table_has_a_row_a_group() -> None:
    made = bi.impute(crossed_and_nested(), "y ~ x + (1 | school) + (1 | district)", seed=1, **SMALL)
    found = made.leave_out("y", by="school", groups=[0, 3], progress=False)
    assert found.table.index.tolist() == [0, 3]
    assert found.table["units"].tolist() == [11, 11]
    assert found.elpd == pytest.approx(found.table["elpd"].sum())
    assert "elpd" in str(found)


def test_folds_are_groups_too_and_a_refit_imputes_what_the_model_reads() -> None:
    frame = crossed_and_nested()
    frame["fold"] = np.arange(60) % 3
    frame.loc[::7, "x"] = np.nan
    made = bi.impute(frame, ["y ~ x + (1 | school)", "x ~ y"], seed=1, **SMALL)
    found = made.leave_out("y", by="fold", progress=False)
    assert np.isfinite(found.table["elpd"]).all()


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("y", {"by": "shool"}, 'no column "shool".*"school"'),
        ("z", {"by": "school"}, "no model in the run.*models are of y"),
        ("y", {"by": "holes"}, "has 1 missing value"),
        ("y", {"by": "one"}, "in one group"),
        ("y", {"by": "school", "groups": [17]}, "school = 17"),
        ("y", {"by": "school", "groups": []}, "groups: there is none"),
    ],
)
def test_bad_requests_say_what_to_do(target: str, options: dict[str, object], message: str) -> None:
    frame = crossed_and_nested().assign(one=1, holes=1.0)
    frame.loc[5, "holes"] = np.nan
    made = bi.impute(frame, "y ~ x + (1 | school)", seed=1, **SMALL)
    with pytest.raises(bi.InputError, match=message):
        made.leave_out(target, progress=False, **options)  # pyright: ignore


def test_what_has_no_predictive_density_is_refused() -> None:
    frame = crossed_and_nested()
    selects = bi.Conditional(
        target="y", family="heckman_gaussian", formulas={"mu": "y ~ x", "selection": "x + district"}
    )
    made = bi.impute(frame, selects, seed=1, **SMALL)
    with pytest.raises(bi.InputError, match="not one that was not selected"):
        made.leave_out("y", by="school", progress=False)
    frame.loc[::7, "x"] = np.nan
    made = bi.impute(frame, "x ~ 1", analysis="y ~ x + (1 | school)", seed=1, **SMALL)
    with pytest.raises(bi.InputError, match="ask for y"):
        made.leave_out("x", by="school", progress=False)
    assert np.isfinite(made.leave_out("y", by="school", groups=[0], progress=False).elpd)


def test_a_label_that_only_the_group_has_is_named() -> None:
    made = bi.impute(crossed_and_nested(), bi.Conditional.of("c ~ x", family="categorical"), seed=1, **SMALL)
    with pytest.raises(bi.InputError, match="only here"):
        made.leave_out("c", by="school", groups=[4], progress=False)
    assert np.isfinite(made.leave_out("c", by="school", groups=[1], progress=False).elpd)
