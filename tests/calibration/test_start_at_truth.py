"""Every compiled sampler leaves the joint law of parameters and data as it is; mutants of it do not."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import selecting
import test_gibbs_calibration as plain
import test_gibbs_selection_calibration as selection
from start_at_truth import Trial
from test_gibbs_calibration import ERRORS
from test_gibbs_selection_calibration import short as short

from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs, counts, gradient_moves, joint_leaps, labels, nothing_or_some
from bayesimpute.samplers.gibbs.centring_together import draw_together
from bayesimpute.samplers.gibbs.joint_trajectories import move_jointly

pytestmark = pytest.mark.long(30)


MUS = tuple(f"mu[{k}]" for k in range(3))
"""Of labels."""
PARAMETERS = ("mu", "zero", "one", "selection", "rho", "sigma", "nu", "alpha", "kappa", "skew", "cutpoints")


def functions(values: np.ndarray, of_data: np.ndarray) -> np.ndarray:
    """Bounded functions of the state and of both: values, squares, products with one another and with the data."""
    values, of_data = np.tanh(values), np.tanh(of_data)
    crossed = np.outer(values, np.concatenate([values[:3], of_data])).ravel()
    return np.concatenate([values, values**2, crossed])


def parts(made: Any, draw: Mapping[str, Any]) -> np.ndarray:
    """Parameters, and effects of the first and the last clusters."""
    names = [name for name in (*PARAMETERS, *MUS) if name in draw]
    blocks = [np.ravel(draw[f"{b.key}{part}"]) for b in made.design.laws for part in ("_sd", "_corr")]
    effects = [np.ravel(np.asarray(draw[b.key])[[0, 1, -1]]) for b in made.design.blocks]
    return np.concatenate([*(np.ravel(draw[name]) for name in names), *blocks, *effects])


def trial(name: str, mutant: plain.Mutant | None = None) -> Trial:
    made, mutant = plain.bed(name), mutant or plain.Mutant()
    posterior: Any = Gibbs().compile(plain._model(made))
    data, engine = posterior.held, posterior.engine

    def simulate(draw: Any, rng: np.random.Generator) -> tuple[Any, Callable[[Any], np.ndarray]]:
        nonlocal data
        y = plain.simulated(made, draw, rng, mutant.noise)
        seen = y[made.placed.learn_rows] / made.design.scale  # the sampler does not know the others
        if not mutant.stale or not data:
            data = made.placed.data(made.matrices, y)
        told = np.array([seen.mean(), *seen[:3]])
        return data, lambda found: functions(parts(made, found), told)

    def spoil(posterior: Any) -> None:
        posterior.engine = engine
        mutant.posterior(posterior)
        if mutant.on:
            tampered = plain.Tampered(posterior.engine, mutant.on)
            posterior.fitted = tampered.on(posterior.held, posterior.held["y_data"])

    numbers = (lambda _: np.random.default_rng(1)) if mutant.same_numbers else (lambda rng: rng)
    return Trial(posterior=posterior, simulate=simulate, spoil=spoil, numbers=numbers)


def selecting_trial(name: str) -> Trial:
    made, structure = selection.bed(name), selection.STRUCTURES[name]
    rng = np.random.default_rng(0)

    def simulate(draw: Any, rng: np.random.Generator) -> tuple[Any, Callable[[Any], np.ndarray]]:
        y, selected = selecting.simulate(made, draw, rng)
        observed = selected & ~structure.unseen
        told = np.array([observed.mean(), (y * observed).mean() / made.design.scale, *observed[:2]])
        data = selecting.with_target(made.placed, observed, structure).data(made.matrices, y)
        return data, lambda found: functions(parts(made, found), told)

    data, _ = simulate(selection.prior_draw(made.design, rng), rng)
    return Trial(posterior=Gibbs().compile(ConditionalModel(made.design, data)), simulate=simulate)


QUICK = (
    "random slopes",
    "crossed",
    "sigma by two keys",
    "logit",
    "logit, rare",
    "probit",
    "probit, rare",
    "student_t, crossed",
    "censored",
    "truncated, single-level",
    "poisson",
    "negative binomial",
    "gamma",
    "beta",
    "skewed",
    "semicontinuous",
    "one-inflated beta",
    "zero-inflated, single-level",
    "ordinal",
    "ordinal, a label that nobody has",
    "categorical",
)
QUICKLY_SELECTED = ("gaussian", "probit, correlations near one", "gaussian, held", "probit, held")


def few(names: Mapping[str, Any], quick: tuple[str, ...]) -> list[Any]:
    """Some in the default suite, the others in the slow one."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", few(plain.STRUCTURES, QUICK))
