"""Copulas of selection models: their densities are those of textbook formulas, their draws have them, theta is tau's.

The references are the copulas as they are written in textbooks, turned by the rules of rotations (Joe 2014, 2.7.1),
with derivatives and integrals by numbers; where they cancel, in the tails, independence and bounds stand in.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import test_contract as contract
from scipy import integrate, stats

from bayesimpute.families import HeckmanGaussian, HeckmanPoisson, HeckmanProbit, HeckmanStudentT
from bayesimpute.families.archimedean import tau_of_frank, tau_of_joe
from bayesimpute.families.copulas import COPULAS, NORMAL, Turned
from bayesimpute.families.heckman import Selecting
from bayesimpute.families.log_space import ARRAYS

pytestmark = pytest.mark.long(20)

C = Callable[[Any, Any, float], Any]
TEXTBOOK: Mapping[str, C] = {
    "clayton": lambda u, v, t: (u**-t + v**-t - 1) ** (-1 / t),
    "gumbel": lambda u, v, t: np.exp(-(((-np.log(u)) ** t + (-np.log(v)) ** t) ** (1 / t))),
    "joe": lambda u, v, t: 1 - ((1 - u) ** t + (1 - v) ** t - ((1 - u) * (1 - v)) ** t) ** (1 / t),
    "frank": lambda u, v, t: -np.log1p(np.expm1(-t * u) * np.expm1(-t * v) / np.expm1(-t)) / t,
}
TAU_OF: Mapping[str, Callable[[float], float]] = {
    "clayton": lambda t: t / (t + 2),
    "gumbel": lambda t: 1 - 1 / t,
    "joe": tau_of_joe,
    "frank": tau_of_frank,
}
NAMES = [name for name in COPULAS if name != NORMAL]
TAUS = (-0.8, -0.3, 0.2, 0.7)
each_copula = pytest.mark.parametrize("name", NAMES)
each_tau = pytest.mark.parametrize("tau", TAUS)


def copula(name: str) -> Turned:
    found = COPULAS[name]
    assert isinstance(found, Turned)
    return found


def turned(name: str, tau: float) -> Callable[[Any, Any], Any]:
    """C(u, v) of the errors' normal scores' probabilities by the textbook."""
    base = name.removesuffix("180")
    c, theta = TEXTBOOK[base], float(copula(name).base.theta(abs(tau)))
    assert TAU_OF[base](theta) == pytest.approx(abs(tau), abs=1e-9)
    if tau > 0:
        return lambda u, v: u + v - 1 + c(1 - u, 1 - v, theta) if name.endswith("180") else c(u, v, theta)
    return lambda u, v: u - c(u, 1 - v, theta) if name.endswith("180") else v - c(1 - u, v, theta)


@each_tau
@each_copula
def test_probabilities_are_the_textbooks(name: str, tau: float) -> None:
    """Of all four quadrants, and given the outcome's error, by a derivative."""
    law, c = copula(name), turned(name, tau)
    s, e = (part.ravel() for part in np.meshgrid([-1.5, -0.2, 0.7, 1.8], [-1.3, 0.1, 0.9, 2.0]))
    u, v, step = stats.norm.cdf(-s), stats.norm.cdf(e), 1e-5
    cells = {(-1, True): v - c(u, v), (1, True): 1 - u - v + c(u, v)}
    for (sign, selected), exact in cells.items():
        found = np.exp(law.log_joint(float(sign), -e, s, tau))
        np.testing.assert_allclose(found, exact, atol=1e-11)
        assert selected
    np.testing.assert_allclose(np.exp(law.log_share(-e, s, tau)), (u - c(u, v)) / u, atol=1e-11)
    slope = (c(u, v + step) - c(u, v - step)) / (2 * step)
    np.testing.assert_allclose(np.exp(law.log_selected(s, e, tau)), 1 - slope, atol=2e-5)


@pytest.mark.by_default("*[a-z0]-0.7", "frank--0.3")
@each_tau
@each_copula
def test_a_density_integrates_to_the_probability_of_being_selected(name: str, tau: float) -> None:
    law = copula(name)
    for s in (-2.5, 0.3, 2.0):
        found = sum(
            integrate.quad(lambda e, s=s: float(np.exp(stats.norm.logpdf(e) + law.log_selected(s, e, tau))), a, b)[0]
            for a, b in ((-12, -2), (-2, 0), (0, 2), (2, 12))
        )
        assert found == pytest.approx(stats.norm.cdf(s), rel=1e-7)


@each_copula
def test_all_probabilities_are_there_in_the_tails(name: str) -> None:
    """Logarithms stay finite and not above 0, and what is taken apart comes together again."""
    law = copula(name)
    s, m = (part.ravel() for part in np.meshgrid(np.linspace(-45, 45, 31), np.linspace(-45, 45, 31)))
    near = (np.abs(s) < 30) & (np.abs(m) < 30)
    for tau in (-0.999, -0.4, -1e-7, 1e-7, 0.05, 0.9, 0.9999):
        cells = [law.log_joint(sign, m, s, tau) for sign in (-1.0, 1.0)]
        given = law.log_selected(s, m, tau)
        assert np.isfinite([*cells, given]).all() and np.max([*cells, given]) < 1e-7
        whole = np.logaddexp(*cells)
        np.testing.assert_allclose(whole[near], stats.norm.logcdf(s)[near], rtol=1e-6, atol=1e-9)


