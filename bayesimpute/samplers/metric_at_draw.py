"""The metric of a model at one draw of its parameters (:mod:`bayesimpute.samplers.metric` says what it is).

It rests on W and S, which may be those of an early draw. Blocks of one cluster key are taken together, a-priori
independent: the data tie the effects of a cluster to each other. Of several keys only the one with the most clusters is
coupled to the coefficients; the others are whitened by themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.graph import Layout, vectors
from bayesimpute.designs.parts import Block, places
from bayesimpute.families import Rows
from bayesimpute.samplers.metric import BlockMetric, Metric

Arrays = Mapping[str, np.ndarray]
Blocks = tuple[Block, ...]


def kept(layout: Layout, arrays: Arrays) -> Metric:
    """The metric whose :meth:`Metric.arrays` are among `arrays`."""
    blocks = []
    for i, blocks_of_key in enumerate(_keys(layout.design)):
        factor, where = arrays[f"metric{i}_factor"], _places(layout, blocks_of_key)
        inverse, coupling = np.linalg.inv(factor), arrays[f"metric{i}_coupling"]
        blocks.append(BlockMetric(places=where, factor=factor, inverse=inverse, coupling=coupling))
    factor = arrays["metric_factor"]
    return Metric(
        places=coefficients(layout).places,
        factor=factor,
        inverse=np.linalg.inv(factor),
        blocks=tuple(blocks),
        among=arrays["metric_among"].astype(np.int64),
        polish=arrays["metric_polish"],
    )


def no_effects(layout: Layout) -> np.ndarray:
    """Places of all that is no effect in the sampler's vector: what a polish is about."""
    effects = [_place(layout, block) for block in layout.design.blocks]
    return np.setdiff1d(np.arange(layout.size), np.concatenate([np.arange(0), *effects])).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Coefficients:
    """The coefficients of steered parameters that have no bounds.

    Parameters
    ----------
    places : ndarray of int, shape (coefficient,)
        In the sampler's vector.
    owners, columns : ndarray of int, shape (coefficient,)
        Which steered parameter each belongs to, and its column of that one's matrix.
    precisions : ndarray, shape (coefficient,)
        Of the priors.
    """

    places: np.ndarray
    owners: np.ndarray
    columns: np.ndarray
    precisions: np.ndarray


def coefficients(layout: Layout) -> Coefficients:
    """What the coupled part of the metric is about."""
    design, parts = layout.design, dict(layout.parts)
    rows: list[tuple[int, int, int, float]] = []
    for owner, name in enumerate(design.steered):
        for slot, at in vectors(design)[name].slots:
            if slot.support == "real":
                begin = parts[slot.name].start
                pairs = zip(at, slot.priors, strict=True)
                rows += [(begin + i, owner, k, prior.args[-1] ** -2) for i, (k, prior) in enumerate(pairs)]
    whole = np.array([row[:3] for row in rows], dtype=np.int64).reshape(-1, 3)
    return Coefficients(whole[:, 0], whole[:, 1], whole[:, 2], np.array([row[3] for row in rows], dtype=float))


def at_draw(layout: Layout, data: Arrays, draw: Draw) -> Metric:
    """The metric with W and S at one draw.

    Parameters
    ----------
    layout : Layout
        Of the model.
    data : mapping of str to ndarray
        What the graph's containers hold.
    draw : Draw
        Its variance components matter, its effects only through W.
    """
    design = layout.design
    found = coefficients(layout)
    w = _information(design, data, draw)
    x = _stacked(design, data, found, len(w))
    wx = np.einsum("npq,nqk->npk", w, x)
    schur = np.einsum("npa,npb->ab", x, wx) + np.diag(found.precisions)
    blocks = []
    keys = _keys(design)
    coupled = max(keys, key=lambda key: key[0].size, default=None)
    for key in keys:
        one, less = _key(layout, key, data, draw, wx, w, couple=key is coupled)
        schur = schur - less
        blocks.append(one)
    factor = np.linalg.cholesky(schur + 1e-9 * np.diag(np.diag(schur)))
    return Metric(places=found.places, factor=factor, inverse=np.linalg.inv(factor), blocks=tuple(blocks))


def _stacked(design: Design, data: Arrays, found: Coefficients, rows: int) -> np.ndarray:
    """How eta moves with coefficients, (row, steered, coefficient): zero where a predictor is not in the likelihood."""
    x = np.zeros((rows, len(design.steered), len(found.places)))
    keys = [design.predictor(key).parameter.name for key in design.steered]
    for k, (owner, column) in enumerate(zip(found.owners, found.columns, strict=True)):
        values = data[f"X_{keys[owner]}"][:, column]
        x[: len(values), owner, k] = values
    return x


