"""Clustered outcomes of each family, made from a seed: what the figures of R beside this file were computed from.

To compute them anew, where R has lme4, glmmTMB and jsonlite::

    python clustered.py FOLDER [FOLDER WITH toenail.csv AND impact.csv]
    Rscript reference.R FOLDER reference.json
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd


def clusters() -> pd.DataFrame:
    """60 clusters of 12 rows with random intercepts and slopes of x, an outcome of each family."""
    rng = np.random.default_rng(20)
    g = np.repeat(np.arange(60), 12)
    x, w = rng.normal(size=g.size).round(4), rng.normal(size=60).round(4)[g]
    root = np.linalg.cholesky(np.array([[0.5, 0.12], [0.12, 0.2]]))
    effects = rng.normal(size=(60, 2)) @ root.T
    plain = 0.3 + 0.4 * x - 0.3 * w + effects[g, 0]
    eta = plain + effects[g, 1] * x
    mean = np.exp(plain)
    return pd.DataFrame(
        {
            "g": g,
            "x": x,
            "w": w,
            "binary": (rng.random(g.size) < 1 / (1 + np.exp(-eta))).astype(int),
            "count": rng.poisson(np.exp(eta)),
            "spread": rng.poisson(rng.gamma(1.5, mean / 1.5)),
            "positive": rng.gamma(3.0, mean / 3.0).round(6),
        }
    )


def crossed() -> pd.DataFrame:
    """40 persons and 15 items, each person with each item."""
    rng = np.random.default_rng(21)
    person, item = np.repeat(np.arange(40), 15), np.tile(np.arange(15), 40)
    x = rng.normal(size=600).round(4)
    eta = 0.2 + 0.5 * x + 0.8 * rng.normal(size=40)[person] + 0.6 * rng.normal(size=15)[item]
    right = (rng.random(600) < 1 / (1 + np.exp(-eta))).astype(int)
    return pd.DataFrame({"person": person, "item": item, "x": x, "right": right, "errors": rng.poisson(np.exp(eta))})


def alike() -> pd.DataFrame:
    """30 clusters of 10 rows that do not differ: fits at the boundary."""
    rng = np.random.default_rng(6)
    g = np.repeat(np.arange(30), 10)
    x = rng.normal(size=300).round(4)
    yes = (rng.random(300) < 1 / (1 + np.exp(-0.5 * x))).astype(int)
    return pd.DataFrame({"g": g, "x": x, "yes": yes, "count": rng.poisson(np.exp(0.3 * x))})


def toenail(folder: Path) -> pd.DataFrame:
    """The toenail trial with coded columns."""
    raw = pd.read_csv(folder / "toenail.csv")
    severe = (raw["outcome"] == "moderate or severe").astype(int)
    active = (raw["treatment"] == "terbinafine").astype(int)
    return pd.DataFrame({"g": raw["patientID"], "severe": severe, "active": active, "time": raw["time"]})


def impact(folder: Path) -> pd.DataFrame:
    """Brain injuries in 15 studies."""
    raw = pd.read_csv(folder / "impact.csv", keep_default_na=False, na_values=[""])
    return raw.assign(decades=raw["age"] / 10)


MADE = {"clusters": clusters, "crossed": crossed, "alike": alike}
READ = {"toenail": toenail, "impact": impact}


def main(to: Path, *data: Path) -> None:
    """Write what R reads."""
    for name, make in MADE.items():
        make().to_csv(to / f"{name}.csv", index=False)
    for name, read in READ.items():
        for folder in data:
            read(folder).to_csv(to / f"{name}.csv", index=False)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