@each_copula
def test_near_zero_both_errors_are_independent_and_near_one_they_are_one(name: str) -> None:
    law, s, e = copula(name), np.array([-1.0, 0.4, 1.5]), np.array([0.3, -1.2, 0.8])
    for tau in (1e-6, -1e-6):
        np.testing.assert_allclose(law.log_selected(s, e, tau), stats.norm.logcdf(s), atol=1e-5)
    np.testing.assert_allclose(np.exp(law.log_selected(s, e, 0.9999)), (e > -s).astype(float), atol=1e-6)
    np.testing.assert_allclose(np.exp(law.log_selected(s, e, -0.9999)), (e < s).astype(float), atol=1e-6)


@pytest.mark.by_default("True-*-0.7", "False-frank--0.3")
@each_tau
@each_copula
@pytest.mark.parametrize("selected", [False, True])
def test_draws_have_their_law(name: str, tau: float, selected: bool) -> None:
    """The distribution function of what is drawn, of units that differ, at the draws: uniform."""
    law, c, rng = copula(name), turned(name, tau), np.random.default_rng(3)
    s = rng.normal(0.3, 0.8, 4000)
    e = law.draw(rng, s, tau, selected=selected)
    u, v = stats.norm.cdf(-s), stats.norm.cdf(e)
    rank = (v - c(u, v)) / (1 - u) if selected else c(u, v) / u
    assert stats.kstest(rank, "uniform").pvalue > 1e-3
    wrong = law.draw(rng, s, -tau, selected=selected)
    v = stats.norm.cdf(wrong)
    assert stats.kstest((v - c(u, v)) / (1 - u) if selected else c(u, v) / u, "uniform").pvalue < 1e-3


@pytest.mark.by_default("*[a-z0]-0.7", "frank--0.3")
@each_tau
@each_copula
def test_kendalls_tau_is_that_of_pairs(name: str, tau: float) -> None:
    """h by its law, then e given h as the boundary of what is drawn given that h is beyond."""
    rng, law = np.random.default_rng(5), copula(name)
    h = rng.standard_normal(3000)
    # e given h: both errors can be exchanged but for the turns, so P(e < x | h) is a derivative by u
    low, high, level, step = np.full(h.size, -30.0), np.full(h.size, 30.0), rng.random(h.size), 1e-4
    for _ in range(50):
        x = 0.5 * (low + high)
        up, down = (np.exp(law.log_joint(-1.0, -x, -h + sign * step, tau)) for sign in (1, -1))
        below = (up - down) / (2 * step) / stats.norm.pdf(h) < level
        low, high = np.where(below, x, low), np.where(below, high, x)
    pair: Any = stats.kendalltau(h, low)
    found = pair.statistic
    assert abs(found - tau) < 4 * np.sqrt(2 * (1 - tau**2) / h.size)


@pytest.mark.by_default("clayton180")
@each_copula
def test_moments_are_those_of_draws(name: str) -> None:
    law, rng, n = copula(name), np.random.default_rng(4), 40_000
    for tau, s in ((0.5, 0.5), (-0.6, -1.0)):
        draws = law.draw(rng, np.full(n, s), tau, selected=False)
        mean, variance = law.moments(s, tau)
        assert abs(draws.mean() - mean) < 4 * draws.std() / np.sqrt(n)
        squares = (draws - mean) ** 2
        assert abs(squares.mean() - variance) < 4 * squares.std() / np.sqrt(n)
    assert law.moments(-np.inf, 0.4) == (0.0, 1.0)
    free = law.draw(rng, np.full(4000, -np.inf), 0.7, selected=False)
    assert stats.kstest(free, "norm").pvalue > 1e-3


FAMILIES = [family(copula=name) for name in NAMES for family in (HeckmanGaussian, HeckmanProbit)]
FAMILIES += [family(copula=name) for name in NAMES for family in (HeckmanPoisson, HeckmanStudentT)]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f"{f.name}, {f.copula}")


@pytest.mark.by_default("heckman_gaussian, frank", "heckman_probit, gumbel180")
@each_family
def test_families_with_copulas_owe_what_all_families_do(family: Selecting) -> None:
    """The graph's density and its tails, draws of observed values, steps' scale; sums of all probabilities."""
    contract.test_the_graph_has_the_same_density(family)
    contract.test_the_tails_of_the_graph_are_finite_with_a_gradient(family)
    contract.test_draws_of_the_distribution_have_its_density(family)
    contract.test_a_dependence_has_one_scale_and_can_be_held(family)
    contract.test_draws_come_from_the_generator_alone(family)


def test_functions_of_logarithms_of_probabilities() -> None:
    x = np.array([-700.0, -40.0, -1.0, -0.3, -1e-9])
    np.testing.assert_allclose(np.expm1(ARRAYS.complement(x[2:])), -np.exp(x[2:]), rtol=1e-9)
    np.testing.assert_allclose(ARRAYS.log_minus_complement(x[:2]), x[:2], rtol=1e-12)
    np.testing.assert_allclose(ARRAYS.log_softplus(x[1:3]), np.log(np.log1p(np.exp(x[1:3]))), rtol=1e-12)
    np.testing.assert_allclose(ARRAYS.log_expm1(-x[2:]), np.log(np.expm1(-x[2:])), rtol=1e-9)
