"""The analysis of a run at every point of a grid: what does not change from point to point is made once.

Where a shift moves the outcome of an analysis and nothing else that it reads, rows and design matrices stay
(:mod:`bayesimpute.analysis.other_outcomes`). Whether that is so is seen in the data themselves: in the values of all
columns that the formula reads, at each point.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bayesimpute.analysis import Model, model_of
from bayesimpute.analysis.other_outcomes import OtherOutcomes
from bayesimpute.base.errors import BayesimputeError
from bayesimpute.data.columns import Column
from bayesimpute.plan.options import AnalysisOptions
from bayesimpute.pooling import Analyses, analyses_of
from bayesimpute.result.result import Result

MOST_CELLS = 30_000_000
"""Of the completed datasets, m times rows times columns, that are held at once."""


@dataclass(eq=False)
class AnalysingAgain:
    """One analysis of several runs on the same data.

    Parameters
    ----------
    formula : str
        The model.
    options : mapping
        As for :func:`bayesimpute.analysis.fit`.
    workers : int
        Processes that share the datasets, where all is made anew.
    """

    formula: str
    options: AnalysisOptions
    workers: int
    _known: tuple[Mapping[str, np.ndarray], OtherOutcomes] | None = field(default=None, init=False)

    def of(self, result: Result) -> Analyses:
        """The analysis of a run.

        Raises
        ------
        AnalysisError
            As :func:`bayesimpute.pooling.analyses_of` does.
        """
        model = model_of(self.formula, **self.options.options)
        chains = result.record.schedule.chains
        read = self._read(model, result)
        if read is not None:
            try:
                again, outcomes = self._again(model, result, read)
                if again is not None:
                    return Analyses(tuple(again.estimates(outcomes)), chains=chains, model=model)
            except (BayesimputeError, ValueError, ArithmeticError):
                self._known = None  # what is wrong is told below, with the numbers of the datasets
        options = {**self.options.options, "chains": chains, "total": result.m}
        return analyses_of(result.in_pandas, self.formula, workers=self.workers, progress=False, **options)

    def _read(self, model: Model, result: Result) -> dict[str, np.ndarray] | None:
        """What differs between datasets of the columns that the model reads, (imputation, unit); None where that is
        too much, or where rows would be left out.
        """
        names = model.read
        completed = {v.attrs["name"]: v for v in result.analysed.values()}
        whole = result.incomplete.columns
        if model.engine == "bambi" or result.m * len(result.incomplete.frame) * len(names) > MOST_CELLS:
            return None
        if str(model.formula.response) not in completed:
            return None
        if any(name not in completed and (name not in whole or whole[name].missing.any()) for name in names):
            return None
        found = {name: completed[name].values for name in names if name in completed}
        return None if any(np.isnan(values).any() for values in found.values()) else found

    def _again(
        self, model: Model, result: Result, read: Mapping[str, np.ndarray]
    ) -> tuple[OtherOutcomes | None, list[pd.Series]]:
        outcome = str(model.formula.response)
        if self._known is None:
            self._known = dict(read), OtherOutcomes(model, result.in_pandas)
        known, again = self._known
        same = all(name == outcome or np.array_equal(values, known[name]) for name, values in read.items())
        if not same or outcome in model.covariates:
            return None, []
        column = result.incomplete.columns.get(outcome) or Column(name=outcome, kind="number", values=read[outcome][0])
        given = result.incomplete.frame.get(outcome)
        decoded = (column.decode(values, given=given) for values in read[outcome])
        return again, [each if column.was is None else column.arranged_as(each) for each in decoded]
