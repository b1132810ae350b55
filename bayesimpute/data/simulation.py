"""Embedded data with known truth: pupils in schools, and a survey with refusals.

``simulate_school`` is the demonstration's data: what multilevel imputation should recover, what complete cases get
wrong and what an imputation that ignores the schools loses. ``simulate_hiv_survey`` is the case for selection models:
people refuse a test for reasons that go with its result, and who interviewed them moves consent but not the result.

"Missing at random" is meant strictly: each row is first allotted, by chance alone, to one way of being incomplete, and
that then happens with a probability that depends only on what stays observed in that way (Brand 1999; Schouten, Lugtig
& Vink 2018, J Stat Comput Simul 88:2909). Data and missingness have random streams of their own, so one seed gives
the same complete data under every mechanism.

To change what is missing, edit ``ways``; another data set is another function that returns a :class:`Simulated`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import InputError, Problem, did_you_mean

MECHANISMS = ("mar", "mnar", "none")
SCHOOL_FORMULA = "popular ~ sex + texp + extrav + (1 + sex | school)"
SCHOOL_TRUTH: Mapping[str, float] = {
    "Intercept": 3.3,
    "sex": 1.2,
    "texp": 0.05,
    "extrav": 0.45,
    "1|school_sigma": 0.8,
    "sex|school_sigma": 0.4,
    "school_cor": -0.2,
    "sigma": 0.7,
    "mean(sex)": 0.5,
    "mean(texp)": 13.5,
    "mean(extrav)": 0.0,
    "extrav_between_sd": 0.6,
    "extrav_within_sd": 1.1,
}
HIV_FORMULA = "hiv ~ age + education + marital + wealth + (1 | region)"
HIV_SELECTION = "age + education + marital + wealth + (1 | region) + (1 | interviewer)"
MARITAL = ("never married", "currently married", "formerly married")
HIV_TRUTH: Mapping[str, float] = {
    "Intercept": -1.6,
    "age": 0.015,
    "education": 0.01,
    "marital[currently married]": 0.25,
    "marital[formerly married]": 0.7,
    "wealth": 0.15,
    "1|region_sigma": 0.3,
    "selection_Intercept": 1.0,
    "selection_age": -0.005,
    "selection_education": -0.01,
    "selection_marital[currently married]": 0.1,
    "selection_marital[formerly married]": 0.0,
    "selection_wealth": -0.1,
    "selection_1|region_sigma": 0.2,
    "selection_1|interviewer_sigma": 0.6,
}


MOST = 100_000_000
"""Of people, clusters and seeds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    """Data made incomplete on purpose, with what they were made from.

    Parameters
    ----------
    incomplete, complete : DataFrame, rows = units
        The same rows and columns, with and without missing values.
    truth : mapping of str to float
        The parameters, under the names that the posterior has, and the target means.
    formula : str
        The model that made the outcome.
    selection : str
        The right side of the model that made the missingness; empty if there is no such model.
    """

    incomplete: pd.DataFrame
    complete: pd.DataFrame
    truth: Mapping[str, float]
    formula: str
    selection: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """A way to be incomplete: of the `share` of rows allotted to it, each loses `column` with its `chance`."""

    column: str
    share: float
    chance: np.ndarray


@typed_after
def simulate_school(
    seed: int,
    *,
    clusters: int = 50,
    size: int = 20,
    mechanism: str = "mar",
    texp_missing: bool = False,
    systematic: int = 0,
) -> Simulated:
    """Pupils in schools: ``popular ~ sex + texp + extrav + (1 + sex | school)`` with missing values.

    ``popular = b0 + b1 sex + b2 texp + b3 extrav + u0 + u1 sex + e``, where (u0, u1) is normal between schools with the
    SDs and the correlation of the truth, and e is normal. sex is 0 (boy) or 1 (girl); texp, the teacher's years of
    experience, a whole number from 2 to 25 for each school; extrav, extraversion around 0, normal within and between
    schools. After the popularity data of Hox (2010, Multilevel Analysis, ch. 2).

    Parameters
    ----------
    seed : int
        Not negative.
    clusters, size : int
        Schools (at least 2), and pupils in each (at least 1).
    mechanism : {"mar", "mnar", "none"}
        "mar": popular is missing for about 37 % of the pupils, mostly extraverted girls; extrav for about 18 %, mostly
        popular pupils; sex for about 5 %, whatever it is. "mnar": the same, but popular is missing mostly where it is
        itself high. "none": nothing is missing, except what `systematic` asks for.
    texp_missing : bool
        Also texp for about 5 % of the pupils, by chance; it can be read from the classmates.
    systematic : int
        The number of schools, chosen by chance, in which extrav is missing for every pupil and nothing else is.

    Returns
    -------
    Simulated
        Columns ``school`` (1, 2, …), ``popular``, ``sex``, ``texp``, ``extrav``.

    Raises
    ------
    InputError
        With every argument that cannot be used.
    """
    problems = _not_whole(seed=(seed, 0), clusters=(clusters, 2), size=(size, 1), systematic=(systematic, 0))
    if mechanism not in MECHANISMS:
        remedy = did_you_mean(mechanism, MECHANISMS, f"use one of {', '.join(MECHANISMS)}")
        problems.append(Problem(path="mechanism", finding=f"{mechanism!r} is not known", remedy=remedy))
    if not problems and systematic >= clusters:
        finding = f"{systematic} of {clusters} schools would lack extrav"
        problems.append(Problem(path="systematic", finding=finding, remedy="leave one school or more with values"))
    _raise(problems)
    data_rng, missing_rng = _streams(seed)
    complete = _school(data_rng, clusters, size)
    incomplete = complete.copy()
    if mechanism != "none":
        incomplete = _delete(missing_rng, complete, ways(complete, mechanism, texp_missing=texp_missing))
    if systematic:
        without = complete["school"].isin(list(1 + missing_rng.choice(clusters, systematic, replace=False)))
        incomplete = incomplete.where(~without, complete).assign(extrav=incomplete["extrav"].mask(without))
    t = SCHOOL_TRUTH
    mean = t["Intercept"] + sum(t[x] * t[f"mean({x})"] for x in ("sex", "texp", "extrav"))
    return Simulated(
        incomplete=incomplete, complete=complete, truth={**t, "mean(popular)": mean}, formula=SCHOOL_FORMULA
    )


