"""The compiled Gibbs sampler is calibrated, also where clusters are tiny or empty and deviations near zero.

Simulation-based calibration as in ``test_sbc.py``, and Geweke's test of the joint distribution (2004, JASA 99:799):
parameters drawn given data and data given parameters, in turn, must leave the prior as it was. It sees what small
errors of a sampler do, because they add up; and it sees every mistake that the mutants below make on purpose. It is
slow; in the default suite ``test_start_at_truth.py`` takes its place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sbc import DEVIATIONS, PRIORS, SPREAD, Bed, Structure, outside, prepare, study
from tiny_clusters import tiny_clusters, values_of

from bayesimpute.base.priors import Prior
from bayesimpute.families import Bernoulli, Binomial, Bounded, Categorical, Ordinal, Semicontinuous
from bayesimpute.samplers.gibbs import Gibbs, binary, effects, labels, predictor_rows, states
from bayesimpute.samplers.gibbs.sweeps import run
from bayesimpute.samplers.gibbs.working_rows import weighted_products
from bayesimpute.samplers.prior import prior_draw

pytestmark = pytest.mark.long(34)

SLOPES = {"x|g_sigma": "HalfNormal(1)", "g_corr": "LKJ(2)"}
CROSSED = {"1|h_sigma": "HalfNormal(1)"}
LOGS = {"sigma_Intercept": "Normal(0, 0.7)", "sigma_x": "Normal(0, 0.5)", "sigma_1|g_sigma": "HalfNormal(0.7)"}
STRUCTURES: Mapping[str, Structure] = {
    "random intercepts": Structure(right="x + (1 | g)", priors=PRIORS | SPREAD | DEVIATIONS),
    "random slopes": Structure(right="x + (1 + x | g)", priors=PRIORS | SPREAD | DEVIATIONS | SLOPES),
    "deviations near zero": Structure(
        right="x + (1 + x | g)",
        priors=PRIORS | SPREAD | {"1|g_sigma": "HalfNormal(0.2)", "x|g_sigma": "HalfNormal(0.1)", "g_corr": "LKJ(2)"},
    ),
    "crossed": Structure(right="x + (1 | g) + (1 + x | h)", priors=PRIORS | SPREAD | DEVIATIONS | CROSSED),
    "independent": Structure(right="x + (1 + x || g) + (1 | h)", priors=PRIORS | SPREAD | DEVIATIONS | CROSSED),
    "single-level": Structure(right="x", priors=PRIORS | SPREAD),
    "sigma by cluster": Structure(right="x + (1 | g)", sigma="x + (1 | g)", priors=PRIORS | DEVIATIONS | LOGS),
    "sigma by two keys": Structure(
        right="x + (1 | g)",
        sigma="x + (1 + x | h) + (1 | g)",
        priors=PRIORS
        | DEVIATIONS
        | LOGS
        | {"sigma_1|h_sigma": "HalfNormal(0.7)", "sigma_x|h_sigma": "HalfNormal(0.5)"},
    ),
}
BINARY = PRIORS | {"1|g_sigma": "HalfNormal(1.5)"}
NU = {"nu": "Gamma(4, 0.5)"}
STRUCTURES = STRUCTURES | {
    "logit": Structure(right="x + (1 + x | g)", family="bernoulli", priors=BINARY | SLOPES),
    "logit, rare": Structure(
        right="x + (1 | g)",
        family="bernoulli",
        priors=BINARY | {"Intercept": "Normal(-4, 1)", "1|g_sigma": "HalfNormal(0.5)"},
    ),
    "logit, crossed": Structure(right="x + (1 | g) + (1 + x | h)", family="bernoulli", priors=BINARY | CROSSED),
    "logit, single-level": Structure(right="x", family="bernoulli", priors=PRIORS),
    "probit, rare": Structure(
        right="x + (1 | g)",
        family=Bernoulli(link="probit"),
        priors=BINARY | {"Intercept": "Normal(-2.5, 0.5)", "1|g_sigma": "HalfNormal(0.5)"},
    ),
    "probit": Structure(right="x + (1 + x | g)", family=Bernoulli(link="probit"), priors=BINARY | SLOPES),
    "probit, deviations near zero": Structure(
        right="x + (1 | g) + (1 | h)",
        family=Bernoulli(link="probit"),
        priors=PRIORS | {"1|g_sigma": "HalfNormal(0.2)", "1|h_sigma": "HalfNormal(0.1)"},
    ),
    "student_t": Structure(
        right="x + (1 + x | g)", family="student_t", priors=PRIORS | SPREAD | DEVIATIONS | SLOPES | NU
    ),
    "student_t, crossed": Structure(
        right="x + (1 | g) + (1 | h)", family="student_t", priors=PRIORS | SPREAD | DEVIATIONS | CROSSED | NU
    ),
    "student_t, single-level": Structure(right="x", family="student_t", priors=PRIORS | SPREAD | NU),
}
STRUCTURES = STRUCTURES | {
    "lognormal": Structure(right="x + (1 + x | g)", family="lognormal", priors=PRIORS | SPREAD | DEVIATIONS | SLOPES),
    "logitnormal": Structure(
        right="x + (1 + x | g)",
        family="logitnormal",
        priors={"Intercept": "Normal(0, 1)", "x": "Normal(0, 1)"} | SPREAD | DEVIATIONS | SLOPES,
    ),
    "censored": Structure(
        right="x + (1 + x | g)",
        family=Bounded(limits=(-1.0, 1.5), at_limits="censored"),
        priors=PRIORS | SPREAD | DEVIATIONS | SLOPES,
    ),
    "censored, crossed": Structure(
        right="x + (1 | g) + (1 | h)",
        family=Bounded(limits=(0.0, np.inf), at_limits="censored"),
        priors=PRIORS | SPREAD | DEVIATIONS | CROSSED,
    ),
    "truncated": Structure(
        right="x + (1 + x | g)",
        family=Bounded(limits=(-1.0, 1.5)),
        priors=PRIORS | SPREAD | DEVIATIONS | SLOPES,
    ),
    "truncated, crossed": Structure(
        right="x + (1 | g) + (1 | h)",
        family=Bounded(limits=(-np.inf, 1.5)),
        priors=PRIORS | SPREAD | DEVIATIONS | CROSSED,
    ),
    "truncated, single-level": Structure(right="x", family=Bounded(), priors=PRIORS | SPREAD),
    "lognormal, sigma by cluster": Structure(
        right="x + (1 | g) + (1 | h)",
        sigma="x + (1 | g)",
        family="lognormal",
        priors=PRIORS | DEVIATIONS | CROSSED | LOGS,
    ),
}
SHARES = {"Intercept": "Normal(0, 1)"}
LABELS = {"x": "Normal(0, 1)", "1|g_sigma": "HalfNormal(1.5)"}
STRUCTURES = STRUCTURES | {
    "ordinal": Structure(
        right="x + (1 + x | g)", family="ordinal", priors=LABELS | SLOPES | {"cutpoints": "DirichletLogit(2)"}
    ),
    "ordinal, single-level": Structure(
        right="x", family="ordinal", priors={"x": "Normal(0, 1)", "cutpoints": "Normal(0, 2)"}
    ),
    "ordinal probit, crossed": Structure(
        right="x + (1 | g) + (1 + x | h)",
        family=Ordinal(link="probit"),
        priors=LABELS | CROSSED | {"cutpoints": "DirichletProbit(1)"},
    ),
    "ordinal probit, deviations near zero": Structure(
        right="(1 | g)",
        family=Ordinal(link="probit"),
        priors={"1|g_sigma": "HalfNormal(0.1)", "cutpoints": "Normal(0.5, 1)"},
    ),
    "categorical": Structure(right="x + (1 | g)", family="categorical", priors=LABELS | SHARES),
    "categorical, slopes": Structure(right="x + (1 + x | g)", family="categorical", priors=LABELS | SHARES | SLOPES),
    "categorical, crossed": Structure(
        right="x + (1 | g) + (1 | h)", family="categorical", priors=LABELS | SHARES | CROSSED
    ),
    "categorical, single-level": Structure(right="x", family="categorical", priors={"x": "Normal(0, 1)"} | SHARES),
    "categorical, many labels": Structure(
        right="x + (1 | g) + (1 + x | h)",
        family="categorical",
        priors=LABELS | SHARES | CROSSED | {"x|h_sigma": "HalfNormal(1)", "h_corr": "LKJ(2)"},
        values="many categories",
    ),
    "categorical, many labels correlated": Structure(
        right="x + (1 | g)", family=Categorical(effects="correlated"), priors=LABELS | SHARES, values="many categories"
    ),
    "categorical, a label that nobody has": Structure(
        right="x + (1 | g)", family=Categorical(labels="all"), priors=LABELS, values="an unseen label"
    ),
    "ordinal, a label that nobody has": Structure(
        right="x + (1 | g)",
        family=Ordinal(labels="all"),
        priors=LABELS | {"cutpoints": "DirichletLogit(1)"},
        values="an unseen label",
    ),
}
COUNTS = PRIORS | {"1|g_sigma": "HalfNormal(0.7)"}
FEW = {"x|g_sigma": "HalfNormal(0.5)", "g_corr": "LKJ(2)"}
INNER = {"Intercept": "Normal(0, 0.5)", "x": "Normal(0, 0.5)", "kappa": "Gamma(20, 1)"}
"""With proportions so near to 0 and 1 that rounding moves them, data would not be from the model."""
STRUCTURES = STRUCTURES | {
    "poisson": Structure(right="x + (1 + x | g)", family="poisson", priors=COUNTS | FEW),
    "poisson, rare": Structure(right="x + (1 | g)", family="poisson", priors=COUNTS | {"Intercept": "Normal(-3, 1)"}),
    "poisson, large": Structure(
        right="x + (1 | g) + (1 | h)", family="poisson", priors=COUNTS | CROSSED | {"Intercept": "Normal(6, 0.5)"}
    ),
    "poisson, single-level": Structure(right="x", family="poisson", priors=PRIORS),
    "negative binomial": Structure(
        right="x + (1 | g) + (1 + x | h)",
        family="negative_binomial",
        priors=COUNTS | CROSSED | {"x|h_sigma": "HalfNormal(0.5)", "h_corr": "LKJ(2)", "alpha": "Gamma(4, 2)"},
    ),
    "negative binomial, any alpha": Structure(
        right="x + (1 + x || g)", family="negative_binomial", priors=COUNTS | {"x|g_sigma": "HalfNormal(0.1)"}
    ),
    "binomial": Structure(right="x + (1 + x | g)", family=Binomial(trials=7), priors=BINARY | SLOPES),
    "gamma": Structure(
        right="x + (1 + x | g) + (1 | h)", family="gamma", priors=COUNTS | FEW | CROSSED | {"alpha": "Gamma(4, 2)"}
    ),
    "beta": Structure(right="x + (1 + x | g)", family="beta", priors=COUNTS | FEW | INNER),
}
STRUCTURES = STRUCTURES | {
    "skewed": Structure(
        right="x + (1 + x | g) + (1 | h)",
        family="skewed",
        priors=PRIORS | SPREAD | DEVIATIONS | SLOPES | CROSSED | {"skew": "ScaledBeta(4, 4)"},
    ),
    "skewed, single-level": Structure(right="x", family="skewed", priors=PRIORS | SPREAD | {"skew": "Uniform(-1, 1)"}),
}
ZEROS = {"zero_Intercept": "Normal(-0.5, 0.7)", "zero_x": "Normal(0, 0.7)"}
BOTH = ZEROS | {"zero_1|g_sigma": "HalfNormal(1)", "g_corr": "LKJ(1)"}
STRUCTURES = STRUCTURES | {
    "semicontinuous": Structure(
        right="x + (1 | g)",
        zero="x + (1 | g)",
        family=Semicontinuous(positive="lognormal"),
        priors=PRIORS | SPREAD | DEVIATIONS | BOTH,
    ),
    "semicontinuous, slopes": Structure(
        right="x + (1 + x | g) + (1 | h)",
        zero="x + (1 | g)",
        family=Semicontinuous(positive="gamma"),
        priors=COUNTS | CROSSED | BOTH | {"x|g_sigma": "HalfNormal(0.5)", "alpha": "Gamma(4, 2)"},
    ),
    "semicontinuous, sigma by cluster": Structure(
        right="x + (1 | h)",
        sigma="x + (1 | g)",
        zero="x + (1 | h)",
        family=Semicontinuous(positive="lognormal"),
        priors=PRIORS | CROSSED | LOGS | ZEROS | {"zero_1|h_sigma": "HalfNormal(1)", "h_corr": "LKJ(1)"},
    ),
    "semicontinuous, single-level": Structure(
        right="x", zero="x", family=Semicontinuous(positive="lognormal"), priors=PRIORS | SPREAD | ZEROS
    ),
    "hurdle": Structure(
        right="x + (1 | g)",
        zero="x + (1 + x | g)",
        family="hurdle_negative_binomial",
        priors=COUNTS | BOTH | {"zero_x|g_sigma": "HalfNormal(0.5)", "alpha": "Gamma(4, 2)"},
    ),
    "hurdle, two keys": Structure(
        right="x + (1 | g)",
        zero="x + (1 | h)",
        family="hurdle_poisson",
        priors=COUNTS | ZEROS | {"zero_1|h_sigma": "HalfNormal(1)"},
    ),
}
ONES = {"one_Intercept": "Normal(-0.5, 0.7)", "one_x": "Normal(0, 0.7)"}
STRUCTURES = STRUCTURES | {
    "zero- and one-inflated beta": Structure(
        right="x + (1 | g)",
        zero="x + (1 | g)",
        family="zero_one_inflated_beta",
        priors=COUNTS | BOTH | INNER | ONES | {"one_1|g_sigma": "HalfNormal(1)"},
    ),
    "zero-inflated beta": Structure(
        right="x + (1 + x | g) + (1 | h)",
        zero="x + (1 | h)",
        family="zero_inflated_beta",
        priors=COUNTS | FEW | CROSSED | INNER | ZEROS | {"zero_1|h_sigma": "HalfNormal(1)", "h_corr": "LKJ(1)"},
    ),
    "one-inflated beta": Structure(right="x", family="one_inflated_beta", priors=INNER | ONES),
    "zero- and one-inflated beta, two of three with effects": Structure(
        right="x + (1 | g)",
        zero="x",
        family="zero_one_inflated_beta",
        priors=COUNTS | INNER | ZEROS | ONES | {"one_1|g_sigma": "HalfNormal(1)", "g_corr": "LKJ(1)"},
    ),
}
STRUCTURES = STRUCTURES | {
    "zero-inflated": Structure(
        right="x + (1 | g)", zero="x + (1 | g)", family="zero_inflated_poisson", priors=COUNTS | BOTH
    ),
    "zero-inflated, slopes": Structure(
        right="x + (1 + x | g) + (1 | h)",
        zero="x + (1 | h)",
        family="zero_inflated_negative_binomial",
        priors=COUNTS
        | FEW
        | CROSSED
        | ZEROS
        | {"zero_1|h_sigma": "HalfNormal(1)", "h_corr": "LKJ(1)", "alpha": "Gamma(4, 2)"},
    ),
    "zero-inflated, single-level": Structure(
        right="x", zero="x", family="zero_inflated_poisson", priors=PRIORS | ZEROS
    ),
}
LATENT = [name for name in STRUCTURES if STRUCTURES[name].family != "gaussian"]
THIN = 4
STEPS = 4000
ERRORS = 4.5
BATCHES = 40


@cache
def bed(name: str) -> Bed:
    structure = STRUCTURES[name]
    frame = tiny_clusters(values=structure.values or values_of(structure.family))
    return prepare(structure, sampler=Gibbs(), frame=frame)


@pytest.mark.parametrize("name", ["random slopes"])
def test_parameters_effects_and_imputed_cells_are_calibrated(name: str) -> None:
    ranks = study(bed(name), replicates=60, draws=24, thin=THIN, seed=11)
    assert outside(ranks) == {}
    assert outside(ranks, "the mean imputed") | outside(ranks, "random effects ignored")


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_all_structures_are_calibrated(name: str) -> None:
    ranks = study(bed(name), replicates=600, draws=60, thin=THIN, seed=12)
    assert outside(ranks) == {}
    assert outside(ranks, "the mean imputed")


@dataclass(kw_only=True)
class Mutant:
    """A sampler with a mistake: in what it knows of the model, in its random numbers, or in the data that it sees."""

    posterior: Callable[[Any], None] = lambda _: None
    same_numbers: bool = False
    stale: bool = False
    noise: float = 1.0
    on: Callable[..., Any] | None = None


def geweke(name: str, *, mutant: Mutant | None = None, steps: int = STEPS, seed: int = 3) -> float:
    """The largest error of means and second moments of the chain of parameters and data, in standard errors.

    Those of the chain come from batch means; the expectations are the prior's, found from independent draws.
    """
    mutant, made = mutant or Mutant(), bed(name)
    design = made.design
    rng = np.random.default_rng(seed)
    posterior: Any = Gibbs().compile(_model(made))
    mutant.posterior(posterior)
    if mutant.on:
        posterior.engine = Tampered(posterior.engine, mutant.on)
    draw: Any = prior_draw(design, rng)
    y = simulated(made, draw, rng)
    data = made.placed.data(made.matrices, y)
    state = posterior.init(data, rng)
    rows = []
    for _ in range(steps):
        if not mutant.stale:
            data = made.placed.data(made.matrices, y)
        else:  # the arrays are the same objects, so that nobody sees that the data have changed
            data["y_data"][:] = made.placed.data(made.matrices, y)["y_data"]
        numbers = np.random.default_rng(seed) if mutant.same_numbers else rng
        state, draw, _ = posterior.step(state, data, numbers)
        y = simulated(made, draw, rng, mutant.noise)
        rows.append(seen(made, draw, y))
    return worst(np.array(rows), expected(name, steps))


def simulated(made: Bed, draw: Any, rng: np.random.Generator, noise: float = 1.0) -> np.ndarray:
    """All rows' values given a draw."""
    everything = np.arange(len(next(iter(made.matrices.values()))))
    theta = made.placed.predict(draw, made.matrices, everything)
    return made.design.family.impute(rng, {**theta, "sigma": theta["sigma"] * noise} if "sigma" in theta else theta)


