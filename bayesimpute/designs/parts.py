"""The parts of a conditional model's design: linear predictors, what is added to them, and group-specific effects."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.completed import Columns
from bayesimpute.families import Parameter, Rows
from bayesimpute.formulas import Matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """eta = shift + unit * eta_s: how a linear predictor follows the target's units."""

    shift: float = 0.0
    unit: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """The common part of one linear predictor.

    Parameters
    ----------
    parameter : Parameter
        Whose it is; those of one parameter share its matrix.
    label : str or None
        Which one of the parameter's it is, where there are several.
    matrix : Matrix or None
        The columns on any data; None for a parameter without a formula, which has one coefficient, or one a label.
    names : tuple of str
        Of the coefficients, as the posterior has them.
    centre, scale : ndarray, shape (column,)
        x_s = (x - centre) / scale, with the columns x of the matrix, whose products and powers are about means.
    units : Units
        Of the linear predictor.
    offset : float
        Added to eta_s where there is no intercept to absorb the shift.
    priors : tuple of Prior
        Of the standardised coefficients.
    """

    parameter: Parameter
    label: str | None = None
    matrix: Matrix | None
    names: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    units: Units
    offset: float
    priors: tuple[Prior, ...]

    @cached_property
    def key(self) -> str:
        """Its name in draws."""
        return self.parameter.key(self.label)

    def value(self, vector: Any) -> Any:
        """What draws and linear predictors have of the vector of its coefficients: a number where it is only one."""
        return vector if self.matrix is not None or self.parameter.labels else vector[0]

    def at_zero(self, beta: np.ndarray) -> np.ndarray:
        """What coefficients (…, column) of the columns about their centres say of where the variables are zero."""
        constant = self.matrix.constant if self.matrix else None
        return beta @ (-self.centre if constant is None else constant - self.centre)

    def from_centre(self, beta: np.ndarray) -> np.ndarray:
        """Coefficients (…, column) of the formula's own terms, from those of the columns about their centres."""
        to_zero = self.matrix.to_zero if self.matrix else None
        found = beta.copy() if to_zero is None else beta @ to_zero.T
        if self.intercept is not None:
            found[..., self.intercept] += self.at_zero(beta)
        return found

    def to_centre(self, beta: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`from_centre`."""
        to_zero = self.matrix.to_zero if self.matrix else None
        found = beta.copy() if to_zero is None else np.linalg.solve(to_zero, beta[..., None])[..., 0]
        if self.intercept is not None:
            found[..., self.intercept] -= self.at_zero(found)
        return found

    @property
    def intercept(self) -> int | None:
        """The place of the intercept among the columns."""
        columns = self.matrix.names if self.matrix else ()
        return columns.index("Intercept") if "Intercept" in columns else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Offset:
    """What is added to a linear predictor with the coefficient 1: a matrix of one column, where there is any.

    Parameters
    ----------
    key : str
        Of the matrix.
    predictor : str
        The key of the linear predictor.
    columns : tuple of str
        The columns of the data whose sum it is, in the units of the linear predictor.
    unit : float
        Of the linear predictor: eta_s has the sum divided by it.
    fitted : bool
        Whether the model is fitted with it. What is zero wherever the model is fitted only moves predictions.
    """

    key: str
    predictor: str
    columns: tuple[str, ...]
    unit: float
    fitted: bool

    def write(self, out: np.ndarray, columns: Columns, rows: np.ndarray | None) -> None:
        """Put the standardised values at some rows, or at all, into `out`, shape (row, 1)."""
        every = np.sum([columns[name].to_numpy(dtype=float) for name in self.columns], axis=0)
        out[:, 0] = (every if rows is None else every[rows]) / self.unit


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Group-specific effects of one cluster key that have one covariance matrix; they may belong to several parameters.

    Parameters
    ----------
    key : str
        Its name in draws.
    factor : str
        The cluster key.
    rows : Rows
        Where its effects enter the likelihood: of a block of several parameters, where any of them does.
    size : int
        Number of clusters.
    parts : tuple of (str, Matrix)
        The columns, by linear predictor.
    names : tuple of str
        Of the effects: ``1|school``, ``sex|school``, ``selection_1|school``.
    centre, scale : ndarray, shape (effect,)
        z_s = (z - centre) / scale. Columns beside an intercept have their means for centres, so that priors of standard
        deviations and correlations hold there and not where the columns are zero; others have 0, for without an
        intercept that correlates with them they would be other models.
    units : tuple of Units
        Of the predictor that each effect belongs to.
    priors : tuple of Prior
        Of the standardised standard deviations.
    correlations : Prior
        Of their correlations: LKJ.
    centred : bool
        Whether the sampler works with the effects themselves (clusters that say much about their own effect) or with
        standard normals (clusters that say little, where the effects' scale makes a funnel).
    called : tuple of str
        What its standard deviations and correlations are named after: its effects, without a label where all labels'
        have one law.
    like : str or None
        The key of an earlier block whose standard deviations and correlations it has; None: it has its own.
    """

    key: str
    factor: str
    rows: Rows
    size: int
    parts: tuple[tuple[str, Matrix], ...]
    names: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    units: tuple[Units, ...]
    priors: tuple[Prior, ...]
    correlations: Prior
    centred: bool
    called: tuple[str, ...]
    like: str | None = None

    @property
    def law(self) -> str:
        """The key of the block whose standard deviations and correlations it has."""
        return self.like or self.key

    @property
    def deviation_names(self) -> tuple[str, ...]:
        """The standard deviations, as the posterior has them."""
        return tuple(f"{name}_sigma" for name in self.called)

    @property
    def correlation_names(self) -> tuple[str, ...]:
        """The same of the correlations, in the order of :func:`pairs`."""
        return tuple(correlation_name(self.called[i], self.called[j]) for i, j in pairs(self.width))

    @cached_property
    def width(self) -> int:
        """Number of effects of a cluster."""
        return len(self.names)

    @cached_property
    def to_zero(self) -> np.ndarray:
        """The matrix that turns standardised effects into the user's, which hold where variables are zero.

        (effect, effect), the T of u = T u_s: with the slopes u_1 and the centres m the intercept is u_0 - m'u_1.
        """
        units = effect_units(self)
        found = np.diag(units)
        for (_, place), (_, matrix) in zip(places(self), self.parts, strict=True):
            at = -self.centre[place]
            if matrix.to_zero is not None:
                found[place, place] = matrix.to_zero * units[place]
                at = at + matrix.constant
            if "Intercept" in matrix.names:
                found[place.start + matrix.names.index("Intercept"), place] += at * units[place]
        return found


def effect_units(block: Block) -> np.ndarray:
    """What turns standardised effects into the user's units where the columns are at their centres, shape (effect,)."""
    return np.array([u.unit for u in block.units]) / block.scale


def deviations(block: Block, draw: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The standard deviations (effect,) and correlations (pair,) of the effects of a draw in the user's units."""
    back = block.to_zero
    if np.array_equal(back, np.diag(np.diag(back))):
        return draw[f"{block.key}_sd"] * np.diag(back), draw[f"{block.key}_corr"]
    root = back @ draw[f"{block.key}_root"]
    sd = np.sqrt((root**2).sum(axis=1))
    shape = root / sd[:, None]
    return sd, np.array([shape[i] @ shape[j] for j, i in pairs(block.width)])


def pairs(width: int) -> list[tuple[int, int]]:
    """The places below the diagonal of a matrix, row by row, as (column, row)."""
    return [(j, i) for i in range(width) for j in range(i)]


def correlation_name(first: str, second: str) -> str:
    """``1|school`` and ``sex|school`` give ``1~~sex|school_corr``."""
    effect, factor = first.rsplit("|", 1)
    return f"{effect}~~{second.rsplit('|', 1)[0]}|{factor}_corr"


def places(block: Block) -> list[tuple[str, slice]]:
    """The linear predictors of a block with the places of their effects."""
    found, start = [], 0
    for parameter, matrix in block.parts:
        found.append((parameter, slice(start, start + len(matrix.names))))
        start += len(matrix.names)
    return found
