"""Log Phi and log Phi_2 with gradients that survive the tails: in NumPy, and as PyTensor Ops for likelihoods.

``normal_tails.py`` and ``bivariate_normal.py`` have the numbers, compiled with numba; here are the four functions that
families use. A family imports them inside its methods, since this module loads numba. An Op runs the kernel in Python
mode and in numba mode alike; one call gives the value and all derivatives, so a gradient costs no second pass.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bayesimpute.numerics import bivariate_normal, exponential, normal_tails
from bayesimpute.numerics.bivariate_normal import log_quadrant_rows
from bayesimpute.numerics.normal_tails import log_ndtr, log_ndtr_1, log_ndtr_slope_1

__all__ = ["log_ndtr", "log_ndtr_op", "log_quadrant", "log_quadrant_op"]


def log_quadrant(
    h: np.ndarray, k: np.ndarray, rho: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log P(X <= h, Y <= k) of standard bivariate normals and its derivatives.

    Parameters
    ----------
    h, k : array_like of float
        Upper limits; beyond +-1e6 they count as that.
    rho : array_like of float
        Correlations; nearer than 1e-9 to -1 or 1 they count as that near. Fastest where rows that follow each other
        have the same |rho|.

    Returns
    -------
    value, by_h, by_k, by_rho : ndarray
        Of the broadcast shape: log Phi_2, phi(h) Phi((k - rho h) / sqrt(1 - rho^2)) / Phi_2, the same with h and k
        exchanged, and phi_2(h, k; rho) / Phi_2. The log and, relatively, the derivatives are right to 1e-10 and to
        the rounding of a double of the log's size. NaN where an argument is NaN.
    """
    rows = np.broadcast_arrays(*(np.asarray(each, dtype=float) for each in (h, k, rho)))
    flat = log_quadrant_rows(*(np.ascontiguousarray(each).ravel() for each in rows))
    value, by_h, by_k, by_rho = (each.reshape(rows[0].shape) for each in flat)
    return value, by_h, by_k, by_rho


def log_quadrant_op(h: Any, k: Any, rho: Any) -> Any:
    """Symbolic :func:`log_quadrant`, with a gradient but no second derivatives.

    Parameters
    ----------
    h, k, rho : TensorLike, shape (row,) or ()
        At least one of them has rows.

    Returns
    -------
    TensorVariable, shape (row,)
        Log Phi_2.
    """
    import pytensor.tensor as pt

    rows = pt.broadcast_arrays(*(pt.cast(pt.as_tensor_variable(each), "float64") for each in (h, k, rho)))
    return _quadrant_op()(*rows)[0]


def log_ndtr_op(x: Any) -> Any:
    """Symbolic log Phi(x), elementwise, with the gradient phi / Phi but no second derivatives."""
    import pytensor.tensor as pt

    return _ndtr_op()(pt.cast(pt.as_tensor_variable(x), "float64"))


def _version() -> int:
    """What PyTensor's cache of compiled code goes by: other formulas or another table are another version."""
    parts = [Path(str(module.__file__)).read_bytes() for module in (normal_tails, bivariate_normal, exponential)]
    return int(hashlib.sha256(b"".join([*parts, normal_tails.TABLE.tobytes()])).hexdigest()[:15], 16)


def _no_second_derivative() -> NotImplementedError:
    return NotImplementedError("log Phi and log Phi_2 have first derivatives only: use a method without a Hessian")


@cache
def _quadrant_op() -> Any:
    """The Op: classes of Ops need PyTensor, so this one is made when it is first used."""
    from pytensor.gradient import DisconnectedType
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op
    from pytensor.link.numba.dispatch import basic
    from pytensor.tensor.type import dvector

    class LogQuadrant(Op):
        __props__ = ()
        gufunc_signature = "(n),(n),(n)->(n),(n),(n),(n)"

        def make_node(self, *inputs: Any) -> Any:
            if any(each.type.ndim != 1 or each.type.dtype != "float64" for each in inputs):
                raise TypeError(f"log Phi_2 is of vectors of doubles, not of {[each.type for each in inputs]}")
            return Apply(self, list(inputs), [dvector() for _ in range(4)])

        def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
            del node
            for storage, result in zip(output_storage, log_quadrant_rows(*inputs)):
                storage[0] = result

        def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> Any:
            del inputs
            value, *slopes = cotangents
            if any(not isinstance(each.type, DisconnectedType) for each in slopes):
                raise _no_second_derivative()
            return [value * slope for slope in outputs[1:]]

        def __reduce__(self) -> Any:  # a pickled Op must find the class that numba knows
            return _quadrant_op, ()

    @basic.register_funcify_default_op_cache_key(LogQuadrant)
    def _(op: Any, node: Any, **kwargs: Any) -> Any:
        del op, node, kwargs

        @basic.numba_njit
        def log_quadrant_of_rows(h: Any, k: Any, rho: Any) -> Any:
            return log_quadrant_rows(h, k, rho)

        return log_quadrant_of_rows, _version()

    return LogQuadrant()


def _ndtr_op() -> Any:
    from pytensor.tensor.elemwise import Elemwise

    return Elemwise(_ndtr_scalar("log_ndtr"))


def _ndtr_scalar(name: str) -> Any:
    return _ndtr_scalars()[name]


@cache
def _ndtr_scalars() -> dict[str, Any]:
    """The scalar Ops log Phi and its derivative, made when first used."""
    from pytensor.link.numba.dispatch.basic import numba_njit
    from pytensor.link.numba.dispatch.scalar import register_scalar_funcify, scalar_op_cache_key
    from pytensor.scalar.basic import UnaryScalarOp, upgrade_to_float

    base: Any = UnaryScalarOp  # its methods are looser than they are typed

    class LogNdtr(base):
        kernel = staticmethod(log_ndtr_1)

        def impl(self, x: Any) -> float:
            return self.kernel(float(x))

        def pullback(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
            del outputs
            return [output_gradients[0] * _ndtr_scalar("log_ndtr_slope")(inputs[0])]

        def __reduce__(self) -> Any:  # a pickled Op must find the class that numba knows
            return _ndtr_scalar, (self.name,)

    class LogNdtrSlope(LogNdtr):
        kernel = staticmethod(log_ndtr_slope_1)

        def pullback(self, inputs: Any, outputs: Any, output_gradients: Any) -> Any:
            raise _no_second_derivative()

    @register_scalar_funcify(LogNdtr)
    def _(op: Any, node: Any, **kwargs: Any) -> Any:
        del node, kwargs
        kernel = op.kernel

        @numba_njit
        def log_ndtr_of_number(x: Any) -> Any:
            return kernel(x)

        return log_ndtr_of_number, scalar_op_cache_key(op, cache_version=_version())

    kinds = {"log_ndtr": LogNdtr, "log_ndtr_slope": LogNdtrSlope}
    return {name: kind(upgrade_to_float, name=name) for name, kind in kinds.items()}
