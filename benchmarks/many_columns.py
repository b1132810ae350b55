"""Data of very many columns of all types, as a plan from the data alone meets them.

A hundred columns beside the cluster key, eight factors behind them: numbers, yes and no, grades, labels, counts, costs
that may be nothing, and amounts. Three of five columns are incomplete, a fifth of each, the more often the larger a
complete column is.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

FACTORS = 8
KINDS = {"number": 40, "yes": 20, "grade": 12, "label": 6, "count": 8, "cost": 6, "amount": 8}
"""How many columns of each."""
COMPLETE = (0, 3)
"""Of five columns that follow each other."""
HOLES = 0.2
ROWS, CLUSTERS = 20_000, 200


def generate(rows: int = ROWS, clusters: int = CLUSTERS, seed: int = 1) -> pd.DataFrame:
    """The data, shape (rows, 101).

    Factor f ~ N(0, 1) + N(0, .5^2) of its cluster; column k has a = .6 f_k + .35 f_3k+1 + N(0, .3^2) of its cluster and
    e = a + N(0, .8^2), from which its kind makes values.
    """
    rng = np.random.default_rng(seed)
    g = np.arange(rows) * clusters // rows
    factors = rng.normal(size=(rows, FACTORS)) + 0.5 * rng.normal(size=(clusters, FACTORS))[g]
    columns: dict[str, np.ndarray] = {}
    for kind, number in KINDS.items():
        for i in range(number):
            k = len(columns)
            a = 0.6 * factors[:, k % FACTORS] + 0.35 * factors[:, (3 * k + 1) % FACTORS]
            a = a + 0.3 * rng.normal(size=clusters)[g]
            columns[f"{kind}{i + 1}"] = MAKERS[kind](rng, a, factors[:, (k + 2) % FACTORS])
    data = pd.DataFrame(columns)
    complete = [name for k, name in enumerate(data) if k % 5 in COMPLETE]
    for name in data.columns.difference(complete, sort=False):
        leads = data[rng.choice(complete)]
        by = leads.rank(pct=True).to_numpy() if leads.dtype.kind == "f" else (leads == "red").to_numpy(dtype=float)
        odds = HOLES / (1 - HOLES) * np.exp(by - by.mean())
        data[name] = data[name].where(rng.random(rows) > odds / (1 + odds))
    data.insert(0, "clinic", g)
    return data


def _noisy(rng: np.random.Generator, a: np.ndarray) -> np.ndarray:
    return a + 0.8 * rng.normal(size=a.size)


def _yes(rng: np.random.Generator, a: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (_noisy(rng, a) + 0.5 * rng.logistic(size=a.size) > 0.3).astype(float)


def _label(rng: np.random.Generator, a: np.ndarray, other: np.ndarray) -> np.ndarray:
    of_each = np.stack([a, 0.5 * other, 0 * a]) + 0.8 * rng.gumbel(size=(3, a.size))
    return np.array(["red", "green", "blue"])[of_each.argmax(axis=0)]


def _cost(rng: np.random.Generator, a: np.ndarray, other: np.ndarray) -> np.ndarray:
    some = _noisy(rng, a) + 0.5 * rng.logistic(size=a.size) > -0.2
    return np.where(some, np.round(np.exp(5 + 0.6 * a + 0.7 * rng.normal(size=a.size)), 2), 0.0)


MAKERS: dict[str, Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]] = {
    "number": lambda rng, a, other: _noisy(rng, a),
    "yes": _yes,
    "grade": lambda rng, a, other: np.digitize(_noisy(rng, a), [-1, 0, 1]) + 1.0,
    "label": _label,
    "count": lambda rng, a, other: rng.poisson(np.exp(-0.2 + 0.5 * a) * rng.gamma(2, 0.5, size=a.size)).astype(float),
    "cost": _cost,
    "amount": lambda rng, a, other: np.round(np.exp(2 + 0.4 * _noisy(rng, a)), 2),
}
