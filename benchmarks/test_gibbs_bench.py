"""Visits of the compiled Gibbs sampler on a small and a large data set; prints, asserts no time.

A visit that forgets: new cross-products, as many sweeps as the autocorrelation at fixed data asks for, the effects.
"""

from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
from modelling import conditional, graph_data, only, workspace

from bayesimpute.families import Bernoulli
from bayesimpute.plan.conditional import Conditional
from bayesimpute.running.inner_steps import shortest_lag
from bayesimpute.samplers import SAMPLERS, ConditionalModel

pytestmark = pytest.mark.benchmark
SIZES = {"popmis": (2_000, 100), "large": (100_000, 5_000)}
SLOPE = conditional("y ~ sex + texp + (1 + sex | g)")
SCALED = conditional("y ~ sex + texp + (1 + sex | g)", sigma="(1 | g)")
LOGIT = conditional("b ~ sex + texp + (1 + sex | g)", family="bernoulli")
RARE = conditional("d ~ sex + texp + (1 | g)", family="bernoulli")
PROBIT = conditional("b ~ sex + texp + (1 + sex | g)", family=Bernoulli(link="probit"))
STUDENT = conditional("y ~ sex + texp + (1 + sex | g)", family="student_t")
POISSON = conditional("k ~ sex + texp + (1 | g)", family="poisson")
NEGATIVE_BINOMIAL = conditional("k ~ sex + texp + (1 | g)", family="negative_binomial")
RARE_COUNTS = conditional("r ~ sex + texp + (1 | g)", family="poisson")
CASES = {
    "popmis, gibbs": ("popmis", SLOPE, "gibbs", 1000),
    "popmis, nuts": ("popmis", SLOPE, "nuts", 500),
    "popmis, sigma by cluster, gibbs": (
        "popmis",
        conditional("y ~ sex + (1 + sex | g)", sigma="(1 | g)"),
        "gibbs",
        500,
    ),
    "popmis, sigma by cluster, nuts": ("popmis", SCALED, "nuts", 300),
    "large, gibbs": ("large", SLOPE, "gibbs", 300),
    "popmis, logit, gibbs": ("popmis", LOGIT, "gibbs", 1000),
    "popmis, logit, nuts": ("popmis", LOGIT, "nuts", 200),
    "popmis, rare, logit, gibbs": ("popmis", RARE, "gibbs", 1000),
    "popmis, rare, logit, nuts": ("popmis", RARE, "nuts", 200),
    "popmis, probit, gibbs": ("popmis", PROBIT, "gibbs", 1000),
    "popmis, probit, nuts": ("popmis", PROBIT, "nuts", 200),
    "popmis, student_t, gibbs": ("popmis", STUDENT, "gibbs", 1000),
    "popmis, student_t, nuts": ("popmis", STUDENT, "nuts", 200),
    "popmis, poisson, gibbs": ("popmis", POISSON, "gibbs", 1000),
    "popmis, poisson, nuts": ("popmis", POISSON, "nuts", 200),
    "popmis, negative_binomial, gibbs": ("popmis", NEGATIVE_BINOMIAL, "gibbs", 1000),
    "popmis, negative_binomial, nuts": ("popmis", NEGATIVE_BINOMIAL, "nuts", 200),
    "popmis, rare, poisson, gibbs": ("popmis", RARE_COUNTS, "gibbs", 1000),
    "popmis, rare, poisson, nuts": ("popmis", RARE_COUNTS, "nuts", 200),
    "large, poisson, gibbs": ("large", POISSON, "gibbs", 150),
    "large, negative_binomial, gibbs": ("large", NEGATIVE_BINOMIAL, "gibbs", 150),
    "large, logit, gibbs": ("large", LOGIT, "gibbs", 150),
    "large, rare, logit, gibbs": ("large", RARE, "gibbs", 150),
    "large, probit, gibbs": ("large", PROBIT, "gibbs", 150),
    "large, student_t, gibbs": ("large", STUDENT, "gibbs", 150),
}


def model(size: str, item: Conditional) -> ConditionalModel:
    """Pupils in classes, a fifth of the popularities missing, a random slope of sex.

    ``b`` is yes for the more popular, ``d`` for about one in a hundred; ``k`` are counts, ``r`` rare ones.
    """
    n, clusters = SIZES[size]
    rng = np.random.default_rng(1)
    g = np.arange(n) % clusters
    sex, texp = (rng.random(n) < 0.5).astype(float), rng.normal(14, 6, clusters)[g]
    u = rng.normal(size=(clusters, 2)) @ np.array([[0.7, -0.1], [0.0, 0.4]])
    y = 3 + 1.2 * sex + 0.05 * texp + u[g, 0] + u[g, 1] * sex + 0.65 * rng.normal(size=n)
    noise = rng.logistic(size=n)
    values = {"y": y, "b": (y - 4.3 + noise > 0).astype(float), "d": (y - 9.8 + noise > 0).astype(float)}
    varying = rng.gamma(2, 0.5, n)
    values |= {name: rng.poisson(np.exp(by + 0.4 * y) * varying).astype(float) for name, by in (("k", -1), ("r", -6))}
    target = values[item.target]
    target[rng.random(n) < 0.2] = np.nan
    space = workspace(pd.DataFrame({"g": g, "sex": sex, "texp": texp, item.target: target}), item)
    return ConditionalModel(only(space)[1], graph_data(space))


@pytest.mark.parametrize("case", CASES)
def test_a_visit(benchmark, case: str) -> None:
    size, item, name, draws = CASES[case]
    made = model(size, item)
    sampler: Any = SAMPLERS[name]()
    posterior = sampler.compile(made)
    rng = np.random.default_rng(1)
    state = posterior.init(made.data, rng)
    rows = []
    for _ in range(draws):
        state, draw, _ = posterior.step(state, made.data, rng)
        rows.append(made.design.posterior(draw))
    steps, left = shortest_lag(np.array(rows))

    def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (state, {key: values.copy() for key, values in made.data.items()}, rng), {"transitions": steps}

    benchmark.pedantic(posterior.step, setup=fresh, rounds=20, warmup_rounds=2)
    seconds = benchmark.stats.stats.median
    state, chain = posterior.init(made.data, rng), []
    for _ in range(draws):
        state, draw, _ = posterior.step(state, made.data, rng, transitions=steps)
        chain.append(made.design.posterior(draw))
    least = min(float(az.ess(values[None])) for values in np.array(chain).T) / draws
    print(
        f"\n{case}: {steps} steps (autocorrelation {left:.2f}), {1000 * seconds:.2f} ms a visit, "
        f"at least {least / seconds:.0f} effective draws a second"
    )