def test_sweeps_leave_the_joint_law_as_it_is(name: str) -> None:
    assert np.abs(trial(name).errors(replicates=1000)).max() < ERRORS


@pytest.mark.parametrize("name", few(selection.STRUCTURES, QUICKLY_SELECTED))
def test_sweeps_of_selection_models_leave_it_too(name: str) -> None:
    assert np.abs(selecting_trial(name).errors(replicates=500)).max() < ERRORS


@pytest.mark.slow
@pytest.mark.parametrize("name", plain.STRUCTURES)
def test_many_sweeps_do_not_change_it(name: str) -> None:
    assert np.abs(trial(name).errors(replicates=10_000, sweeps=4)).max() < ERRORS


@pytest.mark.slow
@pytest.mark.parametrize("name", selection.STRUCTURES)
def test_many_sweeps_of_selection_models_do_not_change_it(name: str) -> None:
    assert np.abs(selecting_trial(name).errors(replicates=5000)).max() < ERRORS


GRADIENT = ("logit", "negative binomial", "semicontinuous", "categorical")
"""Where the move along the gradient, which is for many rows, is made in the default suite."""
MANY_ROWS = (
    "logit, crossed",
    "poisson",
    "binomial",
    "gamma",
    "beta",
    "hurdle",
    "zero-inflated beta",
    "zero-inflated",
    "truncated",
    "categorical, crossed",
)


@pytest.fixture
def gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coefficients move along their gradient, however few the rows."""
    monkeypatch.setattr(gradient_moves, "EACH", 0)
    monkeypatch.setattr(gradient_moves, "WORTH", 0)


@pytest.mark.by_default("negative binomial")
@pytest.mark.parametrize("name", [*GRADIENT, *(pytest.param(n, marks=pytest.mark.slow) for n in MANY_ROWS)])
def test_moves_along_the_gradient_leave_it_as_it_is(name: str, gradient: None) -> None:
    assert np.abs(trial(name).errors(replicates=1000)).max() < ERRORS


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """All coefficients move against the effects by slices, wholly or hardly made up for as they are."""
    own = counts.shifts

    def nearly(*model: Any) -> Any:
        found = own(*model)
        return found._replace(good=np.zeros_like(found.good), near=np.ones_like(found.near))

    monkeypatch.setattr(counts, "shifts", nearly)


@pytest.mark.parametrize("name", ["binomial", *few({"poisson": 0, "gamma": 0, "hurdle": 0, "truncated": 0}, ())])
def test_nor_do_moves_of_coefficients_against_effects(name: str, replaced: None) -> None:
    assert np.abs(trial(name).errors(replicates=1000)).max() < ERRORS


@pytest.mark.slow
def test_nor_do_they_change_that_of_many_labels(gradient: None) -> None:
    """Of 738 functions, of which one of 1,000 replicates is beyond the errors by chance sooner than of 324."""
    assert np.abs(trial("categorical, many labels").errors(replicates=8000)).max() < ERRORS


def wide(posterior: Any) -> None:
    """The coefficients' prior forgotten on data."""
    fitted, lay = posterior.fitted, posterior.fitted.lay
    precision = lay.precision.copy()
    precision[: lay.coefficients] *= 0.01
    posterior.fitted = replace(fitted, lay=lay._replace(precision=precision))


def shifted(posterior: Any) -> None:
    """A likelihood other than the rows'."""
    fitted = posterior.fitted
    posterior.fitted = replace(fitted, counted=fitted.counted._replace(added=fitted.counted.added + 0.3))


@pytest.mark.by_default("wide")
@pytest.mark.parametrize("mistake", [wide, shifted])
def test_mistakes_of_moves_along_the_gradient_are_seen(mistake: Callable[[Any], None], gradient: None) -> None:
    assert np.abs(trial("poisson", plain.Mutant(posterior=mistake)).errors(replicates=1600, sweeps=4)).max() > ERRORS


def turned(rng: Any, joint: Any, parts: Any, owns: Any, state: Any) -> None:
    """Coefficients of two predictors drawn together, and effects that go the same way and not the other."""
    before = state[joint.block.key].copy()
    draw_together(rng, joint, parts, owns, state)
    state[joint.block.key][:] = 2 * before - state[joint.block.key]


