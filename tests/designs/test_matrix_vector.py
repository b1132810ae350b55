"""The product of a matrix and a vector, against NumPy, in numba mode and in Python mode, with its derivatives."""

import pickle
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad

from bayesimpute.designs.matrix_vector import product

SHAPES = [(7, 3), (1, 1), (4, 1), (0, 2), (3, 0), (5, 12)]


def operands(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=shape), rng.normal(size=shape[1])


@pytest.fixture(scope="module", params=["NUMBA", "FAST_COMPILE"])
def compiled(request: pytest.FixtureRequest) -> Any:
    """The product and the gradients of a weighted sum of it."""
    matrix, vector, weights = pt.dmatrix("a"), pt.dvector("x"), pt.dvector("w")
    result = product(matrix, vector)
    gradients = pytensor.grad(pt.dot(weights, result), [matrix, vector])
    return pytensor.function([matrix, vector, weights], [result, *gradients], mode=request.param)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_value_and_gradients_are_numpys(compiled: Any, shape: tuple[int, int], order: Any) -> None:
    matrix, vector = operands(shape)
    weights = np.arange(1.0, 1 + shape[0])
    value, by_matrix, by_vector = compiled(np.asarray(matrix, order=order), vector, weights)
    np.testing.assert_allclose(value, matrix @ vector, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(by_matrix, np.outer(weights, vector), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(by_vector, matrix.T @ weights, rtol=1e-12, atol=1e-14)


@pytest.mark.slow
def test_second_derivatives() -> None:
    def slope(matrix: Any, vector: Any) -> Any:
        return pytensor.grad((product(matrix, vector) ** 3).sum(), vector)

    verify_grad(slope, list(operands((7, 3))), rng=np.random.default_rng(2))


def test_a_pickled_op_computes_the_same() -> None:
    matrix, vector = operands((7, 3))
    a, x = pt.dmatrix("a"), pt.dvector("x")
    again = pickle.loads(pickle.dumps(product(a, x).owner.op))
    assert again == product(a, x).owner.op
    np.testing.assert_allclose(again(pt.constant(matrix), pt.constant(vector)).eval(), matrix @ vector, rtol=1e-12)


@pytest.mark.parametrize("pair", [(pt.dvector, pt.dvector), (pt.dmatrix, pt.dmatrix), (pt.dmatrix, pt.lvector)])
def test_other_operands_are_refused(pair: Any) -> None:
    with pytest.raises(TypeError, match="a matrix and a vector of doubles"):
        product(*(kind() for kind in pair))


def test_operands_that_do_not_match_are_refused(compiled: Any) -> None:
    with pytest.raises(ValueError, match="do not match"):
        compiled(np.ones((3, 2)), np.ones(3), np.ones(3))
