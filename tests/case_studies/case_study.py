"""What the case studies share: a finished run, its pooled analyses with their Monte Carlo errors, comparison with R.

Two correct programs with m imputations each differ by Monte Carlo error: the pooled estimate of a program has the
standard error sqrt(b / m) around what it would be with infinitely many imputations (b: between-imputation variance).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayesimpute as bi

MODELS = Path(__file__).resolve().parents[2] / "models"
DATA = {
    "boys": "boys",
    "brandsma_contextual": "brandsma",
    "brandsma_denomination": "brandsma",
    "brandsma_interactions": "brandsma",
    "brandsma_intercept": "brandsma",
    "brandsma_predictor": "brandsma",
    "brandsma_slopes": "brandsma",
    "brandsma_two_slopes": "brandsma",
    "hiv_heckman": "hiv",
    "hiv_delta": "hiv",
    "hiv_mar": "hiv",
    "hiv_region": "hiv",
    "hiv_region_mar": "hiv",
    "hiv_smoke": "hiv",
    "impact": "impact",
    "impact_labels": "impact",
    "popmis": "popmis",
    "popncr": "popNCR",
    "popularity_compatible": "popular_tutorial_MAR",
    "popularity_tutorial": "popular_tutorial_MAR",
}
"""The data set of each plan in ``models/``."""
SEED = 1
WORKERS = 2


def plan_of(name: str) -> bi.Plan:
    """The plan of a case study."""
    return bi.Plan.from_toml((MODELS / f"{name}.toml").read_text(encoding="utf-8"))


def data_of(name: str) -> pd.DataFrame:
    """The data of a case study; from those of IMPACT ages are taken out, as in the notebook, or six covariates."""
    data = bi.load_dataset(DATA[name])
    if name == "impact_labels":
        return without_covariates(data)
    if name != "impact":
        return data
    rng = np.random.default_rng(2026)
    chance = 1 / (1 + np.exp(1.6 - 1.2 * data["mort"] - 0.6 * (data["ct"] == "IV/V")))
    return data.assign(age=data["age"].where(rng.random(len(data)) >= chance))


LOGITS = {
    "pupil": (-2.6, 1.0),
    "ct": (-2.1, 1.0),
    "tsah": (-2.3, 1.0),
    "edh": (-2.0, 0.8),
    "hypox": (-2.4, 0.9),
    "hypots": (-2.2, 0.7),
}
"""Of being missing: at the patient who lived, and by how much more with death, age and the motor score."""
NOWHERE = {"hypox": "EBIC", "hypots": "EBIC", "tsah": "HIT I", "edh": "SKB"}
"""Studies that have nothing of a covariate."""


def without_covariates(data: pd.DataFrame) -> pd.DataFrame:
    """IMPACT with six covariates missing at random given death, age, the motor score and the study."""
    rng = np.random.default_rng(2027)
    sicker = 1.2 * data["mort"] + 0.02 * (data["age"] - 35) + 0.5 * (data["motor_score"] == "1/2")
    sicker -= 0.4 * (data["type"] == "RCT")
    holes = {}
    for name, (level, slope) in LOGITS.items():
        gone = rng.random(len(data)) < 1 / (1 + np.exp(-level - slope * sicker))
        holes[name] = data[name].mask(gone | (data["name"] == NOWHERE.get(name)))
    return data.assign(**holes)


@dataclass(frozen=True, eq=False)
class Pooled:
    """Pooled maximum-likelihood fits of one analysis.

    Parameters
    ----------
    terms : DataFrame
        One row a term: ``estimate``, ``std_error`` and ``mcse`` = sqrt(b / m), by term.
    components : mapping of str to float
        Variances and covariances by their names, the residual variance as "Residual".
    icc : float
        Share of the intercept variance in intercept and residual variance.
    """

    terms: pd.DataFrame
    components: Mapping[str, float]
    icc: float

    @classmethod
    def of(cls, analyses: bi.Analyses) -> "Pooled":
        """From the fits to the completed datasets."""
        pooled = analyses.pool()
        estimates = np.array([e.estimates for e in analyses.estimates])
        mcse = np.sqrt(estimates.var(axis=0, ddof=1) / len(estimates))
        terms = pooled.terms.set_index("term")[["estimate", "std_error"]].assign(mcse=mcse)
        components = dict(zip(pooled.variance_components["name"], pooled.variance_components["estimate"], strict=True))
        return cls(terms, components, components["Intercept"] / (components["Intercept"] + components["Residual"]))


@dataclass(frozen=True, eq=False)
class Study:
    """A case study that has run."""

    plan: bi.Plan
    frame: pd.DataFrame
    imputed: bi.MultiplyImputed

    @classmethod
    def run(cls, name: str) -> "Study":
        """Impute with the settings in the file."""
        return cls.of(plan_of(name), bi.load_dataset(DATA[name]))

    @classmethod
    def of(cls, plan: bi.Plan, frame: pd.DataFrame) -> "Study":
        """Impute `frame` by `plan`."""
        return cls(plan, frame, bi.impute(frame, plan, seed=SEED, workers=WORKERS, progress=False))

    def analyses(self, name: str) -> bi.Analyses:
        """The fits of an analysis of the plan by maximum likelihood, as R's figures are."""
        analysis = next(a for a in self.plan.analyses if a.name == name)
        mixed = {"reml": False} if "|" in analysis.formula and analysis.family == "gaussian" else {}
        return self.imputed.analyse(analysis.formula, family=analysis.family, **mixed)

    def pooled(self, name: str) -> Pooled:
        """An analysis of the plan, pooled."""
        return Pooled.of(self.analyses(name))

    @cached_property
    def diagnosis(self) -> bi.Diagnosis:
        """Of the chains and of the plan's analyses."""
        return bi.diagnose(self.imputed, analyses=[self.analyses(a.name) for a in self.plan.analyses])


