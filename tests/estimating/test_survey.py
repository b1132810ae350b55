"""Survey estimates: closed forms, statsmodels' sandwich variances, numerical influence values, and simulation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from bayesimpute.estimating.correlation import correlation
from bayesimpute.estimating.mean import mean
from bayesimpute.estimating.quantile import quantile
from bayesimpute.estimating.standard_deviation import standard_deviation
from bayesimpute.estimating.survey import Estimated, SurveyDesign


def sample(seed: int = 1, n: int = 120) -> dict[str, np.ndarray]:
    """Rows in 4 strata and 24 sampling units, which are called 0 to 5 in every stratum."""
    rng = np.random.default_rng(seed)
    strata, clusters = rng.integers(0, 4, n), rng.integers(0, 6, n)
    strata[:24], clusters[:24] = np.repeat(range(4), 6), np.tile(range(6), 4)
    y = rng.normal(size=n) + rng.normal(size=4)[strata] + rng.normal(size=24)[strata * 6 + clusters]
    domain = rng.random(n) < 0.4
    return {"y": y, "w": rng.uniform(0.2, 5, n), "strata": strata, "clusters": clusters, "domain": domain}


def test_an_unweighted_mean_has_the_textbook_variance() -> None:
    y = sample()["y"]
    found = mean(y, SurveyDesign.of(len(y)))
    assert found.estimate == pytest.approx(y.mean(), rel=1e-12)
    assert found.variance == pytest.approx(y.var(ddof=1) / len(y), rel=1e-12)
    assert (found.df, found.units, found.rows) == (len(y) - 1, len(y), len(y))


def test_a_stratified_mean_has_the_textbook_variance() -> None:
    s = sample()
    sizes = np.array([500.0, 100.0, 900.0, 50.0])
    n_h = np.bincount(s["strata"])
    found = mean(s["y"], SurveyDesign.of(len(s["y"]), weights=(sizes / n_h)[s["strata"]], strata=s["strata"]))
    parts = [s["y"][s["strata"] == h] for h in range(4)]
    shares = sizes / sizes.sum()
    assert found.estimate == pytest.approx(sum(p * y.mean() for p, y in zip(shares, parts)), rel=1e-12)
    expected = sum(p**2 * y.var(ddof=1) / len(y) for p, y in zip(shares, parts))
    assert found.variance == pytest.approx(expected, rel=1e-12)
    assert found.df == len(s["y"]) - 4


def test_equal_clusters_count_by_their_means() -> None:
    y = np.random.default_rng(2).normal(size=60)
    clusters = np.tile(np.arange(12), 5)
    means = np.bincount(clusters, y) / 5
    found = mean(y, SurveyDesign.of(60, clusters=clusters))
    assert found.variance == pytest.approx(means.var(ddof=1) / 12, rel=1e-12)
    assert (found.df, found.units) == (11, 12)


def test_weights_and_clusters_agree_with_sandwich_variances() -> None:
    s = sample()
    model = sm.WLS(s["y"], np.ones(len(s["y"])), weights=s["w"])
    robust, by_cluster = model.fit(cov_type="HC1"), model.fit(cov_type="cluster", cov_kwds={"groups": s["clusters"]})
    plain = mean(s["y"], SurveyDesign.of(len(s["y"]), weights=s["w"]))
    clustered = mean(s["y"], SurveyDesign.of(len(s["y"]), weights=s["w"], clusters=s["clusters"]))
    assert plain.estimate == pytest.approx(robust.params[0], rel=1e-10)
    assert plain.variance == pytest.approx(robust.bse[0] ** 2, rel=1e-10)
    assert clustered.variance == pytest.approx(by_cluster.bse[0] ** 2, rel=1e-10)


def test_a_domain_agrees_with_the_sandwich_variance_of_its_dummy() -> None:
    s = sample()
    columns = np.column_stack([s["domain"], ~s["domain"]]).astype(float)
    options = {"groups": s["clusters"], "use_correction": False}
    fitted = sm.WLS(s["y"], columns, weights=s["w"]).fit(cov_type="cluster", cov_kwds=options)
    design = SurveyDesign.of(len(s["y"]), weights=s["w"], clusters=s["clusters"])
    found = mean(np.where(s["domain"], s["y"], np.nan), design, domain=s["domain"])
    assert found.estimate == pytest.approx(fitted.params[0], rel=1e-10)
    assert found.variance == pytest.approx(fitted.bse[0] ** 2 * 6 / 5, rel=1e-10)
    assert found.rows == s["domain"].sum()


def weighted_covariance(s: dict[str, np.ndarray], w: np.ndarray) -> np.ndarray:
    inside = s["domain"]
    return np.cov(s["y"][inside], s["x"][inside], aweights=w[inside], ddof=0)


def by_numpy_mean(s: dict[str, np.ndarray], w: np.ndarray) -> float:
    return float(np.average(s["y"][s["domain"]], weights=w[s["domain"]]))


def by_numpy_standard_deviation(s: dict[str, np.ndarray], w: np.ndarray) -> float:
    n = s["domain"].sum()
    return float(np.sqrt(n / (n - 1) * weighted_covariance(s, w)[0, 0]))


def by_numpy_correlation(s: dict[str, np.ndarray], w: np.ndarray) -> float:
    found = weighted_covariance(s, w)
    return float(found[0, 1] / np.sqrt(found[0, 0] * found[1, 1]))


@pytest.mark.parametrize(
    ("by_numpy", "statistic", "names"),
    [
        (by_numpy_mean, mean, ["y"]),
        (by_numpy_standard_deviation, standard_deviation, ["y"]),
        (by_numpy_correlation, correlation, ["y", "x"]),
    ],
)
def test_the_whole_formula_with_numerical_influence_values(
    by_numpy: Callable[..., float], statistic: Callable[..., Estimated], names: list[str]
) -> None:
    """u_i = w_i dθ/dw_i by central differences, and the variance by loops over strata and their units."""
    s = sample()
    s["x"] = s["y"] ** 2 + np.random.default_rng(4).normal(size=len(s["y"]))

    def estimate(w: np.ndarray) -> float:
        return by_numpy(s, w)

    step = 1e-5
    influence = np.array(
        [
            w * (estimate(s["w"] + step * e) - estimate(s["w"] - step * e)) / (2 * step)
            for w, e in zip(s["w"], np.eye(len(s["w"])))
        ]
    )
    expected = 0.0
    for h in range(4):
        totals = np.array([influence[(s["strata"] == h) & (s["clusters"] == c)].sum() for c in range(6)])
        expected += 6 / 5 * np.sum((totals - totals.mean()) ** 2)
    design = SurveyDesign.of(len(s["y"]), weights=s["w"], strata=s["strata"], clusters=s["clusters"])
    outside = {name: np.where(s["domain"], s[name], np.nan) for name in names}
    found = statistic(*outside.values(), design, domain=s["domain"])
    assert found.estimate == pytest.approx(estimate(s["w"]), rel=1e-12)
    assert found.variance == pytest.approx(expected, rel=1e-6)  # the truncation error of the differences
    pairs = {(a, b) for a, b, d in zip(s["strata"], s["clusters"], s["domain"]) if d}
    assert (found.units, found.df) == (len(pairs), len(pairs) - 4)


def test_a_stratum_with_one_unit_is_centred_at_all_units() -> None:
    y, strata = np.array([1.0, 3.0, 4.0, 9.0]), np.array([0, 0, 0, 1])
    design = SurveyDesign.of(4, strata=strata)
    assert design.single.tolist() == [1]
    u = (y - y.mean()) / 4
    expected = 3 / 2 * np.sum((u[:3] - u[:3].mean()) ** 2) + (u[3] - u.mean()) ** 2
    found = mean(y, design)
    assert found.variance == pytest.approx(expected, rel=1e-12)
    assert found.df == 2
    assert SurveyDesign.of(4, strata=np.array([0, 0, 1, 1])).single.tolist() == []


def test_what_has_no_variance_and_what_has_no_estimate() -> None:
    y = np.arange(4.0)
    one_unit = mean(y, SurveyDesign.of(4, clusters=np.zeros(4)))
    assert one_unit.estimate == pytest.approx(1.5) and np.isnan(one_unit.variance) and one_unit.df == 0
    design = SurveyDesign.of(4, weights=np.array([0.0, 0.0, 1.0, 1.0]))
    for found in (mean(y, design, domain=y < 2), quantile(y, 0.5, design=design, domain=y < 0)):
        assert np.isnan([found.estimate, found.variance]).all() and (found.units, found.df) == (0, 0)
    one_row = mean(y, design, domain=y == 3)
    assert one_row.estimate == 3 and np.isnan(one_row.variance)
    assert mean(y, design).df == 1
    for spread in (standard_deviation(y, design, domain=y == 3), correlation(y, y**2, design, domain=y < 2)):
        assert np.isnan([spread.estimate, spread.variance]).all()
    equal = np.full(4, 0.1)
    assert standard_deviation(equal, SurveyDesign.of(4)).estimate == 0
    assert np.isnan(standard_deviation(equal, SurveyDesign.of(4)).variance)
    assert np.isnan(correlation(y, equal, SurveyDesign.of(4)).estimate)
    assert correlation(y, 5 - 3 * y, SurveyDesign.of(4)).estimate == pytest.approx(-1, rel=1e-15)
    two = standard_deviation(np.array([0.0, 1.0, 0.0, 1.0]), SurveyDesign.of(4))
    assert two.estimate == pytest.approx(np.sqrt(1 / 3), rel=1e-12) and np.isnan(two.variance)


@pytest.mark.parametrize("probability", [0.1, 0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("n", [1, 4, 20, 31])
def test_unweighted_quantiles_are_the_averaged_inverse(probability: float, n: int) -> None:
    y = np.random.default_rng(n).normal(size=n).round(1)
    found = quantile(y, probability, design=SurveyDesign.of(n))
    expected = np.quantile(y, probability, method="averaged_inverted_cdf")
    assert found.estimate == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(
    rows=st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 4)), min_size=1, max_size=20).filter(
        lambda rows: any(w for _, w in rows)
    ),
    probability=st.sampled_from([0.1, 0.25, 0.5, 0.8]),
    scale=st.sampled_from([0.3, 1.0, 7.0]),
)
def test_a_weight_of_three_is_three_rows(rows: list[tuple[int, int]], probability: float, scale: float) -> None:
    y, w = np.array(rows, dtype=float).T
    repeated = np.repeat(y, w.astype(int))
    design = SurveyDesign.of(len(y), weights=scale * w)
    expected = np.quantile(repeated, probability, method="averaged_inverted_cdf")
    assert quantile(y, probability, design=design).estimate == pytest.approx(expected, rel=1e-12)
    assert mean(y, design).estimate == pytest.approx(repeated.mean(), rel=1e-12, abs=1e-12)


@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100))
def test_only_proportions_of_weights_and_no_order_matter(seed: int, scale: float) -> None:
    s = sample(seed, 60)
    order = np.random.default_rng(seed).permutation(60)
    first = SurveyDesign.of(60, weights=s["w"], strata=s["strata"], clusters=s["clusters"])
    second = SurveyDesign.of(
        60, weights=scale * s["w"][order], strata=s["strata"][order], clusters=s["clusters"][order]
    )
    a, b = mean(s["y"], first, domain=s["domain"]), mean(s["y"][order], second, domain=s["domain"][order])
    assert (a.units, a.df, a.rows) == (b.units, b.df, b.rows)
    assert a.estimate == pytest.approx(b.estimate, rel=1e-9, abs=1e-12)
    assert a.variance == pytest.approx(b.variance, rel=1e-9, nan_ok=True)


def test_woodruff_by_hand() -> None:
    from scipy.special import stdtrit

    y = np.arange(1.0, 101.0)
    found = quantile(y, 0.5, design=SurveyDesign.of(100))
    t = stdtrit(99, 0.975)
    half = t * np.sqrt(0.25 / 99)
    low, high = np.ceil(100 * (0.5 - half)), np.ceil(100 * (0.5 + half))
    assert found.estimate == pytest.approx(50.5)
    assert found.variance == pytest.approx(((high - low) / (2 * t)) ** 2, rel=1e-12)


def test_a_value_that_many_rows_share_has_a_standard_error() -> None:
    """The median of 0, ..., 49 and fifty times 50 lies on the edge of the heap: F there is 1/2 just before it."""
    y = np.minimum(np.arange(100.0), 50.0)
    found = quantile(y, 0.51, design=SurveyDesign.of(100))
    assert found.estimate == 50 and found.variance > 0


def test_too_few_rows_for_a_quantile_give_no_variance() -> None:
    found = quantile(np.arange(20.0), 0.99, design=SurveyDesign.of(20))
    assert found.estimate == 19 and np.isnan(found.variance) and found.df == 19


def test_variances_of_clustered_weighted_domains_are_right_on_average() -> None:
    """Samples of 60 clusters with effects; the variance that ignores them would be less than half of it."""
    rng = np.random.default_rng(3)
    estimates, variances, ignoring = [], [], []
    for _ in range(1000):
        clusters = np.repeat(np.arange(60), rng.integers(4, 13, 60))
        n = len(clusters)
        y = rng.normal(size=60)[clusters] + rng.normal(size=n)
        w, domain = rng.uniform(0.5, 2, n), rng.random(n) < 0.7
        found = mean(y, SurveyDesign.of(n, weights=w, clusters=clusters), domain=domain)
        estimates.append(found.estimate)
        variances.append(found.variance)
        ignoring.append(mean(y, SurveyDesign.of(n, weights=w), domain=domain).variance)
    true = np.var(estimates, ddof=1)
    error = true * np.sqrt(2 / 999 + np.var(variances) / np.mean(variances) ** 2 / 1000)
    assert abs(np.mean(variances) - true) < 4 * error
    assert np.mean(ignoring) < true / 2


def test_intervals_of_quantiles_cover() -> None:
    rng, hits, replicates = np.random.default_rng(4), 0, 1000
    for _ in range(replicates):
        y, w = rng.exponential(size=300), rng.uniform(0.5, 2, 300)
        found = quantile(y, 0.75, design=SurveyDesign.of(300, weights=w))
        hits += abs(found.estimate - np.log(4)) < 1.96 * np.sqrt(found.variance)
    assert abs(hits / replicates - 0.95) < 4 * np.sqrt(0.95 * 0.05 / replicates)


def test_the_published_prevalence_among_the_tested(shared_data: Path) -> None:
    """Zambia DHS 2007, men: 12.6 %, weighted 12.1 %; 12 % (11-13) in McGovern et al. (2015, Epidemiology 26:229)."""
    data = pd.read_csv(shared_data / "hiv.csv")
    hiv = data["hiv"].to_numpy(dtype=float)
    plain = mean(hiv, SurveyDesign.of(len(hiv)), domain=~np.isnan(hiv))
    weighted = mean(hiv, SurveyDesign.of(len(hiv), weights=data["sw"].to_numpy()), domain=~np.isnan(hiv))
    assert (round(100 * plain.estimate, 1), round(100 * weighted.estimate, 1)) == (12.6, 12.1)
    limits = weighted.estimate + np.array([-1.96, 1.96]) * np.sqrt(weighted.variance)
    assert (100 * limits).round().tolist() == [11, 13]