def seen(made: Bed, draw: Any, y: np.ndarray) -> np.ndarray:
    """Bounded functions of parameters, effects and data: values, squares, products with the intercept."""
    of_blocks = [draw[f"{b.key}{part}"].ravel()[:2] for b in made.design.laws for part in ("", "_sd", "_corr")]
    more = [np.ravel(draw[name]) for name in ("sigma", "nu", "alpha", "skew", "cutpoints") if name in draw]
    common = [
        draw[p.key] for p in made.design.predictors if p.matrix is not None and p.parameter.name in ("mu", "zero")
    ]
    values = np.tanh(np.concatenate([*common, *more, *of_blocks, y[:3] / made.design.scale]))
    return np.concatenate([values, values**2, values[0] * values[1:]])


@cache
def expected(name: str, size: int) -> np.ndarray:
    """What is seen of independent draws from the prior, shape (draw, function)."""
    made, rng = bed(name), np.random.default_rng(5)
    draws = [prior_draw(made.design, rng) for _ in range(size)]
    return np.array([seen(made, draw, simulated(made, draw, rng)) for draw in draws])


def _model(made: Bed) -> Any:
    from bayesimpute.samplers import ConditionalModel

    y = np.zeros(len(next(iter(made.matrices.values()))))
    return ConditionalModel(made.design, made.placed.data(made.matrices, y))


