"""A selection model on its way: which rows teach what, which effects belong together, what is drawn for whom."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import completed, conditional, only, placed, workspace

from bayesimpute.designs.design import Design
from bayesimpute.designs.parameter_names import bundles
from bayesimpute.families import FAMILIES, HeckmanGaussian, HeckmanProbit, Rows
from bayesimpute.formulas import parse
from bayesimpute.plan.targets import Target
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.prior import prior_draw

CLUSTERS, SIZE = 6, 8


def frame() -> pd.DataFrame:
    """y is missing for some units of all clusters of g, and for all units of the last two."""
    rng = np.random.default_rng(3)
    n = CLUSTERS * SIZE
    data = pd.DataFrame({"g": np.repeat(np.arange(CLUSTERS), SIZE), "x": rng.normal(size=n), "z": rng.normal(size=n)})
    data["h"] = rng.integers(0, 4, n)
    data["y"] = 5 + 2 * rng.normal(size=n)
    data["b"] = (rng.random(n) < 0.5).astype(float)
    gone = (rng.random(n) < 0.4) | (data["g"] >= CLUSTERS - 2)
    return data.assign(y=data["y"].mask(gone), b=data["b"].mask(gone))


def space(outcome: str = "y ~ x + (1 | g)", selection: str = "x + z + (1 | g) + (1 | h)", **options: Any) -> Workspace:
    target = outcome.split(" ")[0]
    family = options.pop("family", HeckmanGaussian() if target == "y" else HeckmanProbit())
    data = frame().drop(columns="b" if target == "y" else "y")
    return workspace(data, conditional(outcome, family=family, selection=selection, **options))


def made(*args: str, **options: Any) -> tuple[Target, Design, Workspace]:
    work = space(*args, **options)
    return (*only(work), work)


def test_clusters_without_observed_values_stand_apart() -> None:
    target, _, work = made(family=HeckmanGaussian(systematic="marginal"))
    g = frame()["g"].to_numpy()
    np.testing.assert_array_equal(target.apart, g >= CLUSTERS - 2)
    seen = frame()["y"].notna().to_numpy()
    np.testing.assert_array_equal(target.fit_rows, np.flatnonzero(seen))
    np.testing.assert_array_equal(target.model_rows[: seen.sum()], target.fit_rows)
    np.testing.assert_array_equal(np.sort(target.model_rows), np.flatnonzero(g < CLUSTERS - 2))
    (event,) = [e for e in work.resolved.events if "missing systematically" in e.what]
    assert event.what.startswith(f"{2 * SIZE} values")


@pytest.mark.parametrize(
    ("outcome", "family"), [("y ~ x + (1 | g)", HeckmanGaussian(systematic="selected")), ("y ~ x", HeckmanGaussian())]
)
def test_otherwise_all_are_selected_out(outcome: str, family: HeckmanGaussian) -> None:
    target, design, work = made(outcome, family=family)
    assert not target.apart.any()
    assert len(target.model_rows) == len(frame())
    theta = placed(work).missing(_draw(design), design.matrices(completed(work).columns))
    assert np.isfinite(theta["selection"]).all()


def test_ordinary_families_learn_from_observed_rows_only() -> None:
    work = workspace(frame().drop(columns="b"), "y ~ x + (1 | g)")
    target, design = only(work)
    np.testing.assert_array_equal(target.model_rows, target.fit_rows)
    assert not target.apart.any()
    assert {b.rows for b in design.blocks} == {Rows.OBSERVED}


def _draw(design: Design, seed: int = 2) -> dict[str, np.ndarray]:
    return dict(prior_draw(design, np.random.default_rng(seed)))


def test_each_parameter_has_the_rows_that_teach_it_the_observed_first() -> None:
    target, design, work = made()
    filled = completed(work)
    matrices = design.matrices(filled.columns)
    data = placed(work).data(matrices, filled.values["y"])
    seen, all_rows = len(target.fit_rows), len(target.model_rows)
    assert len(data["y_data"]) == len(data["X_mu"]) == seen
    assert len(data["X_selection"]) == all_rows
    assert [(b.rows, len(data[f"X_{b.key}"]), b.width) for b in design.blocks] == [
        (Rows.ALL, all_rows, 2),
        (Rows.ALL, all_rows, 1),
    ]
    assert not np.isnan(data["y_data"]).any()


def test_the_predictors_of_the_graph_are_those_of_the_prediction() -> None:
    for outcome in ("y ~ x + (1 + x | g)", "b ~ x + (1 + x | g)"):
        target, design, work = made(outcome)
        filled = completed(work)
        matrices = design.matrices(filled.columns)
        draw = _draw(design)
        at_fit = design.fitted(draw, placed(work).data(matrices, filled.values[target.name]))
        for name, rows in (("mu", target.fit_rows), ("selection", target.model_rows)):
            np.testing.assert_allclose(at_fit[name], placed(work).eta(draw, matrices, rows)[name])


def test_missing_cells_know_whether_their_unit_could_be_selected() -> None:
    target, design, work = made(family=HeckmanGaussian(systematic="marginal"))
    theta = placed(work).missing(_draw(design), design.matrices(completed(work).columns))
    apart = target.apart[~target.observed]
    assert (theta["selection"][apart] == -np.inf).all()
    assert np.isfinite(theta["selection"][~apart]).all()


@pytest.mark.parametrize("target", ["y", "b"])
@pytest.mark.parametrize("rho", [-0.9, 0.9])
def test_units_apart_are_drawn_from_the_outcome_alone(target: str, rho: float) -> None:
    """Selected out at s = -1.2, the mean moves with rho; apart, it is that of the outcome."""
    n, family = 40_000, HeckmanGaussian(rho=rho) if target == "y" else HeckmanProbit(rho=rho)
    theta = {"mu": np.full(n, 0.4), "sigma": np.ones(()), "selection": np.full(n, 0.5)}
    out = family.impute(np.random.default_rng(1), theta)
    apart = family.impute(np.random.default_rng(1), {**theta, "selection": np.full(n, -np.inf)})
    error = 4 * np.sqrt(1 / n)
    assert abs(apart.mean() - 0.4) < error
    assert (apart.mean() - out.mean()) * np.sign(rho) > 5 * error
    mean, variance = family.moments({**theta, "selection": np.full(n, -np.inf)})
    assert mean[0] == pytest.approx(0.4)
    assert variance[0] == pytest.approx(1.0 if target == "y" else 0.24)


def test_effects_by_the_same_key_have_one_covariance_matrix() -> None:
    _, design, _ = made()
    joint, alone = design.blocks
    assert joint.names == ("1|g", "selection_1|g")
    assert [name for name, _ in joint.parts] == ["mu", "selection"]
    assert alone.names == ("selection_1|h",)
    assert "1~~selection_1|g_corr" in design.names


def test_joint_false_makes_them_independent() -> None:
    _, design, _ = made(family=HeckmanGaussian(joint=False))
    assert [b.names for b in design.blocks] == [("1|g",), ("selection_1|g",), ("selection_1|h",)]
    assert not any("corr" in name for name in design.names)


@pytest.mark.parametrize(
    ("outcome", "selection", "expected"),
    [
        ("(1 + x | g)", "(1 | g)", ["mu:1,x selection:1"]),
        ("(0 + x | g)", "(1 | g)", ["mu:x selection:1"]),
        ("(1 + x || g)", "(1 + x || g)", ["mu:1 selection:1", "mu:x selection:x"]),
        ("(1 + x || g)", "(1 + z || g)", ["mu:1 selection:1", "mu:x", "selection:z"]),
        ("(1 + x | g)", "(1 + x || g)", ["mu:1,x selection:1 selection:x"]),
        ("(1 | g)", "(1 | h)", ["mu:1", "selection:1"]),
        ("(1 | g) + (1 | h)", "(1 | h) + (1 | g)", ["mu:1 selection:1", "mu:1 selection:1"]),
    ],
)
def test_which_parentheses_belong_together(outcome: str, selection: str, expected: list[str]) -> None:
    groups = {"mu": parse(f"1 + {outcome}").groups, "selection": parse(f"1 + {selection}").groups}
    found = bundles(HeckmanGaussian(), groups)
    assert [" ".join(f"{p.parameter.name}:{','.join(p.group.terms)}" for p in bundle) for bundle in found] == expected
    assert all(len({p.group.factor for p in bundle}) == 1 for bundle in found)


def test_other_parameters_and_families_have_no_joint_effects() -> None:
    groups = {"mu": parse("1 + (1 | g)").groups, "sigma": parse("1 + (1 | g)").groups}
    for name, cls in FAMILIES.items():
        if name != "heckman_probit" and "sigma" in {p.name for p in cls().parameters}:
            assert len(bundles(cls(), groups)) == 2


def test_priors_of_both_equations_find_their_parameters() -> None:
    priors = {
        "x": "Normal(0, 3)",
        "selection_x": "Normal(0, 7)",
        "selection_1|g_sigma": "HalfNormal(4)",
        "g_corr": "LKJ(5)",
        "rho": "ScaledBeta(2, 2)",
    }
    _, design, _ = made("b ~ x + (1 | g)", priors=priors)
    mu, selection, rho, _ = design.predictors
    assert mu.priors[1].args[1] == pytest.approx(3.0 * mu.scale[1])
    assert selection.priors[1].args[1] == pytest.approx(7.0 * selection.scale[1])
    assert design.blocks[0].priors[1].args == (4.0,)
    assert design.blocks[0].correlations.args == (5.0,)
    assert rho.priors[0].name == "ScaledBeta"


def test_a_fixed_rho_is_no_parameter() -> None:
    _, design, _ = made(family=HeckmanGaussian(rho=-0.5))
    assert "rho" not in design.names
    assert [p.key for p in design.predictors] == ["mu", "sigma", "selection", "systematic"]


def test_rho_may_vary_by_cluster() -> None:
    _, design, work = made(rho="1 + (1 | g)")
    assert {"rho_Intercept", "rho_1|g_sigma"} <= set(design.names)
    draw = _draw(design)
    theta = placed(work).missing(draw, design.matrices(completed(work).columns))
    assert len(np.unique(theta["rho"].round(12))) > 2
    assert (np.abs(theta["rho"]) < 1).all()
