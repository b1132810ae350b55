"""A template with tiny clusters, some of them without an observed value, for every kind of values."""

import numpy as np
import pandas as pd

from bayesimpute.families import FAMILIES, Family

DIGITS = {
    "ordered": (-1.5, 0, 1),
    "categories": (-0.7, 1),
    "many categories": (-2, -1.4, -0.9, 0.2, 0.6, 1, 1.8),
}
ENDS = {"share from zero": (0.3, 1.0), "share to one": (0.0, 0.7), "share of all": (0.3, 0.7)}
"""Proportions beyond these are 0 or 1."""


def tiny_clusters(seed: int = 8, *, values: str = "number") -> pd.DataFrame:
    """Twenty-four clusters of one to three units, some without an observed value, and eleven of another key."""
    rng = np.random.default_rng(seed)
    sizes = np.tile([1, 2, 3], 8)
    g = np.repeat(np.arange(len(sizes)), sizes)
    n = len(g)
    frame = pd.DataFrame({"g": g, "h": np.arange(n) % 11, "x": rng.normal(size=n), "y": 2 * rng.normal(size=n)})
    if values == "binary":
        frame["y"] = (frame["y"] > 0).astype(float)
    elif values == "amount":
        frame["y"] = np.where(np.arange(n) % 3 == 0, 0.0, np.exp(frame["y"] / 2))
    elif values == "positive":
        frame["y"] = np.exp(frame["y"] / 2)
    elif values == "proportion":
        frame["y"] = 1 / (1 + np.exp(-frame["y"]))
    elif values in ENDS:
        share, (low, high) = 1 / (1 + np.exp(-frame["y"])), ENDS[values]
        frame["y"] = share.mask(share < low, 0.0).mask(share > high, 1.0)
    elif values == "limited":
        frame["y"] = np.clip(frame["y"], 0.0, 1.5)
    elif values in DIGITS:
        frame["y"] = np.digitize(frame["y"], DIGITS[values]).astype(float)
    elif values == "an unseen label":
        codes = np.digitize(frame["y"], DIGITS["many categories"][:-1])
        frame["y"] = pd.Categorical.from_codes(codes, list("abcdefgh"), ordered=True)
    elif values != "number":
        frame["y"] = np.minimum(np.floor(np.abs(frame["y"])), 7)
    frame.loc[frame["g"].isin([3, 9, 16, 23]) | (frame.index % 5 == 1), "y"] = np.nan
    return frame


def values_of(family: str | Family) -> str:
    """What kind of values a family has."""
    return (FAMILIES[family] if isinstance(family, str) else family).values.name
