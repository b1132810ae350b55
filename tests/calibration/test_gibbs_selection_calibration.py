"""Selection models in the compiled sampler are calibrated: ranks, and Geweke's test of the joint distribution.

As ``test_selecting.py`` and ``test_gibbs_calibration.py`` have them; who is selected changes from data set to data set.
The mutants run the sampler's outer functions in Python, where one of them can be replaced.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from sbc import Bed, outside
from selecting import PRIORS, SPREAD, Structure, simulate, study, with_target
from test_gibbs_calibration import ERRORS, worst

from bayesimpute.families import HeckmanGaussian, HeckmanProbit
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.gibbs.selection import ridge, selection_sweeps, two_equations
from bayesimpute.samplers.prior import prior_draw

STEPS = 800
WHOLE = two_equations.TwoEquations.burn_in
QUICK = replace(WHOLE, stages=(20, 40, 60, 80))
THIN = 12
SMALL = {"1|g_sigma": "HalfNormal(0.15)", "selection_1|g_sigma": "HalfNormal(0.1)"}
EXTREME, STRONG = {"rho": "ScaledBeta(0.4, 0.4)"}, {"rho": "ScaledBeta(8, 2)"}
STRUCTURES = {
    "gaussian": Structure(family=HeckmanGaussian(systematic="marginal"), priors=PRIORS | SPREAD, empty=3),
    "probit": Structure(family=HeckmanProbit(systematic="marginal"), priors=PRIORS),
    "gaussian, effects apart": Structure(
        family=HeckmanGaussian(joint=False, systematic="marginal"), priors=PRIORS | SPREAD
    ),
    "gaussian, deviations near zero": Structure(
        family=HeckmanGaussian(systematic="marginal"), priors=PRIORS | SPREAD | SMALL
    ),
    "probit, deviations near zero": Structure(family=HeckmanProbit(systematic="marginal"), priors=PRIORS | SMALL),
    "gaussian, correlations near one": Structure(
        family=HeckmanGaussian(systematic="marginal"), priors=PRIORS | SPREAD | EXTREME
    ),
    "probit, correlations near one": Structure(family=HeckmanProbit(systematic="marginal"), priors=PRIORS | EXTREME),
    "gaussian, strong": Structure(family=HeckmanGaussian(systematic="marginal"), priors=PRIORS | SPREAD | STRONG),
    "probit, strong": Structure(family=HeckmanProbit(systematic="marginal"), priors=PRIORS | STRONG),
    "probit, a prior of tau": Structure(
        family=HeckmanProbit(systematic="marginal"), priors=PRIORS | {"tau": "ScaledBeta(1.5, 4)"}
    ),
    "gaussian, held": Structure(family=HeckmanGaussian(rho=-0.8, systematic="marginal"), priors=PRIORS | SPREAD),
    "gaussian, held at 0": Structure(family=HeckmanGaussian(rho=0.0, systematic="marginal"), priors=PRIORS | SPREAD),
    "probit, held": Structure(family=HeckmanProbit(rho=0.9, systematic="marginal"), priors=PRIORS),
}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_equations.TwoEquations, "burn_in", QUICK)


@cache
def bed(name: str) -> Bed:
    return STRUCTURES[name].prepare(Gibbs())


@pytest.mark.slow
def test_parameters_effects_and_imputed_cells_are_calibrated_and_a_mistake_is_seen(short: None) -> None:
    ranks = study(bed("gaussian"), STRUCTURES["gaussian"], replicates=100, draws=24, thin=THIN, seed=11)
    assert {"rho", "selection_1|g_sigma", "1~~selection_1|g_corr", "imputed empty", "log likelihood"} <= set(ranks)
    assert outside(ranks) == {}
    assert outside(ranks, "selection ignored")


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_all_structures_are_calibrated(name: str, short: None) -> None:
    ranks = study(bed(name), STRUCTURES[name], replicates=200, draws=40, thin=THIN, seed=12)
    assert outside(ranks) == {}


def geweke(name: str, *, steps: int = STEPS, seed: int = 3, change: Callable[[Any], None] = lambda _: None) -> float:
    """The largest error of means and second moments of the chain of parameters and data, in standard errors."""
    made, structure, rng = bed(name), STRUCTURES[name], np.random.default_rng(seed)
    draw: Any = prior_draw(made.design, rng)
    one: Any = None
    state, rows = None, []
    for _ in range(steps):
        y, selected = simulate(made, draw, rng)
        observed = selected & ~structure.unseen
        data = with_target(made.placed, observed, structure).data(made.matrices, y)
        one = one or Gibbs().compile(ConditionalModel(made.design, data))
        state = state or one.init(data, rng)
        one._set(data)
        change(one)
        state, draw, _ = one.step(state, one.held, rng, transitions=2)
        rows.append(seen(made, draw, y, observed))
    return worst(np.array(rows), expected(name, steps))


def seen(made: Bed, draw: Any, y: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Bounded functions of parameters and effects, with those of data that the parameters were drawn from."""
    parts = [draw[f"{b.key}{part}"].ravel()[:2] for b in made.design.blocks for part in ("", "_sd", "_corr")]
    sigma = np.ravel(draw.get("sigma", 1.0))
    of_data = np.array([observed.mean(), (y * observed).mean() / made.design.scale])
    rho = np.ravel(draw.get("rho", []))
    own = (draw["mu"], draw["selection"], rho, sigma, *parts, of_data)
    values = np.tanh(np.concatenate(own))
    return np.concatenate([values, values**2, values[0] * values[1:], *(rho * values[:, None]).T])


