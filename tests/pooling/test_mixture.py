"""Mixtures of posteriors: the laws of total expectation and variance, exact intervals, and R-hat within imputations."""

import json
from math import inf, nan
from typing import Any

import arviz as az
import numpy as np
import pytest
import xarray as xr
from scipy import stats

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import AnalysisError
from bayesimpute.pooling.mixture import MANY, Mixture, highest_density, mix, mixed_moments

DRAWS = 250


def estimate(means: Any, *, chains: int = 4, draws: int = DRAWS, seed: int = 1, **more: Any) -> Estimate:
    """Independent standard normal draws about means: those of ``a`` and of ``b/c``, whose variable is ``b_c``."""
    values = np.random.default_rng(seed).normal(size=(chains, draws, 2)) + np.asarray(means)
    variables = {
        "a": (("chain", "draw"), values[:, :, 0], {"name": "a"}),
        "b_c": (("chain", "draw"), values[:, :, 1], {"name": "b/c"}),
    }
    posterior = xr.Dataset(variables, coords={"chain": range(chains), "draw": range(draws)})
    return Estimate(terms=(), estimates=np.zeros(0), covariance=np.zeros((0, 0)), draws=posterior, **more)


def several(m: int = 5, *, spread: float = 1.0) -> list[Estimate]:
    means = spread * np.random.default_rng(7).normal(size=(m, 2))
    return [estimate(mean, seed=k) for k, mean in enumerate(means)]


def column(mixture: Mixture, name: str) -> np.ndarray:
    return mixture.table[name].to_numpy()


# Arrays ---------------------------------------------------------------------------------------------------------------


def test_moments_are_those_of_all_draws_together() -> None:
    """Of equally long parts with equal weights, and of any parts and weights as a weighted sample."""
    rng = np.random.default_rng(1)
    parts = [rng.gamma(2 + k, size=(n, 3)) for k, n in enumerate((40, 90, 300))]
    weights = np.array([0.5, 0.2, 0.3])
    values = np.concatenate(parts)
    each = np.concatenate([np.full(len(p), w / len(p)) for p, w in zip(parts, weights, strict=True)])
    found = mixed_moments(parts, weights)
    np.testing.assert_allclose(found.mean, np.average(values, axis=0, weights=each), rtol=1e-12)
    np.testing.assert_allclose(found.total, np.average((values - found.mean) ** 2, axis=0, weights=each), rtol=1e-12)
    equal = [p[:40] for p in parts]
    found = mixed_moments(equal, np.full(3, 1 / 3))
    np.testing.assert_allclose(found.total, np.concatenate(equal).var(axis=0), rtol=1e-12)


def test_shares_are_between_nothing_and_all() -> None:
    same = np.random.default_rng(1).normal(size=(50, 1))
    half = np.full(2, 0.5)
    assert mixed_moments([same, same], half).share[0] == pytest.approx(0, abs=1e-15)
    assert mixed_moments([np.zeros((9, 1)), np.ones((9, 1))], half).share.tolist() == [1.0]
    assert np.isnan(mixed_moments([np.ones((9, 1)), np.ones((9, 1))], half).share[0])


def test_the_shortest_interval_is_the_shortest() -> None:
    """Against every interval between two draws."""
    rng = np.random.default_rng(3)
    values, weights = rng.exponential(size=40), rng.random(40)
    weights /= weights.sum()
    low, high = highest_density(values, weights, 0.8)
    inside = lambda a, b: weights[(values >= a) & (values <= b)].sum()  # noqa: E731
    assert inside(low, high) >= 0.8
    widths = [b - a for a in values for b in values if b >= a and inside(a, b) >= 0.8]
    assert high - low == pytest.approx(min(widths), rel=1e-12)


def test_with_equal_weights_the_interval_is_arvizs_but_for_a_draw() -> None:
    values = np.random.default_rng(4).gamma(2, size=5000)
    ours = highest_density(values, np.full(5000, 1 / 5000), 0.9)
    np.testing.assert_allclose(ours, az.hdi(values, prob=0.9), atol=0.02)


