"""What chained equations need where an outcome has a selection model.

Of the outcome, its model leaves out what moves selection only: the recipes would take it as one more predictor, and
with the exclusion restriction goes the identification. Of the other variables, each model has ``observed(y)``: given y
and the rest, who was selected tells of them, since selection depends on them, too.

To let another kind of model ask for terms in its neighbours, add a function like :func:`indicators`.
"""

from collections.abc import Iterable

import numpy as np

from bayesimpute.base.phrases import listed
from bayesimpute.formulas import quote
from bayesimpute.formulas.terms import key_text, mean_by, split
from bayesimpute.suggesting.suggested_model import Piece
from bayesimpute.suggesting.variable_roles import Scene


def without_exclusions(scene: Scene, target: str, pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces of an outcome's model that have nothing of what moves its selection only."""
    only = scene.excluded(target)
    return [p for p in pieces if not only & (p.names | _keys(p))]


def _keys(piece: Piece) -> frozenset[str]:
    """The cluster keys of a piece's means."""
    return frozenset(part for atom in split(piece.text) for part in (mean_by(atom) or "").split(":"))


def indicators_beside(scene: Scene, target: str) -> list[Piece]:
    """Who was selected, of each selection model beside a target; the share of the cluster at level 2."""
    texts = [_indicator(scene, y, target) for y in _beside(scene, target) if _tells(scene, y, target)]
    return [Piece(text=text, names=frozenset(), what="who was selected") for text in texts]


def beside_notes(scene: Scene, target: str) -> list[str]:
    """What is said of exclusion variables and of indicators that the data do not identify."""
    only = sorted(scene.excluded(target))
    found = [f"Left out, as moving selection only (exclusion variables): {listed(only, 12)}."] if only else []
    silent = [y for y in _beside(scene, target) if not _tells(scene, y, target)]
    return [*found, *(f"No observed({quote(y)}): {target} tells of one of its values only." for y in silent)]


def _beside(scene: Scene, target: str) -> list[str]:
    return [y for y in scene.selections if y != target and scene.missing(y)]


def _indicator(scene: Scene, outcome: str, target: str) -> str:
    level, inner = scene.level(target), f"observed({quote(outcome)})"
    return inner if level is None else f"cluster_mean({inner}, {key_text(level, scene.data.columns)})"


def _tells(scene: Scene, outcome: str, target: str) -> bool:
    """Whether the indicator, or its cluster mean, takes two values where the target is observed."""
    known, level = ~np.isnan(scene.filled(target)), scene.level(target)
    seen = (~scene.data.columns[outcome].missing).astype(float)
    if level is not None:
        codes = scene.data.codes(level)
        seen = (np.bincount(codes, seen) / np.bincount(codes))[codes]
    return len(np.unique(seen[known])) > 1
