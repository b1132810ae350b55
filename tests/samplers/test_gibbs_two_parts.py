"""The compiled samplers of amounts, counts with more zeros and proportions with 0 or 1: which models they take, the
likelihood of how many, zeros that may be structural, and what trajectories follow.
"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreeing import disagreement
from modelling import completed, only, placed, workspace
from scipy import stats

from bayesimpute.families import (
    HurdleNegativeBinomial,
    HurdlePoisson,
    OneInflatedBeta,
    Semicontinuous,
    ZeroInflatedBeta,
    ZeroInflatedNegativeBinomial,
    ZeroInflatedPoisson,
    ZeroOneInflatedBeta,
)
from bayesimpute.families.inflated_beta import PARTS, InflatedBeta
from bayesimpute.plan.conditional import Conditional
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs, count_likelihoods
from bayesimpute.samplers.gibbs.joint_leaps import _side
from bayesimpute.samplers.gibbs.joint_trajectories import (
    Place,
    gradient,
    log_likelihood,
    log_priors,
    put_predictors,
)

ERRORS = 4.5
STEP = 1e-4


def frame(n: int = 160, clusters: int = 16) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    g = np.arange(n) % clusters
    u, x = rng.normal(0, 0.6, (2, clusters)), rng.normal(size=n)
    some = rng.random(n) < 1 / (1 + np.exp(-0.3 - x - u[0, g]))
    amount = np.exp(0.4 * x + u[1, g] + rng.normal(0, 0.5, n))
    out = pd.DataFrame({"g": g, "h": np.arange(n) % 5, "x": x, "years": rng.uniform(0.5, 2.0, n)})
    return out.assign(y=np.where(np.arange(n) % 6 == 5, np.nan, some * amount), k=np.ceil(some * amount))


def model(family: Any, mu: str, zero: str, **more: Any) -> ConditionalModel:
    data = frame()
    first = "zero"
    if isinstance(family, InflatedBeta):
        data["y"], (first, *_) = shares(data["y"], family), family.parts
    elif not isinstance(family, Semicontinuous):
        data["y"] = data["k"].where(data["y"].notna())
    formulas = {"mu": f"y ~ {mu}", first: zero, **more.pop("formulas", {})}
    space = workspace(data, Conditional(target="y", family=family, formulas=formulas, **more))
    done, (_, design), at = completed(space), only(space), placed(space)
    held = at.data(design.matrices(done.columns), done.values["y"]) | at.side(done.values)
    return ConditionalModel(design, held)


def shares(amounts: pd.Series, family: InflatedBeta) -> pd.Series:
    """Amounts as proportions, of which the largest are 1; those that the family does not have are none."""
    found = (amounts / (1 + amounts)).mask(amounts > 2.5, 1.0)
    return found.where(~found.isin({0.0, 1.0} - {PARTS[part] for part in family.parts}))


LOGNORMAL, GAMMA = Semicontinuous(positive="lognormal"), Semicontinuous(positive="gamma")
FAMILIES = [
    *(LOGNORMAL, GAMMA, HurdlePoisson(), HurdleNegativeBinomial(), ZeroOneInflatedBeta(), OneInflatedBeta()),
    *(ZeroInflatedPoisson(), ZeroInflatedNegativeBinomial()),
]
BY_G, BY_SLOPES, CROSSED = "x + (1 | g)", "x + (1 + x | g)", "x + (1 + x | g) + (1 | h)"


@pytest.mark.parametrize(
    ("family", "mu", "more", "taken"),
    [
        (LOGNORMAL, CROSSED, {}, True),
        (LOGNORMAL, "x", {}, True),
        (LOGNORMAL, BY_G, {"formulas": {"sigma": "x + (1 | g)"}}, True),
        (GAMMA, CROSSED, {}, True),
        (GAMMA, BY_G, {"formulas": {"alpha": "x"}}, False),
        (LOGNORMAL, BY_G, {"priors": {"zero_x": "Laplace(0, 1)"}}, False),
        (HurdlePoisson(), CROSSED, {"side": {"exposure": "years"}}, True),
        (HurdleNegativeBinomial(), BY_G, {}, True),
        (ZeroOneInflatedBeta(), CROSSED, {"formulas": {"one": "x + (1 | h)"}}, True),
        (ZeroInflatedBeta(), "x", {}, True),
        (ZeroInflatedPoisson(), CROSSED, {"side": {"exposure": "years"}}, True),
        (ZeroInflatedNegativeBinomial(), BY_G, {"formulas": {"alpha": "x"}}, False),
        (OneInflatedBeta(), BY_G, {"formulas": {"kappa": "x"}}, False),
    ],
)
def test_what_it_takes(family: Any, mu: str, more: dict[str, Any], taken: bool) -> None:
    assert Gibbs().supports(model(family, mu, BY_G, **more)) == taken


def test_the_likelihood_of_a_count_above_zero_is_that_of_its_law() -> None:
    y, eta, shape = np.array([1.0, 2.0, 9.0, 40.0]), np.array([-3.0, 0.2, 1.5, 4.0]), 0.7
    size = np.exp(shape)
    laws = {
        count_likelihoods.SOME_POISSON: stats.poisson(np.exp(eta)),
        count_likelihoods.SOME_NEGATIVE_BINOMIAL: stats.nbinom(size, size / (size + np.exp(eta))),
    }
    for kind, law in laws.items():
        found = np.array(
            [count_likelihoods.row_likelihood(kind, e, k, 0.0, shape) for e, k in zip(eta, y, strict=True)]
        )
        other = law.logpmf(y) - np.log(law.sf(0))
        np.testing.assert_allclose(np.diff(found - other - _constant(kind, y, size)), 0, atol=1e-9)


def _constant(kind: int, y: np.ndarray, size: float) -> np.ndarray:
    """What the likelihood leaves out."""
    from scipy.special import gammaln

    rising = gammaln(y + size) - gammaln(size) - y * np.log(size)
    return gammaln(y + 1) - (rising if kind == count_likelihoods.SOME_NEGATIVE_BINOMIAL else 0.0)


@pytest.mark.parametrize("kind", [count_likelihoods.SOME_POISSON, count_likelihoods.SOME_NEGATIVE_BINOMIAL])
@pytest.mark.parametrize("eta", [-6.0, 0.3, 3.0])
def test_its_score_and_information_are_those_of_the_likelihood(kind: int, eta: float) -> None:
    """The information is the mean curvature over the law, by sums over counts."""
    shape, counts = 0.7, np.arange(1, 4000)

    def at(e: float) -> np.ndarray:
        return np.array([count_likelihoods.row_likelihood(kind, e, y, 0.0, shape) for y in counts.astype(float)])

    above, here, below = at(eta + STEP), at(eta), at(eta - STEP)
    found = [count_likelihoods.derivatives(kind, eta, float(y), 0.0, shape) for y in counts[:3]]
    np.testing.assert_allclose([s for s, _ in found], ((above - below) / (2 * STEP))[:3], rtol=1e-6, atol=1e-6)
    size, m = np.exp(shape), np.exp(eta)
    law = stats.poisson(m) if kind == count_likelihoods.SOME_POISSON else stats.nbinom(size, size / (size + m))
    weights = law.pmf(counts) / law.sf(0)
    score = (above - below) / (2 * STEP)
    np.testing.assert_allclose(found[0][1], weights @ score**2, rtol=1e-5, atol=1e-6)
    assert np.isfinite(here).all()


@pytest.mark.parametrize("family", [ZeroInflatedPoisson(), ZeroInflatedNegativeBinomial()], ids=lambda f: f.name)
def test_either_part_has_the_familys_density_of_zeros(family: Any) -> None:
    """With an exposure, at a state with effects of both parts."""
    made = model(family, CROSSED, BY_G, side={"exposure": "years"})
    posterior, rng = Gibbs().compile(made), np.random.default_rng(3)
    state, draw, _ = posterior.step(posterior.init(made.data, rng), made.data, rng)
    fitted, zero = posterior.fitted, made.data["y_data"] == 0
    owns = [part.half.arrays(state.arrays) for part in fitted.parts]
    etas = fitted._begun(owns, state.arrays)
    expected = made.design.logp(draw, made.data)
    for k, less in enumerate((0.0, np.log1p(np.exp(etas[0])))):
        seen, found = fitted._given_rows(k, etas, owns).fitted.likelihood(owns[k]), np.empty(len(zero))
        count_likelihoods.likelihoods(seen.kind, etas[k], seen.y, seen.beside, seen.shape, found)
        np.testing.assert_allclose((found - less)[zero], expected[zero], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("family", [ZeroInflatedPoisson(), HurdleNegativeBinomial()], ids=lambda f: f.name)
def test_a_trajectory_follows_the_gradient_of_the_posterior(family: Any) -> None:
    """Of coefficients, standard normals, deviations and correlations, as differences of the log density have it."""
    made = model(family, BY_SLOPES, BY_G)
    posterior, rng = Gibbs().compile(made), np.random.default_rng(3)
    state, _, _ = posterior.step(posterior.init(made.data, rng), made.data, rng)
    fitted, arrays = posterior.fitted, dict(state.arrays)
    owns, (joint,) = [part.half.arrays(arrays) for part in fitted.parts], fitted.joints
    etas = [part.predictor(own, arrays, fitted.joints) for part, own in zip(fitted.parts, owns, strict=True)]
    sides = tuple(map(_side, fitted.parts, owns, [joint, joint]))
    coefficients = [own["z"][: side.mean.size] for own, side in zip(owns, sides, strict=True)]
    normals = np.linalg.solve(joint.root(arrays), arrays[joint.block.key].T).T
    at = Place(np.concatenate([*coefficients, arrays[f"{joint.block.key}_theta"][1:]]), np.ascontiguousarray(normals))
    bases, here, scored, weights = (tuple(0.0 * eta for eta in etas) for _ in range(4))

    def value(place: Place) -> float:
        put_predictors(sides, bases, place, joint.lay, here)
        return log_likelihood(sides, here) + log_priors(sides, place, joint.lay)

    value(at)
    by, by_h, saying = np.empty(at.c.size), np.empty(at.h.shape), np.empty(at.h.shape[1])
    gradient(sides, at, here, scored, weights, joint.lay, by, by_h, saying)
    for k in range(at.c.size):
        ends = [value(at._replace(c=at.c + sign * STEP * (np.arange(at.c.size) == k))) for sign in (1, -1)]
        np.testing.assert_allclose(by[k], (ends[0] - ends[1]) / (2 * STEP), rtol=1e-5, atol=1e-5)
    for j, b in ((0, 0), (3, 2), (7, 1)):
        one = np.zeros(at.h.shape)
        one[j, b] = STEP
        ends = [value(at._replace(h=at.h + sign * one)) for sign in (1, -1)]
        np.testing.assert_allclose(by_h[j, b], (ends[0] - ends[1]) / (2 * STEP), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_both_samplers_agree(family: Any) -> None:
    found = disagreement(model(family, CROSSED, BY_G), thin=4)
    assert max(found.values()) < ERRORS, found
