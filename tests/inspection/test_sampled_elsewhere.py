"""A model taken away and sampled by others has a run's posterior: where predictors are complete, a run is MCMC of it.

``pytest -m slow tests/inspection/test_sampled_elsewhere.py``; nutpie and NumPyro are no dependencies, and are skipped
where they are not installed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from modelling import conditional, school_frame

import bayesimpute as bi

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SETTINGS = {"draws": 750, "tune": 500, "chains": 4}


def of_pymc(model: Any) -> xr.Dataset:
    import pymc as pm

    more = {"cores": 1, "random_seed": 2, "progressbar": False, "target_accept": 0.9}
    return pm.sample(model=model, **SETTINGS, **more)["posterior"].to_dataset()


def of_nutpie(model: Any) -> xr.Dataset:
    nutpie = pytest.importorskip("nutpie")
    more = {"cores": 2, "seed": 2, "progress_bar": False, "target_accept": 0.9}
    return nutpie.sample(nutpie.compile_pymc_model(model), **SETTINGS, **more)["posterior"].to_dataset()


def of_numpyro(model: Any) -> xr.Dataset:
    pytest.importorskip("numpyro")
    from pymc.sampling.jax import sample_numpyro_nuts

    more = {"random_seed": 2, "progressbar": False, "target_accept": 0.9, "chain_method": "sequential"}
    return sample_numpyro_nuts(model=model, **SETTINGS, **more)["posterior"].to_dataset()


ELSEWHERE: Mapping[str, Callable[[Any], xr.Dataset]] = {"pymc": of_pymc, "nutpie": of_nutpie, "numpyro": of_numpyro}


def survey() -> tuple[pd.DataFrame, bi.Conditional]:
    """As the case of HIV: who asks goes with consent only."""
    frame = bi.simulate_hiv_survey(seed=3, n=400, regions=4, interviewers=20).incomplete
    formulas = {"mu": "hiv ~ age + C(region)", "selection": "hivconsent ~ age + C(region) + (1 | interviewer)"}
    return frame, bi.Conditional(target="hiv", family="heckman_probit", formulas=formulas)


def schools(family: str, **more: str) -> tuple[pd.DataFrame, bi.Conditional]:
    frame = school_frame()
    return frame.assign(b=frame["b"].fillna(0.0)), conditional("y ~ x + (1 | school)", family=family, **more)


MODELS: Mapping[str, Callable[[], tuple[pd.DataFrame, bi.Conditional]]] = {
    "gaussian": lambda: schools("gaussian"),
    "heckman_gaussian": lambda: schools("heckman_gaussian", selection="x + w"),
    "heckman_probit": survey,
}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_posterior_of_a_run(name: str, elsewhere: str) -> None:
    """Means, and of standard deviations the squares' means, to four Monte Carlo errors."""
    from arviz_stats import ess

    frame, item = MODELS[name]()
    made = bi.impute(frame, item, seed=1, m=4, sweeps=2000, sampler="gibbs", progress=False)
    theirs, ours = ELSEWHERE[elsewhere](made.model(item.target).pymc), made.posterior(item.target)["posterior"]
    common = [v for v in ours.data_vars if v in theirs and set(ours[v].dims) == {"chain", "draw"}]
    assert len(common) >= 4
    for variable in common:
        a, b = (d[variable].values for d in (ours, theirs))
        for x, y in ((a, b), ((a - a.mean()) ** 2, (b - a.mean()) ** 2)):
            error = np.sqrt(sum(float(v.var()) / float(ess(v)) for v in (x, y)))
            print(f"{variable}: {x.mean():.4f} {y.mean():.4f} ± {error:.4f}")
            assert abs(float(x.mean() - y.mean())) < 4 * error, variable