@cache
def expected(name: str, size: int) -> np.ndarray:
    """What is seen of independent draws from the prior and of data given them, shape (draw, function)."""
    made, structure, rng = bed(name), STRUCTURES[name], np.random.default_rng(5)
    rows = []
    for _ in range(size):
        draw = prior_draw(made.design, rng)
        y, selected = simulate(made, draw, rng)
        rows.append(seen(made, draw, y, selected & ~structure.unseen))
    return np.array(rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gaussian, strong", "probit, strong"])
def test_parameters_and_data_in_turn_keep_the_prior(name: str, short: None) -> None:
    assert geweke(name) < ERRORS


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_parameters_and_data_in_turn_keep_the_prior_for_long(name: str, short: None) -> None:
    assert geweke(name, steps=20 * STEPS) < ERRORS


# --- mutants ---


def everybody_selected(one: Any) -> None:
    """The rows of those who were not selected enter nothing."""
    n = len(one.held["y_data"])
    one._set({key: values[:n] for key, values in one.held.items()})


def no_prior_of_rho(one: Any) -> None:
    """Uniform, as if rho had no other prior."""
    pair = one.fitted.pair._replace(rho=np.array([0.0, 1.0, 1.0, -1.0, 1.0]))
    one.fitted = replace(one.fitted, pair=pair)


CHANGES = {"selection ignored": everybody_selected, "no prior of rho": no_prior_of_rho}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", CHANGES)
def test_mistakes_in_what_is_known_are_seen(mistake: str, short: None) -> None:
    assert geweke("gaussian, strong", change=CHANGES[mistake]) > ERRORS


def in_python(patch: pytest.MonkeyPatch) -> None:
    """The sweep's outer functions as Python runs them: they see what is replaced in their module."""
    patch.setattr(selection_sweeps, "move_linear", selection_sweeps.move_linear.py_func)
    patch.setattr(two_equations, "run_selection", selection_sweeps.run_selection.py_func)


def stale_latents(patch: pytest.MonkeyPatch) -> None:
    """Latent variables of selection that are drawn once, for the first data."""
    draw, kept = selection_sweeps.draw_latent, []

    def stale(*arguments: Any) -> None:
        draw(*arguments)
        kept.append(arguments[-2].copy())
        arguments[-2][:] = kept[0]

    patch.setattr(selection_sweeps, "draw_latent", stale)


def scales_without_jacobian(patch: pytest.MonkeyPatch) -> None:
    """As if a tenth of the latent variables were not multiplied."""
    move = selection_sweeps.move_scale
    patch.setattr(
        selection_sweeps,
        "move_scale",
        lambda rng, lay, theta, z, s, of, d, n, *rest: move(rng, lay, theta, z, s, of, d, 0.9 * n, *rest),
    )


def ridge_without_prior(patch: pytest.MonkeyPatch) -> None:
    """The ridge's density without the prior of rho; ``test_start_at_truth.py`` sees it, in a chain it takes an hour."""
    whole = ridge.density
    patch.setattr(selection_sweeps, "move_ridge", ridge.move_ridge.py_func)
    patch.setattr(ridge, "density", lambda zeta, *a: whole(zeta, *a) - ridge.log_prior_rho(a[2].rho, zeta))


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [None, stale_latents, scales_without_jacobian])
def test_mistakes_in_the_moves_are_seen(mistake: Any, short: None, monkeypatch: pytest.MonkeyPatch) -> None:
    in_python(monkeypatch)
    if mistake is not None:
        mistake(monkeypatch)
    assert (geweke("gaussian, strong") > ERRORS) == (mistake is not None)