def rough_variance(layout: Layout, rows: int) -> np.ndarray:
    """A guess of the posterior variances in whitened coordinates, shape (q,).

    One for what the metric whitens. Of logarithms of standard deviations about 1 / (2 rows), or 1 / (2 clusters):
    without it the first steps are as short as the shortest of these scales. Of a correlation between the errors of two
    equations the data say so little that it is taken as known to a third of its range.
    """
    variance = np.full(layout.size, 2.0 / rows)
    correlations = [p.key for p in layout.design.predictors if p.parameter.support == "signed unit"]
    for name, place in layout.parts:
        if name.startswith(tuple(f"{key}_" for key in correlations)):
            variance[place] = 0.3
    for name, place in layout.parts:
        block = next((b for b in layout.design.blocks if name.startswith(f"{b.key}_") or name == b.key), None)
        if block is not None:
            effects = name in (block.key, f"{block.key}_raw")
            variance[place] = 1.0 if effects else 2.0 / block.size
    variance[coefficients(layout).places] = 1.0
    return variance


def _key(
    layout: Layout, key: Blocks, data: Arrays, draw: Draw, wx: np.ndarray, w: np.ndarray, *, couple: bool
) -> tuple[BlockMetric, np.ndarray]:
    """The part of one cluster key, and what it takes from the Schur complement."""
    codes = max((data[f"codes_{b.key}"] for b in key), key=len)  # shorter ones are its beginning
    n = len(codes)
    z = np.concatenate([_spread_out(layout.design, b, data, draw[f"{b.key}_root"], n) for b in key], axis=2)
    wz = np.einsum("npq,nqa->npa", w[:n], z)
    prior = block_diag(*(_prior(b, draw[f"{b.key}_root"]) for b in key))
    precision = _sums(codes, key[0].size, np.einsum("npa,npb->nab", z, wz)) + prior
    cross = _sums(codes, key[0].size, np.einsum("npa,npk->nak", z, wx[:n]))
    if not couple:
        cross = cross[:, :, :0]
    factor = np.linalg.cholesky(precision)
    inverse = np.linalg.inv(factor)
    half = inverse @ cross
    coupling = np.ascontiguousarray(np.swapaxes(inverse, 1, 2) @ half)
    made = BlockMetric(places=_places(layout, key), factor=factor, inverse=inverse, coupling=coupling)
    size = wx.shape[2]
    return made, np.einsum("jqa,jqb->ab", half, half) if couple else np.zeros((size, size))


def _prior(block: Block, root: np.ndarray) -> np.ndarray:
    """The precision of a cluster's effects as the sampler has them, (effect, effect)."""
    if not block.centred:
        return np.eye(block.width)
    floor = 1e-6 * np.eye(block.width)  # a standard deviation near zero must not make the matrix singular
    return np.linalg.inv(root @ root.T + floor)


def _spread_out(design: Design, block: Block, data: Arrays, root: np.ndarray, rows: int) -> np.ndarray:
    """How eta moves with the effects as the sampler has them, (row, steered, effect)."""
    values = data[f"X_{block.key}"]
    z = np.zeros((rows, len(design.steered), block.width))
    observed = len(data["y_data"])
    for parameter, place in places(block):
        owner = design.steered.index(parameter)
        n = len(values) if design.rows(parameter) is Rows.ALL else observed
        part = values[:n, place]
        if block.centred:
            z[:n, owner, place] = part
        else:
            z[:n, owner] = part @ root[place]
    return z


def _sums(codes: np.ndarray, size: int, rows: np.ndarray) -> np.ndarray:
    """Sums of rows (row, a, b) by cluster, (cluster, a, b)."""
    flat = rows.reshape(len(rows), -1)
    made = [np.bincount(codes, weights=flat[:, k], minlength=size) for k in range(flat.shape[1])]
    return np.stack(made, axis=1).reshape(size, *rows.shape[1:]) if made else np.zeros((size, *rows.shape[1:]))


def _information(design: Design, data: Arrays, draw: Draw) -> np.ndarray:
    """Of each fitted row about the steered predictors, (row, steered, steered)."""
    theta, y = design.theta(draw, data)
    found = design.scaled_family.information(theta, y, design.reading(data))
    if found.ndim == 1:
        return np.clip(found, 1e-6, 1e6)[:, None, None]
    found = np.clip(np.nan_to_num(found), -1e6, 1e6)
    return found + 1e-6 * np.eye(found.shape[-1])


def _keys(design: Design) -> list[Blocks]:
    """The blocks of steered parameters, those of one cluster key together."""
    found: dict[str, list[Block]] = {}
    for b in design.blocks:
        if all(parameter in design.steered for parameter, _ in b.parts):
            found.setdefault(b.factor, []).append(b)
    return [tuple(blocks) for blocks in found.values()]


def _place(layout: Layout, block: Block) -> np.ndarray:
    """Where a block's effects stand in the sampler's vector, cluster by cluster."""
    place = dict(layout.parts)[block.key if block.centred else f"{block.key}_raw"]
    return np.arange(place.start, place.stop)


def _places(layout: Layout, key: Blocks) -> np.ndarray:
    """The same of the blocks of one key, (cluster, effect)."""
    return np.concatenate([_place(layout, b).reshape(b.size, b.width) for b in key], axis=1)
