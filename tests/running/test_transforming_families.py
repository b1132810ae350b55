"""New rows of other families, drawn in other ways: cells against their law given the parameters behind a dataset."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import run_prior
from scipy import stats
from scipy.special import expit, ndtr
from test_transforming import assert_uniform, parameters, ranks, rows_of

import bayesimpute as bi
from bayesimpute import Conditional, MultiplyImputed

CLUSTERS, SIZE = 30, 10


def table() -> pd.DataFrame:
    """An outcome that bends with x, a yes/no outcome, and x and b with missing cells."""
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(CLUSTERS), SIZE)
    u = rng.normal(size=CLUSTERS)[g]
    z = rng.normal(size=len(g))
    x = z / 2 + u / 2 + rng.normal(size=len(g))
    b = (rng.random(len(g)) < expit(z + u)).astype(float)
    y = x + x**2 / 4 + b + u + rng.normal(size=len(g))
    s = (rng.random(len(g)) < expit(x - b)).astype(float)
    frame = pd.DataFrame({"g": g, "x": x, "b": b, "y": y, "s": s, "z": z})
    frame["x"] = frame["x"].mask(np.arange(len(g)) % 2 == 0)
    frame["b"] = frame["b"].mask(np.arange(len(g)) % 3 == 0)
    return frame


def model(formula: str, family: str, **priors: str) -> Conditional:
    """With priors near what the data were made of, so that draws from them look like such data."""
    target = formula.split()[0]
    return Conditional(target=target, family=family, formulas={"mu": formula}, priors=priors)


EFFECTS = {"Intercept": "Normal(0, 0.2)", "1|g_sigma": "HalfNormal(0.5)"}
SIGMA = {"sigma": "Gamma(400, 400)"}
OF_X = {"gaussian": "y ~ x + I(x**2) + (1 | g)", "bernoulli": "s ~ x + I(x**2) + (1 | g)"}
OF_B = {"gaussian": "y ~ b * z + (1 | g)", "bernoulli": "s ~ b * z + (1 | g)"}


def transformed(target: Conditional, reader: str, family: str) -> tuple[MultiplyImputed, MultiplyImputed, Any]:
    """A run in which a model reads an incomplete covariate, its own rows as new ones, and what they were imputed by."""
    of_x = {"x": "Normal(1, 0.1)", "I(x ** 2)": "Normal(0.3, 0.05)"}
    of_b = {"b": "Normal(1, 0.1)", "z": "Normal(0.3, 0.1)", "b:z": "Normal(0.5, 0.1)"}
    priors = EFFECTS | (of_x if target.target == "x" else of_b) | (SIGMA if family == "gaussian" else {})
    run = bi.Run(m=2, chains=2, warmup=1, sweeps=1, steps=1, sampler="prior")
    plan = bi.Plan.of([target], substantive=[model(reader, family, **priors)], run=run)
    frame = table().drop(columns="b" if target.target == "x" else "x")
    imputed = bi.impute(frame, plan, seed=1, progress=False)
    return imputed, imputed.transform(frame, seed=2, sweeps=8), rows_of(imputed, frame)


def law(imputed: MultiplyImputed, rows: Any, k: int, name: str) -> tuple[dict[str, float], np.ndarray]:
    """The parameters of a model behind dataset k, and the effects of each row's cluster."""
    draws = {k: each.draws for leg in imputed.record.legs for k, each in leg.made.items()}[k]
    return parameters(imputed, rows, k, name), rows.run.designs[name].effects(draws[name])["1|g"][table()["g"]]


def log_reader(outcome: np.ndarray, family: str, mean: np.ndarray, sigma: float) -> np.ndarray:
    """Of the outcome given its linear predictor."""
    if family == "gaussian":
        return -0.5 * ((outcome - mean) / sigma) ** 2
    return np.log(expit(np.where(outcome == 1, mean, -mean)))


