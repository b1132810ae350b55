"""Linear mixed models with one sigma whose rows are kept, because something else is added to them in each sweep."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from bayesimpute.samplers.gibbs.count_likelihoods import NORMAL, Likelihood
from bayesimpute.samplers.gibbs.counts import Shifts, shifts
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.one_sigma import Linear, Plain
from bayesimpute.samplers.gibbs.predictor_rows import Columns, predicted
from bayesimpute.samplers.gibbs.products import Products, cross_products
from bayesimpute.samplers.gibbs.states import Arrays, Moved
from bayesimpute.samplers.gibbs.working_rows import responding
from bayesimpute.samplers.sampler import Data


@dataclass(frozen=True, eq=False)
class Kept:
    """A model on its data, with its rows."""

    engine: Plain
    columns: Columns
    products: Products
    added: np.ndarray | float = 0.0

    @cached_property
    def shifts(self) -> Shifts:
        """How coefficients can be made up for by effects."""
        return shifts(self.columns, self.engine.lay, self.engine.rows)

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps, then the inner effects."""
        return Linear(self.engine, self.products).step(rng, arrays, sweeps, tune)

    def with_added(self, added: np.ndarray) -> Self:
        """The same with something more added to the predictor."""
        rest = self.columns.y - added
        lay, rows = self.engine.lay, self.engine.rows
        return replace(
            self, products=responding(self.products, rest, self.columns, lay, rows), added=self.added + added
        )

    def predictor(self, arrays: Arrays) -> np.ndarray:
        """The linear predictor, with what is added to it, shape (row,)."""
        lay = self.engine.lay
        b = outer_effects(arrays["theta"], lay, arrays["z"])
        return predicted(self.columns, b, arrays["u"], lay, self.engine.rows) + self.added

    def likelihood(self, arrays: Arrays) -> Likelihood:
        """Of the predictor."""
        return Likelihood(NORMAL, self.columns.y, np.ones(len(self.columns.y)), float(arrays["theta"][0]))


@dataclass(frozen=True, eq=False)
class Amounts(Plain):
    """The layout of a model with one sigma."""

    def on(self, data: Data, y: np.ndarray) -> Kept:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The model on data, with the target less its offset."""
        columns = Columns(*self.mu.matrices(data), np.ascontiguousarray(y))
        return Kept(self, columns, cross_products(*columns, self.lay, self.rows))