def worst(chain: np.ndarray, truth: np.ndarray) -> float:
    batches = chain.reshape(BATCHES, -1, chain.shape[1]).mean(axis=1)
    error = np.hypot(batches.std(axis=0, ddof=1) / np.sqrt(BATCHES), truth.std(axis=0) / np.sqrt(len(truth)))
    return float(np.abs((chain.mean(axis=0) - truth.mean(axis=0)) / error).max())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random slopes", "crossed", "logit", "probit", "student_t", "ordinal"])
def test_parameters_and_data_in_turn_keep_the_prior(name: str) -> None:
    slow = 4 if name == "crossed" else 1  # the two keys' intercepts move against each other
    assert geweke(name, steps=slow * STEPS) < ERRORS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random slopes", "crossed", "sigma by cluster", *LATENT])
def test_parameters_and_data_in_turn_keep_the_prior_for_long(name: str) -> None:
    assert geweke(name, steps=10 * STEPS) < ERRORS


def change(posterior: Any, **arrays: np.ndarray) -> None:
    """Another layout."""
    posterior.engine = replace(posterior.engine, lay=posterior.engine.lay._replace(**arrays))


def without_prior(posterior: Any) -> None:
    """The priors of deviations ten times as wide."""
    args = posterior.engine.lay.args.copy()
    args[posterior.engine.lay.kinds == 1] *= 10
    change(posterior, args=args)


