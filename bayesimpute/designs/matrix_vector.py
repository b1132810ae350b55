"""Matrix times vector, as a PyTensor Op: what a linear predictor is made of.

PyTensor's own product does the same by BLAS, for any layout of its operands. Compiling that takes half of the time
that a model's first compilation takes on a new machine, and for the few columns of a design it is not faster.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np


def product(matrix: Any, vector: Any) -> Any:
    """Symbolic ``matrix @ vector``, with all derivatives.

    Parameters
    ----------
    matrix : TensorLike of float, shape (row, column)
    vector : TensorLike of float, shape (column,)

    Returns
    -------
    TensorVariable, shape (row,)
    """
    import pytensor.tensor as pt

    return _op(False)(pt.as_tensor_variable(matrix), pt.as_tensor_variable(vector))


@numba.njit(cache=True, fastmath={"reassoc", "contract"})
def times(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """``a @ x``."""
    if a.shape[1] != x.size:
        raise ValueError("a matrix and a vector do not match")
    out = np.empty(a.shape[0])
    for i in range(a.shape[0]):
        total = 0.0
        for j in range(a.shape[1]):
            total += a[i, j] * x[j]
        out[i] = total
    return out


@numba.njit(cache=True)
def transposed_times(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """``a.T @ x``, row by row of `a`, as they lie in memory."""
    if a.shape[0] != x.size:
        raise ValueError("a matrix and a vector do not match")
    out = np.zeros(a.shape[1])
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[j] += a[i, j] * x[i]
    return out


def _version() -> int:
    """What PyTensor's cache of compiled code goes by: another text of this file is another version."""
    return int(hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:15], 16)


@cache
def _op(transposed: bool) -> Any:
    return _class()(transposed)


@cache
def _class() -> Any:
    """The Op: classes of Ops need PyTensor, so this one is made when it is first used."""
    import pytensor.tensor as pt
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op
    from pytensor.link.numba.dispatch import basic

    class Product(Op):
        __props__ = ("transposed",)

        def __init__(self, transposed: bool) -> None:
            self.transposed = transposed
            self.kernel = transposed_times if transposed else times

        def make_node(self, *inputs: Any) -> Any:
            if [each.type.ndim for each in inputs] != [2, 1] or any(each.type.dtype != "float64" for each in inputs):
                raise TypeError(f"a product is of a matrix and a vector of doubles, not of {[v.type for v in inputs]}")
            return Apply(self, list(inputs), [pt.dvector()])

        def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
            del node
            output_storage[0][0] = self.kernel(*inputs)

        def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> Any:
            del outputs
            matrix, vector = inputs
            by = cotangents[0]
            pair = (vector, by) if self.transposed else (by, vector)
            return [pt.outer(*pair), _op(not self.transposed)(matrix, by)]

        def __reduce__(self) -> Any:  # a pickled Op must find the class that numba knows
            return _op, (self.transposed,)

    @basic.register_funcify_default_op_cache_key(Product)
    def _(op: Any, node: Any, **kwargs: Any) -> Any:
        del node, kwargs
        kernel = op.kernel

        @basic.numba_njit
        def product_of_rows(a: Any, x: Any) -> Any:
            return kernel(a, x)

        return product_of_rows, _version()

    return Product
