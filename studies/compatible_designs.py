"""Designs of the study of compatible imputation: data, what is missing, the analysis, and the plans.

All are the random-slope design of ``coverage_R.csv`` or a variation of it: J clusters of n; z ~ N(0, 1), x = .5 z + v_g
+ N(0, 1) with var v = .3; y = 1 + .5 x + .3 z + u0 + u1 x + e with var u0 = .4, var u1 = .15, cov .05, var e = 1; y and
x are each missing with probability .3 by a logit of z with slope 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from bayesimpute import Conditional, Plan

SHARE = 0.3
TRUTH = {
    "Intercept": 1.0,
    "x": 0.5,
    "z": 0.3,
    "variance g Intercept": 0.4,
    "variance g x": 0.15,
    "variance Residual Residual": 1.0,
}
Frame = pd.DataFrame
Holes = Callable[[Frame, np.random.Generator], dict[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Design:
    """One design.

    Parameters
    ----------
    clusters, size : int
        How many, and of how many units.
    terms : str
        The right side of the analysis and of the model that made the data.
    truth : mapping of str to float
        The true value of every quantity that is looked at.
    extra : callable
        What the linear predictor has beside the basic design, given the frame.
    covariates : tuple of str
        The conditionals of the incomplete covariates in the compatible plan.
    reversed : tuple of str
        The conditionals of the reversed plan, the outcome's excepted.
    holes, make : callable
        Which cells are missing, by variable; and the complete data.
    outcome, x : {"gaussian", "bernoulli"}
        Their families.
    analysis : mapping
        Options of the analysis, where it is not the mixed model by REML.
    fitted : str or None
        The formula of the analysis; None: that of the model.
    """

    clusters: int = 50
    size: int = 20
    terms: str = "x + z + (1 + x | g)"
    truth: Mapping[str, float] = field(default_factory=lambda: dict(TRUTH))
    extra: Callable[[Frame], Any] = lambda frame: 0.0
    covariates: tuple[str, ...] = ("x ~ z + (1 | g)",)
    reversed: tuple[str, ...] = ("x ~ y + z + (1 + y | g)",)
    holes: Holes = field(default_factory=lambda: by_z)
    make: Callable[["Design", np.random.Generator], Frame] = field(default_factory=lambda: basic)
    outcome: str = "gaussian"
    x: str = "gaussian"
    analysis: Mapping[str, Any] = field(default_factory=dict)
    fitted: str | None = None

    @property
    def formula(self) -> str:
        """Of the analysis."""
        return self.fitted or f"y ~ {self.terms}"

    def plan(self, method: str, **run: Any) -> Plan:
        """The plan of a method: compatible, or reversed."""
        outcome = Conditional.of(f"y ~ {self.terms}", family=self.outcome)
        if method == "reversed":
            return Plan.of([outcome, *self.reversed]).with_run(**run)
        return Plan.of(list(self.covariates), substantive=(outcome,)).with_run(**run)


def logit_share(score: np.ndarray, rng: np.random.Generator, share: float = SHARE) -> np.ndarray:
    """True with this share on average, more often where the score is high: a logit with slope 1."""
    shift = brentq(lambda c: expit(c + score).mean() - share, -50, 50)
    return rng.random(len(score)) < expit(shift + score)


def by_z(frame: Frame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """y and x, each by z."""
    z = frame["z"].to_numpy()
    return {"y": logit_share(z, rng), "x": logit_share(z, rng)}


def x_by_y(frame: Frame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """y by z, and x by y where y is observed: missing at random."""
    y = frame["y"].to_numpy()
    gone = logit_share(frame["z"].to_numpy(), rng)
    missing = np.zeros(len(y), dtype=bool)
    missing[~gone] = logit_share(y[~gone], rng)
    return {"y": gone, "x": missing}


def with_w(frame: Frame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The same as :func:`by_z`, and w of a fifth of the clusters."""
    codes = frame["g"].to_numpy()
    return {**by_z(frame, rng), "w": (rng.random(codes.max() + 1) < 0.2)[codes]}


def basic(design: Design, rng: np.random.Generator) -> Frame:
    """The complete data of the random-slope design and its variations."""
    j, n = design.clusters, design.size
    g = np.repeat(np.arange(j), n)
    z, w = rng.normal(size=len(g)), rng.normal(size=j)[g]
    score = 0.5 * z + np.sqrt(0.3) * rng.normal(size=j)[g]
    noise = rng.normal(size=len(g))
    x = (rng.random(len(g)) < expit(score)).astype(float) if design.x == "bernoulli" else score + noise
    frame = pd.DataFrame({"g": g, "z": z, "x": x, "w": w})
    u = rng.multivariate_normal([0, 0], [[0.4, 0.05], [0.05, 0.15]], size=j)
    slopes = u[g, 1] if "(1 + x | g)" in design.terms else 0.0
    mean = 1 + 0.5 * x + 0.3 * z + u[g, 0] + slopes * x + design.extra(frame)
    e = rng.normal(size=len(g))
    frame["y"] = (rng.random(len(g)) < expit(mean)).astype(float) if design.outcome == "bernoulli" else mean + e
    return frame[[name for name in frame if name in ("g", "y") or name in design.terms]]


