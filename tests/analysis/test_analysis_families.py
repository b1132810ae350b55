"""The families, covariances and degrees of freedom of analyses against R, and marginal effects against differences.

R 4.2 with MASS 7.3, nnet 7.3, geepack 1.3, sandwich 3.0, lmerTest 3.1 and performance 0.10, on the first of the ten
completed datasets (``pooling_popmis_completed.csv.gz``)::

    d$pop3 <- cut(d$popular, c(-Inf, 4.5, 5.5, Inf), labels = c("low", "middle", "high")); d$high <- d$popular > 5
    polr(pop3 ~ sex + texp, d, method = "logistic" / "probit"); multinom(pop3 ~ sex + texp, d, reltol = 1e-12)
    geeglm(high ~ sex + texp, id = school, family = binomial, corstr = "exchangeable")
    vcovHC(lm(popular ~ sex + texp), "HC0"…); vcovHC(glm(high ~ sex + texp, binomial), …); vcovCL(…, ~school)
    glm(high ~ sex + texp, binomial("probit")); glm(round(popular) ~ …, poisson); glm(popular ~ …, Gamma("log"))
    lmer(popular ~ sex * texp + (1 + sex | school)), and of schools 1 to 12 without the interaction; r2(), icc()
"""

from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesimpute.analysis import fit
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import AnalysisError

FORMULA = "popular ~ sex + texp"
HIGH = "high ~ sex + texp"


@pytest.fixture(scope="module")
def pupils(shared_reference: Path) -> pd.DataFrame:
    long = pd.read_csv(shared_reference / "pooling_popmis_completed.csv.gz")
    frame = long[long["imputation"] == 1].copy()
    levels = pd.cut(frame["popular"], [-np.inf, 4.5, 5.5, np.inf], labels=["low", "middle", "high"])
    return frame.assign(pop3=levels, high=frame["popular"] > 5, rounded=frame["popular"].round())


