"""What a plan is at a point of a grid."""

from dataclasses import replace

import pytest

import bayesimpute as bi
from bayesimpute.families import HeckmanProbit
from bayesimpute.families.copulas import COPULAS
from bayesimpute.plan.axes import at

TIED = bi.Conditional(
    target="y",
    family=HeckmanProbit(),
    formulas={"mu": "y ~ x", "selection": "seen ~ x + z"},
    priors={"rho": "Uniform(-1, 1)", "x": "Normal(0, 2)"},
)


@pytest.mark.parametrize("name", COPULAS)
def test_at_zero_a_copula_that_has_it_as_its_limit_only_is_the_normal(name: str) -> None:
    """So that a grid over tau has its point of missing at random with every copula."""
    item = replace(TIED, family=HeckmanProbit(copula=name, tau=-0.2), priors={"x": "Normal(0, 2)"})
    places = {tau: at(bi.Plan(conditionals=(item,)), {"conditional[y].tau": tau}) for tau in (0.0, -0.4)}
    families = {tau: plan.conditionals[0].family for tau, plan in places.items()}
    assert families[-0.4] == HeckmanProbit(copula=name, tau=-0.4)
    assert families[0.0] == HeckmanProbit(copula=name if COPULAS[name].at_zero else "normal", tau=0.0)


@pytest.mark.parametrize("name", COPULAS)
def test_so_it_is_where_tau_is_an_assumption(name: str) -> None:
    item = replace(TIED, family=HeckmanProbit(copula=name, tau="t"), priors={})  # pyright: ignore
    plan = bi.Plan(conditionals=(item,), assumptions=(bi.Assumption(name="t", value=0.3),))
    copulas = {tau: at(plan, {"t": tau}).conditionals[0].family.copula for tau in (0.0, -0.4)}  # pyright: ignore
    assert copulas == {0.0: name if COPULAS[name].at_zero else "normal", -0.4: name}


def test_a_value_takes_the_place_of_a_prior_and_leaves_the_others() -> None:
    plan = at(bi.Plan(conditionals=(TIED,)), {"conditional[y].rho": -0.5})
    assert plan.conditionals[0].family == HeckmanProbit(rho=-0.5)
    assert set(plan.conditionals[0].priors) == {"x"}
