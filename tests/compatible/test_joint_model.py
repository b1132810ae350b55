"""A whole run against one joint PyMC model of the same priors, in which every missing cell is a parameter."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute import Conditional, Plan
from bayesimpute.running.workspace import Workspace

CLUSTERS, SIZE = 10, 6
PRIORS = {"Intercept": "Normal(0, 2)", "sigma": "Gamma(4, 4)", "1|g_sigma": "HalfNormal(1)"}


def table() -> pd.DataFrame:
    """Sixty units; x is missing more often where y is large, and y every fifth time."""
    rng = np.random.default_rng(41)
    g = np.repeat(np.arange(CLUSTERS), SIZE)
    z = rng.normal(size=len(g))
    x = 0.5 * z + 0.5 * rng.normal(size=CLUSTERS)[g] + rng.normal(size=len(g))
    y = 1 + 0.8 * x - 0.5 * x * z + 0.7 * rng.normal(size=CLUSTERS)[g] + rng.normal(size=len(g))
    frame = pd.DataFrame({"g": g, "z": z, "x": x, "y": y})
    frame.loc[rng.random(len(g)) < 1 / (1 + np.exp(1 - y)), "x"] = np.nan
    frame["x"] = frame["x"].where((np.arange(len(g)) % 5 != 0), x)
    frame.loc[::5, "y"] = np.nan
    return frame


def plan() -> Plan:
    """y's model with an interaction, and x's."""
    outcome = Conditional.of("y ~ x * z + (1 | g)", priors=PRIORS | dict.fromkeys(("x", "z", "x:z"), "Normal(0, 1)"))
    covariate = Conditional.of("x ~ z + (1 | g)", priors=PRIORS | {"z": "Normal(0, 1)"})
    return Plan.of([covariate], substantive=outcome)


def joint(frame: pd.DataFrame) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Draws by plain PyMC: parameters, each (chain, draw), and the missing x, (chain, draw, cell)."""
    import pymc as pm
    import pytensor.tensor as pt

    space = Workspace(plan(), bi.Incomplete.from_frame(frame, clusters=("g",)))
    centres = {name: dict(zip(d.predictors[0].names, d.predictors[0].centre)) for name, d in space.designs.items()}
    g, z = frame["g"].to_numpy(), frame["z"].to_numpy()
    gone, seen = np.flatnonzero(frame["x"].isna()), np.flatnonzero(frame["y"].notna())
    with pm.Model():
        cells = pm.Normal("cells", 0, 100, shape=len(gone))  # divided out again below
        x = pt.set_subtensor(pt.as_tensor(frame["x"].fillna(0.0).to_numpy())[gone], cells)
        pm.Potential("flat", -pm.logp(pm.Normal.dist(0, 100), cells).sum())
        for name, columns in (("x", {"z": z}), ("y", {"x": x, "z": z, "x:z": x * z})):
            a, sd = pm.Normal(f"{name}_centre", 0, 2), pm.HalfNormal(f"{name}_1|g_sigma", 1)
            sigma = pm.Gamma(f"{name}_sigma", 4, 4)
            u = pm.Normal(f"{name}_u", 0, 1, shape=CLUSTERS) * sd
            b = {c: pm.Normal(f"{name}_{c}", 0, 1) for c in columns}
            mean = a + u[g] + sum(b[c] * (column - centres[name][c]) for c, column in columns.items())
            pm.Deterministic(f"{name}_Intercept", a - sum(b[c] * centres[name][c] for c in columns))
            if name == "x":
                pm.Potential("own", pm.logp(pm.Normal.dist(mean, sigma), x).sum())
            else:
                pm.Normal("y", mean[seen], sigma, observed=frame["y"].to_numpy()[seen])
        drawn = pm.sample(2000, tune=1000, chains=4, cores=2, random_seed=1, progressbar=False, target_accept=0.95)
    names = ["Intercept", "sigma", "1|g_sigma", "z"]
    wanted = [f"x_{n}" for n in names] + [f"y_{n}" for n in (*names, "x", "x:z")]
    return {n: drawn["posterior"][n].values for n in wanted}, drawn["posterior"]["cells"].values


def agree(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    """Mean, SD and quantiles of draws, each of shape (chain, draw), within four Monte Carlo errors."""
    from arviz import ess

    for label, f in {
        "mean": lambda v: v,
        "spread": lambda v: np.abs(v - np.mean(theirs)),
        "low": lambda v: (v < np.quantile(theirs, 0.1)).astype(float),
        "high": lambda v: (v < np.quantile(theirs, 0.9)).astype(float),
    }.items():
        a, b = f(ours), f(theirs)
        error = np.sqrt(a.var() / float(ess(a)) + b.var() / float(ess(b)))
        assert abs(a.mean() - b.mean()) < 4 * error, (what, label, a.mean(), b.mean(), error)


@pytest.mark.slow
def test_the_run_agrees_with_one_joint_model() -> None:
    frame = table()
    theirs, cells = joint(frame)
    imputed = bi.impute(frame, plan(), m=400, chains=4, warmup=200, sweeps=4000, seed=1, progress=False)
    for name in theirs:
        target, _, parameter = name.partition("_")
        posterior = imputed.draws(target)
        ours = next(v.values for v in posterior.values() if v.attrs["name"] == parameter)
        agree(ours, theirs[name], name)
    missing = frame["x"].isna().to_numpy()
    drawn = np.array([data["x"].to_numpy()[missing] for data in imputed]).reshape(100, 4, -1).transpose(1, 0, 2)
    for k in range(missing.sum()):
        agree(drawn[:, :, k], cells[:, :, k], f"cell {k}")