def assert_converged(study: Study) -> None:
    """R-hat below 1.01 and effective sample sizes above 400 for every parameter, and a good verdict."""
    assert (study.diagnosis.parameters["r_hat"] < 1.01).all()
    assert (study.diagnosis.parameters[["ess_bulk", "ess_tail"]] > 400).all(axis=None)
    assert study.diagnosis.converged, study.diagnosis.summary


def assert_terms_agree(ours: Pooled, theirs: Mapping[str, Any]) -> None:
    """Fixed effects: two Monte Carlo errors of the difference plus 10 % of a standard error of R's."""
    assert len(ours.terms) == len(theirs["terms"])
    for (name, mine), r in zip(ours.terms.iterrows(), theirs["terms"], strict=True):
        tolerance = 2 * np.hypot(mine["mcse"], r["mcse"]) + 0.1 * r["se"]
        assert abs(mine["estimate"] - r["estimate"]) <= tolerance, (name, mine["estimate"], r["estimate"], tolerance)


def assert_components_agree(ours: Pooled, theirs: Mapping[str, Any], *, slopes: float = 0.15) -> None:
    """Variance components: within 5 %, what belongs to slopes within 15 %."""
    reference = {_ordered(c["name"]): c["mean"] for c in theirs["var_comps"]}
    mine = {_ordered(name): value for name, value in ours.components.items()}
    assert set(mine) == set(reference)
    for name, value in mine.items():
        tolerance = 0.05 if name <= {"Intercept", "Residual"} else slopes
        assert abs(value / reference[name] - 1) <= tolerance, (name, value, reference[name])


def _ordered(name: str) -> frozenset[str]:
    """Which effects a component belongs to, in R's writing or ours."""
    return frozenset(name.replace("(Intercept)", "Intercept").split("~~"))


def icc1(values: pd.Series, cluster: pd.Series) -> float:
    """ICC(1) from the one-way analysis of variance with the mean cluster size, as R's multilevel::ICC1."""
    groups = values.groupby(cluster.to_numpy())
    clusters, size = groups.ngroups, len(values) / groups.ngroups
    between = (groups.size() * (groups.mean() - values.mean()) ** 2).sum() / (clusters - 1)
    within = ((values - groups.transform("mean")) ** 2).sum() / (len(values) - clusters)
    return float((between - within) / (between + (size - 1) * within))