def test_whole_weights_are_repeated_draws() -> None:
    values, times = np.random.default_rng(5).normal(size=60), np.random.default_rng(6).integers(1, 5, 60)
    repeated = np.repeat(values, times)
    plain = highest_density(repeated, np.full(len(repeated), 1 / len(repeated)), 0.9)
    assert highest_density(values, times / times.sum(), 0.9) == pytest.approx(plain, rel=1e-12)


# Labels ---------------------------------------------------------------------------------------------------------------


def test_a_table_has_the_law_of_total_variance() -> None:
    estimates = several()
    mixture = mix(estimates)
    flat = [e.draws.to_array().values.reshape(2, -1) for e in estimates]
    means, variances = np.array([f.mean(axis=1) for f in flat]), np.array([f.var(axis=1) for f in flat])
    np.testing.assert_allclose(column(mixture, "mean"), means.mean(axis=0), rtol=1e-12)
    total = variances.mean(axis=0) + means.var(axis=0)
    np.testing.assert_allclose(column(mixture, "sd"), np.sqrt(total), rtol=1e-12)
    np.testing.assert_allclose(column(mixture, "between"), means.var(axis=0) / total, rtol=1e-12)
    everything = np.concatenate(flat, axis=1)
    np.testing.assert_allclose(column(mixture, "sd"), everything.std(axis=1), rtol=1e-12)
    assert mixture.table["parameter"].tolist() == ["a", "b/c"]


def test_intervals_are_those_of_the_mixture_itself() -> None:
    """Two normals two apart, within Monte Carlo errors of the ends of a sample of 16,000."""
    parts = [estimate([k, 0], seed=k, draws=2000) for k in (0, 2)]
    found = mix(parts, prob=0.9).table.iloc[0]

    def cdf(x: float) -> float:
        return float((stats.norm.cdf(x) + stats.norm.cdf(x - 2)) / 2)

    assert cdf(found["hdi_high"]) - cdf(found["hdi_low"]) == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 16000))
    assert found["hdi_low"] + found["hdi_high"] == pytest.approx(2, abs=0.3)  # symmetric about 1, but flat there
    assert cdf(found["median"]) == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 16000))


def test_weights_count_and_are_in_any_unit() -> None:
    parts = [estimate([k, 0], seed=k, draws=100 + 50 * k) for k in range(3)]
    mixture = mix(parts, weights=[1, 0, 3])
    assert mixture.weights == pytest.approx([0.25, 0, 0.75])
    equal = mix(parts, weights=[25, 0, 75]).table
    assert mixture.table.equals(equal)
    alone = mix([parts[0], parts[2], parts[2], parts[2]]).table
    for name in ("mean", "sd", "hdi_low", "hdi_high", "median", "r_hat"):
        np.testing.assert_allclose(column(mixture, name), alone[name], rtol=1e-12, err_msg=name)
    assert mixture.notes[0].startswith("m = 3, as good as 1.6 by their weights: few")


def test_r_hat_is_within_imputations() -> None:
    """Imputations that are far from each other are a correct answer; chains of one that are, are not."""
    apart = several(spread=5.0)
    good = mix(apart)
    assert (column(good, "r_hat") < 1.02).all()
    assert float(az.rhat(good.tree)["a"]) > 1.4
    stuck = estimate(np.array([[0, 0], [0, 0], [0, 0], [3, 0]])[:, None, :])
    bad = mix([*apart, stuck])
    assert column(bad, "r_hat")[0] > 1.2
    assert column(bad, "r_hat")[1] < 1.02


def test_ess_are_added() -> None:
    parts = several()
    each = [float(az.ess(e.draws, method="bulk")["a"]) for e in parts]
    assert column(mix(parts), "ess_bulk")[0] == pytest.approx(sum(each))


