"""A design's priors in the user's units, and how parameters at the means of the columns become those where these are 0.

Samplers have standardised columns and targets (:mod:`bayesimpute.designs.design`); here units are taken back, but not
the centres, where the priors hold: so distributions stay what they are.
"""

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block, Predictor, effect_units


def number_priors(design: Design, p: Predictor) -> list[Prior]:
    """Those of a parameter without a formula, one a label."""
    unit = float(design.scale_of(p)) if p.parameter.unit == "scale" else 1.0
    return [prior.affine(unit=1 / unit) for prior in p.priors]


def coefficient_priors(p: Predictor) -> list[Prior]:
    """Those of the coefficients of a formula, at the centres of the columns."""
    unit, shift = p.units.unit / p.scale, np.zeros(len(p.names))
    if p.intercept is not None:
        shift[p.intercept] = p.units.shift
    return [f.affine(shift=-h / u, unit=1 / u) for f, h, u in zip(p.priors, shift, unit, strict=True)]


def deviation_priors(b: Block) -> list[Prior]:
    """Those of the standard deviations of a block's effects, at the centres of the columns."""
    return [prior.affine(unit=1 / unit) for prior, unit in zip(b.priors, effect_units(b), strict=True)]


def coefficient_move(p: Predictor) -> np.ndarray:
    """The matrix M by which coefficients b at the centres become b M where the columns are zero, (column, column)."""
    return p.from_centre(np.eye(len(p.names)))


def effect_move(b: Block) -> np.ndarray:
    """The matrix M by which effects u at the centres become M u where the columns are zero, (effect, effect)."""
    return b.to_zero / effect_units(b)


def moved_coefficients(p: Predictor) -> np.ndarray:
    """Which coefficients are another number there, bool, (column,)."""
    return (coefficient_move(p) != np.eye(len(p.names))).any(axis=0)


def moved_effects(b: Block) -> np.ndarray:
    """Which effects are, bool, (effect,)."""
    return ~np.isclose(effect_move(b), np.eye(b.width), rtol=0, atol=1e-12).all(axis=1)
