"""Ranks under selection models: parameters, effects and imputed cells are calibrated, and wrong engines are seen.

The default study: 30 replicates of the compiled sampler after a short burn-in, with correlations of the errors near
.8, so that few replicates see a wrong law. The slow ones: 200 replicates over both families by NUTS, under a uniform
prior of the correlation; and the data of the right model under one with independent effects, and under one that keeps
systematic clusters in the likelihood. Each mistake is looked for where it must show; what must be right is held to the
bands of :mod:`test_sbc`.
"""

from dataclasses import replace

import numpy as np
import pytest
from sbc import LEVEL, Bed, outside, pvalue
from selecting import PRIORS, SPREAD, Structure, study

from bayesimpute.families import (
    HeckmanGaussian,
    HeckmanNegativeBinomial,
    HeckmanOrdinal,
    HeckmanPoisson,
    HeckmanProbit,
    HeckmanStudentT,
)
from bayesimpute.families.selected_counts import SelectedCounting
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.gibbs.selection.two_equations import TwoEquations

STRONG = {"rho": "ScaledBeta(16, 2)"}
SMALL = Structure(family=HeckmanGaussian(systematic="marginal"), priors=PRIORS | SPREAD | STRONG, empty=3)
STRUCTURES = {
    "gaussian": Structure(family=HeckmanGaussian(systematic="marginal"), priors=PRIORS | SPREAD),
    "gaussian, centred": Structure(family=HeckmanGaussian(systematic="marginal"), priors=PRIORS | SPREAD, flag=True),
    "probit": Structure(family=HeckmanProbit(systematic="marginal"), priors=PRIORS),
}
SHOWS = {"untruncated": "out squares", "systematic shifted": "systematic sum", "selection ignored": "out sum"}
"""Where a wrong way to impute must show."""
QUICK = (20, 40, 60, 80)
"""A burn-in that serves a hundred rows."""


@pytest.fixture(scope="module")
def quick() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TwoEquations, "burn_in", replace(TwoEquations.burn_in, stages=QUICK))
        yield


@pytest.fixture(scope="module")
def bed() -> Bed:
    return SMALL.prepare(Gibbs())


@pytest.fixture(scope="module")
def ranks(bed: Bed, quick: None) -> dict[str, np.ndarray]:
    return study(bed, SMALL, replicates=30, draws=24, thin=4, seed=20261)


def test_parameters_effects_and_imputed_cells_are_calibrated(ranks: dict[str, np.ndarray]) -> None:
    names = {"rho", "selection_z", "selection_1|g_sigma", "1~~selection_1|g_corr", "1|g[9]", "products of effects"}
    assert names | {"imputed first", "imputed empty", "imputed out squares", "log likelihood"} <= set(ranks)
    assert outside(ranks) == {}


@pytest.mark.parametrize("mistake", SHOWS)
def test_wrong_imputations_of_the_same_draws_are_seen(ranks: dict[str, np.ndarray], mistake: str) -> None:
    assert pvalue(ranks[f"{mistake} {SHOWS[mistake]}"]) < LEVEL
    assert pvalue(ranks[f"imputed {SHOWS[mistake]}"]) > LEVEL


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES.keys())
def test_both_families_are_calibrated(structure: Structure) -> None:
    found = study(structure.prepare(), structure, replicates=200, draws=60, thin=8, seed=7)
    assert outside(found) == {}
    assert outside(found, "systematic shifted")
    assert outside(found, "selection ignored")
    if isinstance(structure.family, HeckmanGaussian):
        assert outside(found, "untruncated")


@pytest.mark.slow
def test_a_copula_is_calibrated() -> None:
    """Clayton's, by NUTS; its data come from a frailty."""
    structure = Structure(family=HeckmanGaussian(systematic="marginal", copula="clayton"), priors=PRIORS | SPREAD)
    found = study(structure.prepare(), structure, replicates=60, draws=40, thin=6, seed=8)
    assert {"tau", "imputed out sum", "imputed out squares", "log likelihood"} <= set(found)
    assert outside(found) == {}
    assert outside(found, "selection ignored")


@pytest.mark.slow
def test_ordered_labels_are_calibrated() -> None:
    """By NUTS; labels are made from the latent variable and the cutpoints."""
    priors = {name: prior for name, prior in PRIORS.items() if name != "Intercept"} | {
        "cutpoints": "DirichletProbit(2)"
    }
    structure = Structure(family=HeckmanOrdinal(systematic="marginal"), priors=priors)
    found = study(structure.prepare(), structure, replicates=60, draws=40, thin=6, seed=9)
    assert {"rho", "cutpoints[0]", "imputed out sum", "imputed out squares", "log likelihood"} <= set(found)
    assert outside(found) == {}
    assert outside(found, "selection ignored")


@pytest.mark.slow
@pytest.mark.parametrize("family", [HeckmanPoisson, HeckmanNegativeBinomial])
def test_counts_are_calibrated(family: type[SelectedCounting]) -> None:
    """By NUTS; counts are made at the probabilities of the latent error by SciPy's quantiles."""
    alpha = {"alpha": "Gamma(4, 2)"} if family is HeckmanNegativeBinomial else {}
    priors = PRIORS | {"x": "Normal(0, 0.5)", "1|g_sigma": "HalfNormal(0.5)"} | alpha
    structure = Structure(family=family(systematic="marginal"), priors=priors)
    found = study(structure.prepare(), structure, replicates=60, draws=40, thin=6, seed=10)
    assert {"rho", "imputed out sum", "imputed out squares", "log likelihood"} <= set(found)
    assert outside(found) == {}
    assert outside(found, "selection ignored")


@pytest.mark.slow
def test_heavy_tails_are_calibrated() -> None:
    """By NUTS; the outcome's error is SciPy's t quantile of a normal one."""
    structure = Structure(
        family=HeckmanStudentT(systematic="marginal"), priors=PRIORS | SPREAD | {"nu": "Gamma(4, 0.5)"}
    )
    found = study(structure.prepare(), structure, replicates=60, draws=40, thin=6, seed=11)
    assert {"rho", "nu", "imputed first", "imputed out sum", "log likelihood"} <= set(found)
    assert outside(found) == {}
    assert outside(found, "selection ignored")


@pytest.mark.slow
def test_independent_effects_are_seen_where_effects_are_correlated(bed: Bed) -> None:
    wrong = replace(SMALL, family=HeckmanGaussian(joint=False, systematic="marginal"))
    found = study(bed, SMALL, replicates=60, draws=40, thin=6, seed=4, believed=(wrong.prepare(), wrong))
    assert pvalue(found["products of effects"]) < LEVEL


@pytest.mark.slow
def test_systematic_clusters_kept_in_the_likelihood_are_seen(bed: Bed) -> None:
    wrong = replace(SMALL, family=HeckmanGaussian(systematic="selected"))
    found = study(bed, SMALL, replicates=30, draws=40, thin=6, seed=3, believed=(wrong.prepare(), wrong))
    assert pvalue(found["selection_1|g_sigma"]) < LEVEL
    assert found["selection_1|g_sigma"].mean() < 0.5  # the truth is below the draws
