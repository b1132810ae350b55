"""What a user asks of an analysis: the formula and everything that goes with it.

``fitters.py`` reads one and checks it before anything is fitted.
"""

from dataclasses import dataclass

from bayesimpute.formulas import Formula, parse_expression
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

    @property
    def covariates(self) -> frozenset[str]:
        """The columns that it is made of beside the outcome, clusters and the condition's among them."""
        where = frozenset[str]() if self.where is None else parse_expression(self.where, "where").names
        return self.formula.names.union(self.keys, where)

    @property
    def read(self) -> frozenset[str]:
        """All columns that it is made of."""
        return self.covariates | {str(self.formula.response)}
