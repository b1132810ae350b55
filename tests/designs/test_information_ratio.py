"""The rough variance components against closed forms, and what must not change them."""

import numpy as np
import pytest

from bayesimpute.designs.information_ratio import information_ratio


def data(
    tau: float, sigma: float, *, clusters: int = 100, size: int = 10, seed: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """y, common columns, columns of the effects and codes of a balanced random-intercept design."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(clusters), size)
    x = np.column_stack([np.ones(len(codes)), rng.normal(size=len(codes))])
    y = x @ [1.0, 0.5] + tau * rng.normal(size=clusters)[codes] + sigma * rng.normal(size=len(codes))
    return y, x, np.ones((len(codes), 1)), codes


def anova_ratio(y: np.ndarray, x: np.ndarray, codes: np.ndarray) -> float:
    """n tau^2 / sigma^2 of a balanced design by analysis of variance (Searle, Casella & McCulloch 1992)."""
    y = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    means = np.array([y[codes == j].mean() for j in range(codes.max() + 1)])
    size = len(y) // len(means)
    within = ((y - means[codes]) ** 2).sum() / (len(y) - len(means))
    return float(size * means.var(ddof=1) / within - 1)


@pytest.mark.parametrize(("tau", "sigma"), [(1.0, 1.0), (2.0, 1.0), (0.7, 1.0)])
def test_the_ratio_is_that_of_the_analysis_of_variance(tau: float, sigma: float) -> None:
    y, x, z, codes = data(tau, sigma)
    # both are estimates of one number from 100 clusters: sd of a log ratio of mean squares is sqrt(2 / 99)
    assert np.log(information_ratio(y, x, z, codes)) == pytest.approx(np.log(anova_ratio(y, x, codes)), abs=0.14)


def test_clusters_without_effects_say_little_about_them() -> None:
    assert information_ratio(*data(0.0, 1.0)) < 1.5 < 40 < information_ratio(*data(3.0, 1.0))


def test_more_rows_a_cluster_say_more() -> None:
    small, large = (information_ratio(*data(1.0, 1.0, size=size)) for size in (3, 30))
    assert large > 5 * small


def test_the_least_informed_effect_counts() -> None:
    y, x, z, codes = data(2.0, 1.0)
    slope = np.column_stack([z, x[:, 1:]])
    assert information_ratio(y, x, slope, codes) < information_ratio(y, x, z, codes) / 4


def test_units_order_and_labels_do_not_matter() -> None:
    y, x, z, codes = data(1.0, 1.0)
    ratio = information_ratio(y, x, z, codes)
    order = np.random.default_rng(2).permutation(len(y))
    assert information_ratio(y[order], x[order], z[order], codes[order]) == pytest.approx(ratio)
    assert information_ratio(y, x, z, 7 * codes[::-1].max() - 3 * codes) == pytest.approx(ratio)
    assert information_ratio(8 * y, x, z, codes) == pytest.approx(ratio)
    assert information_ratio(y, x, z / 4, codes) == pytest.approx(ratio)


def test_a_column_that_does_not_vary_gives_a_number() -> None:
    y, x, z, codes = data(1.0, 1.0, clusters=8)
    assert np.isfinite(information_ratio(y, x, 0 * z, codes))