def huque(design: Design, rng: np.random.Generator) -> Frame:
    """Huque et al. (2020, Biometrical Journal 62:444), scenario iii: quality of life y, body mass index x, seifa w."""
    g = np.repeat(np.arange(design.clusters), rng.integers(2, 11, size=design.clusters))
    n, j = len(g), design.clusters
    age, sex, w = (168 + rng.normal(11, 1.5, n)) / 12, (rng.random(n) < 0.5).astype(float), rng.normal(size=j)[g]
    x = -1 + 0.15 * rng.normal(size=j)[g] + 0.1 * age + 0.05 * sex + rng.normal(size=n)
    mean = 0.5 - 0.2 * x + 0.25 * w + 0.4 * rng.normal(size=j)[g] + 0.2 * rng.normal(size=j)[g] * x
    return pd.DataFrame({"g": g, "age": age, "sex": sex, "w": w, "x": x, "y": mean + 0.9 * rng.normal(size=n)})


def x_by_y_and_w(frame: Frame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Theirs."""
    return {"x": rng.random(len(frame)) < expit(-2.2 + frame["y"] + 0.2 * frame["w"]).to_numpy()}


def simulate(design: Design, seed: int) -> tuple[Frame, Frame]:
    """The complete data of a replicate, and the same with holes; no two designs share their random numbers."""
    rng = np.random.default_rng([8101, list(DESIGNS.values()).index(design), seed])
    complete = design.make(design, rng)
    holes = design.holes(complete, rng)
    return complete, complete.assign(**{name: complete[name].where(~gone) for name, gone in holes.items()})


CROSS = {**TRUTH, "w": 0.3, "x:w": 0.2}
_CROSS = {
    "terms": "x * w + z + (1 + x | g)",
    "truth": CROSS,
    "extra": lambda frame: 0.3 * frame["w"] + 0.2 * frame["x"] * frame["w"],
}
DESIGNS: Mapping[str, Design] = {
    "slopes": Design(),
    "x by y": Design(holes=x_by_y),
    "cross-level": Design(**_CROSS, covariates=("x ~ z + w + (1 | g)",), reversed=("x ~ y * w + z + (1 + y | g)",)),
    "cross-level, w incomplete": Design(
        **_CROSS,
        holes=with_w,
        covariates=("x ~ z + w + (1 | g)", "w ~ 1"),
        reversed=("x ~ y * w + z + (1 + y | g)", "w ~ cluster_mean(y, g) + cluster_mean(x, g) + cluster_mean(z, g)"),
    ),
    "quadratic": Design(
        terms="x + I(x**2) + z + (1 + x | g)",
        truth={**TRUTH, "I(x ** 2)": 0.2},
        extra=lambda frame: 0.2 * frame["x"] ** 2,
    ),
    "clusters of 5": Design(clusters=200, size=5),
    "binary x": Design(x="bernoulli"),
    "logistic": Design(
        outcome="bernoulli",
        truth={"Intercept": np.nan, "x": np.nan, "z": np.nan},
        analysis={"family": "bernoulli", "covariance": "cluster", "cluster": "g"},
        fitted="y ~ x + z",
    ),
    "random intercepts": Design(
        terms="x + z + (1 | g)",
        truth={name: value for name, value in TRUTH.items() if name != "variance g x"},
        reversed=("x ~ y + z + (1 | g)",),
    ),
    "Huque iii": Design(
        clusters=100,
        terms="x + w + (1 + x | g)",
        truth={
            "Intercept": 0.5,
            "x": -0.2,
            "w": 0.25,
            "variance g Intercept": 0.16,
            "variance g x": 0.04,
            "variance Residual Residual": 0.81,
        },
        make=huque,
        holes=x_by_y_and_w,
        covariates=("x ~ age + sex + w + (1 | g)",),
        reversed=("x ~ y + age + sex + w + (1 + y | g)",),
    ),
    "40 of 6": Design(clusters=40, size=6),
    "40 of 6, random intercepts": Design(
        clusters=40,
        size=6,
        terms="x + z + (1 | g)",
        truth={name: value for name, value in TRUTH.items() if name != "variance g x"},
        reversed=("x ~ y + z + (1 | g)",),
    ),
}
