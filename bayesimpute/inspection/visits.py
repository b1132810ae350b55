"""What a conditional model said of the observed values at each visit of a run: log densities, and values like them.

Predictors change from sweep to sweep. So at draw s the log-likelihood of a unit is log p(y_i | x_i, u, theta) with its
predictors x_i as they were completed when theta was drawn, the group-specific effects u of that draw included.

A selection model has two variables: ``y``, the value given that it was observed, and ``observed(y)``, of all units that
the model knows, that it was observed or was not; their densities add up to that of the family. Where it is not known
which clusters are systematically missing, ``observed(y)`` has the units of the others, and ``empty(y)`` says of each
cluster that it is empty or is not, with the indicators summed out as in the model for readers
(:mod:`bayesimpute.inspection.readers_graph`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.families import AtRows, Context, Donors
from bayesimpute.inspection.imputation_model import ImputationModel
from bayesimpute.running.at_visits import COLUMNS, EFFECTS, ETA, ROOT

Theta = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Visits:
    """A conditional model at the visits of a run.

    Parameters
    ----------
    model : ImputationModel
        On one of the completed datasets; what is observed is the same on all.
    kept : mapping of str to ndarray, shape (chain, draw, …)
        What :mod:`bayesimpute.running.at_visits` kept.
    units : ndarray of bool, shape (fitted unit,)
        Of the units with a value of the variable that the model is fitted to, those that are meant.
    """

    model: ImputationModel
    kept: Mapping[str, np.ndarray]
    units: np.ndarray

    @property
    def design(self) -> Design:
        """Of the model."""
        return self.model.design

    @property
    def shape(self) -> tuple[int, int]:
        """Chains and draws."""
        return next(iter(self.kept.values())).shape[:2]

    @cached_property
    def y(self) -> np.ndarray:
        """The values that the model is fitted to, and NaN for units that were not selected, (modelled unit,)."""
        held = self.design.centre + self.design.scale * self.model.data["y_data"]
        return np.pad(held, (0, self.total - len(held)), constant_values=np.nan)

    @property
    def total(self) -> int:
        """Units that some part of the model is fitted to."""
        return len(self.model.labels.units)

    @cached_property
    def side(self) -> dict[str, np.ndarray]:
        """The columns that the family reads, by role, (modelled unit,)."""
        return self.design.reading(self.model.data)

    def etas(self, chain: int, draw: int) -> dict[str, np.ndarray]:
        """The standardised linear predictors at a visit."""
        return {name: a[chain, draw] for name, a in self.arrays(ETA).items()}

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays whose names begin so, by the rest of their names."""
        return {name.removeprefix(prefix): a for name, a in self.kept.items() if name.startswith(prefix)}

    def theta(self, etas: Mapping[str, np.ndarray]) -> Theta:
        """The family's parameters in the user's units, of those with formulas (modelled unit,)."""
        found = self.design.respond({key: np.asarray(eta, dtype=float) for key, eta in etas.items()})
        long = {name: v for name, v in found.items() if name in self.design.formulas}
        padded = {
            name: np.pad(v, [(0, self.total - len(v)), *[(0, 0)] * (v.ndim - 1)], mode="edge")
            for name, v in long.items()
        }
        return {**found, **padded}

    @cached_property
    def doubtless(self) -> np.ndarray:
        """Units of clusters that are not in doubt, bool, (modelled unit,)."""
        empty = self.model.data.get("empty")
        clusters = self.design.empty
        return np.ones(self.total, dtype=bool) if empty is None or clusters is None else empty == len(clusters)

    def each(self, etas: Mapping[str, np.ndarray]) -> np.ndarray:
        """The family's log density of each modelled unit at a visit."""
        return self.design.family.logp(self.y, self.theta(etas), self.side)

    def log_likelihood(self) -> dict[str, np.ndarray]:
        """The log densities by variable, (chain, draw, unit)."""
        return self._collected(self.pointwise)

    def pointwise(self, etas: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Those of one visit, (unit,)."""
        theta, name = self.theta(etas), self.model.target
        found = self.design.family.logp(self.y, theta, self.side)
        selection = self.design.family.selection
        if selection is None:
            return {name: found[self.units]}
        s, n = theta[selection.parameter], len(self.units)
        observed = selection.logp((np.arange(self.total) < n).astype(float), s)
        parts = {
            name: (found - observed)[:n][self.units],
            f"observed({name})": observed[self.doubtless],
        }
        return parts | self._empty(theta, observed)

    def _empty(self, theta: Theta, observed: np.ndarray) -> dict[str, np.ndarray]:
        clusters, of = self.design.empty, self.model.data.get("empty")
        if clusters is None or of is None:
            return {}
        sums = np.bincount(of, weights=observed, minlength=len(clusters) + 1)[: len(clusters)]
        share = theta["systematic"]
        nobody = np.logaddexp(np.log(share), np.log1p(-share) + sums)
        return {f"empty({self.model.target})": np.append(nobody, np.full(clusters.others, np.log1p(-share)))}

    def replicates(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Values like those observed, one for each draw, by variable, (chain, draw, unit)."""
        context = Context(rows=np.arange(self.total), look=self._look, fitted=no_donors)

        def drawn(etas: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            theta, n, selection = self.theta(etas), len(self.units), self.design.family.selection
            made = {self.model.target: self.design.family.replicate(rng, theta, context)[:n][self.units]}
            if selection is not None:
                chance = np.exp(selection.logp(np.ones(self.total), theta[selection.parameter]))[self.doubtless]
                made[f"observed({self.model.target})"] = (rng.random(len(chance)) < chance).astype(float)
            return made

        return self._collected(drawn)

    def _look(self, rows: np.ndarray) -> AtRows:
        """Nothing is known of values: so the whole law is drawn from."""
        return AtRows(y=np.full(len(rows), np.nan), side={k: v[rows] for k, v in self.side.items()})

    def _collected(self, each: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        found = [each(self.etas(chain, draw)) for chain, draw in self.places()]
        return {name: np.stack([f[name] for f in found]).reshape(*self.shape, -1) for name in found[0]}

    def places(self) -> Iterator[tuple[int, int]]:
        """Chain and draw of each visit."""
        return np.ndindex(*self.shape)

    def block(self, key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of a block its effects (chain, draw, cluster, effect), their roots, and columns (chain, draw, unit, effect).

        The columns of effects of a constant are ones.
        """
        effects, root = self.arrays(EFFECTS)[key], self.arrays(ROOT)[key]
        columns = self.arrays(COLUMNS).get(key)
        if columns is None:
            ones = self.model.data[f"X_{key}"]
            columns = np.broadcast_to(ones, (*self.shape, *ones.shape))
        return effects, root, columns


def no_donors() -> Donors:
    """Of a family that matches there are no values like those observed; who asks was told before."""
    raise AssertionError("matching has no law")