def ways(complete: pd.DataFrame, mechanism: str, *, texp_missing: bool) -> list[Way]:
    """How the rows of `complete` become incomplete; the shares sum to 1 at most: a row has one way or none."""
    t = SCHOOL_TRUTH
    extravert = (complete["extrav"].to_numpy() - t["mean(extrav)"]) / 1.25
    popular = (complete["popular"].to_numpy() - 4.6) / 1.4
    sex = complete["sex"].to_numpy() - t["mean(sex)"]
    drive = 2.0 * popular if mechanism == "mnar" else 1.6 * sex + 2.0 * extravert
    found = [
        Way(column="popular", share=0.6, chance=_logistic(0.95 + drive)),
        Way(column="extrav", share=0.3, chance=_logistic(0.8 + 3.0 * popular)),
        Way(column="sex", share=0.05, chance=np.ones(len(complete))),
    ]
    return [*found, Way(column="texp", share=0.05, chance=np.ones(len(complete)))] if texp_missing else found


@typed_after
def simulate_hiv_survey(
    seed: int, *, n: int = 4000, regions: int = 9, interviewers: int = 60, rho: float = -0.6
) -> Simulated:
    """A household survey with an HIV test that people may refuse: missing not at random.

    ``hiv = 1(x b + region + e > 0)``, observed where ``x a + region' + interviewer + h > 0``; (e, h) is bivariate
    normal with variances 1 and correlation `rho` (van de Ven & van Praag 1981, J Econometrics 17:229). All region and
    interviewer effects are independent and normal. Each interviewer works in one region; interviewers stand in the
    consent equation only: that is the exclusion restriction. After McGovern et al. (2015, Epidemiology 26:229).

    Parameters
    ----------
    seed : int
        Not negative.
    n, regions, interviewers : int
        People, regions (at least 2) and interviewers (at least one a region).
    rho : float
        Between -1 and 1, both excluded. Below 0, those who refuse are more often positive than they seem.

    Returns
    -------
    Simulated
        Columns ``hivconsent`` (1 where tested), ``hiv`` (0, 1, missing where refused), ``age`` (years, 15 to 59),
        ``education`` (years), ``marital`` (category), ``wealth`` (SD units), ``region``, ``interviewer``. The truth has
        also ``rho`` and ``prevalence``, the share of positives in `complete`.

    Raises
    ------
    InputError
        With every argument that cannot be used.
    """
    problems = _not_whole(seed=(seed, 0), n=(n, 1), regions=(regions, 2), interviewers=(interviewers, 2))
    if not problems and interviewers < regions:
        finding = f"{interviewers} interviewers for {regions} regions"
        problems.append(Problem(path="interviewers", finding=finding, remedy="give each region at least one"))
    if isinstance(rho, bool) or not isinstance(rho, int | float | np.number) or not -1 < rho < 1:
        remedy = "give a number between -1 and 1, both excluded"
        problems.append(Problem(path="rho", finding=f"{rho!r} is not a correlation to use", remedy=remedy))
    _raise(problems)
    people_rng, error_rng = _streams(seed)
    people = _people(people_rng, n, regions, interviewers)
    positive, consent = _latent(error_rng, people, regions, interviewers, float(rho))
    answers = pd.DataFrame({"hivconsent": consent.astype("int64"), "hiv": positive.astype("int64")})
    complete = pd.concat([answers, people], axis="columns")
    incomplete = complete.assign(hiv=answers["hiv"].where(consent))
    truth = {**HIV_TRUTH, "rho": float(rho), "prevalence": float(positive.mean())}
    return Simulated(
        incomplete=incomplete, complete=complete, truth=truth, formula=HIV_FORMULA, selection=HIV_SELECTION
    )


