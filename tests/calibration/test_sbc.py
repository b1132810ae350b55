"""Ranks of parameters and of imputed cells are uniform, and wrong ways to impute are seen.

All by NUTS, and slow (test_gibbs_calibration.py and test_selecting.py are in the default suite). The short study: 30
replicates of the random intercept and slope model after a short adaptation, 24 draws 5 transitions apart. The long
ones: 200 replicates after the usual adaptation, 60 draws 8 apart, over families and forms.
Every quantity is held to a Kolmogorov-Smirnov band and a band of its spread, at a level of 1 in 1,000 shared among the
quantities of a study.
"""

import numpy as np
import pytest
from sbc import DEVIATIONS, LEVEL, PRIORS, SPREAD, Structure, outside, prepare, pvalue, study

from bayesimpute.families import Bernoulli
from bayesimpute.samplers import nuts

SLOPES = Structure(
    right="x + (1 + x | g)", priors=PRIORS | SPREAD | DEVIATIONS | {"x|g_sigma": "HalfNormal(1)", "g_corr": "LKJ(2)"}
)
AWAY = {"1|g_sigma": "Gamma(6, 3)", "x|g_sigma": "Gamma(4, 4)", "g_corr": "LKJ(2)"}
"""Deviations that stay off zero: few replicates then see that effects were ignored."""
SMALL = Structure(right="x + (1 + x | g)", priors=PRIORS | SPREAD | AWAY)
STRUCTURES = {
    "random slopes": SLOPES,
    "random intercepts, centred": Structure(right="x + (1 | g)", flag=True, priors=PRIORS | SPREAD | DEVIATIONS),
    "single-level": Structure(right="x", priors=PRIORS | SPREAD),
    "student_t": Structure(right="x", family="student_t", priors=PRIORS | SPREAD | {"nu": "Gamma(4, 0.5)"}),
    "logit": Structure(right="x + (1 | g)", family="bernoulli", priors=PRIORS | DEVIATIONS),
    "probit": Structure(
        right="x + (1 | g)", family=Bernoulli(link="probit"), priors=PRIORS | {"1|g_sigma": "HalfNormal(1)"}
    ),
}
ZERO = {"zero_Intercept": "Normal(-1, 0.7)", "zero_x": "Normal(0, 0.5)"}
ONE = {"one_Intercept": "Normal(-1, 0.7)", "one_x": "Normal(0, 0.5)", "one_1|g_sigma": "HalfNormal(0.7)"}
EFFECTS = {"1|g_sigma": "HalfNormal(0.7)"}
INNER = {"Intercept": "Normal(0, 0.5)", "x": "Normal(0, 0.5)", "kappa": "Gamma(20, 1)"}  # none rounds to 0 or 1
STRUCTURES |= {
    "zero_inflated_poisson": Structure(
        right="x + (1 | g)", zero="x", family="zero_inflated_poisson", priors=PRIORS | EFFECTS | ZERO
    ),
    "zero_one_inflated_beta": Structure(
        right="x + (1 | g)",
        zero="x",
        family="zero_one_inflated_beta",
        priors=INNER | EFFECTS | ZERO | ONE | {"g_corr": "LKJ(2)"},
    ),
    "sqrtnormal": Structure(
        right="x + (1 | g)",
        family="sqrtnormal",
        priors={"Intercept": "Normal(2, 1)", "x": "Normal(0, 0.5)", "sigma": "Gamma(4, 4)"} | EFFECTS,
    ),
}
"""By families that no compiled sampler takes."""


@pytest.fixture(scope="module")
def ranks() -> dict[str, np.ndarray]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nuts, "FIRST_ADAPTATION", (50, 100))
        return study(prepare(SMALL), replicates=30, draws=24, thin=5, seed=20260)


@pytest.mark.slow
def test_parameters_effects_and_imputed_cells_are_calibrated(ranks: dict[str, np.ndarray]) -> None:
    assert {"Intercept", "x", "sigma", "1|g_sigma", "x|g_sigma", "1~~x|g_corr", "log likelihood", "imputed 3"} <= set(
        ranks
    )
    assert outside(ranks) == {}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["the mean imputed", "random effects ignored"])
def test_wrong_imputations_of_the_same_draws_are_seen(ranks: dict[str, np.ndarray], mistake: str) -> None:
    assert outside(ranks, mistake)


@pytest.mark.slow
def test_the_bands_are_as_wide_as_they_say() -> None:
    rng = np.random.default_rng(1)
    alarms = np.mean([pvalue(rng.random(60)) < 0.05 for _ in range(1000)])
    assert alarms < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 1000)  # the doubling makes it a bound
    assert pvalue(rng.beta(0.4, 0.4, 60)) < LEVEL  # too narrow posteriors
    assert pvalue(rng.beta(3, 3, 60)) < LEVEL  # too wide ones
    assert pvalue(rng.beta(1, 2.5, 60)) < LEVEL  # shifted ones


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES.keys())
def test_families_and_forms_are_calibrated(structure: Structure) -> None:
    found = study(prepare(structure), replicates=200, draws=60, thin=8, seed=7)
    assert outside(found) == {}
    if structure.family == "gaussian":
        assert outside(found, "the mean imputed")
