"""Embedded data: what they were made from can be found again in them, within Monte Carlo error."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import optimize
from scipy.special import ndtr

from bayesimpute.base.errors import InputError
from bayesimpute.data.simulation import SCHOOL_TRUTH, Simulated, simulate_hiv_survey, simulate_school, ways

BOUND = 4.0  # standard errors: one check in 16,000 is beyond by chance, and the seeds are fixed


@pytest.fixture(scope="module")
def school() -> Simulated:
    return simulate_school(1, clusters=800, size=50, texp_missing=True)


@pytest.fixture(scope="module")
def survey() -> Simulated:
    return simulate_hiv_survey(2, n=40_000)


def z_of_mean(values: np.ndarray, truth: float) -> float:
    """How many standard errors the mean of independent `values` is away from the truth."""
    return (np.mean(values) - truth) / (np.std(values, ddof=1) / np.sqrt(len(values)))


def school_moments(simulated: Simulated) -> dict[str, np.ndarray]:
    """Per school, unbiased for the parameter it is named by, given the slopes of texp and extrav."""
    t, d = simulated.truth, simulated.complete
    rest = d["popular"] - t["texp"] * d["texp"] - t["extrav"] * d["extrav"]
    groups = rest.groupby([d["school"], d["sex"]])
    mean, noise = groups.mean().unstack(), (groups.var() / groups.size()).unstack()
    boys, girls = mean[0] - t["Intercept"], mean[1] - mean[0] - t["sex"]
    return {
        "Intercept": mean[0].to_numpy(),
        "sex": (mean[1] - mean[0]).to_numpy(),
        "1|school_sigma": (boys**2 - noise[0]).to_numpy(),
        "sex|school_sigma": (girls**2 - noise[0] - noise[1]).to_numpy(),
        "school_cor": (boys * girls + noise[0]).to_numpy(),
        "sigma": groups.var().unstack().mean(axis=1).to_numpy(),
    }


def test_school_parameters(school: Simulated) -> None:
    t = school.truth
    moments = school_moments(school)
    expected = {
        "Intercept": t["Intercept"],
        "sex": t["sex"],
        "1|school_sigma": t["1|school_sigma"] ** 2,
        "sex|school_sigma": t["sex|school_sigma"] ** 2,
        "school_cor": t["school_cor"] * t["1|school_sigma"] * t["sex|school_sigma"],
        "sigma": t["sigma"] ** 2,
    }
    z = {name: z_of_mean(moments[name], value) for name, value in expected.items()}
    assert max(map(abs, z.values())) < BOUND, z


def test_school_slopes(school: Simulated) -> None:
    within = school.complete - school.complete.groupby("school").transform("mean").assign(school=0)
    fit = smf.ols("popular ~ sex + extrav - 1", within).fit(
        cov_type="cluster", cov_kwds={"groups": school.complete["school"]}
    )
    assert abs(fit.params["extrav"] - school.truth["extrav"]) < BOUND * fit.bse["extrav"]
    means = school.complete.groupby("school").mean()
    between = means["popular"] - school.truth["sex"] * means["sex"] - school.truth["extrav"] * means["extrav"]
    fit = smf.ols("between ~ texp", means.assign(between=between)).fit(cov_type="HC1")
    assert abs(fit.params["texp"] - school.truth["texp"]) < BOUND * fit.bse["texp"]


def test_school_covariates(school: Simulated) -> None:
    t, means = school.truth, school.complete.groupby("school").mean()
    for name in ("popular", "sex", "texp", "extrav"):
        assert abs(z_of_mean(means[name].to_numpy(), t[f"mean({name})"])) < BOUND, name
    groups = school.complete.groupby("school")["extrav"]
    assert abs(z_of_mean(groups.var().to_numpy(), t["extrav_within_sd"] ** 2)) < BOUND
    between = (groups.mean() - t["mean(extrav)"]) ** 2 - groups.var() / groups.size()
    assert abs(z_of_mean(between.to_numpy(), t["extrav_between_sd"] ** 2)) < BOUND
    assert (school.complete.groupby("school")["texp"].nunique() == 1).all()
    assert school.complete["texp"].agg(["min", "max"]).tolist() == [2, 25]


@pytest.mark.parametrize("mechanism", ["mar", "mnar"])
def test_school_shares_missing(mechanism: str) -> None:
    made = simulate_school(3, clusters=200, mechanism=mechanism, texp_missing=True)
    for way in ways(made.complete, mechanism, texp_missing=True):
        p = way.share * way.chance
        error = np.sqrt((p * (1 - p)).sum())
        assert abs(made.incomplete[way.column].isna().sum() - p.sum()) < BOUND * error
    popular = made.incomplete["popular"].isna().mean()
    assert 0.35 < popular < 0.40
    assert (made.incomplete.isna().sum(axis=1) <= 1).all()


@pytest.mark.parametrize("mechanism", ["mar", "mnar"])
def test_school_missingness_depends_on_what_it_should(mechanism: str) -> None:
    """Given sex and extrav, that popular is missing goes with popular itself under MNAR only."""
    made = simulate_school(4, clusters=400, mechanism=mechanism)
    observed = made.incomplete[["sex", "extrav"]].notna().all(axis=1)
    rows = made.complete[observed].assign(gone=made.incomplete["popular"].isna()[observed].astype(int))
    fit = smf.logit("gone ~ sex + extrav + popular", rows.assign(popular=rows["popular"] - 4.6)).fit(disp=0)
    if mechanism == "mnar":
        assert fit.params["popular"] > BOUND * fit.bse["popular"]
    else:
        assert fit.params["sex"] > BOUND * fit.bse["sex"]
        assert fit.params["extrav"] > BOUND * fit.bse["extrav"]


def test_school_mar_given_the_allotment() -> None:
    """Given sex and extrav, who loses popular does not depend on popular: a check on rows of the same covariates."""
    made = simulate_school(5, clusters=500, size=40)
    way = ways(made.complete, "mar", texp_missing=False)[0]
    gone = made.incomplete["popular"].isna().to_numpy()
    p = way.share * way.chance
    residual = (gone - p) * (made.complete["popular"].to_numpy() - 4.6)
    assert abs(z_of_mean(residual, 0.0)) < BOUND
    design = np.column_stack([np.ones(len(p)), made.complete["sex"], made.complete["extrav"]])
    logit = np.log(way.chance / (1 - way.chance))
    np.testing.assert_allclose(design @ np.linalg.lstsq(design, logit)[0], logit, atol=1e-9)


def test_observed_cells_are_the_complete_ones() -> None:
    made = simulate_school(6, texp_missing=True, systematic=5)
    seen = made.incomplete.notna()
    assert made.incomplete.where(seen).equals(made.complete.astype(made.incomplete.dtypes).where(seen))
    recovered = made.incomplete.groupby("school")["texp"].transform("max")
    assert (recovered == made.complete["texp"]).all()


def test_systematic_schools_lack_extrav_only() -> None:
    made = simulate_school(7, systematic=5)
    missing = made.incomplete.isna().groupby(made.incomplete["school"]).mean()
    without = missing["extrav"] == 1
    assert without.sum() == 5
    assert (missing.loc[without, ["popular", "sex", "texp"]] == 0).all(axis=None)
    none = simulate_school(7, systematic=5, mechanism="none").incomplete.isna()
    assert none.sum().to_dict() == {"school": 0, "popular": 0, "sex": 0, "texp": 0, "extrav": 100}


def test_complete_cases_are_visibly_biased() -> None:
    """On the demonstration's size: beyond two standard errors of the estimate itself, not of its Monte Carlo mean."""
    biases = []
    for seed in range(10):
        made = simulate_school(seed)
        fits = [smf.ols("popular ~ sex + texp + extrav", d).fit() for d in (made.incomplete.dropna(), made.complete)]
        mean_bias = made.incomplete.dropna()["popular"].mean() - made.complete["popular"].mean()
        biases.append([mean_bias, *(fits[0].params - fits[1].params)[["Intercept", "extrav"]]])
    bias = np.array(biases)
    assert (np.abs(bias.mean(axis=0)) > BOUND * bias.std(axis=0, ddof=1) / np.sqrt(len(bias))).all()
    school_mean_error = made.complete.groupby("school")["popular"].mean().std() / np.sqrt(50)
    assert bias[:, 0].mean() < -2 * school_mean_error