@pytest.mark.parametrize("family", OF_X)
def test_slices_follow_the_covariate_s_law_given_what_reads_it(family: str) -> None:
    own_x = model("x ~ z + (1 | g)", "gaussian", z="Normal(0.5, 0.1)", **EFFECTS, **SIGMA)
    imputed, made, rows = transformed(own_x, OF_X[family], family)
    frame, x, pit = table(), np.linspace(-8, 8, 801)[:, None], []
    gone = frame["x"].isna().to_numpy()
    z, outcome = frame["z"].to_numpy()[gone], frame[OF_X[family][0]].to_numpy()[gone]
    for k in range(imputed.m):
        (own, u), (of, v) = law(imputed, rows, k, "x"), law(imputed, rows, k, OF_X[family][0])
        mean = of["Intercept"] + of["x"] * x + of["I(x ** 2)"] * x**2 + v[gone]
        logs = -0.5 * ((x - own["Intercept"] - own["z"] * z - u[gone]) / own["sigma"]) ** 2
        logs = logs + log_reader(outcome, family, mean, of.get("sigma", 1.0))
        density = np.exp(logs - logs.max(axis=0))
        cdf = np.cumsum(density, axis=0) / density.sum(axis=0)
        drawn = made.completed(k)["x"].to_numpy()[gone]
        pit += [np.interp(value, x[:, 0], each) for value, each in zip(drawn, cdf.T, strict=True)]
    assert_uniform(np.array(pit))


@pytest.mark.parametrize("family", OF_B)
def test_enumerated_cells_follow_their_law_given_what_reads_them(family: str) -> None:
    own_b = model("b ~ z + (1 | g)", "bernoulli", z="Normal(1, 0.1)", **EFFECTS)
    imputed, made, rows = transformed(own_b, OF_B[family], family)
    frame, found = table(), []
    gone = frame["b"].isna().to_numpy()
    for k in range(imputed.m):
        (own, u), (of, v) = law(imputed, rows, k, "b"), law(imputed, rows, k, OF_B[family][0])
        eta = own["Intercept"] + own["z"] * frame["z"] + u
        z, sigma = frame["z"], of.get("sigma", 1.0)
        means = [of["Intercept"] + of["b"] * b + of["z"] * z + of["b:z"] * b * z + v for b in (1, 0)]
        for_1, for_0 = (log_reader(frame[OF_B[family][0]].to_numpy(), family, mean, sigma) for mean in means)
        p = expit(eta + for_1 - for_0)
        found.append(((made.completed(k)["b"] - p), p * (1 - p), p - expit(eta)))
    assert_binary(*(np.concatenate([each[part][gone] for each in found]) for part in range(3)))


def assert_binary(residuals: np.ndarray, variances: np.ndarray, told: np.ndarray) -> None:
    """Zeros and ones less their probabilities are zero on the whole, and where what is told by others matters."""
    for weights in (np.ones_like(told), told):
        assert abs(weights @ residuals) < 4.5 * np.sqrt(weights**2 @ variances)


def test_not_selected_yes_no_values_follow_the_two_probits() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"z": rng.normal(size=400), "w": rng.normal(size=400)})
    frame["y"] = (rng.random(400) < 0.5).astype(float)
    frame["y"] = frame["y"].mask(rng.random(400) < 0.4)
    priors = {"rho": "Uniform(0.6, 0.9)", "selection_w": "Normal(1, 0.1)"}
    two = Conditional(
        target="y", family="heckman_probit", formulas={"mu": "y ~ z", "selection": "z + w"}, priors=priors
    )
    imputed = run_prior(frame, two, m=4)
    new = frame.sample(frac=1.0, random_state=1).reset_index(drop=True)
    made, rows, found = imputed.transform(new, seed=2), rows_of(imputed, new), []
    gone = new["y"].isna().to_numpy()
    for k in range(imputed.m):
        p = parameters(imputed, rows, k, "y")
        m = p["Intercept"] + p["z"] * new["z"].to_numpy()
        s = p["selection_Intercept"] + p["selection_z"] * new["z"].to_numpy() + p["selection_w"] * new["w"].to_numpy()
        both = stats.multivariate_normal(cov=[[1, -p["rho"]], [-p["rho"], 1]]).cdf(np.stack([m, -s], axis=1))
        yes = both / ndtr(-s)
        found.append((made.completed(k)["y"].to_numpy() - yes, yes * (1 - yes), yes - ndtr(m)))
    assert_binary(*(np.concatenate([each[part][gone] for each in found]) for part in range(3)))


def test_heavy_tails_of_new_clusters_are_calibrated() -> None:
    frame = table().drop(columns=["b", "s"]).assign(x=lambda d: d["x"].fillna(0.0), w=0.0)
    frame["y"] = frame["y"].mask(np.arange(len(frame)) % 4 == 0)
    priors = {"sigma": "HalfNormal(1)", "nu": "Uniform(2, 4)", "1|g_sigma": "HalfNormal(3)", "x": "Normal(0, 1)"}
    imputed = run_prior(frame, model("y ~ x + (1 | g)", "student_t", **priors), m=2, seed=3)
    assert_uniform(ranks(imputed, lambda rng, eta, p: eta + p["sigma"] * rng.standard_t(p["nu"], size=len(eta))))