def without_correlations(posterior: Any) -> None:
    """Effects of a cluster as good as independent."""
    args = posterior.engine.lay.args.copy()
    args[posterior.engine.lay.kinds == 0] = 1e4
    change(posterior, args=args)


def without_coefficients_prior(posterior: Any) -> None:
    """Coefficients without a prior."""
    precision = posterior.engine.lay.precision
    change(posterior, precision=np.where(precision == 1, 1.0, 1e-2))


def with_wide_nu_prior(posterior: Any) -> None:
    """Ten times as wide."""
    posterior.engine = replace(posterior.engine, args=posterior.engine.args * np.array([[1.0, 1.0], [1.0, 0.1]]))


def with_wide_alpha_prior(posterior: Any) -> None:
    """Four times as wide."""
    posterior.engine = replace(posterior.engine, other=Prior.of("Gamma", 4, 0.5))


def rows_by(draw: Callable[..., None]) -> Callable[..., Any]:
    """Sweeps of a logit model with other weights, from the same kernels."""

    def step(fitted: Any, rng: np.random.Generator, arrays: Any, sweeps: int, tune: bool) -> Any:
        for _ in range(sweeps):
            theta, z, *_ = state = states.from_arrays(arrays)
            b = effects.outer_effects(theta, fitted.lay, z)
            eta = predictor_rows.predicted(fitted.columns, b, arrays["u"], fitted.lay, fitted.rows)
            root, response = np.empty(eta.size), np.empty(eta.size)
            draw(rng, eta, fitted.columns.y, root, response)
            known = weighted_products(root, response, fitted.columns, fitted.lay, fitted.rows)
            state, _, u = run(rng, state, 1, tune, fitted.lay, known, np.zeros((0, 0)))
            arrays = {**arrays, **states.to_arrays(state), "u": u}
        return arrays, 1.0

    return step


