"""The Bayesian engine: the posterior of the model that an imputation would use, dataset by dataset.

The outcome is described as if it were the target of a conditional model, so formulas, priors, random effects and
sampler are those of the imputation models; here alone are random effects of yes/no outcomes. What is compiled for the
first dataset serves all others, which are new data for it.

**Priors** are those of the imputation models: bambi's automatic ones, but for intercepts and products, which are
about the means of the predictors, for intercepts of yes/no outcomes, which are about the observed share, and for
standard deviations of random effects (``designs/automatic_priors.py``). They depend on the data, as do the scales on
which the sampler works, so all are taken from one dataset, the reference, and stay for the others: the m posteriors
have one prior and may be mixed. Chains also adapt on the reference, and go on from there on each dataset. Priors of
yes/no outcomes are not flat, by design of bambi: on the logit scale Normal(0, 1) for the effect of a standard
deviation or of a category.

**Length.** Chains are run on in batches until the chains of every parameter are in one place and its bulk ESS is
good enough, or :data:`MOST` draws are made. ``from_draws.py`` makes an estimate of the draws and says what is wrong
with them.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesimpute.analysis.complete_outcome import Observed
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.from_draws import Sampled, good_enough, to_estimate
from bayesimpute.analysis.model import Model
from bayesimpute.base.errors import AnalysisError, BayesimputeError, FormulaError
from bayesimpute.base.phrases import listed
from bayesimpute.designs.describe import INFORMATIVE, describe
from bayesimpute.designs.design import Design
from bayesimpute.designs.information_ratio import information_ratio
from bayesimpute.samplers import ConditionalModel, Nuts, SamplerState
from bayesimpute.samplers.nuts import NutsPosterior
from bayesimpute.samplers.sampler import Data

SEED = 20102
BATCH, MOST = 250, 2000
"""Draws of a chain that are made at a time, and at most."""
SETTLING = 100
"""Transitions on each dataset, still adapting, before the first draw."""
KEPT = 4
"""Models whose compiled code a thread keeps."""

_THREAD = threading.local()
_COMPILING = threading.Lock()


@dataclass(frozen=True, eq=False)
class Bayes:
    """The posterior of a model; it can be sent to other processes.

    Parameters
    ----------
    model : Model
        What is fitted: of a family that imputes too.
    reference : DataFrame, optional
        See :meth:`based_on`; None: each dataset is its own, and is compiled by itself.
    chains : int
        Chains on each dataset.
    seed : int
        The random numbers follow from it, the number of the dataset and that of the chain.
    """

    model: Model
    reference: pd.DataFrame | None = None
    chains: int = 4
    seed: int = SEED

    def based_on(self, reference: pd.DataFrame) -> "Bayes":
        """The same with priors, scales and first adaptation from one dataset: the first of those to be fitted."""
        return replace(self, reference=reference)

    def fit(self, frame: pd.DataFrame, k: int) -> Estimate:
        """Draw from the posterior given one dataset.

        The draws depend on the dataset, its number and the reference, not on what was fitted before, or where.

        Parameters
        ----------
        frame : DataFrame
            The dataset; rows with missing values in the formula's variables are left out.
        k : int
            Its number, from 1.

        Returns
        -------
        Estimate
            Posterior means and covariances of the coefficients, with ``draws`` of every parameter.

        Raises
        ------
        BayesimputeError
            What is wrong with the data, or that their design matrices have other columns than those of the reference.
        """
        dataset = Observed.of(self.model, frame)
        workspace = compiled(self.model, frame if self.reference is None else self.reference)
        return to_estimate(dataset.problem, workspace.sample(dataset, k, chains=self.chains, seed=self.seed))


class Workspace:
    """What one thread has compiled of a model: the design of its reference, and a sampler by numbers of clusters.

    Parameters
    ----------
    model : Model
        What is fitted.
    frame : DataFrame
        The reference.

    Attributes
    ----------
    compilations : int
        How often something was compiled.
    """

    def __init__(self, model: Model, frame: pd.DataFrame) -> None:
        self.model, self.reference = model, Observed.of(model, frame)
        self.frame = frame.copy(deep=False)  # the user may go on to change theirs
        described = describe(self.reference.target, self.reference.incomplete, self.reference.resolved)
        self.design = _best_form(described, self.reference.data(described))
        self.posteriors: dict[tuple[int, ...], NutsPosterior] = {}
        self.adapted: dict[tuple[int, int], SamplerState] = {}
        self.compilations = 0

    def sample(self, dataset: Observed, k: int, *, chains: int, seed: int) -> Sampled:
        """Draws from the posterior given dataset k.

        Raises
        ------
        AnalysisError
            The dataset has other columns or labels than the reference.
        """
        self._check_columns(dataset)
        design = dataset.sized(self.design)
        data = self._data(dataset, design)
        rngs = [_generator(seed, k, chain) for chain in range(chains)]
        like_reference = _sizes(design) == _sizes(self.design)
        starts = [self._adapted(chain, seed) if like_reference else None for chain in range(chains)]
        posterior = self.posterior(design, data)
        states = [_settled(posterior, start, data, rng) for start, rng in zip(starts, rngs, strict=True)]
        return _run(posterior, states, data, rngs)

    def posterior(self, design: Design, data: Data) -> NutsPosterior:
        """The sampler for a dataset, compiled if there is none for as many clusters."""
        with _COMPILING:
            if _sizes(design) not in self.posteriors:
                self.posteriors[_sizes(design)] = Nuts().compile(ConditionalModel(design, data))
                self.compilations += 1
        made = self.posteriors[_sizes(design)]
        return replace(made, layout=replace(made.layout, design=design), metrics=None)

    def _adapted(self, chain: int, seed: int) -> SamplerState:
        """Where a chain stands when it has adapted on the reference."""
        if (seed, chain) not in self.adapted:
            data = self.reference.data(self.design)
            posterior = self.posterior(self.design, data)
            self.adapted[seed, chain] = posterior.init(data, _generator(seed, 0, chain))
        return self.adapted[seed, chain]

    def _data(self, dataset: Observed, design: Design) -> dict[str, np.ndarray]:
        try:
            return dataset.data(design)
        except FormulaError as error:
            finding = "; ".join(problem.finding for problem in error.problems)
            raise AnalysisError(f"{self.model.formula.excerpt}: {finding}, unlike {_REFERENCE}") from error

    def _check_columns(self, dataset: Observed) -> None:
        usual, own = self.reference.names, dataset.names
        if own == usual:
            return
        lacks, extra = [n for n in usual if n not in own], [n for n in own if n not in usual]
        parts = [f"lacks {listed(lacks)}"] * bool(lacks) + [f"has also {listed(extra)}"] * bool(extra)
        differs = " and ".join(parts) or "has its columns in another order"
        raise AnalysisError(f"{self.model.formula.excerpt}: this dataset {differs}, unlike {_REFERENCE}")


_REFERENCE = (
    "the dataset that the priors come from; a category that one of them does not contain is the usual cause: merge it "
    "with another category"
)


def compiled(model: Model, frame: pd.DataFrame) -> Workspace:
    """The calling thread's workspace for a model and its reference, made on first use; only the last few are kept."""
    held: list[Workspace] = _THREAD.__dict__.setdefault("workspaces", [])
    for workspace in held:
        if workspace.model == model and workspace.frame.equals(frame):
            return workspace
    with _COMPILING:  # describing is not safe in two threads at a time either
        try:
            made = Workspace(model, frame)
        except BayesimputeError as error:
            raise AnalysisError(f"the dataset that the priors come from cannot be analysed: {error}") from error
    held[:] = [*held, made][-KEPT:]
    return made