def test_single_level_imputation_visibly_loses_the_schools() -> None:
    losses = []
    for seed in range(10):
        made = simulate_school(seed)
        rows = made.incomplete.assign(sex=made.complete["sex"], extrav=made.complete["extrav"])
        fit = smf.ols("popular ~ sex + texp + extrav", rows.dropna()).fit()
        drawn = fit.predict(rows) + np.sqrt(fit.scale) * np.random.default_rng(seed).standard_normal(len(rows))
        losses.append(icc(made.complete) - icc(rows.assign(popular=rows["popular"].fillna(drawn))))
    assert np.mean(losses) > 0.1
    assert np.min(losses) > 0


def icc(frame: pd.DataFrame) -> float:
    """One-way analysis-of-variance intraclass correlation of popular in schools of 20."""
    groups = frame.groupby("school")["popular"]
    within, between = groups.var().mean(), groups.mean().var()
    return (between - within / 20) / (between - within / 20 + within)


def test_survey_outcome_equation(survey: Simulated) -> None:
    fit = smf.probit("hiv ~ age + education + C(marital) + wealth + C(region)", recoded(survey.complete)).fit(disp=0)
    assert_recovers(fit, survey.truth, "")
    error = survey.truth["1|region_sigma"] / np.sqrt(9)
    assert abs(cluster_intercepts(fit, "region").mean() - survey.truth["Intercept"]) < BOUND * error


