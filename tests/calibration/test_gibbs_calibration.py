"""The compiled Gibbs sampler is calibrated, also where clusters are tiny or empty and deviations near zero.

Simulation-based calibration as in ``test_sbc.py``, and Geweke's test of the joint distribution (2004, JASA 99:799):
parameters drawn given data and data given parameters, in turn, must leave the prior as it was. It sees what small
errors of a sampler do, because they add up; and it sees every mistake that the mutants below make on purpose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sbc import DEVIATIONS, PRIORS, SPREAD, Bed, Structure, outside, prepare, study

from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.gibbs.posterior import GibbsPosterior
from bayesimpute.samplers.prior import prior_draw

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
THIN = 4
STEPS = 4000
ERRORS = 4.5
BATCHES = 40


def tiny_clusters(seed: int = 8) -> pd.DataFrame:
    """Twenty-four clusters of one to three units, some without an observed value, and eleven of another key."""
    rng = np.random.default_rng(seed)
    sizes = np.tile([1, 2, 3], 8)
    g = np.repeat(np.arange(len(sizes)), sizes)
    n = len(g)
    frame = pd.DataFrame({"g": g, "h": np.arange(n) % 11, "x": rng.normal(size=n), "y": 2 * rng.normal(size=n)})
    frame.loc[frame["g"].isin([3, 9, 16, 23]) | (frame.index % 5 == 1), "y"] = np.nan
    return frame


@cache
def bed(name: str) -> Bed:
    return prepare(STRUCTURES[name], sampler=Gibbs(), frame=tiny_clusters())


@pytest.mark.parametrize("name", ["random slopes", "deviations near zero", "crossed"])
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

    posterior: Callable[[GibbsPosterior], None] = lambda _: None
    same_numbers: bool = False
    stale: bool = False
    noise: float = 1.0


def geweke(name: str, *, mutant: Mutant | None = None, steps: int = STEPS, seed: int = 3) -> float:
    """The largest error of means and second moments of the chain of parameters and data, in standard errors.

    Those of the chain come from batch means; the expectations are the prior's, found from independent draws.
    """
    mutant, made = mutant or Mutant(), bed(name)
    design = made.design
    rng = np.random.default_rng(seed)
    posterior: Any = Gibbs().compile(_model(made))
    mutant.posterior(posterior)
    draw: Any = prior_draw(design, rng)
    y = simulated(made, draw, rng)
    data = design.data(made.matrices, y)
    state = posterior.init(data, rng)
    rows = []
    for _ in range(steps):
        if not mutant.stale:
            data = design.data(made.matrices, y)
        else:  # the arrays are the same objects, so that nobody sees that the data have changed
            data["y_data"][:] = design.data(made.matrices, y)["y_data"]
        numbers = np.random.default_rng(seed) if mutant.same_numbers else rng
        state, draw, _ = posterior.step(state, data, numbers)
        y = simulated(made, draw, rng, mutant.noise)
        rows.append(seen(made, draw, y))
    return worst(np.array(rows), expected(name, steps))


def simulated(made: Bed, draw: Any, rng: np.random.Generator, noise: float = 1.0) -> np.ndarray:
    """All rows' values given a draw."""
    everything = np.arange(len(next(iter(made.matrices.values()))))
    theta = made.design.predict(draw, made.matrices, everything)
    return made.design.family.impute(rng, {**theta, "sigma": theta["sigma"] * noise})


def seen(made: Bed, draw: Any, y: np.ndarray) -> np.ndarray:
    """Bounded functions of parameters, effects and data: values, squares, products with the intercept."""
    of_blocks = [draw[f"{b.key}{part}"].ravel()[:2] for b in made.design.blocks for part in ("", "_sd", "_corr")]
    values = np.tanh(np.concatenate([draw["mu"], np.ravel(draw["sigma"]), *of_blocks, y[:3] / made.design.scale]))
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
    return ConditionalModel(made.design, made.design.data(made.matrices, y))


def worst(chain: np.ndarray, truth: np.ndarray) -> float:
    batches = chain.reshape(BATCHES, -1, chain.shape[1]).mean(axis=1)
    error = np.hypot(batches.std(axis=0, ddof=1) / np.sqrt(BATCHES), truth.std(axis=0) / np.sqrt(len(truth)))
    return float(np.abs((chain.mean(axis=0) - truth.mean(axis=0)) / error).max())


@pytest.mark.parametrize("name", ["random slopes", "crossed"])
def test_parameters_and_data_in_turn_keep_the_prior(name: str) -> None:
    assert geweke(name) < ERRORS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random slopes", "crossed", "sigma by cluster"])
def test_parameters_and_data_in_turn_keep_the_prior_for_long(name: str) -> None:
    assert geweke(name, steps=10 * STEPS) < ERRORS


def without_prior(posterior: GibbsPosterior) -> None:
    """The priors of deviations ten times as wide."""
    args = posterior.layout.args.copy()
    args[posterior.layout.kinds == 1] *= 10
    posterior.layout = posterior.layout._replace(args=args)


def without_correlations(posterior: GibbsPosterior) -> None:
    """Effects of a cluster as good as independent."""
    args = posterior.layout.args.copy()
    args[posterior.layout.kinds == 0] = 1e4
    posterior.layout = posterior.layout._replace(args=args)


def without_coefficients_prior(posterior: GibbsPosterior) -> None:
    """Coefficients without a prior."""
    posterior.layout = posterior.layout._replace(precision=np.where(posterior.layout.precision == 1, 1.0, 1e-2))


MUTANTS = {
    "wide priors of deviations": Mutant(posterior=without_prior),
    "no correlations": Mutant(posterior=without_correlations),
    "no prior of coefficients": Mutant(posterior=without_coefficients_prior),
    "random numbers used again": Mutant(same_numbers=True),
    "old cross-products": Mutant(stale=True),
    "little residual noise": Mutant(noise=0.96),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_mistakes_are_seen(mutant: Mutant) -> None:
    assert geweke("random slopes", mutant=mutant, steps=STEPS // 2) > ERRORS
