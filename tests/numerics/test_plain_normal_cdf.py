"""Log Phi and log Phi_2 of plain operations beside the compiled ones, which are held against forty digits."""

from typing import Any

import numpy as np
import pytest

from bayesimpute.numerics import normal_cdf, plain_normal_cdf


def computed(symbolic: Any) -> np.ndarray:
    import pytensor

    pytensor.config.blas__ldflags = ""
    return pytensor.function([], symbolic, mode="FAST_COMPILE")()


def test_log_phi_keeps_its_digits_in_the_tails() -> None:
    import pytensor.tensor as pt

    x = np.linspace(-40, 10, 501)
    np.testing.assert_allclose(computed(plain_normal_cdf.log_ndtr(pt.constant(x))), normal_cdf.log_ndtr(x), rtol=1e-12)


@pytest.mark.parametrize("rho", [-0.999, -0.9, -0.5, 0.0, 0.8, 0.99, 0.999])
def test_log_phi_2_is_right_within_six(rho: float) -> None:
    import pytensor.tensor as pt

    h, k = np.random.default_rng(1).uniform(-6, 6, (2, 2000))
    found = computed(plain_normal_cdf.log_quadrant(pt.constant(h), pt.constant(k), pt.constant(rho)))
    exact = normal_cdf.log_quadrant(h, k, rho)[0]
    far = exact > -100
    np.testing.assert_allclose(found[far], exact[far], atol=1e-8, rtol=0)
