"""Wages of married women (Mroz 1987): posteriors of Heckman's model under flat priors against maximum likelihood.

Wooldridge (2003, example 17.5): log wage on education and experience; selection also on age, children and the family's
other income. The log-likelihood is regular and close to quadratic there, so posterior means and maximum-likelihood
estimates agree to a small part of a standard deviation.

Greene (2003, example 22.8): the wage itself. Beside the mode with rho = -.13 that likelihood has a degenerate one that
is a hundred log units higher, which any sampler of the whole posterior must end in; so there rho is fixed at the
published maximum, where the remaining parameters have one mode, the published one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pytest
from scipy import optimize
from scipy.special import log_ndtr

import bayesimpute as bi
from bayesimpute import Conditional, Plan, Run
from bayesimpute.families import HeckmanGaussian

pytestmark = pytest.mark.slow

PART = {"sigma": 0.4}
"""Of a posterior SD: how far a posterior mean may be from the mode, beside three Monte Carlo errors; .15 if not here.

The posterior of a residual SD is skewed: its mean is some (p + 2) / sqrt(2 n), here .2, of its SDs above the mode for p
coefficients and n = 428 wages, and the uncertainty of rho adds to that.
"""
ERRORS = 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A wage equation, and flat priors: normals some hundred standard errors wide."""

    target: str
    outcome: tuple[str, ...]
    selection: tuple[str, ...]
    published: Mapping[str, float]
    rho: float | None = None

    @property
    def plan(self) -> Plan:
        """What is run."""
        names = ["Intercept", *self.outcome, *(f"selection_{name}" for name in ("Intercept", *self.selection))]
        priors = {name: "Normal(0, 1000)" if "Intercept" in name else "Normal(0, 100)" for name in names}
        item = Conditional(
            target=self.target,
            family=HeckmanGaussian(rho=self.rho),
            formulas={"mu": f"{self.target} ~ {' + '.join(self.outcome)}", "selection": " + ".join(self.selection)},
            priors=priors | {"sigma": "HalfNormal(1000)"} | ({} if self.rho else {"rho": "Uniform(-1, 1)"}),
        )
        return Plan.of(item, run=Run(m=4, chains=2, warmup=100, sweeps=2000))


WOOLDRIDGE = Model(
    target="lwage",
    outcome=("educ", "exper", "expersq"),
    selection=("nwifeinc", "educ", "exper", "expersq", "age", "kids5", "kids618"),
    published={
        "Intercept": -0.5527,
        "educ": 0.1083,
        "exper": 0.0428,
        "expersq": -0.00084,
        "sigma": 0.6634,
        "rho": 0.0266,
    },
)
GREENE = Model(
    target="wage",
    outcome=("exper", "expersq", "educ", "city"),
    selection=("age", "agesq", "faminc", "kids", "educ"),
    published={
        "Intercept": -1.9630,
        "exper": 0.02787,
        "expersq": -0.000104,
        "educ": 0.4570,
        "city": 0.4465,
        "sigma": 3.1084,
    },
    rho=-0.1320,
)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A posterior and the maximum of its likelihood."""

    model: Model
    frame: pd.DataFrame
    imputed: bi.MultiplyImputed

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Posterior mean, SD and Monte Carlo error, by parameter."""
        import arviz as az

        draws = self.imputed.draws(self.model.target)
        names = list(draws.data_vars)
        ess = az.ess(draws)
        rows = [(draws[n].mean().item(), draws[n].std().item(), ess[n].item()) for n in names]
        table = pd.DataFrame(rows, index=names, columns=["mean", "sd", "ess"])
        return table.assign(error=table["sd"] / np.sqrt(table["ess"]))

    @cached_property
    def maximum(self) -> tuple[dict[str, float], float]:
        """Maximum-likelihood estimates by the posterior's names, and the log-likelihood there."""
        m, names = self.model, list(self.summary.index)
        x, scale_x = _matrix(self.frame, m.outcome)
        w, scale_w = _matrix(self.frame, m.selection)
        y = self.frame[m.target].to_numpy()

        def deviance(q: np.ndarray) -> float:
            rho = m.rho if m.rho is not None else np.tanh(q[-1])
            return -loglik(y, x @ q[: x.shape[1]], w @ q[x.shape[1] : x.shape[1] + w.shape[1]], np.exp(q[-2]), rho)

        start = np.zeros(x.shape[1] + w.shape[1] + 2)
        start[0], start[-2] = np.nanmean(y), np.log(np.nanstd(y))
        found = optimize.minimize(deviance, start, method="BFGS", options={"gtol": 1e-4})
        b, a = (_back(q, s) for q, s in ((found.x[: x.shape[1]], scale_x), (found.x[x.shape[1] : -2], scale_w)))
        values = dict(zip(["Intercept", *m.outcome], b, strict=True))
        values |= dict(zip((f"selection_{n}" for n in ("Intercept", *m.selection)), a, strict=True))
        values |= {"sigma": float(np.exp(found.x[-2])), "rho": float(np.tanh(found.x[-1]))}
        return {name: values[name] for name in names}, -float(found.fun)


