"""Log Phi and log Phi_2 against 45 digits, against SciPy, against what they must satisfy, and as PyTensor Ops.

The digits come from mpmath and another formula than the kernel's: the integral of phi(u) Phi((k - rho u) / s) over
u < h. A log of size 1e9 cannot be right to more than EPS times that: tolerances have a term of it where sizes are.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from bayesimpute.numerics.exponential import quick_exp, quick_expm1, quick_log1p
from bayesimpute.numerics.normal_cdf import log_ndtr, log_ndtr_op, log_quadrant, log_quadrant_op

pytestmark = pytest.mark.long(25)

PROMISED = 1e-9
"""Relative error of Phi_2 and absolute error of its log."""
NOTHING = 1e-280
"""The quick exponential stops at exp(-700), and it is divided by probabilities."""
EPS = float(np.finfo(float).eps)
DIGITS = 45
Digits = tuple[mp.mpf, mp.mpf, mp.mpf, mp.mpf]

corners = st.floats(-6, 6)
far = st.floats(-30, 30)
correlations = st.floats(-0.99, 0.99)


def stretch(log_density: Callable[[float], float], low: float, high: float) -> list[float]:
    """Where a log-concave function is within 110 of its maximum: start, maximum, end."""
    a, b = low, high
    for _ in range(200):
        third = (b - a) / 3
        a, b = (a + third, b) if log_density(a + third) < log_density(b - third) else (a, b - third)
    peak = 0.5 * (a + b)

    def until(end: float) -> float:
        inner, outer = peak, end
        if log_density(end) > log_density(peak) - 110:
            return end
        for _ in range(100):
            middle = 0.5 * (inner + outer)
            within = log_density(middle) > log_density(peak) - 110
            inner, outer = (middle, outer) if within else (inner, middle)
        return outer

    return [until(low), peak, until(high)]


def digits(h: float, k: float, rho: float) -> Digits:
    """Log Phi_2 and its three derivatives."""
    s = np.sqrt((1 - rho) * (1 + rho))
    edges = stretch(lambda u: -0.5 * u * u + special.log_ndtr((k - rho * u) / s), -100 - abs(h) - abs(k), h)
    with mp.workdps(DIGITS):
        x, y, r = mp.mpf(h), mp.mpf(k), mp.mpf(rho)
        root = mp.sqrt((1 - r) * (1 + r))

        def integrand(u: mp.mpf) -> mp.mpf:
            return mp.npdf(u) * mp.erfc((r * u - y) / root / mp.sqrt(2)) / 2

        scale = integrand(mp.mpf(edges[1]))  # mpmath's tolerance is absolute
        points = [mp.mpf(float(u)) for a, b in pairwise(edges) for u in np.linspace(a, b, 5)[:-1]]
        total = mp.quad(lambda u: integrand(u) / scale, [*points, mp.mpf(edges[2])], method="gauss-legendre")
        p = scale * total
        joint = mp.exp(-(x * x - 2 * r * x * y + y * y) / (2 * root**2)) / (2 * mp.pi * root)
        by_h = mp.npdf(x) * mp.ncdf((y - r * x) / root) / p
        return mp.log(p), by_h, mp.npdf(y) * mp.ncdf((x - r * y) / root) / p, joint / p


def rows() -> np.ndarray:
    """Arguments of every kind: ordinary, one or both in a tail, nearly opposite, and correlations near an end."""
    rng = np.random.default_rng(20)
    found = [(-2.0, -2.5, -0.95), (-5.0, -5.0, -0.9), (-5.0, 5.0, 0.9), (-30.0, -30.0, 0.99), (30.0, -30.0, -0.99)]
    for size in (2, 5, 8, 30):
        h, k = rng.uniform(-size, size, (2, 8))
        k[::4] = -h[::4] + rng.normal(0, 0.01, len(h[::4]))
        k[1::4] = h[1::4] + rng.normal(0, 0.01, len(h[1::4]))
        rho = rng.choice([-1.0, 1.0], 8) * rng.choice([0.0, 0.2, 0.7, 0.9, 0.95, 0.98, 0.99, rng.uniform()], 8)
        found += list(zip(h, k, rho))
    return np.array(found)


@pytest.fixture(scope="module")
def references() -> list[tuple[np.ndarray, Digits]]:
    return [(row, digits(*map(float, row))) for row in rows()]


def test_log_phi_to_double_accuracy() -> None:
    x = np.concatenate([np.linspace(-40, 38, 313), [-1000.0, -300.0, -1e-9, 0.0, 1e-9, 300.0, 1000.0]])
    found = log_ndtr(x)
    with mp.workdps(DIGITS):
        for value, at in zip(found, map(float, x)):
            upper = mp.erfc(mp.mpf(at) / mp.sqrt(2)) / 2
            true = mp.log1p(-upper) if at > 0 else mp.log(mp.erfc(-mp.mpf(at) / mp.sqrt(2)) / 2)
            assert abs(value - true) <= 1e-13 * abs(true) + np.finfo(float).tiny, at
    assert log_ndtr(np.inf) == 0 and log_ndtr(-np.inf) == -np.inf and np.isnan(log_ndtr(np.nan))


@settings(deadline=None)
@given(st.floats(-699, 699))
def test_quick_exponentials(x: float) -> None:
    with mp.workdps(30):
        assert abs(quick_exp(x) - mp.exp(x)) <= 8 * EPS * mp.exp(x)
        assert abs(quick_expm1(x) - mp.expm1(x)) <= 16 * EPS * abs(mp.expm1(x))
    assert quick_exp(-1e9) == quick_exp(-700)


@pytest.mark.parametrize("x", [0.0, 1e-300, 1e-12, 1e-3, 0.1, 0.5, 0.99, 1.0])
def test_a_quick_logarithm(x: float) -> None:
    with mp.workdps(40):
        assert abs(quick_log1p(x) - mp.log1p(x)) <= 8 * EPS * mp.log1p(x)


@pytest.mark.slow
def test_log_phi_2_and_its_gradient_to_45_digits(references: list[tuple[np.ndarray, Digits]]) -> None:
    for (h, k, rho), true in references:
        found = log_quadrant(h, k, rho)
        assert abs(found[0] - true[0]) < PROMISED, (h, k, rho)
        for slope, exact in zip(found[1:], true[1:]):
            assert abs(slope - exact) <= PROMISED * exact + NOTHING, (h, k, rho)


def test_where_the_plain_form_gives_nothing_but_its_own_error() -> None:
    assert float(mp.exp(digits(-2.0, -2.5, -0.95)[0])) == pytest.approx(2.6e-48, rel=0.05)
    value = log_quadrant(-2.0, -2.5, -0.95)[0]
    assert np.exp(value) == pytest.approx(2.6e-48, rel=0.05)
    # Phi(5) - Phi_2(5, ...) is P(X > 5, Y < k), which is asked for as such
    assert np.isfinite(log_quadrant(-5.0, -3.0, -0.9)[0]) and log_quadrant(-5.0, -3.0, -0.9)[0] < -50


def test_rows_do_not_depend_on_their_neighbours() -> None:
    h, k, rho = rows().T
    together = np.array(log_quadrant(h, k, rho))
    alone = np.array([np.ravel(log_quadrant(*row)) for row in rows()]).T
    np.testing.assert_array_equal(together, alone)
    n = 700  # more than two blocks of one |rho|, of both signs and with tails between
    rng = np.random.default_rng(2)
    h, k, rho = *rng.normal(0, 3, (2, n)), rng.choice([-0.6, 0.6], n)
    np.testing.assert_array_equal(np.array(log_quadrant(h, k, rho))[:, 300:], log_quadrant(h[300:], k[300:], rho[300:]))
    np.testing.assert_array_equal(log_quadrant(h[::2], k[::2], rho[::2]), np.array(log_quadrant(h, k, rho))[:, ::2])


def test_scipy_agrees_where_it_is_accurate() -> None:
    rng = np.random.default_rng(3)
    for h, k, rho in zip(*rng.uniform(-2, 2, (2, 30)), rng.uniform(-0.8, 0.8, 30)):
        law = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]])
        assert np.exp(log_quadrant(h, k, rho)[0]) == pytest.approx(law.cdf([h, k]), abs=1e-7)


@settings(deadline=None)
@given(corners, corners, st.floats(-0.95, 0.95))
def test_derivatives_are_those_of_the_value(h: float, k: float, rho: float) -> None:
    value, *slopes = map(float, log_quadrant(h, k, rho))
    point, step = np.array([h, k, rho]), 1e-5
    for j, slope in enumerate(slopes):
        shift = step * np.eye(3)[j] * (1 - abs(rho) if j == 2 else 1)
        up, down = float(log_quadrant(*(point + shift))[0]), float(log_quadrant(*(point - shift))[0])
        wide = float(log_quadrant(*(point + 2 * shift))[0]) - float(log_quadrant(*(point - 2 * shift))[0])
        width = float(2 * shift.sum())
        central, coarse = (up - down) / width, wide / (2 * width)
        # the error of a central difference is about a third of what doubling its step changes
        rounding = 2 * PROMISED * 1e-2 * max(1, abs(value)) / width
        assert abs(slope - central) <= abs(central - coarse) + rounding


@settings(deadline=None)
@given(far, far, correlations)
def test_symmetric_and_below_both_margins(h: float, k: float, rho: float) -> None:
    value, by_h, by_k, by_rho = map(float, log_quadrant(h, k, rho))
    other = list(map(float, log_quadrant(k, h, rho)))
    np.testing.assert_allclose([value, by_k, by_h, by_rho], other, rtol=PROMISED, atol=PROMISED)
    assert value <= min(log_ndtr(h), log_ndtr(k)) + PROMISED
    assert min(by_h, by_k, by_rho) >= 0 and np.isfinite([value, by_h, by_k, by_rho]).all()


@settings(deadline=None)
@given(far, correlations)
def test_without_the_other_limit_it_is_phi(h: float, rho: float) -> None:
    for limit in (np.inf, 700.0):
        value, by_h, by_k, by_rho = map(float, log_quadrant(h, limit, rho))
        assert value == pytest.approx(float(log_ndtr(h)), abs=PROMISED)
        assert by_h == pytest.approx(float(np.exp(stats.norm.logpdf(h) - log_ndtr(h))), rel=PROMISED)
        assert by_k == by_rho == 0


@settings(deadline=None)
@given(far, far)
def test_independent_margins_multiply(h: float, k: float) -> None:
    value, by_h, _, by_rho = map(float, log_quadrant(h, k, 0.0))
    assert value == pytest.approx(float(log_ndtr(h) + log_ndtr(k)), abs=PROMISED)
    hazards = np.exp(stats.norm.logpdf([h, k]) - log_ndtr(np.array([h, k])))
    assert by_h == pytest.approx(hazards[0], rel=PROMISED)
    assert by_rho == pytest.approx(hazards.prod(), rel=PROMISED)


@settings(deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-1, 1))
def test_four_quadrants_are_everything(h: float, k: float, rho: float) -> None:
    signs = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])
    value = log_quadrant(signs[:, 0] * h, signs[:, 1] * k, signs.prod(axis=1) * rho)[0]
    assert np.exp(value).sum() == pytest.approx(1, abs=4 * PROMISED)


def test_finite_and_growing_with_rho_at_any_size() -> None:
    rng = np.random.default_rng(5)
    n = 20_000
    h, k = rng.choice([-1, 1], (2, n)) * 10 ** rng.uniform(-6, np.log10(700), (2, n))
    k[::3] = np.clip(rng.choice([-1, 1], n) * h + rng.normal(size=n) * 10 ** rng.uniform(-6, 1, n), -700, 700)[::3]
    rho = rng.choice([-1, 1], n) * (1 - 10 ** rng.uniform(-12, 0, n))
    found = np.array(log_quadrant(h, k, rho))
    assert np.isfinite(found).all() and (found[0] <= 0).all() and (found[1:] >= 0).all()
    more = log_quadrant(h, k, rho + (1 - np.abs(rho)) / 2)[0]
    assert (more >= found[0] - PROMISED - 4 * EPS * np.abs(found[0])).all()


def test_at_the_ends_the_correlation_counts_as_nearly_there() -> None:
    near = log_quadrant(-1.0, 0.5, [1 - 1e-9, 1e-9 - 1])
    np.testing.assert_array_equal(log_quadrant(-1.0, 0.5, [1.0, -1.0]), near)
    assert near[0][0] == pytest.approx(float(log_ndtr(-1.0)), abs=1e-12)
    assert np.exp(log_quadrant(1.0, 0.5, -1.0)[0]) == pytest.approx(special.ndtr(1.0) - special.ndtr(-0.5), abs=1e-12)


def test_nan_in_nan_out() -> None:
    for row in ((np.nan, 0.0, 0.5), (0.0, np.nan, -0.5), (0.0, 0.0, np.nan)):
        assert np.isnan(log_quadrant(*row)).all()
    assert np.isfinite(log_quadrant([np.nan, 0.0], 0.0, 0.5)[0][1])


def compiled(mode: str) -> Any:
    import pytensor
    import pytensor.tensor as pt

    h, k, rho, x = pt.dvector("h"), pt.dvector("k"), pt.dscalar("rho"), pt.dmatrix("x")
    total = log_quadrant_op(h, k, rho).sum() + log_ndtr_op(x).sum()
    outputs = [log_quadrant_op(h, k, rho), log_ndtr_op(x), *pytensor.grad(total, [h, k, rho, x])]
    return pytensor.function([h, k, rho, x], outputs, mode=mode)


def test_ops_give_the_kernels_numbers_in_every_mode() -> None:
    rng = np.random.default_rng(6)
    h, k, x = *rng.normal(0, 4, (2, 50)), rng.normal(0, 20, (4, 3))
    value, by_h, by_k, by_rho = log_quadrant(h, k, -0.8)
    slope = np.exp(stats.norm.logpdf(x) - log_ndtr(x))
    expected = [value, log_ndtr(x), by_h, by_k, by_rho.sum(), slope]
    for mode in ("NUMBA", "FAST_COMPILE"):
        for found, right in zip(compiled(mode)(h, k, -0.8, x), expected):
            np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-300)


def test_ops_have_no_second_derivatives() -> None:
    import pytensor
    import pytensor.tensor as pt

    x = pt.dvector("x")
    for total in (log_ndtr_op(x).sum(), log_quadrant_op(x, 0.0, 0.5).sum()):
        with pytest.raises(NotImplementedError, match="first derivatives only"):
            pytensor.grad(pytensor.grad(total, x).sum(), x)
    with pytest.raises(TypeError, match="vectors"):
        log_quadrant_op(0.0, 0.0, 0.5)


def test_ops_survive_pickling() -> None:
    import pytensor.tensor as pt

    x = pt.dvector("x")
    for made in (log_ndtr_op(x), log_quadrant_op(x, x, 0.5)):
        assert pickle.loads(pickle.dumps(made)).owner.op == made.owner.op


@pytest.mark.slow
def test_in_a_model() -> None:
    import pymc as pm
    import pytensor.tensor as pt

    rng = np.random.default_rng(7)
    h = rng.normal(size=20)
    with pm.Model() as model:
        b, z = pm.Normal("b"), pm.Normal("z")
        pm.Potential("y", log_quadrant_op(b * h, h, pt.tanh(z)))
        pm.CustomDist("s", b, logp=lambda value, b: log_ndtr_op(value * b), observed=h)
    value_grad = model.logp_dlogp_function(ravel_inputs=True, mode="NUMBA")
    value_grad.set_extra_values({})
    value, slope = value_grad(np.array([0.7, -0.4]))
    rho = np.tanh(-0.4)
    log_p, by_h, _, by_rho = log_quadrant(0.7 * h, h, rho)
    hazard = np.exp(stats.norm.logpdf(0.7 * h) - log_ndtr(0.7 * h))
    assert value == pytest.approx(stats.norm.logpdf([0.7, -0.4]).sum() + log_p.sum() + log_ndtr(0.7 * h).sum())
    expected = [-0.7 + (by_h + hazard) @ h, 0.4 + by_rho.sum() * (1 - rho**2)]
    np.testing.assert_allclose(slope, expected, rtol=1e-10)


@pytest.mark.slow
def test_another_process_finds_the_compiled_code(tmp_path: Path) -> None:
    """A second process adds nothing to the cache."""
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    script += "from test_normal_cdf import compiled; import numpy as np\nf = compiled('NUMBA')\n"
    script += "print([each.tolist() for each in f(np.ones(3), -np.ones(3), -0.5, np.ones((2, 2)))])"
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path},blas__ldflags="}
    outputs, files = [], []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        outputs.append(done.stdout)
        files.append({path for path in tmp_path.rglob("*.nb?") if path.is_file()})
    assert outputs[0] == outputs[1]
    assert files[0] == files[1] != set()
