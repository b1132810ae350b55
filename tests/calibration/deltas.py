"""Data made under a shift, their plans, and what imputations under an assumption say beside the complete data.

Pattern mixtures: units whose outcome is missing differ from the model by δ on its linear predictor, given all that
the model reads. In compatible mode (``together``) the models make the data in their order, and δ is what is added. In
chained equations the incomplete covariate is made from the outcome and from whether that is missing, so that both
conditionals, the covariate's with ``observed(y)``, are exactly those of the plan; δ given the covariate follows by
Bayes' rule (of normal and of yes/no outcomes it is a shift, too).

A replicate is compared with the analysis of its own complete data, so that differences are of what was missing only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from looping import fresh_record, ran
from scipy.special import expit

import bayesimpute as bi
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan
from bayesimpute.result.result import Result

SETTINGS = Run(m=5, chains=5, warmup=15, sweeps=1, sampler="gibbs", steps=1)
Sample = tuple[pd.DataFrame, dict[str, np.ndarray]]
"""Complete data, and by variable the rows in which it is missing."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How data are made, with which plan they are imputed, and what is asked of them.

    Parameters
    ----------
    target : str
        What is missing not at random.
    conditionals, substantive : sequence of Conditional or str
        The models.
    shift : str
        The right one, in the names of `assumptions`.
    assumptions : mapping of str to float
        Their true values.
    sample : callable
        A replicate.
    answers : callable
        The analysis of complete data, shape (term,).
    """

    target: str
    conditionals: Sequence[bi.Conditional | str]
    substantive: Sequence[bi.Conditional | str] = ()
    shift: str
    assumptions: dict[str, float]
    sample: Callable[[np.random.Generator], Sample]
    answers: Callable[[pd.DataFrame], np.ndarray]

    def plan(self, *, right: bool = True, scale: str = "predictor") -> Plan:
        """With the right assumption, or missing at random."""
        plan = Plan.of(list(self.conditionals), substantive=tuple(self.substantive), run=SETTINGS)
        if not right:
            return plan
        assumptions = tuple(bi.Assumption(name=name, value=value) for name, value in self.assumptions.items())
        adjustment = bi.Adjustment(target=self.target, shift=self.shift, scale=scale)
        return replace(plan, assumptions=assumptions, adjustments=(adjustment,))


def holed(sample: Sample) -> pd.DataFrame:
    """What is seen of a replicate."""
    complete, gone = sample
    return complete.assign(**{name: complete[name].mask(rows) for name, rows in gone.items()})


def imputed(plan: Plan, frame: pd.DataFrame, seed: int) -> Result:
    """A run without what surrounds it."""
    return ran(fresh_record(frame, plan, seed=seed))


def gaps(setup: Setup, replicates: int, *, right: bool = True, scale: str = "predictor", first: int = 0) -> np.ndarray:
    """Pooled estimates minus those of the complete data, shape (replicate, term)."""
    found = []
    for seed in range(first, first + replicates):
        sample = setup.sample(np.random.default_rng([27, seed]))
        run = imputed(setup.plan(right=right, scale=scale), holed(sample), seed)
        found.append(np.mean([setup.answers(frame) for frame in run], axis=0) - setup.answers(sample[0]))
    return np.array(found)


def errors(rows: np.ndarray) -> np.ndarray:
    """Means in Monte Carlo errors, shape (term,)."""
    return rows.mean(axis=0) / (rows.std(axis=0, ddof=1) / np.sqrt(len(rows)))


def least_squares(frame: pd.DataFrame, outcome: str, *terms: str) -> np.ndarray:
    """Coefficients, the intercept first."""
    x = np.column_stack([np.ones(len(frame)), *(frame[t].to_numpy(dtype=float) for t in terms)])
    return np.linalg.lstsq(x, frame[outcome].to_numpy(dtype=float), rcond=None)[0]


def of_units(frame: pd.DataFrame) -> np.ndarray:
    """The regression of the outcome, and the mean of the covariate."""
    return np.array([*least_squares(frame, "y", "arm", "x"), frame["x"].mean()])


def of_clusters(covariate: str) -> Callable[[pd.DataFrame], np.ndarray]:
    """The same of an outcome of clusters, which has one row each."""

    def answers(frame: pd.DataFrame) -> np.ndarray:
        each = frame.groupby("g").mean()
        return np.array([*least_squares(each, "w", covariate), each[covariate].mean()])

    return answers


def _units(rng: np.random.Generator, clusters: int, size: int) -> pd.DataFrame:
    """A complete covariate, the arm, a random intercept, and whether y is missing."""
    g = np.repeat(np.arange(clusters), size)
    frame = pd.DataFrame({"g": g, "z": rng.normal(size=len(g)), "arm": (rng.random(len(g)) < 0.5).astype(float)})
    frame["u"] = rng.normal(0, 0.5, clusters)[g]
    frame["gone"] = rng.random(len(g)) < expit(-0.7 + 0.4 * frame["z"] + 0.2 * frame["arm"])
    return frame


def _with_holes(frame: pd.DataFrame, rng: np.random.Generator) -> Sample:
    rows = frame["gone"].to_numpy()
    x = rng.random(len(frame)) < expit(-1.4 + 0.4 * frame["z"].to_numpy())
    return frame.drop(columns=["u", "gone"]), {"y": rows, "x": x}


def chained_normal(rng: np.random.Generator) -> Sample:
    """δ = (s - .5 · .6) / (1 + .5²) with s = 1.8 in the one arm and -.2 in the other: 1.2 and -.4."""
    f = _units(rng, 30, 8)
    s = np.where(f["arm"] == 1, 1.8, -0.2)
    f["y"] = 1 + 0.5 * f["arm"] + 0.3 * f["z"] + f["u"] + s * f["gone"] + rng.normal(size=len(f))
    f["x"] = 0.5 * f["y"] + 0.4 * f["z"] + 0.6 * f["gone"] + rng.normal(size=len(f))
    return _with_holes(f, rng)


def together_normal(rng: np.random.Generator) -> Sample:
    """With an auxiliary variable that follows the outcome, so that the outcome's model is fitted to imputed values."""
    f = _units(rng, 30, 8)
    f["x"] = 0.5 * f["z"] + rng.normal(size=len(f))
    delta = np.where(f["arm"] == 1, 1.2, -0.4)
    mean = 1 + 0.5 * f["arm"] + 0.5 * f["x"] + 0.3 * f["z"] + f["u"]
    f["y"] = mean + delta * f["gone"] + rng.normal(size=len(f))
    f["a"] = 0.5 * f["y"] + 0.3 * f["x"] + rng.normal(size=len(f))
    return _with_holes(f, rng)


