"""The exclusion variables that are found, and their figures against the same computed by hand."""

import numpy as np
import pytest
from selection_runs import fitted, parts, run, selecting, survey, with_values

from bayesimpute.sensitivity.strength import strength, word


def test_what_moves_selection_only_and_what_is_new_in_shape_only() -> None:
    selection = "x + I(x**2) + c + cluster_mean(z, g) + x:z + (1 + z | g)"
    imputed = run(selecting("b ~ x + (1 | g)", selection), sweeps=20)
    draws, _, space = parts(imputed)
    found = strength(draws, imputed.plan.conditionals[0], fitted(imputed, space)).table
    kinds = dict(zip(found["term"], found["kind"], strict=True))
    assert kinds == {
        "I(x ** 2)": "shape only",
        "c": "term",
        "cluster_mean(z, g)": "term",
        "x:z": "term",
        "z|g": "random effect",
    }
    assert found.set_index("term").loc["c", "columns"] == 2


def test_the_wald_statistic_and_the_variance_that_a_term_makes() -> None:
    imputed = run(selecting(selection="x + c + z"), sweeps=500)
    draws, _, space = parts(imputed)
    rng = np.random.default_rng(1)
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    beta = rng.multivariate_normal([0.8, -0.5], covariance, draws.number)
    z, x = rng.normal(0.1, 0.02, draws.number), rng.normal(-0.2, 0.05, draws.number)
    draws = with_values(draws, **{"selection_c[q]": beta[:, 0], "selection_c[r]": beta[:, 1]})
    draws = with_values(draws, **{"selection_z": z, "selection_x": x})
    found = strength(draws, imputed.plan.conditionals[0], fitted(imputed, space))
    rows = found.table.set_index("term")

    mean = beta.mean(axis=0)
    assert rows.loc["c", "statistic"] == pytest.approx(mean @ np.linalg.inv(np.cov(beta.T)) @ mean / 2)
    assert rows.loc["z", "statistic"] == pytest.approx(z.mean() ** 2 / z.var(ddof=1))
    frame = survey()
    dummies = np.stack([frame["c"] == "q", frame["c"] == "r"], axis=1)
    by_c, by_z, by_x = dummies @ mean, frame["z"] * z.mean(), frame["x"] * x.mean()
    whole = np.var(by_c + by_z + by_x) + 1
    assert rows.loc["c", "sd"] == pytest.approx(np.std(by_c))
    assert rows.loc["z", "share"] == pytest.approx(np.var(by_z) / whole)
    assert found.share == pytest.approx(np.var(by_c + by_z) / whole)
    assert {row["term"] for row in found.restrictions} == {"c", "z"}


def test_random_effects_have_the_variance_of_their_covariance_matrix() -> None:
    imputed = run(selecting("b ~ x", "x + (1 + z | g)"), sweeps=400)
    draws, _, space = parts(imputed)
    rng = np.random.default_rng(2)
    a, b, r = rng.gamma(50, 0.01, 800), rng.gamma(40, 0.002, 800), np.tanh(rng.normal(0.3, 0.1, 800))
    names = {"selection_1|g_sigma": a, "selection_z|g_sigma": b, "selection_1~~selection_z|g_corr": r}
    draws = with_values(draws, **names, selection_x=np.zeros(800))
    found = strength(draws, imputed.plan.conditionals[0], fitted(imputed, space))
    rows = found.table.set_index("term")
    z = survey()["z"].to_numpy()
    intercepts, slopes = (a**2).mean(), (b**2).mean() * (z**2).mean()
    both = 2 * (r * a * b).mean() * z.mean()
    assert rows.loc["1|g", "sd"] == pytest.approx(np.sqrt(intercepts))
    assert rows.loc["z|g", "sd"] == pytest.approx(np.sqrt(slopes))
    assert rows.loc["1|g", "share"] == pytest.approx(intercepts / (intercepts + slopes + both + 1))
    assert rows.loc["1|g", "statistic"] == pytest.approx((a.mean() / a.std()) ** 2)
    low, high = rows.loc["z|g", ["conf_low", "conf_high"]]
    assert rows.loc["z|g", "estimate"] == pytest.approx(b.mean()) and low == pytest.approx(np.quantile(b, 0.025))
    assert low < b.mean() < high
    assert 0 < found.share < 1


def test_a_random_effect_that_the_outcome_shares_is_no_exclusion() -> None:
    imputed = run(selecting("b ~ x + (1 | g)", "x + (1 | g)"), sweeps=20)
    draws, _, space = parts(imputed)
    found = strength(draws, imputed.plan.conditionals[0], fitted(imputed, space))
    assert found.table.empty and found.share == 0 and not found.restrictions


def test_selection_by_random_effects_alone() -> None:
    imputed = run(selecting("b ~ x", "0 + (1 | g)"), sweeps=60)
    draws, _, space = parts(imputed)
    found = strength(draws, imputed.plan.conditionals[0], fitted(imputed, space))
    assert found.table["term"].tolist() == ["1|g"]
    variance = (draws.named["selection_1|g_sigma"] ** 2).mean()
    assert found.share == pytest.approx(variance / (variance + 1))


def test_a_rescaled_variable_is_as_strong() -> None:
    tables = []
    for unit in (1.0, 1024.0):
        frame = survey().assign(z=lambda d, u=unit: d["z"] * u)
        imputed = run(selecting(selection="x + z + (0 + z | g)"), sweeps=60, frame=frame)
        draws, _, space = parts(imputed)
        tables.append(strength(draws, imputed.plan.conditionals[0], fitted(imputed, space)).table)
    for name in ("statistic", "sd", "share"):
        np.testing.assert_allclose(tables[0][name], tables[1][name], rtol=1e-9)


@pytest.mark.parametrize(
    ("statistic", "share", "expected"),
    [
        (9.9, 0.5, "weak"),
        (500.0, 0.009, "weak"),
        (10.0, 0.01, "moderate"),
        (40.0, 0.049, "moderate"),
        (10.0, 0.05, "strong"),
        (np.nan, 0.5, "weak"),
    ],
)
def test_words(statistic: float, share: float, expected: str) -> None:
    assert word(statistic, share) == expected
