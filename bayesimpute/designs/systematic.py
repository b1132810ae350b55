"""Which empty clusters are systematically missing, drawn given the rest of a draw: after samplers that sum it out.

P(Z_j = 1 | draw) = pi / (pi + (1 - pi) P_j), with P_j = prod_i Phi(-s_i) of the cluster's units, at the linear
predictors of the draw (:mod:`bayesimpute.plan.empty_clusters`).
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import expit, log_ndtr, logit

from bayesimpute.designs.design import SYSTEMATIC, Design, Draw


def chances(design: Design, draw: Draw, data: Mapping[str, np.ndarray]) -> np.ndarray:
    """P(Z_j = 1 | draw) of each empty cluster, shape (empty cluster,); `data` are what the graph's containers hold."""
    selection, empty = design.family.selection, design.empty
    assert selection is not None and empty is not None
    s = design.fitted(draw, data)[selection.parameter]
    log_p = np.bincount(data["empty"], weights=log_ndtr(-s), minlength=len(empty) + 1)[: len(empty)]
    with np.errstate(divide="ignore"):  # a share that is 0 or 1 to rounding
        return expit(logit(draw["systematic"]) - log_p)


def with_systematic(rng: np.random.Generator, design: Design, draw: Draw, data: Mapping[str, np.ndarray]) -> Draw:
    """The draw, with the indicators."""
    chance = chances(design, draw, data)
    return {**draw, SYSTEMATIC: (rng.random(len(chance)) < chance).astype(float)}