def test_the_tree_is_for_arviz() -> None:
    parts = [estimate([0, 1], seed=k, chains=2, draws=100 + 10 * k) for k in range(3)]
    posterior = mix(parts).tree["posterior"]
    assert dict(posterior.sizes) == {"chain": 6, "draw": 100}
    assert posterior["imputation"].values.tolist() == [1, 1, 2, 2, 3, 3]
    assert posterior["weight"].values.tolist() == pytest.approx([1 / 3] * 6)
    second = posterior["b_c"].values[posterior["imputation"].values == 2]
    np.testing.assert_array_equal(second, parts[1].draws["b_c"].values[:, :100])
    summary = az.summary(mix(parts).tree, round_to="none")
    assert summary.index.tolist() == ["a", "b_c"]
    assert summary.loc["a", "mean"] == pytest.approx(float(posterior["a"].mean()))


def test_notes_say_that_m_is_small_and_what_the_fits_said() -> None:
    few = mix([estimate([0, 0], messages=("slow",)), estimate([0, 0]), estimate([0, 0], messages=("slow", "odd"))])
    assert "Zhou & Reiter (2010)" in few.notes[0]
    assert few.notes[1:] == ("datasets 1, 3: slow", "dataset 3: odd")
    many = mix([estimate([0, 0], chains=2, draws=8, messages=("slow",))] * MANY)
    assert many.notes == ("all datasets: slow",)


def test_it_can_be_printed_and_written() -> None:
    mixture = mix(several(), prob=0.9)
    text = str(mixture)
    assert text.startswith("Mixture of the posteriors on m = 5 completed datasets (90 % HDI)\n")
    assert "b/c" in text and "Zhou" in text
    plain = json.loads(json.dumps(mixture.to_json_dict()))
    assert plain["parameters"][1]["parameter"] == "b/c"
    assert plain["parameters"][0]["mean"] == mixture.table["mean"].iloc[0]
    still = [estimate([0, 0], draws=3)] * 2  # too few for R-hat
    assert mix(still).to_json_dict()["parameters"][0]["r_hat"] is None


def test_group_effects_are_left_aside() -> None:
    part = estimate([0, 0])
    assert part.draws is not None
    wide = xr.Dataset({"u": (("chain", "draw", "g"), np.zeros((4, DRAWS, 3)))})
    more = Estimate(terms=(), estimates=np.zeros(0), covariance=np.zeros((0, 0)), draws=part.draws.merge(wide))
    assert mix([more, more]).table["parameter"].tolist() == ["a", "b/c"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [1, 2]}, r"weights: 3 numbers from 0 are needed.* got \[1\.0, 2\.0\]; leave them out"),
        ({"weights": [1, -1, 1]}, "weights: 3 numbers from 0"),
        ({"weights": [0, 0, 0]}, "not all zero"),
        ({"weights": [1, nan, 1]}, "weights"),
        ({"weights": [1, inf, 1]}, "weights"),
        ({"prob": 1.0}, "prob: must lie between 0 and 1, got 1.0; 0.95 gives"),
        ({"prob": 95}, "prob: must lie between 0 and 1, got 95"),
    ],
)
def test_bad_options_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        mix(several(3), **change)


def test_bad_estimates_are_named() -> None:
    good = estimate([0, 0])
    assert good.draws is not None
    without = Estimate(terms=("a",), estimates=np.zeros(1), covariance=np.eye(1))
    with pytest.raises(AnalysisError, match=r'dataset 2: there are no draws to mix; .* engine="bambi"'):
        mix([good, without])
    other = Estimate(terms=(), estimates=np.zeros(0), covariance=np.zeros((0, 0)), draws=good.draws[["a"]])
    with pytest.raises(AnalysisError, match="those of dataset 3 differ from those of dataset 1"):
        mix([good, good, other])
    none = Estimate(terms=(), estimates=np.zeros(0), covariance=np.zeros((0, 0)), draws=good.draws[[]])
    with pytest.raises(AnalysisError, match="draws of the same parameters: none"):
        mix([none, none])
    with pytest.raises(AnalysisError, match="draws of dataset 2 are not all finite"):
        mix([good, estimate([0, nan])])
    with pytest.raises(AnalysisError, match="two"):
        mix([good])
