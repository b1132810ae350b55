"""Predictive mean matching: a value that was observed, of a unit for which a model predicts about the same.

The model is another family's, whose likelihood, parameters and priors it has. What is matched is that model's linear
predictor, of labels their probabilities (Little 1988, J Business & Economic Statistics 6:287). Donors have the
posterior mean of the coefficients and effects, recipients a draw: van Buuren's type 1, in which the uncertainty of
parameters moves recipients against donors. With one draw for both (his type 2) it would cancel where there is one
predictor; with the mean for both (type 0) it would be lost (van Buuren 2018, Flexible Imputation of Missing Data,
section 3.4.2; Morris, White & Royston 2014, BMC Medical Research Methodology 14:75).

Values never leave what was observed: where recipients' predictions lie outside those of the donors, or few donors serve
many, estimates are biased (Kleinke 2017, J Educational and Behavioral Statistics 42:371), which :meth:`remarks` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self, final

import numpy as np
from scipy.special import softmax

from bayesimpute.base.errors import did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.base.priors import Prior
from bayesimpute.data.columns import Column
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Donors, Side, Theta
from bayesimpute.families.family import BOUND, Conflict, Family
from bayesimpute.families.label_values import Binary, Categories
from bayesimpute.families.links import LINKS
from bayesimpute.families.nearest_donors import drawn_donors
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.registry import FAMILIES, auto
from bayesimpute.families.support import Support
from bayesimpute.families.values import Values

SAMPLE = "sample"
"""Where donors come from, if not from the recipient's cluster first."""
FEWEST = 20
"""Recipients from which a donor's share of them says something."""
SHARE = 0.1
"""Of the recipients, beyond which a donor serves too many (Kleinke 2017)."""
MANY = 0.5
"""Of the observed values, beyond which so many donors of each recipient are not its like."""
OUTSIDE = 0.05
"""Of the recipients, beyond which those outside of the donors' range are told of."""
DRAWS = 20
"""Of each recipient's donor, from which a donor's share is found."""


class Observed(Values):
    """Any values: once bound to a column, a family that matches has the kind of the law that it matches."""

    name: ClassVar[str] = "observed"
    words: ClassVar[str] = "any variable"

    @classmethod
    def accepts(cls, column: Column) -> bool:
        return auto(column).values.accepts(column)

    @classmethod
    def suits(cls, column: Column) -> str | None:
        del column

    @classmethod
    def of(cls, column: Column) -> Self:
        found: Any = auto(column).values.of(column)
        return found

    @property
    def support(self) -> Support:
        return Support()

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float64)

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        del spread
        return rng.choice(known, size)

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        del cells
        return {}

    def response(self, y: np.ndarray) -> np.ndarray:
        return y


