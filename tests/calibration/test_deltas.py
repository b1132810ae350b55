"""Under the right shift imputations say what the complete data of the same samples say; missing at random they do not.

At full size: 100 replicates of a normal and a yes/no outcome and of one of clusters, in chained equations and in
compatible mode. In the default suite three replicates with a fixed seed, held to the spread of the full size, and
mistakes that they see. (Assumptions that are drawn anew in every sweep: ``tests/running/test_assumed.py``; points with
other random numbers: ``tests/sensitivity/test_grids.py``.)
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from deltas import SETUPS, chained_yes_no, errors, gaps

from bayesimpute.designs import describe
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.parts import Offset
from bayesimpute.plan import adjusted
from bayesimpute.plan.targets import DerivedColumn, Resolved

pytestmark = pytest.mark.long(40)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SETUPS))
def test_the_right_shift_recovers_the_complete_data(name: str) -> None:
    assert np.abs(errors(gaps(SETUPS[name], 100))).max() < 3.5


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SETUPS))
def test_missing_at_random_does_not(name: str) -> None:
    assert np.abs(errors(gaps(SETUPS[name], 40, right=False))).max() > 6


SPREAD = 0.15
"""Above the standard deviation of a replicate in the coefficient of the arm, whose bias at random is -.5."""
QUICK = ("normal, chained", "normal, together")


def recovered(name: str, scale: str = "predictor") -> bool:
    """Three replicates, held to the spread of many; the coefficient of the arm."""
    found = gaps(SETUPS[name], 3, scale=scale)[:, 1]
    return bool(abs(found.mean()) < 3.5 * SPREAD / np.sqrt(3))


@pytest.mark.by_default("normal, chained-predictor")
@pytest.mark.parametrize(("name", "scale"), [*((n, "predictor") for n in QUICK), ("normal, together", "value")])
def test_three_replicates_recover_the_complete_data(name: str, scale: str) -> None:
    assert recovered(name, scale)


@pytest.mark.by_default("normal, chained")
@pytest.mark.parametrize("name", QUICK)
def test_three_replicates_at_random_do_not(name: str) -> None:
    assert gaps(SETUPS[name], 3, right=False)[:, 1].mean() < -3.5 * SPREAD / np.sqrt(3)


def at_observed_values_too(patch: pytest.MonkeyPatch) -> None:
    """The column of a shift says something wherever its expression does."""
    patch.setattr(adjusted, "DerivedColumn", lambda **options: DerivedColumn(**{**options, "only": None}))


def twice(patch: pytest.MonkeyPatch) -> None:
    """The shift of the predictor is added to the value, too."""
    right = adjusted._with

    def wrong(*given: Any) -> Resolved:
        found = right(*given)
        return replace(found, targets=tuple(replace(t, move=t.shift) for t in found.targets))

    patch.setattr(adjusted, "_with", wrong)


def learnt_away(patch: pytest.MonkeyPatch) -> None:
    """Models are fitted to shifted values as if nobody had shifted them."""
    patch.setattr(describe, "Offset", lambda **options: Offset(**{**options, "fitted": False}))


def value_learnt_away(patch: pytest.MonkeyPatch) -> None:
    """The same of a shift of the value, which a fit sees without."""
    patch.setattr(Completed, "outcome", lambda self, step: self.values[step.name])


MISTAKES: dict[str, tuple[str, str, Callable[[pytest.MonkeyPatch], None]]] = {
    "at observed values": ("normal, together", "predictor", at_observed_values_too),
    "twice": ("normal, chained", "predictor", twice),
    "learnt away": ("normal, together", "predictor", learnt_away),
    "value learnt away": ("normal, together", "value", value_learnt_away),
}
"""By name the setup and scale in which it is made, and how."""


@pytest.mark.by_default("twice", "learnt away")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, scale, make = MISTAKES[mistake]
    make(monkeypatch)
    assert not recovered(name, scale)


@pytest.mark.slow
def test_the_lean_of_yes_no_outcomes_goes_with_the_size() -> None:
    """Of 400 units the intercept is .006 too high, as far as priors weigh; of 1,600 nothing is left to be seen."""
    large = replace(SETUPS["yes/no, chained"], sample=partial(chained_yes_no, size=40))
    assert np.abs(errors(gaps(large, 60, first=1000))).max() < 3
