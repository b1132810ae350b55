"""The engine of selection models: which it takes, starts, states as plain arrays, values of draws."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import SYSTEMATIC, Design
from bayesimpute.families import HeckmanGaussian, HeckmanProbit
from bayesimpute.families.copulas import NORMAL
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.layout import Layout, few, known, ordered
from bayesimpute.samplers.gibbs.predictors import Codes, shifted
from bayesimpute.samplers.gibbs.selection.equation_arrays import Frame
from bayesimpute.samplers.gibbs.selection.equations import Pair
from bayesimpute.samplers.gibbs.selection.selection_sweeps import run_selection
from bayesimpute.samplers.gibbs.states import NAMES, Arrays, Moved, block_values, fresh, start, starts, to_arrays
from bayesimpute.samplers.sampler import Data

FADED = 50.0
"""As so many sweeps counts, at the beginning of a stage of the burn-in, what was learnt of the ridge before it."""
SPREAD = 0.5
"""Half the width of the starts of artanh rho, log sd and the partial correlations around their middles."""
ERRORS = ("zeta", "log_sigma", "u")
DOUBT = ("systematic", SYSTEMATIC)
RIDGE = ("ridge_count", "ridge_mean", "ridge_covariance", "ridge_variance")
UNLEARNT = dict(zip(RIDGE, (np.array(0.0), np.zeros(3), np.zeros((3, 3)), np.zeros(3)), strict=True)) | {
    "systematic": np.array(0.5),
    SYSTEMATIC: np.zeros(0),
}
"""What sweeps are told where a state has it not: nothing of a ridge where rho is held, and of no doubt."""


@dataclass(frozen=True, eq=False)
class Stacked:
    """A model on its data."""

    lay: Layout
    pair: Pair

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps of both equations and of the ridge."""
        given = UNLEARNT | {"zeta": self.pair.rho[1:2].reshape(()), **arrays}
        linear, errors, ridge, doubt = (_tuple(given, names) for names in (NAMES, ERRORS, RIDGE, DOUBT))
        after = run_selection(rng, linear, errors, ridge, doubt, sweeps, tune, self.lay, self.pair)
        moved: dict[str, np.ndarray] = {}
        for names, values in zip((NAMES, ERRORS, RIDGE, DOUBT), after, strict=True):
            moved |= {name: np.asarray(value) for name, value in zip(names, values, strict=True) if name in arrays}
        return moved, 1.0


@dataclass(frozen=True, eq=False)
class TwoEquations:
    """The layout of a model; log sigma, theta's first place, is 0 and stays: the rows have it."""

    burn_in: ClassVar[BurnIn] = BurnIn(
        stages=(30, 100, 200, 400, 1500), places=("theta", "z", "zeta", "log_sigma"), fading={"ridge_count": FADED}
    )
    frame: Frame

    @staticmethod
    def takes(design: Design) -> bool:
        """Of normal errors, with one rho, held or with a prior, and one sigma; effects of one equation or of both."""
        if not isinstance(design.family, HeckmanGaussian | HeckmanProbit) or design.family.copula != NORMAL:
            return False
        parameters = {p.key: p for p in design.predictors}
        equations, numbers = [parameters.pop("mu"), parameters.pop("selection")], parameters
        _, outer = ordered(design.blocks)
        return (
            all(p.matrix is not None and all(prior.name == "Normal" for prior in p.priors) for p in equations)
            and not equations[1].offset
            and shifted(design) <= {"mu"}
            and (isinstance(design.family, HeckmanGaussian) or not (equations[0].offset or shifted(design)))
            and all(p.matrix is None for p in numbers.values())
            and ("systematic" not in numbers or numbers["systematic"].priors[0].name == "Beta")
            and all(_ridged(prior) for prior in ("rho" in numbers and numbers["rho"].priors) or ())
            and all(known(prior) for prior in ("sigma" in numbers and numbers["sigma"].priors) or ())
            and all(known(prior) for b in design.blocks for prior in b.priors)
            and all({parameter for parameter, _ in b.parts} <= {"mu", "selection"} for b in design.blocks)
            and few(outer)
        )

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "TwoEquations":
        """From the clusters of the fitted rows."""
        return cls(Frame.of(design, codes, n))

    def on(self, data: Data, y: np.ndarray) -> Stacked:
        """The model on data, with the target less mu's offset."""
        return Stacked(self.frame.lay, self.frame.on(data, y))

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one, without inner effects yet."""
        lay, predictors = self.frame.lay, self.frame.predictors
        theta = starts(self.frame.blocks, 0.0, rng, SPREAD)
        sigma = start(predictors["sigma"].priors[0], rng, SPREAD) if "sigma" in predictors else 0.0
        size = 4 + lay.mean.size + lay.clusters * lay.width
        arrays = to_arrays(fresh(theta, lay.mean))
        arrays |= {"log_sigma": np.array(sigma), "u": np.zeros((lay.clusters, lay.width))}
        if "rho" in predictors:
            learnt = np.array(0.0), np.zeros(size), np.zeros((3, size)), np.zeros(size)
            arrays |= {"zeta": np.array(_correlation(predictors["rho"].priors[0], rng))}
            arrays |= dict(zip(RIDGE, learnt, strict=True))
        return arrays | self._doubts(rng)

    def _doubts(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A start of what empty clusters are."""
        empty = self.frame.design.empty
        if empty is None:
            return {}
        gone = (rng.random(len(empty)) < 0.5).astype(float)
        return {"systematic": np.array((1 + gone.sum()) / (2 + len(empty) + empty.others)), SYSTEMATIC: gone}

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        lay, predictors = self.frame.lay, self.frame.predictors
        theta, b, first = (
            arrays["theta"],
            outer_effects(arrays["theta"], lay, arrays["z"]),
            len(predictors["mu"].priors),
        )
        values = {"mu": b[:first], "selection": b[first : lay.coefficients]}
        if "rho" in predictors:
            values["rho"] = np.tanh(arrays["zeta"])[None]
        if "sigma" in predictors:
            values["sigma"] = np.exp(arrays["log_sigma"])[None]
        if SYSTEMATIC in arrays:
            values |= {"systematic": arrays["systematic"][None], SYSTEMATIC: arrays[SYSTEMATIC]}
        return values | block_values(self.frame.blocks, lay, theta, b, arrays["u"])


def _tuple(arrays: Arrays, names: tuple[str, ...]) -> tuple:
    values = (arrays[name] for name in names)
    return tuple(value if value.ndim else float(value) for value in values)


def _ridged(prior: Prior) -> bool:
    """Whether there is code for a prior of rho."""
    return prior.distribution.ridge is not None and prior.fits("signed unit")


def _correlation(prior: Prior, rng: np.random.Generator) -> float:
    """Artanh of a value near the middle of a prior of rho."""
    lower, upper = np.quantile(prior.draw(np.random.default_rng(0), 1001), [0.25, 0.75])
    return float(np.arctanh(rng.uniform(lower, upper)))
