"""What log densities of observed values follow from at each visit: linear predictors, and effects with their spread.

Predictors of chained equations change from sweep to sweep. So what a model said of the observed values when its
parameters were drawn can be known later only if it was kept then. Numbers are in single precision.
"""

from collections.abc import Mapping

import numpy as np

from bayesimpute.designs.design import Design, Draw

ETA, EFFECTS, ROOT, COLUMNS = "eta_", "effects_", "root_", "columns_"
"""What the names of arrays begin with: linear predictors by their keys, the others by those of blocks."""
ALONE = "alone"
"""The name of the log densities of observed values given all else, (observed unit,), of variables that others read."""


def at_visit(design: Design, draw: Draw, data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of one visit, on the standardised scale of the design.

    Parameters
    ----------
    design : Design
        Of the model.
    draw : mapping of str to ndarray
        Of its parameters and effects, as the visit drew them.
    data : mapping of str to ndarray
        What the samplers' graph held then.

    Returns
    -------
    dict of str to ndarray
        Linear predictors (fitted row,) with effects and offsets, those of parameters without a formula () or (label,);
        of each block its effects (cluster, effect), a root of their covariance matrix (effect, effect), and the columns
        that they multiply (fitted row, effect), unless there is but a constant.
    """
    found = {f"{ETA}{key}": value for key, value in design.fitted(draw, data).items()}
    for b in design.blocks:
        found |= {f"{EFFECTS}{b.key}": draw[b.key], f"{ROOT}{b.key}": draw[f"{b.key}_root"]}
        if design.reads[b.key]:
            found[f"{COLUMNS}{b.key}"] = data[f"X_{b.key}"]
    return {name: np.asarray(value, dtype=np.float32) for name, value in found.items()}
