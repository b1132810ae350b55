"""One analysis of datasets whose outcomes change and nothing else: what sensitivity analyses ask again and again.

Everything that a formula is turned into is kept, but for the outcome: rows, codes, design matrices, and of mixed linear
models the cross-products (:mod:`bayesimpute.analysis.mixed_together`). The estimates are those of
:func:`bayesimpute.analysis.fits`, without what pooling coefficients does not need (variance components).
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.fitters import FITTERS
from bayesimpute.analysis.fitting import arrays
from bayesimpute.analysis.generalised_estimates import fit_generalised_mixed
from bayesimpute.analysis.linear import complete_df
from bayesimpute.analysis.mixed_together import MixedTogether
from bayesimpute.analysis.model import Model
from bayesimpute.analysis.rows import Problem, with_outcome
from bayesimpute.analysis.variance_components import Curvature
from bayesimpute.base.one_thread import one_thread


class OtherOutcomes:
    """A model of some datasets.

    Parameters
    ----------
    model : Model
        The model, of any engine but bambi.
    frames : iterable of DataFrame
        The datasets with their first outcomes.

    Raises
    ------
    AnalysisError
        As of the analysis of these datasets.
    """

    def __init__(self, model: Model, frames: Iterable[pd.DataFrame]) -> None:
        self._model = model
        with one_thread():
            self._problems = [arrays(model, frame) for frame in frames]
            self._mixed = self._together()

    def _together(self) -> MixedTogether | None:
        first = self._problems[0]
        linear = self._model.family == "gaussian" and self._model.engine == "statsmodels"
        if not (linear and first.random and len({_shape(p) for p in self._problems}) == 1):
            return None
        return MixedTogether([(p.y, p.x, p.random) for p in self._problems], reml=self._model.reml)

    def estimates(self, outcomes: Sequence[pd.Series]) -> list[Estimate]:
        """With other outcomes, one a dataset, of the rows that the datasets have.

        Raises
        ------
        AnalysisError
            Of the first dataset that cannot be analysed.
        """
        kind = FITTERS[self._model.family].outcome
        pairs = zip(self._problems, outcomes, strict=True)
        with one_thread():
            problems = [with_outcome(problem, outcome, kind) for problem, outcome in pairs]
            if self._mixed is not None:
                return self._linear(self._mixed, problems)
            glmm = self._model.engine == "glmm"
            fit = fit_generalised_mixed if glmm else FITTERS[self._model.family].fit
            return [fit(problem, self._model) for problem in problems]

    def _linear(self, mixed: MixedTogether, problems: Sequence[Problem]) -> list[Estimate]:
        found = []
        for problem, fit in zip(problems, mixed.fits([p.y for p in problems]), strict=True):
            curvature = Curvature(fit.problem, fit.theta)
            estimates, covariance, _ = curvature.fitted
            dfcom = complete_df(problem, self._model, curvature)
            found.append(Estimate(terms=problem.names, estimates=estimates, covariance=covariance, dfcom=dfcom))
        return found


def _shape(problem: Problem) -> tuple[object, ...]:
    effects = ((t.group, t.names, int(t.codes.max())) for t in problem.random)
    return (problem.n, problem.names, *effects)
