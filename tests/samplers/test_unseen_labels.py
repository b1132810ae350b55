"""A label that nobody has, in a model of all labels, is drawn as often as its prior has it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreeing import BATCHES, chain
from modelling import completed, conditional, only, placed, workspace
from scipy import stats
from scipy.special import expit, ndtr, softmax

from bayesimpute.families import Categorical, Ordinal
from bayesimpute.samplers import ConditionalModel, Nuts
from bayesimpute.samplers.gibbs import Gibbs

pytestmark = pytest.mark.long(8)

ERRORS = 4.5
SEEN = (5, 7)
"""How often the two labels are observed that somebody has."""
SAMPLERS = [Gibbs(), pytest.param(Nuts(), marks=pytest.mark.slow)]
each_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=["gibbs", "nuts"])


def model(family: Any, there: tuple[int, int], right: str = "1", **more: Any) -> ConditionalModel:
    """Of three labels, of which two are there."""
    codes = np.repeat([*there, -1], [*SEEN, 2])
    y = pd.Categorical.from_codes(codes, ["a", "b", "c"], ordered=isinstance(family, Ordinal))
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"y": y, "x": rng.normal(size=len(y)), "g": np.arange(len(y)) % 5})
    space = workspace(frame, conditional(f"y ~ {right}", family=family, **more))
    done, (_, design), at = completed(space), only(space), placed(space)
    return ConditionalModel(design, at.data(design.matrices(done.columns), done.values["y"]))


def gap(values: np.ndarray, expected: float) -> float:
    """Of the mean of a chain from what it should be, in standard errors from batch means."""
    batches = values.reshape(BATCHES, -1).mean(axis=1)
    return float(abs(batches.mean() - expected) / (batches.std(ddof=1) / np.sqrt(BATCHES)))


@each_sampler
@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize(("unseen", "there"), [(0, (1, 2)), (2, (0, 1)), (1, (0, 2))], ids=["first", "last", "inner"])
def test_the_share_of_an_ordered_label_is_that_of_the_dirichlet_distribution(
    unseen: int, there: tuple[int, int], link: Any, sampler: Any
) -> None:
    """Without predictors shares are Dirichlet given the counts, which the prior's parameter is added to."""
    inner: dict[str, Any] = {"priors": {"cutpoints": f"Dirichlet{link.capitalize()}(1)"}} if unseen == 1 else {}
    made = model(Ordinal(link=link, labels="all"), there, **inner)
    alpha = 1.0 if inner else 1 / 3
    found = chain(made, sampler, 6000, thin=4 if isinstance(sampler, Gibbs) else 1)
    below = np.pad((expit if link == "logit" else ndtr)(found), ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1)))
    assert gap(np.diff(below, axis=1)[:, unseen], alpha / (sum(SEEN) + 3 * alpha)) < ERRORS


@each_sampler
def test_the_share_of_a_label_in_no_order_is_that_of_quadrature(sampler: Any) -> None:
    """Over the differences of the intercepts from the first."""
    made = model(Categorical(labels="all"), (0, 1))
    priors = [p.priors[0] for p in made.design.predictors]
    means, (sd,) = np.array([p.args[0] for p in priors]), {p.args[1] for p in priors}
    assert means[2] - means[0] == pytest.approx(np.log(1 / 3) - np.log(5 + 1 / 3))
    b, c = np.meshgrid(np.linspace(-14, 14, 401), np.linspace(-25, 15, 401), indexing="ij")
    at = np.stack([b, c], axis=-1)
    shares = softmax(np.concatenate([np.zeros((*b.shape, 1)), at], axis=-1), axis=-1)
    prior = stats.multivariate_normal.logpdf(at, means[1:] - means[0], sd**2 * (np.eye(2) + 1))
    log = prior + (np.array(SEEN) * np.log(shares[..., :2])).sum(axis=-1)
    weights = np.exp(log - log.max())
    expected = float((weights * shares[..., 2]).sum() / weights.sum())
    found = softmax(chain(made, sampler, 6000), axis=1)
    assert 0.01 < expected < 0.05 and gap(found[:, 2], expected) < ERRORS


@pytest.mark.parametrize("family", [Categorical(labels="all"), Ordinal(labels="all")], ids=["categorical", "ordinal"])
def test_the_compiled_sampler_takes_them(family: Any) -> None:
    assert Gibbs().supports(model(family, (0, 1), "x + (1 + x | g)"))