@final
@dataclass(frozen=True, kw_only=True)
class PredictiveMeanMatching(Family):
    """An observed value of one of the `donors` units with the nearest predictions of the family `on`.

    With the name of a cluster key in `within`, units of the recipient's own cluster come first, and others where it has
    fewer. There is no density: nothing else is drawn given the values, and models are not compared by them.
    """

    name: ClassVar[str] = "pmm"
    values: ClassVar[type[Values]] = Observed
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False
    density: ClassVar[bool] = False
    called: ClassVar[tuple[str, ...]] = ("matching", "predictive mean matching", "mean matching", "hot deck")

    on: str = "auto"
    donors: int = 5
    within: str = SAMPLE
    law: Family | None = field(default=None, metadata=BOUND)

    def __post_init__(self) -> None:
        if self.law is None and isinstance(self.on, str) and _matchable(FAMILIES.get(self.on)):
            object.__setattr__(self, "law", FAMILIES[self.on]())
        for fact in ("values", "standardise", "bambi", "steered") if self.law is not None else ():
            object.__setattr__(self, fact, getattr(self.law, fact))

    def bind(self, column: Column) -> "PredictiveMeanMatching":
        law = auto(column)() if self.law is None or self.on == "auto" else self.law
        return replace(self, law=law.bind(column))

    @property
    def fitted_as(self) -> Family:
        return self.matched.fitted_as

    @property
    def matched(self) -> Family:
        """The law whose predictions are matched."""
        assert self.law is not None, "it is bound before it is used"
        return self.law

    def working(self, y: np.ndarray) -> np.ndarray:
        return self.matched.working(y)

    @property
    def described(self) -> str:
        first = "" if self.within == SAMPLE else f" of the same {self.within} first"
        return f"predictive mean matching on {self.matched.name}, {self.donors} donors{first}"

    @property
    def undecided(self) -> bool:
        return self.law is None

    @property
    def keys(self) -> Mapping[str, str]:
        return {} if self.within == SAMPLE or not isinstance(self.within, str) else {"within": self.within}

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        found, known = [], ["auto", *(n for n, f in FAMILIES.items() if _matchable(f))]
        if self.on not in known:
            remedy = f"use one of {listed(known, len(known))}"
            if self.on in FAMILIES:
                found.append(Conflict("on", f'no predictor of the family "{self.on}" can be matched', remedy))
            else:
                near = did_you_mean(self.on, known, remedy)
                found.append(Conflict("on", f'there is no family "{self.on}"', near))
        if self.donors < 1:
            found.append(Conflict("donors", f"{self.donors} is no number of donors", "give 5, or 10 of large data"))
        return tuple(found)

    def doubts(self, y: np.ndarray) -> tuple[Conflict, ...]:
        if self.donors <= MANY * len(y):
            return ()
        finding = f"{self.donors} donors are more than {MANY:.0%} of the {len(y)} observed values"
        return (Conflict("donors", finding, "give 5, or 10 of large data: donors far off have other values"),)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter(name="mu", link="identity"),) if self.law is None else self.law.parameters

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        return () if self.law is None else self.law.together

    @property
    def alike(self) -> tuple[frozenset[str], ...]:
        return () if self.law is None else self.law.alike

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        return self.matched.intercept_prior(key, y, side)

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return self.matched.distribution(eta, side)

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        self.matched.likelihood(eta, y, side)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        return self.matched.logp(y, theta, side)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return self.matched.information(theta, y, side)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        return self.matched.mean_variance(theta, side)

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        donors = context.donors()
        return donors.y[self.chosen(rng, theta, donors)]

    def chosen(self, rng: np.random.Generator, theta: Theta, donors: Donors) -> np.ndarray:
        """Which donor each recipient has, int, shape (recipient,)."""
        clusters = donors.clusters.get(self.within)
        return drawn_donors(rng, self.predictions(donors.theta), self.predictions(theta), self.donors, clusters)

    def predictions(self, theta: Theta) -> np.ndarray:
        """What is matched, shape (row, dimension): probabilities of labels, else the linear predictor of mu.

        Of ordered labels that is one number, for the cutpoints are the same for all; where another part says
        how often it is zero, that is the mean, on the scale of mu's link.
        """
        law, mu = self.matched, np.asarray(theta["mu"])
        if law.values is Categories:
            return softmax(mu, axis=1)
        if law.values is Binary:
            return mu[:, None]
        mean = law.moments(theta)[0] if any(p.like == "mu" for p in law.parameters) else mu
        return LINKS[law.parameters[0].link].link(mean)[:, None]

    def remarks(self, rng: np.random.Generator, theta: Theta, context: Context) -> tuple[tuple[str, str], ...]:
        donors = context.donors()
        n, found = len(context.rows), []
        served = sum(np.bincount(self.chosen(rng, theta, donors), minlength=len(donors.y)) for _ in range(DRAWS))
        most = float(np.max(served)) / (DRAWS * n)
        if n >= FEWEST and most > SHARE:
            why = f"more than {SHARE:.0%} is too many: estimates lean on few values; use more donors, or another family"
            found.append((f"one donor serves {most:.0%} of the {n} recipients", why))
        theirs, own = self.predictions(donors.theta), self.predictions(theta)
        beyond = ((own < theirs.min(axis=0)) | (own > theirs.max(axis=0))).any(axis=1).mean()
        if n >= FEWEST and beyond > OUTSIDE:
            why = "there matching draws the outermost observed values, and estimates are biased: use another family"
            found.append((f"{beyond:.0%} of the {n} recipients are predicted outside of the donors' range", why))
        return tuple(found)


def _matchable(family: type[Family] | None) -> bool:
    """Whether there is a law whose predictions mean the same for all units: no trials, no limits, no selection."""
    if family is None or not family.density or "trials" in family.reads or family.certain:
        return False
    return family().selection is None
