"""Automatic priors of intercepts that say how frequent a value is.

A prior about one half makes rare values more frequent: with Normal(0, 1.5) on the logit scale and 5 values of one label
in 180, 1.3 times as many are imputed. So these priors are about what is observed: with k values of a label in n, about
(k + 1/2) / (n + 1), and so wide that they say little of anything else. Half a value more keeps the prior proper where a
label was never seen, or alone; the mean of the imputed share is within 1 / (2 n) of the observed one
(``tests/families/test_shares.py``). They hold at the centre of the predictors.
"""

from collections.abc import Mapping

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.families.links import LINKS

SPREADS: Mapping[str, float] = {"logit": 2.5, "probit": 1.5}
"""Standard deviations by link. The second is the first on the other scale: logits are about 1.7 times as wide."""
DEVIATIONS: Mapping[str, float] = {"logit": 1.5, "probit": 0.9}
"""The same of the half-normals of standard deviations of group-specific effects on a probability."""


def about_share(successes: float, trials: float, link: str) -> Prior:
    """The prior of the linear predictor of a probability, by how often that happened."""
    centre = LINKS[link].link(np.asarray((successes + 0.5) / (trials + 1)))
    return Prior.of("Normal", float(centre), SPREADS[link])
