"""Scores of scales: what follows from the items of a questionnaire, which are imputed one by one.

A score is a derived column. Other models read it in place of its items, of which there are too many; the model of an
item reads the other items of its scale and the scores of others, and never the score that it is part of (Gottschalk,
West & Enders 2012, Multivariate Behavioral Research 47:1; Eekhout et al. 2018, Statistics in Medicine 37:1125).
"""

from collections.abc import Iterable

from bayesimpute.formulas import quote
from bayesimpute.plan.options import Derived, Score


def derived_of(score: Score) -> Derived:
    """The derived column that a score is; of a mean the sum over the number of items."""
    total = " + ".join(map(quote, score.items))
    return Derived(name=score.name, expression=total if score.score == "sum" else f"({total}) / {len(score.items)}")


def with_scores(derived: Iterable[Derived], scores: Iterable[Score]) -> tuple[Derived, ...]:
    """Derived columns and those of scores."""
    return (*derived, *(derived_of(score) for score in scores if isinstance(score, Score)))
