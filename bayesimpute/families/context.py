"""What a family reads beside one draw of its parameters: side columns, the rows it draws at, donors of values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

Theta = Mapping[str, np.ndarray]
"""One draw of the parameters at each row, by name."""
Side = Mapping[str, Any]
"""Side columns by role, each (row,): what a family reads beside its parameters."""
NO_SIDE: Side = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, eq=False)
class AtRows:
    """What is known at some rows: `y`, NaN where it is imputed, and the side columns."""

    y: np.ndarray
    side: Side


@dataclass(frozen=True, kw_only=True, eq=False)
class Donors:
    """The units whose values a model is fitted to: `y`, and the parameters there, each (unit,).

    With coefficients and effects of ``mu`` at their mean given the other parameters of the draw, at their mode if the
    law is not normal. By each cluster key that the family asks for (:attr:`Family.keys`), `clusters` has the numbers of
    the clusters of these units and of those that are imputed, (unit,) and (imputed unit,).
    """

    y: np.ndarray
    theta: Theta
    clusters: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """Where values are imputed, and what is known there or elsewhere, looked up only if a family asks.

    Parameters
    ----------
    rows : ndarray of int
        Rows of the data at which the parameters are, in their order.
    look : callable
        What is known at given rows.
    fitted : callable
        The donors.
    """

    rows: np.ndarray
    look: Callable[[np.ndarray], AtRows]
    fitted: Callable[[], Donors]

    def at(self, rows: np.ndarray | None = None) -> AtRows:
        """What is known at some rows of the data; by default at those that are imputed."""
        return self.look(self.rows if rows is None else rows)

    def donors(self) -> Donors:
        """The units whose values the model is fitted to, with their predictions: what matching chooses from."""
        return self.fitted()


NOWHERE = Context(
    rows=np.zeros(0, dtype=np.int64),
    look=lambda rows: AtRows(y=np.full(len(rows), np.nan), side=NO_SIDE),
    fitted=lambda: Donors(y=np.zeros(0), theta={}),
)
"""The context of who draws without data: no family that reads side columns can use it."""