def _school(rng: np.random.Generator, clusters: int, size: int) -> pd.DataFrame:
    """Complete school data, rows in the order of the schools."""
    t = SCHOOL_TRUTH
    school = np.repeat(np.arange(clusters), size)
    sex = rng.integers(0, 2, len(school))
    texp = rng.integers(2, 26, clusters)[school]
    between = t["extrav_between_sd"] * rng.standard_normal(clusters)[school]
    extrav = t["mean(extrav)"] + between + t["extrav_within_sd"] * rng.standard_normal(len(school))
    z = rng.standard_normal((2, clusters))
    rest = np.sqrt(1 - t["school_cor"] ** 2)
    intercept = t["1|school_sigma"] * z[0]
    slope = t["sex|school_sigma"] * (t["school_cor"] * z[0] + rest * z[1])
    mean = t["Intercept"] + t["sex"] * sex + t["texp"] * texp + t["extrav"] * extrav
    popular = mean + intercept[school] + slope[school] * sex + t["sigma"] * rng.standard_normal(len(school))
    return pd.DataFrame({"school": school + 1, "popular": popular, "sex": sex, "texp": texp, "extrav": extrav})


def _delete(rng: np.random.Generator, complete: pd.DataFrame, found: list[Way]) -> pd.DataFrame:
    """Allot each row to a way or to none, and let it happen with that way's chance."""
    allotted, happens = rng.random((2, len(complete)))
    edges = np.cumsum([way.share for way in found])
    columns = {}
    for way, edge in zip(found, edges, strict=True):
        gone = (allotted < edge) & (allotted >= edge - way.share) & (happens < way.chance)
        columns[way.column] = complete[way.column].mask(gone)
    return complete.assign(**columns)


def _people(rng: np.random.Generator, n: int, regions: int, interviewers: int) -> pd.DataFrame:
    """Covariates and design of the survey: more young than old, education rising with wealth, marriage with age."""
    age = 15 + np.floor(45 * rng.beta(1.0, 1.6, n)).astype("int64")
    wealth = rng.standard_normal(n)
    education = rng.binomial(16, _logistic(0.6 * wealth - 0.2))
    weights = np.exp(np.column_stack([np.zeros(n), 0.15 * (age - 25), 0.15 * (age - 25) - 2.2]))
    shares = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    marital = np.minimum((rng.random((n, 1)) > shares).sum(axis=1), 2)
    region = rng.integers(0, regions, n)
    teams = np.bincount(np.arange(interviewers) % regions, minlength=regions)
    interviewer = region + regions * rng.integers(0, teams[region])
    return pd.DataFrame(
        {
            "age": age,
            "education": education,
            "marital": pd.Categorical.from_codes(marital, list(MARITAL)),
            "wealth": wealth,
            "region": region + 1,
            "interviewer": interviewer + 1,
        }
    )


def _latent(
    rng: np.random.Generator, people: pd.DataFrame, regions: int, interviewers: int, rho: float
) -> tuple[np.ndarray, np.ndarray]:
    """Who is positive and who consents: two bool arrays, shape (unit,)."""
    region, interviewer = people["region"].to_numpy() - 1, people["interviewer"].to_numpy() - 1
    effects = rng.standard_normal((2, regions))[:, region]
    effort = HIV_TRUTH["selection_1|interviewer_sigma"] * rng.standard_normal(interviewers)[interviewer]
    z = rng.standard_normal((2, len(people)))
    positive = _linear(people, "") + HIV_TRUTH["1|region_sigma"] * effects[0] + z[0]
    consent = _linear(people, "selection_") + HIV_TRUTH["selection_1|region_sigma"] * effects[1] + effort
    return positive > 0, consent + rho * z[0] + np.sqrt(1 - rho**2) * z[1] > 0


def _linear(people: pd.DataFrame, prefix: str) -> np.ndarray:
    """The fixed part of one equation; the parameters of the other begin with ``selection_``."""
    numbers = sum(HIV_TRUTH[prefix + x] * people[x].to_numpy() for x in ("age", "education", "wealth"))
    status = np.array([0.0, *(HIV_TRUTH[f"{prefix}marital[{label}]"] for label in MARITAL[1:])])
    return HIV_TRUTH[f"{prefix}Intercept"] + numbers + status[people["marital"].cat.codes.to_numpy()]


def _streams(seed: int) -> list[np.random.Generator]:
    """Two independent generators, for the data and for what happens to them."""
    return [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2)]


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _not_whole(**arguments: tuple[object, int]) -> list[Problem]:
    """The arguments, given as (value, least), that are not whole numbers of at least so much."""
    return [
        Problem(path=name, finding=f"it is not a whole number from {least} to {MOST:,}", remedy="give one")
        for name, (value, least) in arguments.items()
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= MOST
    ]


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise InputError(problems)
