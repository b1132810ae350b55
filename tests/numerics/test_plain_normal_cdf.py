"""Log Phi and log Phi_2 of plain operations beside the compiled ones, which are held against forty digits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bayesimpute.numerics import normal_cdf, plain_normal_cdf


def computed(symbolic: Any, at: Mapping[Any, float] | None = None) -> np.ndarray:
    import pytensor

    pytensor.config.blas__ldflags = ""
    given = at or {}
    return pytensor.function(list(given), symbolic, mode="FAST_COMPILE")(*given.values())


def test_log_phi_keeps_its_digits_in_the_tails() -> None:
    import pytensor.tensor as pt

    x = np.linspace(-40, 10, 501)
    np.testing.assert_allclose(computed(plain_normal_cdf.log_ndtr(pt.constant(x))), normal_cdf.log_ndtr(x), rtol=1e-12)


@pytest.mark.by_default("0.9", "0.0")
@pytest.mark.parametrize("rho", [-0.97, -0.5, 0.0, 0.9])
def test_log_phi_2_is_right_where_no_row_is_far(rho: float) -> None:
    """There it is from independence, of rows that lose few digits."""
    import pytensor.tensor as pt

    rng = np.random.default_rng(3)
    h, k = rng.uniform(-5, 5, (2, 2000))
    sign = rng.choice([-1.0, 1.0], 2000)
    exact = normal_cdf.log_quadrant(h, k, sign * rho)[0]
    kept = exact - normal_cdf.log_ndtr(h) - normal_cdf.log_ndtr(k) > np.log(1.01 * plain_normal_cdf.LOST)
    assert kept.mean() > 0.75
    for z in (np.arctanh(rho), np.full(kept.sum(), np.arctanh(rho))):
        found = computed(plain_normal_cdf.log_quadrant(*map(pt.constant, (h[kept], k[kept], z, sign[kept]))))
        np.testing.assert_allclose(found, exact[kept], atol=1e-8, rtol=0)


@pytest.mark.by_default("-0.5", "0.999")
@pytest.mark.parametrize("rho", [-0.999, -0.9, -0.5, 0.0, 0.8, 0.99, 0.999])
def test_log_phi_2_is_right_within_six(rho: float) -> None:
    """Also about h = -k, where at correlation -1 it has a kink; with one z for all rows, and with one for each."""
    import pytensor.tensor as pt

    rng = np.random.default_rng(1)
    h, k = rng.uniform(-6, 6, (2, 2000))
    h[:500] = rng.choice([-1, 1], 500) * 10 ** rng.uniform(-9, 0, 500) - k[:500]
    h[:9] = -k[:9]
    sign = rng.choice([-1.0, 1.0], 2000)
    exact = normal_cdf.log_quadrant(h, k, sign * rho)[0]
    far = exact > -100
    for z in (np.arctanh(rho), np.full(2000, np.arctanh(rho))):
        found = computed(plain_normal_cdf.log_quadrant(*map(pt.constant, (h, k, z, sign))))
        np.testing.assert_allclose(found[far], exact[far], atol=1e-8, rtol=0)


@pytest.mark.by_default("-0.5", "-0.999")
@pytest.mark.parametrize("rho", [-0.999, -0.5, 0.0, 0.8])
def test_slopes_of_log_phi_2_are_the_compiled_ones(rho: float) -> None:
    import pytensor.tensor as pt

    rng = np.random.default_rng(2)
    h, k = rng.uniform(-6, 6, (2, 500))
    sign = rng.choice([-1.0, 1.0], 500)
    arguments = [pt.constant(each) for each in (h, k, np.full(500, np.arctanh(rho)))]
    found = computed(pt.stack(pt.grad(plain_normal_cdf.log_quadrant(*arguments, sign).sum(), arguments)))
    exact, by_h, by_k, by_rho = normal_cdf.log_quadrant(h, k, sign * rho)
    far = exact > -100
    wanted = np.stack([by_h, by_k, sign * by_rho * (1 - rho**2)])
    np.testing.assert_allclose(found[:, far], wanted[:, far], rtol=2e-8, atol=1e-12)


@pytest.mark.slow
def test_one_z_has_the_sum_of_the_slopes_and_curvature() -> None:
    """By differences; of log Phi, too, whose slopes are written down as well."""
    import pytensor.tensor as pt

    h, k, sign = np.array([0.5, -2.0, 1.0]), np.array([1.0, 0.3, -0.2]), np.array([1.0, -1.0, 1.0])
    z = pt.dscalar()
    value = plain_normal_cdf.log_quadrant(h, k, z, sign).sum() + plain_normal_cdf.log_ndtr(z - 6)
    slope = pt.grad(value, z)
    curve = pt.grad(slope, z)
    step = 1e-5
    at = {x: [float(computed(e, {z: x})) for e in (value, slope, curve)] for x in (0.3 - step, 0.3, 0.3 + step)}
    (low, middle, high) = at.values()
    assert middle[1] == pytest.approx((high[0] - low[0]) / (2 * step), rel=1e-8)
    assert middle[2] == pytest.approx((high[1] - low[1]) / (2 * step), rel=1e-8)


def test_far_out_values_and_slopes_are_finite_and_point_back() -> None:
    import pytensor.tensor as pt

    h, k, z = (pt.constant(np.array(each)) for each in ([-60.0, -300.0, 50.0], [2.0, -300.0, -49.0], [5.0, -2.0, 0.0]))
    value = plain_normal_cdf.log_quadrant(h, k, z)
    found = computed(pt.stack([value, *pt.grad(value.sum(), [h, k, z])]))
    assert np.isfinite(found).all() and (found[0] < -500).all() and (found[1, :2] > 0).all()


def test_whoever_derives_the_values_himself_finds_slopes_too() -> None:
    """Samplers on JAX do not see the slopes that are written down, and 0 times infinity would be their end."""
    import pytensor
    import pytensor.tensor as pt

    ends = np.array([-60.0, -20.0, -3.0, 0.0, 3.0, 20.0, 60.0])
    h, k, z = (each.ravel() for each in np.meshgrid(ends, ends, [-3.0, -0.3, 0.0, 0.3, 9.0]))
    arguments = [pt.vector(name, dtype="float64") for name in "hkz"]
    value = plain_normal_cdf._log_quadrant(*arguments, pt.ones_like(arguments[0]))
    with np.errstate(all="ignore"):
        slopes = pytensor.function(arguments, pytensor.grad(value.sum(), arguments), mode="FAST_COMPILE")(h, k, z)
    for slope in slopes:
        assert np.isfinite(slope).all()


def test_on_jax_they_are_finite_as_well() -> None:
    jax = pytest.importorskip("jax")
    import pytensor.tensor as pt
    from pymc.sampling.jax import get_jaxified_graph

    ends = np.array([-60.0, -3.0, 0.0, 3.0, 60.0])
    h, k, z = (each.ravel() for each in np.meshgrid(ends, ends, [-3.0, 0.0, 0.3, 9.0]))
    arguments = [pt.vector(name, dtype="float64") for name in "hkz"]
    value: Any = get_jaxified_graph(inputs=arguments, outputs=[plain_normal_cdf.log_quadrant(*arguments)])
    slopes = jax.grad(lambda *a: value(*a)[0].sum(), argnums=(0, 1, 2))(h, k, z)
    assert all(np.isfinite(np.asarray(slope)).all() for slope in slopes)
