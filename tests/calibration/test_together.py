"""Chains in compatible mode are calibrated, and three mistakes that are easily made are seen.

The study: 40 replicates of the normal draw, 24 draws 3 sweeps apart, and one of the mistakes, in 30. At full size: 300
replicates, 40 draws 4 sweeps apart, over all kinds of draw. In the default suite ``test_together_from_truth.py`` takes
its place.
"""

import pytest
from sbc import outside
from together import ONE, Bed
from together_ranks import study

pytestmark = pytest.mark.slow


def test_parameters_and_cells_of_compatible_chains_are_calibrated() -> None:
    found = study(Bed.of(ONE["normal"]), replicates=40, draws=24, thin=3, seed=31)
    assert {"y: x", "x: sigma", "x0", "y1", "mean x"} <= set(found)
    assert outside(found) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        "x's model is fitted to observed rows",
        "the outcome is ignored",
        "the outcome is drawn before the covariate",
    ],
)
def test_mistakes_are_seen(wrong: str) -> None:
    assert outside(study(Bed.of(ONE["normal"]), replicates=30, draws=24, thin=3, seed=31, wrong=wrong))


@pytest.mark.parametrize("kind", list(ONE))
def test_every_kind_of_draw_is_calibrated(kind: str) -> None:
    replicates = 100 if kind.endswith("enumerated") else 300  # the model of a yes/no variable is sampled by NUTS
    assert outside(study(Bed.of(ONE[kind]), replicates=replicates, draws=40, thin=4, seed=32)) == {}
