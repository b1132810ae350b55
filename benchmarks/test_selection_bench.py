"""Effective draws of rho a CPU second in selection models: the compiled sampler and NUTS; prints, asserts no time.

``python -m pytest -m benchmark benchmarks/test_selection_bench.py -s``. After adaptation, with one BLAS thread
(``OMP_NUM_THREADS=1``). The survey is ``hiv`` with the formulas and priors of ``models/hiv_heckman.toml``; for a number
that has its real consent, one is simulated on its covariates.
"""

import time
import tomllib
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
from modelling import conditional, graph_data, only, workspace

import bayesimpute as bi
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers import SAMPLERS, ConditionalModel

pytestmark = pytest.mark.benchmark
MODEL = Path(__file__).resolve().parents[1] / "models" / "hiv_heckman.toml"
DRAWS = {"gibbs": 3000, "nuts": 400}


def two_level(binary: bool, n: int = 1000, clusters: int = 25, rho: float = 0.6) -> Workspace:
    """Units in clusters whose effects on outcome and selection are correlated; a good half is observed."""
    rng = np.random.default_rng(1)
    g = np.arange(n) % clusters
    x, z = rng.normal(size=(2, n))
    u = rng.normal(size=(clusters, 2)) @ np.linalg.cholesky(0.3 * np.array([[1, 0.4], [0.4, 1]])).T
    h, o = rng.normal(size=(2, n))
    y = 0.5 + x + u[g, 0] + (1 if binary else 1.5) * (rho * h + np.sqrt(1 - rho**2) * o)
    seen = 0.3 + 0.5 * x + 0.8 * z + u[g, 1] + h > 0
    frame = pd.DataFrame({"g": g, "x": x, "z": z, "y": np.where(seen, (y > 0) * 1.0 if binary else y, np.nan)})
    family = "heckman_probit" if binary else "heckman_gaussian"
    return workspace(frame, conditional("y ~ x + (1 | g)", selection="x + z + (1 | g)", family=family))


def survey(binary: bool) -> Workspace:
    """6,416 men, 91 interviewers; 5,098 results."""
    item, data = tomllib.loads(MODEL.read_text())["conditional"][0], bi.load_dataset("hiv")
    _, _, right = item["formulas"]["mu"].partition("~")
    _, _, selection = item["formulas"]["selection"].partition("~")
    if binary:
        priors = item["priors"]
        return workspace(data, conditional(f"hiv ~ {right}", selection=selection, family=item["family"], priors=priors))
    number = 1 + 0.05 * data["age"] + np.random.default_rng(5).normal(size=len(data))
    data = data.assign(number=number.where(data["hiv"].notna())).drop(columns="hiv")
    return workspace(data, conditional(f"number ~ {right}", selection=selection, family="heckman_gaussian"))


CASES = {
    "two levels, numbers": lambda: two_level(False),
    "two levels, yes/no": lambda: two_level(True),
    "survey, numbers": lambda: survey(False),
    "survey, yes/no": lambda: survey(True),
}


@pytest.mark.parametrize("sampler", DRAWS)
@pytest.mark.parametrize("case", CASES)
def test_effective_draws_of_rho(case: str, sampler: str) -> None:
    space = CASES[case]()
    model = ConditionalModel(only(space)[1], graph_data(space))
    posterior: Any = SAMPLERS[sampler]().compile(model)
    warm = posterior.init(model.data, np.random.default_rng(9))
    posterior.step(warm, model.data, np.random.default_rng(9))  # all is compiled or read from a cache
    rng, rows, start = np.random.default_rng(1), [], time.process_time()
    state = posterior.init(model.data, rng)
    adapted = time.process_time()
    for _ in range(DRAWS[sampler]):
        state, draw, _ = posterior.step(state, model.data, rng)
        rows.append(model.design.posterior(draw))
    seconds = time.process_time() - adapted
    effective = {name: float(az.ess(v[None])) for name, v in zip(model.design.names, np.array(rows).T, strict=True)}
    least = min(effective, key=lambda name: effective[name])
    print(
        f"\n{case}, {sampler}: {effective['rho'] / seconds:.0f} effective draws of rho a second, "
        f"{effective[least] / seconds:.0f} of the slowest ({least}); {1000 * seconds / len(rows):.2f} ms a transition, "
        f"adapted in {adapted - start:.1f} s"
    )
