"""What a user asks of an analysis: the formula and everything that goes with it.

``fitters.py`` reads one and checks it before anything is fitted.
"""

from dataclasses import dataclass

from bayesimpute.formulas import Formula
from bayesimpute.plan.options import AnalysisOptions


@dataclass(frozen=True, kw_only=True)
class Model(AnalysisOptions):
    """A formula with all options settled; the options are those of :func:`bayesimpute.analysis.fit`."""

    formula: Formula
    link: str = "identity"
    engine: str = "statsmodels"

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of the covariance's clusters."""
        return () if self.cluster is None else tuple(self.cluster.split(":"))