def chained_yes_no(rng: np.random.Generator, size: int = 10) -> Sample:
    """δ = s - .8 · .5 with s = -1: -1.4."""
    f = _units(rng, 40, size)
    odds = 0.2 + 0.6 * f["arm"] + 0.4 * f["z"] + f["u"] - f["gone"]
    f["y"] = (rng.random(len(f)) < expit(odds)).astype(float)
    f["x"] = 0.8 * f["y"] + 0.4 * f["z"] + 0.5 * f["gone"] + rng.normal(size=len(f))
    return _with_holes(f, rng)


def together_yes_no(rng: np.random.Generator) -> Sample:
    """With an auxiliary variable, again."""
    f = _units(rng, 40, 10)
    f["x"] = 0.5 * f["z"] + rng.normal(size=len(f))
    odds = 0.2 + 0.6 * f["x"] + 0.6 * f["arm"] + 0.3 * f["z"] + f["u"] - 1.4 * f["gone"]
    f["y"] = (rng.random(len(f)) < expit(odds)).astype(float)
    f["a"] = 0.5 * f["y"] + 0.3 * f["x"] + rng.normal(size=len(f))
    return _with_holes(f, rng)


def chained_clusters(rng: np.random.Generator) -> Sample:
    """One shift a cluster: x is w's to cluster means of variance 1/2, so δ = (s - .7 · .5 / .5) / (1 + .7² / .5)."""
    clusters, size = 80, 4
    g, v = np.repeat(np.arange(clusters), size), rng.normal(size=clusters)
    gone = rng.random(clusters) < expit(-0.8 + 0.4 * v)
    w = 0.5 * v + (0.7 + 1.98 * 1.0) * gone + rng.normal(size=clusters)
    f = pd.DataFrame({"g": g, "v": v[g], "w": w[g], "z": rng.normal(size=len(g))})
    t = rng.normal(0, 0.5, clusters)
    f["x"] = 0.7 * f["w"] + 0.3 * f["z"] + (0.5 * gone + t)[g] + rng.normal(size=len(g))
    return f, {"w": gone[g], "x": rng.random(len(g)) < 0.2}