def right(rng: np.random.Generator, eta: np.ndarray, *rows: np.ndarray) -> None:
    """The weights as they should be."""
    binary.draw_logit(rng, eta, *rows)


def weights_at_zero(rng: np.random.Generator, eta: np.ndarray, *rows: np.ndarray) -> None:
    """PG(1, 0) for all."""
    binary.draw_logit(rng, 0 * eta, *rows)


def weights_used_again(rng: np.random.Generator, eta: np.ndarray, *rows: np.ndarray) -> None:
    """The same random numbers in each sweep."""
    del rng
    binary.draw_logit(np.random.default_rng(1), eta, *rows)


def without_effects(fitted: Any, rng: np.random.Generator, arrays: Any, sweeps: int, tune: bool) -> Any:
    """Stale latent variables: of a predictor with no inner effects."""
    for _ in range(sweeps):
        arrays, _ = fitted.step(rng, {**arrays, "u": np.zeros_like(arrays["u"])}, 1, tune)
    return arrays, 1.0


def exposed_otherwise(fitted: Any, *arguments: Any) -> Any:
    """Counts of a third more exposure than they had."""
    return replace(fitted, counted=fitted.counted._replace(added=fitted.counted.added + 0.3)).step(*arguments)


@dataclass
class Tampered:
    """An engine whose fitted models make their steps in another way."""

    engine: Any
    how: Callable[..., Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def on(self, data: Any, y: np.ndarray) -> Any:
        fitted = self.engine.on(data, y)
        return SimpleNamespace(step=lambda *args: self.how(fitted, *args))


def limits_are_values(fitted: Any, rng: np.random.Generator, arrays: Any, sweeps: int, tune: bool) -> Any:
    """As if nothing lay beyond them."""
    return replace(fitted, beyond=0 * fitted.beyond).step(rng, arrays, sweeps, tune)


def without_normaliser(fitted: Any, *arguments: Any) -> Any:
    """As if truncated numbers had no limits."""
    return replace(fitted, counted=fitted.counted._replace(beside=0 * fitted.columns.y)).step(*arguments)


def zeros_of_counts(fitted: Any, *arguments: Any) -> Any:
    """As if no zero were structural."""

    def given(mixture: Any, k: int, etas: Any, owns: Any) -> Any:
        part = mixture.parts[k]
        return replace(part, fitted=part.fitted.beside(np.full(len(etas[k]), -30.0 if k else 0.0)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(fitted), "_given_rows", given)
        return fitted.step(*arguments)


def parts_in_another_order(fitted: Any, *arguments: Any) -> Any:
    """Each yes/no part with the values, and the rows, of the other."""
    one, other, some = fitted.parts
    parts = (replace(one, fitted=other.fitted, codes=other.codes, columns=other.columns),
             replace(other, fitted=one.fitted, codes=one.codes, columns=one.columns), some)  # fmt: skip
    return replace(fitted, parts=parts).step(*arguments)


def narrow_cutpoints(posterior: Any) -> None:
    """Shares of labels as good as equal."""
    posterior.engine = replace(posterior.engine, priors=(Prior.of("DirichletLogit", 20.0),) * 3)


def other_labels_forgotten(fitted: Any, rng: np.random.Generator, arrays: Any, sweeps: int, tune: bool) -> Any:
    """A label against the rest as if these had no predictors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "others", lambda eta, k: np.full(len(eta), np.log(eta.shape[1] - 1)))
        return fitted.step(rng, arrays, sweeps, tune)


def effects_apart(posterior: Any) -> None:
    """Labels' effects as good as independent."""
    wholes = [replace(w, lay=w.lay._replace(args=np.where(w.lay.kinds[:, None] == 0, 1e4, w.lay.args)))
              for w in posterior.engine.together]  # fmt: skip
    posterior.engine = replace(posterior.engine, together=tuple(wholes))


MUTANTS = {
    "wide priors of deviations": Mutant(posterior=without_prior),
    "no correlations": Mutant(posterior=without_correlations),
    "no prior of coefficients": Mutant(posterior=without_coefficients_prior),
    "random numbers used again": Mutant(same_numbers=True),
    "old cross-products": Mutant(stale=True),
    "little residual noise": Mutant(noise=0.96),
}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_mistakes_are_seen(mutant: Mutant) -> None:
    assert geweke("random slopes", mutant=mutant, steps=STEPS // 2) > ERRORS


LATENT_MUTANTS = {
    "ordinal, narrow prior of cutpoints": ("ordinal", Mutant(posterior=narrow_cutpoints)),
    "ordinal, wide priors of deviations": ("ordinal", Mutant(posterior=without_prior)),
    "ordinal, stale latent variables": ("ordinal", Mutant(on=without_effects)),
    "categorical, other labels forgotten": ("categorical", Mutant(on=other_labels_forgotten)),
    "categorical, effects apart": ("categorical", Mutant(posterior=effects_apart)),
    "logit, wide priors of deviations": ("logit", Mutant(posterior=without_prior)),
    "logit, random numbers used again": ("logit", Mutant(same_numbers=True)),
    "logit, weights at zero": ("logit", Mutant(on=rows_by(weights_at_zero))),
    "logit, weights' random numbers used again": ("logit", Mutant(on=rows_by(weights_used_again))),
    "logit, stale latent variables": ("logit", Mutant(on=without_effects)),
    "probit, no prior of coefficients": ("probit", Mutant(posterior=without_coefficients_prior)),
    "probit, stale latent variables": ("probit", Mutant(on=without_effects)),
    "poisson, wide priors of deviations": ("poisson", Mutant(posterior=without_prior)),
    "poisson, random numbers used again": ("poisson", Mutant(same_numbers=True)),
    "poisson, another exposure": ("poisson", Mutant(on=exposed_otherwise)),
    "gamma, wide prior of alpha": ("gamma", Mutant(posterior=with_wide_alpha_prior)),
    "beta, wide priors of deviations": ("beta", Mutant(posterior=without_prior)),
    "negative binomial, no prior of coefficients": (
        "negative binomial",
        Mutant(posterior=without_coefficients_prior),
    ),
    "negative binomial, wide prior of alpha": ("negative binomial", Mutant(posterior=with_wide_alpha_prior)),
    "student_t, wide prior of nu": ("student_t", Mutant(posterior=with_wide_nu_prior)),
    "student_t, stale latent variables": ("student_t", Mutant(on=without_effects)),
    "censored, wide priors of deviations": ("censored", Mutant(posterior=without_prior)),
    "censored, stale latent variables": ("censored", Mutant(on=without_effects)),
    "censored, limits are values": ("censored", Mutant(on=limits_are_values)),
    "truncated, no normaliser": ("truncated", Mutant(on=without_normaliser)),
    "zero-inflated, no structural zeros": ("zero-inflated", Mutant(on=zeros_of_counts)),
    "zero- and one-inflated beta, parts in another order": (
        "zero- and one-inflated beta",
        Mutant(on=parts_in_another_order),
    ),
    "student_t, little residual noise": ("student_t", Mutant(noise=0.96)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "mutant"), LATENT_MUTANTS.values(), ids=LATENT_MUTANTS.keys())
def test_mistakes_with_latent_variables_are_seen(name: str, mutant: Mutant) -> None:
    assert geweke(name, mutant=mutant, steps=STEPS // 2) > ERRORS


@pytest.mark.slow
def test_the_sweep_that_is_tampered_with_is_right_otherwise() -> None:
    assert geweke("logit", mutant=Mutant(on=rows_by(right)), steps=STEPS // 2) < ERRORS
