"""From a design and what the graph's containers hold to the arrays of both equations."""

from dataclasses import dataclass

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block, Predictor
from bayesimpute.families import HeckmanProbit
from bayesimpute.samplers.gibbs.layout import Layout, Rows, coded, layout, ordered
from bayesimpute.samplers.gibbs.predictors import Codes
from bayesimpute.samplers.gibbs.products import Products, add_rows, cross_products, no_rows
from bayesimpute.samplers.gibbs.selection.away_rows import Doubt
from bayesimpute.samplers.gibbs.selection.equations import Equation, Pair
from bayesimpute.samplers.gibbs.selection.ridge import HELD
from bayesimpute.samplers.sampler import Data


@dataclass(frozen=True, eq=False)
class Frame:
    """What does not change with the data but for the rows' number and clusters."""

    design: Design
    inner: list[Block]
    outer: list[Block]
    lay: Layout
    rows: Rows

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Frame":
        """From the clusters of the fitted rows.

        A block of mu alone knows those of observed rows, which are the first; where another block has the same key, the
        others are known from there.
        """
        inner, outer = ordered(design.blocks)
        longest = {b.factor: codes[b.key] for b in sorted(design.blocks, key=lambda b: len(codes[b.key]))}
        whole = {b.key: np.pad(longest[b.factor], (0, n - len(longest[b.factor]))) for b in design.blocks}
        mu, selection = _equations(design)
        lay, rows = layout(mu.priors + selection.priors, None, inner, outer, whole, n)
        return cls(design, inner, outer, lay, rows)

    @property
    def blocks(self) -> list[Block]:
        """All, in the order in which the sampler has them."""
        return self.inner + self.outer

    @property
    def predictors(self) -> dict[str, Predictor]:
        """Of the parameters."""
        return {p.key: p for p in self.design.predictors}

    def on(self, data: Data, y: np.ndarray) -> Pair:
        """Both equations on data, with the outcome less mu's offset."""
        mu, selection = _equations(self.design)
        n, observed = len(data["X_selection"]), len(y)
        x = np.hstack([_padded(data["X_mu"], n), data["X_selection"]])
        of_x = np.repeat([False, True], [len(mu.priors), len(selection.priors)])
        z, of_z = _beside(self.inner, data, n)
        w, of_w = _beside(self.outer, data, n)
        binary, selecting = isinstance(self.design.family, HeckmanProbit), (x * of_x, z * of_z, w * of_w)
        return Pair(
            y=np.ascontiguousarray(y, dtype=float),
            mu=_equation(x[:observed], z[:observed], w[:observed], ~of_x, ~of_z, ~of_w),
            selection=_equation(x, z, w, of_x, of_z, of_w),
            codes=self.rows.codes,
            places=self._places(n),
            selects=self._selects(of_x),
            selects_inner=of_z,
            deviations=self._deviations(),
            first=self._products(*selecting),
            away=np.zeros(n, dtype=bool),
            doubt=self._doubt(*selecting, data),
            second=self._products(x[:observed], z[:observed], w[:observed]),
            sigma=(1, 1.0, 0.0) if binary else coded(self.predictors["sigma"].priors[0]),
            rho=correlation(self.predictors["rho"].priors[0]) if "rho" in self.predictors else self._held(),
            binary=binary,
        )

    def _held(self) -> np.ndarray:
        """Where a rho that is no parameter is, in the place of its prior."""
        selection = self.design.family.selection
        assert selection is not None and selection.dependence.value is not None
        return np.array([HELD, np.arctanh(selection.dependence.value), 0.0, -1.0, 1.0])

    def _places(self, n: int) -> np.ndarray:
        columns = [self.rows.columns[:, [k]] + np.arange(b.width) for k, b in enumerate(self.outer)]
        return np.ascontiguousarray(np.hstack([np.zeros((n, 0), dtype=np.int64), *columns]).T)

    def _selects(self, of_x: np.ndarray) -> np.ndarray:
        return np.concatenate([of_x, *(np.tile(_selecting(b), b.size) for b in self.outer)])

    def _deviations(self) -> np.ndarray:
        found = np.zeros((2, len(self.lay.kinds)), dtype=bool)
        for b, first in zip(self.blocks, self.lay.firsts, strict=True):
            found[:, first : first + b.width] = ~_selecting(b), _selecting(b)
        return found

    def _doubt(self, x: np.ndarray, z: np.ndarray, w: np.ndarray, data: Data) -> Doubt:
        """From selection's columns at all rows."""
        empty, n = self.design.empty, len(x)
        count, others = (0, 0) if empty is None else (len(empty), empty.others)
        cluster = np.asarray(data["empty"] if count else np.zeros(n), dtype=np.int64)
        order, known = np.argsort(cluster, kind="stable"), np.flatnonzero(cluster == count)
        mine, certain = order[: n - len(known)], no_rows(self.lay)
        if count:
            add_rows(certain, x[known], z[known], w[known], np.zeros(len(known)), self.lay, self._rows(known))
        return Doubt(
            of=cluster,
            empty=count,
            others=others,
            prior=np.array(self.predictors["systematic"].priors[0].args if count else (1.0, 1.0)),
            certain=certain,
            x=x[mine],
            z=z[mine],
            w=w[mine],
            rows=self._rows(mine),
            starts=np.searchsorted(cluster[mine], np.arange(count + 1)),
        )

    def _rows(self, at: np.ndarray) -> Rows:
        return Rows(*(part[at] for part in self.rows))

    def _products(self, x: np.ndarray, z: np.ndarray, w: np.ndarray) -> Products:
        codes, columns, met = (part[: len(x)] for part in self.rows)
        return cross_products(x, z, w, np.zeros(len(x)), self.lay, Rows(codes, columns, met))


def correlation(prior: Prior) -> np.ndarray:
    """A prior of rho as :func:`~bayesimpute.samplers.gibbs.selection.ridge.log_prior_rho` has it."""
    assert prior.distribution.ridge is not None
    return np.array(prior.distribution.ridge(*prior.args))


def _equations(design: Design) -> tuple[Predictor, Predictor]:
    found = {p.key: p for p in design.predictors}
    return found["mu"], found["selection"]


def _selecting(block: Block) -> np.ndarray:
    """Which effects of a block are selection's."""
    return np.array([parameter == "selection" for parameter, matrix in block.parts for _ in matrix.names])


def _padded(x: np.ndarray, n: int) -> np.ndarray:
    """With rows of zeros below."""
    return np.pad(x, ((0, n - len(x)), (0, 0)))


def _beside(blocks: list[Block], data: Data, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The columns of blocks side by side, and which are selection's."""
    columns = [np.zeros((n, 0)), *(_padded(data[f"X_{b.key}"], n) for b in blocks)]
    return np.hstack(columns), np.concatenate([np.zeros(0, dtype=bool), *map(_selecting, blocks)])


def _equation(x: np.ndarray, z: np.ndarray, w: np.ndarray, *chosen: np.ndarray) -> Equation:
    x, z, w = (np.ascontiguousarray(part[:, of]) for part, of in zip((x, z, w), chosen, strict=True))
    turned = (np.ascontiguousarray(part.T) for part in (x, z, w))
    return Equation(x, *turned, *(np.flatnonzero(of).astype(np.int64) for of in chosen))
