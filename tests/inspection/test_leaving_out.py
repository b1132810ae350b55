"""Leaving out by weights, and by `leave_out`, against leaving out: refits without each unit, and without each cluster.

``pytest -m slow tests/inspection/test_leaving_out.py``
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import logsumexp

import bayesimpute as bi

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

RUN = {"m": 4, "chains": 4, "warmup": 100, "sweeps": 1500, "progress": False, "keep_effects": True}
RUNS = 6
"""Whose weights give an estimate and its error."""
ANALYSIS = "y ~ x + (1 | g)"


def data(*, holes: bool = False, clusters: int = 8) -> pd.DataFrame:
    rng, n = np.random.default_rng(5), 5 * clusters
    g = np.repeat(np.arange(clusters), 5)
    x = rng.normal(size=n)
    frame = pd.DataFrame({"g": g, "x": x, "y": 1 + x + rng.normal(size=clusters)[g] + rng.normal(size=n)})
    frame.loc[0, "y"] = np.nan
    if holes:
        frame.loc[3::4, "x"] = np.nan
    return frame


def run(frame: pd.DataFrame, seed: int = 7, **more: object) -> bi.MultiplyImputed:
    if frame["x"].isna().any():
        return bi.impute(frame, "x ~ 1", analysis=ANALYSIS, seed=seed, **RUN, **more)
    return bi.impute(frame, ANALYSIS, seed=seed, **RUN, **more)


def by_chain(log_density: np.ndarray) -> tuple[float, float]:
    """The log of the mean of densities (chain, draw), and its Monte Carlo error from the chains."""
    each = logsumexp(log_density, axis=1) - np.log(log_density.shape[1])
    return float(logsumexp(each) - np.log(len(each))), float(each.std(ddof=1) / len(each) ** 0.5)


def refitted(frame: pd.DataFrame, out: list[np.ndarray], density: Callable[..., np.ndarray]) -> np.ndarray:
    """Of each group of rows that is left out, the log predictive density of its values, and its error."""
    found = []
    for rows in out:
        made = run(frame.assign(y=frame["y"].where(~np.isin(np.arange(len(frame)), rows))))
        found.append(by_chain(density(frame.iloc[rows], made.draws("y"))))
    return np.array(found)


def unit(frame: pd.DataFrame, y_model: xr.Dataset) -> np.ndarray:
    (row,) = frame.itertuples()
    base = (y_model["Intercept"] + y_model["1|g"].sel(g=row.g)).values
    return stats.norm.logpdf(row.y, base + y_model["x"].values * row.x, y_model["sigma"].values)


def cluster(frame: pd.DataFrame, y_model: xr.Dataset) -> np.ndarray:
    b0, b1, sigma, tau = (y_model[name].values for name in ("Intercept", "x", "sigma", "1|g_sigma"))
    e = frame["y"].to_numpy() - b0[..., None] - b1[..., None] * frame["x"].to_numpy()
    n = e.shape[-1]
    whole = sigma**2 + n * tau**2
    squares = (e**2).sum(axis=-1) / sigma**2 - tau**2 / (sigma**2 * whole) * e.sum(axis=-1) ** 2
    return -0.5 * (n * np.log(2 * np.pi) + 2 * (n - 1) * np.log(sigma) + np.log(whole) + squares)


def left_out(frame: pd.DataFrame, by: str | None, of: str = "y") -> np.ndarray:
    """By unit or cluster the estimates of several runs, (run, unit)."""
    from arviz_stats.loo import loo

    found = []
    for seed in range(RUNS):
        made = run(frame, seed, keep=of)
        each = loo(made.posterior(of, ["posterior", "log_likelihood"], by=by), pointwise=True)
        assert each.pareto_k is not None and each.elpd_i is not None
        print(f"elpd {each.elpd:.2f}, largest k {float(each.pareto_k.max()):.2f}")
        found.append(each.elpd_i.values)
    return np.array(found)


@pytest.mark.parametrize("holes", [False, True], ids=["complete predictors", "a compatible plan"])
def test_units(holes: bool) -> None:
    """Those whose predictor is observed: where it is imputed, weights have tails too heavy for so few draws."""
    frame = data(holes=holes)
    rows = np.flatnonzero(frame["y"].notna())
    whole = frame["x"].notna().to_numpy()[rows]
    refits = refitted(frame, [np.array([row]) for row in rows[whole]], unit)
    agree(left_out(frame, None)[:, whole], refits)


def test_values_of_a_covariate() -> None:
    """Each is predicted by its own model and by what is observed of the outcome."""
    frame = data(holes=True)
    rows = np.flatnonzero(frame["x"].notna())
    found = []
    for row in rows:
        made = run(frame.assign(x=frame["x"].where(np.arange(len(frame)) != row)))
        found.append(by_chain(covariate(frame.iloc[[row]], made.draws("x"), made.draws("y"))))
    agree(left_out(frame, None, "x"), np.array(found))


def covariate(frame: pd.DataFrame, x_model: xr.Dataset, y_model: xr.Dataset) -> np.ndarray:
    """Log p(x | y, parameters): of normal laws the product is normal."""
    (row,) = frame.itertuples()
    mean, precision = x_model["Intercept"].values, x_model["sigma"].values ** -2.0
    if not np.isnan(row.y):
        base = (y_model["Intercept"] + y_model["1|g"].sel(g=row.g)).values
        slope, weight = y_model["x"].values, y_model["sigma"].values ** -2.0
        both = precision + slope**2 * weight
        mean, precision = (precision * mean + slope * weight * (row.y - base)) / both, both
    return stats.norm.logpdf(row.x, mean, precision**-0.5)


def test_clusters() -> None:
    """So many that none has much weight: with eight of them k is .6 to .7, and the sum .2 too high."""
    frame = data(clusters=20)
    known = frame["y"].notna()
    out = [np.flatnonzero((frame["g"] == j) & known) for j in range(20)]
    agree(left_out(frame, "g"), refitted(frame, out, cluster))


def test_groups_of_crossed_keys() -> None:
    """`leave_out` against refits by hand, of another seed, with the predictive law in closed form."""
    rng = np.random.default_rng(11)
    g, h = np.repeat(np.arange(8), 10), np.tile(np.arange(10), 8)
    x = rng.normal(size=80)
    frame = pd.DataFrame({"g": g, "h": h, "x": x, "y": 1 + x + rng.normal(size=8)[g] + rng.normal(size=10)[h]})
    frame["y"] += rng.normal(size=80)
    frame.loc[0, "y"] = np.nan
    formula = "y ~ x + (1 | g) + (1 | h)"
    found = bi.impute(frame, formula, seed=1, **RUN).leave_out("y", by="g", progress=False)
    print(found)
    refits = []
    for j in range(8):
        rows = frame[(frame["g"] == j) & frame["y"].notna()]
        made = bi.impute(frame.assign(y=frame["y"].where(frame["g"] != j)), formula, seed=50 + j, **RUN)
        draws = made.draws("y")
        refits.append(by_chain(crossed(rows, draws)))
    values, errors = np.array(refits).T
    each = np.hypot(errors, found.table["error"])
    assert (np.abs(found.table["elpd"] - values) < 4.5 * each).all()
    assert abs(found.elpd - values.sum()) < 4 * np.sqrt((each**2).sum())


def crossed(frame: pd.DataFrame, y_model: xr.Dataset) -> np.ndarray:
    """Log p(values of one g), its own effect integrated out, those of h as drawn: compound symmetry."""
    b0, b1, sigma, tau = (y_model[name].values for name in ("Intercept", "x", "sigma", "1|g_sigma"))
    u = y_model["1|h"].sel(h=frame["h"].to_numpy()).values
    e = frame["y"].to_numpy() - b0[..., None] - b1[..., None] * frame["x"].to_numpy() - u
    n = e.shape[-1]
    whole = sigma**2 + n * tau**2
    squares = (e**2).sum(axis=-1) / sigma**2 - tau**2 / (sigma**2 * whole) * e.sum(axis=-1) ** 2
    return -0.5 * (n * np.log(2 * np.pi) + 2 * (n - 1) * np.log(sigma) + np.log(whole) + squares)


def agree(ours: np.ndarray, refits: np.ndarray) -> None:
    """In sum, by the Monte Carlo errors of both."""
    values, errors = refits.T
    total = ours.sum(axis=1)
    own = float(total.std(ddof=1) / RUNS**0.5)
    print(f"weights {total.mean():.2f} ± {own:.2f}, refits {values.sum():.2f} ± {np.sqrt((errors**2).sum()):.2f}")
    assert abs(total.mean() - values.sum()) < 4 * np.hypot(own, np.sqrt((errors**2).sum()))
