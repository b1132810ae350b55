"""The closed form: a normal variable in normal models whose means are affine in it.

With B = d mu / d x, shape (row, cell), the block's cells x given everything else are normal with

    precision  P = diag(1 / sigma_x^2) + sum_t B_t' diag(1 / sigma_t^2) B_t
    mean       x0 + P^-1 [(mu_x - x0) / sigma_x^2 + sum_t B_t' diag(1 / sigma_t^2) (y_t - mu_t(x0))]

at any x0, the current cells here. Where cells do not share rows (no cluster mean of x), P is a number: 1 / sigma_x^2 +
slope^2 / sigma_y^2 with the cell's own total slope, fixed, random and interaction parts (Goldstein, Carpenter & Browne
2014, JRSS A 177:553, section 4, without their Metropolis step).
"""

import numpy as np

from bayesimpute.compatible.factors import Factor, Scenario

Derivatives = list[list[dict[str, np.ndarray]]]
"""By factor and pass: the derivatives of its matrices by the one cell of each block that is in the pass."""


def derivatives(scenario: Scenario, cells: np.ndarray, unit: float) -> Derivatives:
    """How the matrices of the factors follow the cells: the same whatever the cells are, and whatever other columns are
    that do not stand in one term with the variable.

    Parameters
    ----------
    scenario : Scenario
        The models that read the variable.
    cells : ndarray, shape (cell,)
        The current values.
    unit : float
        About one standard deviation of the variable: derivatives of affine functions are differences over it.
    """
    found: Derivatives = [[] for _ in scenario.factors]
    for moved in scenario.affected.passes:
        other = cells.copy()
        other[moved] += unit
        for mine, f, matrices in zip(found, scenario.factors, scenario.matrices(scenario.given(other)), strict=True):
            mine.append({key: (matrix - f.matrices[key]) / unit for key, matrix in matrices.items()})
    return found


def draw_normal(
    rng: np.random.Generator,
    scenario: Scenario,
    cells: np.ndarray,
    mean: np.ndarray,
    sd: np.ndarray,
    given: Derivatives,
) -> np.ndarray:
    """One draw of the cells.

    Parameters
    ----------
    rng : Generator
        Of the visit.
    scenario : Scenario
        The models that read the variable.
    cells : ndarray, shape (cell,)
        The current values.
    mean, sd : ndarray, shape (cell,)
        Of the variable's own model.
    given : list
        :func:`derivatives`.
    """
    found, noise = slopes(scenario, given), rng.standard_normal(len(cells))
    if len(scenario.affected.passes) == 1:
        return _single(scenario, found, cells, mean, sd, noise)
    return _joint(scenario, found, cells, mean, sd, noise)


def slopes(scenario: Scenario, given: Derivatives) -> list[np.ndarray]:
    """The derivatives of each factor's mu by the cells of the block, shape (row, pass)."""
    return [np.stack([f.slope(d) for d in mine], axis=1) for f, mine in zip(scenario.factors, given, strict=True)]


def weights(f: Factor) -> tuple[np.ndarray, np.ndarray]:
    """1 / sigma^2 and the residual over sigma^2 at the current cells."""
    weight = np.broadcast_to(f.current["sigma"], f.y.shape) ** -2.0
    return weight, weight * (f.y - f.current["mu"])


def _single(
    scenario: Scenario,
    by_cell: list[np.ndarray],
    cells: np.ndarray,
    mean: np.ndarray,
    sd: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    affected = scenario.affected
    precision, pull = sd**-2.0, (mean - cells) / sd**2
    for f, slope in zip(scenario.factors, by_cell, strict=True):
        weight, residual = weights(f)
        block, s = affected.block[f.at], slope[:, 0]
        precision = precision + np.bincount(block, s**2 * weight, affected.blocks)[affected.block_of_cell]
        pull = pull + np.bincount(block, s * residual, affected.blocks)[affected.block_of_cell]
    return cells + pull / precision + noise / np.sqrt(precision)


def _joint(
    scenario: Scenario,
    by_cell: list[np.ndarray],
    cells: np.ndarray,
    mean: np.ndarray,
    sd: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    # Blocks of one shape are drawn at once: matrices of a few cells cost less than the calls that handle them.
    affected = scenario.affected
    holders = [affected.block_of_cell, *(affected.block[f.at] for f in scenario.factors)]
    places = [_Places(block, affected.blocks) for block in holders]
    felt = [weights(f) for f in scenario.factors]
    drawn = cells.copy()
    for blocks in _alike(places):
        mine, *rows = [place.of(blocks) for place in places]
        precision = sd[mine][:, :, None] ** -2.0 * np.eye(mine.shape[1])
        pull = (mean[mine] - cells[mine]) / sd[mine] ** 2
        for slope, (weight, residual), at in zip(by_cell, felt, rows, strict=True):
            across = slope[at][:, :, : mine.shape[1]].transpose(0, 2, 1)
            precision += (across * weight[at][:, None, :]) @ across.transpose(0, 2, 1)
            pull += (across @ residual[at][:, :, None])[:, :, 0]
        root = np.linalg.cholesky(precision)
        half = np.linalg.solve(root, pull[:, :, None]) + noise[mine][:, :, None]
        drawn[mine] += np.linalg.solve(root.transpose(0, 2, 1), half)[:, :, 0]
    return drawn


class _Places:
    """The places of each block's members, in their order: the k-th cell of a block is the one of pass k."""

    def __init__(self, block: np.ndarray, blocks: int) -> None:
        self.order = np.argsort(block, kind="stable")
        self.sizes = np.bincount(block, minlength=blocks)
        self.first = np.cumsum(self.sizes) - self.sizes

    def of(self, blocks: np.ndarray) -> np.ndarray:
        """Those of blocks of one size, shape (block, member)."""
        return self.order[self.first[blocks][:, None] + np.arange(int(self.sizes[blocks[0]]))]


def _alike(places: list[_Places]) -> list[np.ndarray]:
    """The blocks by their numbers of cells and of rows in each factor: their matrices can be stacked."""
    kind = np.unique(np.stack([place.sizes for place in places], axis=1), axis=0, return_inverse=True)[1]
    return [np.flatnonzero(kind == k) for k in range(int(kind.max()) + 1)]