def priorless(rng: Any, joint: Any, parts: Any, owns: Any, state: Any) -> None:
    """The same without their priors."""
    engines = [part.half.engine for part in parts]
    flat = [replace(e, lay=e.lay._replace(precision=0.01 * e.lay.precision)) for e in engines]
    halves = [replace(part.half, engine=engine) for part, engine in zip(parts, flat, strict=True)]
    flat_parts = [replace(part, half=half) for part, half in zip(parts, halves, strict=True)]
    draw_together(rng, joint, flat_parts, owns, state)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [turned, priorless])
def test_mistakes_of_coefficients_drawn_together_are_seen(
    mistake: Callable[..., None], gradient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nothing_or_some, "draw_together", mistake)
    assert np.abs(trial("semicontinuous").errors(replicates=800, sweeps=4)).max() > ERRORS


def priors_forgotten(rng: Any, sides: Any, *rest: Any) -> Any:
    """Trajectories without the coefficients' priors."""
    return move_jointly(rng, tuple(side._replace(precision=0.01 * side.precision) for side in sides), *rest)


def deviations_forgotten(rng: Any, sides: Any, *rest: Any) -> Any:
    """Trajectories with other priors of the effects' deviations."""
    *before, at, lay, along, learnt, tune = rest
    return move_jointly(rng, sides, *before, at, lay._replace(args=2.0 * lay.args), along, learnt, tune)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [priors_forgotten, deviations_forgotten])
def test_mistakes_of_trajectories_are_seen(mistake: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_leaps, "move_jointly", mistake)
    assert np.abs(trial("zero-inflated").errors(replicates=800, sweeps=4)).max() > ERRORS


def lax(move: Callable[..., None]) -> Callable[..., None]:
    """Sets of labels moved as if priors said next to nothing."""

    def moved(rng: Any, eta: Any, codes: Any, x: Any, at: Any, precision: Any, *rest: Any) -> None:
        move(rng, eta, codes, x, at, 0.01 * precision, *rest)

    return moved


def unnoticed(move: Callable[..., None]) -> Callable[..., None]:
    """Sets of labels moved behind the back of the likelihood."""

    def moved(rng: Any, eta: Any, codes: Any, x: Any, *rest: Any) -> None:
        move(rng, np.zeros_like(eta), codes, x, *rest)

    return moved


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [lax, unnoticed])
@pytest.mark.parametrize("name", ["move_coefficient_sets", "move_effect_sets"])
def test_mistakes_of_sets_of_labels_are_seen(
    name: str, mistake: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, name, mistake(getattr(labels, name)))
    assert np.abs(trial("categorical, many labels").errors(replicates=1600, sweeps=4)).max() > ERRORS


MUTANTS = {name: ("random slopes", mutant) for name, mutant in plain.MUTANTS.items()} | plain.LATENT_MUTANTS
SMALL = [n for n in MUTANTS if n.endswith(("noise", "again", "prior of coefficients", "forgotten", "order"))]
"""Mistakes that move a mean by less than a tenth of its standard deviation."""


@pytest.mark.by_default(
    "categorical, effects apart", "logit, weights at zero", "ordinal, stale*", "negative binomial, wide*"
)
@pytest.mark.parametrize("mistake", few(MUTANTS, tuple(MUTANTS.keys() - SMALL)))
def test_mistakes_are_seen(mistake: str) -> None:
    name, mutant = MUTANTS[mistake]
    replicates = 4000 if mistake in SMALL else 400
    assert np.abs(trial(name, mutant).errors(replicates=replicates, sweeps=4)).max() > ERRORS


def test_a_forgotten_prior_of_rho_is_seen() -> None:
    found = selecting_trial("gaussian, strong")
    found.spoil = selection.no_prior_of_rho
    assert np.abs(found.errors(replicates=800)).max() > ERRORS


@pytest.mark.parametrize("name", ["gaussian, held", "probit, held"])
def test_a_rho_held_elsewhere_is_seen(name: str) -> None:
    """At the other sign; the state has no rho."""
    found = selecting_trial(name)

    def elsewhere(posterior: Any) -> None:
        pair = posterior.fitted.pair
        posterior.fitted = replace(posterior.fitted, pair=pair._replace(rho=pair.rho * [1, -1, 1, 1, 1]))

    found.spoil = elsewhere
    assert np.abs(found.errors(replicates=400)).max() > ERRORS


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [False, True])
def test_a_ridge_that_forgets_the_prior_of_rho_is_seen(
    mistake: bool, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection.in_python(monkeypatch)
    if mistake:
        selection.ridge_without_prior(monkeypatch)
    errors = selecting_trial("gaussian, strong").errors(replicates=1500, sweeps=1)
    assert (np.abs(errors).max() > ERRORS) == mistake