def loglik(y: np.ndarray, mu: np.ndarray, s: np.ndarray, sigma: float, rho: float) -> float:
    """Of Heckman's model; y is NaN where it was not observed."""
    seen = ~np.isnan(y)
    e = (y[seen] - mu[seen]) / sigma
    density = -0.5 * e**2 - 0.5 * np.log(2 * np.pi) - np.log(sigma)
    chosen = log_ndtr((s[seen] + rho * e) / np.sqrt(1 - rho**2))
    return float((density + chosen).sum() + log_ndtr(-s[~seen]).sum())


def _matrix(frame: pd.DataFrame, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    values = frame[list(names)].to_numpy(float)
    centre, spread = values.mean(axis=0), values.std(axis=0)
    return np.column_stack([np.ones(len(values)), (values - centre) / spread]), (centre, spread)


def _back(q: np.ndarray, scale: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    centre, spread = scale
    slopes = q[1:] / spread
    return np.array([q[0] - slopes @ centre, *slopes])


@pytest.fixture(scope="module")
def fitted(public_data: None) -> Callable[[Model], Fitted]:
    frame = bi.load_dataset("mroz87")
    works = frame["lfp"] == 1
    frame = frame.assign(
        wage=frame["wage"].where(works),
        lwage=np.log(frame["wage"].where(works)),
        expersq=frame["exper"] ** 2,
        agesq=frame["age"] ** 2,
        kids=((frame["kids5"] + frame["kids618"]) > 0).astype(float),
    )
    made: dict[str, Fitted] = {}

    def of(model: Model) -> Fitted:
        if model.target not in made:
            used = list(dict.fromkeys([model.target, *model.outcome, *model.selection]))
            run = bi.impute(frame[used], model.plan, seed=1, progress=False)
            made[model.target] = Fitted(model, frame, run)
        return made[model.target]

    return of


@pytest.mark.parametrize("model", [WOOLDRIDGE, GREENE], ids=["Wooldridge", "Greene"])
def test_our_maximum_is_the_published_one(model: Model, fitted: Callable[[Model], Fitted]) -> None:
    values, _ = fitted(model).maximum
    for name, printed in model.published.items():
        digit = 10.0 ** -len(f"{printed!r}".partition(".")[2])
        assert values[name] == pytest.approx(printed, abs=digit), name


def test_the_log_likelihood_is_the_published_one(fitted: Callable[[Model], Fitted]) -> None:
    assert fitted(WOOLDRIDGE).maximum[1] == pytest.approx(-832.885, abs=1e-3)
    assert fitted(GREENE).maximum[1] == pytest.approx(-1581.258, abs=2e-3)


@pytest.mark.parametrize("model", [WOOLDRIDGE, GREENE], ids=["Wooldridge", "Greene"])
def test_posterior_means_under_flat_priors_are_near_the_maximum(
    model: Model, fitted: Callable[[Model], Fitted]
) -> None:
    found = fitted(model)
    values, _ = found.maximum
    for name, row in found.summary.iterrows():
        assert abs(row["mean"] - values[name]) < PART.get(str(name), 0.15) * row["sd"] + ERRORS * row["error"], (
            name,
            row,
            values[name],
        )
    assert (found.summary["ess"] > 400).all()
