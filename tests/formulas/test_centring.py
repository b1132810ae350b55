"""Products and powers about the means of their variables."""

import numpy as np
import pandas as pd
import pytest

from bayesimpute.formulas import build
from bayesimpute.formulas.centring import about_means

CLOSED = ["x * z", "x * z * c + I(x ** 2)", "x + I(x ** 2) + I(x ** 3)", "0 + c + c:x", "b * x", "x * I(x ** 2)"]
CLOSED += ["x * z + I(x ** 2) + I(x ** 2):z", "c * poly(x, 2)", "x * log(z)"]


def frame(seed: int, *, x: float = 0.0, z: float = 20.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    labels = pd.Categorical(rng.choice(["p", "q", "r"], 60), categories=["p", "q", "r"])
    numbers = {"x": rng.normal(x, 1, 60), "z": rng.normal(z, 1, 60), "b": rng.integers(0, 2, 60) == 1}
    return pd.DataFrame({**numbers, "c": labels, "d": pd.Categorical(rng.choice(["m", "n"], 60))})


@pytest.mark.parametrize("right", CLOSED)
def test_they_span_what_the_formula_spans(right: str) -> None:
    first, other = frame(1, x=5.0), frame(2)
    plain = build(right, first)
    moved = about_means(plain, first, intercept="Intercept" in plain.names)
    assert any(about is not None for of in moved.abouts for about in of)
    expected = plain.evaluate(other) @ moved.to_zero + moved.constant
    np.testing.assert_allclose(moved.evaluate(other), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("right", CLOSED[:-2])
def test_with_other_zeros_they_are_the_same(right: str) -> None:
    here, there = frame(1, x=5.0), frame(1, x=5.0).assign(x=lambda f: f["x"] + 100, z=lambda f: f["z"] - 70)
    plain = [build(right, data) for data in (here, there)]
    about = [about_means(m, d, intercept="Intercept" in m.names) for m, d in zip(plain, (here, there), strict=True)]
    own = np.any(about[0].to_zero != np.eye(len(plain[0].names)), axis=0)
    one, other = (m.evaluate(data)[:, own] for m, data in zip(about, (here, there), strict=True))
    assert own.any()
    np.testing.assert_allclose(one, other, atol=1e-8)


@pytest.mark.parametrize("right", ["x:z", "x + c:x", "I(x ** 2)", "0 + x + I(x ** 2)"])
def test_what_is_no_model_about_other_means_is_left_alone(right: str) -> None:
    data = frame(1)
    plain = build(right, data)
    moved = about_means(plain, data, intercept="Intercept" in plain.names)
    assert not any(about is not None for of in moved.abouts for about in of)
    np.testing.assert_array_equal(moved.evaluate(data), plain.evaluate(data))


def test_a_term_that_a_product_of_categories_needs_is_refreshed() -> None:
    data = frame(1)
    matrix = build("c:d", data)
    assert "d[n]" in matrix.names
    out = matrix.evaluate(data)
    new = data.assign(d=data["d"].cat.rename_categories({"m": "n", "n": "m"}))
    matrix.refresh(out, new, changed={"d"})
    np.testing.assert_array_equal(out, matrix.evaluate(new))
