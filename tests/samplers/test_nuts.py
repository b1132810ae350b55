"""NUTS with explicit state: a function of state, data and generator, and exact on models whose posterior is known.

One structure is compiled, twice: a second engine with another history must give the same draws.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graphs import centred
from modelling import conditional, graph_data, only, workspace
from scipy import stats

from bayesimpute.designs.design import Design
from bayesimpute.samplers import ConditionalModel, Nuts, SamplerState, nuts

pytestmark = pytest.mark.long(25)

ERRORS = 4.0
"""Monte Carlo errors allowed; the seeds are fixed."""
BATCHES = 25


def two_level() -> Any:
    """Sixty rows in ten clusters, a random intercept and one predictor."""
    import pandas as pd

    rng = np.random.default_rng(12)
    school = np.arange(60) % 10
    x = rng.normal(3, 2, 60)
    frame = pd.DataFrame({"school": school, "x": x})
    frame["y"] = 5 + 1.5 * x + 2 * rng.normal(size=10)[school] + 3 * rng.normal(size=60)
    frame.loc[[7, 33], "y"] = np.nan
    return workspace(frame, conditional("y ~ x + (1 | school)"))


@pytest.fixture(scope="module")
def model() -> ConditionalModel:
    space = two_level()
    return ConditionalModel(centred(only(space)[1], False), graph_data(space))


@pytest.fixture(scope="module")
def posterior(model: ConditionalModel) -> Any:
    return Nuts().compile(model)


@pytest.fixture(scope="module")
def other(model: ConditionalModel) -> Any:
    """The same model compiled again."""
    return Nuts().compile(ConditionalModel(model.design, model.data))


@pytest.fixture(scope="module")
def state(model: ConditionalModel, posterior: Any) -> SamplerState:
    return posterior.init(model.data, np.random.default_rng(1))


def same(first: SamplerState, second: SamplerState) -> None:
    assert first.arrays.keys() == second.arrays.keys()
    for name, values in first.arrays.items():
        np.testing.assert_array_equal(values, second.arrays[name], err_msg=name)


@pytest.mark.parametrize("tune", [False, True])
def test_the_next_state_depends_on_state_data_and_generator_only(
    model: ConditionalModel, posterior: Any, other: Any, state: SamplerState, tune: bool
) -> None:
    before = {name: values.copy() for name, values in state.arrays.items()}
    rng = np.random.default_rng
    first = posterior.step(state, model.data, rng(3), transitions=5, tune=tune)
    posterior.step(state, model.data, rng(4), transitions=20, tune=not tune)  # another history
    second = posterior.step(state, model.data, rng(3), transitions=5, tune=tune)
    third = other.step(state, model.data, rng(3), transitions=5, tune=tune)
    for moved, draw, counted in (second, third):
        same(first[0], moved)
        assert counted == first[2]
        for name, values in first[1].items():
            np.testing.assert_array_equal(values, draw[name])
    for name, values in before.items():
        np.testing.assert_array_equal(state.arrays[name], values)
    assert not np.array_equal(first[0].arrays["q"], state.arrays["q"])


def test_a_start_depends_on_data_and_generator_only(model: ConditionalModel, posterior: Any, other: Any) -> None:
    posterior.init(model.data, np.random.default_rng(8))
    first, second = (p.init(model.data, np.random.default_rng(2)) for p in (posterior, other))
    same(first, second)


@pytest.mark.parametrize("tune", [False, True])
def test_the_deepest_tree_does_not_depend_on_what_the_engine_did_before(
    model: ConditionalModel, posterior: Any, state: SamplerState, tune: bool
) -> None:
    """PyMC allows shallower trees in an engine's first 200 transitions: that must not be a chain's luck."""
    tiny = np.array(np.log(1e-5))
    slow = SamplerState({**state.arrays, "step_log_step": tiny, "step_log_bar": tiny})
    depths = []
    for before in (0, 1000):
        posterior.engine.iter_count = before
        depths.append(posterior.step(slow, model.data, np.random.default_rng(3), tune=tune)[2].depth)
    assert depths[0] == depths[1] >= (nuts.EARLY_DEPTH if tune else 8)


def test_chains_may_take_turns(model: ConditionalModel, posterior: Any) -> None:
    data = model.data
    moved = {**data, "y_data": data["y_data"] + 0.5}
    starts = [posterior.init(d, np.random.default_rng(k)) for k, d in enumerate((data, moved))]

    def run(order: list[int]) -> list[SamplerState]:
        states, rngs = list(starts), [np.random.default_rng(k + 10) for k in range(2)]
        for t, k in enumerate(order):
            states[k], _, _ = posterior.step(
                states[k], (data, moved)[k], rngs[k], transitions=2, tune=order[:t].count(k) < 5
            )
        return states

    alone, turns = run([0] * 10 + [1] * 10), run([0, 1] * 10)
    for first, second in zip(alone, turns):
        same(first, second)
    assert not np.array_equal(alone[0].arrays["q"], alone[1].arrays["q"])


def test_states_are_plain_arrays_that_can_be_written_and_read(
    model: ConditionalModel, posterior: Any, other: Any, state: SamplerState
) -> None:
    assert all(isinstance(v, np.ndarray) and v.dtype.kind in "if" for v in state.arrays.values())
    for tune in (False, True):
        read = SamplerState({name: np.array(v, dtype=np.float64) for name, v in state.arrays.items()})
        results = [
            p.step(s, model.data, np.random.default_rng(6), transitions=4, tune=tune)[0]
            for p, s in ((posterior, state), (other, read))
        ]
        same(*results)


def test_without_tuning_only_the_position_moves(model: ConditionalModel, posterior: Any, state: SamplerState) -> None:
    moved, _, stats_ = posterior.step(state, model.data, np.random.default_rng(3), transitions=7)
    changed = {name for name in state.arrays if not np.array_equal(state.arrays[name], moved.arrays[name])}
    assert changed == {"q"}
    assert stats_.transitions == 7
    assert 0 < stats_.acceptance <= 1
    assert 1 <= stats_.depth <= 10
    tuned, _, _ = posterior.step(state, model.data, np.random.default_rng(3), transitions=7, tune=True)
    assert not np.array_equal(tuned.arrays["step_log_step"], state.arrays["step_log_step"])


def test_chains_start_apart(model: ConditionalModel, posterior: Any) -> None:
    starts = np.array([posterior._start(np.random.default_rng(k)) for k in range(20)])
    # uniform within +-1 has an sd of .58
    assert (starts.std(axis=0) > 0.3).all()
    assert posterior.layout.size == starts.shape[1]


def test_new_data_are_taken_and_old_ones_are_not_kept(
    model: ConditionalModel, posterior: Any, state: SamplerState
) -> None:
    function = posterior.engine._logp_dlogp_func
    far = {**model.data, "y_data": model.data["y_data"] + 100.0}
    posterior.step(state, far, np.random.default_rng(1))
    q = posterior._raveled(state.arrays["q"])
    there, _ = function(q)
    posterior.step(state, model.data, np.random.default_rng(1))
    here, _ = function(q)
    assert here > there + 100
    assert posterior.engine._logp_dlogp_func is function


def test_momenta_have_the_kinetic_energy_of_a_normal(
    model: ConditionalModel, posterior: Any, state: SamplerState
) -> None:
    posterior.step(state, model.data, np.random.default_rng(1))
    potential = posterior.engine.potential
    potential.set_rng(np.random.default_rng(9))
    momenta = [potential.random() for _ in range(2000)]
    energies = np.array([potential.energy(p) for p in momenta])
    assert stats.kstest(2 * energies, stats.chi2(posterior.layout.size).cdf).pvalue > 1e-4
    out = np.empty(posterior.layout.size)
    assert potential.velocity_energy(momenta[0], out) == pytest.approx(energies[0])
    np.testing.assert_allclose(out, potential.velocity(momenta[0]))
    assert potential.energy(momenta[0], out) == pytest.approx(energies[0])


def exact_posterior(design: Design, data: Any, *, groups: bool) -> dict[str, tuple[float, float]]:
    """Means and standard deviations of coefficients, sigma and the effects' sd, by quadrature over the two deviations.

    Given both, y is normal with the effects integrated out, and the coefficients have a normal posterior.
    """
    x, y = data["X_mu"], data["y_data"]
    priors = np.diag([p.args[1] ** -2 for p in design.predictors[0].priors])
    nu, scale = design.predictors[1].priors[0].args
    z = np.eye(10)[data["codes_block0"]] if groups else np.zeros((len(y), 1))
    tau_nu, tau_scale = design.blocks[0].priors[0].args if groups else (1.0, 1.0)
    spectrum, basis = np.linalg.eigh(z @ z.T)  # in this basis var(y) is diagonal at every sigma and tau
    x, y = basis.T @ x, basis.T @ y
    sigmas = np.exp(np.linspace(np.log(0.15), np.log(2.5), 80))
    taus = np.linspace(0.002, 5.0, 160) if groups else np.array([1.0])
    sigma, tau = (grid.ravel() for grid in np.meshgrid(sigmas, taus, indexing="ij"))
    v = sigma[:, None] ** 2 + tau[:, None] ** 2 * spectrum
    precision = np.einsum("ri,gr,rj->gij", x, 1 / v, x, optimize=True) + priors
    covariance = np.linalg.inv(precision)
    mean = np.einsum("gij,gj->gi", covariance, (y / v) @ x)
    logp = -0.5 * (np.log(v).sum(axis=1) + (y / v) @ y - np.einsum("gi,gij,gj->g", mean, precision, mean))
    logp += 0.5 * np.linalg.slogdet(covariance)[1] - (nu + 1) / 2 * np.log1p((sigma / scale) ** 2 / nu)
    logp += np.log(sigma) - (tau_nu + 1) / 2 * np.log1p((tau / tau_scale) ** 2 / tau_nu)
    squares = [np.diagonal(covariance, axis1=1, axis2=2) + mean**2, sigma[:, None] ** 2, tau[:, None] ** 2]
    table = np.hstack([mean, sigma[:, None], tau[:, None], *squares])
    w = np.exp(logp - logp.max())
    moments = (w / w.sum()) @ table
    names = ["beta0", "beta1", "sigma", "tau"][: 4 if groups else 3]
    return {name: (moments[k], float(np.sqrt(moments[k + 4] - moments[k] ** 2))) for k, name in enumerate(names)}


def check_against(exact: dict[str, tuple[float, float]], chains: dict[str, np.ndarray]) -> None:
    """Means and variances within Monte Carlo errors found from batch means."""
    for name, (mean, sd) in exact.items():
        draws = chains[name]
        # the squares of tau's deviations have too long a tail for batch means of so few draws
        compared = [(draws, mean)] + ([((draws - mean) ** 2, sd**2)] if name != "tau" else [])
        for values, truth in compared:
            batches = values[: len(values) // BATCHES * BATCHES].reshape(BATCHES, -1).mean(axis=1)
            error = batches.std(ddof=1) / np.sqrt(BATCHES)
            assert abs(values.mean() - truth) < ERRORS * error, name
        # and the errors are small enough to see a mistake of a fifth of a standard deviation
        assert draws.std() * 0.2 > ERRORS * np.std([b.mean() for b in np.array_split(draws, BATCHES)]) / np.sqrt(
            BATCHES
        )


def sample(posterior: Any, data: Any, transitions: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    state = posterior.init(data, rng)
    found: dict[str, list[float]] = {}
    for _ in range(transitions):
        state, draw, _ = posterior.step(state, data, rng)
        values = {"beta0": draw["mu"][0], "beta1": draw["mu"][1], "sigma": draw["sigma"]}
        for name, value in (values | ({"tau": draw["block0_sd"][0]} if "block0_sd" in draw else {})).items():
            found.setdefault(name, []).append(float(value))
    return {name: np.array(values) for name, values in found.items()}


@pytest.fixture(scope="module")
def sampled(model: ConditionalModel, posterior: Any) -> dict[str, np.ndarray]:
    return sample(posterior, model.data, 3000, seed=7)


@pytest.fixture(scope="module")
def exact(model: ConditionalModel) -> dict[str, tuple[float, float]]:
    return exact_posterior(model.design, model.data, groups=True)


def test_the_posterior_of_a_mixed_model_is_exact(
    exact: dict[str, tuple[float, float]], sampled: dict[str, np.ndarray]
) -> None:
    check_against(exact, sampled)


@pytest.mark.slow
def test_the_centred_form_has_the_same_posterior(model: ConditionalModel) -> None:
    """In the default suite, test_bayes.py has a centred model with its exact posterior."""
    again = Nuts().compile(ConditionalModel(centred(model.design, True), model.data))
    exact = exact_posterior(model.design, model.data, groups=True)
    check_against(exact, sample(again, model.data, 3000, seed=6))


@pytest.mark.slow
def test_the_posterior_of_a_single_level_model_is_exact(model: ConditionalModel) -> None:
    design = replace(model.design, blocks=())
    data = {name: values for name, values in model.data.items() if "block0" not in name}
    again = Nuts().compile(ConditionalModel(design, data))
    check_against(exact_posterior(design, data, groups=False), sample(again, data, 2000, seed=7))


def test_a_wrong_posterior_is_seen(exact: dict[str, tuple[float, float]], sampled: dict[str, np.ndarray]) -> None:
    with pytest.raises(AssertionError):
        check_against({**exact, "sigma": (exact["sigma"][0] * 1.05, exact["sigma"][1])}, sampled)


@pytest.mark.parametrize("far", [-1000.0, 1000.0])
def test_where_the_density_cannot_be_computed_a_trajectory_diverges(
    model: ConditionalModel, posterior: Any, state: SamplerState, far: float
) -> None:
    """A residual SD that rounds to zero or to infinity: divisions by zero there must not end the run."""
    place = dict(posterior.layout.parts)["sigma_HalfStudentT"]
    posterior.step(state, model.data, np.random.default_rng(2))
    q = state.arrays["q"].copy()
    q[place] = far
    logp, gradient = posterior.engine.integrator._logp_dlogp_func(q, posterior.info)
    assert logp == -np.inf
    assert (gradient == 0).all()
