"""Effective draws a second where one kind of outcome is rare: each discrete family, by share and size, beside NUTS.

Data augmentation needs a number of sweeps that grows with n where an outcome is rare, moves by the likelihood do not
(Johndrow, Smith, Pillai & Dunson 2019, J. Am. Stat. Assoc. 114:1394). A hundred clusters with a random intercept, one
predictor; 50 %, 5 %, 1 % or .1 % of the rows have the rarest label, or are not zero. A row of the file has the
effective draws (bulk) of the slowest parameter a second of one core, after the burn-in, and which it is.

    python studies/rare_outcomes.py --workers 1 --out rare_outcomes.csv

Chains go on for `--seconds` or 4,000 transitions, at least 100; NUTS on 1,000 rows only. As in a run, a visit of the
compiled sampler makes more than one transition, of which the last is kept.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # as pytest does

from modelling import conditional, graph_data, only, workspace
from rows import done, gather
from scipy.optimize import brentq

from bayesimpute.families import Bernoulli, Family, Ordinal
from bayesimpute.samplers import ConditionalModel, Nuts
from bayesimpute.samplers.gibbs import Gibbs

CLUSTERS = 100
SHARES = (0.5, 0.05, 0.01, 0.001)
SIZES = {"gibbs": (1_000, 100_000), "nuts": (1_000,)}
LEAST, MOST = 100, 4_000
"""Transitions."""
VISIT = {"gibbs": 2, "nuts": 1}
"""Transitions from one draw to the next."""


@dataclass(frozen=True)
class Case:
    """A family; its outcomes by two linear predictors, whose effects have nothing in common, and a constant."""

    family: str | Family
    make: Callable[[np.random.Generator, np.ndarray, np.ndarray, float], np.ndarray]


def logistic(rng: np.random.Generator, eta: np.ndarray, other: np.ndarray, at: float) -> np.ndarray:
    return (at + eta + rng.logistic(size=len(eta)) > 0).astype(float)


def probit(rng: np.random.Generator, eta: np.ndarray, other: np.ndarray, at: float) -> np.ndarray:
    return (at + 0.6 * eta + rng.normal(size=len(eta)) > 0).astype(float)


def ordered(rng: np.random.Generator, eta: np.ndarray, other: np.ndarray, at: float) -> np.ndarray:
    """The highest of three labels is the rare one."""
    latent = eta + rng.logistic(size=len(eta))
    return (latent > min(0.0, -at - 1)) + (latent > -at).astype(float)


def unordered(rng: np.random.Generator, eta: np.ndarray, other: np.ndarray, at: float) -> np.ndarray:
    """One of three labels is rare."""
    noise = rng.gumbel(size=(len(eta), 3))
    return np.argmax(np.column_stack([0 * eta, other, at + eta]) + noise, axis=1).astype(float)


def counts(rng: np.random.Generator, eta: np.ndarray, other: np.ndarray, at: float) -> np.ndarray:
    return rng.poisson(np.exp(np.minimum(at + eta, 20))).astype(float)


def varying(rng: np.random.Generator, eta: np.ndarray, other: np.ndarray, at: float) -> np.ndarray:
    return rng.poisson(np.exp(np.minimum(at + eta, 20)) * rng.gamma(2, 0.5, len(eta))).astype(float)


def hurdle(rng: np.random.Generator, eta: np.ndarray, other: np.ndarray, at: float) -> np.ndarray:
    return logistic(rng, eta, other, at) * (1 + rng.poisson(np.exp(0.5 + 0.5 * other)))


def amounts(rng: np.random.Generator, eta: np.ndarray, other: np.ndarray, at: float) -> np.ndarray:
    return logistic(rng, eta, other, at) * np.exp(1 + other + 0.5 * rng.normal(size=len(eta)))


CASES: Mapping[str, Case] = {
    "bernoulli, logit": Case("bernoulli", logistic),
    "bernoulli, probit": Case(Bernoulli(link="probit"), probit),
    "ordinal, logit": Case("ordinal", ordered),
    "ordinal, probit": Case(Ordinal(link="probit"), ordered),
    "categorical": Case("categorical", unordered),
    "poisson": Case("poisson", counts),
    "negative_binomial": Case("negative_binomial", varying),
    "hurdle_poisson": Case("hurdle_poisson", hurdle),
    "zero_inflated_poisson": Case("zero_inflated_poisson", hurdle),
    "semicontinuous": Case("semicontinuous", amounts),
}


def data(case: Case, share: float, n: int, seed: int = 1) -> pd.DataFrame:
    """A tenth is missing; the largest of the outcomes' values, or what is not zero, is as rare as asked."""
    rng = np.random.default_rng(seed)
    g, x = np.arange(n) % CLUSTERS, rng.normal(size=n)
    eta, other = (0.5 * x + rng.normal(0, 0.7, CLUSTERS)[g] for _ in range(2))
    below = 1 if case.make in (ordered, unordered) else 0

    def gap(at: float) -> float:
        return float((case.make(np.random.default_rng(seed + 1), eta, other, at) > below).mean()) - share

    y = case.make(np.random.default_rng(seed + 1), eta, other, brentq(gap, -15.0, 15.0, xtol=1e-3))
    place = next(k for k in (3, 4) if (y[np.arange(n) % 10 != k] > below).any())  # where the only one is not missing
    return pd.DataFrame({"g": g, "x": x, "y": np.where(np.arange(n) % 10 == place, np.nan, y)})


def replicate(name: str, share: float, n: int, sampler: str, seconds: float) -> list[dict[str, Any]]:
    """The row of one chain."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        case = CASES[name]
        space = workspace(data(case, share, n), conditional("y ~ x + (1 | g)", family=case.family))
        made = ConditionalModel(only(space)[1], graph_data(space))
        posterior: Any = (Gibbs() if sampler == "gibbs" else Nuts()).compile(made)
        rng, chain, by = np.random.default_rng(1), [], VISIT[sampler]
        state = posterior.init(made.data, rng)
        begun = time.process_time()
        while len(chain) * by < LEAST or (len(chain) * by < MOST and time.process_time() - begun < seconds):
            state, draw, _ = posterior.step(state, made.data, rng, transitions=by)
            chain.append(made.design.posterior(draw))
        spent = time.process_time() - begun
    least = [float(az.ess(values[None])) for values in np.array(chain).T]
    slowest = int(np.argmin(least))
    row = {"family": name, "share": share, "rows": n, "sampler": sampler, "transitions": len(chain) * by}
    return [row | {"ms": 1000 * spent / (len(chain) * by), "ess": least[slowest], "a second": least[slowest] / spent}
            | {"slowest": made.design.names[slowest]}]  # fmt: skip


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Effective draws a second, a line for each family and share."""
    found = found.assign(of=found["sampler"] + ", " + found["rows"].astype(str))
    wide = found.pivot(index=["family", "share"], columns="of", values="a second")
    return wide.reset_index().sort_values(["family", "share"], ascending=[True, False])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Effective draws a second where outcomes are rare.")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="FAMILY")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".study/rare_outcomes.csv"))
    asked = parser.parse_args(arguments)
    old = done(asked.out, "family", "share", "rows", "sampler")
    each = [(f, s, n, k) for f in asked.only for k, sizes in SIZES.items() for n in sizes for s in SHARES]
    gather(replicate, [(*e, asked.seconds) for e in each if e not in old], asked.out, asked.workers)
    print(table(pd.read_csv(asked.out)).to_string(index=False, float_format=lambda value: f"{value:.3g}"))


if __name__ == "__main__":
    main()