def together_clusters(rng: np.random.Generator) -> Sample:
    """An outcome of clusters that a variable of units follows."""
    clusters, size = 80, 4
    g, q = np.repeat(np.arange(clusters), size), rng.normal(size=clusters)
    gone = rng.random(clusters) < expit(-0.8 + 0.4 * q)
    v = 0.4 * q + rng.normal(size=clusters)
    w = 0.5 * v + 0.3 * q + 1.0 * gone + rng.normal(size=clusters)
    f = pd.DataFrame({"g": g, "q": q[g], "v": v[g], "w": w[g], "z": rng.normal(size=len(g))})
    u = rng.normal(0, 0.7, clusters)
    f["a"] = 0.5 * f["w"] + 0.2 * f["z"] + u[g] + rng.normal(size=len(g))
    return f, {"w": gone[g], "v": (rng.random(clusters) < 0.2)[g]}


BY_ARM = {"shift": "up * arm + down * (1 - arm)", "assumptions": {"up": 1.2, "down": -0.4}}
ODDS = {"shift": "d", "assumptions": {"d": -1.4}}
ONE_EACH = {"shift": "d", "assumptions": {"d": 1.0}}
YES_NO = bi.Conditional.of("y ~ x + z + arm + (1 | g)", family="bernoulli")
OF_W = bi.Conditional.of("w ~ v + cluster_mean(x, g) + cluster_mean(z, g)", level="g")

SETUPS: dict[str, Setup] = {
    "normal, chained": Setup(
        target="y",
        conditionals=("y ~ x + z + arm + (1 | g)", "x ~ y + z + observed(y)"),
        sample=chained_normal,
        answers=of_units,
        **BY_ARM,
    ),
    "normal, together": Setup(
        target="y",
        conditionals=("x ~ z",),
        substantive=("y ~ x + z + arm + (1 | g)", "a ~ y + x"),
        sample=together_normal,
        answers=of_units,
        **BY_ARM,
    ),
    "yes/no, chained": Setup(
        target="y",
        conditionals=(YES_NO, "x ~ y + z + observed(y)"),
        sample=chained_yes_no,
        answers=of_units,
        **ODDS,
    ),
    "yes/no, together": Setup(
        target="y",
        conditionals=("x ~ z",),
        substantive=(YES_NO, "a ~ y + x"),
        sample=together_yes_no,
        answers=of_units,
        **ODDS,
    ),
    "clusters, chained": Setup(
        target="w",
        conditionals=(OF_W, "x ~ w + z + observed(w) + (1 | g)"),
        sample=chained_clusters,
        answers=of_clusters("x"),
        **ONE_EACH,
    ),
    "clusters, together": Setup(
        target="w",
        conditionals=(bi.Conditional.of("v ~ q", level="g"),),
        substantive=(bi.Conditional.of("w ~ v + q", level="g"), "a ~ w + z + (1 | g)"),
        sample=together_clusters,
        answers=of_clusters("v"),
        **ONE_EACH,
    ),
}
