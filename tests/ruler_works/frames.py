"""Simulated data for the ruler's plans: small, seeded, with holes of every kind."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

SCHOOLS, PUPILS, REGIONS, RATERS = 14, 8, 5, 4


def pupils() -> pd.DataFrame:
    """Pupils in classes in schools in regions, crossed with raters.

    Incomplete are y, x, t (heavy tails), b (0/1), d (two labels) of pupils, y in no cell of the last school; w of
    schools; r of regions; v of schools, which other pupils of the school have. The others are complete.
    """
    rng = np.random.default_rng(11)
    school = np.repeat(np.arange(SCHOOLS), PUPILS)
    n, region = len(school), (school % REGIONS)
    u, slope = rng.normal(size=SCHOOLS), rng.normal(0, 0.3, SCHOOLS)
    z, w = rng.normal(1, 2, n), rng.normal(-1, 0.8, SCHOOLS)[school]
    x = 10 + 0.5 * z + u[school] + rng.normal(0, 2, n)
    b = (rng.normal(0, 1, n) + 0.2 * (x - 10) + 0.5 * u[school] > 0.3).astype(float)
    rater = rng.integers(0, RATERS, n)
    y = 40 + (2 + slope[school]) * x + 3 * b + 2 * w + 4 * u[school] + rng.normal(0, 1, RATERS)[rater]
    frame = pd.DataFrame(
        {
            "school": school,
            "klass": np.arange(n) % 2,
            "region": np.array(["n", "s", "e", "w", "m"])[region],
            "rater": rater,
            "y": y + rng.normal(0, 5, n) * np.exp(0.1 * z),
            "x": x,
            "z": z,
            "t": 5 + z + u[school] + rng.standard_t(3, n),
            "b": b,
            "d": np.where(rng.normal(0, 1, n) + 0.3 * z > 0.2, "yes", "no"),
            "c": np.array(["p", "q", "r"])[rng.integers(0, 3, n)],
            "w": w,
            "v": rng.integers(1, 30, SCHOOLS)[school].astype(float),
            "r": rng.normal(3, 1, REGIONS)[region],
            "o": pd.Categorical.from_codes(rng.integers(0, 3, n), ["low", "mid", "top"], ordered=True),
            "k": rng.poisson(np.exp(0.4 + 0.1 * z)),
            "p": rng.gamma(2, np.exp(0.5 + 0.05 * z)),
            "weight": rng.uniform(0.5, 2, n).round(3),
            "stratum": school % 3,
        }
    )
    for name, start, every in (("y", 0, 5), ("x", 1, 4), ("t", 2, 6), ("b", 3, 7), ("d", 2, 9), ("v", 4, 11)):
        frame.loc[start::every, name] = np.nan
    frame.loc[frame["school"] == SCHOOLS - 1, "y"] = np.nan
    frame.loc[frame["school"] % 4 == 1, "w"] = np.nan
    frame.loc[frame["region"] == "e", "r"] = np.nan
    return frame


def kinds() -> pd.DataFrame:
    """The same pupils with labels, ordered labels, counts, positive numbers and proportions that are incomplete."""
    rng, frame = np.random.default_rng(13), pupils()
    n = len(frame)
    for k in range(1, 7):
        frame[f"k{k}"] = rng.poisson(np.exp(0.3 + 0.1 * frame["z"])) * (rng.random(n) < 1 - 0.05 * k)
    frame["h"], frame["s"] = rng.binomial(9, 0.3, n), rng.beta(2, 3, n)
    frame["p1"] = rng.gamma(3, np.exp(0.1 * frame["z"]))
    frame["a1"] = frame["p1"] * (frame["k1"] > 0)
    frame["e1"] = 9 + 0.2 * frame["z"] + rng.gamma(2, 1, n)
    frame["f2"] = np.where(frame["stratum"] == 0, 1.0, 2.0)
    frame["f1"] = np.clip(frame["z"] + rng.normal(size=n), -1.0, frame["f2"])
    for start, name in enumerate(
        ("o", "c", "k", "p", "h", "s", "p1", "a1", "f1", "e1", *(f"k{k}" for k in range(1, 7)))
    ):
        column = frame[name].astype(float) if frame[name].dtype.kind == "i" else frame[name]
        frame[name] = column.where(np.arange(n) % 6 != start % 6)
    frame["p2"], frame["s1"] = frame["p1"] ** 2, frame["s"]  # of other families
    for name, low, high in (("s2", 0.2, 1.0), ("s3", 0.0, 0.6), ("s4", 0.2, 0.6)):
        frame[name] = frame["s"].mask(frame["s"] < low, 0.0).mask(frame["s"] > high, 1.0)
    frame["o1"] = pd.Categorical.from_codes(rng.integers(0, 4, n), ["a", "b", "c", "d"], ordered=True)
    frame["o1"] = frame["o1"].where(rng.random(n) < 0.7)
    frame["k7"], frame["k8"], frame["e2"] = frame["k1"], frame["k2"], frame["e1"]
    return frame


def many_labels() -> pd.DataFrame:
    """The same pupils with eight labels, and with labels that nobody has, in no order and ordered."""
    rng, frame = np.random.default_rng(14), pupils()[["school", "rater", "z"]]
    n = len(frame)
    made = {
        "l": pd.Categorical.from_codes(rng.integers(0, 8, n), list("abcdefgh")),
        "q": pd.Categorical.from_codes(2 * rng.integers(0, 2, n), ["p", "q", "r"]),
        "o": pd.Categorical.from_codes(rng.integers(0, 2, n), ["low", "mid", "top"], ordered=True),
    }
    return frame.assign(**{name: pd.Series(values).where(rng.random(n) < 0.8) for name, values in made.items()})


def survey() -> pd.DataFrame:
    """People in regions, each seen by an interviewer: y (number) and b (0/1) are missing for those who refused.

    They refuse for reasons that go with y and b; a (0/1) and x are missing at random. Of the last region nobody was
    asked, so that y and b have no value there.
    """
    rng = np.random.default_rng(12)
    n, regions, interviewers = 180, 8, 12
    region, interviewer = np.arange(n) % regions, rng.integers(0, interviewers, n)
    x, z = rng.normal(3, 2, n), rng.normal(0, 1, n)
    error, refusal = rng.multivariate_normal([0, 0], [[1, -0.5], [-0.5, 1]], n).T
    effect, moved = rng.normal(0, 0.4, regions)[region], rng.normal(0, 0.7, interviewers)[interviewer]
    asked = 0.7 + 0.1 * x + 0.5 * z + moved + refusal > 0
    frame = pd.DataFrame(
        {
            "region": region,
            "interviewer": interviewer,
            "seen": asked.astype(int),
            "y": (100 + 5 * x + 8 * effect + 10 * error),
            "b": (0.3 * (x - 3) + effect + error > 0.2).astype(float),
            "x": x,
            "z": z,
            "a": (rng.random(n) < 0.4).astype(float),
            "weight": rng.uniform(0.5, 2, n).round(3),
        }
    )
    frame.loc[region == regions - 1, "seen"] = 0
    gone = frame["seen"] == 0
    frame = frame.assign(y=frame["y"].mask(gone), b=frame["b"].mask(gone))
    frame.loc[2::9, "a"] = np.nan
    frame.loc[4::13, "x"] = np.nan
    return frame


def covariates() -> pd.DataFrame:
    """For draws compatible with an analysis: covariates of both levels, a mediator and outcomes have holes."""
    rng = np.random.default_rng(13)
    g = np.repeat(np.arange(10), 9)
    n = len(g)
    frame = pd.DataFrame({"g": g, "z": rng.normal(1, 2, n), "x": rng.normal(10, 3, n)})
    frame["w"] = rng.normal(-1, 0.5, 10)[g]
    frame["b"] = (rng.random(n) < 0.4).astype(float)
    frame["m"] = 0.2 * frame["x"] + rng.normal(size=n)
    frame["y"] = 100 + 5 * frame["x"] + 3 * frame["m"] + 4 * frame["b"] + rng.normal(0, 8, n)
    frame["s"] = (rng.random(n) < 0.5).astype(float)
    for name, start, every in (("x", 0, 3), ("b", 1, 4), ("m", 2, 7), ("y", 3, 4)):
        frame.loc[start::every, name] = np.nan
    frame.loc[frame["g"] % 3 == 1, "w"] = np.nan
    return frame


FRAMES: Mapping[str, Callable[[], pd.DataFrame]] = {
    "pupils": pupils,
    "kinds": kinds,
    "many_labels": many_labels,
    "survey": survey,
    "covariates": covariates,
}
"""The data by the name that plans and questions use."""