def test_survey_selection_equation(survey: Simulated) -> None:
    formula = "hivconsent ~ age + education + C(marital) + wealth + C(interviewer)"
    fit = smf.probit(formula, recoded(survey.complete)).fit(disp=0)
    assert_recovers(fit, survey.truth, "selection_")
    effects = cluster_intercepts(fit, "interviewer")
    variance = survey.truth["selection_1|interviewer_sigma"] ** 2 + survey.truth["selection_1|region_sigma"] ** 2
    noise = np.mean(fit.bse[fit.params.index.str.startswith("C(interviewer)")] ** 2)
    error = variance * np.sqrt(2 / 9)  # the nine regions are the coarsest thing in it
    assert abs(np.var(effects, ddof=1) - noise - variance) < BOUND * error
    error = np.sqrt(survey.truth["selection_1|region_sigma"] ** 2 / 9 + variance / 60)
    assert abs(effects.mean() - survey.truth["selection_Intercept"]) < BOUND * error


def cluster_intercepts(fit: Any, cluster: str) -> np.ndarray:
    """Of a fit with indicators of the clusters, the first being the reference."""
    effects = fit.params[fit.params.index.str.startswith(f"C({cluster})")].to_numpy()
    return fit.params["Intercept"] + np.r_[0.0, effects]


def recoded(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as text whose sorted order is that of the categories."""
    return frame.assign(marital=frame["marital"].cat.codes.map(lambda k: f"{k}"))


def assert_recovers(fit: Any, truth: Mapping[str, float], prefix: str) -> None:
    names = {
        "age": "age",
        "education": "education",
        "wealth": "wealth",
        "C(marital)[T.1]": "marital[currently married]",
        "C(marital)[T.2]": "marital[formerly married]",
    }
    z = {b: (fit.params[a] - truth[prefix + b]) / fit.bse[a] for a, b in names.items()}
    assert max(map(abs, z.values())) < BOUND, z


def both_positive(h: np.ndarray, k: np.ndarray, rho: float) -> np.ndarray:
    """P(X < h, Y < k) for standard normals with correlation rho (Drezner & Wesolowsky 1990), 20 nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    t = np.arcsin(rho) * (nodes[:, None] + 1) / 2
    inner = np.exp(-(h**2 + k**2 - 2 * h * k * np.sin(t)) / (2 * np.cos(t) ** 2))
    return ndtr(h) * ndtr(k) + np.arcsin(rho) / (4 * np.pi) * (weights @ inner)


def log_likelihood(rho: float, survey: Simulated, m: np.ndarray, s: np.ndarray) -> float:
    """Of the correlation in the bivariate probit of result and consent, with the linear predictors given."""
    y = 2 * survey.complete["hiv"].to_numpy() - 1
    r = 2 * survey.complete["hivconsent"].to_numpy() - 1
    return sum(
        np.log(both_positive((y * m)[rows], (r * s)[rows], sign * rho)).sum()
        for sign, rows in ((1, y * r == 1), (-1, y * r == -1))
    )


@pytest.mark.by_default("0.8")
@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.8])
def test_survey_correlation(rho: float) -> None:
    made = simulate_hiv_survey(8, n=20_000, rho=rho)
    rows = recoded(made.complete)
    m = smf.probit("hiv ~ age + education + C(marital) + wealth + C(region)", rows).fit(disp=0).fittedvalues.to_numpy()
    formula = "hivconsent ~ age + education + C(marital) + wealth + C(interviewer)"
    s = smf.probit(formula, rows).fit(disp=0).fittedvalues.to_numpy()
    best = optimize.minimize_scalar(
        lambda r: -log_likelihood(r, made, m, s), bounds=(-0.95, 0.95), method="bounded", options={"xatol": 1e-4}
    ).x
    step = 0.02
    values = [log_likelihood(best + d, made, m, s) for d in (-step, 0.0, step)]
    error = step / np.sqrt(2 * values[1] - values[0] - values[2])
    assert abs(best - rho) < BOUND * error
    assert made.truth["rho"] == rho