def _sizes(design: Design) -> tuple[int, ...]:
    return tuple(block.size for block in design.blocks)


def _generator(seed: int, k: int, chain: int) -> np.random.Generator:
    """The random numbers of a chain on dataset k; 0 is its adaptation on the reference."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(k, chain)))


def _best_form(design: Design, data: Data) -> Design:
    """Effects of yes/no outcomes as they are, not as standard normals, where clusters say much about them.

    :func:`describe` leaves that to numbers; over long chains it saves most of the draws. Both forms are the same model,
    so a linear model for the probabilities is good enough to judge by.
    """
    if design.family.standardise:
        return design
    y = (data["y_data"] - data["y_data"].mean()) / data["y_data"].std()
    ratios = [information_ratio(y, data["X_mu"], data[f"X_{b.key}"], data[f"codes_{b.key}"]) for b in design.blocks]
    blocks = [replace(b, centred=ratio > INFORMATIVE) for b, ratio in zip(design.blocks, ratios, strict=True)]
    return replace(design, blocks=tuple(blocks))


def _settled(
    posterior: NutsPosterior, start: SamplerState | None, data: Data, rng: np.random.Generator
) -> SamplerState:
    """A chain that has come to a dataset from where it stood, or from a start of its own."""
    state = posterior.init(data, rng) if start is None else start
    return posterior.step(state, data, rng, transitions=SETTLING, tune=True)[0]


def _run(
    posterior: NutsPosterior, states: list[SamplerState], data: Data, rngs: Sequence[np.random.Generator]
) -> Sampled:
    """Draws of all chains, batch by batch until they are enough."""
    design = posterior.layout.design
    rows: list[list[np.ndarray]] = [[] for _ in states]
    divergences = 0
    while True:
        for chain, rng in enumerate(rngs):
            for _ in range(BATCH):
                states[chain], draw, stats = posterior.step(states[chain], data, rng)
                rows[chain].append(design.posterior(draw))
                divergences += stats.divergences
        sampled = Sampled(design=design, values=np.array(rows), divergences=divergences)
        if len(rows[0]) >= MOST or good_enough(sampled):
            return sampled
