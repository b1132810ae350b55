"""The density of the models that read a variable, where their linear predictors are affine in it.

Slices ask for it at many values of the same cells. Where each predictor is its current value plus a step times a slope,
an answer takes no matrix, no derived column and no cluster mean anew: the slopes are those of the normal draws
(:func:`~bayesimpute.compatible.normal_draws.derivatives`), whatever the links and the families.
"""

import numpy as np

from bayesimpute.compatible.factors import Scenario
from bayesimpute.compatible.normal_draws import Derivatives


class AffineFactors:
    """The log-density of all factors, summed over each block, while the cells of one pass after the other move.

    Parameters
    ----------
    scenario : Scenario
        The models that read the variable.
    given : list
        :func:`~bayesimpute.compatible.normal_draws.derivatives`.
    cells : ndarray, shape (cell,)
        Where the cells stand.
    """

    def __init__(self, scenario: Scenario, given: Derivatives, cells: np.ndarray) -> None:
        self._scenario, self._cells, self._pass = scenario, cells.copy(), 0
        self._slopes = [[f.slopes(each) for each in mine] for f, mine in zip(scenario.factors, given, strict=True)]
        columns = scenario.given(cells)
        matrices = scenario.matrices(columns)
        self._etas = [f.eta(changed) for f, changed in zip(scenario.factors, matrices, strict=True)]
        self._sides = [f.side(columns) for f in scenario.factors]
        self._blocks = [scenario.affected.block[f.at] for f in scenario.factors]

    def logp(self, cells: np.ndarray, moving: int) -> np.ndarray:
        """The log-density of each block, (block,), at cells that differ in the pass `moving` only.

        Those of the pass that moved before have come to rest where they are now.
        """
        if moving != self._pass:
            rested = self._scenario.affected.passes[self._pass]
            self._etas, self._pass = self._moved(cells), moving
            self._cells[rested] = cells[rested]
        scenario, total = self._scenario, np.zeros(self._scenario.affected.blocks)
        with np.errstate(all="ignore"):
            parts = zip(scenario.factors, self._moved(cells), self._sides, self._blocks, strict=True)
            for f, eta, side, block in parts:
                found = f.design.family.logp(f.y, f.respond(eta), side)
                total += np.bincount(block, weights=found, minlength=len(total))
        return np.where(np.isnan(total), -np.inf, total)

    def _moved(self, cells: np.ndarray) -> list[dict[str, np.ndarray]]:
        affected, steps = self._scenario.affected, np.zeros(self._scenario.affected.blocks)
        moving = affected.passes[self._pass]
        steps[affected.block_of_cell[moving]] = cells[moving] - self._cells[moving]
        return [
            {**eta, **{key: eta[key] + slope * steps[block] for key, slope in slopes[self._pass].items()}}
            for eta, slopes, block in zip(self._etas, self._slopes, self._blocks, strict=True)
        ]