def test_survey_frames(survey: Simulated) -> None:
    assert survey.incomplete["hiv"].isna().equals(survey.incomplete["hivconsent"].eq(0))
    others = survey.complete.columns.drop("hiv")
    pd.testing.assert_frame_equal(survey.incomplete[others], survey.complete[others])
    assert survey.truth["prevalence"] == pytest.approx(survey.complete["hiv"].mean(), rel=1e-12)
    assert survey.incomplete["hiv"].mean() < survey.truth["prevalence"]
    assert survey.complete["age"].between(15, 59).all()
    assert survey.complete["marital"].cat.categories[0] == "never married"
    assert survey.complete.groupby("interviewer")["region"].nunique().max() == 1
    assert (survey.complete["region"].nunique(), survey.complete["interviewer"].nunique()) == (9, 60)
    assert "hiv ~ " in survey.formula
    assert "(1 | interviewer)" in survey.selection


def test_same_seed_same_frames_other_seed_others() -> None:
    for make in (simulate_school, simulate_hiv_survey):
        one, same, other = make(1), make(1), make(2)
        pd.testing.assert_frame_equal(one.incomplete, same.incomplete, check_exact=True)
        pd.testing.assert_frame_equal(one.complete, same.complete, check_exact=True)
        assert not one.complete.equals(other.complete)
    marks = [simulate_school(1, mechanism=m) for m in ("mar", "mnar", "none")]
    assert all(m.complete.equals(marks[0].complete) for m in marks)
    assert marks[2].incomplete.equals(marks[2].complete)
    assert not marks[0].incomplete.equals(marks[1].incomplete)


def test_sizes() -> None:
    made = simulate_school(1, clusters=7, size=3)
    assert made.complete.groupby("school").size().tolist() == [3] * 7
    assert len(simulate_hiv_survey(1, n=17).complete) == 17
    assert made.truth["mean(popular)"] == pytest.approx(3.3 + 1.2 * 0.5 + 0.05 * 13.5)
    assert "mean(popular)" not in SCHOOL_TRUTH


def test_arguments_that_cannot_be_used() -> None:
    with pytest.raises(InputError) as caught:
        simulate_school(-1, clusters=1, size=2.5, systematic=True, mechanism="MNAR")
    assert [p.path for p in caught.value.problems] == ["seed", "clusters", "size", "systematic", "mechanism"]
    assert 'did you mean "mnar"' in str(caught.value)
    with pytest.raises(InputError, match="5 of 5 schools"):
        simulate_school(1, clusters=5, systematic=5)
    with pytest.raises(InputError, match="interviewers: 3 interviewers for 9 regions"):
        simulate_hiv_survey(1, interviewers=3)
    for rho in (1.0, -1, float("nan"), "0.5", True):
        with pytest.raises(InputError, match="rho"):
            simulate_hiv_survey(1, rho=rho)