REGRESSIONS: dict[str, tuple[str, dict[str, Any], list[float], list[float]]] = {
    "cumulative logit": (
        "pop3 ~ sex + texp", {"family": "cumulative"},
        [1.57796391, 0.15784678, 1.62076486, 3.42633603],
        [0.09531431270, 0.00775804977, 0.12377475735, 0.14336496729],
    ),
    "cumulative probit": (
        "pop3 ~ sex + texp", {"family": "cumulative", "link": "probit"},
        [0.9228531337, 0.0929539904, 0.9590083971, 2.0208061770],
        [0.05481524703, 0.00437252555, 0.07201537723, 0.07983109478],
    ),
    "multinomial": (
        "pop3 ~ sex + texp", {"family": "categorical"},
        [-1.51098239, 1.01677910, 0.114029750, -3.71456604, 2.28510886, 0.230906951],
        [0.157692025, 0.136961472, 0.0108323156, 0.205017157, 0.147756760, 0.0122315021],
    ),
    "probit": (
        HIGH, {"family": "bernoulli", "link": "probit"},
        [-1.7342144151, 0.8284381202, 0.0900126595],
        [0.08878390753, 0.06201658698, 0.00502165702],
    ),
    "poisson": (
        "rounded ~ sex + texp", {"family": "poisson"},
        [1.3420782816, 0.1653833814, 0.0168178764],
        [0.02644923052, 0.01941580851, 0.00149441344],
    ),
    "gamma": (
        FORMULA, {"family": "gamma"},
        [1.3308916367, 0.1705197640, 0.0173726084],
        [0.01031339946, 0.00797461299, 0.00060852676],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REGRESSIONS)
def test_families_are_those_of_r(pupils: pd.DataFrame, name: str) -> None:
    formula, options, estimates, errors = REGRESSIONS[name]
    frame = pupils[pupils["popular"] > 0] if name == "gamma" else pupils
    got = fit(formula, frame, **options)
    # R's iterations stop at a relative change of the deviance of 1e-8: some 1e-4 of a standard error
    assert np.abs((got.estimates - estimates) / errors).max() < 1e-3
    np.testing.assert_allclose(got.std_errors, errors, rtol=1e-4)
    assert got.messages == ()
    assert got.dfcom == len(frame) - len(estimates)


ROBUST: dict[str, tuple[str, dict[str, Any], list[float]]] = {
    "HC0": (FORMULA, {}, [0.05198609443, 0.04242315827, 0.00324531076]),
    "HC1": (FORMULA, {}, [0.05202512792, 0.04245501148, 0.00324774749]),
    "HC2": (FORMULA, {}, [0.05203628435, 0.04245527223, 0.00324857885]),
    "HC3": (FORMULA, {}, [0.05208653078, 0.04248741590, 0.00325185058]),
    "cluster": (FORMULA, {"cluster": "school"}, [0.1537801504, 0.0660537471, 0.0103602713]),
    "logistic HC0": (HIGH, {"family": "bernoulli"}, [0.16077437821, 0.10730501889, 0.00914348015]),
    "logistic HC1": (HIGH, {"family": "bernoulli"}, [0.16089509482, 0.10738558831, 0.00915034548]),
}


@pytest.mark.parametrize("name", ROBUST)
def test_robust_standard_errors_are_those_of_sandwich(pupils: pd.DataFrame, name: str) -> None:
    formula, options, errors = ROBUST[name]
    got = fit(formula, pupils, covariance=name.split()[-1], **options)
    np.testing.assert_allclose(got.std_errors, errors, rtol=1e-6)
    assert got.dfcom == (99 if "cluster" in options else 1997)


def test_estimating_equations(pupils: pd.DataFrame) -> None:
    own = fit(HIGH, pupils, family="bernoulli", working="independence", cluster="school")
    # sandwich's vcovCL(type = "HC0", cadjust = FALSE): the robust covariance of independence is the clusters' own
    np.testing.assert_allclose(own.std_errors, [0.3880997439, 0.1773623113, 0.0248775012], rtol=1e-5)
    got = fit(HIGH, pupils, family="bernoulli", working="exchangeable", cluster="school")
    expected = np.array([-3.232183953, 1.413220582, 0.207666558])
    errors = np.array([0.4795042027, 0.2167752117, 0.0300615505])
    # geepack estimates the working correlation without a correction for the coefficients
    assert np.abs((got.estimates - expected) / errors).max() < 0.02
    np.testing.assert_allclose(got.std_errors, errors, rtol=0.005)


def of_quantities(estimate: Estimate) -> dict[str, float]:
    return {q.name: q.estimate for q in estimate.quantities if q.kind in ("ICC", "R2")}


def test_satterthwaite_icc_and_r2_are_those_of_r(pupils: pd.DataFrame) -> None:
    got = fit("popular ~ sex * texp + (1 + sex | school)", pupils, df="satterthwaite")
    np.testing.assert_allclose(got.dfcom, [97.71007487, 97.23921346, 97.83279362, 97.45116582], rtol=1e-4)
    found = of_quantities(got)
    expected = {"R2 conditional": 0.713, "R2 marginal": 0.376, "ICC": 0.540}
    assert found == pytest.approx(expected, abs=5e-4)  # as printed


def test_satterthwaite_of_few_clusters_is_that_of_lmertest(pupils: pd.DataFrame) -> None:
    few = pupils[pupils["school"] <= 12]
    slopes = fit("popular ~ sex + texp + (1 + sex | school)", few, df="satterthwaite")
    np.testing.assert_allclose(slopes.dfcom, [9.901200908, 10.932208848, 9.809929371], rtol=1e-4)
    assert of_quantities(slopes) == pytest.approx(
        {"R2 conditional": 0.807, "R2 marginal": 0.409, "ICC": 0.673}, abs=5e-4
    )
    plain = fit("popular ~ sex + texp + (1 | school)", few, df="satterthwaite")
    np.testing.assert_allclose(plain.dfcom, [10.060417420, 233.283102006, 9.976471309], rtol=1e-4)
    levels = fit("popular ~ sex + texp + (1 | school)", few, df="between-within")
    np.testing.assert_array_equal(levels.dfcom, [12 - 2, len(few) - 12 - 1, 12 - 2])
    assert fit("popular ~ sex + texp + (1 | school)", few).dfcom == inf


def test_satterthwaite_of_a_balanced_design_is_exact() -> None:
    """One-way random effects, balanced: the mean has clusters − 1 degrees of freedom."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(9), 7)
    frame = pd.DataFrame({"g": g, "y": rng.normal(size=9)[g] + rng.normal(size=len(g))})
    assert fit("y ~ 1 + (1 | g)", frame, df="satterthwaite").dfcom == pytest.approx([8], rel=1e-4)


def test_standard_errors_of_variances_are_those_of_a_balanced_design() -> None:
    """There the mean squares are independent chi-squared, with the known variances 2 ms² / df."""
    rng = np.random.default_rng(2)
    clusters, size = 30, 10
    g = np.repeat(np.arange(clusters), size)
    y = rng.normal(size=clusters)[g] + rng.normal(size=len(g))
    got = {
        q.group: q for q in fit("y ~ 1 + (1 | g)", pd.DataFrame({"g": g, "y": y})).quantities if q.kind == "variance"
    }
    means = y.reshape(clusters, size).mean(axis=1)
    between, within = size * means.var(ddof=1), y.reshape(clusters, size).var(axis=1, ddof=1).mean()
    variance = (between - within) / size
    spread = np.sqrt(2 * between**2 / (clusters - 1) + 2 * within**2 / (clusters * (size - 1))) / size
    assert got["g"].estimate == pytest.approx(variance, rel=1e-5)
    assert got["g"].std_error == pytest.approx(spread / variance, rel=1e-4)
    assert got["Residual"].std_error == pytest.approx(np.sqrt(2 / (clusters * (size - 1))), rel=1e-4)


def test_marginal_effects_are_average_differences(pupils: pd.DataFrame) -> None:
    from scipy.special import expit

    frame = pupils.assign(kind=np.array(["a", "b", "c"])[np.arange(len(pupils)) % 3])
    formula = "high ~ sex * texp + kind"
    plain, got = (fit(formula, frame, family="bernoulli", effects=e) for e in ("coefficients", "marginal"))
    b = dict(zip(plain.terms, plain.estimates, strict=True))
    base = b["Intercept"] + (frame.kind == "b") * b["kind[b]"] + (frame.kind == "c") * b["kind[c]"]

    def probability(sex: Any, texp: Any, shift: Any = 0.0) -> np.ndarray:
        return expit(base + shift + sex * b["sex"] + texp * b["texp"] + sex * texp * b["sex:texp"]).to_numpy()

    to_a = -b["kind[b]"] * (frame.kind == "b") - b["kind[c]"] * (frame.kind == "c")
    to_b = to_a + b["kind[b]"]
    expected = {
        "kind[b]": (probability(frame.sex, frame.texp, to_b) - probability(frame.sex, frame.texp, to_a)).mean(),
        "sex": (probability(1, frame.texp) - probability(0, frame.texp)).mean(),
        "texp": ((probability(frame.sex, frame.texp + 1e-4) - probability(frame.sex, frame.texp - 1e-4)) / 2e-4).mean(),
    }
    found = dict(zip(got.terms, got.estimates, strict=True))
    assert set(found) == {*expected, "kind[c]"}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6)
    # the delta method against draws of the coefficients
    draws = np.random.default_rng(3).multivariate_normal(plain.estimates, plain.covariance, size=4000)
    slopes = []
    texp, in_b, in_c = frame.texp.to_numpy(), (frame.kind == "b").to_numpy(), (frame.kind == "c").to_numpy()
    for draw in draws[
        :, [plain.terms.index(t) for t in ("Intercept", "sex", "texp", "sex:texp", "kind[b]", "kind[c]")]
    ]:
        eta = draw[0] + draw[2] * texp + in_b * draw[4] + in_c * draw[5]
        slopes.append(float((expit(eta + draw[1] + draw[3] * texp) - expit(eta)).mean()))
    error = got.std_errors[got.terms.index("sex")]
    assert np.std(slopes) == pytest.approx(error, rel=4 / np.sqrt(2 * len(slopes)) + 0.01)


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "family": (FORMULA, {"family": "poison"}, 'family: .*"poison"; did you mean "poisson"'),
    "link": (HIGH, {"family": "bernoulli", "link": "probt"}, 'link: .*did you mean "probit"'),
    "link of another family": (FORMULA, {"link": "logit"}, "link: .*use one of identity"),
    "engine": (FORMULA, {"engine": "stan"}, "engine: .*use one of statsmodels, glmm, bambi"),
    "option": (FORMULA, {"lnk": "logit"}, 'lnk: .*no such option; did you mean "link"'),
    "df": (FORMULA, {"df": "satterthwaite"}, "df: .*for mixed models"),
    "df unknown": (FORMULA, {"df": "kenward"}, 'df: there is no "kenward"'),
    "reml": (FORMULA, {"reml": False}, "reml: it goes with random effects"),
    "covariance": (FORMULA, {"covariance": "HC9"}, 'covariance: there is no "HC9"'),
    "covariance of family": (HIGH, {"family": "bernoulli", "covariance": "HC3"}, "covariance: .*use one of model"),
    "no cluster": (FORMULA, {"covariance": "cluster"}, 'cluster: .*write cluster="school"'),
    "cluster alone": (FORMULA, {"cluster": "school"}, "cluster: it goes with"),
    "cluster unknown": (FORMULA, {"covariance": "cluster", "cluster": "schol"}, 'did you mean "school"'),
    "few clusters": (FORMULA, {"covariance": "cluster", "cluster": "sex"}, "2 clusters for 3 coefficients"),
    "working": (FORMULA, {"working": "ar", "cluster": "school"}, 'working: there is no "ar"'),
    "working without cluster": (FORMULA, {"working": "exchangeable"}, "cluster: estimating equations need"),
    "working of categories": (
        "pop3 ~ sex", {"family": "cumulative", "working": "exchangeable", "cluster": "school"}, "working: ",
    ),
    "mixed and robust": (FORMULA + " + (1 | school)", {"covariance": "HC1"}, "covariance: .*without random effects"),
    "mixed and robust by no name": (
        FORMULA + " + (1 | school)", {"covariance": "HC9"}, "^covariance: .*without random effects; leave one.*out$",
    ),
    "mixed and working": (
        FORMULA + " + (1 | school)",
        {"working": "exchangeable", "cluster": "school"},
        "^working: .*without random effects; .*$",
    ),
    "bernoulli of a number": (FORMULA, {"family": "bernoulli"}, "values 0 and 1 .*; recode it, or leave family out"),
    "mixed ordinal": ("pop3 ~ sex + (1 | school)", {"family": "cumulative"}, "pass a function"),
    "marginal": (FORMULA, {"effects": "marginal"}, 'effects: "marginal" is for'),
    "counts": (FORMULA, {"family": "poisson"}, "must be counts"),
    "positive": ("zero ~ sex", {"family": "gamma"}, "must be positive"),
    "levels": ("row ~ sex", {"family": "cumulative"}, "different values"),
    "several": (FORMULA, {"df": "x", "engine": "y", "link": "z"}, "engine: (.|\n)*link: (.|\n)*df: "),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_told_before_anything_is_fitted(pupils: pd.DataFrame, name: str) -> None:
    formula, options, text = BAD[name]
    frame = pupils.assign(zero=pupils["texp"] - pupils["texp"].min(), row=np.arange(len(pupils)))
    with pytest.raises(AnalysisError, match=text):
        fit(formula, frame, **options)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("binomal", "bernoulli"), ("negative_binomial", "negativebinomial"), ("ordinal", "cumulative"), ("Gama", "gamma")],
)
def test_a_family_of_another_name_is_found(pupils: pd.DataFrame, name: str, meant: str) -> None:
    with pytest.raises(AnalysisError, match=f'did you mean "{meant}"'):
        fit("popular ~ sex", pupils, family=name)
