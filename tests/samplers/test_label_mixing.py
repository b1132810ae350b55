"""Chains of models of labels, and of yes or no, forget coefficients of which rows say next to nothing."""

import numpy as np
import pandas as pd
import pytest
from modelling import completed, conditional, only, placed, workspace

from bayesimpute.running.inner_steps import shortest_lag
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs

pytestmark = pytest.mark.long(8)

KINDS, LABELS = "pqrs", "abcde"
STEPS = {"categorical": 10, "bernoulli": 4}
"""Inner steps at most; along lines of X'X / 4 nearly twice as many are needed, or more."""


@pytest.mark.parametrize("family", STEPS)
def test_cells_that_nobody_has_do_not_hold_others_back(family: str) -> None:
    """Units of each kind have two of five labels: each label is one that some kinds never have."""
    rng = np.random.default_rng(5)
    n = 900
    kind = rng.choice(len(KINDS), n, p=[0.4, 0.3, 0.2, 0.1])
    label = (kind + rng.choice(2, n, p=[0.7, 0.3])) % len(LABELS)
    shown = np.array(list(LABELS))[label] if family == "categorical" else np.where(label == 0, "yes", "no")
    frame = pd.DataFrame({"k": np.array(list(KINDS))[kind], "x": rng.normal(size=n)})
    frame["y"] = pd.Series(shown).where(np.arange(n) % 9 != 8)
    space = workspace(frame, conditional("y ~ k + x", family=family))
    done, (_, design), at = completed(space), only(space), placed(space)
    model = ConditionalModel(design, at.data(design.matrices(done.columns), done.values["y"]))
    posterior = Gibbs().compile(model)
    state = posterior.init(model.data, rng)
    _, chain = posterior.explore(state, model.data, rng, 1000)
    assert shortest_lag(chain)[0] <= STEPS[family]
