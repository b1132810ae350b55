"""Log densities of the priors at the draws of a run: what power-scaling of priors starts from.

By parameter, so that ``prior_var_names`` of ArviZ's ``psense_summary`` can name those whose priors are scaled. The
densities of group-specific effects are none of them: given their standard deviations they belong to the model. Where a
prior holds at the means of the columns, parameters are moved there first. A correlation that a family has as a
parameter has its density on Fisher's z, a share on the logit: a uniform prior could not be scaled otherwise.
"""

from collections.abc import Mapping

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block, Predictor, pairs
from bayesimpute.inspection.user_units import (
    coefficient_move,
    coefficient_priors,
    deviation_priors,
    effect_move,
    number_priors,
)


def log_priors(design: Design, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The log densities.

    Parameters
    ----------
    design : Design
        Of the model.
    draws : mapping of str to ndarray, shape (chain, draw)
        The scalar parameters in the user's units, by the names of :attr:`Design.names`.

    Returns
    -------
    dict of str to ndarray, shape (chain, draw)
        Of the correlations of a block, and of cutpoints that have a prior together, by the name of the first.
    """
    found: dict[str, np.ndarray] = {}
    for p in design.predictors:
        found |= _of_predictor(design, p, draws)
    for b in design.laws:
        found |= _of_block(b, draws)
    return found


def _of_predictor(design: Design, p: Predictor, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if p.matrix is not None:
        values = _centred(p, draws)
        priors = coefficient_priors(p)
        return {name: prior.log_density(values[..., k]) for k, (name, prior) in enumerate(zip(p.names, priors))}
    shift: np.ndarray | float = 0.0
    if p.parameter.against is not None:
        other = design.predictor(p.parameter.against)
        shift = other.at_zero(_centred(other, draws))
    found: dict[str, np.ndarray] = {}
    first = number_priors(design, p)[0]
    if first.support == "ordered":
        values = np.stack([draws[name] + shift for name in p.names], axis=-1)
        return {p.names[0]: first.log_density(values)}
    for name, prior in zip(p.names, number_priors(design, p), strict=True):
        x = draws[name] + shift
        if p.parameter.support == "signed unit":
            found[name] = prior.log_density_fisher(np.arctanh(x))
        else:
            found[name] = prior.log_density(x) + (np.log(x) + np.log1p(-x) if p.parameter.support == "unit" else 0.0)
    return found


def _centred(p: Predictor, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """The coefficients at the centres of the columns, (chain, draw, column)."""
    if not p.names:
        return np.zeros(0)
    values = np.stack([draws[name] for name in p.names], axis=-1)
    return values @ np.linalg.inv(coefficient_move(p))


def _of_block(b: Block, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = b.deviation_names
    sd = np.stack([draws[name] for name in names], axis=-1)
    corr = np.broadcast_to(np.eye(b.width), (*sd.shape, b.width)).copy()
    between = [(name, i, j) for name, (i, j) in zip(b.correlation_names, pairs(b.width), strict=True)]
    for name, i, j in between:
        corr[..., i, j] = corr[..., j, i] = draws[name]
    back = np.linalg.inv(effect_move(b))
    covariance = back @ (sd[..., :, None] * corr * sd[..., None, :]) @ back.T
    there = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    found = {n: prior.log_density(there[..., k]) for k, (n, prior) in enumerate(zip(names, deviation_priors(b)))}
    if between:
        shape = covariance / (there[..., :, None] * there[..., None, :])
        # LKJ(eta) up to its constant (Lewandowski, Kurowicka & Joe 2009, J Multivariate Analysis 100:1989)
        found[between[0][0]] = (b.correlations.args[0] - 1) * np.linalg.slogdet(shape)[1]
    return found
